"""Records that nobody should send: each gets its reason, none stops the others."""

import json

import pytest

from accounting import check_offsets
from lake import Lake
from program import peak_bytes, messages

TOPIC = "feed.water.bill"
HUGE_BYTES = 20_000_000
# Far below the 600 MB of the huge records: they are not held side by side.
RESIDENT_BYTES_MAX = 400 << 20


def bill(account, month="2020-05-01", **envelope):
    after = {
        "account_no": account, "bill_month": month, "qty": 10.5, "amount": 36.75,
        "paid_amount": 36.75, "due_date": "2020-06-20", "paid_date": "2020-06-18",
        "pay_status": "1", "updated_at": "2020-06-18T10:00:00+08:00",
    }  # fmt: skip
    record = {
        "v": 1, "ds": "water_bill", "op": "c", "seq": 1,
        "event_time": "2020-06-18T10:00:00+08:00", "synthetic": True,
        "src": {"dept": "11500000009275543X", "system": "water", "level": "city", "batch": "1"},
        "before": None, "after": after,
    }  # fmt: skip
    return record | envelope


def text(record, **more):
    return json.dumps(record, ensure_ascii=False, **more).encode()


def without(record, name):
    return {key: value for key, value in record.items() if key != name}


GOOD = bill("5001123401")
BAD = {
    "empty": (b"", "EMPTY"),
    "no JSON": (b"hello", "NOT_JSON"),
    "cut off": (text(GOOD)[:-20], "TRUNCATED"),
    "something after the end": (text(GOOD) + b"}", "NOT_JSON"),
    "no object": (b"[1, 2]", "NOT_AN_OBJECT"),
    "nested a hundred thousand deep": (b'{"after":' + b"[" * 100_000, "TOO_DEEP"),
    "not UTF-8": (text(GOOD).replace(b"water_bill", b"water\xffbill"), "NOT_UTF8"),
    "GBK": ('{"ds": "供水账单"}'.encode("gbk"), "NOT_UTF8"),
    "of twenty megabytes": (text(bill("5001123402", note="x" * HUGE_BYTES)), "TOO_LARGE"),
    "an unknown op": (text(GOOD | {"op": "upsert"}), "OP_UNKNOWN"),
    "another dataset": (text(GOOD | {"ds": "np_nobody"}), "DATASET_UNKNOWN"),
    "another version": (text(GOOD | {"v": 2}), "VERSION_UNKNOWN"),
    "no sequence": (text(without(GOOD, "seq")), "SEQUENCE_MISSING"),
    "a sequence in words": (text(GOOD | {"seq": "first"}), "ENVELOPE_FIELD"),
    "no image": (text(GOOD | {"after": None}), "IMAGE_MISSING"),
    "a field twice": (text(GOOD).replace(b'{"v": 1,', b'{"v": 1, "seq": 2,'), "DUPLICATE_FIELD"),
    "no key": (text(GOOD | {"after": without(GOOD["after"], "account_no")}), None),
    "a key that is no date": (text(bill("5001123403", month="soon")), None),
}


@pytest.fixture
def fed(broker, topics, huiliu):
    """Good, bad, good, and nothing at all, in one partition."""
    broker.create(topics)
    values = [GOOD, *(value for value, _ in BAD.values()), bill("5001123499"), None]
    records = [(b"k", v if isinstance(v, bytes) or v is None else text(v)) for v in values]
    broker.publish(TOPIC, records)
    return [(0, offset, value) for offset, (_, value) in enumerate(records)]


def test_each_bad_record_gets_its_reason_and_the_others_pass(broker, huiliu, fed):
    huiliu.run_once(broker)
    lake = Lake(huiliu.lake)
    check_offsets(lake, TOPIC, {0: len(fed)}, fed)

    rows = lake.rows("quarantine/water_bill")
    reasons = dict(zip(rows["sys_offset"], rows["reason"]))
    expected = {offset: reason for offset, (_, reason) in enumerate(BAD.values(), start=1)}
    assert reasons.keys() == expected.keys()
    wrong = {
        name: reasons[offset]
        for offset, name in enumerate(BAD, start=1)
        if expected[offset] not in (None, reasons[offset])
    }
    assert not wrong
    fields = dict(zip(rows["sys_offset"], rows["field"]))
    last = len(BAD)
    assert fields[last - 1] == "account_no" and fields[last] == "bill_month"
    sizes = dict(zip(rows["sys_offset"], rows["raw_bytes"]))
    assert sizes == {offset: len(value) for offset, (value, _) in enumerate(BAD.values(), start=1)}

    accepted = lake.rows("changes/water_bill", ["account_no"])["account_no"]
    assert sorted(accepted) == ["5001123401", "5001123499"]


def test_quarantine_says_the_same_to_a_query(broker, huiliu, fed):
    huiliu.run_once(broker)
    rows = huiliu.query("SELECT reason, count(*) AS n FROM quarantine.water_bill GROUP BY reason")
    counted = {row["reason"]: row["n"] for row in rows}
    assert counted["NOT_UTF8"] == 2 and counted["TOO_LARGE"] == 1
    assert sum(counted.values()) == len(BAD)


def test_huge_records_are_not_held_side_by_side(broker, topics, huiliu):
    broker.create(topics)
    huge = text(bill("5001123402", note="x" * HUGE_BYTES))
    broker.publish(TOPIC, [(b"k", text(GOOD)), *[(b"k", huge)] * 30, (b"k", text(GOOD))])
    process = huiliu.start_once(broker)
    code, peak = peak_bytes(process)
    assert code == 0, messages(process)
    rows = Lake(huiliu.lake).rows("quarantine/water_bill", ["reason", "raw_bytes"])
    assert rows == {"reason": ["TOO_LARGE"] * 30, "raw_bytes": [len(huge)] * 30}
    assert peak < RESIDENT_BYTES_MAX, f"{peak >> 20} MiB resident"


def test_a_stream_of_nonsense_does_not_stop_the_other_datasets(broker, topics, huiliu):
    broker.create(topics)
    broker.publish(TOPIC, [(b"k", b"nonsense %d" % i) for i in range(30_000)])
    gas = GOOD | {"ds": "gas_bill"}
    broker.publish("feed.gas.bill", [(b"k", text(gas))])
    huiliu.run_once(broker, expect=None)
    rows = Lake(huiliu.lake).rows("changes/gas_bill", ["account_no"])
    assert rows["account_no"] == ["5001123401"]
