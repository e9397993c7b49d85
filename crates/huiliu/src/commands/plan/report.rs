//! The plan as it is told: to people line by line, to programs as one document.

use huiliu_lake::ColumnChange;
use huiliu_spec::settings::Protection;
use indicatif::HumanBytes;
use serde::Serialize;
use std::io::{self, Write};

use crate::output::Form;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The lake has none of it.
    New,
    Unchanged,
    /// Tables are made or gain nullable columns.
    Grows,
    /// The rows of a subject table are built again.
    Rebuild,
    /// The tables cannot follow.
    Breaking,
}

impl State {
    fn mark(self) -> char {
        match self {
            Self::New => '+',
            Self::Unchanged => ' ',
            Self::Grows | Self::Rebuild => '~',
            Self::Breaking => '!',
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct ColumnLine {
    pub column: String,
    /// added, removed or retyped.
    pub change: &'static str,
    /// The type it has, and the type it should have.
    pub from: Option<String>,
    pub to: Option<String>,
    pub breaking: bool,
    pub tables: Vec<&'static str>,
}

impl ColumnLine {
    pub fn of(change: &ColumnChange, table: &'static str) -> Self {
        let (word, from, to) = match change {
            ColumnChange::Added { data_type, .. } => ("added", None, Some(data_type.clone())),
            ColumnChange::Removed { data_type, .. } => ("removed", Some(data_type.clone()), None),
            ColumnChange::Retyped { from, to, .. } => {
                ("retyped", Some(from.clone()), Some(to.clone()))
            }
        };
        let (column, breaking) = (change.name().to_owned(), change.is_breaking());
        Self { column, change: word, from, to, breaking, tables: vec![table] }
    }

    /// Whether two lines differ in their tables alone.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.column, self.change, &self.from, &self.to)
            == (&other.column, other.change, &other.from, &other.to)
            && self.breaking == other.breaking
    }

    fn text(&self) -> String {
        let types = match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("{from} → {to}"),
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (None, None) => String::new(),
        };
        let breaking = if self.breaking { ", breaking" } else { "" };
        let tables = self.tables.join(", ");
        format!("column {} {}: {types} ({tables}){breaking}", self.column, self.change)
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct DatasetPlan {
    pub dataset: String,
    pub state: State,
    pub columns: Vec<ColumnLine>,
    /// Key, buckets, protection, missing tables.
    pub other: Vec<String>,
    /// Rows, about (changes of one key that are not folded yet count each), and bytes of all
    /// tables; null for a new one.
    pub rows: Option<i64>,
    pub size_bytes: Option<i64>,
    /// Subject tables, through others too; of a dataset that changes.
    pub read_by: Vec<String>,
    /// Columns that the values of breaking columns go into.
    pub columns_read_by: Vec<String>,
    pub remedy: Option<String>,
}

impl DatasetPlan {
    pub fn new(name: &str) -> Self {
        Self {
            dataset: name.to_owned(),
            state: State::New,
            columns: Vec::new(),
            other: Vec::new(),
            rows: None,
            size_bytes: None,
            read_by: Vec::new(),
            columns_read_by: Vec::new(),
            remedy: None,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct TablePlan {
    pub table: String,
    pub state: State,
    pub why: Option<String>,
    pub columns: Vec<ColumnLine>,
    /// Rows and bytes that are there; null for a new one.
    pub rows: Option<i64>,
    pub size_bytes: Option<i64>,
    /// Rows and bytes that a full build reads: `current` of its datasets, and tables.
    pub input_rows: i64,
    pub input_bytes: i64,
    pub read_by: Vec<String>,
    pub remedy: Option<String>,
}

impl TablePlan {
    pub fn new(name: &str) -> Self {
        Self {
            table: name.to_owned(),
            state: State::New,
            why: None,
            columns: Vec::new(),
            rows: None,
            size_bytes: None,
            input_rows: 0,
            input_bytes: 0,
            read_by: Vec::new(),
            remedy: None,
        }
    }
}

/// What the lake holds and nothing declares.
#[derive(Debug, Clone, Serialize)]
pub struct LeftLine {
    pub name: String,
    pub kind: &'static str,
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub lake: String,
    /// `keys`, `plain`, or null when the settings do not say.
    pub protection: Option<&'static str>,
    /// Datasets and tables that are not as they are declared.
    pub changes: usize,
    pub breaking: usize,
    pub datasets: Vec<DatasetPlan>,
    pub tables: Vec<TablePlan>,
    pub left: Vec<LeftLine>,
}

impl Plan {
    pub fn new(lake: &str, said: Option<Protection>) -> Self {
        let protection = said.map(|said| match said {
            Protection::Plain => "plain",
            Protection::Keys => "keys",
        });
        let lake = lake.to_owned();
        let (datasets, tables, left) = (Vec::new(), Vec::new(), Vec::new());
        Self { lake, protection, changes: 0, breaking: 0, datasets, tables, left }
    }

    fn states(&self) -> impl Iterator<Item = State> {
        let datasets = self.datasets.iter().map(|planned| planned.state);
        datasets.chain(self.tables.iter().map(|planned| planned.state))
    }

    pub fn count(&mut self) {
        self.changes = self.states().filter(|state| *state != State::Unchanged).count();
        self.breaking = self.states().filter(|state| *state == State::Breaking).count();
    }
}

impl Form for Plan {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "lake {}, protection: {}", self.lake, self.protection.unwrap_or("not said"))?;
        for planned in self.datasets.iter().filter(|p| p.state != State::Unchanged) {
            dataset(planned, out)?;
        }
        for planned in self.tables.iter().filter(|p| p.state != State::Unchanged) {
            table(planned, out)?;
        }
        for left in &self.left {
            writeln!(out, "  {} {}: {}", left.kind, left.name, left.why)?;
        }
        let (changes, breaking) = (self.changes, self.breaking);
        let unchanged = self.datasets.len() + self.tables.len() - changes;
        writeln!(out, "{changes} to change, {breaking} of them breaking; {unchanged} unchanged")
    }
}

fn dataset(planned: &DatasetPlan, out: &mut dyn Write) -> io::Result<()> {
    let what = match planned.state {
        State::New => "new".to_owned(),
        _ => held(planned.rows, planned.size_bytes),
    };
    writeln!(out, "{} dataset {}: {what}", planned.state.mark(), planned.dataset)?;
    let columns = planned.columns.iter().map(ColumnLine::text);
    for line in columns.chain(planned.other.iter().cloned()) {
        writeln!(out, "    {line}")?;
    }
    tail(&planned.read_by, planned.remedy.as_deref(), out)?;
    if !planned.columns_read_by.is_empty() {
        writeln!(out, "    these columns are read by: {}", planned.columns_read_by.join(", "))?;
    }
    Ok(())
}

fn table(planned: &TablePlan, out: &mut dyn Write) -> io::Result<()> {
    let what = match planned.state {
        State::New => "new".to_owned(),
        _ => held(planned.rows, planned.size_bytes),
    };
    writeln!(out, "{} table {}: {what}", planned.state.mark(), planned.table)?;
    for column in &planned.columns {
        writeln!(out, "    {}", column.text())?;
    }
    if let Some(why) = &planned.why {
        writeln!(out, "    {why}")?;
    }
    if matches!(planned.state, State::New | State::Rebuild) && planned.input_rows > 0 {
        let read = bytes(planned.input_bytes);
        writeln!(out, "    a full build reads {} rows, {read}", planned.input_rows)?;
    }
    tail(&planned.read_by, planned.remedy.as_deref(), out)
}

fn held(rows: Option<i64>, size: Option<i64>) -> String {
    format!("{} rows, {}", rows.unwrap_or(0), bytes(size.unwrap_or(0)))
}

fn bytes(count: i64) -> String {
    HumanBytes(u64::try_from(count).unwrap_or(0)).to_string()
}

fn tail(read_by: &[String], remedy: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    if !read_by.is_empty() {
        writeln!(out, "    read by: {}", read_by.join(", "))?;
    }
    match remedy {
        Some(remedy) => writeln!(out, "    remedy: {remedy}"),
        None => Ok(()),
    }
}
