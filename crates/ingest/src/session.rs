//! One session: one source, from its first event to its end or to an error.
//!
//! Everything arrives at one loop, which never waits for a lander: a full batch is offered, and
//! when the lander is busy it goes on growing until the source's budget stops the source. The
//! order of the `select!` is: what landed (frees memory), what was prepared (keeps order), schemas
//! that were looked up, the source (only while few chunks are being prepared), the clock.
//!
//! A dataset that stops is one lane that does not go; the others are not touched.

mod halt;
mod lookup;
mod partitions;

use crate::backwards::Behind;
use crate::batcher::Chunk;
use crate::clerk::{Clerk, Errand, Report};
use crate::lander::{Lander, Outcome};
use crate::lane::Lane;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, FuturesUnordered};
use halt::{ChunkFate, Judged};
use huiliu_model::port::{Incident, Landing, Release, Source, SourceEvent};
use huiliu_model::{
    Clock, Computed, Error, ErrorKind, KafkaTopics, OnDrift, Progress, Quality, Records, Stop,
    Tally, compute,
};
use lookup::LookedUp;
pub(crate) use lookup::Waiting;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Errands waiting for the clerk; what does not fit is asked again at the next tick.
const ERRANDS: usize = 64;

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
    /// Datasets that stand still, and why.
    pub stopped: BTreeMap<Arc<str>, Stop>,
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

/// Records on their way to being prepared.
pub(crate) struct Work {
    pipeline: Arc<Pipeline>,
    records: Records,
    release: Release,
    generation: u64,
    /// Columns whose absence rejects a row.
    refused: Vec<u16>,
}

struct Loop<'a, L, S> {
    session: &'a Session<L>,
    source: &'a mut S,
    lanes: BTreeMap<Arc<str>, Lane>,
    /// What each dataset is read from.
    topics: Vec<(KafkaTopics, Arc<str>)>,
    preparing: FuturesOrdered<Computed<Chunk>>,
    /// Of lanes that wait for schemas; at most one of each.
    lookups: FuturesUnordered<BoxFuture<'a, LookedUp>>,
    outcomes: mpsc::Receiver<Outcome>,
    errands: mpsc::Sender<Errand>,
    reports: mpsc::Receiver<Report>,
    /// Errands that the clerk has not reported yet.
    errands_open: usize,
    /// The source has ended: what is held lands, and nothing is waited for.
    is_ending: bool,
    summary: Summary,
    /// Why records that waited for schemas were left.
    given_up: Option<Error>,
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
        let mut topics = Vec::new();
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
            topics.push((contract.kafka_topics.clone(), Arc::clone(name)));
            lanes.insert(Arc::clone(name), Lane::new(contract, queue));
        }
        drop(done);
        let contracts = self.pipelines.values().map(|pipeline| &**pipeline.contract());
        self.metrics.declare(contracts, self.limits.held_bytes);
        let (errands, received) = mpsc::channel(ERRANDS);
        let (report, reports) = mpsc::channel(ERRANDS);
        let clerk = Clerk {
            landing: Arc::clone(&self.landing),
            clock: Arc::clone(&self.clock),
            give_up: self.give_up.clone(),
        };
        tasks.spawn(clerk.run(received, report));
        let mut run = Loop {
            session: self,
            source,
            lanes,
            topics,
            preparing: FuturesOrdered::new(),
            lookups: FuturesUnordered::new(),
            outcomes,
            errands,
            reports,
            errands_open: 0,
            is_ending: false,
            summary: Summary::default(),
            given_up: None,
        };
        let result = run.drive().await;
        let summary = std::mem::take(&mut run.summary);
        drop(run);
        // The queues are closed now: landers finish the batch they hold and end.
        while tasks.join_next().await.is_some() {}
        self.metrics.pulse().rest();
        result.map(|()| summary)
    }
}

impl<L: Landing, S: Source> Loop<'_, L, S> {
    async fn drive(&mut self) -> Result<(), Error> {
        let mut tick = self.session.clock.sleep(TICK);
        loop {
            self.session.metrics.pulse().beat(self.session.clock.monotonic());
            if self.given_up.is_some() {
                break;
            }
            let room = self.preparing.len() < self.session.limits.preparing;
            tokio::select! {
                biased;
                Some(outcome) = self.outcomes.recv() => self.landed(outcome)?,
                Some(chunk) = self.preparing.next(), if !self.preparing.is_empty() => {
                    self.gather(chunk)?;
                }
                Some(done) = self.lookups.next(), if !self.lookups.is_empty() => {
                    self.looked_up(done)?;
                }
                Some(report) = self.reports.recv() => self.reported(report)?,
                event = self.source.next(), if room => match event? {
                    Some(event) => self.react(event).await?,
                    None => break,
                },
                () = &mut tick => {
                    tick = self.session.clock.sleep(TICK);
                    self.offer_full();
                    self.run_errands();
                }
            }
        }
        self.finish(|_| true).await?;
        self.settle().await?;
        self.given_up.take().map_or(Ok(()), Err)
    }

    async fn react(&mut self, event: SourceEvent) -> Result<(), Error> {
        match event {
            SourceEvent::Records { records, release } => self.prepare(records, release)?,
            SourceEvent::Assigned { partitions, reply } => self.assign(&partitions, reply).await?,
            SourceEvent::Resumed { partitions, reply } => self.resumed(&partitions, reply).await?,
            SourceEvent::Elsewhere { partitions, reply } => {
                self.elsewhere(&partitions, reply).await?;
            }
            SourceEvent::Revoked { partitions, reply } => {
                self.revoke(&partitions).await?;
                // A source that no longer waits has nothing to be told.
                let _ = reply.send(());
            }
            SourceEvent::EndOffsets(ends) => {
                if self.session.metrics.source_answers(true) {
                    tracing::info!("the brokers answer again");
                }
                self.session.metrics.end_offsets(&ends);
            }
            SourceEvent::Unreachable(why) => {
                if self.session.metrics.source_answers(false) {
                    tracing::warn!(%why, "no broker answers; it is asked again every second");
                }
            }
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
        let lane = lane(&mut self.lanes, &records.dataset)?;
        if !lane.goes() {
            // Dropping the release gives the bytes back; progress has not passed these records.
            return Ok(());
        }
        let (count, raw_bytes) = (records.entries.len(), records.arena.len());
        let received_at = self.session.clock.now_us();
        self.session.metrics.received(&records.dataset, count, raw_bytes, received_at);
        let generation = lane.generation;
        let work = Work { pipeline, records, release, generation, refused: Vec::new() };
        self.prepare_or_wait(work)
    }

    /// Prepares records on a thread of their own.
    fn spawn(&self, work: Work) -> Computed<Chunk> {
        let (metrics, clock) = (Arc::clone(&self.session.metrics), Arc::clone(&self.session.clock));
        compute(move || {
            let Work { pipeline, records, release, generation, refused } = work;
            let began = clock.monotonic();
            let prepared = pipeline.prepare_refusing(&records, clock.now_us(), &refused);
            let took = clock.monotonic().saturating_sub(began);
            metrics.busy(took);
            let raw_bytes = records.arena.len();
            let (dataset, covers) = (Arc::clone(&records.dataset), records.covers.clone());
            let may_be_refused = pipeline.contract().drift.dropped == OnDrift::Quarantine
                && refused.is_empty()
                && !prepared.drift.absent.is_empty();
            let is_refused = !refused.is_empty();
            let records = may_be_refused.then_some(records);
            Chunk { dataset, covers, prepared, raw_bytes, release, generation, is_refused, records }
        })
    }

    fn gather(&mut self, chunk: Result<Chunk, tokio::task::JoinError>) -> Result<(), Error> {
        let chunk = chunk
            .map_err(|e| Error::new(ErrorKind::Bug, "preparing records stopped").because(e))?;
        let now = self.session.clock.monotonic();
        let mut chunk = match self.judge(chunk, now)? {
            Judged::Dropped => return Ok(()),
            Judged::Refused(chunk, refused) => return self.prepare_again(chunk, refused),
            Judged::Lands(chunk) => chunk,
        };
        let dataset = Arc::clone(&chunk.dataset);
        let made = &mut chunk.prepared;
        self.session.metrics.prepared(&dataset, made.records as usize, made);
        *self.summary.quality.entry(Arc::clone(&dataset)).or_default() += &made.quality;
        let fate = ChunkFate {
            records: made.records,
            rejected: std::mem::take(&mut made.rejected),
            reasons: made.reject_counts.clone(),
        };
        let lane = lane(&mut self.lanes, &dataset)?;
        let is_log = lane.contract.format.is_debezium();
        let rows = made.rows.as_ref().filter(|_| is_log);
        if let Some(behind) = rows.and_then(|rows| lane.backwards.see(rows)) {
            let Behind { partition, highest, now } = behind;
            tracing::warn!(
                %dataset, partition, highest, now,
                "changes stay behind the highest sequence; after a fail-over raise `source.epoch`",
            );
        }
        lane.batcher.push(chunk, now)?;
        self.count(&dataset, &fate)?;
        self.offer_full();
        Ok(())
    }

    /// Prepares a chunk once more, before all others, with its rows refused.
    fn prepare_again(&mut self, chunk: Chunk, refused: Vec<u16>) -> Result<(), Error> {
        let Chunk { dataset, release, generation, records, .. } = chunk;
        let bug = |what: &str| Error::new(ErrorKind::Bug, format!("dataset `{dataset}` {what}"));
        let records = records.ok_or_else(|| bug("lost the records of a chunk"))?;
        let pipeline = self.session.pipelines.get(&dataset).cloned();
        let pipeline = pipeline.ok_or_else(|| bug("has no pipeline"))?;
        let task = self.spawn(Work { pipeline, records, release, generation, refused });
        self.preparing.push_front(task);
        Ok(())
    }

    /// Hands full batches to landers that are free; under memory pressure the largest as well.
    fn offer_full(&mut self) {
        let now = self.session.clock.monotonic();
        let held: usize = self.lanes.values().map(|l| l.batcher.raw_bytes()).sum();
        self.session.metrics.held(held);
        for lane in self.lanes.values_mut().filter(|l| l.batcher.is_full(now) || l.is_stopping()) {
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
        let lane = lane(&mut self.lanes, &batch.dataset)?;
        lane.landing -= 1;
        let goes = lane.goes();
        if result?.stopped && goes {
            self.look_at(&batch.dataset);
        }
        let mut progress = Progress::default();
        for (partition, range) in batch.covers.0 {
            self.session.metrics.durable(&partition, range.end, batch.newest_record_ms);
            progress.set(partition, range.end);
        }
        self.source.durable(&progress);
        *self.summary.tallies.entry(batch.dataset).or_default() += batch.tally;
        self.summary.commits += 1;
        self.offer_full();
        self.run_errands();
        Ok(())
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
