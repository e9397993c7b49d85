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

SHANGHAI = timezone(timedelta(hours=8))

# Key columns of the datasets, in key order, with the form each is brought to.
KEYS = {
    "np_person": {"citizen_id": "resident_id"},
    "le_entity": {"uscc": "code"},
    "le_shareholder": {"uscc": "code", "holder_seq": "integer"},
    "le_annual_report": {"uscc": "code", "report_year": "integer"},
    "lic_licence": {"licence_id": "licence"},
    "water_account": {"account_no": "code"},
    "water_bill": {"account_no": "code", "bill_month": "month"},
    "power_account": {"account_no": "code"},
    "power_bill": {"account_no": "code", "bill_month": "month"},
    "gas_account": {"account_no": "code"},
    "gas_bill": {"account_no": "code", "bill_month": "month"},
}

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
    """`feed.water.bill` carries the dataset `water_bill`."""
    return "_".join(kafka_topic.split(".")[1:])


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


def _licence(value):
    return re.sub(r"[\s\u3000\u00a0]", "", _text(value)).lstrip("'").upper()


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
    if found := re.fullmatch(
        r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](?:(\d{1,2})日?)?)?(?:[T ].*)?", text
    ):
        return date(int(found[1]), int(found[2]), 1)
    if found := re.fullmatch(r"(\d{4})(\d{2})(?:\d{2})?(?:\d{6})?", text):
        return date(int(found[1]), int(found[2]), 1)
    if re.fullmatch(r"\d{5}(\.0)?", text):
        serial = date(1899, 12, 30) + timedelta(days=int(float(text)))
        return serial.replace(day=1)
    raise ValueError("not a date")


_FORMS = {
    "code": _code,
    "licence": _licence,
    "resident_id": _resident_id,
    "integer": _integer,
    "month": _month,
}


def plain_amount(value):
    """The decimal a value plainly says; None where its reading needs rules."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return Decimal(str(value)) if re.fullmatch(r"-?\d+(\.\d+)?", str(value)) else None
    except InvalidOperation:
        return None
