//! One cell of an Arrow column as text or as JSON, for every form of output alike.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Number, Value};

/// The cells of a row as text, `None` for null.
///
/// # Errors
/// When a type has no text form.
pub fn texts(batch: &RecordBatch, row: usize) -> Result<Vec<Option<String>>, ArrowError> {
    batch.columns().iter().map(|column| text(column.as_ref(), row)).collect()
}

/// A row as a JSON object in column order.
///
/// # Errors
/// When a type has no text form.
pub fn object(batch: &RecordBatch, row: usize) -> Result<Value, ArrowError> {
    let schema = batch.schema_ref();
    let mut object = Map::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        object.insert(field.name().clone(), json(column.as_ref(), row)?);
    }
    Ok(Value::Object(object))
}

fn text(array: &dyn Array, row: usize) -> Result<Option<String>, ArrowError> {
    Ok(match json(array, row)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

fn json(array: &dyn Array, row: usize) -> Result<Value, ArrowError> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return Ok(Value::Null);
    }
    if let Some(number) = number(array, row) {
        return Ok(number);
    }
    Ok(match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Binary => hexadecimal(array.as_binary::<i32>().value(row)).into(),
        DataType::LargeBinary => hexadecimal(array.as_binary::<i64>().value(row)).into(),
        DataType::BinaryView => hexadecimal(array.as_binary_view().value(row)).into(),
        DataType::FixedSizeBinary(_) => hexadecimal(array.as_fixed_size_binary().value(row)).into(),
        DataType::Decimal128(_, _) => {
            array.as_primitive::<Decimal128Type>().value_as_string(row).into()
        }
        DataType::Decimal256(_, _) => {
            array.as_primitive::<Decimal256Type>().value_as_string(row).into()
        }
        DataType::Timestamp(unit, zone) => instant(array, row, *unit, zone.is_some()),
        DataType::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(row);
            date.map_or(Value::Null, |d| d.to_string().into())
        }
        DataType::Date64 => {
            let date = array.as_primitive::<Date64Type>().value_as_date(row);
            date.map_or(Value::Null, |d| d.to_string().into())
        }
        DataType::List(_) => items(array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => items(array.as_list::<i64>().value(row).as_ref())?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let mut object = Map::with_capacity(fields.len());
            for (field, column) in fields.iter().zip(columns) {
                object.insert(field.name().clone(), json(column.as_ref(), row)?);
            }
            Value::Object(object)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            return json(dictionary.values().as_ref(), key);
        }
        _ => {
            let options = FormatOptions::default();
            ArrayFormatter::try_new(array, &options)?.value(row).try_to_string()?.into()
        }
    })
}

/// Whole numbers and doubles; a double that JSON cannot hold is null.
fn number(array: &dyn Array, row: usize) -> Option<Value> {
    macro_rules! at {
        ($t:ty) => {
            array.as_primitive::<$t>().value(row)
        };
    }
    let double = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
    Some(match array.data_type() {
        DataType::Int8 => at!(Int8Type).into(),
        DataType::Int16 => at!(Int16Type).into(),
        DataType::Int32 => at!(Int32Type).into(),
        DataType::Int64 => at!(Int64Type).into(),
        DataType::UInt8 => at!(UInt8Type).into(),
        DataType::UInt16 => at!(UInt16Type).into(),
        DataType::UInt32 => at!(UInt32Type).into(),
        DataType::UInt64 => at!(UInt64Type).into(),
        DataType::Float32 => double(f64::from(at!(Float32Type))),
        DataType::Float64 => double(at!(Float64Type)),
        _ => return None,
    })
}

/// An instant in RFC 3339 with as many digits as it has; without a zone it has no `Z` either.
fn instant(array: &dyn Array, row: usize, unit: TimeUnit, zoned: bool) -> Value {
    let utc = match unit {
        TimeUnit::Second => {
            DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)
        }
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(
            array.as_primitive::<TimestampMillisecondType>().value(row),
        ),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        ),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(
            array.as_primitive::<TimestampNanosecondType>().value(row),
        )),
    };
    let Some(utc) = utc else { return Value::Null };
    let text = utc.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    if zoned { text.into() } else { text.trim_end_matches('Z').into() }
}

fn items(array: &dyn Array) -> Result<Value, ArrowError> {
    (0..array.len()).map(|row| json(array, row)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
