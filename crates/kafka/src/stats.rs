//! Counters of a source, cheap to keep and to read.
//!
//! They are added to once per slice of records, never per record, and never reset.

use crate::budget::Budget;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Live counters; [`SourceStats::snapshot`] reads them.
#[derive(Debug)]
pub struct SourceStats {
    datasets: Vec<Counters>,
    rebalances: AtomicU64,
    lost_assignments: AtomicU64,
    throttles: AtomicU64,
    failed_commits: AtomicU64,
    last_poll_ms: AtomicU64,
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Counters {
    dataset: Arc<str>,
    records: AtomicU64,
    bytes: AtomicU64,
}

impl SourceStats {
    pub(crate) fn new(datasets: impl Iterator<Item = Arc<str>>, budget: Arc<Budget>) -> Arc<Self> {
        let counters =
            |dataset| Counters { dataset, records: AtomicU64::new(0), bytes: AtomicU64::new(0) };
        Arc::new(Self {
            datasets: datasets.map(counters).collect(),
            rebalances: AtomicU64::new(0),
            lost_assignments: AtomicU64::new(0),
            throttles: AtomicU64::new(0),
            failed_commits: AtomicU64::new(0),
            last_poll_ms: AtomicU64::new(0),
            budget,
        })
    }

    /// The counters as they stand; those of one dataset belong together only roughly.
    pub fn snapshot(&self) -> SourceSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let dataset = |c: &Counters| DatasetStats {
            dataset: Arc::clone(&c.dataset),
            records: read(&c.records),
            bytes: read(&c.bytes),
        };
        SourceSnapshot {
            datasets: self.datasets.iter().map(dataset).collect(),
            rebalances: read(&self.rebalances),
            lost_assignments: read(&self.lost_assignments),
            throttles: read(&self.throttles),
            failed_commits: read(&self.failed_commits),
            last_poll: Duration::from_millis(read(&self.last_poll_ms)),
            held_bytes: u64::try_from(self.budget.used()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn add_records(&self, route: usize, records: u64, bytes: u64) {
        let counters = &self.datasets[route];
        counters.records.fetch_add(records, Ordering::Relaxed);
        counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_rebalance(&self) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_lost_assignment(&self) {
        self.lost_assignments.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_throttle(&self) {
        self.throttles.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_failed_commit(&self) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn polled(&self, now: Duration) {
        let ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.last_poll_ms.store(ms, Ordering::Relaxed);
    }
}

/// What a source has done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSnapshot {
    pub datasets: Vec<DatasetStats>,
    /// Assignments and revocations.
    pub rebalances: u64,
    /// Revocations that came after the partitions were already someone else's.
    pub lost_assignments: u64,
    /// Times the byte budget was exhausted.
    pub throttles: u64,
    /// Group offsets that could not be written; lag tools lag, nothing else.
    pub failed_commits: u64,
    /// Monotonic time of the last turn of the poll thread.
    pub last_poll: Duration,
    /// Bytes handed over and not released.
    pub held_bytes: u64,
}

/// Records and bytes (keys and values) of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetStats {
    pub dataset: Arc<str>,
    pub records: u64,
    pub bytes: u64,
}
