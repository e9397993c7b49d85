"""Alerts: symptoms first. Each has a runbook of its name and two cases of `promtool test rules`."""

import dataclasses

from rules import BUDGETS, expression, quoted

# Where people find these; change them where they live elsewhere.
RUNBOOKS = "ops/runbooks"
BOARDS = "http://127.0.0.1:3000/d"
# Burn rates: how many times faster than allowed the budget of 30 days is spent, over a long and a
# short window at once (Google SRE Workbook, table 5-8; the third is a common tier between).
BURNS = [
    ("page", 14.4, "1h", "5m"),
    ("page", 6, "6h", "30m"),
    ("ticket", 3, "1d", "2h"),
    ("ticket", 1, "3d", "6h"),
]
# Shares that may be missed: batches within a minute 99 %, commits 99.9 %, records accepted 95 %
# (the city's own gate of what is collected).
LATENCY_BUDGET, COMMIT_BUDGET, COMPLETENESS_BUDGET = 0.01, 0.001, 0.05


@dataclasses.dataclass(frozen=True)
class Alert:
    name: str
    severity: str
    board: str
    expr: str
    lasts: str
    summary: str
    description: str
    keep: str = ""


def grew(counter, labels, window):
    """How much a counter grew, by labels. A counter begins with its first event: one that was not
    there before the window grew by all it holds, which `increase` does not see."""
    return (
        f"sum by ({labels}) (increase({counter}[{window}])) > 0\n"
        f"or sum by ({labels}) ({counter} unless {counter} offset {window}) > 0"
    )


def burn(series, allowed, severity, selector=""):
    """Spends the budget too fast over two windows at once."""
    pairs = [
        f"({series}:ratio{long}{selector} > {factor} * {allowed}\n"
        f"  and {series}:ratio{short}{selector} > {factor} * {allowed})"
        for of, factor, long, short in BURNS
        if of == severity
    ]
    return "\nor ".join(pairs)


def tiers(series, severity):
    return "\nor ".join(
        burn(series, allowed, severity, f'{{tier="{tier}"}}') for tier, allowed in BUDGETS.items()
    )


def burning(name, board, exprs, summary, description):
    """One alert of two severities."""
    return [
        Alert(name, severity, board, expr, lasts, summary, description, keep)
        for severity, expr, lasts, keep in [
            ("page", exprs("page"), "2m", "10m"),
            ("ticket", exprs("ticket"), "15m", "1h"),
        ]
    ]


# When a certificate is a matter for the night and for the week; rejects that nobody has looked at;
# heartbeats, which ops/debezium sets to every ten seconds; what refreshes write to disk in place of
# memory.
EXPIRES_SECONDS = {"page": 3 * 86_400, "ticket": 14 * 86_400}
REJECT_SECONDS, HEARTBEAT_SECONDS, SPILL_BYTES_PER_SECOND = 86_400, 300, 10 << 20
SHARE = "{{ $value | humanizePercentage }}"
SPAN = "{{ $value | humanizeDuration }}"


def symptoms():
    """What people who read the tables feel."""
    return [
        Alert(
            "IngestionDown",
            "page",
            "huiliu-overview",
            'absent(up{job="huiliu"} == 1)',
            "2m",
            "No huiliu process answers",
            "Prometheus reaches no process of the job huiliu: nothing is read from Kafka, and "
            "every table grows old.",
            "5m",
        ),
        Alert(
            "DependencyAway",
            "page",
            "huiliu-overview",
            "max by (code) (huiliu_obstacles"
            '{code=~"kafka_unavailable|lake_unavailable"}) > 0',
            "30s",
            "What processes need does not answer: {{ $labels.code }}",
            "`/readyz` of the process says what it asked, its log what it was told. Nothing new is "
            "read, and the lag that is shown is the last one known. It goes on by itself.",
            "5m",
        ),
        Alert(
            "NothingAssigned",
            "page",
            "huiliu-overview",
            "huiliu:partitions_assigned:sum == 0 and on () huiliu:up:count > 0",
            "2m",
            "Processes run, but none reads a partition",
            "The group gives them nothing, or has not answered. The lag that is shown is the last one "
            "known.",
            "5m",
        ),
        Alert(
            "DatasetStale",
            "page",
            "huiliu-overview",
            "huiliu:dataset_lag_seconds > on (dataset) group_left () "
            "huiliu:dataset_freshness_limit_seconds",
            "2m",
            "Dataset {{ $labels.dataset }} is " + SPAN + " behind Kafka",
            "Records of {{ $labels.dataset }} ({{ $labels.provider }}) wait in Kafka, the oldest "
            "since " + SPAN + "; `page_after` of its pipeline is over. Subject tables that read it "
            "show old rows.",
            "5m",
        ),
        *burning(
            "DatasetFreshnessBudgetBurn",
            "huiliu-overview",
            lambda severity: tiers("huiliu:dataset_late", severity),
            "Dataset {{ $labels.dataset }} is late too often",
            "It was later than `warn_after` of its pipeline in " + SHARE + " of the minutes of the "
            "window: the error budget of 30 days will not last.",
        ),
        *burning(
            "SubjectFreshnessBudgetBurn",
            "huiliu-subjects",
            lambda severity: tiers("huiliu:subject_late", severity),
            "Subject table {{ $labels.table }} is late too often",
            "Changes became visible later than `warn_after` of its table.yaml, or its refreshes "
            "failed, in " + SHARE + " of the minutes of the window.",
        ),
        *burning(
            "EndToEndLatencyBudgetBurn",
            "huiliu-ingestion",
            lambda severity: burn("huiliu:latency_missed", LATENCY_BUDGET, severity),
            "Batches take longer than a minute from event to table",
            SHARE
            + " of the batches of the window were committed more than 60 s after their oldest "
            "event (those of more than an hour are history and do not count).",
        ),
        *burning(
            "CommitFailureBudgetBurn",
            "huiliu-tables",
            lambda severity: burn("huiliu:commits_failed", COMMIT_BUDGET, severity),
            "Commits to the lake fail",
            SHARE + " of the attempts to land a batch failed. They are tried again and nothing is "
            "lost, but tables grow old meanwhile.",
        ),
        Alert(
            "CompletenessBudgetBurn",
            "ticket",
            "huiliu-quality",
            burn("huiliu:records_rejected", COMPLETENESS_BUDGET, "ticket"),
            "15m",
            "Dataset {{ $labels.dataset }} misses the gate of 95 % accepted records",
            SHARE + " of the records of {{ $labels.dataset }} went to quarantine in the window.",
            "1h",
        ),
    ]


def standstill():
    """What waits for a person."""
    return [
        Alert(
            "DatasetStopped",
            "page",
            "huiliu-overview",
            "max by (dataset, reason) (huiliu_dataset_stopped) == 1",
            "1m",
            "Dataset {{ $labels.dataset }} stopped: {{ $labels.reason }}",
            "It reads no more until someone decides; all others go on. `huiliu incidents list` "
            "tells why.",
        ),
        Alert(
            "PartitionStandsStill",
            "page",
            "huiliu-ingestion",
            "max by (kafka_topic, partition, kind) (huiliu_source_incident) == 1",
            "1m",
            "{{ $labels.kafka_topic }}/{{ $labels.partition }} stands still: {{ $labels.kind }}",
            "Kafka does not have the offset that is needed next. Nothing is skipped without a "
            "decision: `huiliu offsets reset`.",
        ),
        Alert(
            "ConsumerStuck",
            "page",
            "huiliu-ingestion",
            "min_over_time(huiliu:source_lag_records[10m]) > 0\n"
            "and changes((max by (kafka_topic, partition) (huiliu_source_durable_offset))"
            "[10m:1m]) == 0",
            "5m",
            "{{ $labels.kafka_topic }}/{{ $labels.partition }} does not move",
            "At least {{ $value }} records wait and none became durable for 10 minutes.",
        ),
        Alert(
            "ConnectorSilent",
            "page",
            "huiliu-ingestion",
            "time() - max by (connector) (huiliu_cdc_heartbeat_timestamp_seconds) "
            f"> {HEARTBEAT_SECONDS}",
            "2m",
            "Connector {{ $labels.connector }} has been silent for " + SPAN,
            "Its heartbeats come whether its source changes or not. Changes are not read any more, "
            "and the database keeps its log for it until the disk is full.",
            "5m",
        ),
        Alert(
            "RetentionRisk",
            "page",
            "huiliu-ingestion",
            "max by (kafka_topic, partition) (huiliu:source_lag_seconds) > on () group_left () "
            "0.5 * huiliu:kafka_retention_seconds",
            "5m",
            "Kafka may delete records of {{ $labels.kafka_topic }} before they are read",
            "The oldest waiting record is " + SPAN + " old, more than half of the retention.",
        ),
    ]


def causes():
    """What leads to symptoms, by daylight."""
    return [
        Alert(
            "TargetDown",
            "ticket",
            "huiliu-process",
            'up{job="huiliu"} == 0',
            "5m",
            "{{ $labels.instance }} does not answer",
            "Its partitions go to the other processes of the group, if there are any.",
        ),
        Alert(
            "SourceSilent",
            "ticket",
            "huiliu-ingestion",
            "time() - max(huiliu_source_last_poll_timestamp_seconds) > 900",
            "5m",
            "Nothing has come from Kafka for " + SPAN,
            "Either nobody publishes, or the brokers are out of reach: lag cannot be known then.",
        ),
        Alert(
            "LagGrowing",
            "ticket",
            "huiliu-ingestion",
            "(sum by (kafka_topic) (avg_over_time(huiliu:source_lag_records[10m]))\n"
            "  > 2 * sum by (kafka_topic) "
            "(avg_over_time(huiliu:source_lag_records[10m] offset 30m)))\n"
            "and sum by (kafka_topic) (huiliu:source_lag_records) > 10000",
            "15m",
            "The lag of {{ $labels.kafka_topic }} doubled within half an hour",
            "{{ $value | humanize }} records wait: more arrive than are landed.",
        ),
        Alert(
            "SubjectRefreshFailing",
            "ticket",
            "huiliu-subjects",
            "huiliu:subject_failing:bool == 1",
            "10m",
            "Subject table {{ $labels.table }} cannot be refreshed",
            "Every attempt of the last minutes failed; readers see the last good version.",
            "15m",
        ),
        Alert(
            "SchemaDrift",
            "ticket",
            "huiliu-quality",
            grew("huiliu_schema_drift_records_total", "dataset, kind", "15m"),
            "0m",
            "Records of {{ $labels.dataset }} left their contract: {{ $labels.kind }}",
            "About {{ $value | humanize }} records of 15 minutes differ from the pipeline file.",
            "1h",
        ),
        Alert(
            "QuarantineShareHigh",
            "ticket",
            "huiliu-quality",
            "huiliu:records_rejected:ratio1h > 0.1\n"
            "and on (dataset) sum by (dataset) "
            "(increase(huiliu_source_records_received_total[1h])) >= 100",
            "15m",
            "A tenth of the records of {{ $labels.dataset }} are rejected",
            SHARE
            + " of the last hour's records went to quarantine; the dataset stops by itself at "
            "the limit in its pipeline (`stop_if`).",
            "30m",
        ),
        Alert(
            "QuarantineOld",
            "ticket",
            "huiliu-quality",
            "time() - min by (group) (huiliu_quarantine_oldest_open_timestamp_seconds > 0) "
            f"> {REJECT_SECONDS}",
            "30m",
            "Rejects of {{ $labels.group }} have waited for " + SPAN,
            "Nobody has repaired, replayed or dropped them; their rows are missing in the tables.",
            "1h",
        ),
        Alert(
            "FieldPassRateLow",
            "ticket",
            "huiliu-quality",
            "sum by (dataset) (increase(huiliu_quality_cells_passed_total"
            '{outcome="repaired"}[1d]))\n'
            "/ on (dataset) (sum by (dataset) "
            "(increase(huiliu_quality_cells_checked_total[1d])) > 1000) < 0.8",
            "30m",
            "Dataset {{ $labels.dataset }} misses the gate of 80 % good cells",
            "Only " + SHARE + " of the cells of a day passed their rules.",
            "1h",
        ),
        Alert(
            "StoreErrors",
            "ticket",
            "huiliu-tables",
            "sum by (error_type) (increase(huiliu_errors_total"
            '{stage="land", error_type=~"unavailable|denied"}[15m])) > 3',
            "5m",
            "The object store answers with errors: {{ $labels.error_type }}",
            "About {{ $value | humanize }} attempts of 15 minutes failed; they are tried again.",
            "15m",
        ),
        Alert(
            "StoreRequestsFailing",
            "ticket",
            "huiliu-tables",
            'sum(rate(huiliu_object_store_requests_total{outcome=~"failed|denied"}[15m]))\n'
            "/ (sum(rate(huiliu_object_store_requests_total[15m])) > 0) > 0.01",
            "15m",
            SHARE + " of the requests to the object store fail",
            "Each was tried again by the store's client before. Reading, folding and refreshing "
            "wait for it as well as landing.",
            "15m",
        ),
        Alert(
            "FoldStale",
            "ticket",
            "huiliu-tables",
            "time() - max(huiliu_fold_last_success_timestamp_seconds) > 1800",
            "5m",
            "No round of folding ended well for " + SPAN,
            "`current` stays behind `changes`. Subject tables and `huiliu query` read both and are "
            "right; outside readers of `current` see old rows.",
            "10m",
        ),
        Alert(
            "CheckpointStale",
            "ticket",
            "huiliu-tables",
            "max by (group, layer) (huiliu_table_log_commits_since_checkpoint"
            '{layer!="subjects"}) > 250',
            "30m",
            "A log of {{ $labels.layer }} ({{ $labels.group }}) has {{ $value }} commits and no "
            "checkpoint",
            "Checkpoints are due every 50 commits. Every reader replays these commits one by one.",
            "15m",
        ),
        Alert(
            "MaintenanceStale",
            "ticket",
            "huiliu-tables",
            "time() - max(huiliu_maintenance_last_success_timestamp_seconds > 0) > 86400\n"
            "or sum(increase(huiliu_maintenance_failures_total[6h])) > 20",
            "30m",
            "Maintenance does not get through",
            "No process ended a round over all tables without failure for a day, or tables fail "
            "again and again: small files and old versions pile up.",
            "1h",
        ),
        Alert(
            "ConfigReloadFailed",
            "ticket",
            "huiliu-process",
            "max by (instance) (huiliu_config_last_reload_successful == bool 0) == 1",
            "10m",
            "{{ $labels.instance }} refused the changed files",
            "What is in the files is not what runs: the last reload was refused, and the process "
            "goes on with what it had. Its log names what differs.",
        ),
        Alert(
            "ContractsDiffer",
            "ticket",
            "huiliu-process",
            "count by (dataset) (count by (dataset, contract) (huiliu_dataset_info)) > 1",
            "30m",
            "Processes apply different contracts of {{ $labels.dataset }}",
            "{{ $value }} versions of its pipeline file, or of the program, run side by side: a "
            "deployment or a reload stopped half-way.",
            "10m",
        ),
        Alert(
            "ErrorsNeedAction",
            "page",
            "huiliu-overview",
            grew(
                'huiliu_errors_total{error_type=~"bug|corrupt|invalid|contract"}',
                "stage, dataset, error_type",
                "10m",
            ),
            "0m",
            "Error of the kind {{ $labels.error_type }} in {{ $labels.stage }}",
            "Errors of this kind do not go away by trying again.",
            "15m",
        ),
        Alert(
            "CommitSlow",
            "ticket",
            "huiliu-tables",
            "histogram_quantile(0.99, sum by (le) "
            "(rate(huiliu_table_commit_duration_seconds_bucket[15m]))) > 10",
            "15m",
            "A commit takes " + SPAN + " (99th percentile)",
            "Writing and committing a batch is slow: the store, the network, or too many files in "
            "the log.",
        ),
        Alert(
            "BackpressureSustained",
            "ticket",
            "huiliu-ingestion",
            "rate(huiliu_stage_blocked_seconds_total[10m]) > 0.8",
            "30m",
            "{{ $labels.instance }} waits for its landers most of the time",
            "The loop was blocked " + SHARE + " of the time: the store is slower than Kafka.",
        ),
        Alert(
            "RebalanceStorm",
            "ticket",
            "huiliu-ingestion",
            "sum(increase(huiliu_source_rebalances_total[15m])) > 6",
            "5m",
            "Partitions change hands all the time",
            "{{ $value | humanize }} assignments and revocations in 15 minutes.",
            "15m",
        ),
        Alert(
            "RestartLoop",
            "ticket",
            "huiliu-process",
            'changes(process_start_time_seconds{job="huiliu"}[30m]) > 3',
            "0m",
            "{{ $labels.instance }} keeps restarting",
            "It started {{ $value }} times in half an hour.",
            "15m",
        ),
        *(
            Alert(
                "CertificateExpiring",
                severity,
                "huiliu-process",
                "min by (name) (huiliu_certificate_not_after_timestamp_seconds) - time() < "
                f"{seconds}",
                "10m",
                "The certificate {{ $labels.name }} runs out in " + SPAN,
                "After that no connection is made with it, and a process that runs loses those that "
                "it has.",
                "1h",
            )
            for severity, seconds in EXPIRES_SECONDS.items()
        ),
        Alert(
            "SpillHeavy",
            "ticket",
            "huiliu-process",
            "sum by (instance) (rate(huiliu_spill_bytes_total[15m])) "
            f"> {SPILL_BYTES_PER_SECOND}",
            "30m",
            "{{ $labels.instance }} spills {{ $value | humanize1024 }}B a second",
            "Refreshes write to disk what does not fit into their share of the memory, and take "
            "longer for it.",
            "30m",
        ),
        Alert(
            "MemoryNearLimit",
            "ticket",
            "huiliu-process",
            'process_resident_memory_bytes{job="huiliu"} > on () group_left () '
            "0.9 * huiliu:memory_limit_bytes",
            "15m",
            "{{ $labels.instance }} uses {{ $value | humanize1024 }}B of memory",
            "More than nine tenths of what the deployment allows: the kernel may end it.",
        ),
        Alert(
            "OpenFilesNearLimit",
            "ticket",
            "huiliu-process",
            'process_open_fds{job="huiliu"} / process_max_fds{job="huiliu"} > 0.8',
            "15m",
            "{{ $labels.instance }} runs out of file descriptors",
            SHARE + " of the open files that it may have are in use.",
        ),
        Alert(
            "RuleEvaluationFailing",
            "ticket",
            "huiliu-overview",
            "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[10m])) > 0",
            "5m",
            "Prometheus cannot evaluate rules of {{ $labels.rule_group }}",
            "Alerts of this group may stay silent.",
            "10m",
        ),
        Alert(
            "Watchdog",
            "none",
            "huiliu-overview",
            "vector(1)",
            "0m",
            "The way from Prometheus to people works",
            "Always firing. Its receiver calls when it stops.",
        ),
    ]


def alerts():
    return symptoms() + standstill() + causes()


def files():
    """The text of the rule file by name."""
    lines = ["# Written by `python3 ops/generate`; change ops/generate/alerts.py.", "groups:"]
    groups = {"symptoms": symptoms(), "standstill": standstill(), "causes": causes()}
    for name, members in groups.items():
        lines += [f"  - name: huiliu-{name}", "    interval: 30s", "    rules:"]
        for alert in members:
            lines += _rule(alert)
    return {"alerts.yml": "\n".join(lines) + "\n"}


def _rule(alert):
    lines = [f"      - alert: {alert.name}", *expression(alert.expr), f"        for: {alert.lasts}"]
    if alert.keep:
        lines.append(f"        keep_firing_for: {alert.keep}")
    return [
        *lines,
        f"        labels: {{severity: {alert.severity}}}",
        "        annotations:",
        f"          summary: {quoted(alert.summary)}",
        f"          description: {quoted(alert.description)}",
        f"          runbook_url: {RUNBOOKS}/{alert.name}.md",
        f"          dashboard_url: {BOARDS}/{alert.board}",
    ]
