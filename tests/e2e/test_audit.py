"""The chain of receipts: worked out again by other code, and broken on purpose."""

import hashlib
import json
import pathlib

import pytest
from lake import Lake


def sm3(data):
    return hashlib.new("sm3", data).hexdigest()


def log(lake, table):
    """The versions of a table, as bytes, oldest first."""
    folder = pathlib.Path(lake.path(table)) / "_delta_log"
    return sorted(path for path in folder.glob("*.json") if len(path.name) == 25)


def walk(lake, table):
    """Checks every link of a table by hand; returns the newest version and its digest."""
    previous = None
    for version, path in enumerate(log(lake, table)):
        info, _, body = path.read_bytes().partition(b"\n")
        receipt = json.loads(info)["commitInfo"].get("huiliu")
        if version:
            link = receipt["chain"]
            assert link["version"] == version, path
            assert link["previous"] == sm3(previous), path
            assert link["body"] == sm3(body), path
        previous = info
    return version, sm3(previous)


@pytest.fixture
def city(broker, topics, huiliu):
    """A lake made by two runs, some rejects in it, read under keys."""
    if "sm3" not in hashlib.algorithms_available:
        pytest.skip("this Python has no SM3")
    for name, digits in {"token": 64, "encrypt": 32}.items():
        (huiliu.directory / name).write_text("5a" * (digits // 2))
    secret = f'{{secret: "file:{huiliu.directory}/%s"}}'
    with open(huiliu.directory / "huiliu.yaml", "a") as settings:
        settings.write(f"lake: {huiliu.lake}\nprotection: keys\nkeys: {{id: k1, ")
        settings.write(f"token: {secret % 'token'}, encrypt: {secret % 'encrypt'}}}\n")
    huiliu.protection = "keys"
    for part in range(2):
        huiliu.generate(broker, 1_500, 77 + part, 2)
        huiliu.run_once(broker)
    return huiliu


def test_the_chain_is_that_of_other_code_and_breaks_where_it_is_broken(city):
    lake, directory = Lake(city.lake), city.directory
    heads = {
        f"{group}.{name}": walk(lake, f"{group}/{name}")
        for group in ["changes", "current", "quarantine", "ledger"]
        for name in lake.tables(group)
    }
    report = json.loads(city.run("audit", "verify", "-o", "json").stdout)
    assert report["adds_up"] is True
    lines = {line["table"]: line for line in report["tables"]}
    assert {name: lines[name]["newest"] for name in heads} == {
        name: version for name, (version, _) in heads.items()
    }
    assert sum(line["receipts_recounted"] for line in lines.values()) > 0
    assert all(line["receipts_not_recounted"] == 0 for line in lines.values())

    city.run("audit", "export", "kept.json")
    kept = json.loads((directory / "kept.json").read_text())
    assert {head["table"]: (head["version"], head["sm3"]) for head in kept["tables"]}.items() >= (
        heads.items()
    )
    assert len(kept["hmac_sm3"]) == 64
    city.run("audit", "verify", "--checkpoint", "kept.json")
    kept["tables"][0]["version"] += 1
    (directory / "forged.json").write_text(json.dumps(kept))
    refused = city.run("audit", "verify", "--checkpoint", "forged.json", expect=65)
    assert b"signature" in refused.stderr

    table = next(name for name in lake.tables("changes") if len(log(lake, f"changes/{name}")) > 2)
    first = log(lake, f"changes/{table}")[1]
    text = first.read_bytes()
    first.write_bytes(text.replace(b'"accepted":', b'"accepted":1', 1))
    found = city.run("audit", "verify", f"changes.{table}", "-o", "json", expect=65)
    [line] = json.loads(found.stdout)["tables"]
    assert line["fault"]["version"] == 1, "the ledger has the receipt as it was"
    first.write_bytes(text)
    city.run("audit", "verify", f"changes.{table}")

    newest = log(lake, f"current/{table}")[-1]
    newest.unlink()
    city.run("audit", "verify", f"current.{table}")
    missed = city.run("audit", "verify", "--checkpoint", "kept.json", expect=65)
    assert f"current.{table}".encode() in missed.stderr
