//! The same rows in Avro, behind the id of their schema, as a converter writes them.

use crate::records::{Spoil, TYPES, is_null, mixed};
use huiliu_model::schemas::{SchemaId, SchemaKind, WriterSchema};
use huiliu_model::{Column, Contract, DataType};

/// Id of the one schema.
pub const ID: SchemaId = SchemaId(1);
/// More days than years of four digits have.
const NO_DAY: i64 = 99_999_999;

/// Writer's schema of plain rows, or of Debezium's envelope around them.
pub fn schema(contract: &Contract, is_debezium: bool) -> WriterSchema {
    let row = row_schema(contract, is_debezium);
    let text = if is_debezium { envelope_schema(&row) } else { row };
    WriterSchema { kind: SchemaKind::Avro, text, references: Vec::new() }
}

fn row_schema(contract: &Contract, is_debezium: bool) -> String {
    let kind = |data_type: DataType| match data_type {
        DataType::Integer => r#""int""#,
        DataType::Long => r#""long""#,
        DataType::Double => r#""double""#,
        DataType::Boolean => r#""boolean""#,
        DataType::Date if is_debezium => {
            r#"{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}"#
        }
        DataType::Date => r#"{"type":"int","logicalType":"date"}"#,
        DataType::Timestamp if is_debezium => concat!(
            r#"{"type":"string","connect.version":1,"#,
            r#""connect.name":"io.debezium.time.ZonedTimestamp"}"#
        ),
        DataType::Timestamp => r#"{"type":"long","logicalType":"timestamp-micros"}"#,
        DataType::Decimal { .. } => {
            r#"{"type":"bytes","logicalType":"decimal","precision":14,"scale":2}"#
        }
        DataType::String => r#""string""#,
    };
    let field = |column: &Column| {
        let kind = kind(column.data_type);
        format!(r#"{{"name":"{}","type":["null",{kind}],"default":null}}"#, column.name)
    };
    let fields: Vec<String> = contract.columns.iter().map(field).collect();
    let fields = fields.join(",");
    format!(r#"{{"type":"record","name":"Value","namespace":"city","fields":[{fields}]}}"#)
}

fn envelope_schema(row: &str) -> String {
    format!(
        concat!(
            r#"{{"type":"record","name":"Envelope","namespace":"city","fields":["#,
            r#"{{"name":"before","type":["null",{}],"default":null}},"#,
            r#"{{"name":"after","type":["null","Value"],"default":null}},"#,
            r#"{{"name":"source","type":{{"type":"record","name":"Source","fields":["#,
            r#"{{"name":"version","type":"string"}},{{"name":"connector","type":"string"}},"#,
            r#"{{"name":"name","type":"string"}},{{"name":"ts_ms","type":"long"}},"#,
            r#"{{"name":"db","type":"string"}},{{"name":"schema","type":"string"}},"#,
            r#"{{"name":"table","type":"string"}},"#,
            r#"{{"name":"txId","type":["null","long"],"default":null}},"#,
            r#"{{"name":"lsn","type":["null","long"],"default":null}}]}}}},"#,
            r#"{{"name":"op","type":"string"}},"#,
            r#"{{"name":"ts_ms","type":["null","long"],"default":null}}]}}"#
        ),
        row
    )
}

/// One record.
pub fn record(contract: &Contract, n: u32, is_debezium: bool, spoil: Option<Spoil>) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&ID.0.to_be_bytes());
    if is_debezium {
        long(0, &mut out);
        long(1, &mut out);
    }
    row(contract, n, is_debezium, spoil, &mut out);
    if is_debezium {
        for part in ["3.0.8.Final", "postgresql", "city"] {
            text(part, &mut out);
        }
        long(1_586_219_400_123, &mut out);
        for part in ["water", "public", "account"] {
            text(part, &mut out);
        }
        for number in [790, 34_468_104 + i64::from(n)] {
            long(1, &mut out);
            long(number, &mut out);
        }
        text("u", &mut out);
        long(1, &mut out);
        long(1_586_219_400_535, &mut out);
    }
    out
}

fn row(contract: &Contract, n: u32, is_debezium: bool, spoil: Option<Spoil>, out: &mut Vec<u8>) {
    for at in 0..contract.columns.len() {
        let m = mixed(n, at);
        let spoilt = spoil.filter(|spoil| spoil.column(true) == Some(at));
        if spoilt == Some(Spoil::Keyless) || spoilt.is_none() && is_null(m, at) {
            long(0, out);
            continue;
        }
        long(1, out);
        let count = i64::from(m);
        match at % TYPES.len() {
            0 => text(&format!("0230{:06}", n % 900_000 + 100_000), out),
            1 => text(&format!("E0{:06}-{}", m % 1_000_000, m % 7), out),
            2 => text(&format!("重庆市渝中区人民路{}号", m % 400), out),
            3 => long(count % 12, out),
            4 => long(10_000_000_000 + count * 97, out),
            // More digits than the column has.
            5 if spoilt == Some(Spoil::WrongType) => bytes(&[0x7f; 12], out),
            5 => bytes(&(count % 9_000 * 100 + count % 100).to_be_bytes(), out),
            6 => out.extend((106.0 + f64::from(m % 1_000_000) / 1e6).to_le_bytes()),
            7 if spoilt == Some(Spoil::BadDate) => long(NO_DAY, out),
            7 => long(15_000 + count % 3_000, out),
            8 if is_debezium => {
                let (day, second, micros) = (m % 7 + 1, m % 60, m % 999_999);
                text(&format!("2020-04-{day:02}T08:30:{second:02}.{micros:06}Z"), out);
            }
            8 => long(1_586_219_400_000_000 + count * 1_000_003, out),
            _ => out.push(u8::from(m % 2 == 0)),
        }
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    bytes(value.as_bytes(), out);
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(i64::try_from(value.len()).unwrap_or(0), out);
    out.extend_from_slice(value);
}

/// Zigzag, seven bits a byte, the lowest first.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
