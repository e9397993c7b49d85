//! Entries of `ledger.repairs`: who did what to which reject, and how it ended.
//!
//! An entry never holds a value in the clear that the tables would not: values are protected by
//! the policy of their column before they come here, and null where a policy stores nothing.

use super::{Coordinate, text};
use crate::error::arrow_error;
use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use huiliu_model::{Error, ErrorKind, Partition, system};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name of the ledger of repairs.
pub const REPAIRS: &str = "repairs";
pub(super) const TITLE: &str = "隔离记录处置台账";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// New values for fields, then as a replay.
    Repair,
    /// Decoded and judged again by the contract and the rules of the day.
    Replay,
    /// Marked as not to be repaired.
    Drop,
    /// Shown in the clear to a person.
    Reveal,
}

impl Action {
    pub const ALL: [Action; 4] = [Self::Repair, Self::Replay, Self::Drop, Self::Reveal];

    pub fn label(self) -> &'static str {
        match self {
            Self::Repair => "repair",
            Self::Replay => "replay",
            Self::Drop => "drop",
            Self::Reveal => "reveal",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its rows are in `changes`; for a drop or a reveal: done.
    Accepted,
    /// It failed again and stays in quarantine.
    Rejected,
    /// Its rows were in `changes` before.
    Already,
}

impl Outcome {
    pub const ALL: [Outcome; 3] = [Self::Accepted, Self::Rejected, Self::Already];

    pub fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Already => "already",
        }
    }
}

/// One row of `ledger.repairs`; a repair of several fields has one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since 1970 UTC.
    pub at_us: i64,
    pub kafka_topic: String,
    pub partition: i32,
    pub offset: i64,
    pub action: Action,
    pub outcome: Outcome,
    pub reason_before: Option<String>,
    /// Why it failed again.
    pub reason_after: Option<String>,
    pub field: Option<String>,
    /// Under the column's policy.
    pub value_before: Option<String>,
    pub value_after: Option<String>,
    /// SM3 of the record as it came.
    pub raw_sm3: Option<String>,
    /// SM3 of the contract it was judged by.
    pub contract_sm3: Option<String>,
    /// Version of `changes` that holds its rows.
    #[serde(default)]
    pub changes_version: Option<i64>,
    pub actor: String,
    pub note: Option<String>,
}

impl Entry {
    pub fn coordinate(&self) -> Coordinate {
        let partition = Partition::new(self.kafka_topic.as_str(), self.partition);
        Coordinate { partition, offset: self.offset }
    }

    /// Whether it says that the rows of the record are in `changes`.
    pub fn has_returned(&self) -> bool {
        matches!(self.action, Action::Repair | Action::Replay)
            && matches!(self.outcome, Outcome::Accepted | Outcome::Already)
    }
}

/// Columns of `ledger.repairs`.
pub(super) fn schema() -> SchemaRef {
    let column = |name: &str, kind: DataType, nullable: bool, comment: &str| {
        Field::new(name, kind, nullable)
            .with_metadata([("comment".to_owned(), comment.to_owned())].into())
    };
    let text = DataType::Utf8;
    Arc::new(Schema::new(vec![
        column("at", system::timestamp(), false, "处置时间"),
        column("dataset", text.clone(), false, "数据资源"),
        column("kafka_topic", text.clone(), false, "Kafka 主题"),
        column(system::PARTITION, DataType::Int32, false, "分区"),
        column(system::OFFSET, DataType::Int64, false, "位点"),
        column("action", text.clone(), false, "动作: repair replay drop reveal"),
        column("outcome", text.clone(), false, "结果: accepted rejected already"),
        column("reason_before", text.clone(), true, "处置前原因"),
        column("reason_after", text.clone(), true, "再次不合格的原因"),
        column("field", text.clone(), true, "字段"),
        column("value_before", text.clone(), true, "原值(按字段保护)"),
        column("value_after", text.clone(), true, "新值(按字段保护)"),
        column("raw_sm3", text.clone(), true, "原记录 SM3"),
        column("contract_sm3", text.clone(), true, "合约 SM3"),
        column("changes_version", DataType::Int64, true, "changes 表版本"),
        column("actor", text.clone(), false, "操作人"),
        column("note", text, true, "说明"),
    ]))
}

/// Entries as rows of `ledger.repairs`.
pub(super) fn to_batch(dataset: &str, entries: &[Entry]) -> Result<RecordBatch, Error> {
    let words = |of: &dyn Fn(&Entry) -> Option<String>| -> ArrayRef {
        Arc::new(entries.iter().map(of).collect::<StringArray>())
    };
    let at = TimestampMicrosecondArray::from_iter_values(entries.iter().map(|e| e.at_us));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(at.with_timezone("UTC")),
        words(&|_| Some(dataset.to_owned())),
        words(&|e| Some(e.kafka_topic.clone())),
        Arc::new(Int32Array::from_iter_values(entries.iter().map(|e| e.partition))),
        Arc::new(Int64Array::from_iter_values(entries.iter().map(|e| e.offset))),
        words(&|e| Some(e.action.label().to_owned())),
        words(&|e| Some(e.outcome.label().to_owned())),
        words(&|e| e.reason_before.clone()),
        words(&|e| e.reason_after.clone()),
        words(&|e| e.field.clone()),
        words(&|e| e.value_before.clone()),
        words(&|e| e.value_after.clone()),
        words(&|e| e.raw_sm3.clone()),
        words(&|e| e.contract_sm3.clone()),
        Arc::new(entries.iter().map(|e| e.changes_version).collect::<Int64Array>()),
        words(&|e| Some(e.actor.clone())),
        words(&|e| e.note.clone()),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| arrow_error("writing the ledger", e))
}

/// The entries of one dataset among rows of `ledger.repairs`.
pub(super) fn of_batch(dataset: &str, rows: &RecordBatch) -> Result<Vec<Entry>, Error> {
    let words = |name| text(rows, name);
    let number = |name: &str| {
        let column = rows.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
        column.cloned().ok_or_else(|| lacks(name))
    };
    let partitions = rows
        .column_by_name(system::PARTITION)
        .and_then(|c| c.as_primitive_opt::<Int32Type>())
        .ok_or_else(|| lacks(system::PARTITION))?;
    let at = rows
        .column_by_name("at")
        .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| lacks("at"))?;
    let (offsets, versions) = (number(system::OFFSET)?, number("changes_version")?);
    let (datasets, topics) = (words("dataset")?, words("kafka_topic")?);
    let (actions, outcomes) = (words("action")?, words("outcome")?);
    let names = [
        "reason_before",
        "reason_after",
        "field",
        "value_before",
        "value_after",
        "raw_sm3",
        "contract_sm3",
        "note",
    ];
    let [before, after, field, old, new, raw_sm3, contract, note] = names.map(words);
    let (before, after, field, old) = (before?, after?, field?, old?);
    let (new, raw_sm3, contract, note) = (new?, raw_sm3?, contract?, note?);
    let actor = words("actor")?;
    let said = |column: &StringArray, row: usize| {
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let mut entries = Vec::new();
    for row in (0..rows.num_rows()).filter(|&row| datasets.value(row) == dataset) {
        let action = Action::ALL.into_iter().find(|a| a.label() == actions.value(row));
        let outcome = Outcome::ALL.into_iter().find(|o| o.label() == outcomes.value(row));
        let (Some(action), Some(outcome)) = (action, outcome) else { continue };
        entries.push(Entry {
            at_us: at.value(row),
            kafka_topic: topics.value(row).to_owned(),
            partition: partitions.value(row),
            offset: offsets.value(row),
            action,
            outcome,
            reason_before: said(&before, row),
            reason_after: said(&after, row),
            field: said(&field, row),
            value_before: said(&old, row),
            value_after: said(&new, row),
            raw_sm3: said(&raw_sm3, row),
            contract_sm3: said(&contract, row),
            changes_version: versions.is_valid(row).then(|| versions.value(row)),
            actor: actor.value(row).to_owned(),
            note: said(&note, row),
        });
    }
    entries.sort_by_key(|entry| entry.at_us);
    Ok(entries)
}

fn lacks(column: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("ledger.{REPAIRS} lacks column `{column}`"))
}
