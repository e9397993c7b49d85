//! arrow-json on the same bytes: its tape decoder under the nested schema of the envelope.

use crate::records::Shape;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use huiliu_model::{Contract, Records};
use std::sync::Arc;

pub struct Rival {
    decoder: Decoder,
    /// Names of the structs around the row, outermost first.
    path: &'static [&'static str],
    columns: Vec<String>,
}

impl Rival {
    /// The schema names what this project reads of the envelope, and the row with its types.
    /// `None`: the format is not JSON.
    pub fn new(shape: Shape, contract: &Contract) -> Option<Self> {
        let row: Fields = contract
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.data_type.to_arrow(), true))
            .collect();
        let group = |name: &str, fields: Vec<Field>| {
            Field::new(name, DataType::Struct(fields.into()), true)
        };
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let long = |name: &str| Field::new(name, DataType::Int64, true);
        let after = Field::new("after", DataType::Struct(row.clone()), true);
        let change = || {
            let source = group("source", vec![long("ts_ms"), long("ts_us"), long("lsn")]);
            let before = group("before", vec![text("account_no")]);
            vec![before, after.clone(), source, text("op")]
        };
        let time = huiliu_model::DataType::Timestamp.to_arrow();
        let (fields, path): (Vec<Field>, &[&str]) = match shape {
            Shape::Plain => (row.iter().map(|field| (**field).clone()).collect(), &[]),
            Shape::Debezium => (change(), &["after"]),
            Shape::DebeziumWithSchema => (vec![group("payload", change())], &["payload", "after"]),
            Shape::Huiliu => {
                let source = group("src", vec![text("dept")]);
                let event_time = Field::new("event_time", time, true);
                let head = vec![long("v"), text("ds"), text("op"), long("seq"), event_time];
                let before = group("before", vec![text("account_no")]);
                (head.into_iter().chain([source, before, after]).collect(), &["after"])
            }
            Shape::DebeziumAvro | Shape::PlainAvro => return None,
        };
        let decoder = ReaderBuilder::new(Arc::new(Schema::new(fields)))
            .with_batch_size(1 << 20)
            .build_decoder()
            .expect("the schema has types that arrow-json reads");
        let columns = contract.columns.iter().map(|column| column.name.clone()).collect();
        Some(Self { decoder, path, columns })
    }

    pub fn read(&mut self, records: &Records) -> RecordBatch {
        let mut rest = &records.arena[..];
        while !rest.is_empty() {
            let taken = self.decoder.decode(rest).expect("the records are clean");
            rest = &rest[taken..];
        }
        self.decoder.flush().expect("the records are clean").expect("there are records")
    }

    /// Both sides read the same values.
    pub fn assert_same(&self, theirs: &RecordBatch, ours: &RecordBatch) {
        let mut row: Option<ArrayRef> = None;
        for name in self.path {
            let column = match &row {
                None => theirs.column_by_name(name),
                Some(held) => held.as_struct().column_by_name(name),
            };
            row = column.cloned();
        }
        for name in &self.columns {
            let column = match &row {
                None => theirs.column_by_name(name),
                Some(held) => held.as_struct().column_by_name(name),
            };
            let column = column.expect("the row has its columns");
            let own = ours.column_by_name(name).expect("the row has its columns");
            assert_eq!(column.to_data(), own.to_data(), "{name}");
        }
    }
}
