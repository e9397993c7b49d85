//! Records counted again, for an audit: no group is joined, no offset committed, nothing kept.
//!
//! What a reader of committed records sees is counted: control records and aborted transactions
//! are not. Ranges that Kafka has in part, or has no more, are left out.

use crate::context::Context;
use crate::failure::{failed, unbuildable};
use crate::offsets;
use crate::probe::{PATIENCE, Probe};
use crate::settings::Settings;
use huiliu_model::{Error, ErrorKind, Partition};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// One look at the main queue between two at those of the partitions.
const LOOK: Duration = Duration::from_millis(20);
/// Looks without a record before the brokers are said to be silent: ten seconds.
const LOOKS_MAX: u32 = 500;
/// Records taken of one partition before the next has its turn.
const SLICE_RECORDS: usize = 4_096;

/// Records of one range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RangeCount {
    pub records: u64,
    /// Those without a value.
    pub tombstones: u64,
}

/// Counts by partition, start and end of the range.
pub type Counted = BTreeMap<(Partition, i64, i64), RangeCount>;

/// A partition whose ranges are being counted.
struct Lane {
    queue: PartitionQueue<Context>,
    tallies: Tallies,
    /// The end of the last range.
    end: i64,
    is_done: bool,
}

/// The ranges of a partition, by their starts. They overlap where offsets were reset.
struct Tallies {
    ranges: Vec<Range<i64>>,
    /// Of each range the highest end of it and all before.
    reach: Vec<i64>,
    counts: Vec<RangeCount>,
}

impl Tallies {
    fn new(ranges: &[Range<i64>]) -> Self {
        let highest = |reach: &mut i64, range: &Range<i64>| {
            *reach = range.end.max(*reach);
            Some(*reach)
        };
        Self {
            ranges: ranges.to_vec(),
            reach: ranges.iter().scan(i64::MIN, highest).collect(),
            counts: vec![RangeCount::default(); ranges.len()],
        }
    }

    fn take(&mut self, offset: i64, is_tombstone: bool) {
        let after = self.ranges.partition_point(|range| range.start <= offset);
        for at in (0..after).rev().take_while(|at| self.reach[*at] > offset) {
            if offset < self.ranges[at].end {
                self.counts[at].records += 1;
                self.counts[at].tombstones += u64::from(is_tombstone);
            }
        }
    }
}

/// Counts the records of each range, of those that Kafka has as a whole before and after. `told`
/// is called with the number of records that were read since. Blocking.
///
/// # Errors
/// `Unavailable` or `Denied` when the brokers do not answer, or stop to.
pub fn count_records(
    settings: &Settings,
    wanted: &BTreeMap<Partition, Vec<Range<i64>>>,
    mut told: impl FnMut(u64),
) -> Result<Counted, Error> {
    settings.validate()?;
    let probe = Probe::connect(settings)?;
    let known = probe.known(wanted.keys())?;
    let held = held(&probe, &known)?;
    let mut ranges = wanted.clone();
    keep_held(&mut ranges, &held);
    let config = settings.consumer(ranges.len().max(1));
    let client: BaseConsumer<Context> =
        config.create_with_context(Context::default()).map_err(|e| unbuildable(e, &config))?;
    let client = Arc::new(client);
    let mut lanes = assign(&client, &ranges)?;
    let mut silent = 0;
    while lanes.values().any(|lane| !lane.is_done) {
        // Errors of the client as a whole; those of a partition come through its own queue.
        let _ = client.poll(if silent == 0 { Duration::ZERO } else { LOOK });
        let mut read = 0;
        for (partition, lane) in lanes.iter_mut().filter(|(_, lane)| !lane.is_done) {
            read += drain(partition, lane)?;
        }
        told(read);
        silent = if read == 0 { silent + 1 } else { 0 };
        if silent > LOOKS_MAX {
            let open = lanes.iter().find(|(_, lane)| !lane.is_done);
            let name = open.map(|(partition, _)| partition.to_string()).unwrap_or_default();
            let reason = client.context().reason();
            let message = format!("kafka gives no more records of {name}");
            return Err(Error::new(ErrorKind::Unavailable, message).because(reason));
        }
    }
    // What retention took away meanwhile was perhaps not counted.
    keep_held(&mut ranges, &self::held(&probe, &known)?);
    let mut found = Counted::new();
    for (partition, lane) in lanes {
        let Some(start) = ranges.get(&partition).and_then(|r| r.first()).map(|r| r.start) else {
            continue;
        };
        for (range, count) in lane.tallies.ranges.into_iter().zip(lane.tallies.counts) {
            if range.start >= start {
                found.insert((partition.clone(), range.start, range.end), count);
            }
        }
    }
    Ok(found)
}

fn held(probe: &Probe, known: &[Partition]) -> Result<BTreeMap<Partition, Range<i64>>, Error> {
    offsets::available(&probe.client, known, PATIENCE)
        .map_err(|error| failed("reading the offsets", error))
}

/// Leaves the ranges that are held as a whole, in order.
fn keep_held(
    ranges: &mut BTreeMap<Partition, Vec<Range<i64>>>,
    held: &BTreeMap<Partition, Range<i64>>,
) {
    ranges.retain(|partition, ranges| {
        let Some(held) = held.get(partition) else { return false };
        ranges.retain(|r| !r.is_empty() && held.start <= r.start && r.end <= held.end);
        ranges.sort_unstable_by_key(|range| range.start);
        !ranges.is_empty()
    });
}

/// Reads each partition from the start of its first range. Partitions that are assigned by hand
/// join nothing.
fn assign(
    client: &Arc<BaseConsumer<Context>>,
    ranges: &BTreeMap<Partition, Vec<Range<i64>>>,
) -> Result<BTreeMap<Partition, Lane>, Error> {
    let mut list = TopicPartitionList::with_capacity(ranges.len());
    let mut lanes = BTreeMap::new();
    for (partition, ranges) in ranges {
        let tallies = Tallies::new(ranges);
        let (Some(first), Some(end)) = (ranges.first(), tallies.reach.last().copied()) else {
            continue;
        };
        let Partition { kafka_topic, number } = partition;
        list.add_partition_offset(kafka_topic, *number, Offset::Offset(first.start))
            .map_err(|error| failed("choosing where to read", error))?;
        let Some(queue) = client.split_partition_queue(kafka_topic, *number) else {
            let message = format!("{partition}: the client gives no queue for it");
            return Err(Error::new(ErrorKind::Bug, message));
        };
        lanes.insert(partition.clone(), Lane { queue, tallies, end, is_done: false });
    }
    client.assign(&list).map_err(|error| failed("choosing what to read", error))?;
    Ok(lanes)
}

/// Counts what has come of a partition.
fn drain(partition: &Partition, lane: &mut Lane) -> Result<u64, Error> {
    let mut read = 0;
    for _ in 0..SLICE_RECORDS {
        let (offset, is_tombstone) = match lane.queue.poll(Duration::ZERO) {
            None => break,
            Some(Ok(message)) => (message.offset(), message.payload().is_none()),
            // The end was at or beyond the last range's when the count began.
            Some(Err(KafkaError::PartitionEOF(_))) => {
                lane.is_done = true;
                break;
            }
            Some(Err(error)) => return Err(failed(&format!("reading {partition}"), error)),
        };
        lane.tallies.take(offset, is_tombstone);
        lane.is_done = offset + 1 >= lane.end;
        read += 1;
        if lane.is_done {
            break;
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_in_every_range_that_has_its_offset() {
        let mut tallies = Tallies::new(&[0..10, 2..4, 3..12, 20..30]);
        for offset in [0, 3, 9, 10, 12, 19, 29, 30] {
            tallies.take(offset, offset == 3);
        }
        let records: Vec<_> = tallies.counts.iter().map(|c| (c.records, c.tombstones)).collect();
        assert_eq!(records, [(3, 1), (1, 1), (3, 1), (1, 0)]);
    }

    #[test]
    fn only_ranges_that_kafka_has_as_a_whole_are_counted() {
        let partition = |number| Partition::new("t", number);
        let mut ranges: BTreeMap<_, _> = [
            (partition(0), vec![20..30, 0..10, 10..20, 30..41]),
            (partition(1), vec![0..5]),
            (partition(2), vec![3..3]),
        ]
        .into();
        let held = [(partition(0), 5..40), (partition(2), 0..9)].into();
        keep_held(&mut ranges, &held);
        assert_eq!(ranges, [(partition(0), vec![10..20, 20..30])].into());
    }
}
