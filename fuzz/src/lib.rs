//! What must hold for any bytes a record may have.
//!
//! A record of the fuzzer's bytes is put between two good ones and taken from bytes to columns.
//! Held against it:
//!
//! * every record becomes rows, one reject or is skipped, and every column has one cell a row;
//! * the good records end as the same rows, cell by cell, as without their neighbour;
//! * serde_json and apache-avro, independent readers, accept what is accepted and refuse what is
//!   refused as broken; for plain rows they also find the same values.

mod avro;
mod dataset;

pub use dataset::contract;
use dataset::{GOOD_KEY, OFFSETS, TOPIC, good, schemas};

use arrow::array::RecordBatch;
use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::Format;
use huiliu_model::schemas::{SchemaId, SchemaKind, WriterSchema};
use huiliu_model::{Cell, CellKind, Changes, Contract, Partition, Reason, Record, Records};
use huiliu_normalise::{Keys, Normaliser, Protection};
use serde_json::Value;
use std::sync::Arc;

/// 2027-01-15 16:01:00 in Shanghai, after every event of the corpus.
const INGEST_US: i64 = 1_800_000_060_000_000;
const KAFKA_MS: i64 = 1_800_000_000_000;

/// One decoder under test, with what its good records are on their own.
pub struct Bench {
    format: Format,
    decoder: Decoder,
    /// For formats in Avro.
    oracle: Option<avro::Oracle>,
    plain: Prepared,
    keyed: Prepared,
}

struct Prepared {
    normaliser: Normaliser,
    /// Rows of the two good records, without a third between them.
    good: RecordBatch,
}

impl Bench {
    pub fn new(format: Format) -> Self {
        let contract = Arc::new(contract(format));
        let decoder = decoder(&contract);
        let is_avro = matches!(format, Format::ConfluentAvro | Format::DebeziumAvro);
        let oracle = is_avro.then(|| avro::Oracle::new(format));
        let prepared = |protection: Protection| {
            let normaliser = Normaliser::new(Arc::clone(&contract), Arc::new(protection))
                .expect("the contract is valid");
            let records = records(format, None);
            let changes = decoder.decode(&records);
            assert_eq!(changes.rows.len(), 2, "good records are good: {:?}", changes.rejects);
            let made = normaliser.prepare(&records, &changes, INGEST_US);
            Prepared { normaliser, good: made.rows.expect("good records are rows") }
        };
        let keys = Keys { id: "k".into(), token: [3; 32], encrypt: [5; 16], older: Vec::new() };
        let (plain, keyed) = (prepared(Protection::Plain), prepared(Protection::Keys(keys)));
        Self { format, decoder, oracle, plain, keyed }
    }

    /// Takes the bytes all the way.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn check(&self, data: &[u8]) {
        let records = records(self.format, Some(data));
        let changes = self.decoder.decode(&records);
        check_balance(&changes);
        self.check_oracle(data, &records, &changes);
        // Sealing is slow and sees few bytes of the record: a part of the inputs is enough.
        let prepared = if data.len().is_multiple_of(8) { &self.keyed } else { &self.plain };
        prepared.check(&records, &changes);
    }

    /// Takes a value all the way whose schema is the fuzzer's as well.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn check_schema(&self, schema: &str, value: &[u8]) {
        const ID: u32 = 1_000;
        learn(&self.decoder, ID, schema);
        let data = [&[0][..], &ID.to_be_bytes(), value].concat();
        let records = records(self.format, Some(&data));
        let changes = self.decoder.decode(&records);
        check_balance(&changes);
        self.plain.check(&records, &changes);
    }

    fn check_oracle(&self, data: &[u8], records: &Records, changes: &Changes) {
        let reject = changes.rejects.iter().find(|reject| reject.record == 1);
        let reason = reject.map(|reject| reject.reason);
        // These bounds are ours alone.
        if matches!(reason, Some(Reason::TooDeep | Reason::TooLarge)) {
            return;
        }
        if let Some(oracle) = &self.oracle {
            oracle.check(data, reason, records, changes);
            return;
        }
        let broken = [Reason::NotJson, Reason::Truncated, Reason::NotUtf8, Reason::Empty];
        let is_broken = reason.is_some_and(|reason| broken.contains(&reason));
        match serde_json::from_slice::<Value>(data) {
            Ok(value) => {
                assert!(!is_broken, "serde_json accepts what is {reason:?}");
                if self.format == Format::Json {
                    check_values(&value, reason, records, changes);
                }
            }
            // The oracle refuses numbers beyond the range of a double; the grammar does not. What
            // comes after such a number it has not looked at.
            Err(error) if error.to_string().starts_with("number out of range") => {}
            Err(error) => assert!(is_broken, "{error}, but {reason:?}"),
        }
    }
}

impl Prepared {
    fn check(&self, records: &Records, changes: &Changes) {
        let made = self.normaliser.prepare(records, changes, INGEST_US);
        let tally = made.tally;
        let sum = tally.accepted + tally.rejected + tally.tombstones + tally.control + tally.gaps;
        assert_eq!(sum, 3, "each record is counted once: {tally:?}");
        assert_eq!(made.rejected.len() as u64, tally.rejected);
        let rejects = made.rejects.as_ref().map_or(0, RecordBatch::num_rows);
        assert_eq!(rejects as u64, tally.rejected, "each reject is kept");
        let rows = made.rows.expect("the good records are rows");
        let last = rows.num_rows() - 1;
        assert_eq!(rows.slice(0, 1), self.good.slice(0, 1), "the record before is untouched");
        assert_eq!(rows.slice(last, 1), self.good.slice(1, 1), "the record after is untouched");
    }
}

/// A decoder that knows the schemas of its format.
fn decoder(contract: &Contract) -> Decoder {
    let decoder = Decoder::new(contract, Limits::default());
    for (id, schema) in (1..).zip(schemas(contract.format)) {
        learn(&decoder, id, &schema);
    }
    decoder
}

fn learn(decoder: &Decoder, id: u32, schema: &str) {
    let (text, references) = (schema.to_owned(), Vec::new());
    decoder.learn(SchemaId(id), &WriterSchema { kind: SchemaKind::Avro, text, references });
}

fn check_balance(changes: &Changes) {
    let mut seen = [0; 3];
    for row in changes.rows.iter().filter(|row| row.ordinal == 0) {
        seen[row.record as usize] += 1;
    }
    for reject in &changes.rejects {
        seen[reject.record as usize] += 1;
    }
    seen[1] += changes.skipped.tombstone + changes.skipped.control;
    assert_eq!(seen, [1, 1, 1], "rows, one reject or skipped");
    for column in &changes.columns {
        assert_eq!(column.len(), changes.rows.len(), "one cell a row");
    }
}

/// Plain rows: every cell stands for the value that the oracle read.
fn check_values(value: &Value, reason: Option<Reason>, records: &Records, changes: &Changes) {
    let Value::Object(fields) = value else {
        assert_eq!(reason, Some(Reason::NotAnObject));
        return;
    };
    let row = changes.rows.iter().position(|row| row.record == 1).expect("an object is a row");
    for (column, named) in contract(Format::Json).columns.iter().enumerate() {
        let cell = changes.columns[column][row];
        let found = value_of(changes, records, cell);
        assert_eq!(found.as_ref(), fields.get(&named.name), "{}", named.name);
    }
}

fn value_of(changes: &Changes, records: &Records, cell: Cell) -> Option<Value> {
    let bytes = changes.bytes(&records.arena, cell);
    match cell.kind {
        CellKind::Missing => None,
        CellKind::Null => Some(Value::Null),
        CellKind::True => Some(Value::from(true)),
        CellKind::False => Some(Value::from(false)),
        CellKind::Text | CellKind::Unescaped => {
            Some(Value::from(std::str::from_utf8(bytes).expect("cells hold UTF-8")))
        }
        CellKind::Number | CellKind::Nested => {
            Some(serde_json::from_slice(bytes).expect("nested cells are JSON"))
        }
        CellKind::Unavailable | CellKind::Binary(_) => panic!("plain rows in JSON have none"),
    }
}

/// Two good records, with the fuzzer's between them if there is one.
fn records(format: Format, between: Option<&[u8]>) -> Records {
    let contract = contract(format);
    let mut records = Records::new(contract.dataset, TOPIC.into());
    let first = good(format, 1);
    let last = good(format, 2);
    let values = [Some(&first[..]), between, Some(&last[..])];
    for (offset, value) in OFFSETS.zip(values) {
        let Some(value) = value else { continue };
        let key = Some(records.store(GOOD_KEY));
        let value = Some(records.store(value));
        let entry = Record { partition: 0, offset, timestamp_ms: KAFKA_MS, key, value };
        records.entries.push(entry);
    }
    let partition = Partition::new(TOPIC, 0);
    let count = i64::try_from(records.entries.len()).expect("three at most");
    records.covers.0.insert(partition, OFFSETS.start..OFFSETS.start + count);
    records
}
