//! Drift of one chunk: what its records show that the contract does not say.
//!
//! A value is retyped when it comes in a JSON kind that no sound source sends for the column's
//! type, and widened when it is a number that the type cannot hold. A text that is no number is
//! neither: it is a bad value, and there are many of those.
//!
//! | column | retyped | widened |
//! |---|---|---|
//! | string | object, array | |
//! | number, decimal | boolean, object, array | more digits than the type has |
//! | date, timestamp | number (but for Debezium), boolean, object, array | |
//! | boolean | number, object, array | |
//!
//! Only values that could not be cast are looked at: the date 20200407 written as a number is
//! understood, and nothing has changed for the reader.

use crate::flags::{Marks, RowReject};
use crate::judge::row_number;
use huiliu_model::contract::Format;
use huiliu_model::{
    Binary, CellKind, Changes, Contract, DataType, Drift, DriftKind, OnDrift, Op, Reason, Records,
    Stage,
};

/// Name of the rule in quarantine.
const RULE: &str = "drift";

/// What one chunk shows of its source.
#[derive(Debug, Clone, Default)]
pub struct ChunkDrift {
    /// Added, retyped and widened fields, each pair of kind and field once.
    pub found: Vec<Drift>,
    /// Contract columns that no row of the chunk has, ascending; empty without images.
    pub absent: Vec<u16>,
    /// Rows that say what a source sends: all but deletes, which may be keys alone.
    pub images: u64,
    /// Place and times of those rows, to tell where an absent column began to be absent.
    pub extent: Option<Extent>,
}

/// Where the images of a chunk lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub partition: i32,
    pub offset: i64,
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Finds the drift of a chunk, and rejects the rows that the contract wants in quarantine for it.
/// `refused` are columns whose absence rejects a row.
pub(super) fn judge(
    records: &Records,
    changes: &Changes,
    contract: &Contract,
    refused: &[u16],
    marks: &mut Marks,
) -> ChunkDrift {
    let mut found: Vec<Drift> = changes
        .strangers
        .iter()
        .map(|held| Drift {
            count: held.count,
            ..drift(records, DriftKind::Added, &held.name, [held.first, held.last])
        })
        .collect();
    misfits(records, changes, contract, marks, &mut found);
    let images = || changes.rows.iter().enumerate().filter(|(_, row)| row.op != Op::Delete);
    for &column in refused {
        let reject = |row| RowReject {
            row: row_number(row),
            stage: Stage::Judge,
            reason: Reason::FieldMissing,
            column: Some(column),
            rule: RULE,
        };
        marks.rejects.extend(images().map(|(row, _)| reject(row)));
    }
    let count = images().count() as u64;
    let absent = if count == 0 { Vec::new() } else { absent(changes) };
    let ends = images().next().zip(images().last());
    let extent = ends.map(|((_, first), (_, last))| {
        let (first, last) =
            (&records.entries[first.record as usize], &records.entries[last.record as usize]);
        Extent {
            partition: first.partition,
            offset: first.offset,
            first_ms: first.timestamp_ms,
            last_ms: last.timestamp_ms,
        }
    });
    ChunkDrift { found, absent, images: count, extent }
}

/// Most columns are there in the first row.
fn absent(changes: &Changes) -> Vec<u16> {
    let columns = changes.columns.iter().enumerate();
    let is_absent =
        |cells: &Vec<huiliu_model::Cell>| cells.iter().all(|cell| cell.kind == CellKind::Missing);
    let absent = columns.filter(|(_, cells)| is_absent(cells));
    absent.filter_map(|(column, _)| u16::try_from(column).ok()).collect()
}

fn misfits(
    records: &Records,
    changes: &Changes,
    contract: &Contract,
    marks: &mut Marks,
    found: &mut Vec<Drift>,
) {
    // Misfits are found column by column, row by row.
    let misfits = std::mem::take(&mut marks.misfits);
    for misfit in &misfits {
        let column = &contract.columns[usize::from(misfit.column)];
        let cell = changes.columns[usize::from(misfit.column)][misfit.row as usize].kind;
        let Some(kind) = kind_of(contract.format, column.data_type, cell, misfit.reason) else {
            continue;
        };
        let record = changes.rows[misfit.row as usize].record;
        let one = drift(records, kind, &column.name, [record, record]);
        match found.iter_mut().find(|held| held.kind == kind && held.field == one.field) {
            Some(held) => held.extend(&one),
            None => found.push(one),
        }
        if contract.drift.of(kind) == OnDrift::Quarantine {
            marks.rejects.push(RowReject {
                row: misfit.row,
                stage: Stage::Cast,
                reason: misfit.reason,
                column: Some(misfit.column),
                rule: RULE,
            });
        }
    }
}

fn kind_of(
    format: Format,
    data_type: DataType,
    cell: CellKind,
    reason: Reason,
) -> Option<DriftKind> {
    use CellKind::{False, Nested, Number, Text, True, Unescaped};
    let is_number_type = matches!(
        data_type,
        DataType::Integer | DataType::Long | DataType::Double | DataType::Decimal { .. }
    );
    let is_date_type = matches!(data_type, DataType::Date | DataType::Timestamp);
    let is_number_cell = |binary: Binary| {
        matches!(binary, Binary::Integer | Binary::Float | Binary::Double | Binary::Decimal { .. })
    };
    // A number is one, however it is encoded; other binary values suit dates and texts at most.
    let cell = match cell {
        CellKind::Binary(binary) if is_number_cell(binary) => Number,
        CellKind::Binary(Binary::Days | Binary::Instant(..)) if is_date_type => return None,
        CellKind::Binary(_) => {
            return (data_type != DataType::String).then_some(DriftKind::Retyped);
        }
        cell => cell,
    };
    match cell {
        Nested => Some(DriftKind::Retyped),
        True | False => (is_number_type || is_date_type).then_some(DriftKind::Retyped),
        Number | Text | Unescaped if is_number_type => {
            (reason == Reason::Range).then_some(DriftKind::Widened)
        }
        Number if is_date_type => (!format.is_debezium()).then_some(DriftKind::Retyped),
        Number if data_type == DataType::Boolean => Some(DriftKind::Retyped),
        _ => None,
    }
}

/// A drift seen in one record, or from one to another.
fn drift(records: &Records, kind: DriftKind, field: &str, [first, last]: [u32; 2]) -> Drift {
    let [first, last] = [first, last].map(|record| &records.entries[record as usize]);
    Drift {
        kind,
        field: field.into(),
        count: 1,
        partition: first.partition,
        offset: first.offset,
        first_ms: first.timestamp_ms,
        last_ms: last.timestamp_ms,
    }
}
