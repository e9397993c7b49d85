//! One session: one source, from its first event to its end or to an error.
//!
//! Everything arrives at one loop, which never waits for a lander: a full batch is offered, and
//! when the lander is busy it goes on growing until the source's budget stops the source. The
//! order of the `select!` is: what landed (frees memory), what was prepared (keeps order), the
//! source (only while few chunks are being prepared), the clock.

use crate::batcher::{Batcher, Chunk, Loaded};
use crate::lander::{Lander, Outcome};
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use huiliu_model::port::{Incident, Landing, Release, Source, SourceEvent};
use huiliu_model::{Clock, Error, ErrorKind, Partition, Progress, Quality, Records, Tally};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a revoked partition is waited for before its batch is left to the guard.
const REVOKE_WAIT: Duration = Duration::from_secs(15);

/// Bounds of one session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Chunks being prepared at once; about the number of cores.
    pub preparing: usize,
    /// Bytes of records not yet landed above which the largest batch is committed early.
    pub held_bytes: usize,
}

/// What a session did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Per dataset, what became of its offsets.
    pub tallies: BTreeMap<Arc<str>, Tally>,
    pub commits: u64,
    pub incidents: Vec<Incident>,
    /// Per dataset, what its cells were found to be; of everything prepared.
    pub quality: BTreeMap<Arc<str>, Quality>,
}

/// The parts of a session.
pub struct Session<L> {
    pub landing: Arc<L>,
    pub pipelines: BTreeMap<Arc<str>, Arc<Pipeline>>,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    /// After this is cancelled an unavailable lake is no longer waited for.
    pub give_up: CancellationToken,
}

struct Lane {
    batcher: Batcher,
    queue: mpsc::Sender<Loaded>,
    /// Batches handed to the lander and not yet reported.
    landing: usize,
}

struct Loop<'a, L, S> {
    session: &'a Session<L>,
    source: &'a mut S,
    lanes: BTreeMap<Arc<str>, Lane>,
    topics: BTreeMap<Arc<str>, Arc<str>>,
    preparing: FuturesOrdered<JoinHandle<Chunk>>,
    outcomes: mpsc::Receiver<Outcome>,
    summary: Summary,
}

impl<L: Landing> Session<L> {
    /// Runs until the source ends, lands everything it gave, and says what was done.
    ///
    /// # Errors
    /// The first error that no retry can mend; what had landed stays landed.
    pub async fn run<S: Source>(&self, source: &mut S) -> Result<Summary, Error> {
        let mut tasks = JoinSet::new();
        let (done, outcomes) = mpsc::channel(self.pipelines.len().max(1) * 2);
        let mut lanes = BTreeMap::new();
        let mut topics = BTreeMap::new();
        for (name, pipeline) in &self.pipelines {
            let (queue, receiver) = mpsc::channel(1);
            let lander = Lander {
                landing: Arc::clone(&self.landing),
                metrics: Arc::clone(&self.metrics),
                clock: Arc::clone(&self.clock),
                give_up: self.give_up.clone(),
            };
            tasks.spawn(lander.run(receiver, done.clone()));
            let contract = Arc::clone(pipeline.contract());
            topics.insert(Arc::clone(&contract.kafka_topic), Arc::clone(name));
            let lane = Lane { batcher: Batcher::new(contract), queue, landing: 0 };
            lanes.insert(Arc::clone(name), lane);
        }
        drop(done);
        let mut run = Loop {
            session: self,
            source,
            lanes,
            topics,
            preparing: FuturesOrdered::new(),
            outcomes,
            summary: Summary::default(),
        };
        let result = run.drive().await;
        let summary = std::mem::take(&mut run.summary);
        drop(run);
        // The queues are closed now: landers finish the batch they hold and end.
        while tasks.join_next().await.is_some() {}
        result.map(|()| summary)
    }
}

impl<L: Landing, S: Source> Loop<'_, L, S> {
    async fn drive(&mut self) -> Result<(), Error> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let room = self.preparing.len() < self.session.limits.preparing;
            tokio::select! {
                biased;
                Some(outcome) = self.outcomes.recv() => self.landed(outcome)?,
                Some(chunk) = self.preparing.next(), if !self.preparing.is_empty() => {
                    self.gather(chunk)?;
                }
                event = self.source.next(), if room => match event? {
                    Some(event) => self.react(event).await?,
                    None => break,
                },
                _ = tick.tick() => self.offer_full(),
            }
        }
        self.finish(|_| true).await
    }

    async fn react(&mut self, event: SourceEvent) -> Result<(), Error> {
        match event {
            SourceEvent::Records { records, release } => self.prepare(records, release)?,
            SourceEvent::Assigned { partitions, reply } => self.assign(&partitions, reply).await?,
            SourceEvent::Revoked { partitions, reply } => {
                self.revoke(&partitions).await?;
                // A source that no longer waits has nothing to be told.
                let _ = reply.send(());
            }
            SourceEvent::EndOffsets(ends) => self.session.metrics.end_offsets(&ends),
            SourceEvent::Incident(incident) => {
                tracing::error!(partition = %incident.partition, kind = incident.kind.label(),
                    recorded = incident.recorded, available_from = incident.available.start,
                    available_to = incident.available.end, "partition stands still");
                self.session.metrics.incident(&incident);
                self.summary.incidents.push(incident);
            }
        }
        Ok(())
    }

    fn prepare(&mut self, records: Records, release: Release) -> Result<(), Error> {
        let pipeline = self.session.pipelines.get(&records.dataset).cloned().ok_or_else(|| {
            let name = &records.dataset;
            Error::new(ErrorKind::Bug, format!("dataset `{name}` has no pipeline"))
        })?;
        let (metrics, clock) = (Arc::clone(&self.session.metrics), Arc::clone(&self.session.clock));
        let (count, raw_bytes) = (records.entries.len(), records.arena.len());
        metrics.received(&records.dataset, count, raw_bytes, clock.now_us());
        self.preparing.push_back(tokio::task::spawn_blocking(move || {
            let began = clock.monotonic();
            let prepared = pipeline.prepare(&records, clock.now_us());
            let took = clock.monotonic().saturating_sub(began);
            metrics.prepared(&records.dataset, count, &prepared, took);
            let Records { dataset, covers, .. } = records;
            Chunk { dataset, covers, prepared, raw_bytes, release }
        }));
        Ok(())
    }

    fn gather(&mut self, chunk: Result<Chunk, tokio::task::JoinError>) -> Result<(), Error> {
        let chunk = chunk
            .map_err(|e| Error::new(ErrorKind::Bug, "preparing records stopped").because(e))?;
        let now = self.session.clock.monotonic();
        let lane = lane(&mut self.lanes, &chunk.dataset)?;
        *self.summary.quality.entry(Arc::clone(&chunk.dataset)).or_default() +=
            &chunk.prepared.quality;
        lane.batcher.push(chunk, now)?;
        self.offer_full();
        Ok(())
    }

    /// Hands full batches to landers that are free; under memory pressure the largest as well.
    fn offer_full(&mut self) {
        let now = self.session.clock.monotonic();
        let held: usize = self.lanes.values().map(|l| l.batcher.raw_bytes()).sum();
        self.session.metrics.held(held);
        for lane in self.lanes.values_mut().filter(|l| l.batcher.is_full(now)) {
            lane.offer();
        }
        if held > self.session.limits.held_bytes {
            let largest = self
                .lanes
                .values_mut()
                .filter(|l| l.landing == 0)
                .max_by_key(|l| l.batcher.raw_bytes());
            if let Some(lane) = largest {
                lane.offer();
            }
        }
    }

    fn landed(&mut self, outcome: Outcome) -> Result<(), Error> {
        let Outcome { batch, result } = outcome;
        lane(&mut self.lanes, &batch.dataset)?.landing -= 1;
        result?;
        let mut progress = Progress::default();
        for (partition, range) in batch.covers.0 {
            self.session.metrics.durable(&partition, range.end, batch.newest_record_ms);
            progress.set(partition, range.end);
        }
        self.source.durable(&progress);
        *self.summary.tallies.entry(batch.dataset).or_default() += batch.tally;
        self.summary.commits += 1;
        self.offer_full();
        Ok(())
    }

    async fn assign(
        &mut self,
        partitions: &[Partition],
        reply: oneshot::Sender<Progress>,
    ) -> Result<(), Error> {
        let mut by_dataset: BTreeMap<Arc<str>, Vec<Partition>> = BTreeMap::new();
        for partition in partitions {
            if let Some(dataset) = self.topics.get(&partition.kafka_topic) {
                by_dataset.entry(Arc::clone(dataset)).or_default().push(partition.clone());
            }
        }
        let mut all = Progress::default();
        for (dataset, partitions) in by_dataset {
            let recorded = self.session.landing.progress(&dataset, &partitions).await?;
            all.0.extend(recorded.0);
        }
        for (partition, next) in &all.0 {
            self.session.metrics.durable(partition, *next, 0);
        }
        self.session.metrics.assigned(partitions, 1);
        tracing::info!(partitions = partitions.len(), recorded = all.0.len(), "assigned");
        let _ = reply.send(all);
        Ok(())
    }

    async fn revoke(&mut self, partitions: &[Partition]) -> Result<(), Error> {
        self.session.metrics.assigned(partitions, -1);
        tracing::info!(partitions = partitions.len(), "revoked; finishing their batches");
        let wanted = partitions.to_vec();
        let finish = self.finish(move |lane| lane.landing > 0 || lane.batcher.holds(&wanted));
        match tokio::time::timeout(REVOKE_WAIT, finish).await {
            Ok(finished) => finished,
            // The new owner starts from recorded progress, so what we still hold would be
            // superseded: better to end this session and begin again than to commit it late.
            Err(_) => Err(Error::new(
                ErrorKind::Superseded,
                "partitions were revoked before their batches could be committed",
            )),
        }
    }

    /// Prepares, batches and lands everything held by the lanes that `which` names.
    async fn finish(&mut self, which: impl Fn(&Lane) -> bool) -> Result<(), Error> {
        while let Some(chunk) = self.preparing.next().await {
            self.gather(chunk)?;
        }
        loop {
            for lane in self.lanes.values_mut().filter(|l| which(l)) {
                lane.offer();
            }
            let waiting =
                self.lanes.values().any(|l| l.landing > 0 || (which(l) && l.batcher.is_open()));
            if !waiting {
                return Ok(());
            }
            let began = self.session.clock.monotonic();
            let Some(outcome) = self.outcomes.recv().await else {
                return Err(Error::new(ErrorKind::Bug, "all landers ended early"));
            };
            let waited = self.session.clock.monotonic().saturating_sub(began);
            self.session.metrics.blocked(waited);
            self.landed(outcome)?;
        }
    }
}

impl Lane {
    /// Gives the open batch to the lander if it is free.
    fn offer(&mut self) {
        if self.landing > 0 {
            return;
        }
        if let Some(loaded) = self.batcher.take()
            && self.queue.try_send(loaded).is_ok()
        {
            self.landing += 1;
        }
    }
}

fn lane<'a>(
    lanes: &'a mut BTreeMap<Arc<str>, Lane>,
    dataset: &Arc<str>,
) -> Result<&'a mut Lane, Error> {
    lanes
        .get_mut(dataset)
        .ok_or_else(|| Error::new(ErrorKind::Bug, format!("dataset `{dataset}` has no lane")))
}
