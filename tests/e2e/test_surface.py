"""What hostile text can do: names and keys that climb out of folders, YAML that grows, open ports."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import missing
from lake import Lake
from places import REPOSITORY
from program import eventually, messages, peak_bytes
from test_bad_input import text

GOOD = (REPOSITORY / "pipelines" / "feed" / "water_bill.yaml").read_text()
VALIDATE_SECONDS, VALIDATE_BYTES = 20, 400 << 20


def with_field(pattern, value):
    changed, count = re.subn(pattern, lambda found: found[1] + json.dumps(value), GOOD, 1, re.M)
    assert count == 1
    return changed


NAMES = ["../evil", "..", ".", "/etc/evil", "a/b", "a\\b", "a\nb", "a\u202eb", "", "a b",
         "_delta_log"]  # fmt: skip
KAFKA_TOPICS = ["..", ".", "feed/water", "feed\nwater", "", "feed water", "x" * 300]
COLUMNS = ["../x", "a/b", "a\nb", "a=b", ""]


def test_names_that_are_no_names_are_refused(huiliu, tmp_path):
    """Each by the finding that is meant: the same file with its own name passes."""
    assert findings(huiliu, tmp_path, GOOD, expect=0) == ""
    for name in NAMES:
        said = findings(huiliu, tmp_path, with_field(r"^(dataset: ).*", name))
        assert "dataset name" in said, (name, said)
    for name in KAFKA_TOPICS:
        said = findings(huiliu, tmp_path, with_field(r"^( *kafka_topic: ).*", name))
        assert "kafka_topic" in said, (name, said)
    for name in COLUMNS:
        said = findings(huiliu, tmp_path, with_column(name))
        assert "column name" in said, (name, said)


def with_column(name):
    return GOOD.replace("{name: qty,", f"{{name: {json.dumps(name)},", 1)


@pytest.mark.parametrize("character", ["\0", "\x1b[2J", "\x07", "\x7f", "\u202e"], ids=repr)
def test_no_finding_brings_control_characters_to_a_terminal(huiliu, tmp_path, character):
    said = findings(huiliu, tmp_path, with_field(r"^(dataset: ).*", f"a{character}b"))
    assert "dataset name" in said
    assert character not in said, said


def findings(huiliu, tmp_path, contract, expect=78):
    """What `validate` says of a contract in a folder of its group."""
    path = tmp_path / "feed" / "water_bill.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(contract)
    done = huiliu.run("validate", path, expect=expect)
    return done.stderr.decode() if expect else ""


def laughs():
    levels = [f'l{i}: &l{i} [{", ".join([f"*l{i - 1}"] * 10)}]' for i in range(1, 12)]
    return "\n".join(["l0: &l0 [ha, ha, ha]", *levels, "dataset: *l11\n"])


BOMBS = {
    "nested a hundred thousand deep": lambda: "dataset: " + "[" * 100_000,
    "blocks nested deep": lambda: "\n".join("  " * i + "a:" for i in range(3_000)),
    "aliases that grow tenfold": laughs,
    "a million anchors": lambda: "\n".join(f"k{i}: &a{i} x" for i in range(1_000_000)),
    "an alias of itself": lambda: "dataset: &a [*a]\n",
    "a hundred megabytes": lambda: "dataset: " + "x" * (100 << 20),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_yaml_that_grows_is_refused_at_once(huiliu, tmp_path, bomb):
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[bomb]())
    log = open(tmp_path / "log", "wb")
    process = subprocess.Popen(
        [huiliu.path, "validate", path], cwd=huiliu.directory, env=huiliu.environment,
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    process.log = log.name
    code, peak = peak_bytes(process, VALIDATE_SECONDS)
    assert code == 78, f"exit {code}:\n{messages(process)}"
    assert peak < VALIDATE_BYTES, f"{peak >> 20} MiB"
    assert os.path.getsize(log.name) < 1 << 20, "the whole file is in the message"


CONTRACT = """
dataset: any_text
title: 任意文本
provider: 测试
group: feed
source:
  kafka_topic: feed.any.text
  format: json
mode: append
key: [name]
columns:
  - {name: name, title: 名称, type: string, required: true, grade: L1}
"""
# The key as sent, and as it is stored: what cannot be seen is taken away.
KEYS = {
    "../../../climb": "../../../climb", "/etc/passwd": "/etc/passwd", "..": "..",
    "%2e%2e%2fclimb": "%2e%2e%2fclimb", "..\\..\\climb": "..\\..\\climb", "_delta_log": "_delta_log",
    "name=../climb": "name=../climb", "a\u0000b": "ab", "a\u001b[2Jb": "a[2Jb", "x" * 3000: "x" * 3000,
}  # fmt: skip


def test_keys_that_climb_land_in_their_table_and_nowhere_else(broker, huiliu, tmp_path):
    pipelines, sql = tmp_path / "pipelines", tmp_path / "sql"
    (pipelines / "feed").mkdir(parents=True)
    sql.mkdir()
    (pipelines / "feed" / "any_text.yaml").write_text(CONTRACT)
    huiliu.point_at(pipelines, sql)
    broker.delete_all()
    broker.create(["feed.any.text"])
    broker.publish("feed.any.text", [(key.encode(), text({"name": key})) for key in KEYS])
    before = outside(tmp_path)
    huiliu.run_once(broker)
    lake = Lake(huiliu.lake)
    assert sorted(lake.rows("current/any_text", ["name"])["name"]) == sorted(KEYS.values())
    assert outside(tmp_path) == before
    for path in pathlib.Path(huiliu.lake).rglob("*"):
        relative = str(path.relative_to(huiliu.lake))
        assert re.fullmatch(r"[\w./=-]+", relative) and "climb" not in relative, relative
    done = huiliu.run("query", "SELECT name FROM current.any_text", "--lake", huiliu.lake)
    assert b"\x1b" not in done.stdout and b"\x00" not in done.stdout


def outside(tmp_path):
    """The files that are not in the lake, without the log of runs."""
    found = (p for p in tmp_path.rglob("*") if p.is_file() and "lake" not in p.parts)
    return sorted(str(path) for path in found)


def test_the_admin_port_listens_on_loopback_unless_told_otherwise(broker, topics, huiliu):
    if any(port == 9464 for _, port in listening()):
        missing("the default admin port 9464 is taken here")
    broker.create(topics)
    process = subprocess.Popen(
        [huiliu.path, "run", *huiliu.running(broker), "--no-refresh"], cwd=huiliu.directory,
        env=huiliu.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=open(huiliu.directory / "run.log", "wb"),
    )  # fmt: skip
    process.log = huiliu.directory / "run.log"
    huiliu.processes.append(process)
    eventually(lambda: any(port == 9464 for _, port in listening()), 60, process)
    addresses = {address for address, port in listening() if port == 9464}
    assert addresses == {"0100007F"}, addresses


def listening():
    """`(address as the kernel writes it, port)` of every listening TCP socket."""
    found = []
    for table in ["tcp", "tcp6"]:
        for line in open(f"/proc/net/{table}").read().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A":
                address, port = local.split(":")
                found.append((address, int(port, 16)))
    return found
