"""The bill of materials: the fields of CycloneDX 1.5, and exactly what is compiled."""

import json
import os
import re
import subprocess
import sys

import pytest

from places import REPOSITORY


def written(**environment):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "ops" / "sbom.py"],
        env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def text():
    return written()


@pytest.fixture(scope="module")
def bill(text):
    return json.loads(text)


def test_it_has_the_fields_of_cyclonedx(bill):
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    root = bill["metadata"]["component"]
    assert (root["type"], root["name"]) == ("application", "huiliu")
    for part in bill["components"]:
        assert part["type"] == "library" and part["scope"] in {"required", "excluded"}
        version = part["version"].replace("+", "%2B")
        assert part["purl"] == f"pkg:cargo/{part['name']}@{version}"
        assert len(part["licenses"]) == 1, part["name"]
        ours = part["name"].startswith("huiliu-")
        assert ours or re.fullmatch(r"[0-9a-f]{64}", part["hashes"][0]["content"]), part["name"]
        expression = re.sub("[()]", "", part["licenses"][0]["expression"])
        words = re.split(" (?:OR|AND|WITH) ", expression)
        assert all(re.fullmatch(r"[A-Za-z0-9.+-]+", word) for word in words), expression


def test_references_are_unique_and_lead_somewhere(bill):
    parts = [bill["metadata"]["component"], *bill["components"]]
    inner = [within for part in parts for within in part.get("components", [])]
    names = [part["bom-ref"] for part in [*parts, *inner]]
    assert len(names) == len(set(names))
    edges = {edge["ref"]: edge["dependsOn"] for edge in bill["dependencies"]}
    assert edges.keys() == {part["bom-ref"] for part in parts}
    assert {to for ends in edges.values() for to in ends} <= edges.keys()


def test_it_lists_what_is_in_the_binary_and_nothing_of_the_tests(bill, binary):
    """Where code may panic the binary names its file: registry/src/…/NAME-VERSION/src/…"""
    with open(binary, "rb") as file:
        places = set(re.findall(rb"/registry/src/[^/]+/([\w.+-]+-\d[\w.+-]*)/", file.read()))
    inside = {place.decode() for place in places}
    assert len(inside) > 50
    runs = {
        f"{part['name']}-{part['version']}"
        for part in bill["components"]
        if part["scope"] == "required"
    }
    assert inside <= runs, inside - runs
    names = {part["name"] for part in bill["components"]}
    assert {"rdkafka-sys", "deltalake-core", "tokio", "huiliu-lake"} <= names
    assert not {"huiliu-testkit", "proptest", "quinn", "windows-sys"} & names


def test_macros_are_told_from_what_runs_and_carried_libraries_are_named(bill):
    of = {part["name"]: part for part in bill["components"]}
    assert of["serde_derive"]["scope"] == "excluded"
    assert of["tokio"]["scope"] == "required"
    [carried] = of["rdkafka-sys"]["components"]
    assert carried["name"] == "librdkafka"
    assert carried["version"] == of["rdkafka-sys"]["version"].partition("+")[2] != ""


def test_digests_are_those_of_the_lock_file(bill):
    lock = (REPOSITORY / "Cargo.lock").read_text()
    pinned = set(
        re.findall(r'name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(\w+)"', lock)
    )
    told = {
        (part["name"], part["version"], part["hashes"][0]["content"])
        for part in bill["components"]
        if "hashes" in part
    }
    assert told <= pinned and len(told) > 200


def test_the_same_tree_gives_the_same_bytes(text):
    assert written() == text
    dated = json.loads(written(SOURCE_DATE_EPOCH="1600000000"))
    assert dated["metadata"]["timestamp"] == "2020-09-13T12:26:40Z"
