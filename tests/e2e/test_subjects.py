"""Every subject table is, row by row, what its definition gives in another engine.

The same generated city, the same rows of `current`, the same day. The definitions are SQL of the
domain specification, run by DuckDB; where a table departs from them, `definitions.py` says so.
"""

import math
import re
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
}


@pytest.fixture(scope="module")
def city(binary, tmp_path_factory):
    """A city whose subject tables are built, and their definitions over the same rows."""
    directory = tmp_path_factory.mktemp("subjects")
    huiliu = Huiliu(binary, directory / "work", str(directory / "lake"))
    city = City(huiliu, RECORDS, SEED, 0)
    plant_growth(huiliu, city.lake)
    huiliu.run("refresh", "--as-of", AS_OF, "--lake", huiliu.lake, "--protection", "plain")

    def current(dataset):
        return city.lake.delta(f"current/{dataset}").to_pyarrow_table()

    city.definitions = Definitions(city.datasets, current, AS_OF)
    return city


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
