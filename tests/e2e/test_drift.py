"""Records that leave their contract, per policy, and a contract that follows them."""

import json
import re
import shutil

import pytest

from lake import Lake
from places import REPOSITORY
from test_bad_input import bill, text

WATER = "feed.water.bill"


def pipelines(huiliu, change):
    """A copy of the pipelines of its own, with `change` applied to that of water bills."""
    folder = huiliu.directory / "pipelines"
    if not folder.exists():
        shutil.copytree(REPOSITORY / "pipelines", folder)
    path = folder / "feed" / "water_bill.yaml"
    path.write_text(change((REPOSITORY / "pipelines" / "feed" / "water_bill.yaml").read_text()))
    settings = huiliu.directory / "huiliu.yaml"
    settings.write_text(re.sub(r"pipelines: .*", f"pipelines: {folder}", settings.read_text()))


def policy(**words):
    said = ", ".join(f"{kind}: {word}" for kind, word in words.items())
    return lambda contract: f"{contract.rstrip()}\ndrift: {{{said}}}\n"


def account(offset):
    return f"5001{offset:06d}"


def changed(offset):
    """The stream: 20 an added field, 30 a value too wide, 40 narrower, 50 another order,
    60 a retyped date; from 200 on `due_date` is named `deadline`."""
    record = bill(account(offset), seq=offset + 1)
    after = record["after"]
    match offset:
        case 20:
            after["note"] = {"text": "新"}
        case 30:
            after["amount"] = 12345678901234567.891
        case 40:
            after["amount"] = 1
        case 50:
            record["after"] = dict(reversed(after.items()))
        case 60:
            after["paid_date"] = {"day": 1}
    if offset >= 200:
        after["deadline"] = after.pop("due_date")
    return (b"k", text(record))


@pytest.fixture
def stream(broker, topics):
    broker.create(topics)
    broker.publish(WATER, [changed(offset) for offset in range(200)])
    return broker


def drift(huiliu):
    rows = huiliu.query("SELECT kind, field, first_offset, record_count, policy FROM ledger.drift")
    return {(row["kind"], row["field"]): row for row in rows}


def test_what_is_ignored_is_noted_and_every_row_is_right(stream, huiliu):
    huiliu.run_once(stream)
    stream.publish(WATER, [changed(offset) for offset in range(200, 400)])
    huiliu.run_once(stream)
    seen = drift(huiliu)
    found = {key: (row["first_offset"], row["policy"]) for key, row in seen.items()}
    assert found[("added", "note")] == (20, "ignore")
    assert found[("added", "deadline")] == (200, "ignore")
    assert found[("widened", "amount")] == (30, "ignore")
    assert found[("retyped", "paid_date")] == (60, "ignore")
    rows = Lake(huiliu.lake).rows("changes/water_bill", ["account_no", "due_date", "sys_extra"])
    due = dict(zip(rows["account_no"], rows["due_date"]))
    assert all((due[account(offset)] is None) == (offset >= 200) for offset in range(400))
    assert set(rows["sys_extra"]) == {None}


def test_quarantine_takes_the_records_that_drift(stream, huiliu):
    pipelines(huiliu, policy(added="quarantine", retyped="quarantine", widened="quarantine"))
    huiliu.run_once(stream)
    rows = Lake(huiliu.lake).rows("quarantine/water_bill", ["sys_offset", "reason"])
    found = dict(zip(rows["sys_offset"], rows["reason"]))
    assert found == {20: "FIELD_UNKNOWN", 30: "RANGE", 60: "TYPE"}


def test_a_new_field_is_kept_until_the_contract_names_it(stream, huiliu):
    pipelines(huiliu, policy(added="evolve"))
    huiliu.run_once(stream)
    lake = Lake(huiliu.lake)
    rows = lake.rows("changes/water_bill", ["account_no", "sys_extra"])
    extra = {a: json.loads(x) for a, x in zip(rows["account_no"], rows["sys_extra"]) if x}
    assert extra == {account(20): {"note": {"text": "新"}}}

    # The contract gains the column: the tables follow, old rows have null in it.
    column = "  - {name: remark, title: 备注, type: string, grade: L2}\n"

    def wider(contract):
        return re.sub(r"(?m)^columns:\n", lambda head: head[0] + column, contract)

    pipelines(huiliu, wider)
    record = bill(account(300), seq=301)
    record["after"]["remark"] = "已核"
    stream.publish(WATER, [(b"k", text(record))])
    huiliu.run_once(stream)
    rows = lake.rows("current/water_bill", ["account_no", "remark"])
    remark = dict(zip(rows["account_no"], rows["remark"]))
    assert remark.pop(account(300)) == "已核"
    assert len(remark) == 200 and set(remark.values()) == {None}
    [row] = huiliu.query("SELECT count(*) AS n, count(remark) AS r FROM current.water_bill")
    assert row == {"n": 201, "r": 1}
    huiliu.run("refresh", "--as-of", "2020-12-31", "--lake", huiliu.lake, "--protection", "plain")

    # The column cannot be taken back.
    pipelines(huiliu, lambda contract: contract)
    done = huiliu.run_once(stream, expect=78)
    assert b"differ in `remark`" in done.stderr and b"Set it back" in done.stderr


def test_a_stop_leaves_the_records_unread_until_it_is_resolved(stream, huiliu):
    pipelines(huiliu, policy(added="stop"))
    done = huiliu.run_once(stream, expect=65)
    assert b"field `note` was added" in done.stderr
    lake = Lake(huiliu.lake)
    found = lake.rows("changes/water_bill", ["account_no"])["account_no"]
    assert account(20) not in found
    huiliu.run(
        "incidents", "resolve", "water_bill", "--why", "trial", "--yes", "--lake", huiliu.lake
    )
    huiliu.run_once(stream)
    found = lake.rows("changes/water_bill", ["account_no"])["account_no"]
    assert sorted(found) == [account(offset) for offset in range(200)], "each once"
    assert ("added", "note") in drift(huiliu)
