"""Laws 2 and 4 on a finished lake: every offset accounted for once, and `current` as a fold."""

from collections import Counter, defaultdict
from datetime import UTC
from decimal import Decimal

from fold import AMOUNTS, KEYS, dataset_of, fold, plain_amount
from lake import progress, receipts


def check_everything(broker, lake, datasets=None):
    """Holds the whole lake against the whole of Kafka. Returns facts worth printing.

    `datasets` names the dataset of a kafka_topic that is not called after its own.
    """
    ends = broker.ends()
    belongs = {name: (datasets or {}).get(name) or dataset_of(name) for name, _ in ends}
    records = defaultdict(list)
    for kafka_topic, partition, offset, value in broker.records(ends):
        records[belongs[kafka_topic]].append((kafka_topic, partition, offset, value))
    facts = Counter()
    for dataset, found in sorted(records.items()):
        own = {at: end for at, end in ends.items() if belongs[at[0]] == dataset}
        refused, counts = check_dataset(lake, dataset, own, found)
        facts += counts
        kept = [(*at[1:], value) for *at, value in found if tuple(at) not in refused]
        facts["current"] += check_current(lake, dataset, kept, set())
    assert facts["offsets"] == sum(ends.values())
    return facts


def check_offsets(lake, kafka_topic, ends, records):
    """[`check_dataset`] of the dataset that has this one kafka_topic: without its name."""
    named = {(kafka_topic, partition): end for partition, end in ends.items()}
    found = [(kafka_topic, *record) for record in records]
    refused, counts = check_dataset(lake, dataset_of(kafka_topic), named, found)
    return {at[1:] for at in refused}, counts


def check_dataset(lake, dataset, ends, records):
    """Every offset below the end of its `(kafka_topic, partition)` is accounted for exactly once.
    Returns the `(kafka_topic, partition, offset)` of the rejects, and counts."""
    commits = lake.commits(f"changes/{dataset}")
    tally = _check_covers(receipts(commits), dataset, ends)
    recorded = progress(commits)
    for (kafka_topic, partition), end in ends.items():
        if end:
            assert recorded[f"{kafka_topic}/{partition}"] == end, f"{kafka_topic}/{partition}"

    accepted = _accepted(lake, dataset)
    refused = _refused(lake, dataset, {name for name, _ in ends})
    tombstones = {tuple(at) for *at, value in records if value is None}
    assert not refused & tombstones, f"{dataset}: accounted for twice: {refused & tombstones}"
    everything = Counter((*at, offset) for at, end in ends.items() for offset in range(end))
    accounted = accepted + Counter(refused | tombstones)
    lost, more = everything - accounted, accounted - everything
    twice = [at for at in more if at in everything]
    assert not twice, f"{dataset}: accounted for twice: {sorted(twice)[:5]}"
    assert not lost and not more, (
        f"{dataset}: {lost.total()} offsets are lost {sorted(lost)[:5]}, {more.total()} invented"
    )
    expected = {
        "accepted": accepted.total(), "rejected": len(refused), "tombstones": len(tombstones),
    }  # fmt: skip
    assert {name: tally[name] for name in expected} == expected, f"{dataset}: {tally}"
    return refused, Counter(expected, offsets=everything.total(), commits=len(commits))


def _check_covers(found, dataset, ends):
    """The ranges in the log, in its order, follow each other from 0 to the end of a partition."""
    reached, tally = defaultdict(int), Counter()
    for receipt in found:
        covered = 0
        for name, (start, end) in receipt["covers"].items():
            of, _, partition = name.rpartition("/")
            at = (of, int(partition))
            assert at in ends, f"{name} in the table of {dataset}"
            assert reached[at] == start, f"{name}: a commit covers {start}..{end} after {reached[at]}"
            assert start <= end
            reached[at] = end
            covered += end - start
        assert sum(receipt["tally"].values()) == covered, receipt
        tally.update(receipt["tally"])
    assert {at: reached[at] for at in ends} == dict(ends), f"{dataset}: {dict(reached)}, {ends}"
    return tally


def _accepted(lake, dataset):
    """How many records of each `(kafka_topic, partition, offset)` have rows. A record may have two
    rows (a key change), told apart by their ordinal."""
    names = ["sys_kafka_topic", "sys_partition", "sys_offset", "sys_ordinal"]
    rows = lake.rows(f"changes/{dataset}", names)
    counts = Counter()
    for (*place, _), count in Counter(zip(*(rows[name] for name in names))).items():
        counts[*place] = max(counts[*place], count)
    return counts


def _refused(lake, dataset, kafka_topics):
    table = f"quarantine/{dataset}"
    if not lake.exists(table):
        return set()
    rows = lake.rows(table, ["kafka_topic", "sys_partition", "sys_offset"])
    assert set(rows["kafka_topic"]) <= kafka_topics
    places = list(zip(rows["kafka_topic"], rows["sys_partition"], rows["sys_offset"]))
    twice = [place for place, count in Counter(places).items() if count > 1]
    assert not twice, f"{table}: {len(twice)} rejects stand twice: {sorted(twice)[:5]}"
    return set(places)


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
