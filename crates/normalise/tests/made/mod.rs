//! Contracts, records and changes made by hand, as decoding would yield them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use huiliu_model::contract::{Format, Freshness, Group, Land, Mode, OnFail, Rule};
use huiliu_model::{
    Binary, Cell, CellKind, Change, Changes, Column, Contract, DataType, Grade, Op, Partition,
    Protect, Reason, Record, Records, Reject, Stage,
};
use huiliu_normalise::{Keys, Normaliser, Prepared, Protection};
use std::sync::Arc;

/// 2020-04-07 08:30:00 in Shanghai.
pub const EVENT_US: i64 = 1_586_219_400_000_000;
/// 2020-04-07 08:31:00 in Shanghai.
pub const KAFKA_MS: i64 = 1_586_219_460_000;
/// 2020-04-07 08:32:00 in Shanghai.
pub const INGEST_US: i64 = 1_586_219_520_000_000;
/// 2020-04-07 in days since 1970.
pub const EVENT_DAY: i32 = 18_359;

#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    Missing,
    Null,
    Text(&'a str),
    Unescaped(&'a str),
    Number(&'a str),
    True,
    False,
    Nested(&'a str),
    Unavailable,
    /// How the bytes are to be read, and the bytes.
    Binary(Binary, &'a [u8]),
}

pub fn column(name: &str, data_type: DataType) -> Column {
    Column {
        name: name.into(),
        title: format!("题 {name}"),
        data_type,
        required: false,
        unit: None,
        grade: Grade::L2,
        protect: Protect::Keep,
        rules: Vec::new(),
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    }
}

pub fn ruled(name: &str, data_type: DataType, rules: Vec<Rule>) -> Column {
    Column { rules, ..column(name, data_type) }
}

pub fn contract(columns: Vec<Column>, key: Vec<usize>) -> Contract {
    Contract {
        dataset: "test_set".into(),
        title: "试验".into(),
        provider: "大数据局".into(),
        group: Group::Pool,
        cycle: None,
        kafka_topics: "pool.test".into(),
        format: Format::HuiliuJson,
        epoch: 1,
        mode: Mode::Cdc,
        columns,
        bucket_by: key.clone(),
        key,
        buckets: 16,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

pub fn keys() -> Keys {
    Keys { id: "hub-1".into(), token: [3; 32], encrypt: [5; 16], older: vec![] }
}

/// Records and their changes, filled record by record.
pub struct Chunk {
    pub records: Records,
    pub changes: Changes,
    /// Department of the rows to come.
    department: u16,
}

impl Chunk {
    pub fn new(column_count: usize) -> Self {
        let records = Records::new("test_set".into(), "pool.test".into());
        let changes = Changes { columns: vec![Vec::new(); column_count], ..Changes::default() };
        Self { records, changes, department: 0 }
    }

    /// Rows to come are of this department.
    pub fn department(&mut self, name: &str) {
        if self.changes.departments.is_empty() {
            self.changes.departments.push(Cell::default());
        }
        let cell = self.cell(&Given::Text(name));
        self.department = self.changes.departments.len() as u16;
        self.changes.departments.push(cell);
    }

    fn next_offset(&self) -> i64 {
        100 + self.records.entries.len() as i64
    }

    fn push_record(&mut self, value: Option<std::ops::Range<u32>>) -> u32 {
        let offset = self.next_offset();
        let entry = Record { partition: 2, offset, timestamp_ms: KAFKA_MS, key: None, value };
        self.records.entries.push(entry);
        let covers = self.records.covers.0.entry(Partition::new("pool.test", 2));
        covers.or_insert(100..100).end = offset + 1;
        self.records.entries.len() as u32 - 1
    }

    /// A record of one row.
    pub fn row(&mut self, op: Op, cells: &[Given<'_>]) {
        self.rows(&[(op, cells)]);
    }

    /// A record of several rows (a change of key).
    pub fn rows(&mut self, rows: &[(Op, &[Given<'_>])]) {
        let start = self.records.arena.len() as u32;
        let record = self.records.entries.len() as u32;
        for (ordinal, (op, cells)) in rows.iter().enumerate() {
            self.changes.rows.push(Change {
                record,
                ordinal: ordinal as u8,
                op: *op,
                epoch: 1,
                seq: 1_000 + i64::from(record),
                event_time_us: Some(EVENT_US),
                department: self.department,
            });
            assert_eq!(cells.len(), self.changes.columns.len());
            for (index, cell) in cells.iter().enumerate() {
                let cell = self.cell(cell);
                self.changes.columns[index].push(cell);
            }
        }
        let end = self.records.arena.len() as u32;
        self.push_record(Some(start..end));
    }

    fn cell(&mut self, given: &Given<'_>) -> Cell {
        let (kind, text) = match given {
            Given::Missing => (CellKind::Missing, ""),
            Given::Null => (CellKind::Null, ""),
            Given::Text(text) => (CellKind::Text, *text),
            Given::Unescaped(text) => (CellKind::Unescaped, *text),
            Given::Number(text) => (CellKind::Number, *text),
            Given::True => (CellKind::True, ""),
            Given::False => (CellKind::False, ""),
            Given::Nested(text) => (CellKind::Nested, *text),
            Given::Unavailable => (CellKind::Unavailable, ""),
            Given::Binary(binary, bytes) => {
                let start = self.records.store(bytes).start;
                let len = bytes.len() as u32;
                return Cell { start, len, kind: CellKind::Binary(*binary) };
            }
        };
        let start = if kind == CellKind::Unescaped {
            let start = self.changes.scratch.len() as u32;
            self.changes.scratch.extend_from_slice(text.as_bytes());
            start
        } else {
            let range = self.records.store(text.as_bytes());
            self.records.store(b"|");
            range.start
        };
        Cell { start, len: text.len() as u32, kind }
    }

    pub fn rejected(&mut self, raw: &[u8], reason: Reason) {
        let range = self.records.store(raw);
        let record = self.push_record(Some(range));
        let stage = Stage::Decode;
        let reject = Reject { record, stage, reason, column: None, at: Some(7) };
        self.changes.rejects.push(reject);
    }

    pub fn tombstone(&mut self) {
        self.push_record(None);
        self.changes.skipped.tombstone += 1;
    }

    pub fn control(&mut self) {
        let range = self.records.store(b"{}");
        self.push_record(Some(range));
        self.changes.skipped.control += 1;
    }

    /// Offsets without a record at the end of the covers.
    pub fn gap(&mut self, offsets: i64) {
        let covers = self.records.covers.0.entry(Partition::new("pool.test", 2));
        covers.or_insert(100..100).end += offsets;
    }

    pub fn prepare(&self, normaliser: &Normaliser) -> Prepared {
        normaliser.prepare(&self.records, &self.changes, INGEST_US)
    }
}

pub fn normaliser(contract: Contract, protection: Protection) -> Normaliser {
    Normaliser::new(Arc::new(contract), Arc::new(protection)).expect("a valid contract")
}

/// Texts of a column, for all types; `-` for null.
pub fn shown(batch: &RecordBatch, name: &str) -> Vec<String> {
    let array = batch.column_by_name(name).unwrap_or_else(|| panic!("column {name}"));
    let texts = huiliu_normalise::columns::Texts::new(array);
    let show = |row: usize| {
        let mut out = String::new();
        texts.write(row, &mut out);
        if texts.is_null(row) { "-".to_owned() } else { out }
    };
    (0..array.len()).map(show).collect()
}

pub fn binary<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a [u8]> {
    let array = batch.column_by_name(name).unwrap_or_else(|| panic!("column {name}"));
    let array = array.as_binary::<i32>();
    array.is_valid(row).then(|| array.value(row))
}

/// Every byte of every buffer of a batch.
pub fn bytes_of(batch: &RecordBatch) -> Vec<u8> {
    let buffers = |array: &ArrayRef| -> Vec<u8> {
        array.to_data().buffers().iter().flat_map(|buffer| buffer.as_slice().to_vec()).collect()
    };
    batch.columns().iter().flat_map(buffers).collect()
}

pub fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
