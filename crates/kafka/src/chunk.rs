//! A chunk under construction: records of one Kafka topic and the offsets they cover.
//!
//! A record is copied once, from librdkafka's buffer to the end of the arena; after that whole
//! chunks move. A topic that has nothing to read holds no memory, for many may match a pattern.
//!
//! Covers are noted once per slice of one partition. They always begin where the last chunk
//! ended for that partition, so gaps in the offsets lie inside them.

use huiliu_model::{Partition, Record, Records};
use rdkafka::Timestamp;
use rdkafka::message::{BorrowedMessage, Message};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Records per chunk at most, so that a chunk of tiny records stays small too.
const RECORDS_MAX: usize = 4_096;
/// Memory of one entry beside its bytes.
pub(crate) const ENTRY_BYTES: usize = size_of::<Record>();

pub(crate) struct Chunk {
    records: Records,
    bytes: usize,
    opened_at: Option<Duration>,
    /// The route that the topic belongs to.
    route: usize,
    /// Bytes and records of the last chunk: the next one will probably be as large.
    expected: (usize, usize),
}

impl Chunk {
    pub(crate) fn new(dataset: Arc<str>, kafka_topic: Arc<str>, route: usize) -> Self {
        let records = Records::new(dataset, kafka_topic);
        Self { records, bytes: 0, opened_at: None, route, expected: (0, 0) }
    }

    pub(crate) fn dataset(&self) -> &Arc<str> {
        &self.records.dataset
    }

    pub(crate) fn kafka_topic(&self) -> &Arc<str> {
        &self.records.kafka_topic
    }

    pub(crate) fn route(&self) -> usize {
        self.route
    }

    /// Copies a record in and returns the size of its key and value.
    pub(crate) fn push(&mut self, message: &BorrowedMessage<'_>) -> usize {
        if self.records.entries.is_empty() {
            let (bytes, records) = self.expected;
            self.records.arena.reserve(bytes);
            self.records.entries.reserve(records);
        }
        let key = message.key().map(|bytes| self.records.store(bytes));
        let value = message.payload().map(|bytes| self.records.store(bytes));
        let size = |range: &Option<Range<u32>>| range.as_ref().map_or(0, ExactSizeIterator::len);
        let stored = size(&key) + size(&value);
        let timestamp_ms = match message.timestamp() {
            Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => ms,
            Timestamp::NotAvailable => 0,
        };
        self.records.entries.push(Record {
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms,
            key,
            value,
        });
        self.bytes += stored + ENTRY_BYTES;
        stored
    }

    /// Accounts for a range of offsets that begins where the partition's last one ended.
    pub(crate) fn cover(&mut self, partition: &Partition, range: Range<i64>, now: Duration) {
        if range.is_empty() {
            return;
        }
        self.opened_at.get_or_insert(now);
        match self.records.covers.0.get_mut(partition) {
            Some(held) => {
                assert_eq!(held.end, range.start, "covers of a partition touch");
                held.end = range.end;
            }
            None => {
                self.records.covers.0.insert(partition.clone(), range);
            }
        }
    }

    /// Nothing is accounted for; a chunk without records may still cover a gap.
    pub(crate) fn is_empty(&self) -> bool {
        self.opened_at.is_none()
    }

    pub(crate) fn is_full(&self, limit_bytes: usize) -> bool {
        self.bytes >= limit_bytes || self.records.entries.len() >= RECORDS_MAX
    }

    pub(crate) fn is_older_than(&self, age: Duration, now: Duration) -> bool {
        self.opened_at.is_some_and(|opened| now.saturating_sub(opened) >= age)
    }

    /// Takes what is there and the bytes it was charged with, and begins anew.
    pub(crate) fn take(&mut self) -> (Records, usize) {
        let fresh = Records {
            dataset: self.records.dataset.clone(),
            kafka_topic: self.records.kafka_topic.clone(),
            ..Records::default()
        };
        self.expected = (self.records.arena.len(), self.records.entries.len());
        self.opened_at = None;
        (std::mem::replace(&mut self.records, fresh), std::mem::take(&mut self.bytes))
    }
}
