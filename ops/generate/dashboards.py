"""The dashboards: each answers a question, its first row at a glance."""

from panels import PLACE, Query, bars, board, lines, number, table, variable
from rules import HISTORY_SECONDS, KAFKA_RETENTION_SECONDS, LATENCY_SECONDS, edge

RATE = "$__rate_interval"


def rate(metric, by="", more="", window=RATE):
    """The sum of the rates of a counter, by labels."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{PLACE}{more}}}[{window}]))"


def quantile(share, metric, by=""):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(metric + '_bucket', labels)})"


def boards():
    return [overview(), ingestion(), tables(), subjects(), quality(), process()]


def overview():
    return board(
        "huiliu-overview", "huiliu: overview",
        "Is the city's data fresh, and if not: is it us, the source or the store?",
        [
            number(
                "Datasets late", "Datasets whose records wait longer than their pipeline promises.",
                "none", "count(huiliu:dataset_late:bool == 1) or vector(0)", limits=(1, 5),
            ),
            number(
                "Subject tables late", "Subject tables whose changes become visible too late, or "
                "whose refreshes fail.",
                "none", "count(huiliu:subject_late:bool == 1) or vector(0)", limits=(1, 5),
            ),
            number(
                "Worst budget left", "What is left of 30 days' error budget of the worst dataset; "
                "below 0 the promise is broken.",
                "percentunit", "min(huiliu:dataset_freshness_budget_remaining:ratio)",
                limits=(0.5, 0), decimals=1,
            ),
            number(
                "Us: processes", "Processes that answer.", "none", "huiliu:up:count",
                limits=(1, 0.5),
            ),
            number(
                "Source: partitions read", "Partitions that the processes read; none when the "
                "brokers are out of reach.", "none", "huiliu:partitions_assigned:sum",
                limits=(1, 0.5),
            ),
            number(
                "Store: failed commits", "Share of the attempts to land a batch that failed within "
                "five minutes; they are tried again.",
                "percentunit", "huiliu:commits_failed:ratio5m or vector(0)", limits=(0.001, 0.05),
                decimals=2,
            ),
            number(
                "Stopped datasets", "Datasets that wait for a decision: huiliu incidents list.",
                "none", f"sum(max by (dataset) (huiliu_dataset_stopped{{{PLACE}}})) or vector(0)",
                limits=(1, 1),
            ),
            number(
                "Partitions that stand still",
                "Kafka does not have the offset that is needed next.", "none",
                "sum(max by (kafka_topic, partition) "
                f"(huiliu_source_incident{{{PLACE}}})) or vector(0)", limits=(1, 1),
            ),
            number(
                "Records waiting", "Records in Kafka that are not yet in the lake.", "short",
                "sum(huiliu:source_lag_records)",
            ),
            number(
                "Alerts that page", "Kinds of firing alerts that woke someone.", "none",
                'count(count by (alertname) (ALERTS{alertstate="firing", severity="page"})) '
                "or vector(0)", limits=(1, 3),
            ),
            number(
                "Accepted records", "Share of the records of the last hour that were not rejected; "
                "the city's gate is 95 %.",
                "percentunit", f"1 - {rate('huiliu_quarantine_records_total', window='1h')} "
                f"/ {rate('huiliu_source_records_received_total', window='1h')}",
                limits=(0.95, 0.9), decimals=1,
            ),
            number(
                "Good cells", "Share of the cells of the last hour that passed their rules, "
                "repaired ones included; the city's gate is 80 %.",
                "percentunit",
                rate("huiliu_quality_cells_passed_total", more=', outcome="repaired"', window="1h")
                + "\n/ " + rate("huiliu_quality_cells_checked_total", window="1h"),
                limits=(0.8, 0.7), decimals=1,
            ),
            lines(
                "Records in and out", "Records read from Kafka, rows committed to changes, records "
                "rejected.", "reqps",
                Query(rate("huiliu_source_records_received_total"), "read"),
                Query(rate("huiliu_table_rows_written_total"), "committed"),
                Query(rate("huiliu_quarantine_records_total"), "rejected"),
            ),
            lines(
                "Late datasets and tables", "How many break their promise of freshness.", "none",
                Query("sum(huiliu:dataset_late:bool)", "datasets"),
                Query("sum(huiliu:subject_late:bool)", "subject tables"),
            ),
            table(
                "Worst datasets", "Datasets by how long records have waited: name, provider, tier "
                "of the promise.", "s", "topk(10, huiliu:dataset_lag_seconds)",
            ),
            table(
                "Budget left", "Datasets with the least error budget of 30 days.", "percentunit",
                "bottomk(10, huiliu:dataset_freshness_budget_remaining:ratio)", limits=(0.5, 0),
            ),
            table(
                "What runs", "Version, revision and compiler of every process.", "none",
                f"huiliu_build_info{{{PLACE}}}", height=5,
            ),
            lines(
                "Time since start", "A line that falls is a restart.", "s",
                Query(f"time() - process_start_time_seconds{{{PLACE}}}", "{{instance}}"), height=5,
            ),
        ],
    )  # fmt: skip


def ingestion():
    topic = ', kafka_topic=~"$kafka_topic"'
    latency = "huiliu_table_end_to_end_latency_seconds_bucket"
    return board(
        "huiliu-ingestion", "huiliu: ingestion and Kafka",
        "What arrives, how far behind the lake is, and where time is spent.",
        [
            lines(
                "Records read", "Records from Kafka by dataset, the ten busiest.", "reqps",
                Query(f"topk(10, {rate('huiliu_source_records_received_total', 'dataset')})",
                      "{{dataset}}"), stacked=True,
            ),
            lines(
                "Bytes read", "Bytes of keys and values from Kafka.", "Bps",
                Query(rate("huiliu_source_received_bytes_total", "instance"), "{{instance}}"),
            ),
            lines(
                "Records waiting", "End offset less durable offset, the ten topics with most.",
                "short",
                Query('topk(10, sum by (kafka_topic) (huiliu:source_lag_records'
                      '{kafka_topic=~"$kafka_topic"}))', "{{kafka_topic}}"),
            ),
            lines(
                "Oldest waiting record", "Worst partition of each topic; 0 when nothing has waited "
                "for a minute. Half of the retention is red.", "s",
                Query('topk(10, max by (kafka_topic) (huiliu:source_lag_seconds'
                      '{kafka_topic=~"$kafka_topic"}))', "{{kafka_topic}}"),
                limits=(KAFKA_RETENTION_SECONDS / 4, KAFKA_RETENTION_SECONDS / 2),
            ),
            lines(
                "Offsets becoming durable", "Advance of the durable offsets by topic, the ten "
                "fastest.", "reqps",
                Query("topk(10, sum by (kafka_topic) (deriv(huiliu_source_durable_offset"
                      f"{{{PLACE}{topic}}}[{RATE}])))", "{{kafka_topic}}"),
            ),
            lines(
                "Event to commit", "From the oldest event of a batch to its commit; history that "
                "is delivered late counts as it comes.", "s",
                Query(quantile(0.5, "huiliu_table_end_to_end_latency_seconds"), "median"),
                Query(quantile(0.99, "huiliu_table_end_to_end_latency_seconds"), "99 %"),
            ),
            number(
                "Batches within a minute", "Share of the batches that were committed within 60 s "
                "of their oldest event; those of more than an hour are history and do not count.",
                "percentunit",
                f"{rate(latency, more=', ' + edge(LATENCY_SECONDS), window='1h')}\n"
                f"/ ({rate(latency, more=', ' + edge(HISTORY_SECONDS), window='1h')} > 0)",
                width=6, height=6, limits=(0.99, 0.95), decimals=2,
            ),
            lines(
                "Busy and blocked", "Seconds per second that the stages work, and that the loop "
                "waits for a lander.", "percentunit",
                Query(rate("huiliu_stage_busy_seconds_total", "stage"), "busy: {{stage}}"),
                Query(rate("huiliu_stage_blocked_seconds_total"), "blocked"), width=9, height=6,
            ),
            lines(
                "Memory held by records", "Bytes of records read and not yet landed.", "bytes",
                Query(f"huiliu_memory_held_bytes{{{PLACE}}}", "{{instance}}"), width=9, height=6,
            ),
            lines(
                "Partitions assigned", "Partitions that each process reads.", "none",
                Query(f"sum by (instance) (huiliu_source_partitions_assigned{{{PLACE}{topic}}})",
                      "{{instance}}"), width=8, height=6,
            ),
            lines(
                "Rebalances", "Assignments and revocations in a quarter of an hour.", "none",
                Query(f"sum by (kind) (increase(huiliu_source_rebalances_total{{{PLACE}}}[15m]))",
                      "{{kind}}"), width=8, height=6,
            ),
            lines(
                "Skipped offsets", "Offsets accounted for without a row: tombstones, control "
                "records, gaps.", "none",
                Query(f"sum by (kind) (increase(huiliu_records_skipped_total{{{PLACE}}}[1h]))",
                      "{{kind}}"), width=8, height=6,
            ),
            lines(
                "Changes by operation", "Accepted changes: c create, u update, d delete, r read of "
                "a snapshot.", "reqps",
                Query(rate("huiliu_changes_total", "op"), "{{op}}"), width=8, height=6,
                stacked=True,
            ),
            lines(
                "Duration of stages", "99 % of the chunks (prepare) and batches (land).", "s",
                Query(quantile(0.99, "huiliu_stage_batch_duration_seconds", "stage"),
                      "{{stage}}"), width=8, height=6,
            ),
            lines(
                "Room for records", "Bytes held, as a share of those above which the largest batch "
                "is committed early.", "percentunit",
                Query(f"huiliu_memory_held_bytes{{{PLACE}}}\n"
                      f"/ huiliu_memory_held_limit_bytes{{{PLACE}}}", "{{instance}}"),
                width=8, height=6,
            ),
            lines(
                "Heartbeats of connectors", "Time since the last heartbeat of each Debezium "
                "connector; they come whether its source changes or not.", "s",
                Query("time() - max by (connector) (huiliu_cdc_heartbeat_timestamp_seconds"
                      f"{{{PLACE}}})", "{{connector}}"), width=12, height=6, limits=(60, 300),
            ),
            lines(
                "Newest commit of the sources", "Time since the source database committed the "
                "newest change that came, by dataset; a quiet source has none.", "s",
                Query("time() - max by (dataset) (huiliu_cdc_source_commit_timestamp_seconds"
                      f"{{{PLACE}}})", "{{dataset}}"), width=12, height=6,
            ),
            table(
                "Partitions that stand still", "Kafka does not have the next offset: "
                "huiliu incidents list.", "none",
                f"huiliu_source_incident{{{PLACE}{topic}}} == 1", height=6,
            ),
            lines(
                "Flow by stage", "Records that enter and rows that leave each stage.", "reqps",
                Query(rate("huiliu_stage_records_in_total", "stage"), "into {{stage}}"),
                Query(rate("huiliu_stage_records_out_total", "stage"), "out of {{stage}}"),
                height=6,
            ),
        ],
        [variable("kafka_topic", "Kafka topic", "huiliu_source_end_offset", "kafka_topic")],
    )  # fmt: skip


def tables():
    of = ', group=~"$group"'
    store = "huiliu_object_store_request"
    return board(
        "huiliu-tables", "huiliu: tables and maintenance",
        "What is committed to the lake, how fast, and what fails.",
        [
            lines(
                "Commits", "Commits of batches by outcome.", "ops",
                Query(rate("huiliu_table_commits_total", "outcome", of), "{{outcome}}"),
            ),
            lines(
                "Failed attempts", "Errors while landing, by who must act; they are tried again.",
                "ops",
                Query(f"{rate('huiliu_errors_total', 'stage, error_type')} or vector(0)",
                      "{{stage}} {{error_type}}"),
            ),
            lines(
                "Duration of commits", "Time to write and commit a batch.", "s",
                Query(quantile(0.5, "huiliu_table_commit_duration_seconds"), "median"),
                Query(quantile(0.99, "huiliu_table_commit_duration_seconds"), "99 %"),
                limits=(5, 10),
            ),
            bars(
                "Mean commit", "Mean duration of a commit within an hour, by group of datasets.",
                "s",
                f"{rate('huiliu_table_commit_duration_seconds_sum', 'group', of, '1h')}\n/ "
                f"({rate('huiliu_table_commit_duration_seconds_count', 'group', of, '1h')} > 0)",
                "{{group}}",
            ),
            lines(
                "Rows committed", "Rows by table, the ten busiest.", "reqps",
                Query(f"topk(10, {rate('huiliu_table_rows_written_total', 'table')})",
                      "{{table}}"), stacked=True,
            ),
            lines(
                "Bytes committed", "Bytes of data files by group of datasets.", "Bps",
                Query(rate("huiliu_table_written_bytes_total", "group", of), "{{group}}"),
                stacked=True,
            ),
            lines(
                "Requests to the store", "By operation: put, get, head, list, delete and the parts "
                "of large uploads.", "reqps",
                Query(rate(f"{store}s_total", "operation"), "{{operation}}"), stacked=True,
            ),
            lines(
                "Requests that failed", "By operation, after the client's own retries: failed, denied, "
                "or abandoned because nobody waited any more.", "reqps",
                Query(rate(f"{store}s_total", "operation, outcome",
                           ', outcome=~"failed|denied|abandoned"'),
                      "{{operation}}: {{outcome}}"),
            ),
            lines(
                "Duration of requests", "99 % of the requests of each operation; of a listing "
                "until its end.", "s",
                Query(quantile(0.99, f"{store}_duration_seconds", "operation"), "{{operation}}"),
                limits=(1, 10),
            ),
            lines(
                "Bytes through the store", "Bodies that were asked for, and sent.", "Bps",
                Query(rate("huiliu_object_store_read_bytes_total"), "read"),
                Query(rate("huiliu_object_store_written_bytes_total"), "written"),
            ),
            table(
                "Longest without a commit", "Time since the last commit of a table; a quiet "
                "dataset has none.", "s",
                "topk(15, time() - max by (table) (huiliu_table_last_commit_timestamp_seconds"
                f"{{{PLACE}}}))",
            ),
            table(
                "Files", "Files of the newest versions by group and layer.", "short",
                f"max by (group, layer) (huiliu_table_files{{{PLACE}}})",
            ),
            bars(
                "Small files", "Files below 16 MiB by group and layer; maintenance joins them.",
                "short", f"max by (group, layer) (huiliu_table_small_files{{{PLACE}}})",
                "{{group}} {{layer}}",
            ),
            lines(
                "Size", "Bytes of the newest versions by layer.", "bytes",
                Query(f"sum by (layer) (max by (group, layer) (huiliu_table_size_bytes{{{PLACE}}}))",
                      "{{layer}}"), stacked=True,
            ),
            lines(
                "Commits since the checkpoint", "Of the table with most; 50 is when one is due.",
                "none",
                Query("max by (layer) (huiliu_table_log_commits_since_checkpoint"
                      f"{{{PLACE}}})", "{{layer}}"), limits=(100, 250),
            ),
            lines(
                "Waiting for a fold", "Changes that current does not show yet, by group; queries "
                "see them.", "short",
                Query("max by (group) (huiliu_fold_waiting_changes{" + PLACE + of + "})",
                      "{{group}}"),
            ),
            lines(
                "Folded", "Changes folded: applied, or stale against a higher sequence.", "reqps",
                Query(rate("huiliu_fold_changes_total", "outcome"), "{{outcome}}"), width=8,
            ),
            lines(
                "Time spent folding", "Seconds per second that folds take.", "percentunit",
                Query(rate("huiliu_fold_duration_seconds_sum", "instance"), "{{instance}}"),
                width=8,
            ),
            lines(
                "Since the last good fold", "Time since a round over all datasets ended without "
                "failure, by process.", "s",
                Query(f"time() - huiliu_fold_last_success_timestamp_seconds{{{PLACE}}} < 1e9",
                      "{{instance}}"), width=8, limits=(600, 1_800),
            ),
        ],
        [variable("group", "Group", "huiliu_table_commits_total", "group")],
    )  # fmt: skip


def subjects():
    of = ', table=~"$subject\\\\..*"'
    slow = "huiliu_subject_freshness_seconds"
    return board(
        "huiliu-subjects", "huiliu: subjects and freshness",
        "How soon a change is visible in the subject databases, and which tables do not follow.",
        [
            number(
                "Tables late", "Subject tables that break their promise now.", "none",
                "count(huiliu:subject_late:bool == 1) or vector(0)", width=6, limits=(1, 3),
            ),
            number(
                "Tables failing", "All attempts of the last five minutes failed; readers see the "
                "last good version.", "none",
                "count(huiliu:subject_failing:bool) or vector(0)", width=6, limits=(1, 3),
            ),
            number(
                "Worst budget left", "What is left of 30 days' error budget of the worst table.",
                "percentunit", "min(huiliu:subject_freshness_budget_remaining:ratio)", width=6,
                limits=(0.5, 0), decimals=1,
            ),
            number(
                "Changes seen in an hour", "Changes that became visible, counted once for each "
                "table that reads them.", "short",
                f"sum(increase({slow}_count{{{PLACE}{of}}}[1h]))", width=6,
            ),
            lines(
                "Freshness", "From a record's Kafka timestamp to its being visible; a record that "
                "was delivered late counts from its timestamp.", "s",
                Query(quantile(0.5, slow), "median"), Query(quantile(0.99, slow), "99 %"),
            ),
            lines(
                "Changes within a minute", "Share of the changes of an hour that were visible "
                "within 60 s, by subject database.", "percentunit",
                Query(_by_subject(f'increase({slow}_bucket{{{PLACE}{of}, {edge(60)}}}[1h])')
                      + "\n/ (" + _by_subject(f"increase({slow}_count{{{PLACE}{of}}}[1h])")
                      + " > 0)", "{{subject}}"),
            ),
            lines(
                "Refreshes", "Refreshes by the way they went.", "ops",
                Query(rate("huiliu_subject_refreshes_total", "way", of + ', outcome="ok"'),
                      "{{way}}"), stacked=True,
            ),
            lines(
                "Refreshes that did not end well", "By outcome; superseded means that another "
                "process was first.", "ops",
                Query(rate("huiliu_subject_refreshes_total", "outcome", of + ', outcome!="ok"')
                      + " or vector(0)", "{{outcome}}"),
            ),
            table(
                "Tables by budget left", "What is left of 30 days' error budget.", "percentunit",
                "sort(bottomk(15, huiliu:subject_freshness_budget_remaining:ratio"
                '{subject=~"$subject"}))', limits=(0.5, 0),
            ),
            lines(
                "Duration of refreshes", "99 % of the refreshes by the way they went.", "s",
                Query(quantile(0.99, "huiliu_subject_refresh_duration_seconds", "way"),
                      "{{way}}"),
            ),
            table(
                "Longest without a refresh", "Time since the last version of a table; one whose "
                "inputs are quiet has none.", "s",
                "topk(15, time() - max by (table) (huiliu_subject_last_commit_timestamp_seconds"
                f"{{{PLACE}{of}}}))",
            ),
            bars(
                "Full builds", "Refreshes in full within an hour, the ten tables with most: "
                "huiliu refresh TABLE --explain says why.", "short",
                "topk(10, sum by (table) (increase(huiliu_subject_refreshes_total"
                f'{{{PLACE}{of}, way="full"}}[1h])))', "{{table}}",
            ),
            table(
                "Promises", "warn_after of every table, as declared.", "s",
                'huiliu:subject_freshness_objective_seconds{subject=~"$subject"}', width=24,
            ),
        ],
        [variable("subject", "Subject database", "huiliu:subject_freshness_objective_seconds",
                  "subject")],
    )  # fmt: skip


def _by_subject(vector):
    return ("sum by (subject) (label_replace(sum by (table) (" + vector
            + '), "subject", "$1", "table", "([^.]+)[.].*"))')  # fmt: skip


def quality():
    of = ', dataset=~"$dataset"'
    return board(
        "huiliu-quality", "huiliu: quality and quarantine",
        "Both gates of the city per department, what is rejected and why, what left its contract.",
        [
            bars(
                "Accepted records by department", "Share of the records of a day that were not "
                "rejected; the gate is 95 %.", "percentunit",
                "sort(1 - (" + _by_provider("huiliu_quarantine_records_total", of) + "\nor 0 * "
                + _by_provider("huiliu_source_records_received_total", of) + ")\n/ ("
                + _by_provider("huiliu_source_records_received_total", of) + " > 0))",
                "{{provider}}", height=14, limits=(0.95, 0.9), decimals=1,
            ),
            bars(
                "Good cells by department", "Share of the cells of a day that passed their rules, "
                "repaired ones included; the gate is 80 %.", "percentunit",
                "sort(" + _by_provider("huiliu_quality_cells_passed_total",
                                       of + ', outcome="repaired"') + "\n/ ("
                + _by_provider("huiliu_quality_cells_checked_total", of) + " > 0))",
                "{{provider}}", height=14, limits=(0.8, 0.7), decimals=1,
            ),
            lines(
                "Rejected records", "Records sent to quarantine by reason, the ten most frequent.",
                "reqps",
                Query(f"topk(10, {rate('huiliu_quarantine_records_total', 'reason', of)})",
                      "{{reason}}"), stacked=True,
            ),
            bars(
                "Rejected by dataset", "Records sent to quarantine within a day, the ten datasets "
                "with most.", "short",
                "topk(10, sum by (dataset) (increase(huiliu_quarantine_records_total"
                f"{{{PLACE}{of}}}[1d])))", "{{dataset}}",
            ),
            bars(
                "Broken rules", "Cells that broke a rule within a day, the ten most frequent "
                "reasons.", "short",
                "topk(10, sum by (reason) (increase(huiliu_quality_findings_total"
                f"{{{PLACE}}}[1d])))", "{{reason}}",
            ),
            lines(
                "Good cells", "Share of the cells that passed as delivered, and after repair.",
                "percentunit",
                Query(rate("huiliu_quality_cells_passed_total", "outcome", of)
                      + "\n/ on () group_left () ("
                      + rate("huiliu_quality_cells_checked_total", "", of) + " > 0)",
                      "{{outcome}}"),
            ),
            table(
                "Stopped datasets", "Datasets that wait for a decision: huiliu incidents list.",
                "none", f"huiliu_dataset_stopped{{{PLACE}{of}}} == 1", height=6,
            ),
            lines(
                "Quarantine", "Rejects that the quarantine tables hold, by group.", "short",
                Query(f"max by (group) (huiliu_quarantine_rows{{{PLACE}}})", "{{group}}"),
                height=6, width=24,
            ),
            lines(
                "Oldest open reject", "Time since the oldest reject that is neither repaired nor "
                "dropped, by group.", "s",
                Query("time() - min by (group) (huiliu_quarantine_oldest_open_timestamp_seconds"
                      f"{{{PLACE}}} > 0)", "{{group}}"), height=6, limits=(43_200, 86_400),
            ),
            table(
                "Records that left their contract", "Within a day, by dataset and kind of drift.",
                "short",
                "sum by (dataset, kind) (increase(huiliu_schema_drift_records_total"
                f"{{{PLACE}{of}}}[1d])) > 0", height=6,
            ),
        ],
        [variable("dataset", "Dataset", "huiliu_source_records_received_total", "dataset")],
    )  # fmt: skip


def _by_provider(metric, more):
    """A day's increase by department, as the pipeline files name it."""
    day = f"sum by (dataset) (increase({metric}{{{PLACE}{more}}}[1d]))"
    return (f"sum by (provider) ({day} * on (dataset) group_left (provider) "
            "(huiliu:dataset_freshness_objective_seconds > bool 0))")  # fmt: skip


def process():
    return board(
        "huiliu-process", "huiliu: process",
        "What the processes themselves use and say.",
        [
            lines(
                "Processor", "Processors kept busy.", "none",
                Query(f"rate(process_cpu_seconds_total{{{PLACE}}}[{RATE}])", "{{instance}}"),
            ),
            lines(
                "Resident memory", "Memory of the process, and what the deployment allows.",
                "bytes",
                Query(f"process_resident_memory_bytes{{{PLACE}}}", "{{instance}}"),
                Query("huiliu:memory_limit_bytes", "allowed"),
            ),
            lines(
                "Open files", "Descriptors in use, and how many are allowed.", "none",
                Query(f"process_open_fds{{{PLACE}}}", "{{instance}}"),
                Query(f"process_max_fds{{{PLACE}}}", "{{instance}} allowed"),
            ),
            lines(
                "Threads", "Threads of the process.", "none",
                Query(f"process_threads{{{PLACE}}}", "{{instance}}"),
            ),
            lines(
                "Log lines", "Lines by level.", "ops",
                Query(rate("huiliu_log_messages_total", "level"), "{{level}}"),
            ),
            lines(
                "Busy stages", "Seconds per second that each stage works.", "percentunit",
                Query(rate("huiliu_stage_busy_seconds_total", "stage, instance"),
                      "{{stage}} {{instance}}"),
            ),
            lines(
                "Address space", "Virtual memory; it says little, but a steady rise is a leak.",
                "bytes", Query(f"process_virtual_memory_bytes{{{PLACE}}}", "{{instance}}"),
            ),
            table(
                "State", "What each process is about: starting, running, degraded (its /readyz says "
                "why), draining.", "none", f"huiliu_process_state{{{PLACE}}} == 1",
            ),
            lines(
                "Obstacles", "What keeps processes from making progress, by code; /readyz says "
                "more.", "none",
                Query(f"max by (code) (huiliu_obstacles{{{PLACE}}}) > 0 or vector(0)", "{{code}}"),
            ),
            lines(
                "Memory of folds and refreshes", "What they hold, as a share of what they may; "
                "beyond it a fold works in slices and a refresh spills.", "percentunit",
                Query(f"huiliu_memory_pool_reserved_bytes{{{PLACE}}}\n"
                      f"/ huiliu_memory_pool_limit_bytes{{{PLACE}}}", "{{pool}} {{instance}}"),
                limits=(0.8, 0.95),
            ),
            lines(
                "Spilled", "Bytes that refreshes write to disk because their memory is full.", "Bps",
                Query(rate("huiliu_spill_bytes_total", "instance"), "{{instance}}"),
                limits=(1 << 20, 10 << 20),
            ),
            bars(
                "Certificates", "Time until the certificates that the settings name run out.", "s",
                "min by (name) (huiliu_certificate_not_after_timestamp_seconds"
                f"{{{PLACE}}}) - time()", "{{name}}", limits=(1_209_600, 259_200),
            ),
            lines(
                "Runtime", "Seconds per second that the runtime's threads work; preparing records "
                "has threads of its own.", "percentunit",
                Query(rate("huiliu_runtime_busy_seconds_total", "instance"), "{{instance}}"),
            ),
            lines(
                "Tasks", "Asynchronous tasks that are alive; a steady rise is a leak.", "none",
                Query(f"huiliu_runtime_tasks{{{PLACE}}}", "{{instance}}"),
            ),
            lines(
                "Admin port", "Questions by path and code.", "reqps",
                Query(rate("huiliu_http_requests_total", "route, code"), "{{route}} {{code}}"),
            ),
            lines(
                "Answers of the admin port", "99 % of the answers by path; a scrape of thousands of "
                "datasets takes longest.", "s",
                Query(quantile(0.99, "huiliu_http_request_duration_seconds", "route"),
                      "{{route}}"), limits=(1, 5),
            ),
            lines(
                "Files taken over", "1 when the files are what runs, 0 when the last reload was "
                "refused.", "none",
                Query(f"huiliu_config_last_reload_successful{{{PLACE}}}", "{{instance}}"),
            ),
            table(
                "What runs", "Version, revision and compiler of every process.", "none",
                f"huiliu_build_info{{{PLACE}}}",
            ),
        ],
    )  # fmt: skip
