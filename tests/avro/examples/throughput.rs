//! Prints how fast Avro records are decoded on one core, beside arrow-avro in the same run:
//! `cargo run --release --manifest-path tests/avro/Cargo.toml --features measure --example
//! throughput`.
//!
//! arrow-avro ends with arrays, ours with cells, which cast reads into arrays while it judges them.
//! So ours is shown twice: the cells alone, and with a plain reading of them into arrays of the
//! same types, without rules.

use apache_avro::types::Value;
use apache_avro::{Decimal, Schema, to_avro_datum};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};
use huiliu_avro_oracle::{ID, decoder, framed, records};
use huiliu_decode::Decoder;
use huiliu_model::clock::{Clock, SystemClock};
use huiliu_model::{Cell, CellKind, Changes, DataType, Records};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// Few enough that a round fits between two interruptions of a busy machine.
const COUNT: usize = 2_000;
const ROUNDS: usize = 200;
const KINDS: usize = 8;
const DECIMAL: DataType = DataType::Decimal { precision: 12, scale: 2 };

fn main() {
    println!("| record | bytes | decoder | records/s | MB/s | ns per cell | of arrow-avro |");
    println!("|---|---:|---|---:|---:|---:|---:|");
    for width in [10, 60] {
        report(width, width);
    }
    report(60, 10);
}

/// Records of `width` fields, of which the contract names `taken`.
fn report(width: usize, taken: usize) {
    let schema = schema(width);
    let values = values(&schema, width);
    let input = records(values.iter().map(Vec::as_slice));
    let every = width / taken;
    let columns: Vec<(String, DataType)> =
        (0..width).step_by(every).map(|at| (format!("c{at}"), of_kind(at).1)).collect();
    let ours = decoder(&columns, &schema);
    let changes = ours.decode(&input);
    assert_eq!((changes.rows.len(), changes.rejects.len()), (COUNT, 0));

    let mut theirs = arrow_avro_decoder(&schema, width, every);
    let batch = theirs_decode(&mut theirs, &values);
    assert_eq!(batch.num_columns(), columns.len());
    let arrays = arrays(&columns, &changes, &input);
    for (at, array) in arrays.iter().enumerate() {
        assert_eq!(array.as_ref(), batch.column(at).as_ref(), "column {at}");
    }

    let mut times = [Duration::MAX; 3];
    let clock = SystemClock::default();
    // Side by side, so that a slow moment of the machine falls on all of them.
    for _ in 0..ROUNDS {
        let mut time = |slot: usize, run: &mut dyn FnMut()| {
            let began = clock.monotonic();
            run();
            times[slot] = times[slot].min(clock.monotonic().saturating_sub(began));
        };
        time(0, &mut || {
            black_box(theirs_decode(&mut theirs, black_box(&values)));
        });
        time(1, &mut || {
            black_box(ours.decode(black_box(&input)));
        });
        time(2, &mut || {
            black_box(decode_to_arrays(&ours, &columns, black_box(&input)));
        });
    }
    let bytes = input.arena.len();
    let names = ["arrow-avro, arrays", "huiliu, cells", "huiliu, cells and arrays"];
    for (name, time) in names.iter().zip(times) {
        let seconds = time.as_secs_f64();
        let cells = (COUNT * columns.len()) as f64;
        println!(
            "| {taken} of {width} columns | {} | {name} | {:.0} | {:.0} | {:.1} | {:.2} |",
            bytes / COUNT,
            COUNT as f64 / seconds,
            bytes as f64 / seconds / 1e6,
            seconds * 1e9 / cells,
            times[0].as_secs_f64() / seconds,
        );
    }
}

/// The Avro type of a column, the type of the contract's column.
fn of_kind(at: usize) -> (&'static str, DataType) {
    match at % KINDS {
        0 => (r#""string""#, DataType::String),
        1 => (r#"["null","string"]"#, DataType::String),
        2 => (r#""long""#, DataType::Long),
        3 => (
            r#"["null",{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}]"#,
            DECIMAL,
        ),
        4 => (r#"["null",{"type":"int","logicalType":"date"}]"#, DataType::Date),
        5 => (r#"["null",{"type":"long","logicalType":"timestamp-micros"}]"#, DataType::Timestamp),
        6 => (r#"["null","double"]"#, DataType::Double),
        _ => (r#""boolean""#, DataType::Boolean),
    }
}

fn schema(width: usize) -> String {
    let field = |at| format!(r#"{{"name":"c{at}","type":{}}}"#, of_kind(at).0);
    let fields: Vec<String> = (0..width).map(field).collect();
    format!(r#"{{"type":"record","name":"Row","fields":[{}]}}"#, fields.join(","))
}

fn values(schema: &str, width: usize) -> Vec<Vec<u8>> {
    let schema = Schema::parse_str(schema).expect("a schema");
    let some = |value| Value::Union(1, Box::new(value));
    let value = |row: usize, at: usize| {
        let n = i64::try_from(row * 31 + at * 7).expect("small");
        match at % KINDS {
            0 => Value::String(format!("0230{:06}", n)),
            1 if row % 5 == 0 => Value::Union(0, Box::new(Value::Null)),
            1 => some(Value::String(format!("重庆市渝中区{n}号"))),
            2 => Value::Long(n * 1_000_003),
            3 => some(Value::Decimal(Decimal::from((n * 1_017).to_be_bytes()))),
            4 => some(Value::Date(18_000 + i32::try_from(n % 2_000).expect("small"))),
            5 => some(Value::TimestampMicros(1_586_219_400_000_000 + n)),
            6 => some(Value::Double(106.5 + n as f64 / 1e6)),
            _ => Value::Boolean(n % 2 == 0),
        }
    };
    (0..COUNT)
        .map(|row| {
            let fields = (0..width).map(|at| (format!("c{at}"), value(row, at))).collect();
            let datum = to_avro_datum(&schema, Value::Record(fields)).expect("of its schema");
            framed(&datum)
        })
        .collect()
}

fn arrow_avro_decoder(schema: &str, width: usize, every: usize) -> arrow_avro::reader::Decoder {
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    let written = AvroSchema::new(schema.to_owned());
    store.set(Fingerprint::Id(ID), written.clone()).expect("a new id");
    let builder = ReaderBuilder::new()
        .with_writer_schema_store(store)
        .with_active_fingerprint(Fingerprint::Id(ID))
        .with_batch_size(COUNT);
    let builder = match every {
        1 => builder,
        every => {
            let field = |at| format!(r#"{{"name":"c{at}","type":{}}}"#, of_kind(at).0);
            let fields: Vec<String> = (0..width).step_by(every).map(field).collect();
            let fields = fields.join(",");
            builder.with_reader_schema(AvroSchema::new(format!(
                r#"{{"type":"record","name":"Row","fields":[{fields}]}}"#
            )))
        }
    };
    builder.build_decoder().expect("a decoder")
}

fn theirs_decode(decoder: &mut arrow_avro::reader::Decoder, values: &[Vec<u8>]) -> RecordBatch {
    for value in values {
        decoder.decode(value).expect("it is sound");
    }
    decoder.flush().expect("it is sound").expect("it has rows")
}

fn decode_to_arrays(
    decoder: &Decoder,
    columns: &[(String, DataType)],
    records: &Records,
) -> Vec<ArrayRef> {
    arrays(columns, &decoder.decode(records), records)
}

fn arrays(columns: &[(String, DataType)], changes: &Changes, records: &Records) -> Vec<ArrayRef> {
    let arena = &records.arena[..];
    columns
        .iter()
        .zip(&changes.columns)
        .map(|((_, data_type), cells)| array(*data_type, cells, changes, arena))
        .collect()
}

fn array(data_type: DataType, cells: &[Cell], changes: &Changes, arena: &[u8]) -> ArrayRef {
    use huiliu_model::Value as Read;
    let value = |cell: &Cell| match cell.kind {
        CellKind::Binary(binary) => binary.value(changes.bytes(arena, *cell)),
        _ => None,
    };
    macro_rules! filled {
        ($builder:expr, $pattern:pat => $value:expr) => {{
            let mut builder = $builder;
            for cell in cells {
                builder.append_option(match value(cell) {
                    Some($pattern) => Some($value),
                    _ => None,
                });
            }
            Arc::new(builder.finish())
        }};
    }
    let count = cells.len();
    match data_type {
        DataType::Long => filled!(Int64Builder::with_capacity(count), Read::Integer(n) => n),
        DataType::Double => filled!(Float64Builder::with_capacity(count), Read::Double(n) => n),
        DataType::Date => filled!(
            Date32Builder::with_capacity(count),
            Read::Days(n) => i32::try_from(n).unwrap_or_default()
        ),
        DataType::Timestamp => filled!(
            TimestampMicrosecondBuilder::with_capacity(count).with_timezone("+00:00"),
            Read::Instant { micros, .. } => micros
        ),
        DataType::Decimal { .. } => filled!(
            Decimal128Builder::with_capacity(count).with_data_type(data_type.to_arrow()),
            Read::Decimal { unscaled, .. } => unscaled
        ),
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(count);
            cells.iter().for_each(|cell| builder.append_value(cell.kind == CellKind::True));
            Arc::new(builder.finish())
        }
        _ => {
            let bytes = cells.iter().map(|cell| cell.len as usize).sum();
            let mut builder = StringBuilder::with_capacity(count, bytes);
            for cell in cells {
                let text = std::str::from_utf8(changes.bytes(arena, *cell)).expect("UTF-8");
                builder.append_option((cell.kind != CellKind::Null).then_some(text));
            }
            Arc::new(builder.finish())
        }
    }
}
