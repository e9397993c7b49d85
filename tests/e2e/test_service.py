"""What the service manager is told, on a socket of ours where systemd would listen."""

import os
import signal
import socket
import time

import pytest

from places import free_ports
from program import drain, eventually, messages

PATIENCE_SECONDS = 60


class Manager:
    """Listens where systemd would."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # An abstract name begins with a zero byte, for which the variable has an @.
        self.socket.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        self.socket.settimeout(PATIENCE_SECONDS)

    def hear(self, wanted):
        """Waits for a state; gives those that came before it."""
        before = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            states = self.socket.recv(4096).decode().split("\n")
            if wanted in states:
                return before
            before += states
        raise AssertionError(f"{wanted} was not told, only {before}")


class Nowhere:
    """A broker that does not answer."""

    def __init__(self):
        self.servers = f"127.0.0.1:{free_ports(1)}"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_is_told_what_the_process_is_about(
    broker, topics, huiliu, tmp_path, kind
):
    broker.create(topics)
    name = f"{tmp_path}/notify" if kind == "path" else f"@huiliu-{os.getpid()}"
    manager = Manager(name)
    huiliu.environment |= {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"}
    process = huiliu.start(broker, "--no-refresh")
    assert set(manager.hear("READY=1")) <= {"WATCHDOG=1"}
    began = time.monotonic()
    manager.hear("WATCHDOG=1")
    manager.hear("WATCHDOG=1")
    assert time.monotonic() - began < 10, "twice in each 0.4 s, on a machine that is busy"
    process.send_signal(signal.SIGHUP)
    manager.hear("RELOADING=1")
    assert "STOPPING=1" not in manager.hear("READY=1")
    process.send_signal(signal.SIGTERM)
    manager.hear("STOPPING=1")
    assert process.wait(25) == 0, messages(process)


def test_a_process_that_waits_for_kafka_is_not_ready_and_leaves_when_told(huiliu, tmp_path):
    manager = Manager(f"{tmp_path}/notify")
    huiliu.environment |= {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "400000"}
    process = huiliu.start(Nowhere(), "--no-refresh")
    manager.hear("WATCHDOG=1")
    eventually(lambda: "Connection refused" in messages(process), PATIENCE_SECONDS, process)
    process.send_signal(signal.SIGTERM)
    assert "READY=1" not in manager.hear("STOPPING=1")
    assert process.wait(25) == 0, messages(process)


def test_a_manager_that_cannot_be_reached_keeps_nothing(huiliu):
    huiliu.environment |= {"NOTIFY_SOCKET": "/nowhere/notify"}
    process = huiliu.start(Nowhere(), "--no-refresh")
    said = "the service manager cannot be told anything"
    eventually(lambda: said in messages(process), PATIENCE_SECONDS, process)
    assert drain(process, 25) == 0, messages(process)
