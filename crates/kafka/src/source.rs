//! The source as ingestion sees it: a queue of events, a word back about what is durable.
//!
//! Everything that touches the consumer happens on the poll thread; this side only holds the
//! queue's end. Dropping the source stops the thread, which leaves the group in good order.

use crate::context::Context;
use crate::elsewhere::Elsewhere;
use crate::failure::{failed, no_thread, unbuildable};
use crate::pauses::Pauses;
use crate::poll::{Feed, Poller};
use crate::probe::{Probe, missing};
use crate::settings::{Route, Settings, Until};
use crate::stats::SourceStats;
use crate::{budget::Budget, ends};
use async_trait::async_trait;
use huiliu_model::port::{Source, SourceEvent};
use huiliu_model::{Clock, Error, ErrorKind, Partition, Progress};
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Events between the poll thread and ingestion; records are bounded by bytes besides.
const QUEUE_EVENTS: usize = 256;
/// How long [`KafkaSource::close`] waits for the group to be left.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Records of the routes' Kafka topics, as a member of a consumer group.
pub struct KafkaSource {
    events: mpsc::Receiver<Item>,
    shared: Arc<Shared>,
    stats: Arc<SourceStats>,
    left: Option<oneshot::Receiver<()>>,
    is_over: bool,
}

impl KafkaSource {
    /// Reaches the cluster, joins the group and begins to hand over events.
    ///
    /// `stop` ends the stream: nothing more is read, what is queued is still handed over.
    ///
    /// # Errors
    /// `Invalid` for contradicting properties, no routes, or topics that do not exist (with
    /// [`Until::Stopped`] only if none exists: the others are picked up when they appear);
    /// `Unavailable` when no broker answers within 10 s; `Denied` when we are refused.
    pub async fn start(
        settings: &Settings,
        routes: Vec<Route>,
        until: Until,
        stop: CancellationToken,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        settings.validate()?;
        check_routes(&routes)?;
        let (asked, given_up) = ((settings.clone(), routes.clone()), stop.clone());
        let make = move || Contact::make(&asked.0, &asked.1, until, given_up);
        let contact = tokio::task::spawn_blocking(make);
        let bug = |error| Error::new(ErrorKind::Bug, "the first contact panicked").because(error);
        let contact = contact.await.map_err(|error: tokio::task::JoinError| bug(error))??;

        let config = settings.consumer(contact.partition_count);
        let consumer: BaseConsumer<Context> =
            config.create_with_context(Context::default()).map_err(|e| unbuildable(e, &config))?;
        // librdkafka takes what begins with `^` for a pattern, and no name does.
        let names: Vec<&str> = routes.iter().map(|r| r.kafka_topics.text()).collect();
        consumer.subscribe(&names).map_err(|error| failed("subscribing", error))?;

        let (events, queue) = mpsc::channel(QUEUE_EVENTS);
        let (leave, left) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let budget = Budget::new(settings.budget_bytes);
        let datasets = routes.iter().map(|r| r.dataset.clone());
        let stats = SourceStats::new(datasets, Arc::clone(&budget));
        let poller = Poller {
            consumer: Arc::new(consumer),
            feed: Feed { events: events.clone(), runtime: Handle::current(), stop },
            chunks: Vec::new(),
            routes,
            slots: Vec::new(),
            targets: contact.targets,
            assigned_at: None,
            elsewhere: Elsewhere::default(),
            budget,
            stats: Arc::clone(&stats),
            shared: Arc::clone(&shared),
            clock,
            settings: settings.clone(),
            sized_for: contact.partition_count,
            next_slot: 0,
            is_throttled: false,
            is_queue_full: false,
            is_idle: true,
            committed_at: Duration::ZERO,
        };
        spawn(contact.probe, poller, events, leave)?;
        Ok(Self { events: queue, shared, stats, left: Some(left), is_over: false })
    }

    /// Counters that go on counting; cheap to read.
    pub fn stats(&self) -> Arc<SourceStats> {
        Arc::clone(&self.stats)
    }

    /// Leaves the group and waits for it, at most 10 s.
    pub async fn close(mut self) {
        self.shared.close();
        self.events.close();
        if let Some(left) = self.left.take() {
            drop(self);
            if tokio::time::timeout(CLOSE_PATIENCE, left).await.is_err() {
                tracing::warn!("the consumer group was not left in time");
            }
        }
    }
}

#[async_trait]
impl Source for KafkaSource {
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error> {
        if self.is_over {
            return Ok(None);
        }
        match self.events.recv().await {
            Some(Item::Event(event)) => Ok(Some(event)),
            Some(Item::Failed(error)) => {
                self.is_over = true;
                Err(error)
            }
            Some(Item::End) => {
                self.is_over = true;
                Ok(None)
            }
            None => {
                self.is_over = true;
                Err(Error::new(ErrorKind::Bug, "the kafka poll thread ended without a word"))
            }
        }
    }

    fn durable(&self, progress: &Progress) {
        let mut durable = self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, next_offset) in &progress.0 {
            durable.set(partition.clone(), *next_offset);
        }
    }

    fn pause(&self, dataset: &str) {
        self.shared.pauses.pause(dataset);
    }

    fn hold(&self, dataset: &str) {
        self.shared.pauses.hold(dataset);
    }

    fn release(&self, dataset: &str) {
        self.shared.pauses.release(dataset);
    }

    fn resume(&self, dataset: &str) {
        self.shared.pauses.resume(dataset);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What travels in the queue.
pub(crate) enum Item {
    Event(SourceEvent),
    Failed(Error),
    End,
}

/// What the threads and the source tell each other besides events.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    assigned: Mutex<Vec<Partition>>,
    durable: Mutex<Progress>,
    pub(crate) pauses: Pauses,
    closed: AtomicBool,
    ended: AtomicBool,
}

impl Shared {
    pub(crate) fn assigned(&self) -> Vec<Partition> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_assigned(&self, partitions: Vec<Partition>) {
        *self.assigned.lock().unwrap_or_else(PoisonError::into_inner) = partitions;
    }

    /// What became durable since the last call.
    pub(crate) fn take_durable(&self) -> Progress {
        std::mem::take(&mut *self.durable.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// What the first contact with the cluster yields.
struct Contact {
    probe: Probe,
    partition_count: usize,
    targets: Option<BTreeMap<Partition, i64>>,
}

impl Contact {
    fn make(
        settings: &Settings,
        routes: &[Route],
        until: Until,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let mut probe = Probe::connect(settings)?.until(stop);
        let found = probe.find(routes)?;
        probe.known_topic = found.partitions.first().map(|known| known.kafka_topic.clone());
        let waits = until == Until::Stopped && !found.partitions.is_empty();
        if !found.missing.is_empty() && !waits {
            return Err(missing(&found.missing, &settings.bootstrap_servers));
        }
        for route in &found.missing {
            let (dataset, kafka_topic) = (&*route.dataset, route.kafka_topics.text());
            tracing::warn!(dataset, kafka_topic, "kafka_topic does not exist yet; waiting for it");
        }
        let targets = match until {
            Until::Stopped => None,
            Until::EndOffsets => Some(probe.targets(&found.partitions)?),
        };
        Ok(Self { probe, partition_count: found.partitions.len(), targets })
    }
}

fn check_routes(routes: &[Route]) -> Result<(), Error> {
    if routes.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "there is no dataset to read"));
    }
    for (at, route) in routes.iter().enumerate() {
        for other in &routes[..at] {
            let Some(name) = route.kafka_topics.shared_with(&other.kafka_topics) else { continue };
            let (one, two) = (&other.dataset, &route.dataset);
            let message = format!("datasets `{one}` and `{two}` would both read `{name}`");
            return Err(Error::new(ErrorKind::Invalid, message)
                .help("give each dataset kafka_topics of its own in pipelines/"));
        }
    }
    Ok(())
}

fn spawn(
    probe: Probe,
    poller: Poller,
    events: mpsc::Sender<Item>,
    leave: oneshot::Sender<()>,
) -> Result<(), Error> {
    let shared = Arc::clone(&poller.shared);
    let watched = Arc::clone(&shared);
    let watcher = std::thread::Builder::new()
        .name("kafka-ends".to_owned())
        .spawn(move || ends::watch(&probe, &watched, &events))
        .map_err(|error| no_thread("kafka-ends", error))?;
    let ending = Arc::clone(&shared);
    let watcher = watcher.thread().clone();
    let awaken = watcher.clone();
    let polling = std::thread::Builder::new().name("kafka-poll".to_owned()).spawn(move || {
        poller.run();
        ending.end();
        watcher.unpark();
        // Nobody waits when the source was dropped instead of closed.
        let _ = leave.send(());
    });
    if let Err(error) = polling {
        shared.end();
        awaken.unpark();
        return Err(no_thread("kafka-poll", error));
    }
    Ok(())
}
