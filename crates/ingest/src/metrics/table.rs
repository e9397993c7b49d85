//! What is committed, how fast and how late.

use crate::metrics::Maker;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec};

/// Bucket edges of commit durations, seconds (CONVENTIONS F.1).
const COMMIT_SECONDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Bucket edges of the time from source to commit, seconds (CONVENTIONS F.1).
const LATENCY_SECONDS: [f64; 9] = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

pub struct Table {
    pub commits: IntCounterVec,
    pub commit_seconds: HistogramVec,
    pub latency: HistogramVec,
    pub rows_written: IntCounterVec,
    pub bytes_written: IntCounterVec,
    pub last_commit: GaugeVec,
}

impl Table {
    pub fn register(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            commits: make.counters(
                "huiliu_table_commits_total",
                "Commits of batches.",
                &["group", "outcome"],
            )?,
            commit_seconds: make.histograms(
                "huiliu_table_commit_duration_seconds",
                "Time to write and commit a batch.",
                &["group"],
                &COMMIT_SECONDS,
            )?,
            latency: make.histograms(
                "huiliu_table_end_to_end_latency_seconds",
                "Commit time less the event time of the oldest row of the batch.",
                &["group"],
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
                &["group"],
            )?,
            last_commit: make.float_gauges(
                "huiliu_table_last_commit_timestamp_seconds",
                "When the table was last committed to.",
                &["table"],
            )?,
        })
    }
}
