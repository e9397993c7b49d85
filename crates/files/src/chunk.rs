//! A chunk under construction: rows of one file and the offsets they cover.

use huiliu_model::{Partition, Reason, Record, Records, Reject, Stage};
use std::sync::Arc;

/// A chunk is handed over when its rows hold this much, as Kafka's.
const BYTES_MAX: usize = 1 << 20;
/// Rows per chunk at most, so that a chunk of tiny rows stays small too.
const ROWS_MAX: usize = 4_096;

pub(crate) struct Chunk {
    partition: Partition,
    records: Records,
    /// Offset of the first row, and of the row that comes next.
    first: i64,
    next: i64,
    timestamp_ms: i64,
}

/// A row that does not hold what it should, and the byte of it where that shows.
pub(crate) type Fault = (Reason, Option<usize>);

impl Chunk {
    pub fn new(dataset: Arc<str>, partition: Partition, first: i64, timestamp_ms: i64) -> Self {
        let records = Records::new(dataset, partition.kafka_topic.clone());
        Self { partition, records, first, next: first, timestamp_ms }
    }

    /// Where the value of the next row is written.
    pub fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.records.arena
    }

    /// Where the value of the next row begins.
    pub fn mark(&self) -> usize {
        self.records.arena.len()
    }

    /// Takes what the arena holds from `mark` on for the value of one row.
    pub fn end_row(&mut self, mark: usize, fault: Option<Fault>) {
        let narrow = |at: usize| u32::try_from(at).expect("a chunk is cut far below 2^32 bytes");
        if let Some((reason, at)) = fault {
            self.records.faults.push(Reject {
                record: narrow(self.records.entries.len()),
                stage: Stage::Decode,
                reason,
                column: None,
                at: at.map(narrow),
            });
        }
        self.records.entries.push(Record {
            partition: self.partition.number,
            offset: self.next,
            timestamp_ms: self.timestamp_ms,
            key: None,
            value: Some(narrow(mark)..narrow(self.records.arena.len())),
        });
        self.next += 1;
    }

    /// Keeps the bytes of a row that is broken as a whole.
    pub fn broken_row(&mut self, mark: usize, bytes: &[u8], fault: Fault) {
        self.records.arena.truncate(mark);
        self.records.arena.extend_from_slice(bytes);
        self.end_row(mark, Some(fault));
    }

    pub fn is_empty(&self) -> bool {
        self.records.entries.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.charge() >= BYTES_MAX || self.records.entries.len() >= ROWS_MAX
    }

    /// Bytes it is charged with: values and entries.
    pub fn charge(&self) -> usize {
        self.records.arena.len() + self.records.entries.len() * size_of::<Record>()
    }

    /// Offset of the row that comes next.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Takes the rows and begins anew behind them.
    pub fn take(&mut self) -> Records {
        let mut fresh =
            Records::new(self.records.dataset.clone(), self.partition.kafka_topic.clone());
        // The next chunk will probably be as large as this one.
        fresh.arena.reserve(self.records.arena.len());
        fresh.entries.reserve(self.records.entries.len());
        let mut records = std::mem::replace(&mut self.records, fresh);
        records.covers.0.insert(self.partition.clone(), self.first..self.next);
        self.first = self.next;
        records
    }
}
