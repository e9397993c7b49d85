//! What a load ends with: files, pass rates per column, why rows were rejected, what to do next.

use super::witness::{Sample, Seen, Why};
use crate::output::table::{Align, Table};
use crate::output::{Form, terminal_width};
use crate::view::grouped;
use huiliu_files::Delivery;
use huiliu_model::{Contract, Grade, Quality, Score, Tally};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a table for people; programs get all.
const SHOWN_MAX: usize = 15;

/// What became of the files of one command.
#[derive(Debug, Serialize)]
pub struct Report {
    pub dataset: String,
    pub title: String,
    pub dry_run: bool,
    /// Stopped before the end by a signal.
    #[serde(rename = "stopped")]
    pub is_stopped: bool,
    /// Rows read now, and what became of them.
    pub rows: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Records in the envelope without a row: tombstones and control records.
    pub skipped: u64,
    pub files: Vec<FileLine>,
    /// Worst first.
    pub columns: Vec<ColumnLine>,
    pub rejects: Vec<RejectLine>,
    pub samples: Vec<Sample>,
    /// Commands that lead on.
    pub next: Vec<String>,
    #[serde(skip)]
    contract: Arc<Contract>,
    #[serde(skip)]
    quality: Quality,
}

/// What became of one file.
#[derive(Debug, Serialize)]
pub struct FileLine {
    pub file: String,
    /// `loaded`, `already loaded`, `stopped`, or `tried` in a dry run.
    pub state: &'static str,
    /// The `kafka_topic` of its rows in quarantine and of its progress.
    pub partition: String,
    pub sm3: String,
    pub bytes: u64,
    pub format: &'static str,
    pub form: &'static str,
    pub encoding: Option<&'static str>,
    /// Rows that an earlier load had landed.
    pub rows_before: u64,
    pub rows: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub skipped: u64,
    pub commits: u64,
    /// Columns of the file that the contract does not name.
    pub ignored_columns: Vec<String>,
    /// Columns of the contract that the file does not have.
    pub absent_columns: Vec<String>,
}

/// Cells of one column (字段合格率).
#[derive(Debug, Serialize)]
pub struct ColumnLine {
    pub column: String,
    pub title: String,
    pub grade: &'static str,
    pub checked: u64,
    /// Passed as delivered.
    pub passed_raw: u64,
    /// Passed after automatic fixes.
    pub passed: u64,
    /// `passed` of `checked`, 0 to 1; null when nothing was checked.
    pub pass_rate: Option<f64>,
    /// Flags and reasons of its cells.
    pub findings: BTreeMap<&'static str, u64>,
}

/// How many rows were rejected for one reason.
#[derive(Debug, Serialize)]
pub struct RejectLine {
    pub rows: u64,
    #[serde(flatten)]
    pub why: Why,
}

impl FileLine {
    pub fn new(
        delivery: &Delivery,
        tally: Tally,
        commits: u64,
        rows_before: u64,
        is_over: bool,
    ) -> Self {
        let rows = tally.offsets();
        let header = delivery.header.as_ref();
        Self {
            file: delivery.shown.clone(),
            state: match (is_over, rows, rows_before) {
                (false, ..) => "stopped",
                (true, 0, 1..) => "already loaded",
                // A dry run commits nothing.
                (true, ..) if commits == 0 => "tried",
                (true, ..) => "loaded",
            },
            partition: delivery.partition().kafka_topic.to_string(),
            sm3: delivery.sm3.clone(),
            bytes: delivery.bytes,
            format: delivery.kind.label(),
            form: delivery.form.label(),
            encoding: delivery.encoding.map(|encoding| encoding.label()),
            rows_before,
            rows,
            accepted: tally.accepted,
            rejected: tally.rejected,
            skipped: tally.tombstones + tally.control,
            commits,
            ignored_columns: header.map(|h| h.ignored.clone()).unwrap_or_default(),
            absent_columns: header.map(|h| h.absent.clone()).unwrap_or_default(),
        }
    }
}

impl Report {
    pub fn new(contract: &Arc<Contract>, dry_run: bool) -> Self {
        Self {
            dataset: contract.dataset.to_string(),
            title: contract.title.clone(),
            dry_run,
            is_stopped: false,
            rows: 0,
            accepted: 0,
            rejected: 0,
            skipped: 0,
            files: Vec::new(),
            columns: Vec::new(),
            rejects: Vec::new(),
            samples: Vec::new(),
            next: Vec::new(),
            contract: Arc::clone(contract),
            quality: Quality::default(),
        }
    }

    /// Adds what the cells of one file were found to be.
    pub fn add(&mut self, quality: &Quality) {
        self.quality += quality;
    }

    /// Sums up.
    pub fn close(&mut self, seen: Seen) {
        self.rows = self.files.iter().map(|f| f.rows).sum();
        self.accepted = self.files.iter().map(|f| f.accepted).sum();
        self.rejected = self.files.iter().map(|f| f.rejected).sum();
        self.skipped = self.files.iter().map(|f| f.skipped).sum();
        self.columns = column_lines(&self.contract, &self.quality);
        self.rejects =
            seen.rejects.into_iter().map(|(why, rows)| RejectLine { rows, why }).collect();
        self.rejects.sort_by_key(|line| std::cmp::Reverse(line.rows));
        self.samples = seen.samples;
        self.next = self.next_steps();
    }

    fn next_steps(&self) -> Vec<String> {
        let dataset = &self.dataset;
        let mut steps = Vec::new();
        if self.is_stopped {
            let again = "give the same command again: it goes on from the last commit";
            steps.push(format!("{again}, and reads nothing twice"));
        }
        if self.dry_run {
            steps.push("nothing was written; give the same command without --dry-run".to_owned());
            return steps;
        }
        if self.rejected > 0 {
            steps.push(format!("huiliu quarantine list {dataset}"));
        }
        steps.push(format!("huiliu query 'SELECT * FROM current.{dataset} LIMIT 5'"));
        steps
    }
}

/// Worst first; columns without a checked cell last.
fn column_lines(contract: &Contract, quality: &Quality) -> Vec<ColumnLine> {
    let findings = quality.findings();
    let line = |(index, count): (usize, &Score)| {
        let column = contract.columns.get(index)?;
        let of_column = findings.iter().filter(|found| usize::from(found.column) == index);
        Some(ColumnLine {
            column: column.name.clone(),
            title: column.title.clone(),
            grade: match column.grade {
                Grade::L1 => "L1",
                Grade::L2 => "L2",
                Grade::L3 => "L3",
                Grade::L4 => "L4",
            },
            checked: count.checked,
            passed_raw: count.passed_raw,
            passed: count.passed,
            pass_rate: share(count.passed, count.checked),
            findings: of_column.map(|found| (found.label, found.count)).collect(),
        })
    };
    let cells = quality.cells();
    let mut lines: Vec<ColumnLine> = cells.iter().enumerate().filter_map(line).collect();
    let rate = |line: &ColumnLine| line.pass_rate.unwrap_or(2.0);
    lines.sort_by(|a, b| rate(a).total_cmp(&rate(b)).then(b.checked.cmp(&a.checked)));
    lines
}

#[allow(clippy::cast_precision_loss, reason = "a share needs no exact count")]
fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn percent(part: u64, of: u64) -> String {
    share(part, of).map_or_else(String::new, |share| format!("{:.2} %", share * 100.0))
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.dry_run { "dry run: " } else { "" };
        writeln!(
            out,
            "{verb}{} {}: {} rows, {} accepted, {} rejected\n",
            self.dataset,
            self.title,
            grouped(self.rows),
            grouped(self.accepted),
            grouped(self.rejected)
        )?;
        self.files_text(out)?;
        self.columns_text(out)?;
        self.rejects_text(out)?;
        if self.next.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nnext")?;
        self.next.iter().try_for_each(|step| writeln!(out, "  {step}"))
    }
}

impl Report {
    fn files_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = heads(&[
            ("file", Align::Left),
            ("format", Align::Left),
            ("rows", Align::Right),
            ("accepted", Align::Right),
            ("rejected", Align::Right),
            ("commits", Align::Right),
            ("state", Align::Left),
        ]);
        for file in &self.files {
            let format = [Some(file.format), file.encoding, Some(file.form)];
            let format: Vec<&str> = format.into_iter().flatten().collect();
            table.push([
                Some(file.file.clone()),
                Some(format.join(" ")),
                Some(grouped(file.rows)),
                Some(grouped(file.accepted)),
                Some(grouped(file.rejected)),
                Some(file.commits.to_string()),
                Some(match file.rows_before {
                    0 => file.state.to_owned(),
                    before if file.rows == 0 => format!("{}: {before} rows", file.state),
                    before => format!("{}, from row {before}", file.state),
                }),
            ]);
        }
        let mut out = out;
        table.print(&mut out)?;
        for file in &self.files {
            for (names, what) in [
                (&file.ignored_columns, "columns the contract does not name"),
                (&file.absent_columns, "columns of the contract that are absent"),
            ] {
                if !names.is_empty() {
                    writeln!(out, "{}: {what}: {}", file.file, names.join(", "))?;
                }
            }
        }
        Ok(())
    }

    fn columns_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let checked = || self.columns.iter().filter(|line| line.checked > 0);
        if checked().count() == 0 {
            return Ok(());
        }
        writeln!(out, "\npass rate per column, worst first")?;
        let mut table = heads(&[
            ("column", Align::Left),
            ("checked", Align::Right),
            ("as delivered", Align::Right),
            ("passed", Align::Right),
            ("rate", Align::Right),
            ("findings", Align::Left),
            ("title", Align::Left),
        ]);
        for line in checked().take(SHOWN_MAX) {
            let mut findings: Vec<(&str, u64)> =
                line.findings.iter().map(|(label, count)| (*label, *count)).collect();
            findings.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let findings: Vec<String> =
                findings.iter().map(|(label, count)| format!("{label} {count}")).collect();
            table.push([
                Some(line.column.clone()),
                Some(grouped(line.checked)),
                Some(grouped(line.passed_raw)),
                Some(grouped(line.passed)),
                Some(percent(line.passed, line.checked)),
                Some(findings.join(", ")),
                Some(line.title.clone()),
            ]);
        }
        let mut out = out;
        table.print(&mut out)?;
        match checked().count().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(out, "and {more} columns that are no worse; --output json has all"),
        }
    }

    fn rejects_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.rejects.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nwhy rows were rejected")?;
        let mut table = heads(&[
            ("rows", Align::Right),
            ("stage", Align::Left),
            ("reason", Align::Left),
            ("column", Align::Left),
            ("rule", Align::Left),
        ]);
        for line in self.rejects.iter().take(SHOWN_MAX) {
            let Why { stage, reason, column, rule } = line.why.clone();
            let [column, rule] = [column, rule].map(|text| Some(text.unwrap_or_default()));
            table.push([Some(grouped(line.rows)), Some(stage), Some(reason), column, rule]);
        }
        let mut out: &mut dyn Write = out;
        table.print(&mut out)?;
        writeln!(out, "\nfor example (rows count from 0, as sys_offset does)")?;
        let mut table = heads(&[
            ("row", Align::Right),
            ("reason", Align::Left),
            ("column", Align::Left),
            ("value", Align::Left),
        ]);
        for sample in &self.samples {
            table.push([
                Some(sample.row.to_string()),
                Some(sample.why.reason.clone()),
                Some(sample.why.column.clone().unwrap_or_default()),
                Some(sample.value.clone().unwrap_or_default()),
            ]);
        }
        table.print(&mut out)
    }
}

fn heads(columns: &[(&str, Align)]) -> Table {
    Table::new(columns.iter().map(|(name, align)| ((*name).to_owned(), *align)))
        .fit(terminal_width())
}
