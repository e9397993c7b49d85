//! Records as they came from Kafka: one contiguous arena of bytes and one entry per record.
//!
//! All records of a [`Records`] belong to one dataset. Key and value bytes are copied once, out
//! of the client library's buffers, so that the library's memory is freed at once and decoding
//! may borrow from the arena. The arena never exceeds [`Records::ARENA_BYTES_MAX`].

use crate::progress::Covers;
use crate::reject::Reject;
use std::ops::Range;
use std::sync::Arc;

/// One record: where it came from and where its bytes lie in the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// Kafka's record time, milliseconds since 1970 UTC.
    pub timestamp_ms: i64,
    pub key: Option<Range<u32>>,
    /// `None` is a tombstone: a record without a value.
    pub value: Option<Range<u32>>,
}

/// Records of one dataset, in the order of each partition.
#[derive(Debug, Clone, Default)]
pub struct Records {
    pub dataset: Arc<str>,
    pub kafka_topic: Arc<str>,
    pub arena: Vec<u8>,
    pub entries: Vec<Record>,
    /// Offsets these records account for; wider than the entries where offsets are missing
    /// (control records, compaction).
    pub covers: Covers,
    /// Entries that the source itself found broken (a row of a file that does not fall into
    /// fields), by ascending entry, at most one each. They are not decoded; their value is kept.
    pub faults: Vec<Reject>,
}

impl Records {
    /// Positions in the arena are `u32`; a chunk stays far below that.
    pub const ARENA_BYTES_MAX: usize = 1 << 30;

    pub fn new(dataset: Arc<str>, kafka_topic: Arc<str>) -> Self {
        Self { dataset, kafka_topic, ..Self::default() }
    }

    /// Appends bytes to the arena and returns where they lie.
    ///
    /// # Panics
    /// When the arena would pass [`Self::ARENA_BYTES_MAX`]; callers cut chunks long before.
    pub fn store(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.arena.len();
        assert!(start + bytes.len() <= Self::ARENA_BYTES_MAX, "a chunk is cut before this size");
        self.arena.extend_from_slice(bytes);
        let at = |n: usize| u32::try_from(n).expect("the arena is bounded below 2^32");
        at(start)..at(self.arena.len())
    }

    pub fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.arena[range.start as usize..range.end as usize]
    }

    pub fn value(&self, record: &Record) -> Option<&[u8]> {
        record.value.as_ref().map(|r| self.slice(r))
    }

    pub fn key(&self, record: &Record) -> Option<&[u8]> {
        record.key.as_ref().map(|r| self.slice(r))
    }
}
