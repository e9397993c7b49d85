//! First and next offsets of many partitions, one request per broker.
//!
//! librdkafka's `offsets_for_times` passes a negative time on to the broker, where −1 means the
//! end (under `read_committed` the last stable offset) and −2 the beginning.

use huiliu_model::Partition;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

/// Between two questions to partitions without a leader.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// The next offset of each partition.
pub(crate) fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    patience: Duration,
) -> KafkaResult<BTreeMap<Partition, i64>> {
    ask(consumer, partitions, Offset::End, patience)
}

/// The offsets that each partition still holds.
pub(crate) fn available<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    patience: Duration,
) -> KafkaResult<BTreeMap<Partition, Range<i64>>> {
    let lows = ask(consumer, partitions, Offset::Beginning, patience)?;
    let highs = ask(consumer, partitions, Offset::End, patience)?;
    let range = |(partition, high): (Partition, i64)| {
        let low = lows.get(&partition).copied().unwrap_or(high).min(high);
        (partition, low..high)
    };
    Ok(highs.into_iter().map(range).collect())
}

/// Asks until the partitions have leaders that answer: those of a new topic, or after a broker has
/// gone, take a moment.
fn ask<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    which: Offset,
    patience: Duration,
) -> KafkaResult<BTreeMap<Partition, i64>> {
    let mut tries = patience.as_millis() / BETWEEN_TRIES.as_millis();
    loop {
        match ask_once(consumer, partitions, which, patience) {
            Err(error) if has_no_leader(&error) && tries > 0 => {
                tries -= 1;
                std::thread::sleep(BETWEEN_TRIES);
            }
            answered => return answered,
        }
    }
}

fn has_no_leader(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::NotLeaderForPartition | Code::LeaderNotAvailable | Code::ReplicaNotAvailable)
    )
}

fn ask_once<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    which: Offset,
    patience: Duration,
) -> KafkaResult<BTreeMap<Partition, i64>> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut known: HashMap<(&str, i32), &Partition> = HashMap::with_capacity(partitions.len());
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        known.insert((&partition.kafka_topic, partition.number), partition);
        asked.add_partition(&partition.kafka_topic, partition.number).set_offset(which)?;
    }
    let answered = consumer.offsets_for_times(asked, patience)?;
    let mut found = BTreeMap::new();
    for element in answered.elements() {
        element.error()?;
        match (element.offset(), known.get(&(element.topic(), element.partition()))) {
            (Offset::Offset(offset), Some(partition)) => {
                found.insert((*partition).clone(), offset);
            }
            _ => return Err(KafkaError::OffsetFetch(Code::NoOffset)),
        }
    }
    Ok(found)
}
