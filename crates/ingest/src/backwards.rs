//! Sequences that go back: a source that failed over to a replica with a log of its own.
//!
//! A partition carries changes in the order of its source's log. A connector that starts again
//! writes some of them once more and then passes where it was; after a fail-over the log begins
//! low and stays there, and every change loses against what is recorded. The two look alike at
//! first, so it is said after [`BEHIND_MAX`] changes in a row, once, as a warning: a person knows
//! which it is. Kept in memory only: what a process that starts has not seen, it cannot compare.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_model::system;
use std::collections::BTreeMap;

/// Changes in a row below the highest sequence of their partition.
const BEHIND_MAX: u64 = 10_000;

#[derive(Debug, Default)]
pub struct Backwards {
    /// By Kafka topic, then partition.
    topics: BTreeMap<String, BTreeMap<i32, Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The highest epoch and sequence.
    highest: (i64, i64),
    behind: u64,
    is_said: bool,
}

/// What a partition shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Behind {
    pub partition: i32,
    pub highest: i64,
    pub now: i64,
}

impl Backwards {
    /// Looks at accepted rows of one Kafka topic, as they come; snapshot reads tell nothing.
    pub fn see(&mut self, rows: &RecordBatch) -> Option<Behind> {
        let long = |name: &str| Some(rows.column_by_name(name)?.as_primitive::<Int64Type>());
        let int = |name: &str| Some(rows.column_by_name(name)?.as_primitive::<Int32Type>());
        let (epochs, seqs) = (long(system::EPOCH)?, long(system::SEQ)?);
        let (ranks, partitions) = (int(system::RANK)?, int(system::PARTITION)?);
        let topics = rows.column_by_name(system::KAFKA_TOPIC)?.as_string::<i32>();
        let topic = topics.iter().next().flatten().unwrap_or_default();
        let seen_of = self.topics.entry(topic.to_owned()).or_default();
        let mut found = None;
        for row in (0..rows.num_rows()).filter(|&row| ranks.value(row) > 0) {
            let (at, partition) = ((epochs.value(row), seqs.value(row)), partitions.value(row));
            let seen =
                seen_of.entry(partition).or_insert_with(|| Seen { highest: at, ..Seen::default() });
            if at >= seen.highest {
                *seen = Seen { highest: at, ..Seen::default() };
                continue;
            }
            seen.behind += 1;
            if seen.behind >= BEHIND_MAX && !seen.is_said {
                seen.is_said = true;
                found = Some(Behind { partition, highest: seen.highest.1, now: at.1 });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_testkit::{RowSpec, change_rows};

    fn rows(op: &'static str, seqs: impl Iterator<Item = i64>) -> RecordBatch {
        let row = |seq| RowSpec { op, key: "a", status: "", seq, offset: 0, bucket: 0, day: 1 };
        change_rows(&seqs.map(row).collect::<Vec<_>>())
    }

    #[test]
    fn a_log_that_stays_behind_is_said_once() {
        let mut backwards = Backwards::default();
        assert_eq!(backwards.see(&rows("u", 50_000..60_000)), None);
        assert_eq!(backwards.see(&rows("u", 0..9_999)), None);
        let found = Behind { partition: 0, highest: 59_999, now: 9_999 };
        assert_eq!(backwards.see(&rows("u", 9_999..10_001)), Some(found));
        assert_eq!(backwards.see(&rows("u", 10_001..40_000)), None);
    }

    #[test]
    fn a_connector_that_catches_up_and_a_snapshot_are_no_fail_over() {
        let mut backwards = Backwards::default();
        assert_eq!(backwards.see(&rows("u", 50_000..60_000)), None);
        assert_eq!(backwards.see(&rows("u", 55_000..60_001)), None);
        assert_eq!(backwards.see(&rows("u", 52_000..60_002)), None);
        assert_eq!(backwards.see(&rows("r", 0..20_000)), None);
    }
}
