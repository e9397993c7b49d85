//! One record as each room sees it, in values that may be shown.

use super::Rooms;
use crate::failure::Failure;
use crate::output::value::texts;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_model::{CellKind, Changes, Column, Error, ErrorKind, Protect, Records, system};
use huiliu_normalise::disclose::{is_open, shown, structure};
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest text of one value.
const VALUE_CHARS_MAX: usize = 64;

#[derive(Debug, Serialize)]
pub struct Sampled {
    pub kafka_topic: String,
    pub partition: i32,
    pub offset: i64,
    pub kafka_time_ms: i64,
    /// Bytes of the value; 0 for a tombstone.
    pub bytes: usize,
    /// The beginning of the bytes with letters and digits replaced.
    pub structure: String,
    /// None for a record without a row: a tombstone, a control record, or a reject in decoding.
    pub rows: Vec<Row>,
    pub reject: Option<RejectLine>,
}

#[derive(Debug, Serialize)]
pub struct Row {
    pub op: &'static str,
    pub cells: Vec<CellLine>,
    /// What the judge noted of it; null for a row that was rejected or has no flag.
    pub flags: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct CellLine {
    pub column: String,
    /// As the source wrote it; null for a field that is null or not there.
    pub decoded: Option<String>,
    /// After normalising and judging; null too where a rule emptied it.
    pub judged: Option<String>,
    /// As the lake stores it; null too where nothing of it is kept in this column.
    pub stored: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct RejectLine {
    pub stage: String,
    pub reason: String,
    pub field: Option<String>,
}

/// Partition, offset and ordinal of a row.
type Place = (i32, i64, i32);

/// Every record of a sample.
///
/// # Errors
/// `Bug` for rows that cannot be told.
pub fn sampled(rooms: &Rooms, records: &Records, now_us: i64) -> Result<Vec<Sampled>, Failure> {
    let changes = rooms.plain.changes(records);
    let judged = rooms.plain.prepare(records, now_us);
    let stored = rooms.protected.prepare(records, now_us);
    let (judged_at, stored_at) = (places(judged.rows.as_ref()), places(stored.rows.as_ref()));
    let mut rejects = rejects(judged.rejects.as_ref());
    let mut found: Vec<Sampled> = Vec::with_capacity(records.entries.len());
    for entry in &records.entries {
        let value = records.value(entry).unwrap_or_default();
        found.push(Sampled {
            kafka_topic: records.kafka_topic.to_string(),
            partition: entry.partition,
            offset: entry.offset,
            kafka_time_ms: entry.timestamp_ms,
            bytes: value.len(),
            structure: structure(value, None),
            rows: Vec::new(),
            reject: rejects.remove(&(entry.partition, entry.offset)),
        });
    }
    for (at, change) in changes.rows.iter().enumerate() {
        let Some(record) = found.get_mut(change.record as usize) else { continue };
        let place = (record.partition, record.offset, i32::from(change.ordinal));
        let judged = judged.rows.as_ref().zip(judged_at.get(&place));
        let stored = stored.rows.as_ref().zip(stored_at.get(&place));
        let judged = judged.map(|(rows, row)| named(rows, *row)).transpose()?.unwrap_or_default();
        let stored = stored.map(|(rows, row)| named(rows, *row)).transpose()?.unwrap_or_default();
        let columns = rooms.contract.columns.iter().enumerate();
        let cells = columns.map(|(index, column)| CellLine {
            column: column.name.clone(),
            decoded: decoded(&changes, records, index, at, column),
            judged: judged.get(&column.name).map(|text| cut(&shown(column, text))),
            stored: stored_text(column, &stored),
        });
        let flags = judged.get(system::FLAGS).cloned();
        let cells = cells.collect();
        record.rows.push(Row { op: change.op.letter(), cells, flags });
    }
    Ok(found)
}

fn decoded(
    changes: &Changes,
    records: &Records,
    column: usize,
    row: usize,
    of: &Column,
) -> Option<String> {
    let cell = *changes.columns.get(column)?.get(row)?;
    let text = match cell.kind {
        CellKind::Missing | CellKind::Null | CellKind::Unavailable => return None,
        CellKind::True => "true".into(),
        CellKind::False => "false".into(),
        _ => changes.text(&records.arena, cell),
    };
    Some(cut(&shown(of, &text)))
}

/// What is stored of a column: tokens, masks and ciphertexts as they are, values that are kept
/// only as far as a person may see them.
fn stored_text(column: &Column, row: &BTreeMap<String, String>) -> Option<String> {
    let value = row.get(&column.name);
    let sealed = row.get(&format!("{}_enc", column.name));
    let is_made = sealed.is_some() || matches!(column.protect, Protect::Mask(_));
    match (value, sealed) {
        (Some(value), _) if is_made && !is_open(column) => Some(cut(value)),
        (Some(value), _) => Some(cut(&shown(column, value))),
        (None, Some(sealed)) => Some(cut(&format!("sealed {sealed}"))),
        (None, None) => None,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Values of a row that are not null, by column.
fn named(rows: &RecordBatch, row: usize) -> Result<BTreeMap<String, String>, Failure> {
    let values = texts(rows, row)
        .map_err(|e| Error::new(ErrorKind::Bug, "a value has no text form").because(e))?;
    let schema = rows.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    Ok(names.zip(values).filter_map(|(name, value)| Some((name, value?))).collect())
}

fn coordinates(rows: &RecordBatch) -> Option<Vec<(i32, i64)>> {
    let partitions = rows.column_by_name(system::PARTITION)?.as_primitive_opt::<Int32Type>()?;
    let offsets = rows.column_by_name(system::OFFSET)?.as_primitive_opt::<Int64Type>()?;
    Some((0..rows.num_rows()).map(|row| (partitions.value(row), offsets.value(row))).collect())
}

fn places(rows: Option<&RecordBatch>) -> BTreeMap<Place, usize> {
    let Some(rows) = rows else { return BTreeMap::new() };
    let ordinals = rows.column_by_name(system::ORDINAL);
    let ordinals = ordinals.and_then(|column| column.as_primitive_opt::<Int32Type>());
    let ordinal = |row| ordinals.map_or(0, |ordinals| ordinals.value(row));
    let all = coordinates(rows).unwrap_or_default().into_iter().enumerate();
    all.map(|(row, (partition, offset))| ((partition, offset, ordinal(row)), row)).collect()
}

fn rejects(rows: Option<&RecordBatch>) -> BTreeMap<(i32, i64), RejectLine> {
    let Some(rows) = rows else { return BTreeMap::new() };
    let text = |name: &str, row: usize| {
        let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let line = |row| RejectLine {
        stage: text("stage", row).unwrap_or_default(),
        reason: text("reason", row).unwrap_or_default(),
        field: text("field", row),
    };
    let all = coordinates(rows).unwrap_or_default().into_iter().enumerate();
    all.map(|(row, place)| (place, line(row))).collect()
}
