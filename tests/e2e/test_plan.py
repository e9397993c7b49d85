"""What a deployment changes: told before it is done, done where it is safe, refused where not."""

import json
import re
import shutil

import pytest

from places import REPOSITORY
from program import Huiliu

PLAIN = ["--protection", "plain"]
TABLE = "enterprise_financing.enterprise_profile"


@pytest.fixture
def deployed(binary, tmp_path):
    """A project of its own with a lake that holds a few firms and one table built of them."""
    program = Huiliu(binary, tmp_path / "work", str(tmp_path / "lake"))
    project = tmp_path / "project"
    for folder in ["pipelines", "sql"]:
        shutil.copytree(REPOSITORY / folder, project / folder)
    program.project = project
    program.point_at(project / "pipelines", project / "sql")
    city = program.run("generate", "--records", 4000, "--seed", 5, "--output", "ndjson").stdout
    records = [json.loads(line) for line in city.splitlines()]
    firms = [r["value"] for r in records if r["dataset"] == "le_entity" and r["value"]]
    assert len(firms) > 20
    sample = tmp_path / "firms.jsonl"
    sample.write_text("".join(json.dumps(firm) + "\n" for firm in firms))
    program.run("apply", *PLAIN, "--lake", program.lake)
    program.run("load", "le_entity", sample, *PLAIN, "--lake", program.lake)
    program.run("refresh", TABLE, "--as-of", "2020-12-31", "--lake", program.lake)
    return program


def plan(program, *more, expect=0):
    more = [*PLAIN, *more]
    done = program.run("plan", *more, "--lake", program.lake, "-o", "json", expect=expect)
    return json.loads(done.stdout)


def edit(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


def entity(program):
    return program.project / "pipelines" / "base" / "le_entity.yaml"


def of(found, name):
    return next(d for d in found["datasets"] if d["dataset"] == name)


def test_a_lake_that_does_not_exist_is_planned_and_not_made(huiliu, tmp_path):
    done = huiliu.run("plan", "--exit-code", "--lake", tmp_path / "none", "-o", "json", expect=3)
    found = json.loads(done.stdout)
    assert found["format_version"] == "1.0"
    assert found["changes"] == len(found["datasets"]) + len(found["tables"])
    assert {d["state"] for d in found["datasets"]} == {"new"} and len(found["datasets"]) == 48
    assert found["breaking"] == 0
    assert not (tmp_path / "none").exists()


def test_safe_changes_are_planned_applied_and_then_gone(deployed):
    before = plan(deployed)
    states = {d["dataset"]: d["state"] for d in before["datasets"]}
    assert set(states.values()) == {"unchanged"}
    assert {t["table"]: t["state"] for t in before["tables"]}[TABLE] == "unchanged"

    # Whoever opens the lake takes added columns along, so it is asked before they are.
    (held,) = deployed.query("SELECT count(*) AS n FROM current.le_entity")
    edit(entity(deployed), r"^columns:\n", "columns:\n  - {name: nickname, title: 简称, "
         "type: string, grade: L1}\n")  # fmt: skip
    query = deployed.project / "sql" / "enterprise_financing" / "enterprise_profile" / "query.sql"
    query.write_text("-- another word\n" + query.read_text())
    found = plan(deployed, "--exit-code", expect=3)
    dataset = of(found, "le_entity")
    assert dataset["state"] == "grows"
    assert [(c["column"], c["change"], c["breaking"], sorted(c["tables"]))
            for c in dataset["columns"]] == [
        ("nickname", "added", False, ["changes", "current"])]  # fmt: skip
    assert TABLE in dataset["read_by"]
    table = next(t for t in found["tables"] if t["table"] == TABLE)
    assert (table["state"], table["rows"] > 0) == ("rebuild", True)
    assert table["input_rows"] >= dataset["rows"] >= held["n"] > 5 and table["input_bytes"] > 0

    dry = json.loads(deployed.run(
        "apply", "--dry-run", *PLAIN, "--lake", deployed.lake, "-o", "json").stdout)  # fmt: skip
    assert (dry["dry_run"], dry["datasets_done"]) == (True, ["le_entity"])
    assert TABLE in dry["tables_done"]
    assert of(plan(deployed), "le_entity")["state"] == "grows", "a dry run changes nothing"

    deployed.run("apply", *PLAIN, "--lake", deployed.lake, "--as-of", "2020-12-31")
    after = plan(deployed)
    assert of(after, "le_entity")["state"] == "unchanged"
    assert next(t for t in after["tables"] if t["table"] == TABLE)["state"] == "unchanged"
    rows = deployed.query("SELECT count(*) AS n, count(nickname) AS named FROM current.le_entity")
    assert rows[0]["n"] == held["n"] and rows[0]["named"] == 0


def test_breaking_changes_are_refused_with_who_reads_them(deployed):
    edit(entity(deployed), r"\{name: reg_capital_wan,[^}]*\}.*\n", "{name: reg_capital_wan, "
         "title: 注册资本, type: string, grade: L1}\n")  # fmt: skip
    # Another dataset may grow beside it.
    bill = deployed.project / "pipelines" / "feed" / "water_bill.yaml"
    edit(bill, r"^columns:\n", "columns:\n  - {name: note, title: 备注, type: string, grade: L1}\n")
    found = plan(deployed)
    dataset = of(found, "le_entity")
    assert dataset["state"] == "breaking" and dataset["remedy"]
    (column,) = [c for c in dataset["columns"] if c["breaking"]]
    assert (column["column"], column["change"]) == ("reg_capital_wan", "retyped")
    assert column["from"].startswith("Decimal128") and column["to"] == "Utf8"
    assert any(name.startswith(TABLE) for name in dataset["columns_read_by"])

    refused = deployed.run("apply", *PLAIN, "--lake", deployed.lake, expect=78)
    assert b"error[HUILIU-LAKE-0101]" in refused.stderr and b"nothing was done" in refused.stderr
    assert of(plan(deployed), "water_bill")["state"] == "grows"
    deployed.run("apply", "--only-safe", *PLAIN, "--lake", deployed.lake)
    after = plan(deployed)
    assert of(after, "water_bill")["state"] == "unchanged"
    assert of(after, "le_entity")["state"] == "breaking"

    protected = deployed.run("plan", "--protection", "keys", "--lake", deployed.lake, "-o", "json")
    assert of(json.loads(protected.stdout), "water_bill")["other"] == ["protection: plain → keys"]


def test_what_nothing_declares_is_left_and_said(deployed):
    victim = deployed.project / "pipelines" / "pool" / "pool_loan.yaml"
    victim.unlink()
    shutil.rmtree(deployed.project / "sql")
    (deployed.project / "sql").mkdir()
    edit(deployed.directory / "huiliu.yaml", r"^sql: .*$", f"sql: {deployed.project / 'sql'}")
    found = plan(deployed, "--exit-code")
    assert found["changes"] == 0
    left = {line["name"]: line["kind"] for line in found["left"]}
    assert left["pool_loan"] == "dataset" and left[TABLE] == "subject table"
