//! How cases went: lines for people, one document for programs.

use super::diff;
use crate::console::{Console, Style};
use crate::output::Form;
use huiliu_model::Error;
use huiliu_spec::TableSpec;
use huiliu_subject::testcase::{CaseOutcome, Cells, Difference};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// What became of one case.
#[derive(Debug)]
pub enum Outcome {
    Passed,
    Failed,
    /// It has no expected rows.
    Absent,
    /// It fails, and its expected rows were written by hand.
    Refused,
    /// Its expected rows are now those that were yielded.
    Updated,
    /// It could not be run.
    Error(Error),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed | Self::Absent | Self::Refused => "failed",
            Self::Updated => "updated",
            Self::Error(_) => "error",
        }
    }

    fn is_good(&self) -> bool {
        matches!(self, Self::Passed | Self::Updated)
    }

    /// What to do about it.
    fn note(&self) -> Option<&'static str> {
        match self {
            Self::Absent => Some(
                "there is no expected.csv: write it by hand, or let --update write what is yielded",
            ),
            Self::Refused => Some(
                "the expected rows were written by hand and are left as they are; --force replaces \
                 them",
            ),
            _ => None,
        }
    }
}

/// One case, as it went.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// `subject.table`.
    pub table: String,
    /// Folder name of the case.
    pub case: String,
    title: Option<String>,
    folder: String,
    outcome: &'static str,
    milliseconds: u64,
    rows: Option<usize>,
    /// By row: `missing`, `unexpected`, `repeated` or `changed`, and its values by column.
    differences: Vec<Value>,
    error: Option<String>,
    help: Option<String>,
    #[serde(skip)]
    is_good: bool,
    #[serde(skip)]
    key: Vec<String>,
    #[serde(skip)]
    found: Option<CaseOutcome>,
}

impl CaseReport {
    pub fn new(
        spec: &TableSpec,
        folder: &Path,
        outcome: Outcome,
        found: Option<CaseOutcome>,
        took: Duration,
    ) -> Self {
        let case = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let differences = found.iter().flat_map(|found| {
            found.differences.iter().map(|difference| object(&found.columns, difference))
        });
        let (error, help) = match &outcome {
            Outcome::Error(error) => (Some(chain(error)), error.help.clone()),
            other => (None, other.note().map(str::to_owned)),
        };
        Self {
            table: spec.full_name(),
            case: case.unwrap_or_default(),
            title: found.as_ref().map(|found| found.title.clone()),
            folder: folder.display().to_string(),
            outcome: outcome.word(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            rows: found.as_ref().map(|found| found.row_count),
            differences: if outcome.is_good() { Vec::new() } else { differences.collect() },
            error,
            help,
            is_good: outcome.is_good(),
            key: spec.key.clone(),
            found: found.filter(|_| !outcome.is_good()),
        }
    }

    /// Prints the case: one line, and what is wrong with it.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn print(&self, out: &mut dyn Write, console: &Console) -> io::Result<()> {
        let (word, style) = match self.outcome {
            "passed" => ("ok     ", Style::Good),
            "updated" => ("updated", Style::Warning),
            _ => ("FAILED ", Style::Error),
        };
        let word = console.paint_out(word, style);
        writeln!(out, "{word} {} {} ({} ms)", self.table, self.case, self.milliseconds)?;
        if let Some(error) = &self.error {
            writeln!(out, "  {error}")?;
        }
        if let Some(found) = &self.found {
            writeln!(out, "  {}", found.title)?;
            diff::print(out, &self.key, found, console)?;
        }
        if let Some(help) = self.help.as_ref().filter(|_| !self.is_good) {
            writeln!(out, "  {} {help}", console.paint_out("help:", Style::Faint))?;
        }
        Ok(())
    }
}

/// An error with its causes, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}

fn object(columns: &[String], difference: &Difference) -> Value {
    let cells = |cells: &Cells| -> Value {
        let named = columns.iter().cloned().zip(cells.iter().cloned());
        named.map(|(name, cell)| (name, Value::from(cell))).collect::<Map<_, _>>().into()
    };
    let (kind, key, expected, actual) = match difference {
        Difference::Missing { key, expected } => ("missing", key, Some(expected), None),
        Difference::Unexpected { key, actual } => ("unexpected", key, None, Some(actual)),
        Difference::Repeated { key, .. } => ("repeated", key, None, None),
        Difference::Changed { key, expected, actual, .. } => {
            ("changed", key, Some(expected), Some(actual))
        }
    };
    let mut object = Map::new();
    object.insert("kind".into(), kind.into());
    object.insert("key".into(), key.as_str().into());
    if let Difference::Changed { at, .. } = difference {
        let names: Vec<&str> = at.iter().map(|at| columns[*at].as_str()).collect();
        object.insert("columns".into(), names.into());
    }
    if let Difference::Repeated { side, .. } = difference {
        object.insert("side".into(), (*side).into());
    }
    object.insert("expected".into(), expected.map_or(Value::Null, cells));
    object.insert("actual".into(), actual.map_or(Value::Null, cells));
    object.into()
}

/// All cases, and their sums.
#[derive(Debug, Serialize)]
pub struct Report {
    passed: usize,
    failed: usize,
    updated: usize,
    milliseconds: u64,
    cases: Vec<CaseReport>,
}

impl Report {
    pub fn new(cases: Vec<CaseReport>, took: Duration) -> Self {
        let count = |word: &str| cases.iter().filter(|case| case.outcome == word).count();
        Self {
            passed: count("passed"),
            failed: count("failed") + count("error"),
            updated: count("updated"),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            cases,
        }
    }

    pub fn is_good(&self) -> bool {
        self.failed == 0
    }
}

impl Form for Report {
    /// The cases were told as they ended.
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.updated > 0 {
            write!(out, ", {} updated", self.updated)?;
        }
        #[allow(clippy::cast_precision_loss, reason = "a run of tests is shorter than an age")]
        let seconds = self.milliseconds as f64 / 1_000.0;
        writeln!(out, " in {seconds:.1} s")
    }
}
