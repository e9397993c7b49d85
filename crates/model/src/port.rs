//! The two ports of ingestion: where records come from and where batches land.
//!
//! `kafka` and `lake` implement them for production, `testkit` in memory. Both sides of each
//! port meet only here.

use crate::batch::Batch;
use crate::drift::DriftNote;
use crate::error::Error;
use crate::progress::{Partition, Progress};
use crate::record::Records;
use crate::stop::{Standing, Stop};
use async_trait::async_trait;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// What a source says, in order. A reply that is dropped counts as "discarded".
#[derive(Debug)]
pub enum SourceEvent {
    /// Partitions were given to us; the source reads none of them before it has the reply:
    /// the recorded progress, `None` where a partition has none (it is read from its start).
    Assigned { partitions: Vec<Partition>, reply: oneshot::Sender<Progress> },
    /// Partitions are about to be taken away; the source waits for the reply, which says that
    /// everything read from them is committed or discarded.
    Revoked { partitions: Vec<Partition>, reply: oneshot::Sender<()> },
    /// Records of one dataset. The source counts their bytes against its budget until
    /// `release` is dropped.
    Records { records: Records, release: Release },
    /// Partitions that were paused are about to be read again, from the recorded progress of the
    /// reply on. Whatever of them came before this event and is not landed is to be dropped.
    Resumed { partitions: Vec<Partition>, reply: oneshot::Sender<Progress> },
    /// Partitions that other members of the group read, or nobody yet: the source asks how far they
    /// are recorded, because it ends when they are.
    Elsewhere { partitions: Vec<Partition>, reply: oneshot::Sender<Progress> },
    /// High-watermarks, for lag; the brokers answer.
    EndOffsets(BTreeMap<Partition, i64>),
    /// No broker has answered a few questions in a row, for the reason given. What is known of lag
    /// is old, until there are end offsets again.
    Unreachable(String),
    /// One partition cannot go on until a person decides; the others do.
    Incident(Incident),
}

/// Held while the bytes of some records are in memory; dropping it gives them back.
pub type Release = Box<dyn Send + Sync + std::any::Any>;

/// Why a partition stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    pub partition: Partition,
    pub kind: IncidentKind,
    /// Recorded progress: the next offset we need.
    pub recorded: i64,
    /// First and next offset that the broker has.
    pub available: std::ops::Range<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentKind {
    /// Retention removed records before they were read.
    OffsetExpired,
    /// The topic is shorter than what was read: re-created, or its log was truncated.
    OffsetBeyondEnd,
}

impl IncidentKind {
    pub fn label(self) -> &'static str {
        match self {
            Self::OffsetExpired => "offset_expired",
            Self::OffsetBeyondEnd => "offset_beyond_end",
        }
    }
}

/// Where records come from.
#[async_trait]
pub trait Source: Send {
    /// The next event; `None` once the source was stopped, or reached the end it was told to
    /// stop at, and everything read has been handed over. Cancel-safe.
    ///
    /// # Errors
    /// When the source cannot go on by itself.
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error>;

    /// Tells the source what is durable, for tools that watch the consumer group. Best effort.
    fn durable(&self, progress: &Progress);

    /// Reads nothing more of a dataset, now and in later assignments, until it is resumed. What
    /// was read before may still be handed over. A paused partition counts as read to its end by
    /// a source that has one.
    fn pause(&self, dataset: &str);

    /// Reads nothing more of a dataset until it is released, and then goes on where it was. What
    /// was read before may still be handed over. The end of what is held is not reached.
    fn hold(&self, dataset: &str);

    /// Goes on with a dataset that was held.
    fn release(&self, dataset: &str);

    /// Reads a paused dataset again: for partitions that are assigned it says
    /// [`SourceEvent::Resumed`] first, and begins at the progress of the reply.
    fn resume(&self, dataset: &str);
}

/// Where batches land.
#[async_trait]
pub trait Landing: Send + Sync + 'static {
    /// Recorded progress of the partitions, read afresh.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`.
    async fn progress(&self, dataset: &str, partitions: &[Partition]) -> Result<Progress, Error>;

    /// Makes a batch durable, its rejects first, in the order of `covers`.
    ///
    /// Idempotent: a batch that turns out to be committed already is reported as landed.
    ///
    /// # Errors
    /// `Superseded` when recorded progress is not the start of the covers: someone else owns the
    /// partition. `Unavailable` may be retried with the same batch.
    async fn land(&self, batch: &Batch) -> Result<Landed, Error>;

    /// What is recorded of a dataset's stops, read afresh.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`.
    async fn standing(&self, dataset: &str) -> Result<Standing, Error>;

    /// Records that a dataset stopped. Idempotent: a dataset that stands still already, whoever
    /// stopped it, is left as it is.
    ///
    /// # Errors
    /// As [`Landing::land`]; may be called again when `Unavailable`.
    async fn stop(&self, stop: &Stop) -> Result<(), Error>;

    /// Notes drifts in the ledger, each once.
    ///
    /// # Errors
    /// As [`Landing::land`].
    async fn note_drift(&self, notes: &[DriftNote]) -> Result<(), Error>;
}

/// A durable batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// Version of the `changes` table that holds it.
    pub table_version: i64,
    pub file_bytes: u64,
    /// True when an earlier attempt had committed it.
    pub already: bool,
    /// It is recorded that the dataset stopped, maybe by another process.
    pub stopped: bool,
}
