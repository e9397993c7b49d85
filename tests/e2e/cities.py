"""A generated city as its departments deliver it: loaded dataset by dataset, and read back beside
the log of what was spoilt on purpose.

A record's place in the file of its dataset is its `sys_offset`, so that log, tables and quarantine
join exactly. Tombstones hold no cell and are left out.
"""

import csv
import json
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from lake import Lake
from places import REPOSITORY

# What stands for the field of a defect of the whole record.
RECORD = "@record"


class City:
    """A city in the lake of `huiliu`; `only` keeps no records but those with one of the classes."""

    def __init__(self, huiliu, records, seed, defects, only=None):
        self.huiliu, self.lake = huiliu, Lake(huiliu.lake)
        self.folder = huiliu.directory / "city"
        self.folder.mkdir()
        log, printed = self.folder / "defects.csv", self.folder / "city.ndjson"
        done = huiliu.run(
            "generate", "--records", records, "--seed", seed, "--defects", defects,
            "--output", "ndjson", "--log", log,
        )  # fmt: skip
        printed.write_bytes(done.stdout)
        self.datasets = {}
        for dataset, rows in self._deliveries(printed, injected(log), only).items():
            self.datasets[dataset] = Dataset(dataset, rows)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._load, self.datasets.values()))
        printed.unlink()

    def _deliveries(self, printed, log, only):
        found = defaultdict(list)
        with open(printed, encoding="utf-8") as lines:
            for record, line in enumerate(lines):
                defects = log.get(record, {})
                if only and not any(code in only for code, _ in defects.values()):
                    continue
                start = line.index('"value":') + len('"value":')
                value = line[start : line.rindex(',"timestamp_ms":')]
                if value != "null":
                    text = json.loads(value) if value.startswith('"') else value
                    sequence = int(line[line.rindex(":", 0, start - 9) + 1 : start - 9])
                    dataset = line[12 : line.index('"', 12)]
                    found[dataset].append((text, defects, sequence))
        return found

    def _load(self, dataset):
        path = self.folder / f"{dataset.name}.jsonl"
        path.write_text("".join(f"{text}\n" for text, *_ in dataset.delivered), encoding="utf-8")
        done = self.huiliu.run(
            "load", dataset.name, path, "--format", "jsonl", "--lake", self.huiliu.lake,
            "--protection", "plain", "--output", "json",
        )  # fmt: skip
        report = json.loads(done.stdout)
        assert report["rows"] == len(dataset.delivered), dataset.name
        dataset.read(self.lake)

    def checks(self):
        """What `quality --assess` counts: `{(dataset, check, name): failed rows}`."""
        done = self.huiliu.run(
            "quality", "--assess", "--lake", self.huiliu.lake, "--protection", "plain",
            "--output", "json",
        )  # fmt: skip
        failed = defaultdict(int)
        for check in json.loads(done.stdout)["checks"]:
            failed[check["dataset"], check["check"], check["name"]] += check["failed"]
        return failed


class Dataset:
    """One dataset: its records as delivered, with their defects, and what the product made of
    them."""

    def __init__(self, name, delivered):
        self.name = name
        # (text, {field: (code, clean text)}, sequence) by offset
        self.delivered = delivered
        [path] = (REPOSITORY / "pipelines").rglob(f"{name}.yaml")
        contract = path.read_text(encoding="utf-8")
        self.key = re.search(r"^key: \[(.*)\]", contract, re.M)[1].split(", ")
        # Columns whose contract keeps what fails its rules, with a flag.
        self.lenient = set(re.findall(r"\{name: (\w+),.*on_fail: warn", contract))

    def read(self, lake):
        rows = lake.rows(f"changes/{self.name}")
        own = [column for column in rows if not column.startswith("sys_")]
        # Of a change of key the last row counts: the one before is the delete of the old key.
        self.every_row = [dict(zip(rows, values)) for values in zip(*rows.values())]
        self.every_row.sort(key=lambda row: (row["sys_offset"], row["sys_ordinal"]))
        self.rows = {row["sys_offset"]: row for row in self.every_row}
        self.columns = own
        self.rejects = {}
        if lake.exists(f"quarantine/{self.name}"):
            found = lake.rows(f"quarantine/{self.name}", ["sys_offset", "field", "reason"])
            for offset, field, reason in zip(*found.values()):
                self.rejects[offset] = (field, reason)

    def image(self, offset):
        """The row that was delivered, of a delete only its key; empty for a broken record."""
        try:
            change = json.loads(self.delivered[offset][0])
            if change["after"] is None:
                return {column: change["before"][column] for column in self.key}
            return change["after"]
        except (ValueError, KeyError, TypeError):
            return {}

    def findings(self, offset):
        """What was said of the record's cells: `{field: {label}}`. A text that is not stored as
        it came is `raw`."""
        found = defaultdict(set)
        if offset in self.rejects:
            field, reason = self.rejects[offset]
            found[field or RECORD].add(reason)
        elif offset in self.rows:
            row = self.rows[offset]
            for flag in (row["sys_flags"] or "").split(","):
                if flag:
                    field, label = flag.split(":")
                    found[field].add(label)
            for field in json.loads(row["sys_raw"]) if row["sys_raw"] else ():
                found[field].add("raw")
        return found


def injected(log):
    """The log by record: `{record: {field: (code, clean text or None)}}`; a record that is
    delivered twice has the classes of the first and `D36`, joined by `+`."""
    found = defaultdict(dict)
    with open(log, newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            of_record = found[int(line["record"])]
            field, code = line["field"], line["code"]
            if field in of_record:
                code = f"{of_record[field][0]}+{code}"
            of_record[field] = (code, line["clean"] or None)
    return found
