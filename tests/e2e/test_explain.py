"""`huiliu explain`: the shown coordinates are those of the rows that hand-written SQL finds.

The rows of `current` are read by deltalake and joined by DuckDB. A dataset is delivered as one
file, whose records are known by the SM3 of its bytes and their place in it, which are computed
here; one dataset gets a second file, whose offsets are those of the first.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from cities import City
from program import Huiliu

RECORDS, SEED, AS_OF = 20_000, 2024, "2020-06-30"
PROFILE = "enterprise_financing.enterprise_profile"
UTILITY = "enterprise_financing.utility_stability"
MONTH = "investment_project.division_month"

# Rows of each input, for a key whose columns are parameters.
BY_KEY = {
    PROFILE: {
        "le_entity": "SELECT * FROM le_entity WHERE uscc = $uscc",
        "le_shareholder": "SELECT * FROM le_shareholder WHERE uscc = $uscc",
        "le_annual_report": "SELECT * FROM le_annual_report WHERE uscc = $uscc",
        "lic_licence": "SELECT * FROM lic_licence WHERE holder_code = $uscc",
    },
    UTILITY: {
        f"{utility}_{what}": sql.format(utility)
        for utility in ["water", "power", "gas"]
        for what, sql in {
            "account": "SELECT * FROM {0}_account WHERE holder_code = $uscc",
            "bill": "SELECT b.* FROM {0}_bill b JOIN {0}_account a USING (account_no)"
            " WHERE a.holder_code = $uscc",
        }.items()
    },
    MONTH: {
        "pool_project": "SELECT * FROM pool_project WHERE division_code = $division_code",
        "pool_project_month": "SELECT m.* FROM pool_project_month m JOIN pool_project p"
        " USING (project_code) WHERE p.division_code = $division_code"
        " AND m.stat_month = CAST($stat_month AS DATE)",
    },
}
DATASETS = sorted({name for inputs in BY_KEY.values() for name in inputs})
# A report as a spreadsheet has it; beside it one without a year.
DIRTY = {"employees": "４９人", "published_date": "2014年6月3日"}
BROKEN = {"report_year": "soon", "published_date": "2014-06-03"}
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


@pytest.fixture(scope="module")
def city(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("explain")
    huiliu = Huiliu(binary, directory / "work", str(directory / "lake"))
    city = City(huiliu, RECORDS, SEED, 0)
    city.on = ["--lake", huiliu.lake, "--protection", "plain"]
    reports = city.lake.rows("current/le_annual_report", ["uscc", "report_year"])
    pairs = set(zip(*reports.values()))
    city.reporter = min(reports["uscc"])
    # The first year of which this firm has not reported.
    city.year = next(year for year in range(2013, 2026) if (city.reporter, year) not in pairs)
    city.planted = huiliu.directory / "planted.jsonl"
    dirty = {**DIRTY, "report_year": str(city.year).translate(WIDE)}
    reports = [{"uscc": city.reporter, **report} for report in [dirty, BROKEN]]
    city.planted.write_text("".join(json.dumps(report) + "\n" for report in reports))
    huiliu.run("load", "le_annual_report", city.planted, "--format", "jsonl", *city.on)
    huiliu.run("refresh", "--as-of", AS_OF, *city.on)
    city.tables = duckdb.connect()
    for name in DATASETS:
        rows = city.lake.delta(f"current/{name}").to_pyarrow_table()
        city.tables.register(name, rows)
    return city


def explain(city, table, key, *more, expect=0):
    named = [f"{column}={value}" for column, value in key.items()]
    done = city.huiliu.run(
        "explain", table, *named, *more, "-o", "json", *city.on, expect=expect
    )  # fmt: skip
    return json.loads(done.stdout)


def topic(path):
    """What stands for the Kafka topic of a file's records."""
    return "file/" + hashlib.new("sm3", path.read_bytes()).hexdigest()[:32]


def keys_of(city, table):
    """Keys of a table, those with the most input rows and with none among them."""
    columns = {PROFILE: ["uscc"], UTILITY: ["uscc", "utility"]}
    columns = columns.get(table, ["division_code", "stat_month"])
    rows = city.lake.rows("subjects/" + table.replace(".", "/"), columns)
    keys = [dict(zip(columns, map(str, values))) for values in zip(*rows.values())]
    keys.sort(key=lambda key: list(key.values()))
    step = max(1, len(keys) // 6)
    return keys[::step] + keys[-1:]


def contributing(city, name, sql, key):
    """Topic, partition, offset, sequence, epoch and microseconds of each row of a query."""
    used = {column: value for column, value in key.items() if f"${column}" in sql}
    year = "report_year" if name == "le_annual_report" else "NULL"
    rows = city.tables.execute(
        f"SELECT sys_partition, sys_offset, sys_seq, sys_epoch, epoch_us(sys_kafka_time), {year}"
        f" FROM ({sql})", used,
    ).fetchall()  # fmt: skip
    delivered, planted = topic(city.folder / f"{name}.jsonl"), topic(city.planted)
    is_planted = key.get("uscc") == city.reporter
    return [
        (planted if is_planted and year == city.year else delivered, *coordinate)
        for *coordinate, year in rows
    ]


def shown(line):
    found = []
    for row in line["shown"]:
        kafka, sequence = row["kafka"], row["sequence"]
        since = datetime.fromisoformat(kafka["timestamp"]) - datetime(1970, 1, 1, tzinfo=UTC)
        found.append((kafka["kafka_topic"], kafka["partition"], kafka["offset"], sequence["seq"],
                      sequence["epoch"], since // timedelta(microseconds=1)))  # fmt: skip
    return found


@pytest.mark.parametrize("table", BY_KEY)
def test_the_coordinates_are_those_of_the_contributing_rows(city, table):
    keys = keys_of(city, table)
    if table == PROFILE:
        keys.append({"uscc": city.reporter})
    some = 0
    for key in keys:
        said = explain(city, table, key, "--limit", "100000")
        assert said["format_version"] == "1.0"
        assert said["found"] and said["rebuilt"] == "equal" and said["as_of"] in (AS_OF, None)
        lines = {line["name"]: line for line in said["inputs"] if line["kind"] == "dataset"}
        assert set(lines) == set(BY_KEY[table])
        for name, sql in BY_KEY[table].items():
            rows = contributing(city, name, sql, key)
            assert lines[name]["rows"] == len(rows), (key, name)
            assert sorted(shown(lines[name])) == sorted(rows), (key, name)
            some += len(rows)
    assert some > len(keys), "hardly anything was compared"


def test_versions_and_query_are_those_of_the_commit(city):
    said = explain(city, PROFILE, {"uscc": city.reporter})
    commits = city.lake.commits("subjects/" + PROFILE.replace(".", "/"))
    infos = [action["commitInfo"] for action in commits[-1] if "commitInfo" in action]
    build = infos[0]["huiliu"]["build"]
    assert said["build"]["version"] == said["written"]["version"] == len(commits) - 1
    assert said["build"]["inputs"] == build["inputs"]
    assert said["build"]["query_xxh3"] == build["query_xxh3"]
    assert said["build"]["query_is_in_force"]
    newest = len(city.lake.commits("changes/le_annual_report")) - 1
    [line] = [line for line in said["inputs"] if line["name"] == "le_annual_report"]
    assert line["version"] == newest
    # The planted report came with the last commit; a row of the first file with one before.
    versions = {row["kafka"]["kafka_topic"]: row["kafka"]["changes_version"]
                for row in line["shown"]}  # fmt: skip
    assert versions[topic(city.planted)] == newest
    assert versions[topic(city.folder / "le_annual_report.jsonl")] < newest


def test_a_planted_dirty_value_is_shown_with_its_repair_and_a_reject_of_the_key(city):
    said = explain(city, PROFILE, {"uscc": city.reporter})
    [line] = [line for line in said["inputs"] if line["name"] == "le_annual_report"]
    [row] = [row for row in line["shown"] if row["values"]["report_year"] == city.year]
    assert row["op"] == "r" and row["kafka"]["offset"] == 0
    cells = {cell["column"]: cell for cell in row["cells"]}
    wide = str(city.year).translate(WIDE)
    assert cells["report_year"]["delivered"] == wide
    assert cells["report_year"]["stored"] == city.year
    assert "at_least: 2013" in cells["report_year"]["rules"]
    assert cells["employees"]["delivered"] == DIRTY["employees"]
    assert cells["employees"]["stored"] is None
    assert cells["employees"]["flags"] == ["TYPE"]
    rejects = line["rejects"]
    assert rejects["count"] == 1 and rejects["matched_on"] == ["uscc"]
    [reject] = rejects["shown"]
    assert (reject["kafka_topic"], reject["offset"]) == (topic(city.planted), 1)
    assert (reject["field"], reject["state"]) == ("report_year", "open")
    text = city.huiliu.run("explain", PROFILE, city.reporter, *city.on).stdout.decode()
    assert f"delivered as `{wide}`, stored as `{city.year}`" in text
    assert "1 record rejected with the same uscc" in text


def test_a_column_shows_its_sql_and_the_inputs_that_lead_to_it(city):
    said = explain(city, PROFILE, {"uscc": city.reporter}, "--column", "paid_in_pct")
    assert said["column"]["sources"] == [
        "le_shareholder.paid_wan", "le_shareholder.subscribed_wan",
    ]  # fmt: skip
    sql = {(step["place"], step["column"]): step["sql"] for step in said["column"]["expressions"]}
    assert sql["query.sql, step capital", "paid_wan"] == "sum(paid_wan)"
    assert "100 * c.paid_wan" in sql["query.sql", "paid_in_pct"]
    [line] = said["inputs"]
    assert line["name"] == "le_shareholder"
    for row in line["shown"]:
        assert set(row["values"]) == {"uscc", "holder_seq", "paid_wan", "subscribed_wan"}


def test_a_code_list_shows_the_row_that_is_joined(city):
    said = explain(city, PROFILE, {"uscc": city.reporter}, "--column", "industry_section")
    sql = "SELECT industry_code FROM le_entity WHERE uscc = $uscc"
    [(industry,)] = city.tables.execute(sql, {"uscc": city.reporter}).fetchall()
    [line] = said["inputs"]
    assert (line["name"], line["reach"], line["whole"]) == ("industry", "all", False)
    codes = [row["values"]["code"] for row in line["shown"]]
    assert codes == ([industry[:2]] if industry else [])


def test_more_rows_than_the_limit_are_counted(city):
    [key] = [key for key in keys_of(city, UTILITY)][:1]
    every = explain(city, UTILITY, key, "--limit", "100000")
    few = explain(city, UTILITY, key, "--limit", "2")
    for whole, part in zip(every["inputs"], few["inputs"]):
        assert part["rows"] == whole["rows"]
        assert part["shown"] == whole["shown"][:2]
    assert max(line["rows"] for line in few["inputs"]) > 2


def test_what_is_not_there_is_said_with_what_it_lacks(city):
    said = explain(city, PROFILE, {"uscc": "nobody"}, expect=1)
    assert not said["found"] and said["row"] is None and said["rebuilt"] == "equal"
    assert {line["rows"] for line in said["inputs"]} == {0}
    run = city.huiliu.run
    text = run("explain", PROFILE, "nobody", *city.on, expect=1).stderr.decode()
    assert "has no such row" in text and "no rows in le_entity, le_shareholder" in text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["enterprise_financing.enterprise_profil", "x"], f"did you mean `{PROFILE}`?"),
        (["enterprise_profile", "x"], f"did you mean `{PROFILE}`?"),
        ([MONTH, "500103"], "KEY has 1 value"),
        ([MONTH, "division=500103,stat_month=2020-01-01"], "`division` is no column of the key"),
        ([PROFILE, "x", "--column", "age_month"], "did you mean `age_months`?"),
        (["epidemic_prevention.exposure", "x"], "subject `epidemic_prevention` is off"),
    ],
)  # fmt: skip
def test_wrong_questions_are_usage_errors(city, arguments, words):
    done = city.huiliu.run("explain", *arguments, *city.on, expect=2)
    assert done.stdout == b""
    assert words in done.stderr.decode()


def test_a_value_of_another_type_is_named(city):
    done = city.huiliu.run("explain", MONTH, "500103,soon", *city.on, expect=2)
    assert "`stat_month` is to be a date" in done.stderr.decode()


def test_tokens_stay_tokens_and_no_original_is_shown(binary, tmp_path):
    """A lake with keys: a person's id is planted, and no form of the answer tells it."""
    from test_quarantine import resident_id

    huiliu = Huiliu(binary, tmp_path / "work", str(tmp_path / "lake"))
    for name, size in [("token", 32), ("encrypt", 16)]:
        (huiliu.directory / f"{name}.hex").write_text("5a" * size)
    with open(huiliu.directory / "huiliu.yaml", "a") as settings:
        settings.write(
            "protection: keys\n"
            "keys:\n  id: hub\n"
            f"  token: {{secret: 'file:{huiliu.directory}/token.hex'}}\n"
            f"  encrypt: {{secret: 'file:{huiliu.directory}/encrypt.hex'}}\n"
        )
    person, household = resident_id("50010319700101901"), "PH0001"
    on = ["--lake", huiliu.lake]
    for dataset, row in {
        "pool_pov_household": {"hh_no": household, "head_id": person},
        "pool_pov_member": {"hh_no": household, "citizen_id": person},
    }.items():
        path = huiliu.directory / f"{dataset}.jsonl"
        path.write_text(json.dumps(row) + "\n")
        huiliu.run("load", dataset, path, "--format", "jsonl", *on)
    huiliu.run("refresh", "poverty_alleviation.member", "--as-of", AS_OF, *on)
    said = json.loads(
        huiliu.run(
            "query", "SELECT hh_no, citizen_id FROM poverty_alleviation.member", "-o", "json", *on
        ).stdout
    )
    [row] = said
    assert row["citizen_id"] != person
    key = [row["hh_no"], row["citizen_id"]]
    for form in ["text", "json"]:
        done = huiliu.run("explain", "poverty_alleviation.member", *key, "-o", form, *on)
        assert row["citizen_id"] in done.stdout.decode()
        assert person not in done.stdout.decode() + done.stderr.decode()
