"""What Prometheus sees of a running process."""

import re
import subprocess

import pytest

from conftest import one_lake
from places import REPOSITORY
from program import drain, eventually, get, messages

CATALOGUE = REPOSITORY / "tests" / "e2e" / "metrics.txt"
# Of 48 datasets, each with its partition, its four tables and the reasons it has shown.
SERIES_MAX = 3_500
# What a label may be called; values of records, paths and error texts have no place in one.
LABELS = {
    "version", "revision", "rustc", "level", "dataset", "kafka_topic", "partition", "kind", "stage",
    "reason", "error_type", "table", "outcome", "le", "op", "way", "lease",
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
    assert sum(map(len, metrics.values())) <= SERIES_MAX


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
