"""The definitions of `reference/` in DuckDB, over the rows of a lake.

The text of the definitions is that of another dialect and of a clean world: `DIALECT` spells it
for DuckDB, and `DEPARTURES` holds every place where a table departs from its definition on
purpose, with the reason. Instants are shown in the time of Chongqing, so that the day and the
month of an instant are those of the people it happened to.
"""

import pathlib
import re

import duckdb

from places import REPOSITORY

REFERENCE = pathlib.Path(__file__).parent / "reference"
DIMENSIONS = REPOSITORY / "sql" / "dimensions"

DIALECT = [
    # A date is no number in DuckDB; the difference of two dates is.
    (r"CAST\(((?:\w+\.)?\w+_date|p\.as_of|coalesce\([^()]*\)) AS INT\)", r"(\1 - DATE '1970-01-01')"),
    (r"regexp_like\(", "regexp_matches("),
    (r"to_char\(", "strftime("),
    (r"approx_percentile_cont\(", "quantile_cont("),
]  # fmt: skip

# (view, text, text in its place, why)
DEPARTURES = [
    (
        "pc_record",
        "SELECT 'blacklist', x.case_no,",
        "SELECT 'blacklist', x.list_code || '-' || x.case_no,",
        "one case can put one subject on several lists: the number has to name one record",
    ),
    (
        "pc_subject_summary",
        "r.event_date > p.as_of - INTERVAL '36 months')",
        "r.event_date > p.as_of - INTERVAL '36 months' AND r.event_date <= p.as_of)",
        "a window of days ends on as_of, as that of ef_risk does",
    ),
    (
        "pc_publication",
        "CASE WHEN r.subject_type = '2' THEN NULL ELSE r.subject_code END",
        "CASE WHEN r.subject_type = '2' OR length(r.subject_code) <> 18 THEN NULL "
        "WHEN r.subject_code[:2] = '92' THEN r.subject_code[:8] || '******' || r.subject_code[15:] "
        "ELSE r.subject_code END",
        "of a sole trader's code the middle is hidden, and only a credit code is shown at all",
    ),
    (
        "pc_publication",
        "SELECT r.kind, r.record_no,",
        "SELECT r.kind, CASE WHEN count(*) OVER same > 1 THEN r.record_no || '-' || row_number() "
        "OVER (same ORDER BY r.subject_code) ELSE r.record_no END AS record_no,",
        "several subjects of one case would be rows that nothing tells apart",
    ),
    (
        "pc_publication",
        "AND n.kind_code <> '1'))",
        "AND n.kind_code <> '1')) "
        "WINDOW same AS (PARTITION BY r.kind, r.record_no, r.authority_uscc, r.event_date)",
        "the window of the line above",
    ),
    (
        "pc_repair_candidate",
        "AND b.out_date IS NULL",
        "AND b.in_date <= p.as_of AND (b.out_date IS NULL OR b.out_date > p.as_of)",
        "a subject is on a black list from in_date to the day before out_date",
    ),
    (
        "be_indicator",
        "WHERE x.finish_time IS NOT NULL AND x.result_code = '1'",
        "WHERE x.finish_time IS NOT NULL AND x.result_code = '1' AND x.accept_time IS NOT NULL "
        "AND CAST(x.accept_time AS DATE) >= DATE '2018-01-01'",
        "a case from before the calendar has no working days, not 0 of them",
    ),
    (
        "be_indicator",
        "WHERE x.loan_date IS NOT NULL",
        "WHERE x.loan_date IS NOT NULL AND x.annual_rate IS NOT NULL",
        "the amount of a loan whose rate is not known would lower the average",
    ),
    (
        "iv_lead_state",
        "l.paid_in_wan >= 0.3 * l.contract_wan",
        "l.contract_wan > 0 AND l.paid_in_wan >= 0.3 * l.contract_wan",
        "nothing of nothing is not 30 %",
    ),
]


class Definitions:
    """The views of `reference/` at `as_of`, over `rows(dataset)` (Arrow tables)."""

    def __init__(self, datasets, rows, as_of, pov_line=4000, medical_line=20000):
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'Asia/Shanghai'")
        for dataset in datasets:
            self.connection.register(f"arrow_{dataset}", rows(dataset))
            self.connection.execute(f"CREATE TABLE {dataset} AS FROM arrow_{dataset}")
        for name in ["industry", "calendar", "item_tag", "station"]:
            # All codes stay text; days and counts of the calendar are recognised.
            texts = str(name != "calendar").lower()
            path = DIMENSIONS / f"{name}.csv"
            self.connection.execute(
                f"CREATE TABLE dim_{name} AS "
                f"FROM read_csv('{path}', header = true, all_varchar = {texts})"
            )
        self.connection.execute(
            "CREATE TABLE params AS SELECT CAST(? AS DATE) AS as_of, CAST(? AS DOUBLE) AS pov_line,"
            " CAST(? AS DOUBLE) AS medical_line",
            [as_of, pov_line, medical_line],
        )
        for statement in _statements():
            self.connection.execute(statement)

    def rows(self, view):
        """The rows of a view as dictionaries."""
        cursor = self.connection.execute(f"SELECT * FROM {view}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def _statements():
    departures = list(DEPARTURES)
    for path in sorted(REFERENCE.glob("*.sql")):
        text = re.sub(r"^--.*$", "", path.read_text(encoding="utf-8"), flags=re.M)
        for statement in filter(str.strip, text.split(";")):
            view = re.search(r"CREATE VIEW (\w+)", statement)[1]
            for departure in [d for d in departures if d[0] == view]:
                _, old, new, why = departure
                assert old in statement, f"{view} no longer says {old}: {why}"
                statement = statement.replace(old, new)
                departures.remove(departure)
            for pattern, spelt in DIALECT:
                statement = re.sub(pattern, spelt, statement)
            yield statement
    assert not departures, departures
