//! What the cells of a chunk were found to be: flags, row rejects and counts per column.
//!
//! Defects are rare, so they are kept sparsely: one entry per finding, nothing for a clean cell.
//! Labels are names from closed sets, never values.
//!
//! The text of `sys_flags` is `column:LABEL`, joined by `,`, in the order of the contract's
//! columns; null for a row without a flag. `column:UNAVAILABLE` is more than a remark: the source
//! did not send that value, the stored cell is null, and the fold keeps the value it knows.

use crate::judge::Plan;
use arrow::array::{StringArray, StringBuilder};
use huiliu_model::{Reason, Stage};
use std::collections::BTreeMap;

/// Flag of a cell whose value the source did not send.
pub const UNAVAILABLE: &str = "UNAVAILABLE";

/// How often one column showed one defect in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Contract column, by index.
    pub column: u16,
    /// Label of a [`Reason`] or of a warning.
    pub label: &'static str,
    pub count: u64,
}

/// Cells of one contract column by outcome, for the field pass rate (字段合格率).
///
/// A cell is checked if it is required or was delivered with a value; a value masked at the
/// source, a value that was not sent and the image of a delete are not counted. Warnings do not
/// lower either figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnCount {
    pub checked: u64,
    /// Passed as delivered.
    pub passed_raw: u64,
    /// Passed after automatic fixes; never less than `passed_raw`.
    pub passed: u64,
}

/// One flag of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub row: u32,
    pub column: u16,
    pub label: &'static str,
}

/// A row that cannot be accepted, and the column that decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowReject {
    pub row: u32,
    pub stage: Stage,
    pub reason: Reason,
    pub column: Option<u16>,
    /// Name of the rule that failed.
    pub rule: &'static str,
}

/// Findings of one chunk, filled column by column.
#[derive(Debug)]
pub(crate) struct Marks {
    pub flags: Vec<Mark>,
    pub rejects: Vec<RowReject>,
    /// By contract column.
    pub counts: Vec<ColumnCount>,
}

impl Marks {
    pub fn new(column_count: usize) -> Self {
        let counts = vec![ColumnCount::default(); column_count];
        Self { flags: Vec::new(), rejects: Vec::new(), counts }
    }

    /// Flags and reasons, summed by column and label.
    pub fn findings(&self) -> Vec<Finding> {
        let mut sums: BTreeMap<(u16, &'static str), u64> = BTreeMap::new();
        for mark in &self.flags {
            *sums.entry((mark.column, mark.label)).or_default() += 1;
        }
        for reject in &self.rejects {
            if let Some(column) = reject.column {
                *sums.entry((column, reject.reason.label())).or_default() += 1;
            }
        }
        sums.into_iter().map(|((column, label), count)| Finding { column, label, count }).collect()
    }

    /// The column `sys_flags` for the rows in `kept` (ascending row numbers).
    pub fn texts(&mut self, plans: &[Plan], kept: &[u32]) -> StringArray {
        if self.flags.is_empty() {
            return StringArray::new_null(kept.len());
        }
        // Cross-column rules come last; the text is in column order all the same.
        self.flags.sort_by_key(|mark| (mark.row, mark.column));
        self.flags.dedup();
        let mut builder = StringBuilder::with_capacity(kept.len(), self.flags.len() * 24);
        let mut text = String::new();
        let mut next = 0;
        for &row in kept {
            while self.flags.get(next).is_some_and(|mark| mark.row < row) {
                next += 1;
            }
            text.clear();
            while let Some(mark) = self.flags.get(next).filter(|mark| mark.row == row) {
                if !text.is_empty() {
                    text.push(',');
                }
                text.push_str(&plans[usize::from(mark.column)].name);
                text.push(':');
                text.push_str(mark.label);
                next += 1;
            }
            builder.append_option((!text.is_empty()).then_some(&text));
        }
        builder.finish()
    }
}
