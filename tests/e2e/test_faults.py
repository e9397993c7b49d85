"""Faults of the world around the process: frozen, rebalanced, expired, re-created, grown."""

import os
import signal
import time

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from accounting import check_everything
from lake import Lake, progress
from program import drain, eventually, messages
from test_bad_input import GOOD, bill, text

TOPIC = "feed.water.bill"
GAS = "feed.gas.bill"


def bills(count, first=0, dataset="water_bill"):
    made = (bill(f"5{first + i:09}", seq=first + i) | {"ds": dataset} for i in range(count))
    return [(record["after"]["account_no"].encode(), text(record)) for record in made]


def next_offset(lake, kafka_topic=TOPIC, partition=0):
    table = f"changes/{kafka_topic.split('.', 1)[1].replace('.', '_')}"
    if not lake.exists(table):
        return 0
    return progress(lake.commits(table)).get(f"{kafka_topic}/{partition}", 0)


def test_a_process_frozen_beyond_its_session_loses_its_partitions(broker, topics, huiliu):
    broker.create(topics, 2)
    huiliu.settle(commit_every="300ms")
    lake = Lake(huiliu.lake)
    broker.publish(TOPIC, bills(20_000))
    frozen = huiliu.start(broker)
    eventually(lambda: next_offset(lake) > 0, 60, frozen)
    broker.publish(TOPIC, bills(20_000, first=20_000))
    time.sleep(0.2)
    os.kill(frozen.pid, signal.SIGSTOP)
    other = huiliu.start(broker)
    broker.publish(TOPIC, bills(2_000, first=40_000))
    eventually(lambda: next_offset(lake) == 42_000, 60, other)
    # It wakes with records in its hands that are in the table already, and more to come.
    os.kill(frozen.pid, signal.SIGCONT)
    broker.publish(TOPIC, bills(2_000, first=42_000))
    eventually(lambda: next_offset(lake) == 44_000, 60)
    assert drain(other) == 0, messages(other)
    huiliu.kill_all()
    huiliu.run_once(broker)
    assert check_everything(broker, lake)["accepted"] == 44_000


def test_sigterm_in_full_flow_leaves_whole_commits_and_exit_zero(broker, topics, huiliu):
    broker.create(topics, 2)
    for partition in range(2):
        broker.publish(TOPIC, bills(30_000, first=partition * 30_000), partition)
    process = huiliu.start(broker)
    lake = Lake(huiliu.lake)
    eventually(lambda: lake.exists("changes/water_bill"), 60, process)
    assert drain(process) == 0, messages(process)
    huiliu.run_once(broker)
    assert check_everything(broker, lake)["accepted"] == 60_000


def test_partitions_added_while_it_runs_are_read_from_their_beginning(broker, topics, huiliu):
    broker.create(topics)
    broker.publish(TOPIC, bills(10))
    process = huiliu.start(broker)
    lake = Lake(huiliu.lake)
    eventually(lambda: next_offset(lake) == 10, 60, process)
    admin = AdminClient({"bootstrap.servers": broker.servers})
    admin.create_partitions([NewPartitions(TOPIC, 2)])[TOPIC].result()
    eventually(lambda: (TOPIC, 1) in broker.ends(), 30)
    broker.publish(TOPIC, bills(10, first=10), partition=1)
    eventually(lambda: next_offset(lake, partition=1) == 10, 90, process)
    assert drain(process) == 0, messages(process)


def test_expired_offsets_stop_their_partition_by_name_and_no_other(broker, topics, huiliu):
    broker.create(topics)
    lake = Lake(huiliu.lake)
    broker.publish(TOPIC, bills(100))
    huiliu.run_once(broker)
    broker.publish(TOPIC, bills(100, first=100))
    admin = AdminClient({"bootstrap.servers": broker.servers})
    (done,) = admin.delete_records([TopicPartition(TOPIC, 0, 150)]).values()
    done.result()
    broker.publish(GAS, bills(5, dataset="gas_bill"))

    stopped = huiliu.run_once(broker, expect=65)
    said = stopped.stderr.decode()
    assert TOPIC in said and "100" in said and "150" in said, said
    assert next_offset(lake) == 100
    assert next_offset(lake, GAS) == 5


def test_a_kafka_topic_that_was_made_anew_is_not_passed_over(broker, topics, huiliu):
    broker.create(topics)
    lake = Lake(huiliu.lake)
    broker.publish(TOPIC, bills(100))
    huiliu.run_once(broker)
    broker.delete_all()
    broker.create(topics)
    broker.publish(TOPIC, bills(20, first=500))

    stopped = huiliu.run_once(broker, expect=65)
    assert TOPIC in stopped.stderr.decode()
    assert next_offset(lake) == 100
    assert len(lake.rows("changes/water_bill", ["sys_offset"])["sys_offset"]) == 100


def test_only_tombstones_still_move_the_progress(broker, topics, huiliu):
    broker.create(topics)
    broker.publish(TOPIC, [(b"k", text(GOOD)), *[(b"k", None)] * 50])
    huiliu.run_once(broker)
    broker.publish(TOPIC, [(b"k", None)] * 50)
    huiliu.run_once(broker)
    lake = Lake(huiliu.lake)
    assert next_offset(lake) == 101
    assert check_everything(broker, lake)["tombstones"] == 100
