"""How each class of the dirty-data catalogue is to be treated, as a test of what is stored.

A test sees one `Case`. Expected values come from the catalogue's column `action` and from the cell
that the generator says it spoilt.
"""

import dataclasses
import datetime
import re
from decimal import Decimal

READINGS = ("water_reading", "power_reading", "gas_reading")


@dataclasses.dataclass
class Case:
    dataset: str
    field: str
    is_key: bool
    #: The contract keeps what fails its rules (`on_fail: warn`).
    may_stay: bool
    #: What was delivered, and what the cell was before; None is a null.
    delivered: object
    clean: str | None
    #: What is stored; None when the row was rejected or the value cleared.
    stored: object
    labels: set
    rejected: bool

    def is_fixed(self):
        return not self.rejected and same(self.stored, self.clean)

    def is_refused(self, *labels):
        """In quarantine when it is a key; null with a flag otherwise, or kept with a flag where
        the contract says so."""
        said = bool(self.labels & set(labels) if labels else self.labels - {"raw"})
        if self.rejected:
            return self.is_key and said
        stays = self.may_stay and "\ufffd" not in str(self.stored)
        return said and (self.stored is None or stays)

    def is_kept(self, *labels):
        """The value as delivered, with a flag."""
        return not self.rejected and same(self.stored, self.delivered) and bool(
            self.labels & set(labels)
        )  # fmt: skip


def same(stored, text):
    """Whether a stored value is what a text says."""
    if stored is None or text is None:
        return stored is None and text is None
    if isinstance(stored, bool):
        return stored is text
    text = str(text)
    if isinstance(stored, datetime.datetime):
        return stored == datetime.datetime.fromisoformat(text)
    if isinstance(stored, datetime.date):
        return stored == datetime.date.fromisoformat(text)
    if isinstance(stored, float):
        return abs(stored - float(text)) < 1e-6
    if isinstance(stored, (int, Decimal)):
        return stored == Decimal(text)
    return stored == text


def credit_code(case):
    if any(letter in str(case.delivered) for letter in "OI"):
        return case.is_refused("SUGGEST")
    return case.is_fixed()


def ambiguous_date(case):
    day, month = int(case.delivered[:2]), int(case.delivered[3:5])
    if max(day, month) > 12:
        return case.is_fixed()
    return case.is_refused()


def instant(case):
    """Of a reading its row is refused; elsewhere a flag is all that is asked for."""
    if case.dataset in READINGS and case.field == "read_time":
        return case.rejected
    return bool(case.labels)


def division(case):
    """Kept; the current code is found by table from the one kept."""
    return not case.rejected and "HISTORIC_DIVISION" in case.labels and case.stored is not None


def level(case):
    if len(case.delivered) == 4:
        return case.is_refused()
    return case.is_fixed() or case.stored == case.delivered + "000"


def name(case):
    if "□" in case.delivered:
        return case.is_kept("MISSING_GLYPH")
    return case.is_fixed()


def free_text(case):
    """No run of digits is left that is as long as a number of a person."""
    return isinstance(case.stored, str) and not re.search(r"\d{11}", case.stored)


def null(case):
    return case.is_refused() if case.is_key else not case.rejected and case.stored is None


# Code: (what befell the cell, what is to be done, its test). Classes of whole records and of what
# only tables can tell are judged there.
TREATMENTS = {
    "D01": ("full-width characters", "fix", Case.is_fixed),
    "D02": ("spaces around", "fix", Case.is_fixed),
    "D03": ("zero-width characters", "fix", Case.is_fixed),
    "D04": ("null token", "null", null),
    "D05": ("UTF-8 read as GBK", "fix", Case.is_fixed),
    "D06": ("lost characters", "null + flag; key: quarantine", Case.is_refused),
    "D07": ("last X of an id in another form", "fix", Case.is_fixed),
    "D08": ("id of 15 digits", "fix", Case.is_fixed),
    "D09": ("id as spreadsheet float", "null + flag; key: quarantine",
            lambda case: case.is_refused("EXCEL_FLOAT")),
    "D10": ("id cut by a spreadsheet", "null + flag; key: quarantine",
            lambda case: case.is_refused("EXCEL_TRUNCATED")),
    "D11": ("filler in place of an id", "null + flag; key: quarantine",
            lambda case: case.is_refused("PLACEHOLDER")),
    "D12": ("id masked at the source", "null + flag; key: quarantine",
            lambda case: case.is_refused("MASKED")),
    "D13": ("id with a wrong digit", "null + flag; key: quarantine", Case.is_refused),
    "D14": ("region not in force at birth", "warn",
            lambda case: case.is_kept("REGION_NOT_IN_FORCE")),
    "D15": ("credit code in another spelling", "fix; O for 0, I for 1: never guessed", credit_code),
    "D16": ("registration number for a credit code", "refused as what it is, to be looked up",
            lambda case: case.is_refused("LEGACY_REG_NO")),
    "D17": ("organisation code for a credit code", "refused as what it is, to be looked up",
            lambda case: case.is_refused("ORG_CODE_ONLY")),
    "D18": ("credit code with a wrong check", "null + flag; key: quarantine",
            lambda case: case.is_refused("CHECKSUM")),
    "D19": ("date in another form", "fix", Case.is_fixed),
    "D20": ("day before month", "fix when unambiguous, else null + flag", ambiguous_date),
    "D21": ("placeholder date", "null", null),
    "D22": ("open end", "null + flag", lambda case: case.is_refused("OPEN_END")),
    "D23": ("end before its beginning", "warn; keep both",
            lambda case: case.is_kept("DATE_ORDER")),
    "D24": ("UTC without its offset", "warn", lambda case: bool(case.labels)),
    "D25": ("clock of a device", "quarantine of a reading, else flag", instant),
    "D26": ("alias of a code", "fix", Case.is_fixed),
    "D27": ("unknown code", "null + flag", Case.is_refused),
    "D28": ("former division", "keep + flag", division),
    "D29": ("division of another level", "pad; four digits: null + flag", level),
    "D30": ("coordinates exchanged", "fix", Case.is_fixed),
    "D31": ("coordinates outside the city", "null + flag", Case.is_refused),
    "D33": ("Gauss-Krüger metres", "fix", Case.is_fixed),
    "D35": ("amount with its unit", "fix", Case.is_fixed),
    "D43": ("name with spaces, dots, a missing glyph", "fix; missing glyph: warn", name),
    "D44": ("several telephone numbers", "fix", Case.is_fixed),
    "D45": ("code that went through a spreadsheet", "fix", Case.is_fixed),
    "D46": ("sex or birth date against the id", "fix", Case.is_fixed),
    "D47": ("ended without a date", "warn", lambda case: "SET_WHEN" in case.labels),
    "D49": ("personal number in a text", "mask", free_text),
}  # fmt: skip

# Classes of whole records and of what only tables can tell.
OF_TABLES = {
    "D32": ("GCJ-02 said to be CGCS2000", "warn"),
    "D34": ("amount in the wrong unit", "warn"),
    "D36": ("record delivered twice", "no effect on `current`"),
    "D37": ("same sequence, other content", "the later record wins"),
    "D38": ("older change after a newer one", "the higher sequence wins"),
    "D39": ("delete of an unknown row", "remembered in `deleted`"),
    "D40": ("reading below the one before", "counted"),
    "D41": ("multiplier not applied", "warn"),
    "D42": ("bill without account", "keep and count"),
    "D48": ("shares that do not add up", "warn"),
    "D50": ("record that cannot be read", "quarantine"),
}
