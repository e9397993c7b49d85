//! First contact with the cluster: is anyone there, are we let in, do the topics exist.
//!
//! The client made here joins no group. Afterwards it watches end offsets.

use crate::context::Context;
use crate::failure::{denied, failed, is_refusal, silent, unbuildable};
use crate::offsets;
use crate::settings::{Route, Settings};
use huiliu_model::{Error, ErrorKind, KafkaTopics, Partition, code};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::{Metadata, MetadataTopic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Seconds a cluster has to answer the first question.
const PATIENCE_S: u64 = 10;
pub(crate) const PATIENCE: Duration = Duration::from_secs(PATIENCE_S);
/// One attempt; between attempts the client's error events are looked at.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Events served between two attempts; there are only a few (errors, log lines).
const EVENTS_MAX: usize = 100;

pub(crate) struct Probe {
    pub(crate) client: BaseConsumer<Context>,
    servers: String,
    /// After this is cancelled nobody waits for an answer.
    stop: CancellationToken,
    /// A topic that was there when it was looked up.
    pub(crate) known_topic: Option<Arc<str>>,
}

/// What the cluster holds of what we want to read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) missing: Vec<Route>,
}

impl Probe {
    pub(crate) fn connect(settings: &Settings) -> Result<Self, Error> {
        let config = settings.probe();
        let client: BaseConsumer<Context> =
            config.create_with_context(Context::default()).map_err(|e| unbuildable(e, &config))?;
        let (servers, stop) = (settings.bootstrap_servers.clone(), CancellationToken::new());
        Ok(Self { client, servers, stop, known_topic: None })
    }

    /// Waits for the cluster no longer than until `stop`.
    pub(crate) fn until(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// Looks the topics up. The first look-up waits for the cluster; blocking.
    pub(crate) fn find(&self, routes: &[Route]) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut all = None;
        for route in routes {
            let known = match &route.kafka_topics {
                KafkaTopics::One(name) => self.partition_count(name)?.map(|count| {
                    (0..count).map(|number| Partition::new(name.clone(), number)).collect()
                }),
                KafkaTopics::Matching(pattern) => {
                    if all.is_none() {
                        all = Some(self.all_topics()?);
                    }
                    let matching = all.iter().flatten().filter(|(name, _)| pattern.matches(name));
                    let partitions: Vec<_> = matching
                        .flat_map(|(n, count)| (0..*count).map(|i| Partition::new(n.clone(), i)))
                        .collect();
                    Some(partitions).filter(|partitions| !partitions.is_empty())
                }
            };
            match known {
                Some(partitions) => found.partitions.extend(partitions),
                None => found.missing.push(route.clone()),
            }
        }
        Ok(found)
    }

    /// Those of some partitions that exist.
    pub(crate) fn known<'a>(
        &self,
        partitions: impl Iterator<Item = &'a Partition>,
    ) -> Result<Vec<Partition>, Error> {
        let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
        let mut known = Vec::new();
        for partition in partitions {
            let topic = &*partition.kafka_topic;
            let count = match counts.get(topic) {
                Some(count) => *count,
                None => self.partition_count(topic)?.unwrap_or(0),
            };
            counts.insert(topic, count);
            if partition.number < count {
                known.push(partition.clone());
            }
        }
        Ok(known)
    }

    pub(crate) fn ends(&self, partitions: &[Partition]) -> Result<BTreeMap<Partition, i64>, Error> {
        offsets::ends(&self.client, partitions, PATIENCE)
            .map_err(|error| failed("reading the end offsets", error))
    }

    /// Where each partition ends that holds something.
    pub(crate) fn targets(
        &self,
        partitions: &[Partition],
    ) -> Result<BTreeMap<Partition, i64>, Error> {
        let held = offsets::available(&self.client, partitions, PATIENCE)
            .map_err(|error| failed("reading the end offsets", error))?;
        let with_records = held.into_iter().filter(|(_, held)| !held.is_empty());
        Ok(with_records.map(|(partition, held)| (partition, held.end)).collect())
    }

    /// Serves log lines and errors that have come in since. That `poll` returns nothing does not
    /// say that nothing is left: it does so after a log line as well.
    pub(crate) fn serve(&self) {
        for _ in 0..EVENTS_MAX {
            let _ = self.client.poll(Duration::ZERO);
        }
    }

    /// Names and numbers of partitions of every topic that we may see.
    fn all_topics(&self) -> Result<Vec<(Arc<str>, i32)>, Error> {
        self.look(None, |metadata| {
            // A topic that is being made or removed has an error for a moment.
            let sound = metadata.topics().iter().filter(|topic| topic.error().is_none());
            Ok(Some(sound.map(|topic| (topic.name().into(), count(topic))).collect()))
        })
    }

    fn partition_count(&self, kafka_topic: &str) -> Result<Option<i32>, Error> {
        self.look(Some(kafka_topic), |metadata| {
            let Some(topic) = metadata.topics().first() else { return Ok(Some(None)) };
            match topic.error().map(Code::from) {
                None => Ok(Some(Some(count(topic)))),
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(Some(None)),
                Some(code) if is_refusal(code) => {
                    let reason = format!("kafka_topic `{kafka_topic}`");
                    Err(denied(code, &reason, &self.servers))
                }
                Some(Code::InvalidTopic) => {
                    let message = format!("`{kafka_topic}` is not a valid kafka_topic name");
                    Err(Error::new(ErrorKind::Invalid, message))
                }
                Some(_) => Ok(None),
            }
        })
    }

    /// Asks for metadata until `read` finds what it wants in an answer.
    fn look<T>(
        &self,
        kafka_topic: Option<&str>,
        read: impl Fn(&Metadata) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        for _ in 0..PATIENCE_S {
            if self.stop.is_cancelled() {
                break;
            }
            let answer = self.client.fetch_metadata(kafka_topic, ATTEMPT);
            self.serve();
            if let Some((code, reason)) = self.client.context().refusal() {
                return Err(denied(code, &reason, &self.servers));
            }
            let metadata = match answer {
                Ok(metadata) => metadata,
                Err(KafkaError::MetadataFetch(code)) if is_refusal(code) => {
                    return Err(denied(code, "", &self.servers));
                }
                Err(_) => continue,
            };
            if let Some(found) = read(&metadata)? {
                return Ok(found);
            }
        }
        Err(silent(&self.servers, PATIENCE_S, self.client.context()))
    }
}

fn count(topic: &MetadataTopic) -> i32 {
    i32::try_from(topic.partitions().len()).unwrap_or(0)
}

/// The error for topics that are not there, where that cannot be waited for.
pub(crate) fn missing(routes: &[Route], servers: &str) -> Error {
    let quoted = |is_named: bool| {
        let of_kind = routes.iter().filter(|r| r.kafka_topics.name().is_some() == is_named);
        of_kind.map(|r| format!("`{}`", r.kafka_topics)).collect::<Vec<_>>()
    };
    let (names, patterns) = (quoted(true), quoted(false));
    let verb = if names.len() == 1 { "does" } else { "do" };
    let absent = format!("kafka_topic {} {verb} not exist on `{servers}`", names.join(", "));
    let unmatched = format!("no kafka_topic of `{servers}` matches {}", patterns.join(" or "));
    let (message, key) = match (names.is_empty(), patterns.is_empty()) {
        (false, true) => (absent, "kafka_topic"),
        (true, _) => (unmatched, "kafka_topic_pattern"),
        (false, false) => (format!("{absent}; {unmatched}"), "kafka_topic"),
    };
    Error::new(ErrorKind::Unavailable, message)
        .coded(code::NO_TOPIC)
        .help(format!("create it, or correct `source.{key}` in the pipeline file"))
}
