//! Batches: accepted rows and rejects with the offsets they account for.

use crate::progress::Covers;
use crate::quality::Quality;
use arrow::record_batch::RecordBatch;
use std::ops::AddAssign;
use std::sync::Arc;

/// What became of the offsets of a batch. Their sum equals [`Covers::offset_count`].
///
/// A record counts once: as accepted even when it yields two rows (a key change).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub accepted: u64,
    pub rejected: u64,
    /// Records without a value.
    pub tombstones: u64,
    /// Records about no single row: heartbeats, transaction markers, truncates.
    pub control: u64,
    /// Offsets that hold no record (transaction control batches, compaction).
    pub gaps: u64,
}

impl Tally {
    pub fn offsets(&self) -> u64 {
        self.accepted + self.rejected + self.tombstones + self.control + self.gaps
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.tombstones += other.tombstones;
        self.control += other.control;
        self.gaps += other.gaps;
    }
}

/// A table was emptied at its source: what its Kafka topic said until then counts as deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncate {
    pub kafka_topic: Arc<str>,
    pub epoch: i64,
    pub seq: i64,
    /// Of the record that says so.
    pub partition: i32,
    pub offset: i64,
    /// Microseconds since 1970 UTC.
    pub kafka_time_us: i64,
    pub event_time_us: Option<i64>,
}

impl Truncate {
    /// The later of two, which does what both do.
    pub fn later(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).max_by_key(|truncate| (truncate.epoch, truncate.seq))
    }

    /// Joins those of a batch, which has one for each Kafka topic.
    pub fn join(self, truncates: &mut Vec<Self>) {
        let held = truncates.iter().position(|held| held.kafka_topic == self.kafka_topic);
        let held = held.map(|at| truncates.swap_remove(at));
        truncates.extend(Self::later(held, Some(self)));
    }
}

/// Everything one commit of a dataset accounts for.
#[derive(Debug, Clone)]
pub struct Batch {
    pub dataset: Arc<str>,
    /// Accepted rows: the contract's stored columns, then the system columns of `changes`.
    pub rows: Vec<RecordBatch>,
    /// Rejected records: the columns of `quarantine`.
    pub rejects: Vec<RecordBatch>,
    pub covers: Covers,
    pub tally: Tally,
    /// What the cells and rows were found to be.
    pub quality: Quality,
    /// Kafka time of the newest record, milliseconds since 1970 UTC.
    pub newest_record_ms: i64,
    /// Event time of the oldest row, microseconds since 1970 UTC.
    pub oldest_event_us: Option<i64>,
    /// The last truncate of each Kafka topic among the records.
    pub truncates: Vec<Truncate>,
}

impl Batch {
    /// Checks the law that every offset is accounted for exactly once.
    ///
    /// # Errors
    /// Both sums when they differ.
    pub fn check_balance(&self) -> Result<(), String> {
        let covered = self.covers.offset_count();
        let accounted = self.tally.offsets();
        if covered == accounted {
            return Ok(());
        }
        Err(format!(
            "dataset {}: covers {covered} offsets but accounts for {accounted} ({:?})",
            self.dataset, self.tally
        ))
    }

    pub fn row_count(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }
}
