"""Where things are, and ports nobody uses."""

import fcntl
import os
import pathlib
import re
import socket
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SETUP = REPOSITORY / "ops" / "setup"


# Below the range that the kernel gives to clients, so that no outgoing connection takes one.
PORTS = range(20_000, 32_000)


def free_ports(count):
    """First of `count` neighbouring free ports that no other process of this user was given lately.

    That a port is free says nothing about the one who will bind it a second later, so every
    process goes on where the last one stopped: a file in the folder for temporary ones tells.
    """
    place = pathlib.Path(tempfile.gettempdir()) / f"huiliu-ports-{os.getuid()}"
    with open(place, "a+") as cursor:
        fcntl.flock(cursor, fcntl.LOCK_EX)
        cursor.seek(0)
        said = cursor.read()
        first = int(said) if said else PORTS.start
        for _ in PORTS:
            if first + count > PORTS.stop:
                first = PORTS.start
            if all(_free(port) for port in range(first, first + count)):
                break
            first += 1
        else:
            raise OSError(f"no {count} neighbouring ports are free")
        cursor.truncate(0)
        cursor.write(str(first + count))
    return first


def _free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def kafka_topics():
    """The kafka_topics of all declared datasets."""
    text = "".join(p.read_text() for p in sorted((REPOSITORY / "pipelines").rglob("*.yaml")))
    found = re.findall(r"kafka_topic: *([\w.-]+)", text)
    assert found, "no pipeline names a kafka_topic"
    return found
