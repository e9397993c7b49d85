"""Files that change under a running process: safe ones are taken over, the others refused."""

import re
import shutil
import signal

import pytest

from lake import Lake
from places import REPOSITORY
from program import drain, eventually, get, messages
from test_breaker import GAS, WATER, bills, keys, nonsense


@pytest.fixture
def pipeline(huiliu, tmp_path):
    """The water bill's file in a copy that may be changed."""
    pipelines = tmp_path / "pipelines"
    shutil.copytree(REPOSITORY / "pipelines", pipelines)
    huiliu.point_at(pipelines, REPOSITORY / "sql")
    return pipelines / "feed" / "water_bill.yaml"


def changed(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    path.write_text(text)


def reloaded(port):
    """Whether the last reload succeeded, and when one last did."""
    text = get(port, "/metrics")[1]
    name = "huiliu_config_last_reload_success"
    successful = re.search(rf"^{name}ful (\d)$", text, re.MULTILINE)[1] == "1"
    return successful, int(re.search(rf"^{name}_timestamp_seconds (\d+)$", text, re.MULTILINE)[1])


def test_safe_changes_are_taken_over_and_nothing_is_lost(broker, topics, huiliu, pipeline):
    broker.create(topics)
    broker.publish(WATER, bills("water_bill", 300))
    process, port = huiliu.start_served(broker, "--no-refresh")
    eventually(lambda: len(keys(huiliu, "water_bill")) == 300, 60, process)
    began = reloaded(port)
    assert began[0], "the start is a success"
    # With the limit that the file names, these rejects would stop the dataset.
    changed(pipeline, r"stop_if: \{rejects_over: \d+%", "stop_if: {rejects_over: 99%")
    process.send_signal(signal.SIGHUP)
    eventually(lambda: "taking the changed files over" in messages(process, 20_000), 20, process)
    assert "water_bill: stop_if" in messages(process, 20_000)
    broker.publish(WATER, nonsense(1_000) + bills("water_bill", 200, 300))
    broker.publish(GAS, bills("gas_bill", 50))
    eventually(lambda: len(keys(huiliu, "water_bill")) == 500, 60, process)
    eventually(lambda: len(keys(huiliu, "gas_bill")) == 50, 60, process)
    assert reloaded(port)[0] and reloaded(port)[1] >= began[1]
    received = 'huiliu_source_records_received_total{dataset="water_bill"} 1500\n'
    assert received in get(port, "/metrics")[1], "counters go on, and nothing is read twice"
    assert drain(process) == 0, messages(process)
    offsets = Lake(huiliu.lake).rows("changes/water_bill", ["sys_offset"])["sys_offset"]
    assert sorted(offsets) == [*range(300), *range(1_300, 1_500)]


def test_unsafe_and_wrong_files_are_refused_while_the_old_go_on(broker, topics, huiliu, pipeline):
    broker.create(topics)
    kept = pipeline.read_text()
    process, port = huiliu.start_served(broker, "--no-refresh", "--watch")
    eventually(lambda: get(port, "/readyz")[0] == 200, 60, process)
    changed(pipeline, "kafka_topic: feed.water.bill", "kafka_topic: feed.water.other")
    eventually(lambda: not reloaded(port)[0], 20, process)
    said = messages(process, 20_000)
    assert "water_bill: source" in said and "huiliu plan" in said
    pipeline.write_text(kept)
    eventually(lambda: reloaded(port)[0], 20, process)
    pipeline.write_text(kept + "\nnonsense: true\n")
    eventually(lambda: not reloaded(port)[0], 20, process)
    assert "huiliu validate" in messages(process, 20_000)
    broker.publish(WATER, bills("water_bill", 100))
    eventually(lambda: len(keys(huiliu, "water_bill")) == 100, 60, process)
    assert drain(process) == 0, messages(process)
