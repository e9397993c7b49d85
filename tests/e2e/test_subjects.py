"""Every subject table is, row by row, what its definition gives in another engine.

The same generated city, the same rows of `current`, the same day. The definitions are SQL of the
domain specification, run by DuckDB; where a table departs from them, `definitions.py` says so.
"""

import json
import math
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from cities import City
from definitions import Definitions
from places import REPOSITORY
from planting_growth import plant_growth
from program import Huiliu

RECORDS, SEED, AS_OF = 150_000, 2024, "2020-06-30"

# Subject table: the view that defines it.
TABLES = {
    "enterprise_financing.enterprise_profile": "ef_enterprise_profile",
    "enterprise_financing.utility_stability": "ef_utility_stability",
    "enterprise_financing.operation_12m": "ef_operation_12m",
    "enterprise_financing.risk": "ef_risk",
    "enterprise_financing.scorecard": "ef_scorecard",
    "public_credit.record": "pc_record",
    "public_credit.subject_summary": "pc_subject_summary",
    "public_credit.publication": "pc_publication",
    "public_credit.repair_candidate": "pc_repair_candidate",
    "business_environment.indicator": "be_indicator",
    "business_environment.cohort_survival": "be_cohort_survival",
    "investment_promotion.lead_state": "iv_lead_state",
    "investment_promotion.funnel_quarter": "iv_funnel_quarter",
    "investment_promotion.expansion_target": "iv_expansion_target",
    "poverty_alleviation.member": "pa_member",
    "poverty_alleviation.household_profile": "pa_household_profile",
    "poverty_alleviation.return_risk": "pa_return_risk",
    "poverty_alleviation.division_stat": "pa_division_stat",
    "investment_project.step": "ip_step",
    "investment_project.project_state": "ip_project_state",
    "investment_project.item_efficiency": "ip_item_efficiency",
    "investment_project.division_month": "ip_division_month",
    "government_service.case": "gs_case",
    "government_service.item_month": "gs_item_month",
    "government_service.open_case": "gs_open_case",
    "government_service.subject_archive": "gs_subject_archive",
    "epidemic_prevention.exposure": "ep_exposure",
    "epidemic_prevention.person_status": "ep_person_status",
    "epidemic_prevention.division_day": "ep_division_day",
}


@pytest.fixture(scope="module")
def city(binary, tmp_path_factory):
    """A city whose subject tables are built, and their definitions over the same rows."""
    directory = tmp_path_factory.mktemp("subjects")
    huiliu = Huiliu(binary, directory / "work", str(directory / "lake"))
    city = City(huiliu, RECORDS, SEED, 0)
    _plant_cases(huiliu, city.lake)
    with open(huiliu.directory / "huiliu.yaml", "a") as settings:
        settings.write("subjects: {epidemic_prevention: {enabled: true}}\n")
    plant_growth(huiliu, city.lake)
    huiliu.run("refresh", "--as-of", AS_OF, "--lake", huiliu.lake, "--protection", "plain")

    def current(dataset):
        return city.lake.delta(f"current/{dataset}").to_pyarrow_table()

    city.definitions = Definitions(city.datasets, current, AS_OF)
    return city


def _plant_cases(huiliu, lake):
    """Makes cases of every seventh ticket's traveller, from a day before the service to five days
    after it: in a generated city hardly anybody falls ill right after a journey."""
    planted = huiliu.directory / "planted.jsonl"
    with open(planted, "w") as lines:
        number = 0
        for mode in ["avi", "rail", "road"]:
            found = lake.rows(f"current/{mode}_ticket", ["citizen_id", "service_date"])
            for traveller, day in list(zip(*found.values()))[::7]:
                number += 1
                case = {
                    "case_no": f"YQTRIP{number:05}",
                    "citizen_id": traveller,
                    "case_type": str(1 + number % 3),
                    "confirm_date": str(day + timedelta(number % 7 - 1)),
                    "division_code": "500112",
                    "updated_at": "2020-06-29T12:00:00+08:00",
                }
                lines.write(json.dumps(case) + "\n")
    huiliu.run(
        "load", "pool_epi_case", planted, "--format", "jsonl", "--lake", huiliu.lake,
        "--protection", "plain",
    )  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_what_its_definition_gives(city, table):
    subject, name = table.split(".")
    key = _key(subject, name)
    built = city.lake.delta(f"subjects/{subject}/{name}").to_pyarrow_table().to_pylist()
    defined = city.definitions.rows(TABLES[table])
    assert defined, "the city says nothing about this table"
    built, defined = by_key(built, key), by_key(defined, key)
    assert built.keys() == defined.keys()
    columns = next(iter(defined.values())).keys()
    stored = [column for column in next(iter(built.values())) if not column.startswith("sys_")]
    assert list(columns) == stored
    differing = [
        (of, column, row[column], built[of][column])
        for of, row in defined.items()
        for column in columns
        if not same(column, row[column], built[of][column])
    ]
    assert not differing, differing[:10]


def _key(subject, name):
    text = (REPOSITORY / "sql" / subject / name / "table.yaml").read_text(encoding="utf-8")
    return re.search(r"^key: \[(.*)\]", text, re.M)[1].split(", ")


def by_key(rows, key):
    found = {tuple(row[column] for column in key): row for row in rows}
    assert len(found) == len(rows), f"{key} does not tell all rows apart"
    return found


def same(column, defined, built):
    """Equal; doubles to the digit to which they are rounded, as the two ways to a rate differ by
    a half of the last one."""
    if isinstance(defined, (float, Decimal)) and isinstance(built, float):
        last = 0.01 if column.endswith("_pct") else 1e-4
        return math.isclose(defined, built, rel_tol=1e-9, abs_tol=last * 1.001)
    return defined == built
