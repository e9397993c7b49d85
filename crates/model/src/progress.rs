//! Positions: which Kafka offsets a table already holds, and which a commit adds.
//!
//! Progress is recorded in the table itself, per partition, as the first offset that is not yet
//! durable. A batch says what it [`Covers`]; it may be committed only where the recorded
//! progress equals the start of its covers.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One partition of a Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    pub kafka_topic: Arc<str>,
    pub number: i32,
}

impl Partition {
    pub fn new(kafka_topic: impl Into<Arc<str>>, number: i32) -> Self {
        Self { kafka_topic: kafka_topic.into(), number }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kafka_topic, self.number)
    }
}

/// Per partition, the first offset not yet durable. A partition that is absent has none recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress(pub BTreeMap<Partition, i64>);

impl Progress {
    pub fn get(&self, partition: &Partition) -> Option<i64> {
        self.0.get(partition).copied()
    }

    pub fn set(&mut self, partition: Partition, next_offset: i64) {
        self.0.insert(partition, next_offset);
    }
}

/// Half-open offset ranges, at most one per partition, that one batch accounts for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Covers(pub BTreeMap<Partition, Range<i64>>);

impl Covers {
    /// Number of offsets covered, gaps (control and compacted records) included.
    pub fn offset_count(&self) -> u64 {
        self.0.values().map(|r| r.end.saturating_sub(r.start).unsigned_abs()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().all(Range::is_empty)
    }

    /// Appends the ranges of `next`, which must begin where ours end.
    ///
    /// # Errors
    /// The partition and both positions when the ranges do not touch; nothing is changed then.
    pub fn append(&mut self, next: &Covers) -> Result<(), String> {
        for (partition, range) in &next.0 {
            if let Some(held) = self.0.get(partition)
                && held.end != range.start
            {
                return Err(format!(
                    "{partition}: batch ends at {} but the next records start at {}",
                    held.end, range.start
                ));
            }
        }
        for (partition, range) in &next.0 {
            self.0
                .entry(partition.clone())
                .and_modify(|held| held.end = range.end)
                .or_insert_with(|| range.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(ranges: &[(i32, i64, i64)]) -> Covers {
        Covers(ranges.iter().map(|(p, s, e)| (Partition::new("t", *p), *s..*e)).collect())
    }

    #[test]
    fn touching_ranges_are_joined_and_new_partitions_added() {
        let mut held = covers(&[(0, 0, 10)]);
        held.append(&covers(&[(0, 10, 12), (1, 5, 6)])).expect("they touch");
        assert_eq!(held, covers(&[(0, 0, 12), (1, 5, 6)]));
        assert_eq!(held.offset_count(), 13);
    }

    #[test]
    fn a_hole_between_ranges_is_refused_and_changes_nothing() {
        let mut held = covers(&[(0, 0, 10), (1, 0, 1)]);
        let message = held.append(&covers(&[(1, 1, 2), (0, 11, 12)])).expect_err("a hole");
        assert_eq!(message, "t/0: batch ends at 10 but the next records start at 11");
        assert_eq!(held, covers(&[(0, 0, 10), (1, 0, 1)]));
    }
}
