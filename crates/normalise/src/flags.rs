//! What the cells of a chunk were found to be: flags, row rejects and counts per column.
//!
//! Defects are rare, so they are kept sparsely: one entry per finding, nothing for a clean cell.
//! Labels are names from closed sets, never values.
//!
//! The text of `sys_flags` is `column:LABEL`, joined by `,`, in the order of the contract's
//! columns; null for a row without a flag. `column:UNAVAILABLE` is more than a remark: the source
//! did not send that value, the stored cell is null, and `sys_unsent` names the column, so that
//! the fold keeps the value it knows.

use crate::judge::row_number;
use crate::judge::{Plan, shanghai_day};
use arrow::array::{StringArray, StringBuilder};
use huiliu_model::{Change, Changes, Finding, Quality, Reason, Record, Records, Score, Stage};

/// Sets of rows told apart in one chunk: a record of each of a year's days, twice over.
const SETS_MAX: usize = 1024;
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
    /// By set of rows, then by contract column.
    pub scores: Vec<Vec<Score>>,
    /// By row.
    pub rows: Vec<RowScore>,
    /// Rows that are counted together.
    sets: Vec<RowSet>,
    /// Set of each row; empty when all are of the last one.
    set_of: Vec<u16>,
}

/// A cell whose delivered text is kept beside the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Raw {
    pub row: u32,
    pub column: u16,
}

/// Rows of one department and one day of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowSet {
    department: u16,
    day: i32,
}

/// The sets of a chunk's rows, at least one, and the set of each row. There are few: a chunk
/// spans seconds, and a dataset has few departments.
fn sets(records: &Records, changes: &Changes) -> (Vec<RowSet>, Vec<u16>) {
    let mut sets: Vec<RowSet> = Vec::new();
    let mut last = 0;
    let mut of = |change: &Change| {
        let day = day_of(&records.entries[change.record as usize]);
        let wanted = RowSet { department: change.department, day };
        if sets.get(last) != Some(&wanted) {
            last = sets.iter().position(|set| *set == wanted).unwrap_or_else(|| {
                // Beyond the bound rows are counted with those of the last set.
                if sets.len() < SETS_MAX {
                    sets.push(wanted);
                }
                sets.len() - 1
            });
        }
        u16::try_from(last).unwrap_or(u16::MAX)
    };
    let set_of = changes.rows.iter().map(&mut of).collect();
    if sets.is_empty() {
        sets.push(RowSet { department: 0, day: 0 });
    }
    (sets, set_of)
}

/// Day on which a record reached Kafka, in Asia/Shanghai.
fn day_of(record: &Record) -> i32 {
    let day = shanghai_day(record.timestamp_ms.saturating_mul(1_000));
    i32::try_from(day).unwrap_or(i32::MAX)
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
    pub fn new(records: &Records, changes: &Changes) -> Self {
        let (columns, rows) = (changes.columns.len(), changes.rows.len());
        let (sets, mut set_of) = sets(records, changes);
        let last = sets.len() - 1;
        if set_of.iter().all(|&set| usize::from(set) == last) {
            set_of.clear();
        }
        Self {
            scores: vec![vec![Score::default(); columns]; sets.len()],
            sets,
            set_of,
            flags: Vec::new(),
            rejects: Vec::new(),
            raws: Vec::new(),
            misfits: Vec::new(),
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
            let set = self.set_of(row);
            let score = &mut self.scores[set][usize::from(column)];
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

    /// Whether all rows are counted in the last set.
    #[inline]
    pub fn is_one_set(&self) -> bool {
        self.set_of.is_empty()
    }

    /// The set that a row is counted in.
    #[inline]
    pub fn set_of(&self, row: usize) -> usize {
        self.set_of.get(row).map_or(self.scores.len() - 1, |&set| usize::from(set))
    }

    /// Scores and findings by day and department; `departments` are the names of the chunk's.
    pub fn quality(&self, records: &Records, changes: &Changes, departments: &[&str]) -> Quality {
        let mut quality = Quality::default();
        let columns = self.scores[0].len();
        let name = |set: &RowSet| departments.get(usize::from(set.department)).copied();
        for (set, scores) in self.sets.iter().zip(&self.scores) {
            if scores.iter().any(|score| score.checked > 0) {
                let held = quality.of(set.day, name(set).unwrap_or_default(), columns);
                held.cells.iter_mut().zip(scores).for_each(|(sum, score)| *sum += *score);
            }
        }
        let mut rows = vec![Score::default(); self.sets.len()];
        for (row, score) in self.rows.iter().enumerate() {
            rows[self.set_of(row)].count(!score.failed_raw, !score.failed);
        }
        for (set, score) in self.sets.iter().zip(rows).filter(|(_, score)| score.checked > 0) {
            quality.of(set.day, name(set).unwrap_or_default(), columns).rows += score;
        }
        // Rejects and findings come in runs that are alike, and are looked up once for each.
        let mut days: Vec<(i32, u64)> = Vec::new();
        for reject in &changes.rejects {
            let day = day_of(&records.entries[reject.record as usize]);
            match days.last_mut() {
                Some((last, count)) if *last == day => *count += 1,
                _ => days.push((day, 1)),
            }
        }
        for (day, checked) in days {
            quality.of(day, "", columns).rows += Score { checked, passed_raw: 0, passed: 0 };
        }
        for (set, finding) in self.findings() {
            let set = &self.sets[set];
            quality.of(set.day, name(set).unwrap_or_default(), columns).find(finding);
        }
        quality
    }

    /// What was found, by set of rows; what is alike is counted together where it lies together.
    fn findings(&self) -> Vec<(usize, Finding)> {
        let found = self.flags.iter().map(|mark| (mark.row, mark.column, mark.label));
        let refused = self
            .rejects
            .iter()
            .filter_map(|reject| Some((reject.row, reject.column?, reject.reason.label())));
        let mut runs: Vec<(usize, Finding)> = Vec::new();
        for (row, column, label) in found.chain(refused) {
            let set = self.set_of(row as usize);
            let is_alike = |(held, last): &&mut (usize, Finding)| {
                (*held, last.column, last.label) == (set, column, label)
            };
            match runs.last_mut().filter(is_alike) {
                Some((_, last)) => last.count += 1,
                None => runs.push((set, Finding { column, label, count: 1 })),
            }
        }
        runs
    }

    /// The column `sys_unsent` for the rows in `kept` (ascending row numbers).
    pub fn unsent(&self, plans: &[Plan], kept: &[u32]) -> StringArray {
        let marks = self.flags.iter().filter(|mark| mark.label == UNAVAILABLE);
        let mut unsent: Vec<(u32, u16)> = marks.map(|mark| (mark.row, mark.column)).collect();
        if unsent.is_empty() {
            return StringArray::new_null(kept.len());
        }
        unsent.sort_unstable();
        let mut builder = StringBuilder::with_capacity(kept.len(), unsent.len() * 16);
        let mut text = String::new();
        for &row in kept {
            text.clear();
            let first = unsent.partition_point(|&(of, _)| of < row);
            for &(_, column) in unsent[first..].iter().take_while(|&&(of, _)| of == row) {
                if !text.is_empty() {
                    text.push(',');
                }
                text.push_str(&plans[usize::from(column)].name);
            }
            builder.append_option((!text.is_empty()).then_some(&text));
        }
        builder.finish()
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
