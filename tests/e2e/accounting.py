"""Laws 2 and 4 on a finished lake: every offset accounted for once, and `current` as a fold."""

from collections import Counter, defaultdict
from datetime import UTC
from decimal import Decimal

from fold import AMOUNTS, KEYS, dataset_of, fold, plain_amount
from lake import progress, receipts


def check_everything(broker, lake):
    """Holds the whole lake against the whole of Kafka. Returns facts worth printing."""
    ends = broker.ends()
    records = defaultdict(list)
    for kafka_topic, partition, offset, value in broker.records(ends):
        records[kafka_topic].append((partition, offset, value))
    facts = Counter()
    for kafka_topic, found in sorted(records.items()):
        of_topic = {number: end for (name, number), end in ends.items() if name == kafka_topic}
        refused, counts = check_offsets(lake, kafka_topic, of_topic, found)
        facts += counts
        facts["current"] += check_current(lake, dataset_of(kafka_topic), found, refused)
    assert facts["offsets"] == sum(ends.values())
    return facts


def check_offsets(lake, kafka_topic, ends, records):
    """Every offset below its partition's end is accounted for exactly once. Returns the
    `(partition, offset)` of the rejects, and counts."""
    dataset = dataset_of(kafka_topic)
    commits = lake.commits(f"changes/{dataset}")
    tally = _check_covers(receipts(commits), kafka_topic, ends)
    recorded = progress(commits)
    for partition, end in ends.items():
        if end:
            assert recorded[f"{kafka_topic}/{partition}"] == end, f"{kafka_topic}/{partition}"

    accepted = _accepted(lake, dataset)
    refused = _refused(lake, dataset, kafka_topic)
    tombstones = {(partition, offset) for partition, offset, value in records if value is None}
    everything = {(p, offset) for p, end in ends.items() for offset in range(end)}
    for one, other in [(accepted, refused), (accepted, tombstones), (refused, tombstones)]:
        assert not one & other, f"{dataset}: accounted for twice: {sorted(one & other)[:5]}"
    accounted = accepted | refused | tombstones
    assert accounted == everything, (
        f"{dataset}: {len(everything - accounted)} offsets are lost"
        f" {sorted(everything - accounted)[:5]}, {len(accounted - everything)} invented"
    )
    expected = {"accepted": len(accepted), "rejected": len(refused), "tombstones": len(tombstones)}
    assert {name: tally[name] for name in expected} == expected, f"{dataset}: {tally}"
    return refused, Counter(expected, offsets=len(everything), commits=len(commits))


def _check_covers(found, kafka_topic, ends):
    """The ranges in the log, in its order, follow each other from 0 to the end of a partition."""
    reached, tally = defaultdict(int), Counter()
    for receipt in found:
        covered = 0
        for name, (start, end) in receipt["covers"].items():
            of, _, partition = name.rpartition("/")
            assert of == kafka_topic, f"{name} in the table of {kafka_topic}"
            assert reached[int(partition)] == start, (
                f"{name}: a commit covers {start}..{end} after {reached[int(partition)]}"
            )
            assert start <= end
            reached[int(partition)] = end
            covered += end - start
        assert sum(receipt["tally"].values()) == covered, receipt
        tally.update(receipt["tally"])
    assert {p: reached[p] for p in ends} == dict(ends), f"{kafka_topic}: {dict(reached)}, {ends}"
    return tally


def _accepted(lake, dataset):
    """Offsets of the rows. A record may have two rows (a key change), never one row twice."""
    rows = lake.rows(f"changes/{dataset}", ["sys_partition", "sys_offset", "sys_ordinal"])
    triples = list(zip(rows["sys_partition"], rows["sys_offset"], rows["sys_ordinal"]))
    twice = [triple for triple, count in Counter(triples).items() if count > 1]
    assert not twice, f"changes/{dataset}: {len(twice)} rows stand twice: {sorted(twice)[:5]}"
    return {(partition, offset) for partition, offset, _ in triples}


def _refused(lake, dataset, kafka_topic):
    table = f"quarantine/{dataset}"
    if not lake.exists(table):
        return set()
    rows = lake.rows(table, ["kafka_topic", "sys_partition", "sys_offset"])
    assert set(rows["kafka_topic"]) <= {kafka_topic}
    pairs = list(zip(rows["sys_partition"], rows["sys_offset"]))
    twice = [pair for pair, count in Counter(pairs).items() if count > 1]
    assert not twice, f"{table}: {len(twice)} rejects stand twice: {sorted(twice)[:5]}"
    return set(pairs)


def check_current(lake, dataset, records, refused):
    """`current` holds the keys, sequences and plain amounts of the independent fold."""
    expected = fold(dataset, records, refused)
    rows = lake.rows(f"current/{dataset}")
    held = {
        key: {name: rows[name][i] for name in rows}
        for i, key in enumerate(zip(*(rows[name] for name in KEYS[dataset])))
    }
    assert len(held) == len(rows["sys_seq"]), f"current/{dataset}: a key stands twice"
    missing, extra = expected.keys() - held.keys(), held.keys() - expected.keys()
    assert not missing and not extra, (
        f"current/{dataset}: {len(missing)} keys are missing {sorted(missing)[:3]},"
        f" {len(extra)} should not be there {sorted(extra)[:3]}"
    )
    compared = 0
    for key, change in expected.items():
        row = held[key]
        # A key that changed only in its writing has one row, whatever its ordinal.
        names = ["epoch", "seq", "rank", "offset", "partition"]
        assert tuple(row[f"sys_{name}"] for name in names) == change.order[:5], f"{dataset} {key}"
        if change.event_time is not None:
            assert row["sys_event_time"].astimezone(UTC) == change.event_time, key
        for name in AMOUNTS.get(dataset, []):
            said = plain_amount(change.image.get(name))
            if said is not None and row[name] is not None:
                exact = said.quantize(Decimal(1).scaleb(row[name].as_tuple().exponent))
                assert row[name] == exact, f"{dataset} {key}: {name}"
                compared += 1
    if AMOUNTS.get(dataset) and expected:
        assert compared > len(expected) // 2, f"{dataset}: only {compared} amounts compared"
    return len(held)
