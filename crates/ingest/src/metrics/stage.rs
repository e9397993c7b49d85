//! What the rooms between Kafka and the table do.

use crate::metrics::Maker;
use prometheus::{Counter, CounterVec, Gauge, IntCounterVec};

pub struct Stage {
    pub stage_in: IntCounterVec,
    pub stage_out: IntCounterVec,
    pub busy: CounterVec,
    pub blocked: Counter,
    pub rejects: IntCounterVec,
    pub skipped: IntCounterVec,
    pub findings: IntCounterVec,
    pub cells: IntCounterVec,
    pub passed: IntCounterVec,
    pub errors: IntCounterVec,
    pub held: Gauge,
}

impl Stage {
    pub fn register(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
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
            cells: make.counters(
                "huiliu_quality_cells_checked_total",
                "Cells that the field pass rate counts.",
                &["dataset"],
            )?,
            passed: make.counters(
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
        })
    }
}
