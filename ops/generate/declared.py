"""What pipelines and subject tables declare of themselves, as far as rules and boards need it.

Read with the standard library: these files are flat enough, and what does not match is an error.
"""

import dataclasses
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# Defaults of `freshness` in schema/*.schema.json.
WARN_AFTER, PAGE_AFTER = "1m", "10m"
# A promise of a minute is tier 1, a longer one tier 2.
TIER_1_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Promise:
    """After how many seconds data are late (`warn_after`), and after how many a person is woken."""

    warn: int
    page: int

    @property
    def tier(self):
        return "1" if self.warn <= TIER_1_SECONDS else "2"


@dataclasses.dataclass(frozen=True)
class Dataset:
    name: str
    kafka_topic: str
    group: str
    provider: str
    promise: Promise


@dataclasses.dataclass(frozen=True)
class Table:
    name: str
    subject: str
    promise: Promise


def datasets():
    """The declared datasets, by name; a pattern stands for its topics, as in the metrics."""
    found = []
    for path in sorted((REPOSITORY / "pipelines").rglob("*.yaml")):
        text = path.read_text()
        topic = _one(path, text, r"^\s+kafka_topic(?:_pattern)?: *(.+)$")
        found.append(
            Dataset(
                _one(path, text, r"^dataset: *(\w+)$"),
                topic.strip("'\""),
                _one(path, text, r"^group: *(\w+)$"),
                _one(path, text, r"^provider: *(.+)$"),
                _promise(path, text),
            )
        )
    topics = [each.kafka_topic for each in found]
    assert len(set(topics)) == len(topics), "a kafka_topic feeds one dataset"
    return sorted(found, key=lambda each: each.name)


def tables():
    """The declared tables of the subject databases, by name."""
    found = []
    for path in sorted((REPOSITORY / "sql").glob("*/*/table.yaml")):
        subject = path.parent.parent.name
        promise = _promise(path, path.read_text())
        found.append(Table(f"{subject}.{path.parent.name}", subject, promise))
    return found


def _promise(path, text):
    flow = re.search(r"^freshness: *\{(.*)\}$", text, re.MULTILINE)
    if not flow and re.search(r"^freshness:", text, re.MULTILINE):
        raise ValueError(
            f"{path}: `freshness` is not on one line: {{warn_after: …, page_after: …}}"
        )
    said = dict(re.findall(r"(\w+): *(\w+)", flow.group(1) if flow else ""))
    return Promise(
        _seconds(said.get("warn_after", WARN_AFTER)), _seconds(said.get("page_after", PAGE_AFTER))
    )


def _seconds(span):
    number, unit = re.fullmatch(r"(\d+)([smhd])", span).groups()
    return int(number) * UNITS[unit]


def _one(path, text, pattern):
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise ValueError(f"{path}: nothing matches {pattern}")
    return found.group(1).split(" #")[0].strip()
