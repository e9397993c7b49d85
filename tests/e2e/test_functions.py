"""The rules as SQL functions: in queries over the lake, and in what `validate` plans."""

import json
import shutil

from places import REPOSITORY


def asked(huiliu, sql):
    done = huiliu.run("query", sql, "--lake", huiliu.lake, "--output", "json")
    return json.loads(done.stdout)


def test_queries_judge_and_place_what_was_loaded(huiliu, tmp_path):
    rows = [
        {"account_no": f"500100000{n}", "bill_month": "2020-05-01", "qty": n, "amount": n,
         "paid_amount": 0, "due_date": "2020-06-20", "pay_status": "0",
         "updated_at": "2020-06-01T00:00:00+08:00"}
        for n in range(4)
    ]  # fmt: skip
    path = tmp_path / "bills.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    huiliu.run("load", "water_bill", path, "--lake", huiliu.lake, "--protection", "plain")
    found = asked(
        huiliu,
        "SELECT rule_reason('uscc', account_no) AS why, mask('last4', account_no) AS shown, "
        "workdays_between(DATE '2020-06-19', due_date) AS days, "
        "gcj02_to_wgs84(106.55531765, 29.560151274) AS place "
        "FROM current.water_bill ORDER BY account_no",
    )
    # 20 June 2020 was a Saturday.
    assert [row["shown"] for row in found] == [f"******000{n}" for n in range(4)]
    assert {row["why"] for row in found} == {"LENGTH"} and {row["days"] for row in found} == {0}
    assert abs(found[0]["place"]["longitude"] - 106.5516) < 5e-6


def test_a_word_that_is_no_rule_is_told_before_a_row_is_read(huiliu, tmp_path):
    path = tmp_path / "bills.jsonl"
    path.write_text(json.dumps({"account_no": "5001000001", "bill_month": "2020-05-01"}))
    huiliu.run("load", "water_bill", path, "--lake", huiliu.lake, "--protection", "plain")
    sql = "SELECT rule_reason('usc', account_no) FROM current.water_bill"
    refused = huiliu.run("query", sql, "--lake", huiliu.lake, expect=1)
    assert b"no rule `usc`" in refused.stderr and b"uscc" in refused.stderr


def test_subject_tables_may_use_them_and_validate_plans_them(huiliu, tmp_path):
    project = tmp_path / "project"
    for part in ["pipelines", "sql"]:
        shutil.copytree(REPOSITORY / part, project / part)
    query = project / "sql/enterprise_financing/enterprise_profile/query.sql"
    text = query.read_text()
    assert "WHERE" not in text, "the condition below goes to the end of the query"
    for condition, code in [("uscc_valid(e.uscc)", 0), ("uscc_sound(e.uscc)", 78)]:
        query.write_text(f"{text}WHERE {condition}\n")
        done = huiliu.run("validate", project, "--output", "json", expect=code)
        assert json.loads(done.stdout)["valid"] is (code == 0)
