"""The state that a kafka_topic means, worked out from its records by other code than the product's.

Only what decides which change of a key wins is done here: keys are brought to one form, and the
highest (epoch, sequence, rank, offset, partition, ordinal) of a key is its state. Written from the
domain's apply rules; nothing is taken from the program under test but which offsets it refused.
"""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, UTC
from decimal import Decimal, InvalidOperation

from places import REPOSITORY

SHANGHAI = timezone(timedelta(hours=8))

# The form that a key of text is brought to, by the rule its contract names.
FORMS_OF_RULES = {
    "uscc": "code",
    "account_no": "code",
    "meter_no": "code",
    "unit_code": "code",
    "item_code": "item",
    "resident_id": "resident_id",
    "holder_code": "resident_id",
    "elicence_id": "with_hyphens",
    "project_code": "with_hyphens",
    "relaxed_code": "with_hyphens",
    "pattern": "text",
    "one_of": "text",
}
FORMS_OF_TYPES = {"integer": "integer", "timestamp": "instant"}


def _contracts():
    """`{dataset: (kafka_topic, {key column: form})}` of every declared dataset, in key order."""
    found = {}
    for path in sorted((REPOSITORY / "pipelines").rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        [dataset] = re.findall(r"^dataset: *(\w+)", text, re.M)
        [kafka_topic] = re.findall(r"^ *kafka_topic: *([\w.-]+)", text, re.M)
        [key] = re.findall(r"^key: \[(.*)\]", text, re.M)
        found[dataset] = (kafka_topic, {name: _form(text, name) for name in key.split(", ")})
    assert found, "no pipeline declares a dataset"
    return found


def _form(contract, column):
    [said] = re.findall(rf"\{{name: {column},.*", contract)
    data_type = re.search(r"type: (\w+)", said)[1]
    if data_type == "date":
        return "month" if "rule: month_start" in said else "date"
    if data_type != "string":
        return FORMS_OF_TYPES[data_type]
    return FORMS_OF_RULES[re.search(r"rules?: [\[{]*(\w+)", said)[1]]


CONTRACTS = _contracts()
# Key columns of the datasets, in key order, with the form each is brought to.
KEYS = {dataset: key for dataset, (_, key) in CONTRACTS.items()}
_DATASETS = {kafka_topic: dataset for dataset, (kafka_topic, _) in CONTRACTS.items()}

# Amounts whose plain decimal text is compared with what `current` holds.
AMOUNTS = {
    "le_shareholder": ["subscribed_wan"],
    "le_annual_report": ["revenue_wan"],
    "water_bill": ["qty", "amount"],
    "power_bill": ["qty", "amount"],
    "gas_bill": ["qty", "amount"],
}


@dataclass(frozen=True)
class Change:
    order: tuple
    alive: bool
    event_time: datetime | None
    image: dict


def dataset_of(kafka_topic):
    """The dataset whose contract names the kafka_topic."""
    return _DATASETS[kafka_topic]


def fold(dataset, records, refused):
    """`{key: Change}` of the keys that are alive, from `(partition, offset, value)`.

    `refused` holds the `(partition, offset)` of records that are in quarantine.
    """
    newest = {}
    for partition, offset, value in records:
        if value is None or (partition, offset) in refused:
            continue
        for key, change in _changes(dataset, partition, offset, json.loads(value)):
            held = newest.get(key)
            if held is None or held.order < change.order:
                newest[key] = change
    return {key: change for key, change in newest.items() if change.alive}


def _changes(dataset, partition, offset, envelope):
    op = envelope["op"]
    before, after = envelope.get("before"), envelope.get("after")
    images = [(after, True)] if op != "d" else [(before, False)]
    if op == "u" and before and after:
        old, new = key_of(dataset, before, None), key_of(dataset, after)
        if old is not None and old != new:
            images = [(before, False), (after, True)]
    rank = 0 if op == "r" else 1
    for ordinal, (image, alive) in enumerate(images):
        order = (0, envelope["seq"], rank, offset, partition, ordinal)
        yield key_of(dataset, image), Change(order, alive, _instant(envelope), image)


def _instant(envelope):
    text = envelope.get("event_time")
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    found = found if found.tzinfo else found.replace(tzinfo=SHANGHAI)
    return found.astimezone(UTC)


_RAISE = object()


def key_of(dataset, image, otherwise=_RAISE):
    """The key in its one form. An image whose key has none raises, or gives `otherwise`."""
    try:
        return tuple(_FORMS[form](image[name]) for name, form in KEYS[dataset].items())
    except (KeyError, TypeError, ValueError):
        if otherwise is _RAISE:
            raise
        return otherwise


def _text(value):
    if value is None or isinstance(value, (bool, dict, list)):
        raise TypeError("not a text")
    text = re.sub("[\ufeff\u200b-\u200d\u2060\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "", str(value))
    text = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in text)
    return text


def _code(value):
    return re.sub(r"[\s\u3000\u00a0-]", "", _text(value)).lstrip("'").upper()


def _with_hyphens(value):
    return re.sub(r"[\s\u3000\u00a0]", "", _text(value)).lstrip("'").upper()


def _item(value):
    """The 33 characters of a case item begin with the 31 of its item (GB/T 39554.1)."""
    return _code(value)[:31]


def _plain(value):
    return re.sub(r"[\s\u3000\u00a0]+", " ", _text(value)).strip()


def _resident_id(value):
    """Fifteen characters become eighteen (GB 11643: the century, then MOD 11-2)."""
    code = _code(value).replace("\u00d7", "X").replace("\u0425", "X")
    if len(code) == 15 and code.isdigit():
        century = "18" if code[12:] >= "996" and code[6:8] >= "70" else "19"
        code = code[:6] + century + code[6:]
        total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(code))
        code += "10X98765432"[total % 11]
    if len(code) != 18:
        return _code(value)
    return code


def _integer(value):
    number = Decimal(_code(value))
    if number != number.to_integral_value():
        raise ValueError("not an integer")
    return int(number)


def _month(value):
    """First day of the month of a date in any of the accepted forms."""
    text = _text(value).replace("\u3000", " ").strip()
    if found := re.fullmatch(r"(\d{4})[-/.年](\d{1,2})月?", text):
        return date(int(found[1]), int(found[2]), 1)
    if found := re.fullmatch(r"(\d{4})(\d{2})", text):
        return date(int(found[1]), int(found[2]), 1)
    return _moment(value).date().replace(day=1)


def _date(value):
    """Day of a date, or of an instant on the clock of the city."""
    return _moment(value).date()


def _instant_of(value):
    return _moment(value).astimezone(UTC)


_CHINESE = {digit: str(i) for i, digit in enumerate("〇一二三四五六七八九")} | {"零": "0"}
_CLOCK = r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?)?"
_ZONE = r"(Z|[+-]\d{2}:?\d{2})?"


def _moment(value):
    """The instant that a text names, on the clock of the city; a day is its midnight."""
    text = _text(value).replace("\u3000", " ").strip()
    if re.fullmatch(r"\d{5}(\.0)?", text):
        day = date(1899, 12, 30) + timedelta(days=int(float(text)))
        return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    if re.fullmatch(r"\d{10}|\d{13}", text):
        seconds = Decimal(text) / (1000 if len(text) == 13 else 1)
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return (epoch + timedelta(microseconds=int(seconds * 1_000_000))).astimezone(SHANGHAI)
    if found := re.fullmatch(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?", text):
        return datetime(*(int(part or 0) for part in found.groups()), tzinfo=SHANGHAI)
    if re.match("[〇零一二三四五六七八九]{4}年", text):
        text = _plain_digits(text)
    pattern = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?" + _CLOCK + _ZONE
    found = re.fullmatch(pattern, text)
    if not found:
        raise ValueError("no instant")
    *parts, micros, zone = found.groups()
    whole = datetime(*(int(part or 0) for part in parts), int((micros or "0").ljust(6, "0")))
    if zone is None:
        return whole.replace(tzinfo=SHANGHAI)
    return datetime.fromisoformat(whole.isoformat() + zone).astimezone(SHANGHAI)


def _plain_digits(text):
    """`二〇一九年十二月二十六日` in the digits 0 to 9."""
    year, rest = text.split("年", 1)
    month, rest = rest.split("月", 1)
    day = rest.rstrip("日号")

    def small(number):
        tens, found, ones = number.rpartition("十")
        if not found:
            return _CHINESE[number]
        return str(int(_CHINESE[tens] if tens else 1) * 10 + int(_CHINESE[ones] if ones else 0))

    return f"{''.join(_CHINESE[c] for c in year)}-{small(month)}-{small(day)}"


_FORMS = {
    "code": _code,
    "with_hyphens": _with_hyphens,
    "item": _item,
    "text": _plain,
    "resident_id": _resident_id,
    "integer": _integer,
    "month": _month,
    "date": _date,
    "instant": _instant_of,
}


def plain_amount(value):
    """The decimal a value plainly says; None where its reading needs rules."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return Decimal(str(value)) if re.fullmatch(r"-?\d+(\.\d+)?", str(value)) else None
    except InvalidOperation:
        return None
