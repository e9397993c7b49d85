//! What the cells of a chunk were found to be: flags, row rejects and counts per column.
//!
//! Defects are rare, so they are kept sparsely: one entry per finding, nothing for a clean cell.
//! Labels are names from closed sets, never values.
//!
//! The text of `sys_flags` is `column:LABEL`, joined by `,`, in the order of the contract's
//! columns; null for a row without a flag. `column:UNAVAILABLE` is more than a remark: the source
//! did not send that value, the stored cell is null, and the fold keeps the value it knows.

use crate::judge::Plan;
use crate::judge::row_number;
use arrow::array::{StringArray, StringBuilder};
use huiliu_model::{Change, Changes, Finding, Quality, Reason, Score, Stage};

/// Flag of a cell whose value the source did not send.
pub const UNAVAILABLE: &str = "UNAVAILABLE";

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
    /// Cells whose delivered text is not what is stored: repaired, replaced or cleared.
    pub raws: Vec<Raw>,
    /// Cells whose value did not fit the column's type: what may be drift.
    pub misfits: Vec<Misfit>,
    /// By department of the chunk, then by contract column.
    pub scores: Vec<Vec<Score>>,
    /// By row.
    pub rows: Vec<RowScore>,
    /// Department of each row; empty when all are of the one that was named last.
    pub departments: Vec<u16>,
}

/// A cell whose delivered text is kept beside the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Raw {
    pub row: u32,
    pub column: u16,
}

/// A cell that could not be cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub row: u32,
    pub column: u16,
    pub reason: Reason,
}

/// How a row fared so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RowScore {
    pub failed_raw: bool,
    pub failed: bool,
}

impl Marks {
    pub fn new(changes: &Changes) -> Self {
        let (columns, rows) = (changes.columns.len(), changes.rows.len());
        let names = changes.departments.len().max(1);
        let last = names - 1;
        let mut departments: Vec<u16> = changes.rows.iter().map(|row| row.department).collect();
        if departments.iter().all(|&department| usize::from(department) == last) {
            departments.clear();
        }
        Self {
            departments,
            flags: Vec::new(),
            rejects: Vec::new(),
            raws: Vec::new(),
            misfits: Vec::new(),
            scores: vec![vec![Score::default(); columns]; names],
            rows: vec![RowScore::default(); rows],
        }
    }

    /// Notes that a cell did not pass as delivered, and whether it passes after repair.
    pub fn failed_raw(&mut self, row: usize, after: bool) {
        let score = &mut self.rows[row];
        score.failed_raw = true;
        score.failed |= !after;
    }

    /// Takes back that cells passed as delivered: another column of their rows knows better.
    /// `after`: what is stored in their place is good.
    pub fn overruled(&mut self, rows: &[usize], column: u16, after: bool) {
        self.raws.sort_unstable();
        let repaired = self.raws.len();
        for &row in rows {
            self.failed_raw(row, after);
            let raw = Raw { row: row_number(row), column };
            // A value that was repaired before has not passed as delivered already.
            let known = self.raws[..repaired].binary_search(&raw).is_ok();
            let department = self.departments.get(row).copied();
            let department = department.map_or(self.scores.len() - 1, usize::from);
            let score = &mut self.scores[department][usize::from(column)];
            score.passed_raw = score.passed_raw.saturating_sub(u64::from(!known));
            score.passed = score.passed.saturating_sub(u64::from(!after));
            if !known {
                self.raws.push(raw);
            }
        }
    }

    /// The delivered texts of these cells stay beside their rows.
    pub fn keep_raw(&mut self, rows: &[usize], column: u16) {
        self.raws.extend(rows.iter().map(|&row| Raw { row: row_number(row), column }));
    }

    /// Scores and findings by department; `names` are those of the chunk.
    pub fn quality(&self, changes: &[Change], names: &[&str], lost_records: u64) -> Quality {
        let mut quality = Quality::default();
        let columns = self.scores[0].len();
        let name = |department: u16| names.get(usize::from(department)).copied().unwrap_or("");
        for (department, scores) in self.scores.iter().enumerate() {
            if scores.iter().any(|score| score.checked > 0) {
                let held = quality.of(names.get(department).copied().unwrap_or(""), columns);
                held.cells.iter_mut().zip(scores).for_each(|(sum, score)| *sum += *score);
            }
        }
        let mut rows = vec![Score::default(); self.scores.len()];
        for (change, row) in changes.iter().zip(&self.rows) {
            rows[usize::from(change.department)].count(!row.failed_raw, !row.failed);
        }
        for (department, score) in rows.into_iter().enumerate().filter(|(_, s)| s.checked > 0) {
            quality.of(names.get(department).copied().unwrap_or(""), columns).rows += score;
        }
        if lost_records > 0 {
            quality.of("", columns).rows.checked += lost_records;
        }
        let found = self.flags.iter().map(|mark| (mark.row, mark.column, mark.label));
        let refused = self
            .rejects
            .iter()
            .filter_map(|reject| Some((reject.row, reject.column?, reject.reason.label())));
        for (row, column, label) in found.chain(refused) {
            let department = name(changes[row as usize].department);
            quality.of(department, columns).find(Finding { column, label, count: 1 });
        }
        quality
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
