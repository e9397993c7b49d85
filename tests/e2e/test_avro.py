"""Avro from a real schema registry: evolution, what is broken, a registry that is away, kills.

HUILIU_E2E_SEED replays the moments.
"""

import json
import os
import random
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounting import check_dataset
from lake import Lake, progress
from program import drain, eventually, get
from registry import message

SEED = int(os.environ.get("HUILIU_E2E_SEED", random.SystemRandom().randrange(1 << 32)))
METER, CHANGED, PLAIN = "pool.pool.meter", "pool.pool.changed", "pool.pool.plain"
DATASETS = {METER: "pool_meter", CHANGED: "pool_changed", PLAIN: "pool_plain"}

COLUMNS = """\
columns:
  - {name: meter_no, title: 表号, type: string, required: true, grade: L1}
  - {name: reading, title: 读数, type: long, grade: L1}
  - {name: amount, title: 金额, type: "decimal(10, 2)", unit: CNY, grade: L1}
  - {name: read_on, title: 抄表日期, type: date, grade: L1}
  - {name: read_at, title: 抄表时间, type: timestamp, grade: L1}
  - {name: note, title: 备注, type: string, grade: L1}
  - {name: tags, title: 标签, type: string, grade: L1}
land:
  commit_every: 300ms
"""
AMOUNT = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
DAY = {"type": "int", "logicalType": "date"}
INSTANT = {"type": "long", "logicalType": "timestamp-millis"}
TAGS = {"type": "array", "items": "string"}


def row_schema(*fields):
    fields = [{"name": name, "type": of} | more for name, of, more in fields]
    return {"type": "record", "name": "Meter", "namespace": "city.water", "fields": fields}


FIRST = row_schema(
    ("meter_no", "string", {}),
    ("reading", "int", {}),
    ("amount", ["null", AMOUNT], {"default": None}),
    ("read_on", DAY, {}),
    ("read_at", INSTANT, {}),
)
# A field with a default, another order, `int` become `long`, and a field nobody here knows.
SECOND = row_schema(
    ("read_at", INSTANT, {}),
    ("note", ["null", "string"], {"default": None}),
    ("reading", "long", {}),
    ("meter_no", "string", {}),
    ("vendor", "string", {"default": ""}),
    ("tags", TAGS, {"default": []}),
    ("read_on", DAY, {}),
    ("amount", ["null", AMOUNT], {"default": None}),
)


def reading(number, **more):
    return {
        "meter_no": f"E{number:04d}", "reading": number, "amount": Decimal(number) / 100,
        "read_on": date(2020, 4, 7), "read_at": datetime(2020, 4, 7, 0, 30, tzinfo=UTC),
    } | more  # fmt: skip


def stored(value):
    """A value as its row of `current` has it."""
    tags = value.get("tags")
    return {
        "meter_no": value["meter_no"],
        "reading": value["reading"],
        "amount": value["amount"],
        "read_on": value["read_on"],
        "read_at": value["read_at"],
        "note": value.get("note"),
        "tags": json.dumps(tags, ensure_ascii=False, separators=(",", ":")) if tags is not None else None,
    }


@pytest.fixture
def city(broker, registry, huiliu):
    """Three datasets: plain rows and Debezium's envelope in Avro, and JSON that needs no registry."""
    broker.delete_all()
    broker.create([METER, CHANGED, PLAIN])
    folder = huiliu.directory / "pipelines" / "pool"
    folder.mkdir(parents=True)
    for topic, form in [
        (METER, "confluent_avro"), (CHANGED, "debezium_avro"), (PLAIN, "json"),
    ]:  # fmt: skip
        dataset = DATASETS[topic]
        (folder / f"{dataset}.yaml").write_text(
            f"dataset: {dataset}\ntitle: 试验\nprovider: 试验单位\ngroup: pool\n"
            f"source: {{kafka_topic: {topic}, format: {form}}}\nmode: cdc\nkey: [meter_no]\n"
            f"buckets: 2\n{COLUMNS}"
        )
    (huiliu.directory / "huiliu.yaml").write_text(
        "pipelines: pipelines\n"
        f"schema_registry: {{url: \"{registry.url}\"}}\n"
        "kafka:\n  properties:\n    session.timeout.ms: \"4000\"\n"
        "    heartbeat.interval.ms: \"800\"\n"
    )
    return huiliu


def current(huiliu, dataset):
    lake = Lake(huiliu.lake)
    if not lake.exists(f"current/{dataset}"):
        return []
    names = ["meter_no", "reading", "amount", "read_on", "read_at", "note", "tags"]
    rows = lake.delta(f"current/{dataset}").to_pyarrow_table(columns=names).to_pylist()
    return sorted(rows, key=lambda row: row["meter_no"])


def rejected(huiliu, dataset):
    rows = Lake(huiliu.lake).rows(f"quarantine/{dataset}", ["sys_offset", "reason"])
    return dict(zip(rows["sys_offset"], rows["reason"], strict=True))


def account_for(broker, huiliu, topic):
    """Every offset once, by the tests' own reading of Kafka and of the tables."""
    ends = {at: end for at, end in broker.ends().items() if at[0] == topic}
    return check_dataset(Lake(huiliu.lake), DATASETS[topic], ends, broker.records(ends))


def test_schemas_evolve_in_mid_stream_and_broken_records_get_their_reasons(broker, registry, city):
    first = registry.register("meter-value", FIRST)
    second = registry.register("meter-value", SECOND)
    json_schema = registry.register("word-value", "string")
    old = [reading(n) for n in range(3)]
    new = [reading(2**40 + n, note="换表", tags=["夜间", "a\"b"], vendor="x") for n in range(3)]
    for n, value in enumerate(new):
        value["meter_no"] = f"F{n}"
        value["amount"] = None
    sound = message(first, FIRST, old[0])
    values = [
        *(message(first, FIRST, value) for value in old),
        message(second, SECOND, new[0]),
        message(999_999, FIRST, old[0]),
        b"\x01" + sound[1:],
        b'{"meter_no": "E0001"}',
        sound + b"\x00",
        sound[:-3],
        sound[:3],
        message(json_schema, "string", "E0001"),
        message(first, FIRST, old[1] | {"reading": 77}),
        *(message(second, SECOND, value) for value in new[1:]),
    ]
    broker.publish(METER, [(b"k", value) for value in values] + [(b"k", None)])
    city.run_once(broker)
    assert rejected(city, "pool_meter") == {
        4: "SCHEMA_UNKNOWN", 5: "MAGIC_BYTE", 6: "MAGIC_BYTE", 7: "TRAILING_BYTES",
        8: "TRUNCATED", 9: "TRUNCATED", 10: "SCHEMA_INVALID",
    }  # fmt: skip
    old[1]["reading"] = 77
    assert current(city, "pool_meter") == [stored(value) for value in old + new]
    account_for(broker, city, METER)


def test_debeziums_envelope_in_avro_mirrors_its_table(broker, registry, city):
    value = row_schema(
        ("meter_no", "string", {}),
        ("reading", "long", {}),
        ("amount", AMOUNT | {"connect.name": "org.apache.kafka.connect.data.Decimal"}, {}),
        ("read_on", {"type": "int", "connect.name": "io.debezium.time.Date"}, {}),
        ("read_at", {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}, {}),
        ("note", ["null", "string"], {"default": None}),
        ("tags", ["null", "string"], {"default": None}),
    )
    source = {
        "type": "record", "name": "Source", "fields": [
            {"name": "connector", "type": "string"}, {"name": "ts_ms", "type": "long"},
            {"name": "lsn", "type": ["null", "long"], "default": None},
        ],
    }  # fmt: skip
    schema = {
        "type": "record", "name": "Envelope", "fields": [
            {"name": "before", "type": ["null", value], "default": None},
            {"name": "after", "type": ["null", "city.water.Meter"], "default": None},
            {"name": "source", "type": source}, {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"], "default": None},
        ],
    }  # fmt: skip
    heartbeat = {"type": "record", "name": "Heartbeat", "fields": [{"name": "ts_ms", "type": "long"}]}
    of_change = registry.register("changed-value", schema)
    of_heartbeat = registry.register("heartbeat-value", heartbeat)

    def image(number, **more):
        # Without its name the day of a connector is a number; fastavro writes what it is given.
        local = 1_586_248_200_000_000
        plain = reading(number) | {"read_on": 18_359, "read_at": local, "note": None, "tags": None}
        return plain | more

    def change(op, before, after, lsn):
        where = {"connector": "postgresql", "ts_ms": 1_700_000_000_123, "lsn": lsn}
        envelope = {"before": before, "after": after, "source": where, "op": op, "ts_ms": 5}
        return (b"k", message(of_change, schema, envelope))

    broker.publish(CHANGED, [
        change("r", None, image(1), 10),
        change("c", None, image(2), 20),
        change("c", None, image(3), 21),
        (b"k", message(of_heartbeat, heartbeat, {"ts_ms": 1_700_000_000_200})),
        change("u", image(1), image(1, note="改", reading=100), 30),
        change("d", image(2), None, 40),
        (b"k", None),
        change("u", image(3), image(4), 50),
        change("u", None, image(1, note="迟到", reading=1), 25),
    ])  # fmt: skip
    city.run_once(broker)
    expected = [reading(1, note="改", reading=100), reading(4)]
    rows = [stored(value) for value in expected]
    assert current(city, "pool_changed") == rows


def test_a_registry_that_is_away_holds_up_its_datasets_alone(broker, registry, city):
    number = registry.register("away-value", FIRST)
    registry.stop()
    try:
        broker.publish(METER, [(b"k", message(number, FIRST, reading(n))) for n in range(500)])
        plain = {"meter_no": "P1", "reading": 1}
        broker.publish(PLAIN, [(b"k", json.dumps(plain).encode())] * 500)
        process, port = city.start_served(broker)
        lake = Lake(city.lake)

        def landed(topic):
            table = f"changes/{DATASETS[topic]}"
            return progress(lake.commits(table)).get(f"{topic}/0") if lake.exists(table) else None

        eventually(lambda: landed(PLAIN) == 500, 60, process)
        eventually(lambda: "waits for the schema registry" in get(port, "/readyz")[1], 30, process)
        assert 'huiliu_dataset_waiting{dataset="pool_meter"} 1' in get(port, "/metrics")[1]
        assert landed(METER) is None
        # What comes meanwhile is not lost either, and the other dataset goes on.
        broker.publish(METER, [(b"k", message(number, FIRST, reading(n))) for n in range(500, 900)])
        broker.publish(PLAIN, [(b"k", json.dumps(plain).encode())] * 100)
        eventually(lambda: landed(PLAIN) == 600, 60, process)
    finally:
        registry.start()
    eventually(lambda: landed(METER) == 900, 90, process)
    eventually(lambda: get(port, "/readyz")[0] == 200, 60, process)
    assert 'huiliu_dataset_waiting{dataset="pool_meter"} 0' in get(port, "/metrics")[1]
    assert drain(process) == 0
    city.run_once(broker)
    assert current(city, "pool_meter") == [stored(reading(n)) for n in range(900)]
    account_for(broker, city, METER)


def test_kills_and_a_registry_that_comes_and_goes_lose_nothing(broker, registry, city):
    print(f"\nseed {SEED}")
    chance = random.Random(SEED)
    ids = [registry.register("storm-value", schema) for schema in (FIRST, SECOND)]
    expected = {}
    for turn in range(6):
        records = []
        for _ in range(1_000):
            value = reading(chance.randrange(300))
            value["reading"] = chance.randrange(1 << 31)
            newer = turn >= 2 and chance.random() < 0.5
            if newer:
                value |= {"note": f"第{turn}轮", "tags": [], "vendor": "v"}
            schema = (FIRST, SECOND)[newer]
            records.append((b"k", message(ids[newer], schema, value)))
            expected[value["meter_no"]] = stored(value)
        broker.publish(METER, records)
        if turn == 3:
            registry.stop()
        process = city.start(broker)
        time.sleep(chance.uniform(0.3, 3.0))
        process.kill()
        process.wait()
        if turn == 3:
            registry.start()
    city.run_once(broker)
    rows = [expected[key] for key in sorted(expected)]
    assert current(city, "pool_meter") == rows
    account_for(broker, city, METER)


def test_an_id_that_is_registered_later_is_replayed(broker, registry, city):
    # The registry numbers new texts one by one, and gives a text that it has its old number.
    latest = registry.register("known-value", FIRST | {"doc": "the newest so far"})
    later = latest + 1
    value = reading(7, note="补", tags=["t"], vendor="v")
    broker.publish(METER, [(b"k", message(later, SECOND, value))])
    city.run_once(broker)
    assert rejected(city, "pool_meter") == {0: "SCHEMA_UNKNOWN"}
    assert current(city, "pool_meter") == []
    newer = SECOND | {"doc": "registered after its first record"}
    assert registry.register("known-value", newer) == later
    city.run(
        "quarantine", "replay", "pool_meter", "--all", "--as", "trial", "--lake", city.lake,
        "--protection", "plain",
    )  # fmt: skip
    city.run_once(broker)
    assert current(city, "pool_meter") == [stored(value)]
