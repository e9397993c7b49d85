"""Counting what was found: cells against the log, tables against an independent reading, and the
page that tells it."""

import re
from collections import Counter, defaultdict

import tables
from cities import RECORD
from treatments import OF_TABLES, TREATMENTS, Case, same

# Kind of check → class of the catalogue that it looks for.
ARRIVALS = {"D36": ("duplicate", "conflict"), "D37": ("conflict",), "D38": ("out_of_order",),
            "D39": ("unknown_delete",)}  # fmt: skip
COUNTERS = ("injected", "unjudged", "detected", "treated")


class Figures:
    """By class: `injected`, `unjudged` (its record was rejected for another cell, or superseded),
    `detected`, `treated` as the catalogue says; by dataset: clean cells and false alarms."""

    def __init__(self):
        self.classes = defaultdict(Counter)
        self.examples = defaultdict(list)
        self.clean, self.alarms = Counter(), defaultdict(Counter)

    def note(self, code, place, judged, detected, treated):
        of_class = self.classes[code]
        of_class["injected"] += 1
        if not judged:
            of_class["unjudged"] += 1
            return
        of_class["detected"] += bool(detected)
        of_class["treated"] += bool(treated)
        if not (detected and treated):
            self.examples[code].append(place)

    def judged(self, code):
        return self.classes[code]["injected"] - self.classes[code]["unjudged"]

    def share(self, code, counter):
        return self.classes[code][counter] / max(1, self.judged(code))

    def false_alarm_rate(self):
        return sum(sum(found.values()) for found in self.alarms.values()) / self.clean.total()


def of_cells(city):
    """What was found cell by cell, and false alarms."""
    figures = Figures()
    for dataset in city.datasets.values():
        for offset, (_, defects, _) in enumerate(dataset.delivered):
            found = dataset.findings(offset)
            image = dataset.image(offset)
            rejected = dataset.rejects.get(offset)
            codes = defects.get(RECORD, ("", None))[0].split("+")
            if "D50" in codes:
                place = (dataset.name, offset)
                figures.note("D50", place, True, rejected, rejected and rejected[0] is None)
                continue
            for field, (code, clean) in defects.items():
                if code in TREATMENTS:
                    of_cell(figures, dataset, offset, field, image.get(field), found)
            figures.clean[dataset.name] += len(image.keys() - defects.keys())
            for field, labels in found.items():
                if field not in defects:
                    figures.alarms[dataset.name][field, "+".join(sorted(labels))] += 1
    return figures


def of_cell(figures, dataset, offset, field, delivered, found):
    code, clean = dataset.delivered[offset][1][field]
    rejected = dataset.rejects.get(offset)
    stored = None if rejected else dataset.rows[offset][field]
    labels = found.get(field, set())
    case = Case(
        dataset=dataset.name, field=field, is_key=field in dataset.key,
        may_stay=field in dataset.lenient, delivered=delivered, clean=clean, stored=stored,
        labels=labels, rejected=bool(rejected),
    )  # fmt: skip
    judged = rejected is None or rejected[0] == field
    treated = judged and bool(TREATMENTS[code][2](case))
    figures.note(code, (dataset.name, field, delivered, stored, labels), judged, labels, treated)


def of_arrivals(city, figures, checks):
    """D36 to D39: the product's counts are those of an independent reading of `changes`, whose
    records can be held against the log; `current` holds the newest row of each key."""
    for dataset in city.datasets.values():
        found, winners = tables.arrivals(dataset)
        for kind, places in found.items():
            counted = sum(n for (name, check, _), n in checks.items()
                          if (name, check) == (dataset.name, kind))  # fmt: skip
            assert counted == len(places), f"{dataset.name}: {kind}"
        offsets = {kind: {offset for offset, _ in places} for kind, places in found.items()}
        current = keys_of(city, dataset, "current")
        expected = {k: r["sys_offset"] for k, r in winners.items() if r["sys_op"] != "d"}
        differing = {key for key, _ in current.items() ^ expected.items()}
        deleted = keys_of(city, dataset, "deleted")
        sequences = by_sequence(dataset)
        for offset, (text, defects, sequence) in enumerate(dataset.delivered):
            codes = defects.get(RECORD, ("", None))[0].split("+")
            # A second delivery is no more than that, whatever the first one was.
            for code in ["D36"] if "D36" in codes else codes:
                if code not in ARRIVALS:
                    continue
                twins = [offset - 1] if code == "D38" else sequences[sequence]
                judged = all(has_its_key(dataset, at) for at in [offset, *twins])
                row = dataset.rows.get(offset)
                key = row and tuple(row[column] for column in dataset.key)
                treated = key not in differing if code != "D39" else key in deleted
                detected = any(offset in offsets[kind] for kind in ARRIVALS[code])
                figures.note(code, (dataset.name, offset, text[:90]), judged, detected, treated)


def by_sequence(dataset):
    found = defaultdict(list)
    for offset, (_, _, sequence) in enumerate(dataset.delivered):
        found[sequence].append(offset)
    return found


def has_its_key(dataset, offset):
    """Whether a record is in the table under the key that its source gave it."""
    codes = {code for code, _ in dataset.delivered[offset][1].values()}
    return offset not in dataset.rejects and "D42" not in codes


def keys_of(city, dataset, group):
    if not city.lake.exists(f"{group}/{dataset.name}"):
        return {}
    columns = city.lake.rows(f"{group}/{dataset.name}", [*dataset.key, "sys_offset"])
    return dict(zip(zip(*(columns[name] for name in dataset.key)), columns["sys_offset"]))


def of_checks(city, figures, checks):
    """Classes that only whole tables can tell: as the checks of the contracts count them, which
    are held against an independent reading of `current`."""
    found = defaultdict(set)
    rows = {name: current_rows(city, name) for name in city.datasets}
    for (dataset, check, name), counted in checks.items():
        offsets = independently(rows, dataset, check, name)
        if offsets is not None:
            assert len(offsets) == counted, f"{dataset}: {name}"
            found[dataset, CLASS_OF[check], name.split(" ")[0]] |= offsets
    for dataset in city.datasets.values():
        newest = {row["sys_offset"]: row for row in rows[dataset.name]}
        for offset, (_, defects, _) in enumerate(dataset.delivered):
            image = dataset.image(offset) if defects else {}
            for field, (code, _) in defects.items():
                if code not in OF_TABLES or field == RECORD:
                    continue
                of_table = [found[dataset.name, kind, told_by(kind, field)] for kind in KINDS[code]]
                detected = any(offset in offsets for offsets in of_table)
                detected = detected or dataset.findings(offset).get(field)
                row = newest.get(offset)
                kept = row and same(row[field], image[field])
                place = (dataset.name, field, image.get(field))
                figures.note(code, place, row is not None, detected, detected and kept)


CLASS_OF = {"non_decreasing": "D40", "reference": "D42", "sum_per": "D48", "outlier": "D34"}
KINDS = {"D32": (), "D34": ("D34",), "D40": ("D40",), "D41": ("D40",), "D42": ("D42",),
         "D48": ("D48",)}  # fmt: skip


def told_by(kind, field):
    """First word of the check's name: the column, or `sum` of it."""
    return "sum" if kind == "D48" else field


def current_rows(city, dataset):
    columns = city.lake.rows(f"current/{dataset}")
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def independently(rows, dataset, check, name):
    """The rows that a check concerns, read without the product; `None` for checks of no class."""
    if check == "non_decreasing":
        return tables.falling(rows[dataset], 0.9)
    if check == "sum_per" and dataset == "le_shareholder":
        return tables.uneven(rows[dataset], "uscc", "ratio", 99.5, 100.5)
    if check == "reference" and dataset.endswith("_bill") and "account_no in" in name:
        to = name.split(" ")[-1]
        return tables.astray(rows[dataset], "account_no", {row["account_no"] for row in rows[to]})
    if check == "outlier":
        column, times, by = re.fullmatch(r"(\w+) over (\d+) x median per (.*)", name).groups()
        return tables.outliers(rows[dataset], by.split("+"), column, int(times))
    return None


def page(classes, usual, cities):
    """The report. `classes`: by code the figures it is taken from and the city's number."""
    lines = [
        "# Recall and false alarms", "",
        "A seeded city with stated defects, loaded by `huiliu load` under `protection: plain`, and",
        "the log of the defects held against what the product says of each cell: `sys_flags`,",
        "`sys_raw`, quarantine, `quality --assess`. `tests/e2e/test_recall.py` measures this and",
        "writes this page with `HUILIU_WRITE_RECALL=1`.", "",
        *(f"- City {n}: {text}" for n, text in enumerate(cities, 1)), "",
        "Each class is measured in the first city that has 100 cases of it, or in the one that has",
        "most. *Not judged*: the record was rejected for another cell, or a newer one took its",
        "place. *Treated*: what is stored is what the catalogue asks for; for values that are",
        "fixed, the value before the defect.", "",
        "| code | what | treatment | city | injected | not judged | detected | recall | treated |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for code, (figures, number) in sorted(classes.items()):
        of_class = figures.classes[code]
        what, treatment = (TREATMENTS.get(code) or OF_TABLES[code])[:2]
        counts = [of_class[counter] for counter in COUNTERS[:3]]
        recall, treated = figures.share(code, "detected"), figures.share(code, "treated")
        cells = [code, what, treatment, number, *counts, f"{recall:.4f}", f"{treated:.4f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    alarms = sum(found.total() for found in usual.alarms.values())
    lines += [
        "", "## False alarms", "",
        f"Of {usual.clean.total()} clean cells of city 1, {alarms} were flagged, repaired, cleared",
        f"or rejected: {usual.false_alarm_rate():.6%}. Most stand beside a spoilt cell of their row",
        "to which a rule holds them (an order of dates, a difference).", "",
        "| dataset | clean cells | false alarms | on |", "|---|---:|---:|---|",
    ]  # fmt: skip
    for dataset, count in sorted(usual.clean.items()):
        found = usual.alarms[dataset]
        said = ", ".join(f"{f}: {labels} {n}" for (f, labels), n in sorted(found.items()))
        lines.append(f"| {dataset} | {count} | {found.total()} | {said} |")
    return "\n".join(lines) + "\n"
