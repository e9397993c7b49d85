//! Judge: what a cell's outcome means for its row.
//!
//! A row is rejected only if a key column is missing or unusable, if a rule with
//! `on_fail: reject` fails, or if its event time cannot be used. Every other failure leaves a
//! null or the value as delivered, with a flag. Of a delete only the key is judged.
//!
//! ```text
//! outcome of a cell     key column     on_fail null   on_fail warn   on_fail reject
//! failed a rule         reject         null + flag    value + flag   reject
//! means null + reason   reject         null + flag    null + flag    null + flag
//! an open end           reject         null + flag    null + flag    null + flag
//! absent, required      reject         null + flag    null + flag    null + flag
//! absent                reject         null           null           null
//! not sent              reject         null + flag    null + flag    null + flag
//! warned                value + flag   value + flag   value + flag   value + flag
//! ```

mod across;
mod plan;
mod position;
mod relation;

pub(crate) use across::{across, shanghai_day};
pub(crate) use plan::{Bounds, Plan, TextTest};
pub(crate) use position::{CONVERTED, DATUM, SWAPPED};

use crate::flags::{Mark, Marks, Misfit, Raw, RowReject, UNAVAILABLE};
use crate::rule::Flags;
use huiliu_model::contract::OnFail;
use huiliu_model::{Reason, Score, Stage};

/// What one cell turned out to be.
pub(crate) enum Verdict<T> {
    Value {
        value: T,
        /// The delivered text was not the value itself: it was repaired or converted.
        fixed: bool,
        flags: Option<Flags>,
        /// A flag of a rule that only remarks.
        remark: Option<&'static str>,
    },
    /// Missing or null as delivered.
    Absent,
    /// Delivered, but it means null; a reason makes it a finding.
    Cleared(Option<Reason>),
    /// Null with a meaning of its own, which the label tells; no key can have it.
    Understood(&'static str),
    Failed(Failure<T>),
    /// The source did not send it; what is known stays.
    Unavailable,
}

pub(crate) struct Failure<T> {
    pub stage: Stage,
    pub reason: Reason,
    /// Name of the rule, for quarantine.
    pub rule: &'static str,
    /// The value to keep under `on_fail: warn`; none when it has no typed form.
    pub kept: Option<T>,
}

impl<T> Verdict<T> {
    pub fn clean(value: T) -> Self {
        Self::Value { value, fixed: false, flags: None, remark: None }
    }

    pub fn fixed(value: T) -> Self {
        Self::Value { value, fixed: true, flags: None, remark: None }
    }

    /// A value that has no form in the column's type.
    pub fn untyped(reason: Reason) -> Self {
        Self::Failed(Failure { stage: Stage::Cast, reason, rule: "type", kept: None })
    }

    /// Tests and changes a value; other verdicts stay.
    pub fn test(self, test: impl FnOnce(T) -> Tested<T>) -> Self {
        let Self::Value { value, fixed, flags, remark } = self else { return self };
        match test(value) {
            Tested::Passed(value) => Self::Value { value, fixed, flags, remark },
            Tested::Changed(value) => Self::Value { value, fixed: true, flags, remark },
            Tested::Remarked(value, label) => {
                Self::Value { value, fixed, flags, remark: Some(label) }
            }
            Tested::Failed { reason, rule, value } => {
                Self::Failed(Failure { stage: Stage::Judge, reason, rule, kept: Some(value) })
            }
        }
    }
}

pub(crate) enum Tested<T> {
    Passed(T),
    Changed(T),
    /// Passed, with a flag.
    Remarked(T, &'static str),
    Failed {
        reason: Reason,
        rule: &'static str,
        value: T,
    },
}

/// Settles the cells of one column, one after the other.
pub(crate) struct Bench<'a> {
    plan: &'a Plan,
    /// By row; empty when the chunk has no delete.
    deletes: &'a [bool],
    marks: &'a mut Marks,
    /// By set of rows.
    scores: Vec<Score>,
    /// Whether all rows are in one set, and none is a delete.
    is_alike: bool,
    /// Clean cells of the last set, beside those in its score.
    clean_count: u64,
}

impl<'a> Bench<'a> {
    pub fn new(plan: &'a Plan, deletes: &'a [bool], marks: &'a mut Marks) -> Self {
        let scores = vec![Score::default(); marks.scores.len()];
        let is_alike = deletes.is_empty() && marks.is_one_set();
        Self { plan, deletes, marks, scores, is_alike, clean_count: 0 }
    }

    /// The value to write for a cell; findings are noted.
    #[inline]
    pub fn settle<T>(&mut self, row: usize, verdict: Verdict<T>) -> Option<T> {
        if !self.plan.key && self.deletes.get(row).copied().unwrap_or(false) {
            return self.image_of_delete(verdict);
        }
        match verdict {
            Verdict::Value { value, fixed, flags, remark } => {
                // Partly masked at the source: neither passed nor failed (不予计分).
                // A personal number that was masked is no fault of the value's form.
                let is = |flag: Flags| flags.is_some_and(|flags| flags.contains(flag));
                let as_delivered = !fixed || is(Flags::PII_MASKED);
                if !is(Flags::MASKED) {
                    self.score(row).count(as_delivered, true);
                }
                if fixed {
                    self.changed(row, as_delivered);
                }
                if flags.is_some() || remark.is_some() {
                    self.remark(row, flags.unwrap_or_default(), remark);
                }
                Some(value)
            }
            Verdict::Absent => {
                self.absent(row);
                None
            }
            other => self.odd(row, other),
        }
    }

    /// Counts a cell that is stored as delivered and of which nothing is found.
    #[inline]
    pub fn clean(&mut self, row: usize) {
        if self.is_alike {
            self.clean_count += 1;
        } else if self.plan.key || !self.deletes.get(row).copied().unwrap_or(false) {
            self.score(row).count(true, true);
        }
    }

    #[inline]
    fn score(&mut self, row: usize) -> &mut Score {
        let set = self.marks.set_of(row);
        &mut self.scores[set]
    }

    fn changed(&mut self, row: usize, as_delivered: bool) {
        if !as_delivered {
            self.marks.failed_raw(row, true);
        }
        self.keep_raw(row);
    }

    fn keep_raw(&mut self, row: usize) {
        self.marks.raws.push(Raw { row: row_number(row), column: self.plan.index });
    }

    /// Counts a cell that did not pass as delivered.
    fn failed_raw(&mut self, row: usize, after: bool) {
        self.score(row).count(false, after);
        self.marks.failed_raw(row, after);
    }

    #[cold]
    fn remark(&mut self, row: usize, flags: Flags, remark: Option<&'static str>) {
        for label in flags.iter().chain(remark) {
            self.flag(row, label);
        }
    }

    fn absent(&mut self, row: usize) {
        if self.plan.key {
            self.failed_raw(row, false);
            self.reject(row, Stage::Judge, Reason::KeyMissing, "required");
        } else if self.plan.required {
            self.failed_raw(row, false);
            self.flag(row, Reason::Required.label());
        }
    }

    #[cold]
    fn odd<T>(&mut self, row: usize, verdict: Verdict<T>) -> Option<T> {
        match verdict {
            Verdict::Cleared(reason) => self.cleared(row, reason),
            Verdict::Understood(_) if self.plan.key => {
                self.cleared(row, Some(Reason::Placeholder));
            }
            Verdict::Understood(label) => {
                self.failed_raw(row, true);
                self.keep_raw(row);
                self.flag(row, label);
            }
            Verdict::Unavailable if self.plan.key => {
                self.reject(row, Stage::Judge, Reason::Unavailable, "required");
            }
            Verdict::Unavailable => self.flag(row, UNAVAILABLE),
            Verdict::Failed(failure) => return self.failed(row, failure),
            Verdict::Value { value, .. } => return Some(value),
            Verdict::Absent => {}
        }
        None
    }

    fn cleared(&mut self, row: usize, reason: Option<Reason>) {
        if self.plan.key {
            self.failed_raw(row, false);
            self.reject(row, Stage::Judge, reason.unwrap_or(Reason::KeyMissing), "required");
            return;
        }
        // Masked at the source: as above.
        if reason != Some(Reason::Masked) {
            self.failed_raw(row, !self.plan.required);
        }
        self.keep_raw(row);
        match reason {
            Some(reason) => self.flag(row, reason.label()),
            None if self.plan.required => self.flag(row, Reason::Required.label()),
            None => {}
        }
    }

    fn failed<T>(&mut self, row: usize, failure: Failure<T>) -> Option<T> {
        self.failed_raw(row, false);
        if failure.stage == Stage::Cast {
            let (column, reason) = (self.plan.index, failure.reason);
            self.marks.misfits.push(Misfit { row: row_number(row), column, reason });
        }
        if self.plan.key || self.plan.on_fail == OnFail::Reject {
            self.reject(row, failure.stage, failure.reason, failure.rule);
            return None;
        }
        self.keep_raw(row);
        self.flag(row, failure.reason.label());
        failure.kept.filter(|_| self.plan.on_fail == OnFail::Warn)
    }

    /// Of a delete's image only the key matters; the rest is what can be read, without findings.
    fn image_of_delete<T>(&self, verdict: Verdict<T>) -> Option<T> {
        match verdict {
            Verdict::Value { value, .. } => Some(value),
            Verdict::Failed(failure) => failure.kept.filter(|_| self.plan.on_fail == OnFail::Warn),
            _ => None,
        }
    }

    fn flag(&mut self, row: usize, label: &'static str) {
        let mark = Mark { row: row_number(row), column: self.plan.index, label };
        self.marks.flags.push(mark);
    }

    fn reject(&mut self, row: usize, stage: Stage, reason: Reason, rule: &'static str) {
        let column = Some(self.plan.index);
        self.marks.rejects.push(RowReject { row: row_number(row), stage, reason, column, rule });
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        if let Some(last) = self.scores.last_mut() {
            let count = self.clean_count;
            *last += Score { checked: count, passed_raw: count, passed: count };
        }
        for (scores, score) in self.marks.scores.iter_mut().zip(&self.scores) {
            scores[usize::from(self.plan.index)] = *score;
        }
    }
}

/// Rows of a chunk are counted in 32 bits, like the positions in its arena.
pub(crate) fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a chunk has fewer than 2^32 rows")
}
