"""Starts services of docker-compose.yml where there are no containers: the same programs, with the
settings that stand there, on free ports of the loopback address.

    python3 ops/stack.py FOLDER [SERVICE ...]     until Ctrl-C; all that can be had without names

Settings are read from the file, not repeated here: environment, command and mounted files, in which
`service:port` becomes an address of this machine and a mounted path one below FOLDER. What the
images add is in PROGRAMS. Grafana cannot be had here; PostgreSQL and Kafka Connect are started by
ops/setup, see the test that holds their settings against the file.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SETUP = REPOSITORY / "ops" / "setup"
SERVICES = ["broker", "object-store", "city", "huiliu", "prometheus", "alertmanager"]
PATIENCE_SECONDS = 180


def tool(script):
    """What a set-up script prints: where a program is."""
    done = subprocess.run(
        [SETUP / script], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return done.stdout.strip()


def model(**more):
    """The compose file as the compose command understands it, with the values of .env.example."""
    example = (REPOSITORY / ".env.example").read_text()
    said = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)) | more
    checker = tool("compose.sh")
    done = subprocess.run(
        [checker, REPOSITORY / "docker-compose.yml"], env=os.environ | said, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)["services"]


class Ports:
    """A free port for each port of a container, below those that the system gives to clients."""

    def __init__(self):
        self.given = {}

    def __call__(self, service, port):
        while (service, port) not in self.given:
            chosen = random.randrange(20_000, 32_000)
            with socket.socket() as made:
                is_free = made.connect_ex(("127.0.0.1", chosen)) != 0
            if is_free and chosen not in self.given.values():
                self.given[service, port] = chosen
        return self.given[service, port]


class Stack:
    def __init__(self, folder, binary, services=None):
        self.folder = pathlib.Path(folder).resolve()
        self.binary = binary
        self.services = services or model()
        self.ports = Ports()
        self.running = {}

    def address(self, service, port):
        return f"127.0.0.1:{self.ports(service, port)}"

    def root(self, service):
        """Where the paths of a service's container begin."""
        return self.folder / service / "root"

    def here(self, service, text):
        """A setting, or a file, with addresses and mounted paths of this machine."""
        names = "|".join(sorted(self.services, key=len, reverse=True))
        text = re.sub(
            rf"(?<![\w.-])({names}):(\d+)", lambda m: self.address(m[1], int(m[2])), text
        )
        own = {int(port["target"]) for port in self.services[service].get("ports") or []}
        text = re.sub(
            r"(?<![\w.])(?:0\.0\.0\.0|127\.0\.0\.1|):(\d+)(?![\w:])",
            lambda m: self.address(service, int(m[1])) if int(m[1]) in own else m[0], text,
        )  # fmt: skip
        for mount in self.services[service].get("volumes") or []:
            target = mount["target"]
            text = re.sub(rf"(?<![\w/.]){re.escape(target)}(?![\w-])", f"{self.root(service)}{target}",
                          text)  # fmt: skip
        return text

    def settings(self, service):
        """Command and environment of a service, for this machine."""
        said = self.services[service]
        assert not said.get("entrypoint"), f"{service}: an entrypoint is not understood"
        command = [self.here(service, word) for word in said.get("command") or []]
        environment = said.get("environment") or {}
        return command, {k: self.here(service, v) for k, v in environment.items()}

    def start(self, service):
        """Starts a service and waits until it answers; one that ends by itself, until it has."""
        for mount in self.services[service].get("volumes") or []:
            self._mount(service, mount)
        command, environment = self.settings(service)
        program = PROGRAMS[service](self, command, environment)
        cwd = self.folder / service
        cwd.mkdir(parents=True, exist_ok=True)
        log = open(cwd / "log", "ab")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HUILIU_", "AWS_"))}
        process = subprocess.Popen(
            [*map(str, program)], cwd=cwd, env=kept | environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.running[service] = process
        if self.services[service].get("restart") == "no":
            assert process.wait(PATIENCE_SECONDS) == 0, f"{service} failed: see {log.name}"
            return
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not READY[service](self):
            assert process.poll() is None, f"{service} ended: see {log.name}"
            assert time.monotonic() < deadline, f"{service} does not answer: see {log.name}"
            time.sleep(0.2)

    def stop(self, service):
        process = self.running.pop(service, None)
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self):
        for service in list(self.running)[::-1]:
            self.stop(service)

    def answers(self, service, port, path):
        try:
            url = f"http://{self.address(service, port)}{path}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    def _mount(self, service, mount):
        at = pathlib.Path(f"{self.root(service)}{mount['target']}")
        if mount["type"] == "volume":
            at.mkdir(parents=True, exist_ok=True)
            return
        source = pathlib.Path(mount["source"])
        at.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, at, dirs_exist_ok=True)
        else:
            at.write_text(self.here(service, source.read_text()))


def properties(environment, prefix):
    """Variables of an image as the properties that they stand for."""
    names = [name for name in environment if name.startswith(prefix)]
    return {name.removeprefix(prefix).lower().replace("_", "."): environment[name] for name in names}


def broker(stack, command, environment):
    """As the image does: variables into properties, then the folder is formatted."""
    assert not command, "the broker's image takes no command"
    said = properties(environment, "KAFKA_")
    heap = said.pop("heap.opts").split()
    for name in ["listeners", "advertised.listeners", "controller.quorum.voters"]:
        said[name] = re.sub(r"://:(\d+)", lambda m: f"://{stack.address('broker', int(m[1]))}",
                            said[name])  # fmt: skip
    java = ["java", *heap, "-cp", f"{tool('kafka.sh')}/*",
            f"-Dlog4j2.configurationFile={SETUP}/kafka/log4j2.xml"]  # fmt: skip
    file = stack.folder / "broker" / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in said.items()))
    data = pathlib.Path(said["log.dirs"])
    if not (data / "meta.properties").exists():
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "--cluster-id", "huiliu-one-broker-0001",
             "--config", file], check=True, capture_output=True,
        )  # fmt: skip
    return [*java, "kafka.Kafka", file]


def object_store(stack, command, environment):
    """All parts of it in one process; in a container each has the port that it likes."""
    bound = {"-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1", "-ip=object-store": "-ip=127.0.0.1"}
    command = [bound.get(word, word) for word in command]
    parts = ["master.port", "volume.port", "filer.port", "webdav.port", "admin.port"]
    grpc = [f"{part}.grpc" for part in [*parts, "s3.port"] if part != "webdav.port"]
    mine = [f"-{part}={stack.ports('object-store', part)}" for part in [*parts, *grpc]]
    s3 = f"-s3.port={stack.ports('object-store', 8333)}"
    return [tool("s3.sh"), *command, *mine, s3, "-s3.port.iceberg=0", "-s3.port.lance=0"]


def huiliu(stack, command, environment):
    environment["HUILIU_HOME"] = str(REPOSITORY)
    return [stack.binary, *command]


def prometheus(stack, command, environment):
    """The image works in its volume."""
    program = pathlib.Path(tool("prometheus.sh")).with_name("prometheus")
    data = stack.root("prometheus") / "prometheus" / "data"
    listens = f"--web.listen-address={stack.address('prometheus', 9090)}"
    return [program, *command, f"--storage.tsdb.path={data}", listens]


def alertmanager(stack, command, environment):
    program = tool("alertmanager-server.sh")
    listens = f"--web.listen-address={stack.address('alertmanager', 9093)}"
    return [program, *command, listens, "--cluster.listen-address="]


PROGRAMS = {
    "broker": broker, "object-store": object_store, "city": huiliu, "huiliu": huiliu,
    "prometheus": prometheus, "alertmanager": alertmanager,
}  # fmt: skip


def takes(stack, service, port):
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", stack.ports(service, port))) == 0


READY = {
    "broker": lambda stack: takes(stack, "broker", 9092),
    "object-store": lambda stack: stack.answers("object-store", 8333, "/healthz"),
    "huiliu": lambda stack: stack.answers("huiliu", 9464, "/healthz"),
    "prometheus": lambda stack: stack.answers("prometheus", 9090, "/-/ready"),
    "alertmanager": lambda stack: stack.answers("alertmanager", 9093, "/-/ready"),
}


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
    binary = os.environ.get("HUILIU_BIN", f"{target}/release/huiliu")
    stack = Stack(arguments[0], binary)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for service in arguments[1:] or SERVICES:
            stack.start(service)
            print(f"{service} runs, log in {stack.folder / service / 'log'}")
        for (service, port), here in stack.ports.given.items():
            print(f"{service}:{port} is 127.0.0.1:{here}")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    finally:
        stack.stop_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
