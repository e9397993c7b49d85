"""What Prometheus sees of a running process."""

import re
import subprocess

import pytest

from conftest import one_lake
from places import REPOSITORY
from program import drain, eventually, get, messages

CATALOGUE = REPOSITORY / "tests" / "e2e" / "metrics.txt"
# The budget of docs/operations.md; crates/huiliu/src/metrics/series.rs holds 3,640 datasets to it.
FIXED, PER_DATASET, PER_PARTITION, PER_REASON = 1_000, 9, 4, 1
# What a label may be called; values of records, paths and error texts have no place in one.
LABELS = {
    "version", "revision", "rustc", "level", "dataset", "kafka_topic", "partition", "kind", "stage",
    "reason", "error_type", "table", "outcome", "le", "op", "way", "lease", "group", "layer",
    "provider", "tier", "contract", "subject", "state", "operation", "route", "method", "code",
    "pool",
}  # fmt: skip
PUBLISHED = 20_000


@pytest.fixture(scope="module")
def scrape(broker, binary, tmp_path_factory):
    """A scrape of a process that has read everything there is; it has ended since."""
    with one_lake(broker, binary, tmp_path_factory) as huiliu:
        yield scraped(broker, huiliu)


def scraped(broker, huiliu):
    published = huiliu.generate(broker, PUBLISHED, 11, 2)
    process, port = huiliu.start_served(broker)
    eventually(lambda: get(port, "/readyz")[0] == 200, 60, process)

    def caught_up():
        metrics = samples(get(port, "/metrics")[1])
        received = sum(metrics.get("huiliu_source_records_received_total", {}).values())
        lags = metrics.get("huiliu_source_lag_records", {}).values()
        return received >= sum(broker.ends().values()) and lags and sum(lags) == 0

    eventually(caught_up, 120, process)
    assert published
    text = get(port, "/metrics")[1]
    assert drain(process) == 0, messages(process)
    return text


def samples(text):
    """`{name: {labels: value}}` of the text form."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(\{.*\})? (\S+)", line).groups()
            found.setdefault(name, {})[labels or ""] = float(value)
    return found


def test_promtool_finds_nothing_to_say(scrape, promtool):
    done = subprocess.run(
        [promtool, "check", "metrics"], input=scrape, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_metric_is_in_the_catalogue(scrape):
    served = set(re.findall(r"^# TYPE (huiliu_\w+ \w+)$", scrape, re.MULTILINE))
    known = set(CATALOGUE.read_text().splitlines())
    assert served - known == set(), "add them to tests/e2e/metrics.txt"
    needed = {
        "huiliu_build_info gauge", "huiliu_source_lag_records gauge",
        "huiliu_source_records_received_total counter", "huiliu_table_commits_total counter",
        "huiliu_quarantine_records_total counter",
    }  # fmt: skip
    assert needed <= served


def test_labels_are_few_and_hold_no_data(scrape):
    metrics = samples(scrape)
    names = {
        n
        for series in metrics.values()
        for labels in series
        for n in re.findall(r"(\w+)=\"", labels)
    }
    assert names <= LABELS
    reasons = len(metrics["huiliu_quarantine_records_total"])
    partitions = len(metrics["huiliu_source_durable_offset"])
    datasets = len(metrics["huiliu_dataset_info"])
    assert datasets == 48 and partitions == 96
    budget = FIXED + PER_DATASET * datasets + PER_PARTITION * partitions + PER_REASON * reasons
    assert budget < 2_000
    count = sum(map(len, metrics.values()))
    print(f"{count} series, the budget is {budget}")
    assert count <= budget


def test_what_is_declared_is_shown_to_join_with(scrape):
    shown = samples(scrape)
    of = {
        (pairs["dataset"], pairs["group"], pairs["provider"], pairs["tier"])
        for pairs in map(labelled, shown["huiliu_dataset_info"])
    }
    rules = (REPOSITORY / "ops" / "prometheus" / "rules" / "declared.yml").read_text()
    found = re.findall(
        r'record: huiliu:dataset_freshness_objective_seconds\n.*\n +labels: \{dataset: "(.*?)", '
        r'group: "(.*?)", kafka_topic: ".*?", provider: "(.*?)", tier: "(.*?)"\}',
        rules,
    )
    assert of == set(found) and len(found) == 48
    tables = {labelled(labels)["table"] for labels in shown["huiliu_table_info"]}
    declared = (REPOSITORY / "sql").glob("*/*/table.yaml")
    declared = {f"{path.parts[-3]}.{path.parts[-2]}" for path in declared}
    # This subject is off unless it is turned on.
    assert tables == {name for name in declared if not name.startswith("epidemic_prevention.")}


def labelled(labels):
    return dict(re.findall(r'(\w+)="(.*?)"', labels))


def test_requests_to_the_store_and_files_are_counted(scrape):
    metrics = samples(scrape)
    requests = metrics["huiliu_object_store_requests_total"]
    done = {
        labelled(labels)["operation"]: count
        for labels, count in requests.items()
        if labelled(labels)["outcome"] == "ok"
    }
    commits = sum(metrics["huiliu_table_commits_total"].values())
    # A commit is at least a file and a log entry, and each is one put.
    assert done["put"] >= 2 * commits > 0
    assert not sum(
        count for labels, count in requests.items()
        if labelled(labels)["outcome"] in {"failed", "denied"}
    )  # fmt: skip
    written = sum(metrics["huiliu_table_written_bytes_total"].values())
    assert metrics["huiliu_object_store_written_bytes_total"][""] >= written > 0
    files = metrics["huiliu_table_files"]
    small = metrics["huiliu_table_small_files"]
    assert {labelled(labels)["layer"] for labels in files} >= {"changes", "current", "quarantine"}
    assert all(small[labels] <= files[labels] for labels in files)
    changes = sum(metrics["huiliu_changes_total"].values())
    assert changes == sum(metrics["huiliu_table_rows_written_total"].values())


def test_counters_agree_with_kafka(scrape, broker):
    metrics = samples(scrape)
    ends = broker.ends()
    assert sum(metrics["huiliu_source_records_received_total"].values()) == sum(ends.values())
    durable = metrics["huiliu_source_durable_offset"]
    for (kafka_topic, partition), end in ends.items():
        if end:
            assert durable[f'{{kafka_topic="{kafka_topic}",partition="{partition}"}}'] == end


def test_an_idle_process_is_ready_and_leaves_when_told(broker, topics, huiliu):
    broker.create(topics)
    process, port = huiliu.start_served(broker)
    eventually(lambda: get(port, "/readyz")[0] == 200, 60, process)
    assert get(port, "/healthz")[0] == 200
    assert get(port, "/nothing-here")[0] == 404
    assert drain(process) == 0, messages(process)
