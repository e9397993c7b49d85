//! The newest records of a dataset, for people who look: no group is joined, no offset committed.

use crate::chunk::Chunk;
use crate::context::Context;
use crate::failure::{failed, unbuildable};
use crate::offsets;
use crate::probe::{PATIENCE, Probe, missing};
use crate::settings::{Route, Settings};
use huiliu_model::{Error, Partition, Records};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// Polls without a record before what has come is all: ten seconds.
const SILENCE_MAX: u32 = 100;

/// The newest `count` records of each partition of a dataset, by Kafka topic, as they are now.
/// Blocking; after ten seconds without a record with what has come.
///
/// # Errors
/// `Unavailable` or `Denied`; `Unavailable` too when the dataset has no kafka_topic.
pub fn newest_records(
    settings: &Settings,
    route: &Route,
    count: i64,
) -> Result<Vec<Records>, Error> {
    let probe = Probe::connect(settings)?;
    let found = probe.find(std::slice::from_ref(route))?;
    if found.partitions.is_empty() {
        return Err(missing(std::slice::from_ref(route), &settings.bootstrap_servers));
    }
    let held = offsets::available(&probe.client, &found.partitions, PATIENCE)
        .map_err(|error| failed("reading the offsets", error))?;
    let mut wanted: BTreeMap<Partition, Range<i64>> = BTreeMap::new();
    for (partition, range) in held {
        let start = range.start.max(range.end.saturating_sub(count));
        if start < range.end {
            wanted.insert(partition, start..range.end);
        }
    }
    read(settings, route, wanted)
}

fn read(
    settings: &Settings,
    route: &Route,
    mut wanted: BTreeMap<Partition, Range<i64>>,
) -> Result<Vec<Records>, Error> {
    let config = settings.consumer(wanted.len().max(1));
    let client: BaseConsumer<Context> =
        config.create_with_context(Context::default()).map_err(|e| unbuildable(e, &config))?;
    let mut list = TopicPartitionList::with_capacity(wanted.len());
    for (partition, range) in &wanted {
        list.add_partition_offset(
            &partition.kafka_topic,
            partition.number,
            Offset::Offset(range.start),
        )
        .map_err(|error| failed("choosing where to read", error))?;
    }
    // Partitions that are assigned by hand join nothing.
    client.assign(&list).map_err(|error| failed("choosing what to read", error))?;
    let mut chunks: BTreeMap<String, Chunk> = BTreeMap::new();
    let mut silence = 0;
    while !wanted.is_empty() && silence < SILENCE_MAX {
        let message = match client.poll(POLL) {
            None => {
                silence += 1;
                continue;
            }
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(number))) => {
                wanted.retain(|partition, _| partition.number != number);
                continue;
            }
            Some(Err(error)) => return Err(failed("reading the newest records", error)),
        };
        let partition = Partition::new(message.topic(), message.partition());
        let end = wanted.get(&partition).map(|range| range.end);
        let Some(end) = end.filter(|end| message.offset() < *end) else { continue };
        let kafka_topic = partition.kafka_topic.clone();
        let new = || Chunk::new(route.dataset.clone(), kafka_topic, 0);
        chunks.entry(message.topic().to_owned()).or_insert_with(new).push(&message);
        if message.offset() + 1 >= end {
            wanted.remove(&partition);
        }
    }
    Ok(chunks.into_values().map(|mut chunk| chunk.take().0).collect())
}
