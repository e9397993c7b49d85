"""Freshness: from the time a record is produced until each table that reads it shows it.

    python tests/bench/freshness.py HUILIU [--records 100000] [--rate 1000] [--seconds 60]

Starts Apache Kafka and `huiliu run` on this machine, lets them take in a generated city, then
produces changes of its records at a steady rate. The figures are those of the metric
`huiliu_subject_freshness_seconds`, one observation for each change and table, as differences over
the time of the steady rate; a percentile is interpolated within its bucket. Records of the city
bear timestamps of their own past, hours ago at least: such observations are left out. With `--warm`
the process has made the plans of its refreshes before. Prints Markdown.
"""

import argparse
import collections
import itertools
import json
import pathlib
import re
import sys
import tempfile
import time

from confluent_kafka import Producer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from places import free_ports, kafka_topics  # noqa: E402
from program import Huiliu, drain, eventually, get  # noqa: E402
from services import Broker  # noqa: E402

METRIC = re.compile(
    r'^huiliu_subject_freshness_seconds_bucket\{table="([^"]+)",le="([^"]+)"\} (\d+)$', re.M
)
REFRESHES = re.compile(r'^huiliu_subject_refreshes_total\{.*way="(\w+)"\} (\d+)$', re.M)
SEED = 2020
# Upper edge of the last bucket that a change of the steady rate can fall into.
LAST_EDGE = 3_600.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("huiliu", type=pathlib.Path)
    parser.add_argument("--records", type=int, default=100_000, help="size of the city")
    parser.add_argument("--rate", type=int, default=1_000, help="changes in a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm", type=int, default=0, help="seconds at that rate beforehand")
    parser.add_argument("--commit-every", help="for every pipeline; as declared without it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(pathlib.Path(folder) / "kafka", free_ports(2))
        huiliu = Huiliu(given.huiliu, pathlib.Path(folder) / "work", f"{folder}/lake")
        if given.commit_every:
            huiliu.settle(given.commit_every)
        try:
            broker.start()
            report(given, broker, huiliu)
        finally:
            huiliu.kill_all()
            broker.stop()


def report(given, broker, huiliu):
    broker.create(kafka_topics())
    huiliu.generate(broker, given.records, SEED, 1, "--defects", 0)
    changes = changed(huiliu, given.records)
    process, port = huiliu.start_served(broker, "--as-of", "2020-12-31")
    settled(port, process)
    if given.warm:
        produce(broker, changes, given.rate, given.warm)
        settled(port, process)
    before, used, ways = histogram(port), processor(process), refreshes(port)
    begun, sent = time.monotonic(), produce(broker, changes, given.rate, given.seconds)
    lasted = time.monotonic() - begun
    settled(port, process)
    after, used = histogram(port), processor(process) - used
    ways = refreshes(port) - ways
    peak = memory_peak(process)
    drain(process)
    print(
        f"{sent} changes in {lasted:.0f} s, {used:.0f} CPU seconds of huiliu, {peak} MiB at most; "
        f"refreshes: {', '.join(f'{n} {way}' for way, n in sorted(ways.items()))}.\n"
    )
    print("| table | observations | p50 s | p99 s |\n|---|---:|---:|---:|")
    total = collections.Counter()
    for table, buckets in sorted(after.items()):
        counts = {edge: n - before.get(table, {}).get(edge, 0) for edge, n in buckets.items()}
        total.update(counts)
        print(line(table, counts))
    print(line("all", total))


def changed(huiliu, records):
    """Each record of the city as a later change of it, endlessly and in another order."""
    made = huiliu.run("generate", "--records", records, "--seed", SEED, "--defects", 0,
                      "--output", "ndjson").stdout  # fmt: skip
    held = [json.loads(text) for text in made.splitlines()]
    # A step that shares no factor with the number of records walks over all of them.
    step = next(n for n in itertools.count(7919) if len(held) % n)
    for at in itertools.count(1):
        record = held[at * step % len(held)]
        value = record["value"]
        if isinstance(value, dict) and value.get("after"):
            value["seq"] = int(value.get("seq") or 0) + 1_000_000
            yield record["kafka_topic"], record.get("key"), json.dumps(value).encode()


def produce(broker, changes, rate, seconds):
    """Produces at a steady rate, a hundred times a second; how many changes were sent."""
    producer = Producer({"bootstrap.servers": broker.servers, "linger.ms": 5})
    begun, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        due = int(passed * rate) - sent
        for kafka_topic, key, value in itertools.islice(changes, due):
            producer.produce(kafka_topic, value, key and str(key).encode(), 0)
        sent += due
        producer.poll(0)
        time.sleep(0.01)
    producer.flush(60)
    return sent


def settled(port, process, quiet=30):
    """Waits until no table was refreshed for some seconds."""
    held, since = None, time.monotonic()

    def still():
        nonlocal held, since
        status, text = get(port, "/metrics")
        seen = re.findall(r"^huiliu_subject_refreshes_total.*$", text, re.M) if status else None
        if seen != held or not seen:
            held, since = seen, time.monotonic()
        return time.monotonic() - since > quiet

    eventually(still, 1_800, process)


def histogram(port):
    """Cumulative counts by table and upper edge."""
    found = collections.defaultdict(dict)
    for table, edge, count in METRIC.findall(get(port, "/metrics")[1]):
        found[table][float(edge)] = int(count)
    return found


def refreshes(port):
    """How many refreshes went which way."""
    found = collections.Counter()
    for way, count in REFRESHES.findall(get(port, "/metrics")[1]):
        found[way] += int(count)
    return found


def memory_peak(process):
    """Most memory that a process has held, MiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


def line(table, counts):
    half, most = (percentile(counts, share) for share in (0.5, 0.99))
    return f"| {table} | {counts[LAST_EDGE]} | {half} | {most} |"


def percentile(counts, share):
    wanted, low, below = counts[LAST_EDGE] * share, 0.0, 0
    for edge, count in sorted(counts.items()):
        if count >= wanted and count > below:
            return f"{low + (edge - low) * (wanted - below) / (count - below):.1f}"
        low, below = edge, count
    return "–"


def processor(process):
    """Seconds of all processors that a process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
