"""The binary under test: running it to its end, and running it to be killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from decimal import Decimal

from places import REPOSITORY, free_ports

# Longer than anything here takes on two busy cores; a run that reaches it hangs.
PATIENCE_SECONDS = 600


class Huiliu:
    """The binary with one lake, a working folder with the settings, and its environment."""

    def __init__(self, path, directory, lake, account=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.directory = directory
        self.lake = lake
        self.account = account
        self.protection = "plain"
        self.registry = None
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HUILIU_", "AWS_"))}
        options = account.storage_options() if account else {}
        self.environment = kept | {"NO_COLOR": "1"} | options
        self.processes = []
        self.settle()

    def settle(self, commit_every=None):
        """Writes huiliu.yaml: the repository's pipelines and SQL, on request with another pace,
        and a session so short that the partitions of a killed process are soon free."""
        pipelines = REPOSITORY / "pipelines"
        if commit_every:
            copy = self.directory / "pipelines"
            shutil.copytree(pipelines, copy)
            for path in copy.rglob("*.yaml"):
                path.write_text(_paced(path.read_text(), commit_every))
            pipelines = copy
        self.point_at(pipelines, REPOSITORY / "sql")

    def point_at(self, pipelines, sql):
        """Writes huiliu.yaml for these folders."""
        registry = f"schema_registry: {{url: {self.registry}}}\n" if self.registry else ""
        for group in ["huiliu", "huiliu-rival"]:
            name = "huiliu.yaml" if group == "huiliu" else f"{group}.yaml"
            (self.directory / name).write_text(
                f"pipelines: {pipelines}\n"
                f"sql: {sql}\n"
                f"{registry}"
                "kafka:\n"
                f"  group: {group}\n"
                "  properties:\n"
                '    session.timeout.ms: "4000"\n'
                '    heartbeat.interval.ms: "800"\n'
            )

    def run(self, *arguments, expect=0, **settings):
        """Runs to the end and returns what it said; fails when the exit code is another."""
        done = subprocess.run(
            [self.path, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment,
            stdin=settings.pop("stdin", None) or subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            **settings,
        )
        if expect is not None and done.returncode != expect:
            raise AssertionError(
                f"huiliu {' '.join(map(str, arguments))}: exit {done.returncode},"
                f" expected {expect}\n{done.stderr.decode(errors='replace')[-4000:]}"
            )
        return done

    def generate(self, broker, records, seed, partitions=1, *more):
        done = self.run(
            "generate", "--records", records, "--seed", seed, "--partitions", partitions,
            "--bootstrap-servers", broker.servers, "--create-topics", *more,
        )  # fmt: skip
        return json.loads(done.stdout)

    def run_once(self, broker, *more, **settings):
        return self.run("run", "--once", *self.running(broker), *more, **settings)

    def query(self, sql):
        """The rows as dictionaries."""
        done = self.run("query", sql, "--lake", self.lake, "--output", "ndjson")
        return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]

    def start(self, broker, *more, group="huiliu"):
        """Starts the endless `run`; its messages go to a file of its own."""
        more = ("--admin", "off", *more) if "--admin" not in more else more
        if group != "huiliu":
            more += ("--config", f"{group}.yaml")
        log = open(self.directory / f"run-{len(self.processes)}.log", "wb")
        process = subprocess.Popen(
            [self.path, "run", *self.running(broker), *map(str, more)],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        process.log = log.name
        self.processes.append(process)
        return process

    def spawn(self, *arguments):
        """Starts any verb, to be waited for by `peak_bytes`."""
        log = open(self.directory / f"spawned-{len(self.processes)}.log", "wb")
        process = subprocess.Popen(
            [self.path, *map(str, arguments)], cwd=self.directory, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        process.log = log.name
        self.processes.append(process)
        return process

    def start_once(self, broker, *more):
        """Starts `run --once`, to be waited for by `peak_bytes`."""
        return self.start(broker, "--once", *more)

    def start_served(self, broker, *more):
        """Starts `run` with its admin port and waits until it answers; returns both."""
        port = free_ports(1)
        process = self.start(broker, "--admin", f"127.0.0.1:{port}", *more)
        eventually(lambda: get(port, "/healthz")[0] == 200, 60, process)
        return process, port

    def kill_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def running(self, broker):
        return [
            "--bootstrap-servers", broker.servers, "--lake", self.lake,
            "--protection", self.protection,
        ]  # fmt: skip


def _paced(pipeline, commit_every):
    if "commit_every:" in pipeline:
        return re.sub(r"commit_every: *\w+", f"commit_every: {commit_every}", pipeline)
    assert "\nland:" not in pipeline, "a `land` without `commit_every`"
    return f"{pipeline}\nland:\n  commit_every: {commit_every}\n"


def peak_bytes(process, seconds=PATIENCE_SECONDS):
    """Waits for the end of a process; its exit code and the most memory it had.

    The kernel's own high-water mark is read while the process lives: the usage that `wait4` gives
    begins with what the parent had when it forked.
    """
    deadline, peak = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        peak = max(peak, _high_water(process.pid))
        if process.poll() is not None:
            return process.returncode, peak
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"still running after {seconds} s:\n{messages(process)}")


def _high_water(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            line = next((line for line in status if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(line.split()[1]) << 10


def drain(process, seconds=60):
    """Asks a running process to finish, and gives its exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)


def messages(process, last=4000):
    with open(process.log, errors="replace") as log:
        return log.read()[-last:]


def get(port, path):
    """Status and text of a page of the admin port; status 0 when nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def eventually(condition, seconds, process=None):
    """Waits until the condition holds; fails when the time is over or the process has gone."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process and process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode}:\n{messages(process)}")
        if time.monotonic() > deadline:
            said = f":\n{messages(process)}" if process else ""
            raise AssertionError(f"not true after {seconds} s{said}")
        time.sleep(0.05)
