"""Subject tables follow while a process ingests, and are what a full build gives."""

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
