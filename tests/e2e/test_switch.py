"""A subject that is lawful for a time only: off until it is turned on, gone when it is purged."""

import json

import pytest

from lake import Lake
from program import Huiliu

SUBJECT = "epidemic_prevention"
TABLES = {
    "case_trip", "division_day", "division_day_shared", "exposure", "person_status", "trip",
}  # fmt: skip
WHY = "lawful only while the emergency measure is in force"


class Installation:
    """What `huiliu demo` leaves behind, with the subject turned on or off in its settings."""

    def __init__(self, binary, directory):
        self.huiliu = Huiliu(binary, directory / "work", str(directory / "city" / "lake"))
        self.home = directory / "city"
        self.config = self.home / "huiliu.yaml"
        self.lake = Lake(self.huiliu.lake)
        self.told = self.run("demo", "--records", 6_000, "--seed", 7, "--keep", self.home)
        self.settings = self.config.read_text()

    def run(self, *arguments, expect=0):
        done = self.huiliu.run(*arguments, expect=expect)
        return done.stdout.decode(), done.stderr.decode()

    def ask(self, verb, *arguments, expect=0):
        return self.run(verb, *arguments, "--config", self.config, expect=expect)

    def turn(self, enabled):
        said = f"subjects: {{{SUBJECT}: {{enabled: {str(enabled).lower()}}}}}\n"
        self.config.write_text(self.settings + said)

    def kept(self):
        """Tables of the subject in the lake."""
        return {table.split("/")[1] for table in self.built() if table.startswith(f"{SUBJECT}/")}

    def built(self):
        """Subject tables with a log; a purge leaves empty folders where folders are real."""
        tables = self.lake.tables("subjects")
        return {table for table in tables if self.lake.exists(f"subjects/{table}")}


@pytest.fixture(scope="module")
def city(binary, tmp_path_factory):
    return Installation(binary, tmp_path_factory.mktemp("switch"))


def test_it_is_off_as_it_ships_and_every_verb_says_why(city):
    told, _ = city.told
    assert f"subject `{SUBJECT}` is off: " in told and WHY in told
    _, said = city.ask("validate")
    tables = int(said.split(" datasets, ")[1].split(" ")[0])
    printed, said = city.ask("refresh", "--as-of", "2020-06-30", "--output", "json")
    assert WHY in said
    report = json.loads(printed)
    assert set(report["off"]) == {SUBJECT}
    assert len(report["tables"]) + len(TABLES) == tables
    assert city.kept() == set()
    _, said = city.ask("refresh", SUBJECT, "--as-of", "2020-06-30", expect=2)
    assert WHY in said and f"{SUBJECT}: {{enabled: true}}" in said
    for name in [f"{SUBJECT}.person_status", f'"{SUBJECT}".person_status']:
        _, said = city.ask("query", f"SELECT count(*) FROM {name}", expect=1)
        assert WHY in said


def test_turned_on_it_is_built_and_turned_off_it_is_hidden_and_then_purged(city):
    city.turn(True)
    city.ask("refresh", SUBJECT, "--as-of", "2020-06-30")
    assert city.kept() == TABLES
    count = f"SELECT count(*) AS n FROM {SUBJECT}.person_status"
    printed, _ = city.ask("query", count, "--output", "json")
    [row] = json.loads(printed)
    assert row["n"] > 0
    _, said = city.ask("subject", "purge", SUBJECT, "--as", "Li", "--why", "over", expect=2)
    assert f"subject `{SUBJECT}` is on" in said
    assert city.kept() == TABLES

    city.turn(False)
    city.ask("query", count, expect=1)
    printed, _ = city.ask("status", "--offline", "--output", "json")
    [off] = json.loads(printed)["off"]
    assert (off["subject"], off["tables_left"]) == (SUBJECT, len(TABLES))
    city.ask("subject", "purge", SUBJECT, expect=2)
    printed, _ = city.ask("subject", "purge", SUBJECT, "--dry-run", "--output", "json")
    plan = json.loads(printed)
    assert not plan["done"] and {line["table"] for line in plan["tables"]} == TABLES
    assert city.kept() == TABLES

    others = city.built() - {f"{SUBJECT}/{table}" for table in TABLES}
    printed, _ = city.ask(
        "subject", "purge", SUBJECT, "--as", "Li", "--why", "the measure ended", "--output", "json"
    )
    assert json.loads(printed) == plan | {"done": True}
    folder = city.home / "lake" / "subjects" / SUBJECT
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert city.built() == others
    ledger = city.lake.rows("ledger/purges")
    assert set(ledger["table_name"]) == TABLES
    assert set(zip(ledger["actor"], ledger["subject"], ledger["note"])) == {
        ("Li", SUBJECT, "the measure ended")
    }
    rows = dict(zip(ledger["table_name"], ledger["row_count"]))
    assert rows["person_status"] == row["n"]
    printed, _ = city.ask("subject", "purge", SUBJECT, "--dry-run")
    assert "holds nothing" in printed
