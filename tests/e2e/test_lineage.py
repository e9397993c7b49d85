"""`huiliu lineage`: columns to columns, the same in every form."""

import json
import re
import xml.etree.ElementTree

TABLE = "enterprise_financing.enterprise_profile"

# Worked out by hand from sql/enterprise_financing/enterprise_profile/query.sql.
FROM = {
    "uscc": {"le_entity.uscc"},
    "industry_section": {"industry.section"},
    "age_months": {"le_entity.found_date"},
    "shareholders": set(),
    "paid_in_pct": {"le_shareholder.subscribed_wan", "le_shareholder.paid_wan"},
    "reported_employees": {"le_annual_report.employees"},
    "valid_licences": {"lic_licence.valid_from", "lic_licence.valid_to"},
    "licences_lapsed": {"lic_licence.valid_to"},
}


def test_columns_come_from_the_columns_in_their_values(huiliu):
    said = json.loads(huiliu.run("lineage", TABLE, "--format", "json").stdout)
    assert said["format_version"] == "1.0"
    (table,) = said["tables"]
    assert table["table"] == TABLE
    columns = {column["column"]: column for column in table["columns"]}
    for name, expected in FROM.items():
        sources = {f"{s['input']}.{s['column']}" for s in columns[name]["sources"]}
        assert sources == expected, name
    for column in columns.values():
        grades = [source["grade"] for source in column["sources"]]
        assert column["derived"] == max(grades, default="L1")
        assert column["grade"] >= column["derived"] or column["lowered_by"], column


def test_every_form_tells_the_same(huiliu):
    said = json.loads(huiliu.run("lineage", TABLE, "--format", "json").stdout)
    pairs = {
        (f"{s['input']}.{s['column']}", column["column"])
        for column in said["tables"][0]["columns"]
        for s in column["sources"]
    }
    dot = huiliu.run("lineage", TABLE, "--format", "dot").stdout.decode()
    edges = re.findall(r'"([\w.]+)":"(\w+)" -> "([\w.]+)":"(\w+)";', dot)
    assert {(f"{a}.{b}", d) for a, b, c, d in edges} == pairs

    events = huiliu.run("lineage", TABLE, "--format", "openlineage").stdout.splitlines()
    (event,) = map(json.loads, events)
    assert event["job"] == {"namespace": "huiliu", "name": TABLE}
    assert event["schemaURL"].endswith("/JobEvent") and "run" not in event
    (output,) = event["outputs"]
    fields = output["facets"]["columnLineage"]["fields"]
    found = {
        (f"{source['name']}.{source['field']}", name)
        for name, field in fields.items()
        for source in field["inputFields"]
    }
    assert found == pairs
    assert {i["name"] for i in event["inputs"]} == {a.rsplit(".", 1)[0] for a, _ in pairs}

    picture = huiliu.run("lineage", TABLE, "--format", "svg").stdout.decode()
    root = xml.etree.ElementTree.fromstring(picture)
    paths = root.findall("{http://www.w3.org/2000/svg}path")
    assert len(paths) == len(pairs)

    text = huiliu.run("lineage", TABLE).stdout.decode()
    for source, _ in pairs:
        assert source in text


def test_all_tables_of_a_subject_and_none_of_another(huiliu):
    text = huiliu.run("lineage", "enterprise_financing").stdout.decode()
    assert TABLE in text and "enterprise_financing.utility_stability" in text
    done = huiliu.run("lineage", "enterprise_financing.nothing", expect=2)
    assert done.stdout == b"" and TABLE in done.stderr.decode()
