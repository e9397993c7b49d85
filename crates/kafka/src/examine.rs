//! Whether this process could do its work: each topic is read from, the group is asked, and
//! nobody is disturbed: no group is joined and nothing is committed.

use crate::context::Context;
use crate::failure::{failed, is_refusal, unbuildable};
use crate::probe::{PATIENCE, Probe};
use crate::settings::{Route, Settings};
use huiliu_model::{Error, ErrorKind};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One look at the main queue between two at those of the partitions.
const LOOK: Duration = Duration::from_millis(20);
/// Looks before a topic is said to be silent: ten seconds.
const LOOKS_MAX: u32 = 500;

/// What was found. The cluster answered and let us in.
#[derive(Debug)]
pub struct Examined {
    /// Partitions of the topics that exist.
    pub partition_count: usize,
    /// Topics, or patterns without one, that do not exist.
    pub missing: Vec<String>,
    /// Topics that could not be read from, and why.
    pub unreadable: BTreeMap<String, String>,
    /// Whether the group's offsets may be asked for; `None` where no topic is there to ask about.
    pub group: Option<Result<(), Error>>,
    /// Kafka time of the newest record seen, milliseconds of the epoch.
    pub newest_ms: Option<i64>,
}

/// Examines the cluster; blocking. The last record of one partition of each topic is read.
///
/// # Errors
/// `Unavailable` or `Denied` when the cluster does not answer or does not let us in at all.
pub fn examine(settings: &Settings, routes: &[Route]) -> Result<Examined, Error> {
    settings.validate()?;
    let probe = Probe::connect(settings)?;
    let mut examined = Examined {
        partition_count: 0,
        missing: Vec::new(),
        unreadable: BTreeMap::new(),
        group: None,
        newest_ms: None,
    };
    let mut topics: BTreeMap<Arc<str>, i32> = BTreeMap::new();
    for route in routes {
        match probe.find(std::slice::from_ref(route)) {
            Ok(found) => {
                examined.partition_count += found.partitions.len();
                examined.missing.extend(found.missing.iter().map(|r| r.kafka_topics.to_string()));
                for partition in found.partitions {
                    topics.entry(partition.kafka_topic).or_insert(partition.number);
                }
            }
            Err(error)
                if error.kind == ErrorKind::Denied && route.kafka_topics.name().is_some() =>
            {
                examined.unreadable.insert(route.kafka_topics.to_string(), error.message);
            }
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(why)) = (topics.is_empty(), examined.unreadable.values().next()) {
        // Refused everywhere: it is us who are not let in, not one topic.
        return Err(Error::new(ErrorKind::Denied, why.clone()));
    }
    if !topics.is_empty() {
        read(settings, &topics, &mut examined)?;
    }
    Ok(examined)
}

fn read(
    settings: &Settings,
    topics: &BTreeMap<Arc<str>, i32>,
    examined: &mut Examined,
) -> Result<(), Error> {
    let mut config = settings.probe();
    config.set("group.id", &settings.group_id);
    config.set("enable.auto.commit", "false").set("enable.partition.eof", "true");
    let client: BaseConsumer<Context> =
        config.create_with_context(Context::default()).map_err(|e| unbuildable(e, &config))?;
    let client = Arc::new(client);
    let mut last = TopicPartitionList::new();
    let mut waiting: BTreeMap<&str, PartitionQueue<Context>> = BTreeMap::new();
    for (topic, number) in topics {
        let offset = last.add_partition(topic, *number).set_offset(Offset::OffsetTail(1));
        offset.map_err(|error| failed("setting an offset", error))?;
        waiting.extend(client.split_partition_queue(topic, *number).map(|q| (&**topic, q)));
    }
    let mut asked = TopicPartitionList::new();
    if let Some((topic, number)) = topics.iter().next() {
        asked.add_partition(topic, *number);
    }
    let group = client.committed_offsets(asked, PATIENCE);
    let group = group.map(|_| ()).map_err(|e| failed("asking for the group's offsets", e));
    examined.group = Some(group);
    client.assign(&last).map_err(|error| failed("reading", error))?;
    for _ in 0..LOOKS_MAX {
        if waiting.is_empty() {
            break;
        }
        // Errors of the client as a whole; those of a partition come through its own queue.
        let _ = client.poll(LOOK);
        waiting.retain(|topic, queue| match queue.poll(Duration::ZERO) {
            None => true,
            Some(Ok(message)) => {
                let at = message.timestamp().to_millis();
                examined.newest_ms = examined.newest_ms.max(at);
                false
            }
            Some(Err(KafkaError::PartitionEOF(_))) => false,
            Some(Err(error)) => {
                let refused = error.rdkafka_error_code().is_some_and(is_refusal);
                let why = if refused { "we may not read it" } else { "reading it fails" };
                examined.unreadable.insert((*topic).to_owned(), format!("{why}: {error}"));
                false
            }
        });
    }
    let silent = waiting.into_keys().map(|topic| (topic.to_owned(), "it is silent".to_owned()));
    examined.unreadable.extend(silent);
    Ok(())
}
