//! What the rooms between Kafka and the table do.

use crate::metrics::Maker;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use huiliu_model::system;
use prometheus::{Counter, CounterVec, Gauge, HistogramVec, IntCounterVec};
use std::time::Duration;

/// Bucket edges of the time a stage takes for a chunk or a batch, seconds (CONVENTIONS F.1).
const STAGE_SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0];
/// Operations of a change, as the column `sys_op` has them.
const OPERATIONS: [&str; 4] = ["c", "u", "d", "r"];

pub struct Stage {
    pub stage_in: IntCounterVec,
    pub stage_out: IntCounterVec,
    pub changes: IntCounterVec,
    pub busy: CounterVec,
    pub batch_seconds: HistogramVec,
    pub blocked: Counter,
    pub rejects: IntCounterVec,
    pub skipped: IntCounterVec,
    pub findings: IntCounterVec,
    pub cells: IntCounterVec,
    pub cells_passed: IntCounterVec,
    pub errors: IntCounterVec,
    pub held: Gauge,
    pub held_max: Gauge,
}

impl Stage {
    pub fn register(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            stage_in: make.counters(
                "huiliu_stage_records_in_total",
                "Records that entered a stage.",
                &["group", "stage"],
            )?,
            stage_out: make.counters(
                "huiliu_stage_records_out_total",
                "Records or rows that left a stage.",
                &["group", "stage"],
            )?,
            changes: make.counters(
                "huiliu_changes_total",
                "Accepted changes by operation: c create, u update, d delete, r snapshot read.",
                &["group", "op"],
            )?,
            batch_seconds: make.histograms(
                "huiliu_stage_batch_duration_seconds",
                "Time a stage took for one chunk (prepare) or one batch (land).",
                &["stage"],
                &STAGE_SECONDS,
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
                &["group", "kind"],
            )?,
            findings: make.counters(
                "huiliu_quality_findings_total",
                "Cells that broke a rule.",
                &["group", "reason"],
            )?,
            cells: make.counters(
                "huiliu_quality_cells_checked_total",
                "Cells that the field pass rate counts.",
                &["dataset"],
            )?,
            cells_passed: make.counters(
                "huiliu_quality_cells_passed_total",
                "Of these, cells that passed as delivered (raw) or after repair (repaired).",
                &["dataset", "outcome"],
            )?,
            errors: make.counters(
                "huiliu_errors_total",
                "Errors by who must act, retried ones too.",
                &["stage", "dataset", "error_type"],
            )?,
            held: make
                .gauge("huiliu_memory_held_bytes", "Bytes of records read and not yet landed.")?,
            held_max: make.gauge(
                "huiliu_memory_held_limit_bytes",
                "Bytes of these above which the largest batch is committed early.",
            )?,
        })
    }

    /// One chunk or batch went through a stage.
    pub fn worked(&self, stage: &str, took: Duration) {
        let seconds = took.as_secs_f64();
        self.busy.with_label_values(&[stage]).inc_by(seconds);
        self.batch_seconds.with_label_values(&[stage]).observe(seconds);
    }

    /// What went into a stage and came out of it.
    pub fn passed(&self, group: &str, stage: &str, records_in: u64, records_out: u64) {
        self.stage_in.with_label_values(&[group, stage]).inc_by(records_in);
        self.stage_out.with_label_values(&[group, stage]).inc_by(records_out);
    }
}

/// Event time of the newest row, microseconds since 1970 UTC.
pub fn newest_event_us(rows: &RecordBatch) -> Option<i64> {
    let column = rows.column_by_name(system::EVENT_TIME)?;
    arrow::compute::max(column.as_primitive_opt::<TimestampMicrosecondType>()?)
}

/// How often each operation is among accepted rows.
pub fn operations(rows: &RecordBatch) -> Vec<(&'static str, u64)> {
    let column = rows.column_by_name(system::OP).and_then(|column| column.as_string_opt::<i32>());
    let count = |op: &'static str| {
        let same = |column: &arrow::array::StringArray| {
            column.iter().filter(|held| *held == Some(op)).count() as u64
        };
        (op, column.map_or(0, same))
    };
    OPERATIONS.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
}
