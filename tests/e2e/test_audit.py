"""The chain of receipts: worked out again by other code, and broken on purpose."""

import hashlib
import json
import pathlib
import shutil

import pyarrow
import pyarrow.parquet
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


def published(broker, table, lake):
    """Records of a dataset in Kafka, by the brokers: nothing here is transactional."""
    [topic] = {
        identity["txn"]["appId"].rsplit("/", 1)[0]
        for actions in lake.commits(f"changes/{table}")
        for identity in actions
        if "txn" in identity and "/" in identity["txn"]["appId"]
    }
    return sum(end for (name, _), end in broker.ends().items() if name == topic)


def forge(lake, table):
    """Takes a row of the newest landing away and calls its record a tombstone: every digest and
    every count within the lake is made to fit. Returns the version."""
    path = log(lake, f"changes/{table}")[-1]
    info, _, body = path.read_bytes().partition(b"\n")
    line = json.loads(info)
    receipt = line["commitInfo"]["huiliu"]
    actions = [json.loads(action) for action in body.splitlines()]
    [add] = [action["add"] for action in actions if "add" in action]
    file = pathlib.Path(lake.path(f"changes/{table}")) / add["path"]
    rows = pyarrow.parquet.read_table(file, partitioning=None)
    places = list(zip(*(rows[name].to_pylist() for name in ["sys_partition", "sys_offset"])))
    alone = next(row for row, place in enumerate(places) if places.count(place) == 1)
    kept = pyarrow.concat_tables([rows.slice(0, alone), rows.slice(alone + 1)])
    pyarrow.parquet.write_table(kept, file, compression="zstd")
    add["size"] = file.stat().st_size
    add["stats"] = json.dumps({**json.loads(add["stats"]), "numRecords": len(kept)})
    receipt["tally"]["accepted"] -= 1
    receipt["tally"]["tombstones"] += 1
    receipt["rows"] -= 1
    forged = b"".join(json.dumps(action).encode() + b"\n" for action in actions)
    receipt["chain"]["body"] = sm3(forged)
    path.write_bytes(json.dumps(line).encode() + b"\n" + forged)
    shutil.rmtree(lake.path("ledger/chain"))
    return int(path.stem)


def test_what_fits_within_the_lake_and_not_to_kafka_is_found_in_kafka(broker, city):
    lake = Lake(city.lake)
    asked = ["audit", "verify", "--kafka", "--bootstrap-servers", broker.servers]
    report = json.loads(city.run(*asked, "-o", "json").stdout)
    counted = {
        line["table"].removeprefix("changes."): line["kafka"]
        for line in report["tables"]
        if line["kafka"]
    }
    assert len(counted) == len([t for t in lake.tables("changes") if len(log(lake, f"changes/{t}")) > 1])
    for table, kafka in counted.items():
        assert kafka["receipts_not_there"] == 0, table
        assert kafka["records"] == published(broker, table, lake), table

    table = max(counted, key=lambda name: counted[name]["records"])
    version = forge(lake, table)
    city.run("audit", "verify", f"changes.{table}")
    found = city.run(*asked, f"changes.{table}", "-o", "json", expect=65)
    [line] = json.loads(found.stdout)["tables"]
    assert line["fault"]["version"] == version
    assert "tombstones" in line["fault"]["what"] and b"Kafka has" in found.stderr
