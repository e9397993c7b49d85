//! Keeps a publisher from running ahead of the reader.
//!
//! librdkafka's mock broker drops the oldest records of a partition beyond 5 MiB or 100,000
//! records. A pacer counts what was published per partition, is told what the reader has made
//! durable, and lets the publisher wait while more than its bounds is outstanding. It assumes
//! that the partitions were empty and have no other writer.

use huiliu_model::Progress;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the mock broker keeps is 5 MiB; batch headers and what is in flight need room.
const OUTSTANDING_BYTES: u64 = 2 << 20;
/// The mock broker keeps 100,000 records.
const OUTSTANDING_RECORDS: i64 = 40_000;
/// A batch header and a record's own, roughly.
const RECORD_OVERHEAD_BYTES: u64 = 70;
/// Records between two marks of how many bytes lie before an offset.
const MARK_EVERY: i64 = 64;

/// Shared between the publisher and whoever knows the reader's progress; cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Pacer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<String, HashMap<i32, Lane>>,
    is_closed: bool,
}

/// One partition.
#[derive(Debug, Default)]
struct Lane {
    published: i64,
    published_bytes: u64,
    consumed: i64,
    consumed_bytes: u64,
    /// Offset, and bytes published before it.
    marks: VecDeque<(i64, u64)>,
}

impl Pacer {
    /// A pacer for the mock broker: 2 MiB or 40,000 records outstanding per partition.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells what the reader no longer needs: per partition, its first offset not yet durable.
    pub fn durable(&self, progress: &Progress) {
        let mut state = self.state();
        for (partition, next_offset) in &progress.0 {
            if let Some(lane) = state
                .lanes
                .get_mut(&*partition.kafka_topic)
                .and_then(|lanes| lanes.get_mut(&partition.number))
            {
                lane.consume(*next_offset);
            }
        }
        drop(state);
        self.shared.moved.notify_all();
    }

    /// Lets waiting publishers go with an error; for an orderly stop.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.shared.moved.notify_all();
    }

    /// Records that were published and are not yet durable.
    pub fn outstanding(&self) -> i64 {
        let state = self.state();
        let lanes = state.lanes.values().flat_map(HashMap::values);
        lanes.map(|lane| lane.published - lane.consumed).sum()
    }

    /// Waits until a record fits, and counts it.
    pub(crate) fn admit(
        &self,
        kafka_topic: &str,
        partition: i32,
        bytes: usize,
        patience: Duration,
    ) -> Admission {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return Admission::Closed;
            }
            let lane = state.lane(kafka_topic, partition);
            if lane.has_room() {
                lane.publish(bytes as u64 + RECORD_OVERHEAD_BYTES);
                return Admission::Granted;
            }
            let (again, waited) = self
                .shared
                .moved
                .wait_timeout(state, patience)
                .unwrap_or_else(PoisonError::into_inner);
            state = again;
            if waited.timed_out() && !state.lane(kafka_topic, partition).has_room() {
                return Admission::TooSlow;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Granted,
    Closed,
    /// Nothing moved for as long as the publisher would wait.
    TooSlow,
}

impl State {
    fn lane(&mut self, kafka_topic: &str, partition: i32) -> &mut Lane {
        if !self.lanes.contains_key(kafka_topic) {
            self.lanes.insert(kafka_topic.to_owned(), HashMap::new());
        }
        let lanes = self.lanes.get_mut(kafka_topic).expect("it was inserted above");
        lanes.entry(partition).or_default()
    }
}

impl Lane {
    fn has_room(&self) -> bool {
        self.published - self.consumed < OUTSTANDING_RECORDS
            && self.published_bytes - self.consumed_bytes < OUTSTANDING_BYTES
    }

    fn publish(&mut self, bytes: u64) {
        if self.published % MARK_EVERY == 0 {
            self.marks.push_back((self.published, self.published_bytes));
        }
        self.published += 1;
        self.published_bytes += bytes;
    }

    fn consume(&mut self, next_offset: i64) {
        self.consumed = self.consumed.max(next_offset.min(self.published));
        while let Some(&(offset, bytes_before)) = self.marks.front() {
            if offset > self.consumed {
                break;
            }
            self.consumed_bytes = bytes_before;
            self.marks.pop_front();
        }
        if self.consumed == self.published {
            self.consumed_bytes = self.published_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::Partition;

    const NOW: Duration = Duration::from_millis(1);

    fn progress(next_offset: i64) -> Progress {
        Progress([(Partition::new("t", 0), next_offset)].into())
    }

    #[test]
    fn a_publisher_waits_at_two_mebibytes_and_goes_on_when_they_are_durable() {
        let pacer = Pacer::new();
        // 1,954 bytes each: with 70 of overhead 2,024 bytes; 2,097,152 / 2,024 = 1,036.1.
        for _ in 0..1_037 {
            assert_eq!(pacer.admit("t", 0, 1_954, NOW), Admission::Granted);
        }
        assert_eq!(pacer.admit("t", 0, 1_954, NOW), Admission::TooSlow);
        assert_eq!(pacer.admit("t", 1, 1_954, NOW), Admission::Granted, "another partition");
        pacer.durable(&progress(500));
        // 500 lies behind the mark at 448 (7 · 64): at least 448 records fit again.
        for _ in 0..448 {
            assert_eq!(pacer.admit("t", 0, 1_954, NOW), Admission::Granted);
        }
        assert_eq!(pacer.outstanding(), 1_037 + 448 - 500 + 1);
    }

    #[test]
    fn the_overhead_of_small_records_is_counted() {
        let pacer = Pacer::new();
        // 29,959 · 70 bytes are 2,097,130, still below 2 MiB; one more is not.
        for _ in 0..29_960 {
            assert_eq!(pacer.admit("t", 0, 0, NOW), Admission::Granted);
        }
        assert_eq!(pacer.admit("t", 0, 0, NOW), Admission::TooSlow);
        pacer.durable(&progress(29_960));
        assert_eq!(pacer.admit("t", 0, 0, NOW), Admission::Granted);
    }

    #[test]
    fn a_closed_pacer_lets_everyone_go() {
        let pacer = Pacer::new();
        pacer.close();
        assert_eq!(pacer.admit("t", 0, 1, NOW), Admission::Closed);
    }
}
