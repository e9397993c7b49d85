//! What a proposal ends with: its columns, and how many cells of the sample pass them.

use crate::output::table::{Align, Table};
use crate::output::{Form, terminal_width};
use crate::view::grouped;
use huiliu_normalise::Prepared;
use huiliu_propose::Proposal;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// A proposal and its rehearsal.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The pipeline file that was written.
    pub file: String,
    pub dataset: String,
    /// The file the sample is from, and how it is written.
    pub sample: String,
    pub format: String,
    /// Rows looked at, and what became of them under the proposal.
    pub rows: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub key: Vec<String>,
    pub columns: Vec<ColumnLine>,
    pub left_out: Vec<LeftOut>,
    pub next: Vec<String>,
}

/// One proposed column.
#[derive(Debug, Serialize)]
pub struct ColumnLine {
    pub column: String,
    pub title: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub required: bool,
    pub rules: Vec<String>,
    pub grade: String,
    pub why: Vec<String>,
    /// Cells that are mandatory or not null.
    pub checked: u64,
    /// Passed as delivered.
    pub passed_raw: u64,
    /// Passed after automatic fixes.
    pub passed: u64,
}

/// A field that no column was made of.
#[derive(Debug, Serialize)]
pub struct LeftOut {
    pub field: String,
    pub why: String,
}

impl Report {
    pub fn new(
        path: &Path,
        out: &Path,
        format: String,
        proposal: &Proposal,
        prepared: &Prepared,
    ) -> Self {
        let scores = prepared.quality.cells();
        let line = |(index, column): (usize, &huiliu_propose::Guess)| {
            let score = scores.get(index).copied().unwrap_or_default();
            ColumnLine {
                column: column.name.clone(),
                title: column.title.clone(),
                data_type: column.data_type.to_string(),
                required: column.is_required,
                rules: column.rules.clone(),
                grade: format!("{:?}", column.grade),
                why: column.why.clone(),
                checked: score.checked,
                passed_raw: score.passed_raw,
                passed: score.passed,
            }
        };
        let (dataset, tally) = (&proposal.ask.dataset, prepared.tally);
        let (sample, file) = (path.display().to_string(), out.display().to_string());
        Self {
            next: vec![
                format!("read {file}, and put right what the comments doubt"),
                format!("huiliu validate {file}"),
                format!("huiliu load {dataset} {sample} --dry-run"),
            ],
            file,
            dataset: dataset.clone(),
            sample,
            format,
            rows: tally.offsets(),
            accepted: tally.accepted,
            rejected: tally.rejected,
            key: proposal.key.iter().map(|i| proposal.columns[*i].name.clone()).collect(),
            columns: proposal.columns.iter().enumerate().map(line).collect(),
            left_out: proposal
                .left_out
                .iter()
                .map(|(field, why)| LeftOut { field: field.clone(), why: why.clone() })
                .collect(),
        }
    }
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} proposed from {} ({}): {} rows, {} accepted, {} rejected; key {}\n",
            self.file,
            self.sample,
            self.format,
            grouped(self.rows),
            grouped(self.accepted),
            grouped(self.rejected),
            self.key.join(", ")
        )?;
        let heads = [
            ("column", Align::Left),
            ("type", Align::Left),
            ("grade", Align::Left),
            ("rules", Align::Left),
            ("checked", Align::Right),
            ("as delivered", Align::Right),
            ("after repair", Align::Right),
            ("title", Align::Left),
        ];
        let heads = heads.map(|(name, align)| (name.to_owned(), align));
        let mut table = Table::new(heads).fit(terminal_width());
        for line in &self.columns {
            table.push([
                Some(line.column.clone()),
                Some(line.data_type.clone()),
                Some(line.grade.clone()),
                Some(line.rules.join(", ")),
                Some(grouped(line.checked)),
                Some(percent(line.passed_raw, line.checked)),
                Some(percent(line.passed, line.checked)),
                Some(line.title.clone()),
            ]);
        }
        let mut out = out;
        table.print(&mut out)?;
        for LeftOut { field, why } in &self.left_out {
            writeln!(out, "left out: {field}: {why}")?;
        }
        writeln!(out, "\nnext")?;
        self.next.iter().try_for_each(|step| writeln!(out, "  {step}"))
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share needs no exact count")]
fn percent(part: u64, of: u64) -> String {
    if of == 0 { String::new() } else { format!("{:.2} %", part as f64 * 100.0 / of as f64) }
}
