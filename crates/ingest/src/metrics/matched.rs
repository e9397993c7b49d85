//! Offsets of the partitions whose topics match a pattern, summed for one series per pattern.
//!
//! A label must come from a closed set. The names of topics that appear while running are none, so
//! the pattern stands for them, with the partition `all`; `huiliu status` and `huiliu offsets
//! show` tell every partition. What is revoked leaves the sums.

use huiliu_model::{KafkaTopics, Partition, TopicPattern};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Label `partition` of a sum.
pub const ALL: &str = "all";

#[derive(Debug, Default)]
pub struct Matched(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    patterns: Vec<TopicPattern>,
    partitions: BTreeMap<Partition, Offsets>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Offsets {
    end: i64,
    durable: i64,
}

/// Sums over the partitions of one pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub end: i64,
    pub durable: i64,
    pub lag: i64,
}

impl Matched {
    pub fn declare<'a>(&self, topics: impl Iterator<Item = &'a KafkaTopics>) {
        let patterns = topics.filter_map(|topics| match topics {
            KafkaTopics::One(_) => None,
            KafkaTopics::Matching(pattern) => Some(pattern.clone()),
        });
        // A session begins with nothing assigned.
        *self.state() = State { patterns: patterns.collect(), partitions: BTreeMap::new() };
    }

    /// The pattern that a partition's topic matches, if it is not read by name.
    pub fn pattern(&self, partition: &Partition) -> Option<Arc<str>> {
        self.state().pattern(partition)
    }

    /// Notes the first offset that is not durable, and says whose sums it changes.
    pub fn durable(&self, partition: &Partition, next_offset: i64) -> Option<Arc<str>> {
        let mut state = self.state();
        let pattern = state.pattern(partition)?;
        state.partitions.entry(partition.clone()).or_default().durable = next_offset;
        Some(pattern)
    }

    /// Notes ends, and says whose sums they change.
    pub fn ends(&self, ends: &BTreeMap<Partition, i64>) -> BTreeSet<Arc<str>> {
        let mut state = self.state();
        let mut changed = BTreeSet::new();
        for (partition, end) in ends {
            if let Some(pattern) = state.pattern(partition) {
                state.partitions.entry(partition.clone()).or_default().end = *end;
                changed.insert(pattern);
            }
        }
        changed
    }

    pub fn forget(&self, partition: &Partition) {
        self.state().partitions.remove(partition);
    }

    pub fn sums(&self, pattern: &str) -> Sums {
        let state = self.state();
        let mut sums = Sums::default();
        for (partition, offsets) in &state.partitions {
            if state.pattern(partition).as_deref() == Some(pattern) {
                sums.end += offsets.end;
                sums.durable += offsets.durable;
                sums.lag += (offsets.end - offsets.durable).max(0);
            }
        }
        sums
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pattern(&self, partition: &Partition) -> Option<Arc<str>> {
        let found = self.patterns.iter().find(|p| p.matches(&partition.kafka_topic))?;
        Some(found.text().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_a_pattern_are_summed_until_they_are_revoked() {
        let matched = Matched::default();
        let pattern = TopicPattern::parse(r"^bill\.[a-z]+$").expect("a pattern");
        matched.declare([KafkaTopics::Matching(pattern), "reading".into()].iter());
        let (east, west) = (Partition::new("bill.east", 0), Partition::new("bill.west", 3));
        assert_eq!(matched.durable(&east, 10).as_deref(), Some(r"^bill\.[a-z]+$"));
        assert_eq!(matched.durable(&west, 5).as_deref(), Some(r"^bill\.[a-z]+$"));
        assert_eq!(matched.durable(&Partition::new("reading", 0), 7), None);
        let ends = [(east.clone(), 12), (west, 4), (Partition::new("reading", 0), 9)].into();
        assert_eq!(matched.ends(&ends).len(), 1);
        // An end that is older than what is durable is no lag.
        let sums = matched.sums(r"^bill\.[a-z]+$");
        assert_eq!(sums, Sums { end: 16, durable: 15, lag: 2 });
        matched.forget(&east);
        let sums = matched.sums(r"^bill\.[a-z]+$");
        assert_eq!(sums, Sums { end: 4, durable: 5, lag: 0 });
    }
}
