"""Exactly once, whatever is killed when: the whole of a lake against the whole of Kafka.

HUILIU_E2E_RECORDS sets the number of records (200,000), HUILIU_E2E_SEED replays the moments.
"""

import os
import random
import time

from accounting import check_everything
from lake import Lake, progress
from program import eventually, messages

RECORDS = int(os.environ.get("HUILIU_E2E_RECORDS", "200000"))
SEED = int(os.environ.get("HUILIU_E2E_SEED", random.SystemRandom().randrange(1 << 32)))
PARTITIONS = 4

# Rounds, of twenty, in which something happens besides the kill.
TWO_OF_ONE_GROUP = 4
TWO_GROUPS = 9
BROKER_RESTART = 14


def storm(broker, huiliu, records, kills):
    """Publishes in as many parts as there are kills; after each, runs and kills at a random
    moment. At the end the rest is read in peace. Commits come every 0.3 s, so that the moments
    fall before, into and after them."""
    print(f"\nseed {SEED}: {records} records, {kills} kills")
    chance = random.Random(SEED)
    huiliu.settle(commit_every="300ms")
    scale = 20 / kills
    for turn in range(kills):
        huiliu.generate(broker, records // kills, SEED % 100_000 + turn, PARTITIONS)
        processes = [huiliu.start(broker)]
        if turn == int(TWO_OF_ONE_GROUP / scale):
            processes.append(huiliu.start(broker))
        if turn == int(TWO_GROUPS / scale):
            # Another group is given every partition too: only the tables can keep them apart.
            processes.append(huiliu.start(broker, group="huiliu-rival"))
        if turn == int(BROKER_RESTART / scale):
            restart_under(broker, huiliu, processes[0])
        time.sleep(chance.uniform(0.2, 5.0))
        chance.shuffle(processes)
        for process in processes:
            process.kill()
            process.wait()
            time.sleep(chance.uniform(0, 0.5))
    huiliu.run_once(broker)


def restart_under(broker, huiliu, process):
    """Stops the broker while the process reads, starts it again, and sees the process go on."""
    # One that finds no broker at its start ends; it is to lose one while it reads.
    eventually(lambda: " landed " in messages(process), 60, process)
    broker.stop()
    time.sleep(1)
    broker.start()
    assert process.poll() is None, f"the broker's restart ended it:\n{messages(process)}"
    huiliu.generate(broker, 1_000, SEED % 100_000 + 999, PARTITIONS)
    lake, end = Lake(huiliu.lake, huiliu.account), sum(broker.ends().values())
    eventually(lambda: recorded(lake) == end, 120, process)


def recorded(lake):
    """Sum of all progress: the number of offsets that are durable."""
    return sum(
        sum(progress(lake.commits(f"changes/{name}")).values()) for name in lake.tables("changes")
    )


def test_every_offset_is_accounted_for_once_through_twenty_kills(broker, topics, huiliu):
    storm(broker, huiliu, RECORDS, kills=20)
    facts = check_everything(broker, Lake(huiliu.lake))
    assert facts["offsets"] >= RECORDS
    assert facts["rejected"] > 0, "citygen made no defect: nothing about rejects was tested"
    print(dict(facts))


def test_the_same_over_s3(broker, topics, huiliu_s3, s3):
    records = RECORDS // 8
    storm(broker, huiliu_s3, records, kills=6)
    facts = check_everything(broker, Lake(huiliu_s3.lake, s3))
    assert facts["offsets"] >= records // 6 * 6
    print(dict(facts))


def test_reading_again_what_is_read_changes_nothing(broker, topics, huiliu):
    huiliu.generate(broker, 5_000, SEED % 100_000, PARTITIONS)
    huiliu.run_once(broker)
    lake = Lake(huiliu.lake)
    before = {
        name: lake.delta(f"current/{name}").to_pyarrow_table() for name in lake.tables("current")
    }
    commits = {name: len(lake.commits(f"changes/{name}")) for name in before}
    huiliu.run_once(broker)
    for name, rows in before.items():
        assert lake.delta(f"current/{name}").to_pyarrow_table().equals(rows), name
        assert len(lake.commits(f"changes/{name}")) == commits[name], f"{name}: an empty commit"
    check_everything(broker, lake)
