//! The answer as a document: what is told of a row, of its inputs and of their rows.

use super::text;
use crate::console::Console;
use crate::output::Form;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
pub struct Report {
    pub table: String,
    pub title: String,
    pub grain: String,
    /// As given.
    pub key: BTreeMap<String, String>,
    pub found: bool,
    /// As the table holds it; null when there is no such row.
    pub row: Option<Value>,
    /// Null when only the row could tell it.
    pub identity: Option<Value>,
    /// Date that the table counts from.
    pub as_of: Option<String>,
    pub build: BuildLine,
    /// The commit that wrote the file in which the row lies.
    pub written: Option<WrittenLine>,
    /// Why the inputs are shown as they are now, and not as the table read them.
    pub not_as_read: Option<String>,
    /// What a build from these inputs gives: equal, differs, gone or missing; null: not tried.
    pub rebuilt: Option<&'static str>,
    /// Columns in which the built row differs.
    pub differing: Vec<String>,
    /// Only with `--column`.
    pub column: Option<ColumnLine>,
    pub inputs: Vec<InputLine>,
    /// Columns of the table with title and unit, for people.
    #[serde(skip)]
    pub columns: Vec<(String, String)>,
    #[serde(skip)]
    pub console: Console,
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::print(self, out)
    }
}

/// The commit that the table stands at.
#[derive(Debug, Serialize)]
pub struct BuildLine {
    pub version: i64,
    pub committed_at: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub query_xxh3: String,
    /// Whether the declared query is still that one.
    pub query_is_in_force: bool,
    /// Version of each input that was read.
    pub inputs: BTreeMap<String, i64>,
    pub checks: Vec<CheckLine>,
}

#[derive(Debug, Serialize)]
pub struct CheckLine {
    pub name: String,
    pub offending_count: u64,
}

#[derive(Debug, Serialize)]
pub struct WrittenLine {
    pub version: i64,
    pub committed_at: String,
    pub query_xxh3: Option<String>,
    pub inputs: BTreeMap<String, i64>,
}

#[derive(Debug, Serialize)]
pub struct ColumnLine {
    pub name: String,
    pub title: String,
    pub grade: &'static str,
    /// From the outside in.
    pub expressions: Vec<ExpressionLine>,
    /// `input.column`.
    pub sources: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ExpressionLine {
    pub place: String,
    pub column: String,
    pub sql: String,
}

#[derive(Debug, Serialize)]
pub struct InputLine {
    pub name: String,
    /// dataset, table or dimension.
    pub kind: &'static str,
    pub title: String,
    /// by, via or all.
    pub reach: &'static str,
    /// Columns by which its rows were found.
    pub matched_on: Vec<String>,
    /// Columns that narrow them down to the row's group, with the key columns they are.
    pub narrowed: BTreeMap<String, String>,
    pub version: Option<i64>,
    /// Whether all its rows may be in the row.
    pub whole: bool,
    /// Rows that belong to the row; about all, of a whole input.
    pub rows: u64,
    pub shown: Vec<RowLine>,
    /// Null where rejects cannot be told by key.
    pub rejects: Option<RejectsLine>,
    /// Columns that are shown to people.
    #[serde(skip)]
    pub heads: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct RowLine {
    /// As the lake holds them.
    pub values: Map<String, Value>,
    /// Of a dataset's rows.
    pub kafka: Option<KafkaLine>,
    pub sequence: Option<SequenceLine>,
    pub event_time: Value,
    pub department: Value,
    /// Operation as it came; null when `changes` no longer has it.
    pub op: Option<String>,
    pub ingested_at: Option<String>,
    /// Cells that were repaired, cleared or remarked upon.
    pub cells: Vec<CellLine>,
    /// Whether something else was delivered in some cells, which only a key holder can read.
    pub delivered_is_sealed: bool,
    /// What was done to its record in quarantine.
    pub repairs: Vec<RepairLine>,
    /// The command that explains it, of a subject table's row.
    pub explain: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct KafkaLine {
    /// Null when the receipt of its commit is gone.
    pub kafka_topic: Option<String>,
    pub partition: i64,
    pub offset: i64,
    pub timestamp: Value,
    /// Version of `changes` that brought it.
    pub changes_version: Option<i64>,
}

#[derive(Debug, Serialize)]
pub struct SequenceLine {
    pub epoch: i64,
    pub seq: i64,
    pub rank: i64,
    pub ordinal: i64,
}

#[derive(Debug, Default, Serialize)]
pub struct CellLine {
    pub column: String,
    pub flags: Vec<String>,
    /// Rules of the column.
    pub rules: Vec<String>,
    /// As it was delivered, where something else is stored.
    pub delivered: Option<Value>,
    pub stored: Value,
    /// The change that the value is of, where the row's own did not bring one.
    pub carried_from: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct RepairLine {
    pub at: String,
    pub action: &'static str,
    pub outcome: &'static str,
    pub field: Option<String>,
    pub value_before: Option<String>,
    pub value_after: Option<String>,
    pub actor: String,
    pub note: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct RejectsLine {
    /// Columns by which records were compared.
    pub matched_on: Vec<String>,
    pub looked_through: u64,
    /// Of these, records that are sealed or do not decode.
    pub unreadable: u64,
    /// Whether there are more than were looked through.
    pub more: bool,
    pub count: u64,
    pub shown: Vec<RejectLine>,
}

#[derive(Debug, Serialize)]
pub struct RejectLine {
    /// As `huiliu quarantine show` takes it.
    pub coordinate: String,
    pub kafka_topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: String,
    pub state: &'static str,
    pub reason: String,
    pub reason_zh: &'static str,
    pub field: Option<String>,
    pub rule: Option<String>,
}
