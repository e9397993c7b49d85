//! Metrics of ingestion, recorded per batch, never per record.
//!
//! Labels are closed sets: declared datasets and their topics, stages, reasons, outcomes.

use huiliu_model::port::{Incident, Landed};
use huiliu_model::{Batch, ErrorKind, Partition};
use huiliu_normalise::Prepared;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec,
    Opts, Registry,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bucket edges of commit durations, seconds (CONVENTIONS F.1).
const COMMIT_SECONDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Bucket edges of the time from source to commit, seconds (CONVENTIONS F.1).
const LATENCY_SECONDS: [f64; 9] = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// Counters and gauges of one process.
pub struct Metrics {
    records: IntCounterVec,
    bytes: IntCounterVec,
    end_offset: IntGaugeVec,
    durable_offset: IntGaugeVec,
    lag: IntGaugeVec,
    durable_time: GaugeVec,
    last_event: Gauge,
    assigned: IntGaugeVec,
    rebalances: IntCounterVec,
    incidents: IntGaugeVec,
    stage_in: IntCounterVec,
    stage_out: IntCounterVec,
    busy: CounterVec,
    blocked: Counter,
    rejects: IntCounterVec,
    skipped: IntCounterVec,
    findings: IntCounterVec,
    errors: IntCounterVec,
    commits: IntCounterVec,
    commit_seconds: HistogramVec,
    latency: HistogramVec,
    rows_written: IntCounterVec,
    bytes_written: IntCounterVec,
    last_commit: GaugeVec,
    version: IntGaugeVec,
    held: Gauge,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// When the registry holds one of these names already.
    #[allow(clippy::too_many_lines, reason = "one line per metric; splitting it hides the list")]
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Maker { registry };
        let (dataset, part) = (&["dataset"][..], &["kafka_topic", "partition"][..]);
        Ok(Self {
            records: make.counters(
                "huiliu_source_records_received_total",
                "Records read from Kafka.",
                dataset,
            )?,
            bytes: make.counters(
                "huiliu_source_received_bytes_total",
                "Bytes of keys and values read from Kafka.",
                dataset,
            )?,
            end_offset: make.gauges(
                "huiliu_source_end_offset",
                "High watermark of the partition.",
                part,
            )?,
            durable_offset: make.gauges(
                "huiliu_source_durable_offset",
                "First offset that is not yet in the lake.",
                part,
            )?,
            lag: make.gauges(
                "huiliu_source_lag_records",
                "Offsets between the high watermark and the durable offset.",
                part,
            )?,
            durable_time: make.float_gauges(
                "huiliu_source_durable_record_timestamp_seconds",
                "Kafka time of the newest durable record.",
                part,
            )?,
            last_event: make.gauge(
                "huiliu_source_last_poll_timestamp_seconds",
                "When the source last handed something over.",
            )?,
            assigned: make.gauges(
                "huiliu_source_partitions_assigned",
                "Partitions this process reads.",
                &["kafka_topic"],
            )?,
            rebalances: make.counters(
                "huiliu_source_rebalances_total",
                "Assignments and revocations.",
                &["kind"],
            )?,
            incidents: make.gauges(
                "huiliu_source_incident",
                "1 while a partition stands still and a person must decide.",
                &["kafka_topic", "partition", "kind"],
            )?,
            stage_in: make.counters(
                "huiliu_stage_records_in_total",
                "Records that entered a stage.",
                &["dataset", "stage"],
            )?,
            stage_out: make.counters(
                "huiliu_stage_records_out_total",
                "Records or rows that left a stage.",
                &["dataset", "stage"],
            )?,
            busy: make.float_counters(
                "huiliu_stage_busy_seconds_total",
                "Time a stage worked.",
                &["stage"],
            )?,
            blocked: make.float_counter(
                "huiliu_stage_blocked_seconds_total",
                "Time the loop waited for a lander.",
            )?,
            rejects: make.counters(
                "huiliu_quarantine_records_total",
                "Records sent to quarantine.",
                &["dataset", "stage", "reason"],
            )?,
            skipped: make.counters(
                "huiliu_records_skipped_total",
                "Offsets accounted for without a row.",
                &["dataset", "kind"],
            )?,
            findings: make.counters(
                "huiliu_quality_findings_total",
                "Cells that broke a rule.",
                &["dataset", "reason"],
            )?,
            errors: make.counters(
                "huiliu_errors_total",
                "Errors by who must act, retried ones too.",
                &["stage", "dataset", "error_type"],
            )?,
            commits: make.counters(
                "huiliu_table_commits_total",
                "Commits of batches.",
                &["table", "outcome"],
            )?,
            commit_seconds: make.histograms(
                "huiliu_table_commit_duration_seconds",
                "Time to write and commit a batch.",
                &["table"],
                &COMMIT_SECONDS,
            )?,
            latency: make.histograms(
                "huiliu_table_end_to_end_latency_seconds",
                "Commit time less the event time of the oldest row of the batch.",
                &["table"],
                &LATENCY_SECONDS,
            )?,
            rows_written: make.counters(
                "huiliu_table_rows_written_total",
                "Rows committed.",
                &["table"],
            )?,
            bytes_written: make.counters(
                "huiliu_table_written_bytes_total",
                "Bytes of files committed.",
                &["table"],
            )?,
            last_commit: make.float_gauges(
                "huiliu_table_last_commit_timestamp_seconds",
                "When the table was last committed to.",
                &["table"],
            )?,
            version: make.gauges(
                "huiliu_table_version",
                "Version of the table this process last saw.",
                &["table"],
            )?,
            held: make
                .gauge("huiliu_memory_held_bytes", "Bytes of records read and not yet landed.")?,
        })
    }

    pub(crate) fn received(&self, dataset: &str, records: usize, bytes: usize, now_us: i64) {
        self.records.with_label_values(&[dataset]).inc_by(records as u64);
        self.bytes.with_label_values(&[dataset]).inc_by(bytes as u64);
        self.last_event.set(seconds(now_us));
    }

    pub(crate) fn prepared(&self, dataset: &str, records: usize, made: &Prepared, took: Duration) {
        let rows = made.rows.as_ref().map_or(0, arrow::array::RecordBatch::num_rows);
        self.stage_in.with_label_values(&[dataset, "prepare"]).inc_by(records as u64);
        self.stage_out.with_label_values(&[dataset, "prepare"]).inc_by(rows as u64);
        self.busy.with_label_values(&["prepare"]).inc_by(took.as_secs_f64());
        for (stage, reason, count) in &made.reject_counts {
            self.rejects
                .with_label_values(&[dataset, stage.label(), reason.label()])
                .inc_by(*count);
        }
        let tally = &made.tally;
        let kinds =
            [("tombstone", tally.tombstones), ("control", tally.control), ("gap", tally.gaps)];
        for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            self.skipped.with_label_values(&[dataset, kind]).inc_by(count);
        }
        for finding in &made.findings {
            self.findings.with_label_values(&[dataset, finding.label]).inc_by(finding.count);
        }
    }

    pub(crate) fn landed(&self, batch: &Batch, landed: &Landed, took: Duration, now_us: i64) {
        let table = format!("changes.{}", batch.dataset);
        let table = [table.as_str()];
        let outcome = if landed.already { "already_done" } else { "ok" };
        self.commits.with_label_values(&[table[0], outcome]).inc();
        self.commit_seconds.with_label_values(&table).observe(took.as_secs_f64());
        self.busy.with_label_values(&["land"]).inc_by(took.as_secs_f64());
        self.stage_in.with_label_values(&[&batch.dataset, "land"]).inc_by(batch.tally.offsets());
        self.stage_out
            .with_label_values(&[&batch.dataset, "land"])
            .inc_by(batch.row_count() as u64);
        self.rows_written.with_label_values(&table).inc_by(batch.row_count() as u64);
        self.bytes_written.with_label_values(&table).inc_by(landed.file_bytes);
        self.last_commit.with_label_values(&table).set(seconds(now_us));
        self.version.with_label_values(&table).set(landed.table_version);
        if let Some(oldest) = batch.oldest_event_us {
            let latency = seconds(now_us.saturating_sub(oldest)).max(0.0);
            self.latency.with_label_values(&table).observe(latency);
        }
    }

    pub(crate) fn durable(&self, partition: &Partition, next_offset: i64, newest_ms: i64) {
        let labels = [&*partition.kafka_topic, &partition.number.to_string()];
        self.durable_offset.with_label_values(&labels).set(next_offset);
        if newest_ms > 0 {
            self.durable_time.with_label_values(&labels).set(seconds(newest_ms * 1_000));
        }
        let end = self.end_offset.with_label_values(&labels).get();
        self.lag.with_label_values(&labels).set((end - next_offset).max(0));
    }

    pub(crate) fn end_offsets(&self, ends: &BTreeMap<Partition, i64>) {
        for (partition, end) in ends {
            let labels = [&*partition.kafka_topic, &partition.number.to_string()];
            self.end_offset.with_label_values(&labels).set(*end);
            let durable = self.durable_offset.with_label_values(&labels).get();
            self.lag.with_label_values(&labels).set((end - durable).max(0));
        }
    }

    pub(crate) fn assigned(&self, partitions: &[Partition], change: i64) {
        let kind = if change > 0 { "assigned" } else { "revoked" };
        self.rebalances.with_label_values(&[kind]).inc();
        for partition in partitions {
            self.assigned.with_label_values(&[&*partition.kafka_topic]).add(change);
        }
    }

    pub(crate) fn incident(&self, incident: &Incident) {
        let partition = &incident.partition;
        let number = partition.number.to_string();
        self.incidents
            .with_label_values(&[&*partition.kafka_topic, &number, incident.kind.label()])
            .set(1);
    }

    pub(crate) fn failed(&self, stage: &str, dataset: &str, kind: ErrorKind) {
        self.errors.with_label_values(&[stage, dataset, kind.label()]).inc();
    }

    pub(crate) fn held(&self, bytes: usize) {
        #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
        self.held.set(bytes as f64);
    }

    pub(crate) fn blocked(&self, time: Duration) {
        self.blocked.inc_by(time.as_secs_f64());
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

struct Maker<'a> {
    registry: &'a Registry,
}

macro_rules! maker {
    ($name:ident, $kind:ty, $make:expr) => {
        fn $name(
            &self,
            name: &str,
            help: &str,
            labels: &[&str],
        ) -> Result<$kind, prometheus::Error> {
            let made: $kind = $make(Opts::new(name, help), labels)?;
            self.registry.register(Box::new(made.clone()))?;
            Ok(made)
        }
    };
}

impl Maker<'_> {
    maker!(counters, IntCounterVec, IntCounterVec::new);
    maker!(float_counters, CounterVec, CounterVec::new);
    maker!(gauges, IntGaugeVec, IntGaugeVec::new);
    maker!(float_gauges, GaugeVec, GaugeVec::new);

    fn gauge(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        let made = Gauge::new(name, help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn float_counter(&self, name: &str, help: &str) -> Result<Counter, prometheus::Error> {
        let made = Counter::new(name, help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        edges: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(edges.to_vec());
        let made = HistogramVec::new(options, labels)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }
}
