//! First contact with the cluster: is anyone there, are we let in, do the topics exist.
//!
//! The client made here joins no group. Afterwards it watches end offsets.

use crate::context::Context;
use crate::failure::{denied, failed, is_refusal, silent, unbuildable};
use crate::offsets;
use crate::settings::{Route, Settings};
use huiliu_model::{Error, ErrorKind, Partition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use std::collections::BTreeMap;
use std::time::Duration;

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
}

/// What the cluster holds of what we want to read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) missing: Vec<Route>,
}

impl Probe {
    pub(crate) fn connect(settings: &Settings) -> Result<Self, Error> {
        let client: BaseConsumer<Context> =
            settings.probe().create_with_context(Context::default()).map_err(unbuildable)?;
        Ok(Self { client, servers: settings.bootstrap_servers.clone() })
    }

    /// Looks the topics up. The first look-up waits for the cluster; blocking.
    pub(crate) fn find(&self, routes: &[Route]) -> Result<Found, Error> {
        let mut found = Found::default();
        for route in routes {
            match self.partition_count(&route.kafka_topic)? {
                Some(count) => found.partitions.extend(
                    (0..count).map(|number| Partition::new(route.kafka_topic.clone(), number)),
                ),
                None => found.missing.push(route.clone()),
            }
        }
        Ok(found)
    }

    pub(crate) fn ends(&self, partitions: &[Partition]) -> Result<BTreeMap<Partition, i64>, Error> {
        offsets::ends(&self.client, partitions, PATIENCE)
            .map_err(|error| failed("reading the end offsets", error))
    }

    /// Serves log lines and errors that have come in since.
    pub(crate) fn serve(&self) {
        for _ in 0..EVENTS_MAX {
            if self.client.poll(Duration::ZERO).is_none() {
                return;
            }
        }
    }

    fn partition_count(&self, kafka_topic: &str) -> Result<Option<i32>, Error> {
        for _ in 0..PATIENCE_S {
            let answer = self.client.fetch_metadata(Some(kafka_topic), ATTEMPT);
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
            let Some(topic) = metadata.topics().first() else { return Ok(None) };
            match topic.error().map(Code::from) {
                None => return Ok(Some(i32::try_from(topic.partitions().len()).unwrap_or(0))),
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(None),
                Some(code) if is_refusal(code) => {
                    let reason = format!("kafka_topic `{kafka_topic}`");
                    return Err(denied(code, &reason, &self.servers));
                }
                Some(Code::InvalidTopic) => {
                    let message = format!("`{kafka_topic}` is not a valid kafka_topic name");
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
                Some(_) => {}
            }
        }
        Err(silent(&self.servers, PATIENCE_S, &self.client.context().reason()))
    }
}

/// The error for topics that are not there, where that cannot be waited for.
pub(crate) fn missing(routes: &[Route], servers: &str) -> Error {
    let names: Vec<String> = routes.iter().map(|r| format!("`{}`", r.kafka_topic)).collect();
    let (verb, list) = (if names.len() == 1 { "does" } else { "do" }, names.join(", "));
    let message = format!("kafka_topic {list} {verb} not exist on `{servers}`");
    Error::new(ErrorKind::Unavailable, message)
        .help("create it, or correct `source.kafka_topic` in the pipeline file")
}
