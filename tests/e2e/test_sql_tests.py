"""`huiliu test`: what passes, what fails and how it is shown, and who may write expected rows."""

import json
import shutil

import pytest

from places import REPOSITORY

TABLE = "enterprise_financing/enterprise_profile"
CASE = "age_in_full_months"
MARK = "# written by `huiliu test --update`"


@pytest.fixture
def project(huiliu):
    """A copy of one table with its cases, views and dimensions; returns the folder of a case."""
    sql = huiliu.directory / "sql"
    for part in ["views", "dimensions", TABLE]:
        shutil.copytree(REPOSITORY / "sql" / part, sql / part)
    settings = huiliu.directory / "huiliu.yaml"
    settings.write_text(settings.read_text().replace(f"{REPOSITORY / 'sql'}", "sql"))
    return sql / TABLE / "tests" / CASE


def spoil(case):
    """One age, one name and one row are wrong; returns what was there."""
    file = case / "expected.csv"
    written = file.read_text()
    wrong = written.replace("2018-04-07,24,", "2018-04-07,25,").replace("乙机械有限公司", "乙机械厂")
    lines = [line for line in wrong.splitlines() if "AGE0000007" not in line]
    file.write_text("\n".join(lines) + "\n")
    return written


def test_every_case_of_the_repository_passes_in_seconds_without_services(huiliu):
    done = huiliu.run("test")
    lines = done.stdout.decode().splitlines()
    cases = list((REPOSITORY / "sql").glob("*/*/tests/*/case.yaml"))
    assert len([line for line in lines if line.startswith("ok ")]) == len(cases)
    assert lines[-1].startswith(f"{len(cases)} passed, 0 failed in ")
    assert b"\x1b" not in done.stdout


def test_a_failing_case_shows_the_rows_that_differ(huiliu, project):
    spoil(project)
    done = huiliu.run("test", project, expect=1)
    text = done.stdout.decode()
    assert f"FAILED  enterprise_financing.enterprise_profile {CASE}" in text
    changed = [line for line in text.splitlines() if "AGE0000001" in line]
    assert changed[0].startswith("  - ") and " 25 " in changed[0], text
    assert changed[1].startswith("  + ") and " 24 " in changed[1], text
    assert changed[0].index(" 25 ") == changed[1].index(" 24 "), "they stand under each other"
    extra = next(line for line in text.splitlines() if "AGE0000007" in line)
    assert extra.startswith("  + ") and extra.endswith("not expected"), text
    assert text.splitlines()[-1].startswith("0 passed, 1 failed in ")
    assert "\x1b" not in text
    coloured = huiliu.run("test", project, "--color", "always", expect=1).stdout.decode()
    assert "\x1b[1;31m25\x1b[0m" in coloured and "\x1b[1;32m24\x1b[0m" in coloured


def test_programs_get_every_case_and_difference(huiliu, project):
    spoil(project)
    done = huiliu.run("test", "--output", "json", expect=1)
    said = json.loads(done.stdout)
    cases = len(list(project.parent.iterdir()))
    assert said["format_version"] == "1.0"
    assert (said["passed"], said["failed"]) == (cases - 1, 1)
    (failed,) = [case for case in said["cases"] if case["outcome"] == "failed"]
    assert (failed["table"], failed["case"]) == ("enterprise_financing.enterprise_profile", CASE)
    changed, named, unexpected = failed["differences"]
    assert changed["columns"] == ["age_months"] and named["columns"] == ["name"]
    assert changed["expected"]["age_months"] == "25" and changed["actual"]["age_months"] == "24"
    assert unexpected["kind"] == "unexpected" and unexpected["expected"] is None


def test_rows_written_by_hand_are_left_alone_unless_that_is_forced(huiliu, project):
    right = spoil(project)
    wrong = (project / "expected.csv").read_text()
    refused = huiliu.run("test", project, "--update", expect=1).stdout.decode()
    assert "written by hand" in refused and "--force" in refused
    assert (project / "expected.csv").read_text() == wrong

    forced = huiliu.run("test", project, "--update", "--force").stdout.decode()
    assert forced.splitlines()[-1].startswith("0 passed, 0 failed, 1 updated in ")
    mark, _, rows = (project / "expected.csv").read_text().partition("\n")
    assert mark.startswith(MARK)
    assert sorted(rows.splitlines()) == sorted(right.splitlines())
    assert huiliu.run("test", project).stdout.decode().splitlines()[-1].startswith("1 passed")

    # What bears the mark may be written anew; what passes is not touched.
    (project / "expected.csv").write_text(f"{mark}\n{wrong}")
    huiliu.run("test", project, expect=1)
    huiliu.run("test", project, "--update")
    again = (project / "expected.csv").read_text()
    assert again == f"{mark}\n{rows}"
    (project / "expected.csv").write_text(right)
    huiliu.run("test", project, "--update", "--force")
    assert (project / "expected.csv").read_text() == right


def test_a_case_without_expected_rows_fails_until_they_are_written(huiliu, project):
    (project / "expected.csv").unlink()
    failed = huiliu.run("test", project, expect=1).stdout.decode()
    assert "there is no expected.csv" in failed
    huiliu.run("test", project, "--update")
    assert (project / "expected.csv").read_text().startswith(MARK)


def test_what_cannot_run_is_a_failure_that_says_why(huiliu, project):
    query = project.parents[1] / "query.sql"
    query.write_text(query.read_text().replace("e.name,", "e.nome,"))
    failed = huiliu.run("test", project, expect=1).stdout.decode()
    assert "nome" in failed and "0 passed, 1 failed" in failed
    (project / "given" / "le_entity.csv").write_text("uscc,colour\n1,red\n")
    failed = huiliu.run("test", project, "--output", "json", expect=1)
    assert "`colour` is not declared" in json.loads(failed.stdout)["cases"][0]["error"]


@pytest.mark.parametrize(
    "arguments", [["nowhere"], ["--force"], ["huiliu.yaml"], ["--output", "xml"]]
)
def test_wrong_arguments_are_usage_errors(huiliu, project, arguments):
    done = huiliu.run("test", *arguments, expect=2)
    assert done.stdout == b""
    assert done.stderr
