//! Gathers prepared rows of one dataset until they are worth a commit.

use huiliu_model::port::Release;
use huiliu_model::{Batch, Contract, Covers, Error, ErrorKind, Partition, Quality, Records, Tally};
use huiliu_normalise::Prepared;
use std::sync::Arc;
use std::time::Duration;

/// Records of one chunk, prepared.
pub struct Chunk {
    pub dataset: Arc<str>,
    pub covers: Covers,
    pub prepared: Prepared,
    /// Bytes of the records, held against the source's budget until `release` is dropped.
    pub raw_bytes: usize,
    pub release: Release,
    /// Of its lane when it was read.
    pub generation: u64,
    /// Rows were rejected for columns they lack.
    pub is_refused: bool,
    /// Kept while the chunk may have to be prepared again.
    pub records: Option<Records>,
}

/// A batch on its way to the table, with the bytes it holds.
pub struct Loaded {
    pub batch: Batch,
    pub releases: Vec<Release>,
}

/// The open batch of one dataset.
pub struct Batcher {
    contract: Arc<Contract>,
    open: Option<Open>,
}

struct Open {
    loaded: Loaded,
    began: Duration,
    arrow_bytes: usize,
    raw_bytes: usize,
    offsets: u64,
}

impl Batcher {
    pub fn new(contract: Arc<Contract>) -> Self {
        Self { contract, open: None }
    }

    /// Adds a chunk, which must begin where the batch ends.
    ///
    /// # Errors
    /// `Bug` when offsets are missing or counted twice; nothing is added then.
    pub fn push(&mut self, chunk: Chunk, now: Duration) -> Result<(), Error> {
        let bug = |why: String| Error::new(ErrorKind::Bug, why);
        let Chunk { dataset, covers, prepared, raw_bytes, release, .. } = chunk;
        let open = self.open.get_or_insert_with(|| Open {
            loaded: Loaded { batch: empty(&dataset), releases: Vec::new() },
            began: now,
            arrow_bytes: 0,
            raw_bytes: 0,
            offsets: 0,
        });
        let batch = &mut open.loaded.batch;
        batch.covers.append(&covers).map_err(bug)?;
        batch.tally += prepared.tally;
        batch.quality += &prepared.quality;
        batch.newest_record_ms = batch.newest_record_ms.max(prepared.newest_record_ms);
        batch.oldest_event_us = match (batch.oldest_event_us, prepared.oldest_event_us) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let Some(truncate) = prepared.truncate {
            truncate.join(&mut batch.truncates);
        }
        for rows in prepared.rows.into_iter().chain(prepared.rejects.iter().cloned()) {
            open.arrow_bytes += rows.get_array_memory_size();
            if prepared.rejects.as_ref().is_some_and(|r| r.schema() == rows.schema()) {
                batch.rejects.push(rows);
            } else {
                batch.rows.push(rows);
            }
        }
        open.raw_bytes += raw_bytes;
        open.offsets += covers.offset_count();
        open.loaded.releases.push(release);
        batch.check_balance().map_err(bug)
    }

    /// Bytes of records that this batch keeps from the source's budget.
    pub fn raw_bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |o| o.raw_bytes)
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Rows, bytes or age say that it is time to commit.
    pub fn is_full(&self, now: Duration) -> bool {
        let land = &self.contract.land;
        self.open.as_ref().is_some_and(|open| {
            open.offsets >= land.commit_rows as u64
                || open.arrow_bytes >= land.commit_bytes
                || now.saturating_sub(open.began) >= land.commit_every
        })
    }

    pub fn holds(&self, partitions: &[Partition]) -> bool {
        let covers = self.open.as_ref().map(|o| &o.loaded.batch.covers.0);
        covers.is_some_and(|c| partitions.iter().any(|p| c.contains_key(p)))
    }

    /// Takes the open batch; `None` when it accounts for nothing.
    pub fn take(&mut self) -> Option<Loaded> {
        self.open.take().map(|o| o.loaded).filter(|l| !l.batch.covers.is_empty())
    }
}

fn empty(dataset: &Arc<str>) -> Batch {
    Batch {
        dataset: Arc::clone(dataset),
        rows: Vec::new(),
        rejects: Vec::new(),
        covers: Covers::default(),
        tally: Tally::default(),
        quality: Quality::default(),
        newest_record_ms: i64::MIN,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}
