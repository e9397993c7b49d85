"""The command line as scripts meet it: exit codes, what is on which stream, what errors name."""

import json
import os
import re
import subprocess

import pytest

from places import REPOSITORY, free_ports
from program import Huiliu, drain, eventually, get
from s3client import Account

VERBS = ["validate", "test", "run", "load", "lineage", "explain", "refresh", "query", "status",
         "rule", "demo", "version", "completions", "quality", "quarantine", "reveal",
         "subject", "plan", "apply", "tap", "top", "config", "explain-error", "man"]  # fmt: skip


def said(done):
    return done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["run", "--nonsense"], ["query"], ["refresh", "--as-of", "tomorrow"],
     ["validate", "--output", "xml"]],
)  # fmt: skip
def test_wrong_arguments_are_usage_errors_and_leave_stdout_empty(huiliu, arguments):
    done = huiliu.run(*arguments, expect=2)
    assert done.stdout == b""
    assert done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(huiliu, verb):
    help_text = huiliu.run(verb, "--help").stdout.decode()
    assert "Usage: huiliu" in help_text
    assert verb in huiliu.run("--help").stdout.decode()


def test_the_declared_pipelines_are_valid(huiliu):
    done = huiliu.run("validate")
    assert done.stdout.count(b"\x1b") == 0


def broken_pipeline(directory):
    good = (REPOSITORY / "pipelines" / "feed" / "water_bill.yaml").read_text()
    path = directory / "water_bill.yaml"
    path.write_text(re.sub(r"^key:", "kye:", good, flags=re.MULTILINE))
    return path, 1 + path.read_text().splitlines().index(
        next(line for line in path.read_text().splitlines() if line.startswith("kye:"))
    )


def test_a_bad_file_is_named_with_its_line_and_a_suggestion(huiliu, tmp_path):
    path, line = broken_pipeline(tmp_path)
    done = huiliu.run("validate", path, expect=78)
    text = done.stdout.decode() + said(done)
    assert f"water_bill.yaml:{line}" in text
    assert "kye" in text and "`key`" in text


def test_a_bad_file_is_found_by_programs_too(huiliu, tmp_path):
    path, line = broken_pipeline(tmp_path)
    done = huiliu.run("validate", path, "--output", "json", expect=78)
    assert f'"line":{line}' in json.dumps(json.loads(done.stdout), separators=(",", ":"))


def test_no_broker_is_named_and_is_unavailable(huiliu):
    address = f"127.0.0.1:{free_ports(1)}"
    done = huiliu.run(
        "run", "--once", "--bootstrap-servers", address, "--lake", huiliu.lake,
        "--protection", "plain", expect=69,
    )  # fmt: skip
    assert done.stdout == b""
    assert address in said(done)


def test_a_missing_kafka_topic_is_named(huiliu, broker, topics):
    broker.create([name for name in topics if name != "feed.water.bill"])
    done = huiliu.run_once(broker, expect=None)
    assert done.returncode in (69, 75), said(done)
    assert "feed.water.bill" in said(done)


def test_protection_has_to_be_said(huiliu, broker, topics):
    broker.create(topics)
    done = huiliu.run(
        "run", "--once", "--bootstrap-servers", broker.servers, "--lake", huiliu.lake, expect=78
    )
    assert "protection" in said(done)


def test_a_missing_bucket_is_named(binary, broker, topics, s3, tmp_path):
    broker.create(topics)
    program = Huiliu(binary, tmp_path / "work", "s3://no-such-bucket/lake", s3)
    done = program.run_once(broker, expect=None)
    assert done.returncode in (69, 75, 78), said(done)
    assert "no-such-bucket" in said(done)


def test_wrong_credentials_are_a_matter_of_permission(binary, broker, topics, s3, tmp_path):
    broker.create(topics)
    stranger = Account(s3.endpoint, s3.bucket, s3.key_id, "a-wrong-secret-0123")
    program = Huiliu(binary, tmp_path / "work", f"s3://{s3.bucket}/denied", stranger)
    done = program.run_once(broker, expect=77)
    assert "a-wrong-secret-0123" not in said(done)


def test_a_lake_that_is_a_file_is_refused(huiliu, tmp_path, broker, topics):
    broker.create(topics)
    (tmp_path / "lake").write_text("not a folder")
    done = huiliu.run_once(broker, expect=None)
    assert done.returncode in (69, 77, 78), said(done)
    assert str(tmp_path / "lake") in said(done)


def test_a_query_without_a_lake_names_the_lake_and_makes_nothing(huiliu):
    done = huiliu.run("query", "SELECT * FROM current.nowhere", "--lake", huiliu.lake, expect=None)
    assert done.returncode == 78, said(done)
    assert str(huiliu.lake) in said(done)
    assert not os.path.exists(huiliu.lake)
    assert done.stdout == b""


def test_generated_records_are_lines_of_json_and_the_seed_decides(huiliu):
    arguments = ["generate", "--records", 500, "--output", "ndjson", "--seed"]
    first, again = huiliu.run(*arguments, 3), huiliu.run(*arguments, 3)
    assert len([json.loads(line) for line in first.stdout.splitlines()]) >= 500
    assert first.stdout == again.stdout
    assert first.stdout != huiliu.run(*arguments, 4).stdout


def test_answers_in_a_pipe_hold_nothing_but_data(huiliu, broker, topics):
    huiliu.generate(broker, 4_000, 5)
    huiliu.run_once(broker)
    lake = ["--lake", huiliu.lake]
    sql = "SELECT uscc, name FROM current.le_entity ORDER BY uscc LIMIT 5"
    as_json = json.loads(huiliu.run("query", sql, "--output", "json", *lake).stdout)
    lines = huiliu.run("query", sql, "--output", "ndjson", *lake).stdout.splitlines()
    csv = huiliu.run("query", sql, "--output", "csv", *lake).stdout.decode().splitlines()
    assert csv[0] == "uscc,name" and len(csv) == 6
    assert [json.loads(line)["uscc"] for line in lines] == [row.split(",")[0] for row in csv[1:]]
    assert len(lines) == 5 and all(
        code in json.dumps(as_json) for code in [json.loads(lines[0])["uscc"]]
    )
    text = huiliu.run("query", sql, *lake).stdout
    assert b"\x1b" not in text and csv[1].split(",")[0].encode() in text
    status = json.loads(
        huiliu.run(
            "status", "--output", "json", "--bootstrap-servers", broker.servers, *lake
        ).stdout
    )
    assert "le_entity" in json.dumps(status)


RULES = [
    # Printed in GB 32100-2015 (without its check character) and in GB 11643-1999.
    ("uscc", "91350100M000100Y43", "ok", None),
    ("uscc", "91350100m000100y4-3", "ok", None),
    ("uscc", "91350100M000100Y44", "error", "CHECKSUM"),
    ("uscc", "91350100M000100Y4", "error", "LENGTH"),
    ("resident_id", "11010519491231002X", "ok", None),
    ("resident_id", "110105491231002", "ok", None),
    ("resident_id", "110105194912310021", "error", "CHECKSUM"),
    ("resident_id", "111111111111111111", "error", "PLACEHOLDER"),
]


@pytest.mark.parametrize("rule, value, outcome, reason", RULES)
def test_a_rule_judges_values_of_the_standards(huiliu, rule, value, outcome, reason):
    done = huiliu.run(
        "rule", rule, value, "--event-date", "2026-12-31", "--output", "ndjson", expect=None
    )
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["input"], found["outcome"], found["reason"]) == (value, outcome, reason)


def test_a_rule_takes_its_values_from_standard_input(binary):
    done = subprocess.run(
        [binary, "rule", "uscc", "--output", "ndjson"],
        input=b"91350100M000100Y43\nx\n", capture_output=True, timeout=60,
    )  # fmt: skip
    found = [json.loads(line)["outcome"] for line in done.stdout.splitlines()]
    assert found == ["ok", "error"]


def test_lines_are_judged_one_object_each(binary):
    lines = "D2143569-X\n暂无\n915OO1O3MBXFLIAN3O\n"
    for how in ["--stdin", "-"]:
        done = subprocess.run(
            [binary, "rule", "uscc", how], input=lines.encode(), capture_output=True, timeout=60
        )
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["outcome"] for one in found] == ["error", "null", "error"]
        assert [one["reason"] for one in found] == ["ORG_CODE_ONLY", "NULL_TOKEN", "SUGGEST"]
        assert found[2]["suggestion"] == "91500103MBXFL1AN30"


def test_every_rule_says_what_it_accepts(huiliu):
    listed = json.loads(huiliu.run("rule", "--list", "--output", "json").stdout)
    assert all(one["accepts"] for one in listed)
    names = {one["rule"] for one in listed}
    assert {"uscc", "resident_id", "bank_card", "free_text", "coordinates"} <= names


def test_completions_are_scripts_the_shell_accepts(huiliu):
    script = huiliu.run("completions", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script).returncode == 0
    for verb in VERBS:
        assert verb.encode() in script


def test_the_version_is_a_document(huiliu):
    version = json.loads(huiliu.run("version", "--output", "json").stdout)
    assert re.match(r"\d+\.\d+\.\d+", version["version"])


def test_sigterm_drains_and_the_port_closes(huiliu, broker, topics):
    broker.create(topics)
    process, port = huiliu.start_served(broker)
    eventually(lambda: get(port, "/readyz")[0] == 200, 60, process)
    assert drain(process) == 0
    assert get(port, "/healthz")[0] == 0
