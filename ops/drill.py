"""A stranger's drill: breaks Kafka, the store and a department's data in turn in what
docker-compose.yml describes, with the rules and receivers of the project, and says which alert told
of it, after how long, and that its runbook leads on.

    $(ops/setup/python.sh)/bin/python ops/drill.py FOLDER            with the rules as they are
    $(ops/setup/python.sh)/bin/python ops/drill.py FOLDER --quick    with waits of seconds

Each alert has to arrive where ops/alertmanager/alertmanager.yml sends it; then the first three
commands of its runbook are run. They may find that something is broken; they have to run.
"""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import stack as stacks
from confluent_kafka import Producer

RECEIVER = "127.0.0.1:9095"
# The longest wait of the rules in question is two minutes, beside which Kafka's session ends and
# two rounds of scrape, rule and group pass.
PATIENCE_SECONDS = 420
COMMAND_SECONDS = 90


class Receiver:
    """Takes what Alertmanager sends to webhooks: by name when one of the alerts began to fire last
    and arrived, its labels, its runbook and the receiver."""

    def __init__(self):
        told = self.told = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    found = told.setdefault(alert["labels"]["alertname"], {"firings": set()})
                    # What fired before, while the services started, fires anew.
                    firing = (alert["fingerprint"], alert["startsAt"])
                    if alert["status"] == "firing" and firing not in found["firings"]:
                        found["firings"].add(firing)
                        found["at"] = time.monotonic()
                    found |= {"labels": alert["labels"], "to": self.path,
                              "runbook": alert["annotations"]["runbook_url"]}  # fmt: skip
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Drill:
    def __init__(self, folder, binary, is_quick, say=print):
        self.say = say
        self.receiver = Receiver()
        self.stack = stacks.Stack(folder, binary, stacks.model(CITY_RECORDS="5000"))
        self.is_quick = is_quick

    def begin(self):
        for service in ["broker", "object-store", "city", "huiliu"]:
            self.stack.start(service)
        for service in ["alertmanager", "prometheus"]:
            self._adapt(service)
            self.stack.start(service)
        self.until("the city has landed", lambda: self.asked("sum(huiliu:source_lag_records) == 0"))
        self.until("the Watchdog came", lambda: "Watchdog" in self.receiver.told)

    def _adapt(self, service):
        """The receivers of the configuration are this script, and a quick drill waits less."""
        (file,) = [
            mount for mount in self.stack.services[service]["volumes"]
            if mount["target"].endswith(f"/{service}.yml")
        ]  # fmt: skip
        text = pathlib.Path(file["source"]).read_text().replace(RECEIVER, self.receiver.address)
        if self.is_quick:
            # A scrape may take as long as its interval: on a busy machine a shorter one is no answer.
            text = re.sub(r"(_interval|group_wait): \d+[smh]", r"\1: 5s", text)
        adapted = self.stack.folder / f"{service}.yml"
        adapted.write_text(text)
        file["source"] = str(adapted)
        if service == "prometheus" and self.is_quick:
            rules = self.stack.folder / "rules"
            rules.mkdir(exist_ok=True)
            for path in (stacks.REPOSITORY / "ops" / "prometheus" / "rules").glob("*.yml"):
                quick = re.sub(r"interval: \w+", "interval: 2s", path.read_text())
                (rules / path.name).write_text(re.sub(r"for: \w+", "for: 4s", quick))
            for mount in self.stack.services[service]["volumes"]:
                if mount["target"].endswith("/rules"):
                    mount["source"] = str(rules)

    def asked(self, expression):
        query = urllib.parse.urlencode({"query": expression})
        url = f"http://{self.stack.address('prometheus', 9090)}/api/v1/query?{query}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]
        return []

    def until(self, what, condition, seconds=PATIENCE_SECONDS):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not after {seconds} s: {what}"
            time.sleep(0.5)

    def told(self, names, since, receiver):
        """Waits until each alert has arrived since then; says how long it took."""
        for name in names:
            self.until(f"{name} arrives", lambda: self._since(name, since))
            found = self.receiver.told[name]
            assert found["to"] == receiver, found
            took = found["at"] - since
            labels = {k: v for k, v in found["labels"].items() if k in ("dataset", "code")}
            self.say(f"  {name} after {took:.0f} s {labels or ''}")
            self.follow(found["runbook"], found["labels"])

    def _since(self, name, since):
        return self.receiver.told.get(name, {}).get("at", 0) >= since

    def follow(self, runbook, labels):
        """Runs the first three commands of a runbook as who was woken would."""
        text = (stacks.REPOSITORY / runbook).read_text()
        block = re.search(r"## First three commands\n\n```sh\n(.*?)\n```", text, re.DOTALL)[1]
        _, environment = self.stack.settings("huiliu")
        folder = self.stack.folder / "operator"
        folder.mkdir(exist_ok=True)
        admin = self.stack.address("huiliu", 9464)
        (folder / "huiliu.yaml").write_text(
            f"pipelines: {stacks.REPOSITORY}/pipelines\nsql: {stacks.REPOSITORY}/sql\n"
            f"admin: {{bind: {admin}}}\n"
        )
        path = f"{pathlib.Path(self.stack.binary).parent}:{os.environ['PATH']}"
        environment |= {"PATH": path, "ADMIN_URL": f"http://{admin}", "DATASET": "water_bill"}
        environment |= {k.upper(): v for k, v in labels.items() if k in ("dataset", "kafka_topic")}
        for command in block.splitlines():
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=os.environ | environment,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS,
            )  # fmt: skip
            said = done.stderr.strip().splitlines()[:1]
            # 2 is a command that is not understood, 127 one that is not there.
            assert done.returncode not in (2, 126, 127), f"{command}: {done.stderr}"
            assert done.stdout.strip() or said, f"{command} says nothing"
            self.say(f"    $ {command}  -> {done.returncode} {said[0] if said else ''}")

    def kafka(self):
        self.say("Kafka goes away")
        began = time.monotonic()
        self.stack.stop("broker")
        self.told(["DependencyAway"], began, "/page")
        self.stack.start("broker")
        self.until("partitions are read", lambda: self.asked("huiliu:partitions_assigned:sum > 0"))

    def start_without_kafka(self):
        self.say("Kafka is away when the process starts")
        self.stack.stop("huiliu")
        self.stack.stop("broker")
        began = time.monotonic()
        self.stack.start("huiliu")
        self.told(["DependencyAway"], began, "/page")
        self.stack.start("broker")
        self.until("partitions are read", lambda: self.asked("huiliu:partitions_assigned:sum > 0"))

    def store(self):
        self.say("the store goes away")
        began = time.monotonic()
        self.stack.stop("object-store")
        self.publish("feed.gas.bill", [b"nonsense"] * 20)
        self.told(["CommitFailureBudgetBurn"], began, "/page")
        self.stack.start("object-store")
        # What the department sent waits for a decision.
        rest = 'sum(huiliu:source_lag_records{kafka_topic!="feed.power.bill"}) == 0'
        self.until("the rest has landed", lambda: self.asked(rest))

    def department(self):
        self.say("a department sends nonsense")
        began = time.monotonic()
        self.publish("feed.power.bill", [b"nonsense"] * 12_000)
        self.told(["DatasetStopped"], began, "/page")

    def publish(self, kafka_topic, values):
        producer = Producer({"bootstrap.servers": self.stack.address("broker", 9092)})
        for value in values:
            producer.produce(kafka_topic, key=b"k", value=value)
        assert producer.flush(60) == 0

    def run(self):
        try:
            self.begin()
            self.department()
            self.store()
            self.kafka()
            self.start_without_kafka()
            self.say("every alert arrived, and every runbook leads on")
        finally:
            self.stack.stop_all()
            self.receiver.server.shutdown()


def main(arguments):
    is_quick = "--quick" in arguments
    folders = [word for word in arguments if not word.startswith("-")]
    if len(folders) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    target = os.environ.get("CARGO_TARGET_DIR", stacks.REPOSITORY / "target")
    binary = os.environ.get("HUILIU_BIN", f"{target}/release/huiliu")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Drill(folders[0], binary, is_quick, functools.partial(print, flush=True)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
