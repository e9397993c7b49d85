"""Firms that grow: in a generated city hardly any firm uses a fifth more power than a year ago."""

import json
from datetime import date

# The last complete month before the end of June 2020, and the twelve that end with it.
FIRST, LAST = date(2019, 6, 1), date(2020, 5, 1)


def plant_growth(huiliu, lake):
    """Makes every third firm with power of its own use half as much again over the twelve months
    before June 2020 and insure more than twice as many employees at their end; every second of
    these gets a signed lead of its industry in its division."""
    accounts = _rows(lake, "power_account")
    firms = sorted({a["holder_code"] for a in accounts if a["holder_code_type"] == "001"})[::3]
    held = {a["account_no"] for a in accounts if a["holder_code"] in firms}
    bills = [
        bill | {"qty": round(bill["qty"] * 3 / 2, 2)}
        for bill in _rows(lake, "power_bill")
        if bill["account_no"] in held and FIRST <= bill["bill_month"] <= LAST
    ]
    heads = [
        month | {"insured_count": 2 * month["insured_count"] + 1}
        for month in _rows(lake, "pool_si_month")
        if month["uscc"] in firms and month["pay_month"] == LAST
    ]
    entities = {entity["uscc"]: entity for entity in _rows(lake, "le_entity")}
    lead = _rows(lake, "pool_invest_lead")[0]
    leads = [
        lead | {"lead_no": f"ZS{firm}", "landed_uscc": None, "project_code": None}
        | {"stage_code": "3", "stage_date": date(2020, 3, 1), "sign_date": date(2020, 3, 1)}
        | {column: entities[firm][column] for column in ["division_code", "industry_code"]}
        for firm in firms[::2]
        if firm in entities
    ]  # fmt: skip
    grown = {"power_bill": bills, "pool_si_month": heads, "pool_invest_lead": leads}
    for dataset, rows in grown.items():
        path = huiliu.directory / f"grown_{dataset}.jsonl"
        path.write_text("".join(json.dumps(row, default=_text) + "\n" for row in rows))
        huiliu.run(
            "load", dataset, path, "--format", "jsonl", "--op", "upsert", "--seq", 10**15,
            "--lake", huiliu.lake, "--protection", "plain",
        )  # fmt: skip


def _rows(lake, dataset):
    found = lake.rows(f"current/{dataset}")
    own = [column for column in found if not column.startswith("sys_")]
    return [dict(zip(own, values)) for values in zip(*(found[column] for column in own))]


def _text(value):
    return value.isoformat() if isinstance(value, date) else str(value)
