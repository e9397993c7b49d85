"""Recording rules: the promises as series, and how well they are kept."""

import dataclasses
import json

from declared import datasets, tables

# Windows of the burn rates (Google SRE Workbook, table 5-8, and one tier between).
SHORT_WINDOWS = ["5m", "30m", "1h", "2h", "6h"]
LONG_WINDOWS = ["1d", "3d"]
# Edges of `huiliu_subject_freshness_seconds` and of `huiliu_table_end_to_end_latency_seconds`.
EDGES = [1, 5, 10, 30, 60, 300, 900, 3_600]
# Older than this is history that was delivered late, not time that records spent with us; a
# process that stands still that long breaks the promise of freshness.
HISTORY_SECONDS = 3_600
# A batch of the newest records is to be in its table within this (also a bucket edge).
LATENCY_SECONDS = 60
# What is not in any metric: the retention of the topics (Kafka's own default, 7 days) and the
# memory that the process may have (mem_limit in docker-compose.yml).
KAFKA_RETENTION_SECONDS = 7 * 86_400
MEMORY_LIMIT_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True)
class Rule:
    record: str
    expr: str
    labels: dict = dataclasses.field(default_factory=dict)


def edge(seconds):
    """A matcher of a bucket's edge; Prometheus 3 writes `60` as `60.0`."""
    assert seconds in EDGES, f"{seconds} s is no edge of a bucket"
    return f'le=~"{seconds}(\\\\.0)?"'


def declared():
    """The promises, one series for each dataset and each subject table."""
    rules = [
        Rule("huiliu:kafka_retention_seconds", f"vector({KAFKA_RETENTION_SECONDS})"),
        Rule("huiliu:memory_limit_bytes", f"vector({MEMORY_LIMIT_BYTES})"),
    ]
    for each in datasets():
        labels = {
            "dataset": each.name,
            "group": each.group,
            "kafka_topic": each.kafka_topic,
            "provider": each.provider,
            "tier": each.promise.tier,
        }
        rules += _pair("dataset", each.promise, labels)
    for each in tables():
        labels = {"subject": each.subject, "table": each.name, "tier": each.promise.tier}
        rules += _pair("subject", each.promise, labels)
    return rules


def _pair(what, promise, labels):
    return [
        Rule(f"huiliu:{what}_freshness_objective_seconds", f"vector({promise.warn})", labels),
        Rule(f"huiliu:{what}_freshness_limit_seconds", f"vector({promise.page})", labels),
    ]


def freshness():
    """How late every dataset and every subject table is now."""
    return [
        Rule("huiliu:up:count", 'count(up{job="huiliu"} == 1) or vector(0)'),
        # Partitions that are read; none when no process answers, or no broker answers them.
        Rule(
            "huiliu:partitions_assigned:sum",
            "sum(huiliu_source_partitions_assigned) or vector(0)",
        ),
        # Several processes share the partitions; the one that is furthest knows best.
        Rule(
            "huiliu:source_lag_records",
            """clamp_min(
  max by (kafka_topic, partition) (huiliu_source_end_offset)
  - max by (kafka_topic, partition) (huiliu_source_durable_offset), 0)""",
        ),
        Rule(
            "huiliu:source_durable_age_seconds",
            """time() - max by (kafka_topic, partition) (
  huiliu_source_durable_record_timestamp_seconds)""",
        ),
        # When nothing waited for the last time; the rule reads what it wrote before.
        Rule(
            "huiliu:source_caught_up_timestamp_seconds",
            """(huiliu:source_lag_records == 0) * 0 + time()
or last_over_time(huiliu:source_caught_up_timestamp_seconds[1h]) and huiliu:source_lag_records
or huiliu:source_lag_records * 0 + time()""",
        ),
        # How long something has waited: no longer than since nothing did, for a quiet topic is not
        # a late one, nor is history that arrives today; and no longer than since the newest durable
        # record, for in a busy one something always waits.
        Rule(
            "huiliu:source_lag_seconds",
            """huiliu:source_durable_age_seconds
  < time() - huiliu:source_caught_up_timestamp_seconds
or time() - huiliu:source_caught_up_timestamp_seconds""",
        ),
        # The worst partition speaks for its dataset.
        Rule(
            "huiliu:dataset_lag_seconds",
            """max by (dataset, group, provider, tier) (
  huiliu:source_lag_seconds
  * on (kafka_topic) group_left (dataset, group, provider, tier)
  (huiliu:dataset_freshness_objective_seconds > bool 0))""",
        ),
        # Where nothing is read every dataset is late: the lag that is shown is an old one.
        Rule(
            "huiliu:dataset_late:bool",
            """(huiliu:dataset_lag_seconds
  > bool on (dataset, group, provider, tier) huiliu:dataset_freshness_objective_seconds)
  unless on () max_over_time(huiliu:partitions_assigned:sum[1m]) == 0
or max by (dataset, group, provider, tier) (
  (huiliu:dataset_freshness_objective_seconds > bool 0) * on () group_left ()
  (max_over_time(huiliu:partitions_assigned:sum[1m]) == bool 0))""",
        ),
        Rule("huiliu:subject_slow:ratio5m", _slow_share()),
        # Every attempt of the last minutes failed: the table keeps an old version.
        Rule(
            "huiliu:subject_failing:bool",
            """(sum by (table) (increase(
  huiliu_subject_refreshes_total{outcome=~"check_failed|failed|unavailable"}[5m])) > 0
unless sum by (table) (increase(huiliu_subject_refreshes_total{outcome="ok"}[5m])) > 0)
* 0 + 1""",
        ),
        Rule(
            "huiliu:subject_late:bool",
            """max by (subject, table, tier) (
  ((huiliu:subject_slow:ratio5m > 0.05) * 0 + 1 or huiliu:subject_failing:bool)
  * on (table) group_left (subject, tier)
  (huiliu:subject_freshness_objective_seconds > bool 0))
or (huiliu:subject_freshness_objective_seconds > bool 0)
  * on () group_left ()
  (max_over_time(huiliu:partitions_assigned:sum[1m]) == bool 0)""",
        ),
    ]


def _slow_share():
    """Share of the changes of five minutes that became visible later than promised."""
    name = "huiliu_subject_freshness_seconds_bucket"
    parts = []
    for objective in sorted({each.promise.warn for each in tables()}):
        within = max(e for e in EDGES if e <= objective)
        parts.append(
            f"(1 - sum by (table) (increase({name}{{{edge(within)}}}[5m]))\n"
            f"  / (sum by (table) (increase({name}{{{edge(HISTORY_SECONDS)}}}[5m])) > 0)\n"
            f"  and on (table) huiliu:subject_freshness_objective_seconds == {objective})"
        )
    return "\nor ".join(parts)


def ratios(windows):
    """The share of bad minutes, batches, records and commits over every window."""
    rules = []
    for window in windows:
        for what in ["dataset", "subject"]:
            late = f"avg_over_time(huiliu:{what}_late:bool[{window}])"
            rules.append(Rule(f"huiliu:{what}_late:ratio{window}", late))
        latency = "huiliu_table_end_to_end_latency_seconds_bucket"
        rules.append(
            Rule(
                f"huiliu:latency_missed:ratio{window}",
                f"clamp_min(1 - sum(rate({latency}{{{edge(LATENCY_SECONDS)}}}[{window}]))\n"
                f"/ (sum(rate({latency}{{{edge(HISTORY_SECONDS)}}}[{window}])) > 0), 0)",
            )
        )
        rules.append(
            Rule(
                f"huiliu:records_rejected:ratio{window}",
                f"sum by (dataset) (rate(huiliu_quarantine_records_total[{window}]))\n"
                "/ on (dataset) "
                f"(sum by (dataset) (rate(huiliu_source_records_received_total[{window}])) > 0)",
            )
        )
        errors = f'sum(rate(huiliu_errors_total{{stage="land"}}[{window}]))'
        commits = f"sum(rate(huiliu_table_commits_total[{window}]))"
        rules.append(
            Rule(
                f"huiliu:commits_failed:ratio{window}",
                f"{errors}\n/ ({errors} + ({commits} or vector(0)) > 0)",
            )
        )
    return rules


def budget():
    """What is left of 30 days' budget: 1 is all, 0 none, less is overdrawn."""
    rules = []
    for what, keys in [("dataset", "dataset, group, provider"), ("subject", "subject, table")]:
        # Windows that neither overlap nor leave a gap: the group is evaluated every ten minutes.
        spent = f"huiliu:{what}_late:ratio10m"
        left = [
            f'1 - max by ({keys}) (avg_over_time({spent}{{tier="{tier}"}}[30d])) / {allowed}'
            for tier, allowed in BUDGETS.items()
        ]
        rules += [
            Rule(spent, f"avg_over_time(huiliu:{what}_late:bool[10m])"),
            Rule(f"huiliu:{what}_freshness_budget_remaining:ratio", "\nor ".join(left)),
        ]
    return rules


# Share of minutes that may be late, by tier: 99.5 % and 99 % are promised.
BUDGETS = {"1": 0.005, "2": 0.01}


def text(groups):
    """A rule file of `{name: (interval, rules)}`."""
    lines = [
        "# Written by `python3 ops/generate` from pipelines/ and sql/; change it there.",
        "groups:",
    ]
    for name, (interval, rules) in groups.items():
        lines += [f"  - name: {name}", f"    interval: {interval}", "    rules:"]
        for rule in rules:
            lines += [f"      - record: {rule.record}", *expression(rule.expr)]
            if rule.labels:
                pairs = ", ".join(f"{k}: {quoted(v)}" for k, v in rule.labels.items())
                lines.append(f"        labels: {{{pairs}}}")
    return "\n".join(lines) + "\n"


def expression(expr):
    if "\n" not in expr:
        return [f"        expr: {quoted(expr)}"]
    return ["        expr: |-", *(f"          {line}" for line in expr.splitlines())]


def quoted(value):
    """A scalar of YAML; JSON's are."""
    return json.dumps(value, ensure_ascii=False)


def files():
    """Texts of the rule files by name."""
    return {
        "declared.yml": text({"huiliu-declared": ("1m", declared())}),
        "objectives.yml": text(
            {
                "huiliu-freshness": ("30s", freshness()),
                "huiliu-ratios": ("30s", ratios(SHORT_WINDOWS)),
                "huiliu-ratios-of-days": ("5m", ratios(LONG_WINDOWS)),
                "huiliu-budget": ("10m", budget()),
            }
        ),
    }
