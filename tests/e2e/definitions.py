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
    (
        r"CAST\(((?:\w+\.)?(?:\w+_date|plan_start|plan_end)|p\.as_of|coalesce\([^()]*\)) AS INT\)",
        r"(\1 - DATE '1970-01-01')",
    ),
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
    (
        "pa_division_stat",
        "sum(f.income_per_head * f.members) / sum(f.members)",
        "sum(f.income_per_head * f.members) / "
        "sum(f.members) FILTER (WHERE f.income_per_head IS NOT NULL)",
        "persons whose income is not known would lower the income per head",
    ),
    (
        "ip_step",
        "JOIN dim_calendar",
        "LEFT JOIN dim_calendar",
        "a step from before the calendar is a step, though its days are not known",
    ),
    (
        "ip_step",
        "greatest(ce.workday_seq - cs.workday_seq - s.pause_days, 0)",
        "CASE WHEN ce.workday_seq - cs.workday_seq - s.pause_days IS NOT NULL "
        "THEN greatest(ce.workday_seq - cs.workday_seq - s.pause_days, 0) END",
        "days that are not known are not 0 days",
    ),
    (
        "ip_project_state",
        "sum(used_workdays) AS approval_workdays",
        "CASE WHEN count(*) = count(used_workdays) THEN sum(used_workdays) END "
        "AS approval_workdays",
        "a sum with an unknown part is unknown",
    ),
    (
        "ip_item_efficiency",
        "round(avg(used_workdays), 2) AS avg_workdays",
        "CASE WHEN count(*) = count(used_workdays) THEN round(avg(used_workdays), 2) END "
        "AS avg_workdays",
        "a mean of an incomplete base is null",
    ),
    (
        "ip_item_efficiency",
        "approx_percentile_cont(used_workdays, 0.9) AS p90_workdays",
        "CASE WHEN count(*) = count(used_workdays) "
        "THEN round(approx_percentile_cont(used_workdays, 0.9), 2) END AS p90_workdays",
        "exact, to two places, and null of an incomplete base",
    ),
    (
        "ip_item_efficiency",
        "round(100.0 * count(*) FILTER (WHERE NOT is_overdue) / count(*), 2) AS on_time_pct",
        "CASE WHEN count(*) = count(is_overdue) "
        "THEN round(100.0 * count(*) FILTER (WHERE NOT is_overdue) / count(*), 2) END "
        "AS on_time_pct",
        "a rate of an incomplete base is null",
    ),
    (
        "gs_case",
        "CASE WHEN c.accept_time IS NULL THEN NULL ELSE",
        "CASE WHEN ce.workday_seq - cs.workday_seq - c.pause_days IS NULL THEN NULL ELSE",
        "days that are not known are not 0 days",
    ),
    (
        "gs_item_month",
        "round(avg(used_workdays), 2) AS avg_workdays",
        "CASE WHEN count(*) = count(used_workdays) THEN round(avg(used_workdays), 2) END "
        "AS avg_workdays",
        "a mean of an incomplete base is null",
    ),
    (
        "gs_item_month",
        "round(100.0 * count(*) FILTER (WHERE used_workdays <= promise_days) / count(*), 2) "
        "AS on_time_pct",
        "CASE WHEN count(*) = count(used_workdays) THEN "
        "round(100.0 * count(*) FILTER (WHERE used_workdays <= promise_days) / count(*), 2) END "
        "AS on_time_pct",
        "a rate of an incomplete base is null",
    ),
    (
        "gs_open_case",
        "ELSE 'green' END",
        "WHEN promise_days - used_workdays > 1 THEN 'green' END",
        "days that are not known give no light",
    ),
    (
        "gs_subject_archive",
        "FROM gs_case x CROSS JOIN p WHERE CAST(x.apply_time AS DATE) > p.as_of - INTERVAL "
        "'12 months' GROUP BY",
        "FROM pool_gov_case x CROSS JOIN p WHERE CAST(x.apply_time AS DATE) > p.as_of - INTERVAL "
        "'12 months' AND CAST(x.apply_time AS DATE) <= p.as_of GROUP BY",
        "a window of days ends on as_of, and a case of an unknown item is its applicant's too",
    ),
    (
        "gs_subject_archive",
        "l.status_code = '01' AND (l.valid_to IS NULL OR",
        "l.status_code = '01' AND (l.valid_from IS NULL OR l.valid_from <= p.as_of) "
        "AND (l.valid_to IS NULL OR",
        "a licence is not valid before it begins",
    ),
    (
        "ep_exposure",
        "AND a.depart_time < coalesce(b.arrive_time, b.depart_time + INTERVAL '24 hours')",
        "AND a.depart_time < coalesce(b.arrive_time, b.depart_time + INTERVAL '24 hours') "
        "QUALIFY row_number() OVER (PARTITION BY k.case_no, b.citizen_id, a.mode, a.service_no, "
        "a.service_date ORDER BY CASE exposure WHEN 'close' THEN 1 WHEN 'same_coach' THEN 2 "
        "ELSE 3 END, b.board_code, b.alight_code, b.coach_no, b.seat_no) = 1",
        "several tickets on one service are one contact, the closest",
    ),
    (
        "ep_person_status",
        "FROM pool_epi_test x) y WHERE rn = 1)",
        "FROM pool_epi_test x CROSS JOIN p WHERE CAST(x.sample_time AS DATE) <= p.as_of) y "
        "WHERE rn = 1)",
        "a sample of tomorrow is not the newest of today",
    ),
    (
        "ep_person_status",
        "CAST(x.sample_time AS DATE) > p.as_of - INTERVAL '7 days'",
        "CAST(x.sample_time AS DATE) > p.as_of - INTERVAL '7 days' "
        "AND CAST(x.sample_time AS DATE) <= p.as_of",
        "a window of days ends on as_of",
    ),
    (
        "ep_person_status",
        "x.service_date > p.as_of - INTERVAL '14 days'",
        "x.service_date > p.as_of - INTERVAL '14 days' AND x.service_date <= p.as_of",
        "a window of days ends on as_of",
    ),
]


class Definitions:
    """The views of `reference/` at `as_of`, over `rows(dataset)` (Arrow tables)."""

    def __init__(self, datasets, rows, as_of, pov_line=4000, medical_line=10000):
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
        return self.connection.execute(f"SELECT * FROM {view}").arrow().read_all().to_pylist()


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
