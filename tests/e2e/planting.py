"""Secrets that look as real ones do, planted in records good and broken.

Every value is made once: where one turns up later, it says which record it came from.
"""

import datetime
import itertools
import json
import re

from places import REPOSITORY
from test_quarantine import organisation_code, resident_id, uscc

MOD_37 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OVER_LONG = "长" * 5_000
# Too few values to be told from others by a search: the shape of the tables is asked instead.
LOW_ENTROPY = {"boolean"}


class Field:
    """One column of a contract, as its line in the pipeline says."""

    def __init__(self, line):
        said = dict(re.findall(r"(\w+): *(\[.*?\](?=[,}])|\{.*?\}|\"[^\"]*\"|[^,{}\[\]]+)", line))
        self.name = re.search(r"\{name: (\w+)", line)[1]
        self.type = re.search(r"type: \"?(\w+)", line)[1]
        self.rule = re.search(r"rules?: \[?(\w+)", line)
        self.rule = self.rule[1] if self.rule else None
        self.pattern = re.search(r"pattern: '([^']*)'", line)
        self.pattern = self.pattern[1] if self.pattern else None
        self.lengths = re.search(r"length: \[(\d+), (\d+)\]", line)
        protect = re.search(r"protect: (\{.*?\}|\w+)", line)
        # Without a word of its own a value of grade L4 is a token or encrypted.
        self.policy = protect[1] if protect else ("graded" if said.get("grade") == "L4" else "keep")

    @property
    def is_secret(self):
        return self.policy != "keep"


class Dataset:
    def __init__(self, path):
        text = path.read_text()
        self.name = re.search(r"^dataset: (\w+)", text, re.MULTILINE)[1]
        self.kafka_topic = re.search(r"kafka_topic: ([\w.]+)", text)[1]
        self.key = re.search(r"^key: \[(.*)\]", text, re.MULTILINE)[1].split(", ")
        lines = re.findall(r"^  - \{name: .*$", text, re.MULTILINE)
        self.fields = {field.name: field for field in map(Field, lines)}

    @property
    def secret_fields(self):
        return [field for field in self.fields.values() if field.is_secret]


def datasets():
    found = [Dataset(p) for p in sorted((REPOSITORY / "pipelines").rglob("*.yaml"))]
    assert len(found) == 48
    return found


class Planter:
    """Makes values and remembers them: `clean` are in records that a lake accepts."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.clean = {}
        self.broken = {}

    def records(self, dataset):
        """Records as bytes: a clean one, then one for each way to break it."""
        made = [record(dataset, after=self.row(dataset, self.clean, "clean"))]
        for name, breaking in BREAKINGS.items():
            made += breaking(self, dataset, f"{dataset.name}: {name}")
        return made

    def row(self, dataset, into, where):
        """A row of key and secrets; the secrets are remembered."""
        row = {}
        for field in dataset.fields.values():
            if field.is_secret:
                row[field.name] = self.secret(field, into, f"{dataset.name}.{field.name} {where}")
            elif field.name in dataset.key:
                row[field.name] = ordinary(field, next(self.numbers))
        return row

    def secret(self, field, into, where):
        value, seen_as = secret(field, next(self.numbers))
        if field.type not in LOW_ENTROPY:
            into[seen_as] = where
        return value

    def person(self, where):
        value = resident(next(self.numbers))
        self.broken[value] = where
        return value


def resident(number):
    """Order codes 900 to 995 are never given to people (DOMAIN 1.3)."""
    day = datetime.date(1951, 1, 1) + datetime.timedelta(days=number // 90)
    return resident_id(f"500103{day:%Y%m%d}9{number % 90:02}")


def secret(field, number):
    """A value that the field's rule accepts, and the text by which it is known again."""
    day = datetime.date(1931, 1, 1) + datetime.timedelta(days=number)
    if field.rule in {"resident_id", "identity_document", "holder_code"}:
        return (resident(number),) * 2
    if field.rule == "address":
        return (f"重庆市渝中区密语路{number:05}号",) * 2
    if field.type == "decimal":
        return 73_000_000.37 + number, f"{73_000_000 + number}.37"
    if field.type == "date":
        return (day.isoformat(),) * 2
    if field.type == "timestamp":
        return f"{day}T07:13:37Z", day.isoformat()
    if field.type == "boolean":
        return True, "true"
    assert field.type == "string", f"plant something in {field.name}"
    return (f"XJ{number:08}QW",) * 2


def ordinary(field, number):
    """A value of a key column that is no secret."""
    if field.rule == "uscc":
        return uscc("91500103" + organisation_code(f"MA5{number:05}"))
    if field.rule == "elicence_id":
        authority = uscc("11500000" + organisation_code("00927554"))
        return licence_id(authority + "001", authority, f"{number:010}")
    if field.type in {"date", "timestamp"}:
        return "2020-03-01" if field.type == "date" else f"2020-03-05T08:00:{number % 60:02}+08:00"
    if field.type in {"integer", "long"}:
        return 2019 if field.name in {"report_year", "year"} else number
    if field.rule == "account_no":
        return f"50{number:08}"
    shapes = {
        r"\d{13,14}": f"{number:013}",
        "[0-9A-Z]{9,12}": f"{number:010}",
        "[A-Z]{2,12}": "SXBZXR",
        r"渝\(\d{4}\)\p{Han}{1,12}不动产权第\d{9}号": f"渝(2020)渝中区不动产权第{number:09}号",
    }
    length = int(field.lengths[1]) if field.lengths else 9
    return shapes.get(field.pattern, f"{number:0{max(length, 9)}}")


def licence_id(kind, issuer, serial):
    """GB/T 36904: ISO 7064 MOD 37,36 over what stands behind the root."""
    product = 36
    for char in kind + issuer + serial + "001":
        total = (product + MOD_37.index(char)) % 36 or 36
        product = total * 2 % 37
    return f"1.2.156.3005.2.{kind}.{issuer}.{serial}.001.{MOD_37[(37 - product) % 36]}"


def record(dataset, after=None, op="c", **more):
    envelope = {
        "v": 1, "ds": dataset.name, "op": op, "seq": 1, "event_time": "2020-06-18T10:00:00+08:00",
        "synthetic": True, "before": None, "after": after,
        "src": {"dept": "11500000009275543X", "system": "t", "level": "city", "batch": "1"},
    }  # fmt: skip
    return json.dumps(envelope | more, ensure_ascii=False).encode()


def _row(planter, dataset, where):
    """A row whose secrets are in a broken record, with one more where it has none of its own."""
    row = planter.row(dataset, planter.broken, where)
    return row | {"anything": planter.person(where)}


def wrong_type(planter, dataset, where):
    nested = {k: {"value": v} for k, v in _row(planter, dataset, where).items()}
    listed = {k: [v] for k, v in _row(planter, dataset, where).items()}
    return [record(dataset, nested), record(dataset, listed)]


def wrong_column(planter, dataset, where):
    """A person's number in every column that is no text."""
    row = planter.row(dataset, planter.broken, where)
    fields = [f for f in dataset.fields.values() if f.type != "string"]
    return [record(dataset, row | {field.name: planter.person(where)}) for field in fields]


def undecodable(planter, dataset, where):
    cut = record(dataset, _row(planter, dataset, where))[:-3]
    bad_escape = record(dataset, _row(planter, dataset, where)).replace(b"anything", b"any\\qthing")
    not_utf8 = record(dataset, _row(planter, dataset, where)).replace(b"anything", b"any\xffthing")
    text = f"{planter.person(where)} 不是 JSON".encode()
    return [cut, bad_escape, not_utf8, text]


def without_key(planter, dataset, where):
    rows = [_row(planter, dataset, where) for _ in dataset.key]
    missing = [{k: v for k, v in row.items() if k != key} for row, key in zip(rows, dataset.key)]
    empty = _row(planter, dataset, where) | {key: None for key in dataset.key}
    return [*(record(dataset, row) for row in missing), record(dataset, empty)]


def wrong_checksum(planter, dataset, where):
    row = _row(planter, dataset, where)
    for name, value in row.items():
        if isinstance(value, str) and planter.broken.pop(value, None):
            row[name] = value[:-1] + ("0" if value[-1] != "0" else "1")
            planter.broken[row[name]] = where
    return [record(dataset, row)]


def over_long(planter, dataset, where):
    row = _row(planter, dataset, where)
    return [record(dataset, {k: f"{v}{OVER_LONG}" for k, v in row.items()})]


def free_text(planter, dataset, where):
    fields = [f for f in dataset.fields.values() if f.rule == "free_text"]
    row = planter.row(dataset, planter.broken, where)
    text = "经查，{}（电话略）未按期报告。"
    return [record(dataset, row | {f.name: text.format(planter.person(where))}) for f in fields]


def unknown_fields(planter, dataset, where):
    row = planter.row(dataset, planter.broken, where)
    named = {f"f{planter.person(where)}": 1}
    inside = {"more": {"deep": [planter.person(where)]}, "身份证": planter.person(where)}
    beside = {"trace": planter.person(where)}
    return [record(dataset, row | named | inside, **beside)]


def envelope(planter, dataset, where):
    rows = [planter.row(dataset, planter.broken, where) for _ in range(5)]
    person = planter.person
    return [
        record(dataset, rows[0], seq=person(where)),
        record(dataset, rows[1], event_time=person(where)),
        record(dataset, rows[2], op=person(where)),
        record(dataset, rows[3], ds=person(where)),
        record(dataset, rows[4], src={"dept": None, "system": person(where), "x": person(where)}),
    ]


def removed(planter, dataset, where):
    before = planter.row(dataset, planter.broken, where)
    after = planter.row(dataset, planter.broken, where)
    moved = record(dataset, after, op="u", before=before, seq=2)
    return [moved, record(dataset, None, op="d", before=after, seq=3)]


BREAKINGS = {
    "wrong type": wrong_type,
    "wrong column": wrong_column,
    "undecodable": undecodable,
    "without key": without_key,
    "wrong checksum": wrong_checksum,
    "over-long": over_long,
    "free text": free_text,
    "unknown fields": unknown_fields,
    "envelope": envelope,
    "key change and delete": removed,
}
