//! The board: what has landed so far, per dataset, for live views and summaries.
//!
//! It stands between ingestion and the lake as a [`Landing`] of its own: every batch goes through
//! unchanged, and what became durable is counted and told to the pacer, once per batch.

use crate::otlp::{self, Tracer, Version};
use async_trait::async_trait;
use huiliu_kafka::Pacer;
use huiliu_lake::Lake;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, DriftNote, Error, Partition, Progress, Standing, Stop};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

/// Counts of one dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Offsets that are durable.
    pub offsets: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub rows: u64,
    pub commits: u64,
    pub bytes: u64,
}

/// The lake with a counter before it.
pub struct Board {
    /// Another one after a reload.
    lake: RwLock<Lake>,
    pacer: Option<Pacer>,
    counts: Mutex<BTreeMap<String, Count>>,
    tracer: OnceLock<Tracer>,
}

impl Board {
    pub fn new(lake: Lake, pacer: Option<Pacer>) -> Self {
        let names = lake.datasets().map(|d| (d.contract.dataset.to_string(), Count::default()));
        let counts = Mutex::new(names.collect());
        Self { counts, lake: RwLock::new(lake), pacer, tracer: OnceLock::new() }
    }

    /// Lands in this lake from now on; the counts go on.
    pub fn adopt(&self, lake: Lake) {
        *self.lake.write().unwrap_or_else(PoisonError::into_inner) = lake;
    }

    /// Makes a span of every batch from now on; the first tracer stays.
    pub fn trace(&self, tracer: Tracer) {
        let _ = self.tracer.set(tracer);
    }

    async fn land_traced(&self, batch: &Batch) -> Result<Landed, Error> {
        let Some(tracer) = self.tracer.get() else { return self.lake().land(batch).await };
        let began_us = tracer.now_us();
        let landed = self.lake().land(batch).await;
        let result = landed.as_ref().map(|landed| Version {
            table_version: landed.table_version,
            file_bytes: landed.file_bytes,
        });
        tracer.landed(&otlp::Landing { batch, began_us, result });
        landed
    }

    fn lake(&self) -> Lake {
        self.lake.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts per dataset.
    pub fn counts(&self) -> BTreeMap<String, Count> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts of all datasets together.
    pub fn total(&self) -> Count {
        self.counts().values().fold(Count::default(), |sum, count| Count {
            offsets: sum.offsets + count.offsets,
            accepted: sum.accepted + count.accepted,
            rejected: sum.rejected + count.rejected,
            rows: sum.rows + count.rows,
            commits: sum.commits + count.commits,
            bytes: sum.bytes + count.bytes,
        })
    }

    fn note(&self, batch: &Batch, landed: &Landed) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(batch.dataset.to_string()).or_default();
        count.offsets += batch.tally.offsets();
        count.accepted += batch.tally.accepted;
        count.rejected += batch.tally.rejected;
        count.rows += batch.row_count() as u64;
        count.commits += 1;
        count.bytes += landed.file_bytes;
    }
}

#[async_trait]
impl Landing for Board {
    async fn progress(&self, dataset: &str, partitions: &[Partition]) -> Result<Progress, Error> {
        self.lake().progress(dataset, partitions).await
    }

    async fn land(&self, batch: &Batch) -> Result<Landed, Error> {
        let landed = self.land_traced(batch).await?;
        self.note(batch, &landed);
        if let Some(pacer) = &self.pacer {
            let ends =
                batch.covers.0.iter().map(|(partition, range)| (partition.clone(), range.end));
            pacer.durable(&Progress(ends.collect()));
        }
        let (rows, rejected) = (batch.row_count(), batch.tally.rejected);
        tracing::info!(dataset = %batch.dataset, rows, rejected, version = landed.table_version,
            bytes = landed.file_bytes, already = landed.already, "landed");
        Ok(landed)
    }

    async fn standing(&self, dataset: &str) -> Result<Standing, Error> {
        self.lake().standing(dataset).await
    }

    async fn stop(&self, stop: &Stop) -> Result<(), Error> {
        self.lake().stop(stop).await
    }

    async fn note_drift(&self, notes: &[DriftNote]) -> Result<(), Error> {
        self.lake().note_drift(notes).await
    }
}
