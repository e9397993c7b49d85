"""A dataset that is read from every kafka_topic that matches a pattern, on a real broker."""

import json
import pathlib
import random
import shutil
import time

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from accounting import check_everything
from lake import Lake, progress
from places import REPOSITORY
from program import drain, eventually, get, messages
from test_bad_input import bill, text
from test_faults import bills

PATTERN = r"^feed\.water\.bill(\.[a-z]+)?$"
NAMED = "kafka_topic: feed.water.bill"
CENTRE, EAST, WEST = "feed.water.bill", "feed.water.bill.east", "feed.water.bill.west"
OF = {EAST: "water_bill", WEST: "water_bill"}


@pytest.fixture
def patterned(huiliu):
    """The binary with one dataset, water_bill, that reads what matches."""
    folder = huiliu.directory / "patterned"
    (folder / "feed").mkdir(parents=True)
    path = folder / "feed" / "water_bill.yaml"
    shutil.copy(REPOSITORY / "pipelines" / "feed" / "water_bill.yaml", path)
    found = path.read_text()
    assert found.count(f"{NAMED}\n") == 1, "the dataset names its kafka_topic"
    found = found.replace(NAMED, f"kafka_topic_pattern: '{PATTERN}'")
    # The account that a bill refers to is no dataset of this project.
    kept = [line for line in found.splitlines() if "to: water_account" not in line]
    path.write_text("\n".join(kept) + "\n")
    (huiliu.directory / "empty").mkdir()
    settings = huiliu.directory / "huiliu.yaml"
    written = settings.read_text().replace(f"{REPOSITORY / 'sql'}", "empty")
    written = written.replace(f"{REPOSITORY / 'pipelines'}", str(folder))
    settings.write_text(written + '    topic.metadata.refresh.interval.ms: "1000"\n')
    return huiliu


def recorded(lake):
    if not lake.exists("changes/water_bill"):
        return {}
    return progress(lake.commits("changes/water_bill"))


def grow(broker, kafka_topic, partitions):
    admin = AdminClient({"bootstrap.servers": broker.servers})
    admin.create_partitions([NewPartitions(kafka_topic, partitions)])[kafka_topic].result()
    eventually(lambda: (kafka_topic, partitions - 1) in broker.ends(), 30)


def audit(huiliu, expect=0):
    """What the audit says of the chain of `changes`."""
    said = huiliu.run(
        "audit", "verify", "changes.water_bill", "--lake", huiliu.lake, "-o", "json",
        expect=expect,
    )  # fmt: skip
    (line,) = json.loads(said.stdout)["tables"]
    return line


def test_new_topics_and_partitions_are_read_from_their_beginning(broker, topics, patterned):
    broker.create([CENTRE, "feed.water.bills", "feed.water.bill.2"])
    broker.publish(CENTRE, bills(30))
    broker.publish("feed.water.bills", bills(5))
    lake = Lake(patterned.lake)
    process, port = patterned.start_served(broker)
    eventually(lambda: recorded(lake).get(f"{CENTRE}/0") == 30, 60, process)

    # All of it is there before the program can know of the topic and of the partition.
    broker.create([EAST], 2)
    broker.publish(EAST, bills(20, first=100), partition=1)
    broker.publish(EAST, [(b"bad", b"{no json")], partition=1)
    grow(broker, CENTRE, 3)
    broker.publish(CENTRE, bills(10, first=200), partition=2)
    eventually(lambda: recorded(lake).get(f"{EAST}/1") == 21, 90, process)
    eventually(lambda: recorded(lake).get(f"{CENTRE}/2") == 10, 90, process)
    assert set(recorded(lake)) <= {f"{CENTRE}/{n}" for n in range(3)} | {f"{EAST}/0", f"{EAST}/1"}

    # One series for all of them: the names of topics are no closed set.
    def ends():
        lines = get(port, "/metrics")[1].splitlines()
        return [line for line in lines if line.startswith("huiliu_source_end_offset{")]

    label = PATTERN.replace("\\", "\\\\")
    wanted = f'huiliu_source_end_offset{{kafka_topic="{label}",partition="all"}} 61'
    eventually(lambda: ends() == [wanted], 30, process)
    assert drain(process) == 0, messages(process)

    show = ["quarantine", "show", "water_bill", "--lake", patterned.lake, "--output", "json"]
    reject = json.loads(patterned.run(*show, f"{EAST}/1:20").stdout)
    assert EAST in json.dumps(reject) and "NOT_JSON" in json.dumps(reject), reject
    unnamed = patterned.run(*show, "1:20", expect=2).stderr.decode()
    assert "KAFKA_TOPIC/PARTITION:OFFSET" in unnamed and PATTERN in unnamed
    shown = patterned.run("offsets", "show", "--lake", patterned.lake, "--output", "json")
    assert json.loads(shown.stdout)["partitions"][f"{EAST}/1"] == 21
    moved = patterned.run(
        "offsets", "reset", f"{EAST}/1", "--to", 0, "--why", "a test", "--lake", patterned.lake
    )
    assert "would move from 21 to 0" in moved.stdout.decode()
    broker.publish(EAST, bills(4, first=300), partition=0)
    status = patterned.run(
        "status", "--lake", patterned.lake, "--bootstrap-servers", broker.servers,
        "--output", "json",
    )  # fmt: skip
    (line,) = json.loads(status.stdout)["datasets"]
    assert line["lag_records"] == 4, line


def test_nothing_is_lost_while_topics_and_partitions_come_and_processes_are_killed(
    broker, topics, patterned
):
    chance = random.Random(7)
    broker.create([CENTRE])
    published = 0
    lake = Lake(patterned.lake)
    steps = [
        lambda: None,
        lambda: broker.create([EAST], 2),
        lambda: grow(broker, CENTRE, 2),
        lambda: broker.create([WEST]),
        lambda: grow(broker, EAST, 4),
    ]
    for step in steps:
        process = patterned.start(broker)
        broker.publish(CENTRE, bills(3_000, first=published))
        published += 3_000
        step()
        for (kafka_topic, partition), _ in broker.ends().items():
            records = bills(500, first=published)
            broker.publish(kafka_topic, [*records, (b"k", b"?"), (b"k", None)], partition)
            published += 500
        time.sleep(chance.uniform(0.5, 5.0))
        process.kill()
        process.wait()
    patterned.run_once(broker)
    facts = check_everything(broker, lake, OF)
    assert facts["accepted"] == published
    assert facts["current"] == published
    # 1, 3, 4, 5 and 7 partitions were given one of each.
    assert facts["rejected"] == 20 and facts["tombstones"] == 20
    # Every receipt of every topic is counted again, each topic by itself.
    audited = audit(patterned)
    assert audited["receipts_recounted"] > 0 and audited["receipts_not_recounted"] == 0, audited


def test_a_key_in_two_topics_is_decided_by_its_sequence(broker, topics, patterned):
    broker.create([CENTRE, EAST])
    broker.publish(CENTRE, [(b"k", text(bill("5001123401", seq=7)))])
    later = bill("5001123401", seq=9)
    later["after"]["pay_status"] = "2"
    broker.publish(EAST, [(b"k", text(later))] + [(b"k", text(bill("5001123401", seq=8)))])
    patterned.run_once(broker)
    check_everything(broker, Lake(patterned.lake), OF)
    (row,) = patterned.query("SELECT sys_seq FROM current.water_bill")
    assert row == {"sys_seq": 9}


def change(op, lsn, account=None, status="1"):
    """A record as Debezium writes it: of a bill, or of the whole table."""
    source = {"connector": "postgresql", "lsn": lsn, "ts_ms": 1_592_445_600_000}
    record = {"op": op, "before": None, "after": None, "source": source}
    if account:
        record["after"] = bill(account)["after"] | {"pay_status": status}
    return (b"k", json.dumps(record).encode())


def held(huiliu):
    rows = huiliu.query(
        "SELECT account_no, pay_status, sys_kafka_topic FROM current.water_bill ORDER BY 1"
    )
    return [tuple(row.values()) for row in rows]


def test_a_truncate_of_one_topic_takes_its_rows_alone(broker, topics, patterned):
    path = patterned.directory / "patterned" / "feed" / "water_bill.yaml"
    found = path.read_text().replace("format: huiliu_json", "format: debezium_json")
    path.write_text(found)
    broker.create([EAST], 2)
    broker.create([WEST])
    broker.publish(EAST, [change("c", 10, "5001000001"), change("c", 20, "5001000002")])
    broker.publish(WEST, [change("c", 11, "5001000003"), change("u", 25, "5001000002", "2")])
    patterned.run_once(broker)
    broker.publish(EAST, [change("c", 30, "5001000004"), change("t", 40)])
    patterned.run_once(broker)
    # Of the second account the west has the last word.
    left = [("5001000002", "2", WEST), ("5001000003", "1", WEST)]
    assert held(patterned) == left
    # What another partition brings late is gone, what came after the truncate stays.
    broker.publish(EAST, [change("c", 35, "5001000005"), change("c", 45, "5001000006")], 1)
    patterned.run_once(broker)
    left.append(("5001000006", "1", EAST))
    assert held(patterned) == left
    rows = Lake(patterned.lake).rows("current/water_bill", ["account_no", "sys_kafka_topic"])
    assert sorted(zip(rows["account_no"], rows["sys_kafka_topic"])) == [
        (account, topic) for account, _, topic in left
    ]
    assert audit(patterned)["receipts_not_recounted"] == 0


def test_rows_that_were_given_another_topic_are_found(broker, topics, patterned):
    broker.create([EAST, WEST])
    broker.publish(EAST, bills(3))
    patterned.run_once(broker)
    broker.publish(WEST, bills(4, first=10))
    patterned.run_once(broker)
    assert audit(patterned)["receipts_recounted"] == 2
    files = pathlib.Path(patterned.lake, "changes/water_bill").glob("*.parquet")
    (east,) = [path for path in files if b".east" in path.read_bytes()]
    east.write_bytes(east.read_bytes().replace(b".east", b".west"))
    fault = audit(patterned, expect=65)["fault"]
    assert fault["version"] == 1 and "the tables have 0 and 0" in fault["what"], fault
