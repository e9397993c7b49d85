"""Prometheus, its alerts and the dashboards on a process in which everything happens.

A city flows; then a department sends nonsense, another a new field, Kafka deletes records that were
not read, and the object store goes away and comes back. Prometheus scrapes with the rules of the
project, only quicker. One dataset more comes from Debezium, whose records and heartbeats are written
here; a certificate is named that nobody is asked for.
"""

import contextlib
import datetime
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import xml.etree.ElementTree

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from conftest import missing
from places import REPOSITORY, free_ports, kafka_topics
from program import Huiliu, drain, eventually, get, messages
from s3client import Account
from services import ObjectStore
from test_bad_input import bill, text
from test_metrics import CATALOGUE
from test_ops import OPS, alerts

sys.path[:0] = [str(OPS), str(OPS / "grafana")]
import metrics  # noqa: E402
import render  # noqa: E402

# Long enough for a machine whose two cores are busy.
PATIENCE_SECONDS = 300
RESIDENT = """\
dataset: resident
title: 居民登记
provider: 市公安局
group: pool
source: {kafka_topic: city.public.resident, format: debezium_json}
mode: cdc
key: [id]
columns:
  - {name: id, title: 编号, type: string, required: true, grade: L1}
  - {name: name, title: 名称, type: string, grade: L1}
"""
WATER, GAS, POWER = "feed.water.bill", "feed.gas.bill", "feed.power.bill"


class World:
    """What the tests of this file look at."""

    def __init__(self, prometheus, told, scrape):
        self.prometheus = prometheus
        self.told = told
        self.scrape = scrape


@pytest.fixture(scope="module")
def world(broker, binary, promtool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    broker.delete_all()
    store = ObjectStore(folder / "s3", free_ports(8))
    with contextlib.ExitStack() as ends:
        store.start()
        ends.callback(store.stop)
        account = Account(store.endpoint, "lake", "huiliu-test-key", "huiliu-test-secret")
        huiliu = Huiliu(binary, folder / "work", "s3://lake/city", account)
        ends.callback(huiliu.kill_all)
        broker.create([*kafka_topics(), "city.public.resident", "heartbeat.city"], 2)
        declare_more(huiliu)
        expire(broker, huiliu)
        process, port = huiliu.start_served(broker)
        prometheus, told = watch(ends, folder, promtool, port)
        huiliu.generate(broker, 4_000, 11, 2)
        change(broker)
        happen(broker, store, process, port, prometheus)
        scrape = get(port, "/metrics")[1]
        (folder / "scrape.txt").write_text(scrape)
        yield World(prometheus, told, scrape)
        assert drain(process) == 0, messages(process)


def declare_more(huiliu):
    """A dataset from Debezium, and the certificate of an authority that is good for a month."""
    pipelines, authority = huiliu.directory / "pipelines", huiliu.directory / "authority.pem"
    shutil.copytree(REPOSITORY / "pipelines", pipelines)
    (pipelines / "pool" / "resident.yaml").write_text(RESIDENT)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=x",
         "-keyout", huiliu.directory / "key.pem", "-out", authority],
        check=True, capture_output=True,
    )  # fmt: skip
    huiliu.point_at(pipelines, REPOSITORY / "sql")
    with open(huiliu.directory / "huiliu.yaml", "a") as settings:
        settings.write(f"schema_registry: {{url: 'http://127.0.0.1:1', ca_location: {authority}}}\n")


def change(broker):
    """A change as Debezium tells it, committed an hour ago, and a heartbeat of now."""
    now = int(time.time() * 1000)
    source = {"name": "city", "db": "city", "table": "resident", "lsn": 1, "ts_ms": now - 3_600_000}
    row = {"before": None, "after": {"id": "1", "name": "x"}, "source": source, "op": "c"}
    broker.publish("city.public.resident", [(text({"id": "1"}), text(row | {"ts_ms": now}))])
    broker.publish("heartbeat.city", [(text({"serverName": "city"}), text({"ts_ms": now}))])


def expire(broker, huiliu):
    """Kafka deletes records while nobody reads."""
    broker.publish(GAS, bills(10, "gas_bill"))
    end = broker.ends()[GAS, 0]
    process, port = huiliu.start_served(broker, "--no-refresh")
    durable = f'huiliu_source_durable_offset{{kafka_topic="{GAS}",partition="0"}} {end}\n'
    eventually(lambda: durable in get(port, "/metrics")[1], PATIENCE_SECONDS, process)
    assert drain(process) == 0, messages(process)
    broker.publish(GAS, bills(100, "gas_bill"))
    admin = AdminClient({"bootstrap.servers": broker.servers})
    (done,) = admin.delete_records([TopicPartition(GAS, 0, end + 50)]).values()
    done.result()


def bills(count, dataset="water_bill", first=0, **more):
    """Records of this very moment."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    made = []
    for i in range(first, first + count):
        record = bill(f"5001{i:06d}", seq=int(time.time()), event_time=now) | {"ds": dataset}
        record["after"] |= more
        made.append((b"k", text(record)))
    return made


def watch(ends, folder, promtool, port):
    """Starts Prometheus with the files of the project; gives it, and what alerts it tells."""
    rules = folder / "rules"
    rules.mkdir()
    for path in (OPS / "prometheus" / "rules").glob("*.yml"):
        quick = re.sub(r"interval: \w+", "interval: 2s", path.read_text())
        (rules / path.name).write_text(re.sub(r"\bfor: \w+", "for: 0s", quick))
    told, receiver = receive(ends)
    server = free_ports(1)
    config = (OPS / "prometheus" / "prometheus.yml").read_text()
    for name, value in {
        "15s": "2s", "huiliu:9464": f"127.0.0.1:{port}", "127.0.0.1:9090": f"127.0.0.1:{server}",
        "alertmanager:9093": f"127.0.0.1:{receiver}", "rules/*.yml": f"{rules}/*.yml",
    }.items():  # fmt: skip
        assert name in config
        config = config.replace(name, value)
    (folder / "prometheus.yml").write_text(config)
    started(
        ends, folder, pathlib.Path(promtool).with_name("prometheus"),
        f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{server}",
    )  # fmt: skip
    eventually(lambda: get(server, "/-/ready")[0] == 200, 60)
    return render.Prometheus(f"http://127.0.0.1:{server}"), told


def receive(ends):
    """Takes alerts as Alertmanager does: `{name: alert}` as last told, and the port."""
    told = {}

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
                told[alert["labels"]["alertname"]] = alert
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    ends.callback(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return told, server.server_port


def started(ends, folder, program, *arguments):
    if not program.exists():
        missing(f"no {program.name} beside its tool")
    log = open(folder / f"{program.name}.log", "wb")
    process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    ends.callback(process.wait)
    ends.callback(process.terminate)


def happen(broker, store, process, port, prometheus):
    """Everything that can be seen happens, at least twice: counters begin at their first value."""
    built = 'sum(huiliu_subject_refreshes_total{outcome="ok"}) >= 29'
    eventually(lambda: prometheus.now(built), PATIENCE_SECONDS, process)
    for round in range(20):
        first = round * 100
        broker.publish(WATER, bills(100, first=first) + bills(20, first=5_000 + first, note="new"))
        broker.publish(POWER, [(b"k", b"nonsense")] * 10)
        eventually(lambda: not waiting(prometheus, WATER), PATIENCE_SECONDS, process)
        time.sleep(5)
        grew = prometheus.now("sum(increase(huiliu_subject_freshness_seconds_count[1h])) > 0")
        if round and grew:
            break
    store.stop()
    broker.publish(WATER, bills(50, first=9_000))
    errors = 'sum(huiliu_errors_total{stage="land", error_type="unavailable"}) >= 2'
    eventually(lambda: prometheus.now(errors), PATIENCE_SECONDS, process)
    eventually(lambda: firing(prometheus, "CommitFailureBudgetBurn"), PATIENCE_SECONDS, process)
    store.start()
    eventually(lambda: not waiting(prometheus, WATER), PATIENCE_SECONDS, process)
    broker.publish(POWER, [(b"k", b"nonsense")] * 3_000)
    eventually(
        lambda: "huiliu_dataset_stopped{" in get(port, "/metrics")[1], PATIENCE_SECONDS, process
    )


def waiting(prometheus, kafka_topic):
    """Whether records wait, or nothing is known yet."""
    found = prometheus.now(f'sum(huiliu_source_lag_records{{kafka_topic="{kafka_topic}"}})')
    return not found or found[0][1] > 0


def firing(prometheus, name):
    return prometheus.now(f'ALERTS{{alertname="{name}", alertstate="firing"}}')


def test_every_rule_can_be_evaluated(world):
    with urllib.request.urlopen(f"{world.prometheus.url}/api/v1/rules") as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 200
    ill = {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] == "err"}
    assert ill == {}


def test_every_declared_dataset_and_table_has_its_lateness(world):
    late = {labels["dataset"] for labels, _ in world.prometheus.now("huiliu:dataset_late:bool")}
    pipelines = [path.read_text() for path in (REPOSITORY / "pipelines").rglob("*.yaml")]
    assert late == {re.search(r"^dataset: (\w+)", text, re.MULTILINE)[1] for text in pipelines}
    late = {labels["table"] for labels, _ in world.prometheus.now("huiliu:subject_late:bool")}
    tables = (REPOSITORY / "sql").glob("*/*/table.yaml")
    assert late == {f"{path.parts[-3]}.{path.parts[-2]}" for path in tables}


def test_what_happened_is_told(world):
    wanted = {
        "Watchdog", "DatasetStopped", "PartitionStandsStill", "SchemaDrift",
        "CommitFailureBudgetBurn",
    }  # fmt: skip
    eventually(lambda: wanted <= set(world.told), 60)
    assert set(world.told) <= {name for name, _ in alerts()}
    assert world.told["DatasetStopped"]["labels"]["dataset"] == "power_bill"
    assert world.told["PartitionStandsStill"]["labels"]["kafka_topic"] == GAS
    assert world.told["PartitionStandsStill"]["annotations"]["runbook_url"].endswith(".md")


def test_a_quiet_source_is_told_from_a_dead_connector(world):
    def age(metric):
        found = world.prometheus.now(f"time() - max by (connector, dataset) ({metric})")
        assert len(found) == 1, found
        return found[0]

    labels, age_of_beat = age("huiliu_cdc_heartbeat_timestamp_seconds")
    assert labels == {"connector": "city"} and age_of_beat < 1_800
    labels, age_of_commit = age("huiliu_cdc_source_commit_timestamp_seconds")
    assert labels == {"dataset": "resident"}
    assert abs(age_of_commit - age_of_beat - 3_600) < 60


def test_a_certificate_has_its_end(world):
    left = world.prometheus.now("huiliu_certificate_not_after_timestamp_seconds - time()")
    assert [labels["name"] for labels, _ in left] == ["registry_authority"]
    assert 29 * 86_400 < left[0][1] < 30 * 86_400


def test_rejects_that_wait_have_an_age_by_group(world):
    found = world.prometheus.now(
        "time() - max by (group) (huiliu_quarantine_oldest_open_timestamp_seconds > 0)"
    )
    ages = {labels["group"]: age for labels, age in found}
    assert 0 < ages["feed"] < 3_600


def test_no_panel_is_empty(world):
    def empty():
        return {
            f"{board['title']}: {panel['title']}"
            for board in render.boards()
            for panel in board["panels"]
            if not render.series(world.prometheus, panel, 5)
        }

    eventually(lambda: not empty() or print(empty()), 60)


def test_boards_can_be_drawn(world, tmp_path):
    assert render.main([world.prometheus.url, str(tmp_path), "5"]) == 0
    drawn = sorted(tmp_path.glob("*.svg"))
    assert len(drawn) == len(render.boards())
    for path in drawn:
        root = xml.etree.ElementTree.parse(path).getroot()
        assert "No data" not in "".join(root.itertext()), path.name


def test_the_catalogue_is_what_is_served(world):
    page = (OPS / "metrics.md").read_text()
    assert page == metrics.page(world.scrape), "run ops/metrics.py on a scrape of everything"
    listed = set(re.findall(r"^\| `(huiliu_\w+)` \| (\w+) ", page, re.MULTILINE))
    known = {tuple(line.split()) for line in CATALOGUE.read_text().splitlines()}
    assert listed == known
