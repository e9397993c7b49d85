"""Files that departments deliver: the same rows in every form, twice, killed, and broken."""

import csv
import datetime
import gzip
import io
import json
import signal
import subprocess
import time
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake import Lake, progress, receipts
from program import Huiliu, eventually, messages, peak_bytes

NAMES = [
    "account_no", "bill_month", "qty", "amount", "paid_amount", "due_date", "paid_date",
    "pay_status", "updated_at",
]  # fmt: skip
TITLES = [
    "户号", "账单月", "用量(m3)", "应缴金额(元)", "已缴金额(元)", "缴费截止日", "缴清日期", "缴费状态", "更新时间",
]  # fmt: skip
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
# Where a row came from and when it was loaded differ between files of the same rows.
OWN = {"sys_kafka_time", "sys_ingest_time"}


def bill(number):
    """Values as Python has them."""
    day = datetime.date(2020, 1 + number % 12, 1)
    return {
        "account_no": str(5_001_000_000 + number),
        "bill_month": day,
        "qty": Decimal(number % 7 * 3) / 2,
        "amount": Decimal(number * 7 + 5).scaleb(-2),
        "paid_amount": Decimal(number * 7 + 5).scaleb(-2),
        "due_date": day + datetime.timedelta(days=20),
        "paid_date": None if number % 3 == 0 else day + datetime.timedelta(days=11),
        "pay_status": str(number % 2),
        "updated_at": datetime.datetime(2020, 6, 18, 10, number % 60, tzinfo=SHANGHAI),
    }


BILLS = [bill(number) for number in range(1_000)]


def text(value):
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def as_csv(rows, names=NAMES, encoding="utf-8", **dialect):
    out = io.StringIO()
    writer = csv.writer(out, **dialect)
    writer.writerow(names)
    writer.writerows([text(row[name]) for name in NAMES] for row in rows)
    return out.getvalue().encode(encoding)


def as_json_lines(rows):
    def plain(value):
        return float(value) if isinstance(value, Decimal) else text(value) or None

    lines = (json.dumps({k: plain(v) for k, v in row.items()}, ensure_ascii=False) for row in rows)
    return "\n".join(lines).encode()


def as_envelope(rows):
    def record(row):
        after = json.loads(as_json_lines([row]))
        return {"v": 1, "ds": "water_bill", "op": "r", "seq": 0, "src": {}, "after": after}

    return "\n".join(json.dumps(record(row)) for row in rows).encode()


def as_parquet(rows):
    money = pa.decimal128(18, 2)
    types = [pa.string(), pa.date32(), money, money, money, pa.date32(), pa.date32(), pa.string(),
             pa.timestamp("us", "Asia/Shanghai")]  # fmt: skip
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(list(zip(NAMES, types)))), out)
    return out.getvalue()


def load(huiliu, path, *more, **settings):
    done = huiliu.run(
        "load", "water_bill", path, "--lake", huiliu.lake, "--protection", "plain",
        "--output", "json", *more, **settings,
    )  # fmt: skip
    return json.loads(done.stdout)


def delivered(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def contents(lake, table="current/water_bill"):
    """The rows by key, without what a file has of its own."""
    rows = lake.rows(table)
    names = [name for name in rows if name not in OWN]
    found = [{name: rows[name][i] for name in names} for i in range(len(rows["sys_seq"]))]
    return sorted(found, key=lambda row: (row["account_no"], row["bill_month"]))


def test_every_form_of_the_same_rows_gives_the_same_table(binary, tmp_path):
    files = {
        "utf8.csv": as_csv(BILLS),
        "gb18030.csv": as_csv(BILLS, TITLES, "gb18030", delimiter=";", quoting=csv.QUOTE_ALL),
        "excel.csv": as_csv(BILLS, TITLES, "utf-8-sig", delimiter="\t"),
        "plain.jsonl": as_json_lines(BILLS),
        "envelope.jsonl": as_envelope(BILLS),
        "rows.parquet": as_parquet(BILLS),
        "packed.csv.gz": gzip.compress(as_csv(BILLS)),
    }
    tables, named = {}, set()
    for name, content in files.items():
        program = Huiliu(binary, tmp_path / f"{name}-work", str(tmp_path / f"{name}-lake"))
        report = load(program, delivered(tmp_path, name, content))
        assert (report["rows"], report["accepted"], report["rejected"]) == (1_000, 1_000, 0), name
        tables[name] = contents(Lake(program.lake))
        # QUOTE_ALL writes an empty text for None; the normaliser takes it for null and says so.
        for row in tables[name] if name == "gb18030.csv" else []:
            row["sys_flags"] = None
        (file,) = {row.pop("sys_kafka_topic") for row in tables[name]}
        assert file.startswith("file/"), file
        named.add(file)

    assert len(named) == len(files), "every file has a name of its own"
    first = tables["utf8.csv"]
    assert len(first) == len(BILLS)
    for row, wanted in zip(first, sorted(BILLS, key=lambda b: b["account_no"])):
        for name in NAMES:
            assert row[name] == wanted[name], (name, row, wanted)
        assert (row["sys_seq"], row["sys_rank"]) == (0, 0)
    for name, table in tables.items():
        assert table == first, name


def test_loading_twice_changes_nothing(huiliu, tmp_path):
    path = delivered(tmp_path, "bills.csv", as_csv(BILLS))
    first = load(huiliu, path)["files"][0]
    assert (first["state"], first["rows"]) == ("loaded", 1_000)
    lake = Lake(huiliu.lake)
    tables = ["changes/water_bill", "current/water_bill", "quarantine/water_bill"]
    before = {table: len(lake.commits(table)) for table in tables}

    copy = delivered(tmp_path, "copy-of-bills.csv", path.read_bytes())
    second = load(huiliu, copy)
    assert second["files"][0]["state"] == "already loaded"
    assert (second["rows"], second["files"][0]["rows_before"]) == (0, 1_000)
    assert {table: len(lake.commits(table)) for table in tables} == before

    sm3 = subprocess.run(["openssl", "dgst", "-sm3", path], capture_output=True, text=True)
    if sm3.returncode == 0:
        assert first["sm3"] == sm3.stdout.split()[-1]
    assert first["partition"] == f"file/{first['sm3'][:32]}"
    assert progress(lake.commits("changes/water_bill"))[f"{first['partition']}/0"] == 1_000


def test_a_snapshot_never_beats_a_newer_change_and_an_upsert_of_a_higher_sequence_does(
    huiliu, tmp_path
):
    newer = {"v": 1, "ds": "water_bill", "op": "u", "seq": 5, "src": {},
             "after": json.loads(as_json_lines([BILLS[1] | {"amount": Decimal("9.99")}]))}  # fmt: skip
    load(huiliu, delivered(tmp_path, "newer.jsonl", json.dumps(newer).encode()))
    load(huiliu, delivered(tmp_path, "all.csv", as_csv(BILLS[:3])))
    amounts = [row["amount"] for row in contents(Lake(huiliu.lake))]
    assert amounts == [BILLS[0]["amount"], Decimal("9.99"), BILLS[2]["amount"]]

    later = as_csv([BILLS[1] | {"amount": Decimal("1.23")}])
    load(huiliu, delivered(tmp_path, "later.csv", later), "--seq", 6, "--op", "upsert")
    assert contents(Lake(huiliu.lake))[1]["amount"] == Decimal("1.23")


def test_a_killed_load_goes_on_and_every_row_is_there_once(huiliu, tmp_path):
    huiliu.settle(commit_every="100ms")
    count = 400_000
    rows = [bill(number) for number in range(count)]
    path = delivered(tmp_path, "many.csv", as_csv(rows))
    log = tmp_path / "lake" / "changes" / "water_bill" / "_delta_log"
    killed = 0
    for round_ in range(1, 4):
        process = started(huiliu, path)
        eventually(lambda: commits(log) > round_ or process.poll() is not None, 120)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        assert process.wait() in (0, -signal.SIGKILL), messages(process)
    assert killed, "it was never caught in the middle"
    report = load(huiliu, path)
    assert 0 < report["files"][0]["rows_before"] < count, "the kills came too early or too late"
    assert report["files"][0]["rows_before"] + report["rows"] == count

    lake = Lake(huiliu.lake)
    offsets = Counter(lake.rows("changes/water_bill", ["sys_offset"])["sys_offset"])
    assert len(offsets) == count and set(offsets.values()) == {1}
    assert sorted(offsets) == list(range(count))
    reached = 0
    for receipt in receipts(lake.commits("changes/water_bill")):
        [(start, end)] = receipt["covers"].values()
        assert start == reached
        reached = end
    assert reached == count
    keys = lake.rows("current/water_bill", ["account_no"])["account_no"]
    assert len(keys) == len(set(keys)) == count


def test_two_loads_of_one_file_at_once_load_it_once(huiliu, tmp_path):
    huiliu.settle(commit_every="100ms")
    count = 200_000
    path = delivered(tmp_path, "many.csv", as_csv([bill(number) for number in range(count)]))
    load(huiliu, delivered(tmp_path, "first.csv", as_csv([bill(count)])))
    both = [started(huiliu, path), started(huiliu, path)]
    for process in both:
        assert process.wait(300) == 0, messages(process)
    rows = Lake(huiliu.lake).rows("changes/water_bill", ["account_no"])["account_no"]
    assert len(rows) == len(set(rows)) == count + 1


def started(huiliu, path, *more):
    output = open(huiliu.directory / f"load-{time.monotonic_ns()}.log", "wb")
    process = subprocess.Popen(
        [huiliu.path, "load", "water_bill", path, "--lake", huiliu.lake, "--protection", "plain",
         *more],
        cwd=huiliu.directory, env=huiliu.environment, stdin=subprocess.DEVNULL, stdout=output,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    process.log = output.name
    huiliu.processes.append(process)
    return process


def commits(log):
    return len(list(log.glob("*.json"))) if log.is_dir() else 0


def test_ctrl_c_lands_what_was_prepared_and_says_how_to_go_on(huiliu, tmp_path):
    huiliu.settle(commit_every="100ms")
    path = delivered(tmp_path, "many.csv", as_csv([bill(number) for number in range(400_000)]))
    process = started(huiliu, path)
    log = tmp_path / "lake" / "changes" / "water_bill" / "_delta_log"
    eventually(lambda: commits(log) > 1, 120, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, messages(process)
    said = messages(process)
    if "stopped" not in said:
        pytest.skip("it was done before the signal")
    assert "goes on from the last commit" in said
    again = load(huiliu, path)
    assert again["files"][0]["rows_before"] + again["rows"] == 400_000


BROKEN = b"""account_no,bill_month,qty,amount,paid_amount,due_date,pay_status,updated_at
5001123401,2020-05-01,1,2.50,2.50,2020-06-20,1,2020-06-18T10:00:00+08:00
5001123402,2020-05-01
,2020-05-01,1,2.50,2.50,2020-06-20,1,2020-06-18T10:00:00+08:00
5001123403,soon,1,2.50,2.50,2020-06-20,1,2020-06-18T10:00:00+08:00
5001123404,"2020-05-01,1,2.50,2.50,2020-06-20,1,2020-06-18T10:00:00+08:00
5001123405,2020-05-01,much,2.50,2.50,2020-06-20,1,2020-06-18T10:00:00+08:00
"""


def test_broken_rows_go_to_quarantine_with_their_number_and_stop_nothing(huiliu, tmp_path):
    report = load(huiliu, delivered(tmp_path, "broken.csv", BROKEN))
    assert (report["rows"], report["accepted"], report["rejected"]) == (6, 2, 4)
    rows = Lake(huiliu.lake).rows("quarantine/water_bill")
    found = dict(zip(rows["sys_offset"], zip(rows["reason"], rows["field"])))
    assert found[1] == ("FIELD_COUNT", None)
    assert found[2] == ("KEY_MISSING", "account_no")
    assert found[3][1] == "bill_month"
    assert found[4] == ("TRUNCATED", None)
    assert set(rows["kafka_topic"]) == {report["files"][0]["partition"]}
    raw = dict(zip(rows["sys_offset"], rows["raw"]))
    assert raw[1] == b"5001123402,2020-05-01"
    accepted = Lake(huiliu.lake).rows("changes/water_bill", ["account_no", "qty", "sys_flags"])
    flags = dict(zip(accepted["account_no"], zip(accepted["qty"], accepted["sys_flags"])))
    assert flags["5001123401"] == (Decimal("1.00"), None)
    assert flags["5001123405"] == (None, "qty:TYPE")
    columns = {line["column"]: line for line in report["columns"]}
    # Two rows fell into no fields; of the other four one has no number here.
    assert (columns["qty"]["checked"], columns["qty"]["passed"]) == (4, 3)
    assert columns["qty"]["findings"] == {"TYPE": 1}
    assert report["files"][0]["absent_columns"] == ["paid_date"]
    again = load(huiliu, tmp_path / "broken.csv")
    assert again["files"][0]["state"] == "already loaded"
    assert len(Lake(huiliu.lake).rows("quarantine/water_bill", ["reason"])["reason"]) == 4


def test_a_dry_run_says_the_same_and_writes_nothing(huiliu, tmp_path):
    path = delivered(tmp_path, "broken.csv", BROKEN)
    done = huiliu.run("load", "water_bill", path, "--dry-run", "--output", "json")
    rehearsed = json.loads(done.stdout)
    assert not (tmp_path / "lake").exists() and not (huiliu.directory / "lake").exists()
    assert rehearsed["format_version"] and rehearsed["dry_run"] is True
    loaded = load(huiliu, path)
    for part in ["rows", "accepted", "rejected", "columns", "rejects", "samples"]:
        assert rehearsed[part] == loaded[part], part
    # bill_month is L2 and may be shown; account_no is L3 and may not.
    values = {(s["column"], s["value"]) for s in rehearsed["samples"]}
    assert ("bill_month", "soon") in values and "5001123" not in json.dumps(rehearsed["samples"])
    text = huiliu.run("load", "water_bill", path, "--dry-run").stdout.decode()
    assert "nothing was written" in text and "FIELD_COUNT" in text


def test_standard_input_is_a_file_like_any_other(huiliu, tmp_path):
    path = delivered(tmp_path, "bills.csv", as_csv(BILLS[:50]))
    with open(path, "rb") as stdin:
        assert load(huiliu, "-", stdin=stdin)["accepted"] == 50
    assert load(huiliu, path)["files"][0]["state"] == "already loaded"


@pytest.mark.parametrize(
    "name, content, code, said",
    [("none.csv", None, 78, "none.csv"), ("empty.csv", b"", 65, "is empty"),
     ("x.csv", b"x,y\n1,2\n", 65, "no column of dataset"),
     ("x.json", b'[{"account_no": "1"}]', 65, "jq"),
     ("x.xlsx", b"PK\x03\x04rest", 65, "CSV"),
     ("cut.csv.gz", gzip.compress(as_csv(BILLS))[:-30], 65, "damaged")],
)  # fmt: skip
def test_a_file_that_cannot_be_loaded_says_why_and_what_to_do(
    huiliu, tmp_path, name, content, code, said
):
    path = tmp_path / name if content is None else delivered(tmp_path, name, content)
    done = huiliu.run(
        "load", "water_bill", path, "--lake", huiliu.lake, "--protection", "plain", expect=code
    )
    assert done.stdout == b""
    assert said in done.stderr.decode() and "help:" in done.stderr.decode()


def test_an_unknown_dataset_is_a_usage_error_that_names_the_declared_ones(huiliu, tmp_path):
    path = delivered(tmp_path, "bills.csv", as_csv(BILLS[:1]))
    done = huiliu.run("load", "water_bil", path, expect=2)
    assert "water_bill" in done.stderr.decode()


def test_a_file_larger_than_the_memory_it_may_take_is_streamed(huiliu, tmp_path):
    header, block = as_csv(BILLS).split(b"\n", 1)
    path = tmp_path / "large.csv"
    with open(path, "wb") as out:
        out.write(header + b"\n")
        out.writelines([block] * 4_000)
    process = started(huiliu, path, "--dry-run")
    code, peak = peak_bytes(process)
    assert code == 0, messages(process)
    assert "4,000,000 accepted" in messages(process)
    size = path.stat().st_size
    assert size > 300 << 20 and peak < 300 << 20, f"{peak >> 20} MiB for {size >> 20} MiB"
