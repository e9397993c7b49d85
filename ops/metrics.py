"""Writes ops/metrics.md, the catalogue of metrics, from a scrape of a running process.

    curl -s http://127.0.0.1:9464/metrics | python3 ops/metrics.py

A metric that has no series yet (an error that never happened) is not in a scrape, and so not in
the catalogue: take one in which everything has happened (tests/e2e/test_ops_live.py does).
"""

import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).parent / "metrics.md"
HEAD = """# Metrics

Written by `ops/metrics.py` from what a process serves under `/metrics`; tests/e2e/test_ops_live.py
holds it against a real scrape. Times are Unix seconds, sizes bytes. A label takes its values from a
closed set: declared datasets, topics and tables, and fixed words. Offsets of topics that match a
pattern are summed under the pattern, with the partition `all`.
"""
ROOMS = [
    ("The process", r"process_|huiliu_(build|certificate|config|log|memory|obstacles|otlp|process|runtime|spill|http)"),
    ("Kafka", r"huiliu_(source|cdc)_"),
    ("Stages", r"huiliu_(stage|errors|records|changes)_"),
    ("Quality", r"huiliu_(quality|quarantine|schema_drift|dataset)_"),
    ("Tables", r"huiliu_table_"),
    ("Folds", r"huiliu_fold_"),
    ("The object store", r"huiliu_object_store_"),
    ("Subjects", r"huiliu_subject_"),
    ("Work that one process does", r"huiliu_(lease|maintenance)_"),
    ("Schema registry", r"huiliu_schema_registry_"),
]
# Not in that scrape: it removes no files, asks no schema registry and sends no spans.
ELSEWHERE = {
    "huiliu_dataset_waiting": (
        "gauge",
        ["dataset"],
        "1 while a dataset waits for schemas from a registry that does not answer.",
    ),
    "huiliu_maintenance_bytes_removed_total": (
        "counter",
        ["step"],
        "Bytes of these files; of joined ones what they were larger than the new file.",
    ),
    "huiliu_maintenance_files_removed_total": (
        "counter",
        ["step"],
        "Files removed from tables or the store, by step: compact, drop, sweep, log.",
    ),
    "huiliu_otlp_spans_total": (
        "counter",
        ["outcome"],
        "Spans by what became of them: sent, refused by the collector, or dropped because the queue "
        "was full; only with --otlp.",
    ),
    "huiliu_schema_registry_request_seconds": (
        "histogram",
        [],
        "Time a question to the schema registry took, answered or not.",
    ),
    "huiliu_schema_registry_requests_total": (
        "counter",
        ["outcome"],
        "Questions put to the schema registry, by what became of them.",
    ),
    "huiliu_schema_registry_schemas": (
        "gauge",
        [],
        "Schemas of the registry that are kept in memory.",
    ),
}


def families(scrape):
    """`{name: (type, labels, help)}` of the text form."""
    helps = dict(re.findall(r"^# HELP (\w+) (.*)$", scrape, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", scrape, re.MULTILINE))
    labels = {name: set() for name in kinds}
    for series, body in re.findall(r"^(\w+)\{(.*)\} \S+$", scrape, re.MULTILINE):
        family = series if series in kinds else re.sub(r"_(bucket|sum|count)$", "", series)
        labels[family] |= set(re.findall(r'(\w+)="', body)) - {"le"}
    return {name: (kinds[name], sorted(labels[name]), helps[name]) for name in sorted(kinds)}


def page(scrape):
    parts, found = [HEAD], ELSEWHERE | families(scrape)
    rest = {name: found[name] for name in sorted(found)}
    for room, pattern in ROOMS:
        parts.append(f"\n## {room}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
        for name in [name for name in rest if re.match(pattern, name)]:
            kind, labels, meaning = rest.pop(name)
            told = ", ".join(f"`{label}`" for label in labels)
            parts.append(f"| `{name}` | {kind} | {told} | {meaning} |\n")
    if rest:
        raise ValueError(f"no room in ops/metrics.py for {', '.join(rest)}")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(sys.stdin.read()))
