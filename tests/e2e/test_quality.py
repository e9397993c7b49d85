"""Both gates from the ledger: counted by hand on a few records, counted once whatever happens."""

import json
import re

import pytest

from places import REPOSITORY

DATASET = "pool_abnormal"


def record(seq, department, **after):
    """A record of the abnormal list; the credit code is that of the printed example of the
    standard, with its check character."""
    row = {
        "uscc": "91350100M000100Y43", "in_date": f"2020-05-{seq:02}", "reason_code": "1",
        "out_date": None, "updated_at": "2020-06-01T08:00:00+08:00",
    } | after  # fmt: skip
    return json.dumps({
        "v": 1, "ds": DATASET, "op": "c", "seq": seq, "event_time": "2020-06-10T08:00:00+08:00",
        "src": {"dept": department}, "after": row,
    }, ensure_ascii=False)  # fmt: skip


def quality(huiliu, *more):
    done = huiliu.run(
        "quality", "--lake", huiliu.lake, "--dataset", DATASET, "--period", "2000..2100",
        "--output", "json", *more,
    )  # fmt: skip
    return json.loads(done.stdout)


def load(huiliu, path):
    huiliu.run("load", DATASET, path, "--lake", huiliu.lake, "--protection", "plain")


@pytest.fixture
def loaded(huiliu, tmp_path):
    """Department A: a clean row and one that is repaired. Department B: one without its reason,
    one of whose key nothing can be made, and a record that is no JSON."""
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join([
        record(1, "A"),
        record(2, "A", in_date="2020年5月2日", uscc=" 91350100m000100y43"),
        record(3, "B", reason_code=None),
        record(4, "B", uscc="91350100M000100Y4X"),
        '{"v":1,"ds":',
    ]))  # fmt: skip
    load(huiliu, path)
    return huiliu


def test_cells_and_rows_are_those_counted_by_hand(loaded):
    card = quality(loaded)
    assert card["format_version"]
    departments = {card["department"]: card for card in card["departments"]}
    a, b = departments["A"], departments["B"]
    # Four cells of each row are set; out_date is null. Of the second row two are repaired.
    assert (a["cells"]["checked"], a["cells"]["passed_raw"], a["cells"]["passed"]) == (8, 6, 8)
    assert (a["rows"]["checked"], a["rows"]["passed_raw"], a["rows"]["passed"]) == (2, 1, 2)
    # The missing reason and the wrong code count as checked.
    assert (b["cells"]["checked"], b["cells"]["passed_raw"]) == (8, 6)
    assert departments[""]["rows"]["checked"] == 1
    assert card["cells"] == {"checked": 16, "passed_raw": 12, "passed": 14}
    assert card["field_pass_rate"] == 0.75
    assert card["field_gate_passed"] is False
    worst = card["fields"][0]
    assert worst["pass_rate"] == 0.5
    found = {(f["field"], tuple(f["findings"][0])) for f in card["fields"] if f["findings"]}
    assert ("reason_code", ("REQUIRED", 1)) in found
    assert ("uscc", ("CHECKSUM", 1)) in found


def test_nothing_is_counted_twice(loaded, tmp_path):
    first = quality(loaded)
    load(loaded, tmp_path / "records.jsonl")
    assert quality(loaded)["cells"] == first["cells"]
    rows = loaded.run(
        "query", "--lake", loaded.lake, "--output", "json",
        f"SELECT sum(accepted) AS a, sum(rejected) AS r FROM ledger.receipts"
        f" WHERE dataset = '{DATASET}'",
    )  # fmt: skip
    assert json.loads(rows.stdout)[0] == {"a": 3, "r": 2}


def test_departments_are_found_by_code_and_the_page_stands_alone(loaded, tmp_path):
    page = tmp_path / "card.html"
    card = quality(loaded, "--department", "A", "--html", page)
    assert [held["department"] for held in card["departments"]] == ["A"]
    text = page.read_text()
    assert "归集率" in text and "字段合格率" in text and "<svg" in text
    assert not re.search(r"(src|href)=", text), "it needs no other file"


def test_what_is_owed_is_read_from_its_list(loaded, tmp_path):
    pipelines = loaded.directory / "pipelines"
    loaded.settle(commit_every="1s")
    header = "department,code,title,items,cycle,due_days,catalogued,dataset"
    lines = [
        f"市市场监管局,1/1,经营异常名录,6,每年,,yes,{DATASET}",
        "市市场监管局,1/2,未接入的资源,4,每月,,yes,",
    ]
    owed = pipelines / "responsibilities.csv"
    owed.write_text("\n".join([header, *lines]))
    done = loaded.run("quality", "--lake", loaded.lake, "--period", "2000..2100", "-o", "json")
    gate = json.loads(done.stdout)["collection"]
    assert (gate["responsible"], gate["connected"]) == (2, 1)
    assert gate["items_responsible"] == 10
    owed.write_text("\n".join([header, "a,b,c,many,每月,,yes,"]))
    done = loaded.run("quality", "--lake", loaded.lake, expect=78)
    assert "responsibilities.csv:2" in done.stderr.decode()


def test_whole_tables_are_asked(loaded):
    card = quality(loaded, "--assess")
    kinds = {check["check"] for check in card["checks"]}
    assert {"duplicate", "out_of_order"} <= kinds
    noted = loaded.run(
        "query", "--lake", loaded.lake, "--output", "json",
        'SELECT DISTINCT "check" FROM ledger.checks',
    )  # fmt: skip
    assert {row["check"] for row in json.loads(noted.stdout)} == kinds


def test_a_changed_contract_is_tried_before_it_is_deployed(loaded, tmp_path):
    text = (REPOSITORY / "pipelines" / "pool" / f"{DATASET}.yaml").read_text()
    path = tmp_path / "tried.yaml"
    path.write_text(text)
    diff = ["quality", "diff", "--with", path, "--lake", loaded.lake, "--output", "json"]
    same = json.loads(loaded.run(*diff).stdout)
    assert (same["from_changes"], same["from_quarantine"]) == (3, 2)
    assert (same["gained"], same["lost"], same["changed"]) == (0, 0, 0)
    # The code is a text of 18 characters now: the row with the wrong check character is gained.
    changed = re.sub(r"(name: uscc,[^}]*?rule: )uscc", r"\1{length: [18, 18]}", text)
    assert changed != text
    path.write_text(changed)
    gained = json.loads(loaded.run(*diff).stdout)
    assert (gained["gained"], gained["lost"]) == (1, 0)
    before = quality(loaded)["cells"]
    assert before == quality(loaded)["cells"], "nothing was written"


def test_a_lake_without_records_has_nothing_to_judge(huiliu, tmp_path):
    empty = tmp_path / "none.jsonl"
    empty.write_text(record(1, "A"))
    load(huiliu, empty)
    done = huiliu.run(
        "quality", "--lake", huiliu.lake, "--dataset", DATASET, "--period", "1999", "-o", "json"
    )
    card = json.loads(done.stdout)
    assert card["field_pass_rate"] is None and card["field_gate_passed"] is None
    huiliu.run("quality", "--lake", huiliu.lake, "--dataset", "no_such", expect=78)
    huiliu.run("quality", "--lake", huiliu.lake, "--period", "june", expect=2)
