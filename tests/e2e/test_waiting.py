"""A process that starts while Kafka or the store is away waits, says why, and goes on by itself."""

import json
import sys

import pytest

from places import REPOSITORY, free_ports
from program import Huiliu, drain, eventually, get, messages
from s3client import Account
from test_breaker import WATER, bills
from test_service import Manager, Nowhere

sys.path[:0] = [str(REPOSITORY / "tests" / "faults")]
from proxy import Proxy  # noqa: E402

PATIENCE_SECONDS = 60
# A process that waits has nothing to land: a second for the question that is under way.
AT_ONCE_SECONDS = 10


class Through:
    """A broker as it is reached through a proxy."""

    def __init__(self, port):
        self.servers = f"127.0.0.1:{port}"


def codes(port, path="/readyz"):
    """Status of an answer, and what is in the way by code."""
    status, text = get(port, path)
    if not text:
        return status, {}
    return status, {each["code"]: each for each in json.loads(text).get("reasons", [])}


def obstacles(port):
    lines = get(port, "/metrics")[1].splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith("huiliu_obstacles{"))
    return {series.split('"')[1] for series, count in found if count != "0"}


def test_kafka_that_is_away_at_the_start_is_waited_for(broker, topics, huiliu, tmp_path):
    broker.create(topics)
    broker.publish(WATER, bills("water_bill", 20))
    manager = Manager(f"{tmp_path}/notify")
    huiliu.environment |= {"NOTIFY_SOCKET": manager.name}
    away = free_ports(1)
    process, port = huiliu.start_served(Through(away), "--no-refresh")
    eventually(lambda: "kafka_unavailable" in codes(port)[1], PATIENCE_SECONDS, process)
    status, found = codes(port)
    assert status == 503
    assert f"127.0.0.1:{away}" in found["kafka_unavailable"]["why"]
    assert "refused" in found["kafka_unavailable"]["why"]
    status, found = codes(port, "/startupz")
    assert status == 503 and set(found) == {"starting", "kafka_unavailable"}
    assert get(port, "/healthz")[0] == 200, "a restart would mend nothing"
    assert obstacles(port) == {"starting", "kafka_unavailable"}
    page = get(port, "/?lang=zh")[1]
    assert "Kafka 没有应答" in page
    assert "READY=1" not in manager.hear("EXTEND_TIMEOUT_USEC=120000000")
    proxy = Proxy(away, broker.port)
    try:
        eventually(lambda: get(port, "/readyz")[0] == 200, PATIENCE_SECONDS, process)
        manager.hear("READY=1")
        durable = f'huiliu_source_durable_offset{{kafka_topic="{WATER}",partition="0"}} 20\n'
        eventually(lambda: durable in get(port, "/metrics")[1], PATIENCE_SECONDS, process)
        assert messages(process).count("waiting for it") == 1, "once, and again after a minute"
        assert obstacles(port) == set() and codes(port, "/startupz") == (200, {})
        assert drain(process) == 0, messages(process)
    finally:
        proxy.close()


def test_a_store_that_is_away_at_the_start_is_waited_for(broker, topics, huiliu_s3, s3):
    broker.create(topics)
    away, there = free_ports(1), int(s3.endpoint.rsplit(":", 1)[1])
    account = Account(f"http://127.0.0.1:{away}", s3.bucket, s3.key_id, s3.secret)
    huiliu_s3.environment |= account.storage_options()
    process, port = huiliu_s3.start_served(broker, "--no-refresh")
    status, found = codes(port)
    assert status == 503 and {"lake_opening", "lake_unavailable"} & set(found)
    eventually(lambda: "lake_unavailable" in codes(port)[1], 2 * PATIENCE_SECONDS, process)
    assert "lake_unavailable" in obstacles(port)
    proxy = Proxy(away, there)
    try:
        eventually(lambda: get(port, "/readyz")[0] == 200, 2 * PATIENCE_SECONDS, process)
        assert drain(process) == 0, messages(process)
    finally:
        proxy.close()


@pytest.mark.parametrize("lacks", ["kafka", "store"])
def test_a_process_that_waits_leaves_at_once_when_told(binary, tmp_path, lacks):
    lake, account = str(tmp_path / "lake"), None
    if lacks == "store":
        account = Account(f"http://127.0.0.1:{free_ports(1)}", "lake", "key", "secret")
        lake = "s3://lake/city"
    huiliu = Huiliu(binary, tmp_path / "work", lake, account)
    try:
        process, port = huiliu.start_served(Nowhere(), "--no-refresh")
        begun = {"kafka": "kafka_connecting", "store": "lake_opening"}[lacks]
        waits = {"kafka": "kafka_unavailable", "store": "lake_unavailable"}[lacks]
        eventually(lambda: {begun, waits} & set(codes(port)[1]), PATIENCE_SECONDS, process)
        assert drain(process, AT_ONCE_SECONDS) == 0, messages(process)
    finally:
        huiliu.kill_all()
