//! The circuit breaker's window: rejects among the newest records of one dataset.
//!
//! Records are counted one by one, in the order in which they were read, tombstones included; so
//! the share does not depend on how the source cuts its chunks. The window holds runs of equal
//! fate and not records: a clean stream is one run however long the window is.
//!
//! It lives in memory and begins anew with each session and after each resolution.

use huiliu_model::contract::StopIf;
use huiliu_model::{Reason, Stage};
use std::collections::{BTreeMap, VecDeque};

/// Reasons named in an incident.
const REASONS_MAX: usize = 3;

type Counts = Vec<(Stage, Reason, u64)>;

/// The newest records of one dataset.
pub struct Window {
    limit: StopIf,
    /// Length and fate, oldest first; neighbours differ.
    runs: VecDeque<Run>,
    records: u64,
    rejected: u64,
    /// Records and reasons of the chunks that reach into the window.
    chunks: VecDeque<(u64, Counts)>,
    chunk_records: u64,
}

struct Run {
    records: u64,
    rejected: bool,
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub rejected: u64,
    pub records: u64,
}

impl Window {
    pub fn new(limit: StopIf) -> Self {
        Self {
            limit,
            runs: VecDeque::new(),
            records: 0,
            rejected: 0,
            chunks: VecDeque::new(),
            chunk_records: 0,
        }
    }

    pub fn limit(&self) -> StopIf {
        self.limit
    }

    /// Adds a chunk of `records`; `rejected` are indices into it, ascending. Says where the limit
    /// was passed first, if it was.
    pub fn add(&mut self, records: u32, rejected: &[u32], reasons: &Counts) -> Option<Passed> {
        self.note(u64::from(records), reasons);
        let (mut next, mut passed) = (0, None);
        for &at in rejected {
            self.push(u64::from(at.saturating_sub(next)), false);
            self.push(1, true);
            next = at + 1;
            if passed.is_none() && self.is_over() {
                passed = Some(Passed { rejected: self.rejected, records: self.records });
            }
        }
        self.push(u64::from(records.saturating_sub(next)), false);
        passed
    }

    /// The most frequent reasons of the chunks that reach into the window, falling.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        let mut sums: BTreeMap<Reason, u64> = BTreeMap::new();
        for (_, reason, count) in self.chunks.iter().flat_map(|(_, counts)| counts) {
            *sums.entry(*reason).or_default() += count;
        }
        let mut sums: Vec<(Reason, u64)> = sums.into_iter().collect();
        sums.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
        sums.truncate(REASONS_MAX);
        sums.into_iter().map(|(reason, count)| (reason.label().to_owned(), count)).collect()
    }

    #[allow(clippy::cast_precision_loss, reason = "a window has at most a million records")]
    fn is_over(&self) -> bool {
        self.records >= self.limit.seen_min()
            && self.rejected as f64 > self.limit.rejects_over * self.records as f64
    }

    fn push(&mut self, records: u64, rejected: bool) {
        if records == 0 {
            return;
        }
        match self.runs.back_mut() {
            Some(run) if run.rejected == rejected => run.records += records,
            _ => self.runs.push_back(Run { records, rejected }),
        }
        self.records += records;
        self.rejected += if rejected { records } else { 0 };
        while self.records > self.limit.of_last {
            let excess = self.records - self.limit.of_last;
            let Some(run) = self.runs.front_mut() else { return };
            let gone = excess.min(run.records);
            run.records -= gone;
            self.records -= gone;
            self.rejected -= if run.rejected { gone } else { 0 };
            if run.records == 0 {
                self.runs.pop_front();
            }
        }
    }

    fn note(&mut self, records: u64, reasons: &Counts) {
        self.chunks.push_back((records, reasons.clone()));
        self.chunk_records += records;
        while let Some((oldest, _)) = self.chunks.front()
            && self.chunk_records - oldest >= self.limit.of_last
        {
            self.chunk_records -= oldest;
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(of_last: u64) -> Window {
        Window::new(StopIf { rejects_over: 0.2, of_last })
    }

    #[test]
    fn nothing_stops_before_a_thousand_records_were_seen() {
        let mut window = window(10_000);
        let all: Vec<u32> = (0..999).collect();
        assert_eq!(window.add(999, &all, &vec![]), None);
        assert_eq!(window.add(1, &[0], &vec![]), Some(Passed { rejected: 1_000, records: 1_000 }));
    }

    #[test]
    fn a_window_shorter_than_a_thousand_must_be_full() {
        let mut window = window(10);
        assert_eq!(window.add(9, &[0, 1, 2], &vec![]), None);
        // The tenth is the third reject of ten: 30%.
        assert_eq!(window.add(1, &[], &vec![]), None, "only a reject can pass the limit");
        assert_eq!(window.add(1, &[0], &vec![]), Some(Passed { rejected: 3, records: 10 }));
    }

    #[test]
    fn exactly_the_limit_is_not_over_it() {
        let mut window = window(1_000);
        let fifth: Vec<u32> = (0..1_000).step_by(5).collect();
        assert_eq!(window.add(1_000, &fifth, &vec![]), None, "200 of 1000");
        // The oldest record, a reject, leaves; a reject comes: still 200.
        assert_eq!(window.add(1, &[0], &vec![]), None);
        // The next that leaves is clean: 201 of 1000.
        assert_eq!(window.add(1, &[0], &vec![]), Some(Passed { rejected: 201, records: 1_000 }));
    }

    #[test]
    fn a_burst_inside_a_large_clean_chunk_is_seen() {
        let mut window = window(1_000);
        let burst: Vec<u32> = (50_000..50_300).collect();
        let passed = window.add(100_000, &burst, &vec![]);
        assert_eq!(passed, Some(Passed { rejected: 201, records: 1_000 }));
    }

    #[test]
    fn old_rejects_leave_the_window() {
        let mut window = window(1_000);
        let early: Vec<u32> = (0..200).collect();
        assert_eq!(window.add(2_000, &early, &vec![]), None, "they were 200 of 1000 at most");
        assert_eq!(window.add(1_000, &early, &vec![]), None, "the early ones are gone");
    }

    #[test]
    fn the_most_frequent_reasons_come_first_and_old_chunks_are_forgotten() {
        let mut window = window(1_000);
        let of = |reason, count| (Stage::Decode, reason, count);
        window.add(1_000, &[0], &vec![of(Reason::Empty, 900)]);
        let newer = vec![
            of(Reason::NotJson, 7),
            of(Reason::NotUtf8, 9),
            of(Reason::TooDeep, 7),
            of(Reason::TooLarge, 1),
        ];
        window.add(1_000, &[0], &newer);
        let expected = [("NOT_UTF8", 9), ("NOT_JSON", 7), ("TOO_DEEP", 7)];
        assert_eq!(window.reasons(), expected.map(|(reason, n)| (reason.to_owned(), n)));
    }
}
