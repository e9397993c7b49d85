"""Where things are, and ports nobody uses."""

import pathlib
import re
import socket

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SETUP = REPOSITORY / "ops" / "setup"


def free_ports(count):
    """First of `count` neighbouring ports that were free a moment ago, below the range that the
    kernel gives to clients, so that no outgoing connection takes one in the meantime."""
    for first in range(20_000, 32_000, count + 3):
        if all(_free(port) for port in range(first, first + count)):
            return first
    raise OSError(f"no {count} neighbouring ports are free")


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
