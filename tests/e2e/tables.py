"""What only tables can tell, read without the program under test: records that came twice, late or
for nothing, readings that fall, references that lead nowhere.

Every function names the rows concerned by their `sys_offset`, so that counts of the product can be
held against single records.
"""

import math
from collections import defaultdict
from statistics import median


def arrivals(dataset):
    """Deliveries among the changes: `{"duplicate" | "conflict" | "out_of_order" |
    "unknown_delete": {(offset, ordinal)}}`, and the row that wins each key."""
    found = {kind: set() for kind in ("duplicate", "conflict", "out_of_order", "unknown_delete")}
    twins, newest, first, winners = {}, {}, {}, {}
    for row in dataset.every_row:
        offset = row["sys_offset"]
        place = (offset, row["sys_ordinal"])
        key = tuple(row[column] for column in dataset.key)
        content = [row[column] for column in dataset.columns]
        same = (key, row["sys_seq"], row["sys_op"])
        if same in twins:
            found["duplicate" if twins[same] == content else "conflict"].add(place)
        twins.setdefault(same, content)
        if newest.get(key, 0) > row["sys_seq"]:
            found["out_of_order"].add(place)
        newest[key] = max(newest.get(key, 0), row["sys_seq"])
        if key not in first or row["sys_seq"] < first[key]["sys_seq"]:
            first[key] = row
        rank = (row["sys_seq"], row["sys_rank"], offset)
        if key not in winners or rank > winners[key][0]:
            winners[key] = (rank, row)
    opened = (row for row in first.values() if row["sys_op"] == "d")
    found["unknown_delete"] = {(row["sys_offset"], row["sys_ordinal"]) for row in opened}
    return found, {key: row for key, (_, row) in winners.items()}


def falling(rows, rollover):
    """Readings below the one before of the same meter, unless the register began anew: its size
    is the next power of ten, and it stood above `rollover` of it."""
    series = defaultdict(list)
    for row in rows:
        series[row["account_no"], row["meter_no"]].append(row)
    found = set()
    for of_meter in series.values():
        of_meter.sort(key=lambda row: row["read_time"])
        for before, row in zip(of_meter, of_meter[1:]):
            if before["reading"] is None or row["reading"] is None:
                continue
            last = float(before["reading"])
            size = 10.0 ** math.ceil(math.log10(max(last, 1.0) + 1.0))
            if row["reading"] < before["reading"] and not last > rollover * size:
                found.add(row["sys_offset"])
    return found


def astray(rows, column, known):
    """Rows whose reference is not among the known values."""
    named = (row for row in rows if row[column] is not None)
    return {row["sys_offset"] for row in named if row[column] not in known}


def uneven(rows, by, column, least, most):
    """Rows whose sum per subject is outside the bounds."""
    sums = defaultdict(list)
    for row in rows:
        if row[column] is not None:
            sums[row[by]].append(row[column])
    return {
        row["sys_offset"]
        for row in rows
        if sums.get(row[by]) and not least <= sum(sums[row[by]]) <= most
    }


def outliers(rows, by, column, times):
    """Rows above so many times the median of their subject."""
    values = defaultdict(list)
    for row in rows:
        if row[column] is not None:
            values[tuple(row[name] for name in by)].append(float(row[column]))
    middle = {key: median(found) for key, found in values.items()}

    def is_far(row):
        usual = middle.get(tuple(row[name] for name in by), 0)
        return row[column] is not None and usual > 0 and float(row[column]) > times * usual

    return {row["sys_offset"] for row in rows if is_far(row)}
