"""Rejected records on their way back: looked at, repaired, replayed, dropped, sent back, revealed.

Every test goes over a real broker and reads the tables with another reader. Values that must stay
secret are searched for in everything the program prints and writes.
"""

import csv
import json
import pathlib
import shutil
import subprocess

import pyarrow.parquet
import pytest

from lake import Lake
from places import REPOSITORY

TOKEN_KEY, ENCRYPT_KEY = "11" * 32, "22" * 16
DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def resident_id(front17):
    """GB 11643: ISO 7064 MOD 11-2."""
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return front17 + "10X98765432"[sum(int(c) * w for c, w in zip(front17, weights)) % 11]


def uscc(front17):
    """GB 32100: weights are powers of 3 mod 31."""
    total = sum(DIGITS.index(c) * pow(3, i, 31) for i, c in enumerate(front17))
    return front17 + DIGITS[(31 - total % 31) % 31]


def registration_number(front14):
    """GS 15: ISO 7064 MOD 11,10."""
    product = 10
    for digit in front14:
        total = (product + int(digit)) % 10 or 10
        product = total * 2 % 11
    return front14 + str((11 - product) % 10)


def organisation_code(front8):
    """GB 11714."""
    weights = [3, 7, 9, 10, 5, 8, 4, 2]
    total = sum((int(c) if c.isdigit() else ord(c) - 55) * w for c, w in zip(front8, weights))
    return front8 + {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


PERSON = resident_id("50010319900307901")
WRONG_PERSON = PERSON[:-1] + ("0" if PERSON[-1] != "0" else "1")
REG_NO = registration_number("50010500099123")
ORG_CODE = organisation_code("MA5U0AB1")
FIRM = uscc("91500105" + organisation_code("MA5U0CD2"))
OTHER_FIRM = uscc("91500105" + ORG_CODE)


def record(ds, after, seq=1, op="c", before=None):
    return json.dumps(
        {
            "v": 1, "ds": ds, "op": op, "seq": seq, "event_time": "2020-06-18T10:00:00+08:00",
            "synthetic": True, "before": before, "after": after,
            "src": {"dept": "11500000009275543X", "system": "t", "level": "city", "batch": "1"},
        },
        ensure_ascii=False,
    ).encode()  # fmt: skip


def bill(account, month="2020-05-01", seq=1, **more):
    after = {
        "account_no": account, "bill_month": month, "qty": 10.5, "amount": 36.75,
        "paid_amount": 36.75, "due_date": "2020-06-20", "paid_date": "2020-06-18",
        "pay_status": "1", "updated_at": "2020-06-18T10:00:00+08:00",
    }  # fmt: skip
    return record("water_bill", after | more, seq)


def person(citizen_id, name="王小明", seq=1):
    after = {
        "citizen_id": citizen_id, "name": name, "sex_code": "1", "birth_date": "1990-03-07",
        "phone": "13812345678", "is_alive": True, "updated_at": "2020-06-18T10:00:00+08:00",
    }  # fmt: skip
    return record("np_person", after, seq)


def firm(code, reg_no):
    after = {
        "uscc": code, "reg_no": reg_no, "name": "重庆试验有限公司", "status_code": "1",
        "found_date": "2015-01-01", "division_code": "500105",
        "updated_at": "2020-06-18T10:00:00+08:00",
    }  # fmt: skip
    return record("le_entity", after)


def report(code, year):
    after = {
        "uscc": code, "report_year": year, "revenue_wan": 12.5, "published_date": "2020-06-18",
    }  # fmt: skip
    return record("le_annual_report", after)


class Desk:
    """The program with one lake and one protection, and everything it ever printed."""

    def __init__(self, huiliu, broker, protection):
        self.huiliu = huiliu
        self.broker = broker
        self.protection = protection
        self.printed = b""
        huiliu.environment["USER"] = "operator"
        for name, key in {"token": TOKEN_KEY, "encrypt": ENCRYPT_KEY}.items():
            (huiliu.directory / name).write_text(key)
        self.pipelines(REPOSITORY / "pipelines")

    def pipelines(self, folder):
        keys = (
            'keys: {id: k1, token: {secret: "file:token"}, encrypt: {secret: "file:encrypt"}}\n'
            if self.protection == "keys"
            else ""
        )
        (self.huiliu.directory / "huiliu.yaml").write_text(
            f"pipelines: {folder}\nsql: {REPOSITORY / 'sql'}\n"
            f"lake: {self.huiliu.lake}\nprotection: {self.protection}\n{keys}"
        )

    def run(self, *arguments, expect=0):
        done = self.huiliu.run(*arguments, expect=expect)
        self.printed += done.stdout + done.stderr
        return done

    def quarantine(self, *arguments, expect=0):
        return self.run("quarantine", *arguments, expect=expect)

    def ask(self, *arguments, expect=0):
        return json.loads(self.quarantine(*arguments, "--output", "json", expect=expect).stdout)

    def feed(self, kafka_topic, *values):
        self.broker.publish(kafka_topic, [(b"k", value) for value in values])

    def ingest(self):
        self.run("run", "--once", "--bootstrap-servers", self.broker.servers)

    def counts(self, dataset):
        listed = self.ask("list", dataset)
        assert listed["format_version"] == "1.0"
        return listed["open"], listed["repaired"], listed["dropped"]

    def rows(self, table, columns=None):
        return Lake(self.huiliu.lake).rows(table, columns)

    def ledger(self, *columns):
        rows = self.rows("ledger/repairs")
        return sorted(zip(*(rows[column] for column in columns)), key=repr)

    def versions(self):
        """Newest versions of the tables a replay may write."""
        lake = Lake(self.huiliu.lake)
        tables = ["changes/water_bill", "quarantine/water_bill", "ledger/repairs"]
        return {table: len(lake.commits(table)) for table in tables if lake.exists(table)}


@pytest.fixture(params=["plain", "keys"])
def desk(request, broker, topics, huiliu):
    broker.create(topics)
    return Desk(huiliu, broker, request.param)


@pytest.fixture
def plain(broker, topics, huiliu):
    broker.create(topics)
    return Desk(huiliu, broker, "plain")


@pytest.fixture
def sealed(broker, topics, huiliu):
    broker.create(topics)
    return Desk(huiliu, broker, "keys")


def test_a_record_is_shown_repaired_and_takes_its_old_place(desk):
    newer = bill("5001123401", seq=7, amount=99)
    desk.feed("feed.water.bill", bill("5001123402"), bill("5001123401", "soon", seq=5), newer)
    desk.ingest()
    assert desk.counts("water_bill") == (1, 0, 0)
    shown = desk.ask("show", "water_bill", "0:1")["rejects"][0]
    assert (shown["field"], shown["stage"], shown["state"]) == ("bill_month", "cast", "open")
    assert "date" in shown["expects"] and shown["reason_zh"] and shown["remedy_en"]
    fields = {field["field"]: field["value"] for field in shown["fields"]}
    # Grades L3 and L2: an account number keeps its last four, a month is shown.
    assert fields["account_no"] == "******3401" and fields["bill_month"] == "soon"

    failed = desk.quarantine(
        "repair", "water_bill", "0:1", "--set", "bill_month=later", "--as", "wang", expect=65
    )
    assert b"0:1" in failed.stderr
    assert desk.counts("water_bill") == (1, 0, 0)
    done = desk.ask(
        "repair", "water_bill", "0:1", "--set", "bill_month=2020-05", "--as", "wang",
        "--note", "asked by phone",
    )  # fmt: skip
    assert (done["accepted"], done["rejected"]) == (1, 0)
    assert desk.counts("water_bill") == (0, 1, 0)

    rows = desk.rows("changes/water_bill")
    at = rows["sys_offset"].index(1)
    assert (rows["sys_seq"][at], rows["sys_partition"][at], rows["sys_op"][at]) == (5, 0, "c")
    assert str(rows["bill_month"][at]) == "2020-05-01"
    # The newer state of the key stays.
    found = desk.run(
        "query", "SELECT amount FROM current.water_bill WHERE account_no = '5001123401'",
        "-o", "csv",
    )  # fmt: skip
    assert found.stdout.split() == [b"amount", b"99.00"]

    entries = desk.ledger("action", "outcome", "field", "value_before", "value_after", "actor")
    assert ("repair", "accepted", "bill_month", "soon", "2020-05", "wang") in entries
    assert ("repair", "rejected", "bill_month", "soon", "later", "wang") in entries
    repairs = desk.ask("show", "water_bill", "0:1")["rejects"][0]["repairs"]
    assert [r["outcome"] for r in repairs] == ["rejected", "accepted"]
    again = desk.quarantine(
        "repair", "water_bill", "0:1", "--set", "bill_month=2020-06", expect=78
    )
    assert b"repaired" in again.stderr


def changed_pipelines(desk, old, new):
    folder = desk.huiliu.directory / "changed"
    shutil.copytree(REPOSITORY / "pipelines", folder, dirs_exist_ok=True)
    path = folder / "feed" / "water_bill.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return folder


def test_a_new_contract_lets_a_replay_pass_once(desk):
    accounts = ["No. A-17", "No. B-18"]
    desk.feed("feed.water.bill", *(bill(a) for a in accounts), b"nonsense", bill("5001123402"))
    desk.ingest()
    before = desk.versions()
    report = desk.ask("replay", "water_bill", "--all", "--dry-run", "--as", "li")
    assert (report["accepted"], report["rejected"]) == (0, 3)
    assert desk.versions() == before, "a dry run writes nothing"
    desk.ask("replay", "water_bill", "--all", "--as", "li")
    told = desk.ledger("sys_offset", "outcome")
    desk.ask("replay", "water_bill", "--all", "--as", "li")
    assert desk.ledger("sys_offset", "outcome") == told, "nothing new is told"

    desk.pipelines(changed_pipelines(desk, "rule: account_no", "rule: text"))
    both = [
        subprocess.Popen(
            [desk.huiliu.path, "quarantine", "replay", "water_bill", "--field", "account_no",
             "--as", name],
            cwd=desk.huiliu.directory, env=desk.huiliu.environment, stdout=subprocess.DEVNULL,
        )
        for name in ["li", "wang"]
    ]  # fmt: skip
    assert [process.wait(300) for process in both] == [0, 0]
    rows = desk.rows("changes/water_bill", ["account_no", "sys_offset"])
    assert sorted(zip(rows["sys_offset"], rows["account_no"])) == [
        (0, accounts[0]), (1, accounts[1]), (3, "5001123402"),
    ]  # fmt: skip
    assert desk.counts("water_bill") == (1, 2, 0)
    accepted = [o for o, outcome in desk.ledger("sys_offset", "outcome") if outcome == "accepted"]
    assert accepted == [0, 1]
    after = desk.versions()
    report = desk.ask("replay", "water_bill", "--field", "account_no", "--as", "li")
    assert report["records"] == [] and desk.versions() == after
    # Kafka's progress is untouched: reading goes on where it stood.
    desk.pipelines(REPOSITORY / "pipelines")
    desk.feed("feed.water.bill", bill("5001123403"))
    desk.ingest()
    assert len(desk.rows("changes/water_bill", ["sys_offset"])["sys_offset"]) == 4


def test_a_replay_that_is_killed_again_and_again_brings_each_row_back_once(plain):
    count = 4_000
    # Every record is bad: the dataset's own limit of rejects would stop it.
    plain.pipelines(changed_pipelines(plain, "rejects_over: 20%", "rejects_over: 100%"))
    plain.feed("feed.water.bill", *(bill(f"No. A-{n}", seq=n + 1) for n in range(count)))
    plain.ingest()
    plain.pipelines(changed_pipelines(plain, "rule: account_no", "rule: text"))
    command = [plain.huiliu.path, "quarantine", "replay", "water_bill", "--all"]
    killed, wait, code = 0, 0.02, None
    while code is None:
        process = subprocess.Popen(
            command, cwd=plain.huiliu.directory, env=plain.huiliu.environment,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            code = process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed, wait = killed + 1, wait * 1.15
    assert code == 0 and killed > 3, killed
    assert plain.counts("water_bill") == (0, count, 0)
    rows = plain.rows("changes/water_bill", ["sys_offset", "sys_seq"])
    assert sorted(zip(rows["sys_offset"], rows["sys_seq"])) == [(n, n + 1) for n in range(count)]
    assert plain.ledger("sys_offset", "outcome") == sorted(
        ((n, "accepted") for n in range(count)), key=repr
    )


def test_old_numbers_are_looked_up(desk):
    desk.feed("base.le.entity", firm(FIRM, REG_NO), firm(OTHER_FIRM, None))
    reports = [report(REG_NO, 2019), report(ORG_CODE, 2019), report("91500105", 2018)]
    desk.feed("base.le.annual_report", *reports)
    desk.ingest()
    assert desk.counts("le_annual_report") == (3, 0, 0)
    said = desk.ask("repair", "le_annual_report", "--look-up", "--as", "li", "--dry-run")
    assert (said["accepted"], desk.counts("le_annual_report")) == (2, (3, 0, 0))
    desk.ask("repair", "le_annual_report", "--look-up", "--as", "li")
    assert desk.counts("le_annual_report") == (1, 2, 0)
    assert sorted(desk.rows("changes/le_annual_report")["uscc"]) == sorted([FIRM, OTHER_FIRM])
    assert (REG_NO, FIRM) in desk.ledger("value_before", "value_after")


def test_a_dropped_record_stays_and_is_passed_over(plain):
    plain.feed("feed.water.bill", b"nonsense", bill("x"))
    plain.ingest()
    drop = ["drop", "water_bill", "0:0", "--why", "a test of the sender", "--as", "li"]
    assert b"--yes" in plain.quarantine(*drop).stderr
    assert plain.counts("water_bill") == (2, 0, 0)
    plain.quarantine(*drop, "--yes")
    assert plain.counts("water_bill") == (1, 0, 1)
    assert plain.ask(*drop, "--yes")["passed_over"] == ["0:0"]
    assert plain.ask("replay", "water_bill", "--all", "--as", "li")["rejected"] == 1
    assert len(plain.rows("quarantine/water_bill", ["reason"])["reason"]) == 2
    plain.quarantine("drop", "water_bill", "0:99", "--why", "x", "--yes", expect=78)


def test_the_return_list_says_what_to_do(desk):
    desk.feed("base.np.person", person(WRONG_PERSON), b"\xff\xfe")
    desk.ingest()
    folder = desk.huiliu.directory
    for name in ["list.csv", "list.jsonl", "list.parquet"]:
        desk.quarantine("export", "np_person", "--to", name)
    with open(folder / "list.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["coordinate"] for row in rows] == ["0:0", "0:1"]
    assert rows[0]["field"] == "citizen_id" and rows[0]["reason"] == "CHECKSUM"
    assert rows[0]["reason_zh"] == "校验码不正确" and rows[0]["remedy_zh"]
    masked = WRONG_PERSON[:6] + "********" + WRONG_PERSON[-4:]
    assert rows[0]["value"] == masked and rows[0]["key"] == f"citizen_id={masked}"
    assert rows[1]["reason"] == "NOT_UTF8" and rows[1]["key"] == ""
    lines = [json.loads(line) for line in (folder / "list.jsonl").read_text().splitlines()]
    table = pyarrow.parquet.read_table(folder / "list.parquet").to_pylist()
    assert lines == table and [row["value"] for row in table] == [masked, None]
    written = b"".join((folder / n).read_bytes() for n in ["list.csv", "list.jsonl"])
    assert WRONG_PERSON.encode() not in written + desk.printed
    desk.quarantine("export", "np_person", "--to", "list.xlsx", expect=2)


def test_what_is_secret_stays_secret(sealed):
    # Names and telephones are L3: tables keep them, the terminal masks them.
    masked, secrets = ["王小明", "13812345678"], [PERSON, WRONG_PERSON, TOKEN_KEY, ENCRYPT_KEY]
    broken = person(PERSON)[:-9]
    sealed.feed("base.np.person", person(WRONG_PERSON), broken)
    sealed.ingest()
    sealed.quarantine("list")
    sealed.quarantine("show", "np_person")
    sealed.quarantine("show", "np_person", "0:0", "0:1", "--output", "json")
    sealed.quarantine("replay", "np_person", "--all", "--as", "li")
    sealed.quarantine(
        "repair", "np_person", "0:0", "--set", f"citizen_id={PERSON}", "--as", "li", "--note", "ok"
    )
    assert sealed.counts("np_person") == (1, 1, 0)
    structure = sealed.ask("show", "np_person", "0:1")["rejects"][0]["structure"]
    assert '"aaaaaa": "a"' in structure, "the source's name and value, as letters"
    assert [s for s in masked + secrets if s.encode() in sealed.printed] == []
    written = b"".join(
        path.read_bytes() for path in pathlib.Path(sealed.huiliu.lake).rglob("*") if path.is_file()
    )
    assert [s for s in secrets if s.encode() in written] == []
    # Parquet compresses: the same again over the values of the ledger and of changes.
    rows = str([sealed.rows(t) for t in ["ledger/repairs", "changes/np_person"]])
    assert [s for s in secrets if s in rows] == []
    (token,) = sealed.rows("changes/np_person", ["citizen_id"])["citizen_id"]
    entries = sealed.ledger("action", "outcome", "field", "value_after")
    assert ("repair", "accepted", "citizen_id", token) in entries

    # Without the keys the record stays sealed, and that is said.
    config = sealed.huiliu.directory / "huiliu.yaml"
    text = config.read_text()
    config.write_text(text.replace("file:token", "file:nowhere"))
    shown = sealed.ask("show", "np_person", "0:0")["rejects"][0]
    assert "k1" in shown["unreadable"] and "fields" not in shown
    config.write_text(text)

    # To those who give a purpose it is shown, and the ledger knows.
    sealed.quarantine("show", "np_person", "0:0", "--reveal", expect=2)
    shown = sealed.ask(
        "show", "np_person", "0:0", "--reveal", "--purpose", "case 17", "--as", "li"
    )
    values = {f["field"]: f["value"] for f in shown["rejects"][0]["fields"]}
    assert values["citizen_id"] == WRONG_PERSON
    assert ("reveal", "case 17", "li") in sealed.ledger("action", "note", "actor")


def test_values_are_revealed_to_those_who_say_why(sealed):
    sealed.feed("base.np.person", person(PERSON))
    sealed.ingest()
    ask = ["reveal", "np_person", "--key", f"citizen_id={PERSON.lower()}", "--as", "li"]
    sealed.run(*ask, expect=2)
    sealed.run(*ask, "--purpose", " ", expect=2)
    assert not Lake(sealed.huiliu.lake).exists("ledger/repairs")
    done = json.loads(
        sealed.run(*ask, "--purpose", "case 17", "--column", "citizen_id", "-o", "json").stdout
    )
    assert done["values"] == {"citizen_id": PERSON}
    entries = sealed.ledger("action", "field", "note", "actor", "value_before", "value_after")
    assert entries == [("reveal", "citizen_id", "case 17", "li", None, None)]
    # The ledger says where the row is from: the topic, or the file that was loaded.
    loaded = resident_id("50010319900307905")
    (sealed.huiliu.directory / "one.jsonl").write_bytes(person(loaded) + b"\n")
    sealed.run("load", "np_person", "one.jsonl", "--format", "jsonl")
    ask[3] = f"citizen_id={loaded}"
    sealed.run(*ask, "--purpose", "case 18", "--column", "citizen_id")
    (read,), (file,) = sorted(sealed.ledger("kafka_topic"))
    assert read == "base.np.person" and file.startswith("file/"), (read, file)
    nobody = resident_id("50010319900307903")
    sealed.run(
        "reveal", "np_person", "--key", f"citizen_id={nobody}", "--purpose", "x", "--as", "li",
        expect=1,
    )  # fmt: skip


def test_a_plain_lake_has_nothing_to_reveal(plain):
    plain.feed("base.np.person", person(PERSON))
    plain.ingest()
    done = plain.run(
        "reveal", "np_person", "--key", f"citizen_id={PERSON}", "--purpose", "x", "--as", "li",
        expect=77,
    )  # fmt: skip
    assert b"keys" in done.stderr


def test_mistakes_are_named(plain):
    plain.feed("feed.water.bill", bill("x"))
    plain.ingest()
    wrong = [
        (["show", "nobody", "0:0"], 2, b"water_bill"),
        (["show", "water_bill", "17"], 2, b"0:1234"),
        (["show", "water_bill", "0:17"], 78, b"0:17"),
        (["replay", "water_bill"], 2, b"--all"),
        (["repair", "water_bill", "0:0", "--set", "no=1"], 2, b"account_no"),
        (["list", "water_bill", "--since", "soon"], 2, b"7d"),
    ]
    for arguments, code, named in wrong:
        done = plain.quarantine(*arguments, expect=code)
        assert done.stdout == b"" and named in done.stderr, arguments
