"""An object store that loses its answers or refuses a part: the quick ones of `ops/faults.sh`."""

import dataclasses
import sys
import time

import pytest

from accounting import check_everything
from lake import Lake
from places import REPOSITORY, free_ports
from program import Huiliu, drain, eventually, messages
from test_faults import GAS, TOPIC, bills, next_offset

sys.path.append(str(REPOSITORY / "tests" / "faults"))

from proxy import Proxy, answer  # noqa: E402


@pytest.fixture
def proxy(s3):
    found = Proxy(free_ports(1), int(s3.endpoint.rpartition(":")[2]))
    yield found
    found.close()


@pytest.fixture
def behind(binary, broker, topics, tmp_path, s3, proxy):
    """The binary with a lake in the store, which it reaches through the proxy."""
    broker.create(topics)
    account = dataclasses.replace(s3, endpoint=f"http://127.0.0.1:{proxy.port}")
    lake = f"s3://{s3.bucket}/{tmp_path.name}"
    program = Huiliu(binary, tmp_path / "work", lake, account)
    program.settle(commit_every="200ms")
    yield program
    program.kill_all()


def test_a_commit_whose_answer_is_lost_is_recognised(broker, behind, s3, proxy):
    lake = Lake(behind.lake, s3)
    process = behind.start(broker, "--no-refresh")
    broker.publish(TOPIC, bills(100))
    # By now the tables are made: of some two hundred one would lose every answer of a start.
    eventually(lambda: next_offset(lake) == 100, 60, process)
    proxy.lose = (rb"PUT \S+/_delta_log/\d+\.json", 0.5)
    for turn in range(1, 8):
        broker.publish(TOPIC, bills(100, first=turn * 100))
        eventually(lambda: next_offset(lake) == (turn + 1) * 100, 60, process)
    proxy.calm()
    assert proxy.lost, "no answer was lost"
    assert drain(process) == 0, messages(process)
    behind.run_once(broker)
    assert check_everything(broker, lake)["accepted"] == 800


def test_no_offset_passes_a_reject_that_cannot_be_kept(broker, behind, s3, proxy):
    lake = Lake(behind.lake, s3)
    process = behind.start(broker, "--no-refresh")
    broker.publish(TOPIC, bills(100))
    eventually(lambda: next_offset(lake) == 100, 60, process)
    proxy.refuse = (answer(503, "SlowDown"), rb"(?:PUT|POST) \S+/quarantine/", 1)
    broker.publish(TOPIC, [(b"k", b"nonsense"), *bills(100, first=100)])
    broker.publish(GAS, bills(100, dataset="gas_bill"))
    eventually(lambda: next_offset(lake, GAS) == 100 and proxy.refused, 60, process)
    time.sleep(2)
    assert next_offset(lake) == 100
    proxy.calm()
    eventually(lambda: next_offset(lake) == 201, 60, process)
    assert drain(process) == 0, messages(process)
    behind.run_once(broker)
    facts = check_everything(broker, lake)
    assert (facts["accepted"], facts["rejected"]) == (300, 1)
