"""The oracle itself: on a small lake made by hand it passes, and each wrong it is there to find
makes it fail. Needs neither services nor the binary."""

import json
from datetime import date, datetime, UTC
from decimal import Decimal

import pyarrow
import pyarrow.parquet
import pytest

from accounting import check_everything
from fold import fold, key_of
from lake import Lake

TOPIC = "feed.water.bill"
NOON = datetime(2020, 5, 1, 4, 0, tzinfo=UTC)

TYPES = {
    "account_no": pyarrow.string(),
    "bill_month": pyarrow.date32(),
    "qty": pyarrow.decimal128(18, 2),
    "amount": pyarrow.decimal128(18, 2),
    "kafka_topic": pyarrow.string(),
    "sys_kafka_topic": pyarrow.string(),
    "sys_epoch": pyarrow.int64(),
    "sys_seq": pyarrow.int64(),
    "sys_rank": pyarrow.int32(),
    "sys_offset": pyarrow.int64(),
    "sys_partition": pyarrow.int32(),
    "sys_ordinal": pyarrow.int32(),
    "sys_event_time": pyarrow.timestamp("us", "UTC"),
}
SPARK = {"string": "string", "date32[day]": "date", "int64": "long", "int32": "integer"}


def envelope(op, seq, account, month, qty):
    image = {"account_no": account, "bill_month": month, "qty": qty, "amount": "10.00"}
    before, after = (image, None) if op == "d" else (None, image)
    record = {"v": 1, "ds": "water_bill", "op": op, "seq": seq, "before": before, "after": after}
    record["event_time"] = "2020-05-01T12:00:00+08:00"
    return json.dumps(record).encode()


class SmallBroker:
    """Offsets 0 to 6 of one partition: two bills, a late change, a tombstone and a bad record."""

    values = [
        envelope("c", 1, "５００1", "2020-05", 1),
        envelope("c", 2, " 5002", "20200501", 2),
        envelope("u", 9, "5001", "2020-05-01", 3),
        envelope("u", 5, "5001", "2020/5/1", 4),
        b"{not json",
        envelope("d", 10, "5002", "2020-05-01", 2),
        None,
    ]

    def ends(self):
        return {(TOPIC, 0): len(self.values)}

    def records(self, ends):
        yield from ((TOPIC, 0, offset, value) for offset, value in enumerate(self.values))


def write_table(root, name, columns, versions):
    """A Delta table: per version its rows, the range it covers and its tally."""
    table = root / name
    (table / "_delta_log").mkdir(parents=True)
    schema = pyarrow.schema([(column, TYPES[column]) for column in columns])
    fields = [
        {"name": f.name, "type": spark(f.type), "nullable": True, "metadata": {}} for f in schema
    ]
    meta = {
        "id": "1", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
        "schemaString": json.dumps({"type": "struct", "fields": fields}), "configuration": {},
    }  # fmt: skip
    first = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": meta}]
    for version, (rows, covers, tally) in enumerate([([], None, None), *versions]):
        actions = first if version == 0 else []
        if covers:
            receipt = {"covers": {f"{TOPIC}/0": covers}, "tally": tally}
            actions.append({"commitInfo": {"operation": "WRITE", "huiliu": receipt}})
            actions.append({"txn": {"appId": f"{TOPIC}/0", "version": covers[1]}})
        if rows:
            path = table / f"{version}.parquet"
            data = pyarrow.Table.from_pylist([dict(zip(columns, r)) for r in rows], schema)
            pyarrow.parquet.write_table(data, path)
            add = {"path": path.name, "partitionValues": {}, "size": path.stat().st_size}
            actions.append({"add": add | {"modificationTime": 0, "dataChange": True}})
        text = "".join(json.dumps(action) + "\n" for action in actions)
        (table / "_delta_log" / f"{version:020}.json").write_text(text)


def spark(kind):
    if pyarrow.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return SPARK.get(str(kind), "timestamp")


def make_lake(root, **wrong):
    """The lake that SmallBroker's records should become, or one with something wrong in it."""
    place = ["sys_kafka_topic", "sys_partition", "sys_offset", "sys_ordinal"]
    first = wrong.get("first", [0, 3])
    def rows_at(*offsets):
        return [(TOPIC, 0, offset, 0) for offset in offsets]

    changes = [
        (rows_at(0, 1, 2), first, {"accepted": 3}),
        ([*rows_at(3, 5), *wrong.get("extra", [])], [3, 7],
         {"accepted": 2, "rejected": 1, "tombstones": 1}),
    ]  # fmt: skip
    write_table(root, "changes/water_bill", place, changes[: wrong.get("commits", 2)])
    rejects = wrong.get("rejects", [(TOPIC, 0, 4)])
    write_table(
        root, "quarantine/water_bill", ["kafka_topic", "sys_partition", "sys_offset"],
        [(rejects, [3, 7], {"accepted": 2, "rejected": 1, "tombstones": 1})],
    )  # fmt: skip
    seq, offset, qty = wrong.get("winner", (9, 2, Decimal("3.00")))
    row = ("5001", date(2020, 5, 1), qty, Decimal("10.00"), 0, seq, 1, offset, 0, 0, NOON)
    columns = [name for name in TYPES if not name.endswith("kafka_topic")]
    rows = [row, *wrong.get("risen", [])]
    write_table(root, "current/water_bill", columns, [(rows, None, None)])
    return Lake(str(root))


def test_a_right_lake_passes(tmp_path):
    facts = check_everything(SmallBroker(), make_lake(tmp_path))
    expected = {"accepted": 5, "rejected": 1, "tombstones": 1, "offsets": 7, "commits": 3}
    assert facts == expected | {"current": 1}


DEAD = ("5002", date(2020, 5, 1), Decimal(2), Decimal(10), 0, 2, 1, 1, 0, 0, NOON)
WRONGS = {
    "a hole between two commits": ({"first": [0, 2]}, "covers"),
    "two commits overlap": ({"first": [0, 4]}, "covers"),
    "the last offsets are not read": ({"commits": 1}, "feed.water.bill"),
    "a row stands twice": ({"extra": [(TOPIC, 0, 5, 0)]}, "twice"),
    "a record is accepted and refused": ({"extra": [(TOPIC, 0, 4, 0)]}, "twice"),
    "a row is another topic's": ({"extra": [(TOPIC + ".x", 0, 4, 0)], "rejects": []}, "lost"),
    "a reject is missing": ({"rejects": []}, "lost"),
    "a reject stands twice": ({"rejects": [(TOPIC, 0, 4)] * 2}, "twice"),
    "a late change has won": ({"winner": (5, 3, Decimal("4.00"))}, "water_bill"),
    "a deleted row is there": ({"risen": [DEAD]}, "should not be there"),
    "an amount is another": ({"winner": (9, 2, Decimal("3.01"))}, "qty"),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_wrong_lake_is_found(tmp_path, wrong):
    change, said = WRONGS[wrong]
    with pytest.raises(AssertionError, match=said):
        check_everything(SmallBroker(), make_lake(tmp_path, **change))


def test_a_changed_key_is_a_delete_and_a_create():
    moved = {
        "v": 1,
        "op": "u",
        "seq": 2,
        "before": {"account_no": "1"},
        "after": {"account_no": "2"},
    }
    made = {"v": 1, "op": "c", "seq": 1, "before": None, "after": {"account_no": "1"}}
    records = [(0, offset, json.dumps(r).encode()) for offset, r in enumerate([made, moved])]
    state = fold("water_account", records, set())
    assert {key: change.order for key, change in state.items()} == {("2",): (0, 2, 1, 1, 0, 1)}


def test_a_snapshot_read_loses_against_a_change_of_its_sequence():
    update = {"op": "u", "seq": 4, "before": None, "after": {"account_no": "1"}}
    read = {"op": "r", "seq": 4, "before": None, "after": {"account_no": "1"}}
    records = [(0, offset, json.dumps(r).encode()) for offset, r in enumerate([update, read])]
    assert fold("gas_account", records, set())[("1",)].order == (0, 4, 1, 0, 0, 0)


KEYS = [
    ("le_entity", {"uscc": "91350100 m000-100y43"}, ("91350100M000100Y43",)),
    # The example printed in GB 11643, with fifteen and with eighteen characters.
    ("np_person", {"citizen_id": "110105491231002"}, ("11010519491231002X",)),
    ("np_person", {"citizen_id": "11010519491231002x"}, ("11010519491231002X",)),
    ("le_shareholder", {"uscc": "A", "holder_seq": "2.0"}, ("A", 2)),
    ("gas_bill", {"account_no": "1", "bill_month": "2019年12月26日"}, ("1", date(2019, 12, 1))),
    ("water_bill", {"account_no": "1", "bill_month": "43825"}, ("1", date(2019, 12, 1))),
]


@pytest.mark.parametrize("dataset, image, key", KEYS)
def test_keys_come_to_one_form(dataset, image, key):
    assert key_of(dataset, image) == key
