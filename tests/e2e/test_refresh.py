"""Subject tables follow while a process ingests, and are what a full build gives."""

import json

from lake import Lake
from program import drain, eventually, get, messages
from test_metrics import samples

AS_OF = "2020-06-30"
# Tables of the seven subjects that are on.
TABLES = 27


def _sum(port, name, *parts):
    found = samples(get(port, "/metrics")[1]).get(name, {})
    return {k: v for k, v in found.items() if all(part in k for part in parts)}


def test_changes_become_visible_and_tables_stay_what_a_full_build_gives(broker, topics, huiliu):
    assert huiliu.generate(broker, 5_000, 11, 2)
    process, port = huiliu.start_served(broker, "--as-of", AS_OF)
    refreshes = "huiliu_subject_refreshes_total"

    def built():
        return len(_sum(port, refreshes, 'outcome="ok"', 'way="full"')) == TABLES

    eventually(built, 300, process)
    before = sum(_sum(port, "huiliu_subject_freshness_seconds_count").values())
    assert huiliu.generate(broker, 5_000, 12, 2)

    def followed():
        return sum(_sum(port, "huiliu_subject_freshness_seconds_count").values()) > before

    eventually(followed, 300, process)
    assert not _sum(port, refreshes, 'outcome="failed"')
    assert drain(process) == 0, messages(process)
    lake = ["--lake", huiliu.lake, "--protection", "plain"]
    huiliu.run("refresh", "--as-of", AS_OF, *lake)
    huiliu.run("verify", "--sample", "100", *lake)


def test_a_planted_difference_is_found(broker, topics, huiliu):
    huiliu.generate(broker, 2_000, 11)
    huiliu.run_once(broker, "--as-of", AS_OF)
    lake = ["--lake", huiliu.lake, "--protection", "plain"]
    table = "public_credit.record"
    huiliu.run("verify", table, *lake)
    # A hand deletes rows of one subject behind the program's back.
    planted = Lake(huiliu.lake).delta("subjects/public_credit/record")
    rows = planted.to_pyarrow_table(columns=["subject_code"]).to_pylist()
    planted.delete(f"subject_code = '{rows[0]['subject_code']}'")
    said = huiliu.run("verify", table, *lake, expect=1)
    assert table in str(said)


def test_a_set_of_versions_reaches_into_the_subjects_that_are_read(broker, topics, huiliu):
    """Leads are told with the power that a firm uses, a table of another subject database."""
    power, leads = "enterprise_financing.utility_stability", "investment_promotion"
    lake = ["--lake", huiliu.lake, "--protection", "plain"]

    def sets():
        done = huiliu.run("subject", "versions", leads, "--last", 9, *lake, "--output", "json")
        return json.loads(done.stdout)["sets"]

    def refreshed(name):
        done = huiliu.run("refresh", name, "--as-of", AS_OF, *lake, "--output", "json")
        return {t["table"]: t["decision"]["way"] for t in json.loads(done.stdout)["tables"]}

    def stands():
        return Lake(huiliu.lake).delta("subjects/" + power.replace(".", "/")).version()

    huiliu.generate(broker, 5_000, 21)
    huiliu.run_once(broker, "--as-of", AS_OF)
    [first] = sets()
    _use_more_power(huiliu, lake)
    # The table it reads is brought up before it, and only the rest of the subject is behind.
    lead_state = f"{leads}.lead_state"
    ways = refreshed(lead_state)
    assert list(ways) == [power, lead_state] and "nothing" not in ways.values()
    assert sets() == [first]
    assert refreshed(leads)[power] == "nothing"
    second, _ = sets()
    versions = {m["table"]: m["inputs"].get(power) for m in second["tables"]}
    assert versions[lead_state] == versions[f"{leads}.expansion_target"] == stands()
    assert stands() > {m["table"]: m["inputs"] for m in first["tables"]}[lead_state][power]
    huiliu.run("verify", *lake)


def _use_more_power(huiliu, lake):
    """Every bill of a firm says a kilowatt-hour more."""
    tables = Lake(huiliu.lake)
    accounts = tables.rows("current/power_account", ["account_no", "holder_code_type"])
    firms = {no for no, kind in zip(*accounts.values()) if kind == "001"}
    bills = tables.rows("current/power_bill")
    names = [name for name in bills if not name.startswith("sys_")]
    rows = [dict(zip(names, cells)) for cells in zip(*(bills[name] for name in names))]
    grown = [row | {"qty": row["qty"] + 1} for row in rows if row["account_no"] in firms]
    assert grown, "the city has a firm with power of its own"
    path = huiliu.directory / "power_bill.jsonl"
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in grown))
    huiliu.run(
        "load", "power_bill", path, "--format", "jsonl", "--op", "upsert", "--seq", 10**15, *lake
    )  # fmt: skip
