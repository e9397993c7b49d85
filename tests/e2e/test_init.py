"""From a file that a department sent to a dataset: propose, validate, rehearse, load, ask."""

import csv
import io
import json

import pytest

TITLES = ["户号", "户名", "户主证件号", "账单月份", "用水量(m3)", "应缴金额(元)", "行政区划", "更新时间"]
# GB 11643's printed examples: the check characters are the standard's.
HOLDERS = ["11010519491231002X", "440524188001010014"]


def row(number):
    """Two months of each account."""
    account = number // 2
    return [
        f"00{12_345_678 + account}",
        "张三",
        HOLDERS[account % 2],
        f"2020年{1 + number % 2}月",
        f"{number}.5",
        f"{number * 3}.75",
        ["500103", "500104"][account % 2],
        "2020-06-18 10:00:00",
    ]


@pytest.fixture
def delivery(tmp_path):
    """A CSV file in GB18030 with Chinese headers, as a spreadsheet writes it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(TITLES)
    writer.writerows(row(number) for number in range(200))
    path = tmp_path / "供水账单.csv"
    path.write_bytes(out.getvalue().encode("gb18030"))
    return path


def test_a_sample_becomes_a_dataset_that_can_be_asked(huiliu, tmp_path, delivery):
    project = tmp_path / "city"
    huiliu.run("init", project)
    config = project / "huiliu.yaml"
    assert config.is_file()
    valid = json.loads(huiliu.run("validate", project, "--output", "json").stdout)
    assert valid["valid"] and valid["datasets"] == 0

    out = project / "pipelines/feed/town_water_bill.yaml"
    done = huiliu.run(
        "init", "--from-sample", delivery, "--group", "feed", "--out", out, "--output", "json"
    )
    report = json.loads(done.stdout)
    assert report["dataset"] == "town_water_bill"
    assert (report["rows"], report["accepted"], report["rejected"]) == (200, 200, 0)
    assert report["key"] == ["account_no", "month"]
    columns = {column["column"]: column for column in report["columns"]}
    assert columns["holder_code"]["grade"] == "L4"
    assert columns["account_no"]["type"] == "string"
    assert columns["month"]["passed"] == 200
    assert columns["month"]["passed_raw"] == 0, "2020年1月 is repaired, not delivered so"
    assert columns["amount_due"]["passed_raw"] == 200
    text = out.read_text()
    assert HOLDERS[0] not in text and "张三" not in text

    valid = json.loads(huiliu.run("validate", project, "--output", "json").stdout)
    assert valid["valid"] and valid["datasets"] == 1

    lake = tmp_path / "lake"
    settings = tmp_path / "huiliu.yaml"
    settings.write_text(
        f"lake: {lake}\nprotection: plain\npipelines: {project}/pipelines\nsql: {project}/sql\n"
    )
    load = ["load", "town_water_bill", delivery, "--config", settings, "--output", "json"]
    rehearsed = json.loads(huiliu.run(*load, "--dry-run").stdout)
    assert (rehearsed["rows"], rehearsed["rejected"]) == (200, 0)
    loaded = json.loads(huiliu.run(*load).stdout)
    assert (loaded["accepted"], loaded["rejected"]) == (200, 0)
    found = huiliu.run(
        "query",
        "SELECT division_name(division_code) AS place, count(*) AS bills, "
        "min(id_birth_date(holder_code)) AS born FROM current.town_water_bill "
        "GROUP BY division_code ORDER BY division_code",
        "--config", settings, "--output", "json",
    )  # fmt: skip
    assert json.loads(found.stdout) == [
        {"place": "渝中区", "bills": 100, "born": "1949-12-31"},
        {"place": "大渡口区", "bills": 100, "born": "1880-01-01"},
    ]


def test_nothing_is_written_over_without_being_told(huiliu, tmp_path, delivery):
    out = tmp_path / "pool/bills.yaml"
    ask = ["init", "--from-sample", delivery, "--out", out]
    huiliu.run(*ask)
    out.write_text("kept")
    refused = huiliu.run(*ask, expect=2)
    assert b"--force" in refused.stderr and out.read_text() == "kept"
    huiliu.run(*ask, "--force")
    assert out.read_text().startswith("# yaml-language-server")


def test_records_in_an_envelope_name_their_dataset(huiliu, tmp_path):
    def record(number, op):
        after = {"id": f"A{number}", "uscc": "91350100M000100Y43", "amount": number / 4}
        return {"v": 1, "ds": "grant_paid", "op": op, "seq": number, "src": {}, "after": after}

    path = tmp_path / "sample.jsonl"
    records = [record(number, "c") for number in range(20)] + [record(3, "u")]
    path.write_text("\n".join(json.dumps(record) for record in records))
    out = tmp_path / "pool/grant_paid.yaml"
    done = huiliu.run("init", "--from-sample", path, "--out", out, "--output", "json")
    report = json.loads(done.stdout)
    assert (report["dataset"], report["accepted"], report["key"]) == ("grant_paid", 21, ["id"])
    text = out.read_text()
    assert "format: huiliu_json" in text and "mode: cdc" in text
    huiliu.run("validate", out)
