//! The fate of each record: accepted with all its rows, or rejected with all of them, once.

use crate::flags::Marks;
use arrow::array::{ArrayRef, DynComparator, make_comparator};
use arrow::compute::SortOptions;
use huiliu_model::{Changes, Reason, Records, Stage, Tally};
use std::cmp::Ordering;

/// A rejected record and the first reason found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rejected {
    pub record: u32,
    pub stage: Stage,
    pub reason: Reason,
    pub column: Option<u16>,
    pub rule: Option<&'static str>,
    pub at: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Fates {
    /// Rows that are accepted, ascending.
    pub kept: Vec<u32>,
    /// One entry per rejected record, ascending.
    pub rejected: Vec<Rejected>,
    accepted: u64,
}

impl Fates {
    /// Decides by the rejects of decoding, then by those of rows in the order they were found.
    pub fn decide(changes: &Changes, marks: &Marks) -> Self {
        let row_count = crate::judge::row_number(changes.rows.len());
        if changes.rejects.is_empty() && marks.rejects.is_empty() {
            let accepted = distinct(changes.rows.iter().map(|row| row.record));
            return Self { kept: (0..row_count).collect(), rejected: Vec::new(), accepted };
        }
        let decoded = changes.rejects.iter().map(|reject| Rejected {
            record: reject.record,
            stage: reject.stage,
            reason: reject.reason,
            column: reject.column,
            rule: None,
            at: reject.at,
        });
        let record_of = |row: u32| changes.rows[row as usize].record;
        let judged = marks.rejects.iter().map(|reject| Rejected {
            record: record_of(reject.row),
            stage: reject.stage,
            reason: reject.reason,
            column: reject.column,
            rule: Some(reject.rule),
            at: None,
        });
        let mut rejected: Vec<Rejected> = decoded.chain(judged).collect();
        // The sort is stable, so what was found first of a record stays first.
        rejected.sort_by_key(|reject| reject.record);
        rejected.dedup_by_key(|reject| reject.record);
        // Rows are in the order of their records.
        let mut ahead = rejected.iter().map(|reject| reject.record).peekable();
        let is_kept = |&row: &u32| {
            let record = record_of(row);
            while ahead.next_if(|&rejected| rejected < record).is_some() {}
            ahead.peek() != Some(&record)
        };
        let kept: Vec<u32> = (0..row_count).filter(is_kept).collect();
        let accepted = distinct(kept.iter().map(|&row| record_of(row)));
        Self { kept, rejected, accepted }
    }

    /// Drops the delete of a key change that changed only how the key was written.
    ///
    /// Decoding compares raw texts; `columns` are the key columns after casting. The update stays.
    pub fn drop_same_key(&mut self, changes: &Changes, columns: &[&ArrayRef]) {
        if changes.rows.iter().all(|row| row.ordinal == 0) {
            return;
        }
        let compare: Vec<DynComparator> = columns
            .iter()
            .map(|c| {
                make_comparator(c.as_ref(), c.as_ref(), SortOptions::default())
                    .expect("a column compares with itself")
            })
            .collect();
        let redundant = |row: u32| {
            let at = row as usize;
            changes.rows.get(at + 1).is_some_and(|next| {
                next.ordinal == 1 && compare.iter().all(|c| c(at, at + 1) == Ordering::Equal)
            })
        };
        self.kept.retain(|&row| !redundant(row));
    }

    /// Accounts for every offset the records cover.
    pub fn tally(&self, records: &Records, changes: &Changes) -> Tally {
        Tally {
            accepted: self.accepted,
            rejected: self.rejected.len() as u64,
            tombstones: changes.skipped.tombstone,
            control: changes.skipped.control,
            gaps: records.covers.offset_count().saturating_sub(records.entries.len() as u64),
        }
    }
}

/// Counts records; the rows of one record lie together.
fn distinct(records: impl Iterator<Item = u32>) -> u64 {
    let mut last = None;
    let mut count = 0;
    for record in records {
        count += u64::from(last.replace(record) != Some(record));
    }
    count
}
