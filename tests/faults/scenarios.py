"""The scenarios: each says what is expected, does its harm, and holds the lake against Kafka.

A scenario returns what it saw. What it finds broken, it raises.
"""

import os
import re
import shutil
import signal
import time

import fold
import test_bad_input
import test_exactly_once
import test_faults
from accounting import check_offsets
from places import REPOSITORY, kafka_topics
from program import drain, eventually, messages
from proxy import EMPTY, answer
from test_bad_input import bill, text
from test_faults import GAS, TOPIC, bills, next_offset
from world import durable

SCENARIOS = {}
COMMIT = rb"PUT \S+/_delta_log/\d+\.json"


def scenario(expected):
    def register(function):
        SCENARIOS[function.__name__] = (function, expected)
        return function

    return register


def counted(facts):
    return ", ".join(f"{facts[name]} {name}" for name in ["offsets", "accepted", "rejected"])


@scenario("8 kills at random moments, rivals, a broker restart: each offset once")
def kill_storm(world):
    huiliu = world.huiliu()
    world.broker.delete_all()
    test_exactly_once.SEED = world.chance.randrange(1 << 32)
    test_exactly_once.storm(world.broker, huiliu, 40_000, kills=8)
    return counted(world.account_for(huiliu))


@scenario("kills while answers to commits are lost: each offset once")
def kill_storm_on_store(world):
    world.topics(4)
    huiliu = world.huiliu(in_store=True, commit_every="300ms")
    world.store.lose = (COMMIT, 0.3)
    for turn in range(5):
        huiliu.generate(world.broker, 3_000, world.chance.randrange(1 << 30), 4)
        process = huiliu.start(world.broker)
        time.sleep(world.chance.uniform(1, 6))
        process.kill()
        process.wait()
    lost = world.store.lost
    world.store.calm()
    assert lost, "no answer was lost"
    return f"{lost} answers lost; {counted(world.account_for(huiliu))}"


@scenario("frozen beyond its session, woken: loses its partitions, doubles nothing")
def frozen_zombie(world):
    world.broker.delete_all()
    huiliu = world.huiliu()
    test_faults.test_a_process_frozen_beyond_its_session_loses_its_partitions(
        world.broker, kafka_topics(), huiliu
    )
    return "44000 accepted"


@scenario("SIGTERM with full buffers on a slow store: exit 0 within 25 s")
def sigterm_full_buffers(world):
    world.topics(2)
    huiliu = world.huiliu(in_store=True, commit_every="10m")
    for partition in range(2):
        world.broker.publish(TOPIC, bills(60_000, first=partition * 60_000), partition)
    process = huiliu.start(world.broker, "--no-refresh")
    time.sleep(10)
    held = 120_000 - durable(world.lake(huiliu))
    assert held, "everything was durable: no buffer was full"
    world.store.delay = 0.02
    begun = time.monotonic()
    code = drain(process, 60)
    took = time.monotonic() - begun
    world.store.calm()
    assert code == 0, f"exit {code}:\n{messages(process)}"
    assert took < 25, f"{took:.0f} s"
    return f"exit 0 after {took:.1f} s with {held} in hand; {counted(world.account_for(huiliu))}"


@scenario("a directory lake's disk is full, then is not: nothing lost, table readable")
def disk_full(world):
    world.topics(1)
    place = world.small_disk(32)
    huiliu = world.huiliu(lake=place / "lake", commit_every="300ms")
    process = huiliu.start(world.broker, "--no-refresh")
    world.broker.publish(TOPIC, bills(1_000))
    world.reaches(huiliu, 1_000, 60, process)
    (place / "filler").write_bytes(b"x" * (shutil.disk_usage(place).free - 100_000))
    sent = 1_000
    while shutil.disk_usage(place).free > 20_000 and sent < 60_000 and process.poll() is None:
        world.broker.publish(TOPIC, bills(5_000, first=sent))
        sent += 5_000
        time.sleep(1)
    time.sleep(5)
    ended = process.poll()
    said = messages(process, 20_000)
    assert re.search("(?i)no space|full", said), f"the full disk is not named:\n{said[-2000:]}"
    (place / "filler").unlink()
    if ended is None:
        world.reaches(huiliu, sent, 120, process)
        how = "went on by itself"
    else:
        how = f"ended with {ended}, went on when started again"
        assert ended in (69, 75), f"exit {ended}:\n{said[-2000:]}"
    return f"{how}; {counted(world.account_for(huiliu))}"


@scenario("no room for temporary files: clean error or none, nothing lost")
def disk_full_for_temporary_files(world):
    world.broker.delete_all()
    place = world.small_disk(1)
    (place / "filler").write_bytes(b"x" * (1 << 20))
    huiliu = world.huiliu()
    huiliu.generate(world.broker, 10_000, world.chance.randrange(1 << 30))
    huiliu.environment["TMPDIR"] = str(place)
    done = huiliu.run_once(world.broker, expect=None)
    assert done.returncode in (0, 69, 75), done.stderr.decode()[-2000:]
    huiliu.environment.pop("TMPDIR")
    return f"exit {done.returncode}; {counted(world.account_for(huiliu))}"


@scenario("the store is away for 90 s: the process lives, waits, catches up by itself")
def store_down(world):
    world.topics(2)
    huiliu = world.huiliu(in_store=True, commit_every="300ms")
    world.broker.publish(TOPIC, bills(5_000))
    process = huiliu.start(world.broker, "--no-refresh")
    world.reaches(huiliu, 5_000, 60, process)
    world.store.down = True
    world.store.cut()
    world.broker.publish(TOPIC, bills(5_000, first=5_000), partition=1)
    time.sleep(90)
    assert process.poll() is None, f"it ended with {process.returncode}:\n{messages(process)}"
    world.store.calm()
    begun = time.monotonic()
    world.reaches(huiliu, 10_000, 120, process)
    took = time.monotonic() - begun
    return f"caught up {took:.0f} s after the return; {counted(world.account_for(huiliu))}"


@scenario("the store hangs for 40 s without closing anything: catches up by itself")
def store_hangs(world):
    world.topics(1)
    huiliu = world.huiliu(in_store=True, commit_every="300ms")
    world.broker.publish(TOPIC, bills(5_000))
    process = huiliu.start(world.broker, "--no-refresh")
    world.reaches(huiliu, 5_000, 60, process)
    world.store.hang = True
    world.broker.publish(TOPIC, bills(5_000, first=5_000))
    time.sleep(40)
    world.store.calm()
    world.reaches(huiliu, 10_000, 120, process)
    return counted(world.account_for(huiliu))


@scenario("every third answer to a commit is lost: recognised as its own, nothing doubled")
def store_answers_lost(world):
    world.topics(2)
    huiliu = world.huiliu(in_store=True, commit_every="200ms")
    process = huiliu.start(world.broker, "--no-refresh")
    world.store.lose = (COMMIT, 0.34)
    for turn in range(20):
        world.broker.publish(TOPIC, bills(500, first=turn * 500), partition=turn % 2)
        time.sleep(0.4)
    world.reaches(huiliu, 10_000, 120, process)
    lost = world.store.lost
    world.store.calm()
    assert lost > 2, f"only {lost} answers were lost"
    return f"{lost} answers lost; {counted(world.account_for(huiliu))}"


@scenario("connections to the store cut every 0.3 s: goes on by itself")
def store_cuts(world):
    return interrupted(world, world.store.cut)


@scenario("connections to the store half-closed every 0.3 s: goes on by itself")
def store_half_closed(world):
    return interrupted(world, world.store.half_close)


def interrupted(world, harm):
    """Runs while something happens to the connections again and again."""
    world.topics(2)
    huiliu = world.huiliu(in_store=True, commit_every="200ms")
    process, before = huiliu.start(world.broker, "--no-refresh"), world.store.cuts
    for turn in range(60):
        world.broker.publish(TOPIC, bills(200, first=turn * 200), partition=turn % 2)
        time.sleep(0.3)
        harm()
    world.reaches(huiliu, 12_000, 120, process)
    return f"{world.store.cuts - before} connections; {counted(world.account_for(huiliu))}"


@scenario("every fourth read of a commit is answered with nothing: tried again")
def store_answers_empty(world):
    return emptied(world, rb"GET \S+/_delta_log/\d+\.json", 0.25)


@scenario("the same of commits after a table's first: never taken for a commit of nothing")
def store_hides_commits(world):
    return emptied(world, rb"GET \S+/water_bill/_delta_log/0+[1-9]\d*\.json", 0.25)


def emptied(world, pattern, share):
    """Runs again and again while some reads are answered with an empty object."""
    world.topics(2)
    huiliu = world.huiliu(in_store=True, commit_every="200ms")
    (huiliu.directory / "no-sql").mkdir()
    huiliu.point_at(huiliu.directory / "pipelines", huiliu.directory / "no-sql")
    world.store.refuse = (EMPTY, pattern, share)
    ends = []
    for turn in range(8):
        world.broker.publish(TOPIC, bills(200, first=turn * 200), partition=turn % 2)
        ends.append(huiliu.start(world.broker, "--once").wait(120))
    count = world.store.refused
    world.store.calm()
    assert count, "no answer was empty"
    facts = world.account_for(huiliu)
    assert set(ends) <= {0, 69, 75}, f"{count} answers were empty; exits {ends}"
    return f"{count} answers were empty; exits {ends}; {counted(facts)}"


def refused_for(world, status, code, seconds):
    """Runs while the store refuses everything with an error; how the process took it."""
    world.topics(1)
    huiliu = world.huiliu(in_store=True, commit_every="300ms")
    world.broker.publish(TOPIC, bills(1_000))
    process = huiliu.start(world.broker, "--no-refresh")
    world.reaches(huiliu, 1_000, 60, process)
    world.store.refuse = (answer(status, code), rb"", 1)
    world.store.cut()
    world.broker.publish(TOPIC, bills(1_000, first=1_000))
    time.sleep(seconds)
    ended = process.poll()
    said = messages(process, 20_000)
    refused = world.store.refused
    world.store.calm()
    assert refused, "nothing was refused"
    if ended is None:
        world.reaches(huiliu, 2_000, 120, process)
        return f"{refused} refused, went on by itself; {counted(world.account_for(huiliu))}"
    assert ended == 77, f"exit {ended}:\n{said[-2000:]}"
    return f"{refused} refused, exit 77, then started again; {counted(world.account_for(huiliu))}"


@scenario("credentials are expired for 20 s: exit 77 or wait, then everything")
def credentials_expire(world):
    return refused_for(world, 403, "ExpiredToken", 20)


@scenario("the store throttles everything with 503 for 20 s: waits, then everything")
def store_throttles(world):
    return refused_for(world, 503, "SlowDown", 20)


@scenario("the broker is restarted while it reads: goes on by itself")
def broker_restart(world):
    world.broker.delete_all()
    huiliu = world.huiliu(commit_every="300ms")
    huiliu.generate(world.broker, 5_000, world.chance.randrange(1 << 30), 2)
    process = huiliu.start(world.broker, "--no-refresh")
    test_exactly_once.PARTITIONS = 2
    test_exactly_once.restart_under(world.broker, huiliu, process)
    return counted(world.account_for(huiliu))


@scenario("connections to Kafka cut, delayed, half-closed for 20 s: goes on by itself")
def kafka_cuts(world):
    world.topics(2)
    huiliu = world.huiliu(commit_every="300ms")
    process = huiliu.start(world.broker.behind, "--no-refresh")
    proxy, begun, sent = world.broker.proxy, world.broker.proxy.cuts, 0
    for turn in range(40):
        world.broker.publish(TOPIC, bills(500, first=sent), partition=turn % 2)
        sent += 500
        proxy.delay = world.chance.choice([0, 0, 0.01, 0.2])
        time.sleep(0.5)
        world.chance.choice([proxy.cut, proxy.half_close, lambda: None])()
    proxy.calm()
    world.reaches(huiliu, sent, 120, process)
    return f"{proxy.cuts - begun} cuts; {counted(world.account_for(huiliu))}"


@scenario("of three brokers one is killed, then returns; each in turn: goes on by itself")
def cluster_leaders_change(world):
    cluster = world.cluster()
    world.topics(2, cluster)
    huiliu = world.huiliu(commit_every="300ms")
    process = huiliu.start(cluster, "--no-refresh")
    sent = 0
    for node in cluster.nodes:
        with open(node.directory / "pid") as pid:
            os.kill(int(pid.read()), signal.SIGKILL)
        cluster.publish(TOPIC, bills(2_000, first=sent), partition=0)
        sent += 2_000
        world.reaches(huiliu, sent, 120, process)
        node.stop()
        node.start()
        cluster.publish(TOPIC, bills(2_000, first=sent), partition=1)
        sent += 2_000
        world.reaches(huiliu, sent, 120, process)
    return counted(world.account_for(huiliu, cluster))


@scenario("two consumers restarted in turn, six times: each offset once")
def rolling_restart(world):
    world.topics(4)
    huiliu = world.huiliu(commit_every="300ms")
    pair, sent = [huiliu.start(world.broker, "--no-refresh") for _ in range(2)], 0
    for turn in range(6):
        for partition in range(4):
            world.broker.publish(TOPIC, bills(1_000, first=sent), partition)
            sent += 1_000
        time.sleep(2)
        code = drain(pair[turn % 2])
        assert code == 0, f"exit {code}:\n{messages(pair[turn % 2])}"
        pair[turn % 2] = huiliu.start(world.broker, "--no-refresh")
    world.reaches(huiliu, sent, 120)
    return counted(world.account_for(huiliu))


@scenario("a member joins or leaves every second for 30 s: goes on within a session after")
def rebalance_storm(world):
    world.topics(4)
    huiliu = world.huiliu(commit_every="300ms")
    constant, guests, sent = huiliu.start(world.broker, "--no-refresh"), [], 0
    for turn in range(30):
        world.broker.publish(TOPIC, bills(500, first=sent), partition=turn % 4)
        sent += 500
        if len(guests) < 3 and (not guests or world.chance.random() < 0.5):
            guests.append(huiliu.start(world.broker, "--no-refresh"))
        else:
            guest = guests.pop(world.chance.randrange(len(guests)))
            guest.send_signal(world.chance.choice([signal.SIGTERM, signal.SIGKILL]))
        time.sleep(1)
    for guest in guests:
        guest.kill()
    begun = time.monotonic()
    world.reaches(huiliu, sent, 60, constant)
    took = time.monotonic() - begun
    return f"caught up after {took:.0f} s; {counted(world.account_for(huiliu))}"


@scenario("30 records of 20 MB: in quarantine, not held side by side")
def huge_messages(world):
    world.broker.delete_all()
    huiliu = world.huiliu()
    test_bad_input.test_huge_records_are_not_held_side_by_side(
        world.broker, kafka_topics(), huiliu
    )
    return counted(world.account_for(huiliu))


@scenario("100 % bad records in one dataset: it stops by name, the others go on")
def only_bad_records(world):
    world.topics(1)
    huiliu = world.huiliu(commit_every="300ms")
    world.broker.publish(TOPIC, [(b"k", b"nonsense %d" % i) for i in range(40_000)])
    process = huiliu.start(world.broker, "--no-refresh")
    lake = world.lake(huiliu)
    for turn in range(10):
        world.broker.publish(GAS, bills(100, first=turn * 100, dataset="gas_bill"))
        time.sleep(0.5)
    eventually(lambda: next_offset(lake, GAS) == 1_000, 60, process)
    assert drain(process) in (0, 65), messages(process)
    rejected = lake.rows("quarantine/water_bill", ["sys_offset"])["sys_offset"]
    reached = next_offset(lake)
    assert sorted(rejected) == list(range(reached)), "a reject is missing or stands twice"
    # Once more, whatever its decision was: the good dataset is whole.
    huiliu.run_once(world.broker, expect=65)
    check_offsets(lake, GAS, {0: 1_000}, kept(world, GAS))
    return f"stopped at {reached} of 40000, each of them in quarantine once; 1000 others accepted"


def kept(world, kafka_topic):
    return [at[1:] for at in world.broker.records(world.broker.ends()) if at[0] == kafka_topic]


@scenario("quarantine cannot be written, changes can: no offset passes its reject")
def quarantine_down(world):
    world.topics(1)
    huiliu = world.huiliu(in_store=True, commit_every="300ms")
    process = huiliu.start(world.broker, "--no-refresh")
    world.broker.publish(TOPIC, bills(1_000))
    world.reaches(huiliu, 1_000, 60, process)
    world.store.refuse = (answer(503, "SlowDown"), rb"(?:PUT|POST) \S+/quarantine/", 1)
    mixed = bills(500, first=1_000) + [(b"k", b"nonsense")] * 20 + bills(500, first=1_500)
    world.broker.publish(TOPIC, mixed)
    world.broker.publish(GAS, bills(500, dataset="gas_bill"))
    lake = world.lake(huiliu)
    time.sleep(20)
    assert world.store.refused, "nothing was refused"
    passed = next_offset(lake)
    assert passed <= 1_500, f"progress is at {passed}, beyond rejects that are nowhere"
    others = next_offset(lake, GAS)
    refused = world.store.refused
    world.store.calm()
    world.reaches(huiliu, 2_520, 120, process)
    facts = world.account_for(huiliu)
    assert facts["rejected"] == 20
    return f"waited at {passed}, another dataset at {others} of 500; {counted(facts)}"


@scenario("one partition gets a hundred times the rest: the others stay fresh")
def hot_partition(world):
    world.topics(2)
    huiliu = world.huiliu(commit_every="1s")
    world.broker.publish(TOPIC, bills(300_000))
    process = huiliu.start(world.broker, "--no-refresh")
    lake = world.lake(huiliu)
    eventually(lambda: next_offset(lake) > 0, 60, process)
    world.broker.publish(TOPIC, bills(1_000, first=300_000), partition=1)
    world.broker.publish(GAS, bills(1_000, dataset="gas_bill"))
    begun = time.monotonic()
    eventually(lambda: next_offset(lake, GAS) == 1_000, 60, process)
    eventually(lambda: next_offset(lake, partition=1) == 1_000, 60, process)
    took, hot = time.monotonic() - begun, next_offset(lake)
    world.reaches(huiliu, 302_000, 300, process)
    return f"others fresh after {took:.1f} s, the hot one then at {hot}; " + counted(
        world.account_for(huiliu)
    )


@scenario("nothing comes for 90 s: no commits meanwhile, and traffic is read within 10 s")
def idle_topics(world):
    world.topics(1)
    huiliu = world.huiliu(commit_every="300ms")
    world.broker.publish(TOPIC, bills(100))
    process = huiliu.start(world.broker, "--no-refresh")
    lake = world.lake(huiliu)
    eventually(lambda: next_offset(lake) == 100, 60, process)
    time.sleep(5)
    before = len(lake.commits("changes/water_bill"))
    time.sleep(90)
    commits = len(lake.commits("changes/water_bill")) - before
    assert commits <= 1, f"{commits} commits of nothing"
    world.broker.publish(TOPIC, bills(100, first=100))
    begun = time.monotonic()
    eventually(lambda: next_offset(lake) == 200, 10, process)
    took = time.monotonic() - begun
    return f"{commits} commits, read after {took:.1f} s; {counted(world.account_for(huiliu))}"


@scenario("200 datasets, idle, then a burst on all of them: each read, memory bounded")
def burst_of_datasets(world, count=200):
    huiliu = world.huiliu()
    pipelines = huiliu.directory / "many" / "feed"
    pipelines.mkdir(parents=True)
    contract = (REPOSITORY / "pipelines" / "feed" / "water_bill.yaml").read_text()
    # The accounts that bills refer to are not among these datasets.
    contract = re.sub(r"^  - \{reference: .*\n", "", contract, flags=re.M)
    belongs = {}
    for number in range(count):
        name = f"bill_{number:03}"
        belongs[f"feed.bill.{number:03}"] = name
        own = re.sub(r"^dataset: .*", f"dataset: {name}", contract, flags=re.M)
        own = re.sub(r"kafka_topic: .*", f"kafka_topic: feed.bill.{number:03}", own)
        (pipelines / f"{name}.yaml").write_text(own)
        fold.KEYS[name] = fold.KEYS["water_bill"]
        fold.AMOUNTS[name] = fold.AMOUNTS["water_bill"]
    nothing = huiliu.directory / "no-sql"
    nothing.mkdir()
    huiliu.point_at(pipelines.parent, nothing)
    world.broker.delete_all()
    world.broker.create(belongs, 2)
    process = huiliu.start(world.broker, "--no-refresh")
    time.sleep(15)
    assert process.poll() is None, messages(process)
    idle = resident(process)
    for kafka_topic, name in belongs.items():
        for partition in range(2):
            records = bills(100, first=partition * 100, dataset=name)
            world.broker.publish(kafka_topic, records, partition)
    begun = time.monotonic()
    world.reaches(huiliu, count * 200, 300, process)
    took, peak = time.monotonic() - begun, resident(process, "VmHWM")
    assert peak < 1_500, f"{peak} MiB resident"
    facts = world.account_for(huiliu, datasets=belongs)
    return f"{took:.0f} s, {idle} MiB idle, {peak} MiB at most; {counted(facts)}"


def resident(process, field="VmRSS"):
    """MiB of memory that a process has."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(rf"{field}:\s*(\d+)", status.read())[1]) >> 10
