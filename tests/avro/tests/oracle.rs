//! Random schemas and values of them: apache-avro writes and reads, ours reads the same.
//!
//! What is compared: whether a record is accepted, whole or with random damage, and every cell by
//! its text, which is worked out here from apache-avro's values and not by the code under test.

use apache_avro::types::Value;
use apache_avro::{Decimal, Schema, from_avro_datum, to_avro_datum};
use huiliu_avro_oracle::{decoder, framed, records};
use huiliu_model::{CellKind, DataType};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use std::io::Read;

/// A type and a value of it.
#[derive(Debug, Clone)]
struct Typed {
    schema: serde_json::Value,
    value: Value,
}

fn typed(schema: serde_json::Value, value: Value) -> Typed {
    Typed { schema, value }
}

fn scalar() -> impl Strategy<Value = Typed> {
    prop_oneof![
        any::<bool>().prop_map(|v| typed(json!("boolean"), Value::Boolean(v))),
        any::<i32>().prop_map(|v| typed(json!("int"), Value::Int(v))),
        any::<i64>().prop_map(|v| typed(json!("long"), Value::Long(v))),
        (-200i64..200).prop_map(|v| typed(json!("long"), Value::Long(v))),
        any::<f32>().prop_map(|v| typed(json!("float"), Value::Float(v))),
        any::<f64>().prop_map(|v| typed(json!("double"), Value::Double(v))),
        "[ -~重庆供水\"\\\\]{0,40}".prop_map(|v| typed(json!("string"), Value::String(v))),
        prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|v| typed(json!("bytes"), Value::Bytes(v))),
        (-700_000i32..3_000_000).prop_map(|v| {
            typed(json!({"type": "int", "logicalType": "date"}), Value::Date(v))
        }),
        any::<i64>().prop_map(|v| {
            let of = json!({"type": "long", "logicalType": "timestamp-micros"});
            typed(of, Value::TimestampMicros(v))
        }),
        (0i64..86_400_000_000).prop_map(|v| {
            typed(json!({"type": "long", "logicalType": "time-micros"}), Value::TimeMicros(v))
        }),
        (any::<i128>(), 0u32..20).prop_map(|(v, scale)| {
            let of = json!({"type": "bytes", "logicalType": "decimal", "precision": 38,
                "scale": scale});
            typed(of, Value::Decimal(Decimal::from(v.to_be_bytes())))
        }),
    ]
}

/// Enums and fixed types have names, of which a schema may have each once.
fn named(name: String) -> impl Strategy<Value = Typed> {
    let fixed = name.clone();
    prop_oneof![
        (1u32..5, any::<Index>()).prop_map(move |(count, at)| {
            let symbols: Vec<String> = (0..count).map(|n| format!("S{n}")).collect();
            let chosen = at.index(symbols.len());
            let value = Value::Enum(u32::try_from(chosen).expect("few"), symbols[chosen].clone());
            typed(json!({"type": "enum", "name": name, "symbols": symbols}), value)
        }),
        prop::collection::vec(any::<u8>(), 1..9).prop_map(move |bytes| {
            let of = json!({"type": "fixed", "name": fixed, "size": bytes.len()});
            typed(of, Value::Fixed(bytes.len(), bytes))
        }),
    ]
}

fn nested(type_name: String) -> impl Strategy<Value = Typed> {
    let items = || prop::collection::vec(scalar(), 1..4);
    prop_oneof![
        items().prop_map(|items| {
            let of = items[0].schema.clone();
            let same = items.into_iter().filter(|item| item.schema == of).map(|item| item.value);
            typed(json!({"type": "array", "items": of}), Value::Array(same.collect()))
        }),
        items().prop_map(|items| {
            let of = items[0].schema.clone();
            let same = items.into_iter().filter(|item| item.schema == of).take(1);
            let map = same.map(|item| ("重 \"k\"".to_owned(), item.value)).collect();
            typed(json!({"type": "map", "values": of}), Value::Map(map))
        }),
        items().prop_map(move |items| {
            let of = &type_name;
            let name = |at: usize| format!("f{at}");
            let fields: Vec<_> = items
                .iter()
                .enumerate()
                .map(|(at, item)| json!({"name": name(at), "type": item.schema}))
                .collect();
            let values = items.into_iter().enumerate().map(|(at, item)| (name(at), item.value));
            let record = Value::Record(values.collect());
            typed(json!({"type": "record", "name": of, "fields": fields}), record)
        }),
    ]
}

/// A field's type: plain, or one that may be null on either side.
fn field(at: usize) -> impl Strategy<Value = Typed> {
    let base = prop_oneof![
        6 => scalar(),
        1 => named(format!("N{at}")),
        1 => nested(format!("R{at}")),
    ];
    (base, 0..4u8, any::<bool>()).prop_map(|(inner, shape, is_null)| {
        let Typed { schema, value } = inner;
        let pick = |null: u32, other: u32| match is_null {
            true => Value::Union(null, Box::new(Value::Null)),
            false => Value::Union(other, Box::new(value.clone())),
        };
        match shape {
            0 => typed(json!(["null", schema]), pick(0, 1)),
            1 => typed(json!([schema, "null"]), pick(1, 0)),
            _ => typed(schema, value),
        }
    })
}

fn row() -> impl Strategy<Value = Vec<Typed>> {
    let fields: Vec<_> = (0..8).map(|at| field(at).boxed()).collect();
    (fields, 1..9usize).prop_map(|(mut fields, count)| {
        fields.truncate(count);
        fields
    })
}

/// A value whose text is not compared.
const SKIPPED: &str = "\0skipped";

/// The text of a value as a column of texts has it; `None` for null.
fn shown(value: &Value, scale: u32) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Union(_, inner) => return shown(inner, scale),
        Value::Boolean(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) => v.to_string(),
        Value::Float(v) => format!("{v:?}"),
        Value::Double(v) => format!("{v:?}"),
        Value::String(v) => v.clone(),
        Value::Enum(_, v) => v.clone(),
        Value::Bytes(v) | Value::Fixed(_, v) => base64(v),
        Value::Date(v) => days(i64::from(*v)),
        Value::TimestampMicros(v) => format!(
            "{}T{}Z",
            days(v.div_euclid(86_400_000_000)),
            clock(v.rem_euclid(86_400_000_000))
        ),
        // Damage may make a time that no day has.
        Value::TimeMicros(v) if !(0..86_400_000_000).contains(v) => SKIPPED.to_owned(),
        Value::TimeMicros(v) => clock(*v),
        Value::Decimal(v) => {
            let bytes = <Vec<u8>>::try_from(v.clone()).unwrap_or_default();
            if bytes.is_empty() || bytes.len() > 16 {
                // Damage may make a decimal without bytes, or one that nothing here can hold.
                return Some(SKIPPED.to_owned());
            }
            let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide[16 - bytes.len()..].copy_from_slice(&bytes);
            scaled(i128::from_be_bytes(wide), scale)
        }
        Value::Array(_) | Value::Map(_) | Value::Record(_) => "nested".to_owned(),
        other => panic!("{other:?} is not made here"),
    })
}

fn scaled(unscaled: i128, scale: u32) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 {
        return unscaled.to_string();
    }
    let power = 10u128.pow(scale);
    let (whole, fraction) = (unscaled.unsigned_abs() / power, unscaled.unsigned_abs() % power);
    format!("{sign}{whole}.{fraction:0>width$}", width = usize::try_from(scale).expect("small"))
}

/// A date by counting years and months, far from the algorithm under test.
fn days(mut left: i64) -> String {
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let mut year = 1970 + left.div_euclid(146_097) * 400;
    left = left.rem_euclid(146_097);
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

fn clock(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => clock,
        n if n % 1_000 == 0 => format!("{clock}.{:03}", n / 1_000),
        n => format!("{clock}.{n:06}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_byte = |byte: u8| (0..8).rev().map(move |at| byte >> at & 1);
    let bits: Vec<u8> = bytes.iter().copied().flat_map(of_byte).collect();
    let digit = |six: &[u8]| {
        let value = (0..6).fold(0, |v, at| v << 1 | usize::from(six.get(at).copied().unwrap_or(0)));
        char::from(DIGITS[value])
    };
    let mut text: String = bits.chunks(6).map(digit).collect();
    while text.len() % 4 != 0 {
        text.push('=');
    }
    text
}

fn schema_of(row: &[Typed]) -> String {
    let fields: Vec<_> = row
        .iter()
        .enumerate()
        .map(|(at, field)| json!({"name": format!("c{at}"), "type": field.schema}))
        .collect();
    json!({"type": "record", "name": "Row", "fields": fields}).to_string()
}

fn scale_of(schema: &serde_json::Value) -> u32 {
    let inner = match schema {
        serde_json::Value::Array(branches) => branches.iter().find(|b| *b != "null"),
        other => Some(other),
    };
    let scale = inner.and_then(|of| of.get("scale")).and_then(serde_json::Value::as_u64);
    u32::try_from(scale.unwrap_or(0)).expect("small")
}

/// The bytes of a record, and whether more of them were asked for than there are: where they end
/// within a text, a truth value or a choice, apache-avro gives a null and no error.
struct Bytes<'a> {
    rest: &'a [u8],
    ran_out: bool,
}

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.ran_out |= into.len() > self.rest.len();
        self.rest.read(into)
    }
}

/// Whether some number has more than 64 bits, of which apache-avro drops those beyond.
fn has_wide_number(bytes: &[u8]) -> bool {
    let is_wide = |ten: &[u8]| {
        ten[..9].iter().all(|byte| *byte >= 0x80) && (2..0x80).contains(&ten[9])
    };
    bytes.windows(10).any(is_wide)
}

/// Reads one record with both, and compares; true if it was accepted.
fn compare(row: &[Typed], bytes: &[u8], taken: &[usize]) -> Result<bool, TestCaseError> {
    let schema_text = schema_of(row);
    let schema = Schema::parse_str(&schema_text).expect("a schema");
    // Damage may announce more items than there is memory for.
    apache_avro::max_allocation_bytes(1 << 20);
    let mut rest = Bytes { rest: bytes, ran_out: false };
    let theirs = from_avro_datum(&schema, &mut rest, None).ok();
    let theirs = theirs.filter(|_| rest.rest.is_empty() && !rest.ran_out);

    let columns: Vec<_> =
        taken.iter().map(|at| (format!("c{at}"), DataType::String)).collect();
    let value = framed(bytes);
    let records = records([&value[..]]);
    let changes = decoder(&columns, &schema_text).decode(&records);
    let ours = changes.rejects.is_empty();
    if !ours && has_wide_number(bytes) {
        return Ok(false);
    }
    prop_assert_eq!(
        ours, theirs.is_some(), "{:?} {:02x?} {:?}", schema_text, bytes, changes.rejects
    );
    let Some(Value::Record(fields)) = theirs else { return Ok(ours) };
    for (column, at) in taken.iter().enumerate() {
        let cell = changes.columns[column][0];
        let (expected, typed) = (&fields[*at].1, &row[*at]);
        let expected = shown(expected, scale_of(&typed.schema));
        let text = match cell.kind {
            CellKind::Null => None,
            CellKind::True => Some("true".to_owned()),
            CellKind::False => Some("false".to_owned()),
            _ => Some(changes.text(&records.arena, cell).into_owned()),
        };
        match (&expected, &text) {
            (Some(nested), Some(text)) if nested == "nested" => {
                let parsed = serde_json::from_str::<serde_json::Value>(text);
                prop_assert!(parsed.is_ok(), "{}", text);
            }
            (Some(skipped), Some(_)) if skipped == SKIPPED => {}
            _ => prop_assert_eq!(&text, &expected, "c{} of {:?}", at, schema_text),
        }
    }
    Ok(ours)
}

fn encoded(row: &[Typed]) -> Vec<u8> {
    let schema = Schema::parse_str(&schema_of(row)).expect("a schema");
    let fields = row.iter().enumerate().map(|(at, f)| (format!("c{at}"), f.value.clone()));
    to_avro_datum(&schema, Value::Record(fields.collect())).expect("a value of its schema")
}

/// Some of the columns, in an order of their own.
fn taken(count: usize, picks: &[Index]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut taken = Vec::new();
    for pick in picks.iter().take(count) {
        taken.push(left.remove(pick.index(left.len())));
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whole_records_are_accepted_with_the_same_cells(
        row in row(), picks in prop::collection::vec(any::<Index>(), 1..8),
    ) {
        let bytes = encoded(&row);
        let taken = taken(row.len(), &picks);
        prop_assert!(compare(&row, &bytes, &taken)?);
    }

    #[test]
    fn damaged_records_are_accepted_or_refused_alike(
        row in row(), at in any::<Index>(), byte in any::<u8>(), how in 0..4u8,
    ) {
        let mut bytes = encoded(&row);
        match how {
            0 if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            1 if !bytes.is_empty() => bytes.truncate(at.index(bytes.len())),
            2 if !bytes.is_empty() => {
                bytes.remove(at.index(bytes.len()));
            }
            _ => bytes.push(byte),
        }
        let all: Vec<usize> = (0..row.len()).collect();
        compare(&row, &bytes, &all)?;
        // What is passed over is judged like what is taken.
        compare(&row, &bytes, &[])?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_fail(row in row(), noise in prop::collection::vec(any::<u8>(), 0..60)) {
        let all: Vec<usize> = (0..row.len()).collect();
        compare(&row, &noise, &all)?;
    }
}
