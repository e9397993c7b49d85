//! One row: its values in the order of the dataset's fields, written as JSON.

use crate::calendar::{Day, Micros, push_date, push_instant, push_local_instant};
use crate::fields::{Dataset, dataset};
use std::borrow::Cow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(Cow<'static, str>),
    /// A whole number.
    Int(i64),
    /// A decimal: its digits, and how many stand behind the point.
    Scaled(i64, u8),
    Bool(bool),
    Date(Day),
    Instant(Micros),
    /// An instant as UTC without its offset.
    Utc(Micros),
}

impl Value {
    /// How the value is written, without quotation marks; `None` for null and truth values.
    pub(crate) fn written(&self) -> Option<String> {
        let mut bytes = Vec::new();
        match self {
            Self::Null | Self::Bool(_) => return None,
            Self::Text(text) => return Some(text.clone().into_owned()),
            Self::Int(number) => push_number(*number, &mut bytes),
            Self::Scaled(digits, places) => push_scaled(*digits, *places, &mut bytes),
            Self::Date(day) => push_date(*day, &mut bytes),
            Self::Instant(at) => push_instant(*at, &mut bytes),
            Self::Utc(at) => push_local_instant(*at - SHANGHAI_US, &mut bytes),
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn write(&self, json: &mut Vec<u8>) {
        match self {
            Self::Null => json.extend_from_slice(b"null"),
            Self::Int(number) => push_number(*number, json),
            Self::Scaled(digits, places) => push_scaled(*digits, *places, json),
            Self::Bool(true) => json.extend_from_slice(b"true"),
            Self::Bool(false) => json.extend_from_slice(b"false"),
            Self::Text(text) => write_text(text, json),
            Self::Date(day) => quoted(json, |json| push_date(*day, json)),
            Self::Instant(at) => quoted(json, |json| push_instant(*at, json)),
            Self::Utc(at) => quoted(json, |json| push_local_instant(*at - SHANGHAI_US, json)),
        }
    }
}

/// Asia/Shanghai is eight hours ahead of UTC.
const SHANGHAI_US: Micros = 8 * 3_600_000_000;

pub(crate) const NULL: Value = Value::Null;

pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Value {
    Value::Text(text.into())
}

pub(crate) fn int(number: impl Into<i64>) -> Value {
    Value::Int(number.into())
}

/// Hundredths as a number with two decimals.
pub(crate) fn cents(cents: i64) -> Value {
    Value::Scaled(cents, 2)
}

/// Ten-thousandths as a number with four decimals.
pub(crate) fn wan(digits: i64) -> Value {
    Value::Scaled(digits, 4)
}

/// Millionths of a degree.
pub(crate) fn degrees(micro: i64) -> Value {
    Value::Scaled(micro, 6)
}

pub(crate) fn date(day: Day) -> Value {
    Value::Date(day)
}

pub(crate) fn maybe_date(day: Option<Day>) -> Value {
    day.map_or(Value::Null, Value::Date)
}

pub(crate) fn instant(at: Micros) -> Value {
    Value::Instant(at)
}

pub(crate) fn maybe_instant(at: Option<Micros>) -> Value {
    at.map_or(Value::Null, Value::Instant)
}

pub(crate) fn flag(truth: bool) -> Value {
    Value::Bool(truth)
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Index of the dataset.
    pub(crate) dataset: usize,
    pub(crate) values: Vec<Value>,
    /// What the meter showed before, in the unit of the reading's digits; 0 if nothing.
    pub(crate) previous: i64,
}

impl Row {
    pub(crate) fn new(index: usize, values: Vec<Value>) -> Self {
        assert_eq!(values.len(), dataset(index).fields.len(), "one value per field");
        Self { dataset: index, values, previous: 0 }
    }

    pub(crate) fn dataset(&self) -> &'static Dataset {
        dataset(self.dataset)
    }

    /// The key's values as they are written, joined by `|`.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(48);
        for (place, field) in self.dataset().key.iter().enumerate() {
            if place > 0 {
                key.push(b'|');
            }
            match &self.values[*field] {
                Value::Text(text) => key.extend_from_slice(text.as_bytes()),
                value => key.extend(value.written().unwrap_or_default().into_bytes()),
            }
        }
        key
    }

    /// All fields, or only those of the key.
    pub(crate) fn write(&self, key_only: bool, json: &mut Vec<u8>) {
        let dataset = self.dataset();
        json.push(b'{');
        let mut is_first = true;
        for (place, ((name, _), value)) in dataset.fields.iter().zip(&self.values).enumerate() {
            if key_only && !dataset.key.contains(&place) {
                continue;
            }
            if !is_first {
                json.push(b',');
            }
            is_first = false;
            json.push(b'"');
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            value.write(json);
        }
        json.push(b'}');
    }
}

fn quoted(json: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    json.push(b'"');
    write(json);
    json.push(b'"');
}

/// A JSON string: quotes, backslashes and control characters escaped, the rest as UTF-8.
pub(crate) fn write_text(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if *byte >= b' ' && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        json.extend_from_slice(&bytes[plain..place]);
        plain = place + 1;
        match byte {
            b'"' => json.extend_from_slice(b"\\\""),
            b'\\' => json.extend_from_slice(b"\\\\"),
            _ => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    json.extend_from_slice(&bytes[plain..]);
    json.push(b'"');
}

pub(crate) fn push_number(number: i64, bytes: &mut Vec<u8>) {
    if number < 0 {
        bytes.push(b'-');
    }
    push_digits(number.unsigned_abs(), 1, bytes);
}

/// Digits with a point before the last `places`.
fn push_scaled(digits: i64, places: u8, bytes: &mut Vec<u8>) {
    if digits < 0 {
        bytes.push(b'-');
    }
    let power = 10_u64.pow(u32::from(places));
    let digits = digits.unsigned_abs();
    push_digits(digits / power, 1, bytes);
    bytes.push(b'.');
    push_digits(digits % power, usize::from(places), bytes);
}

/// At least `width` digits, with leading zeros.
pub(crate) fn push_digits(number: u64, width: usize, bytes: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut from) = (number, digits.len());
    while rest > 0 {
        from -= 1;
        digits[from] = b'0' + u8::try_from(rest % 10).expect("a digit is below 10");
        rest /= 10;
    }
    bytes.extend_from_slice(&digits[from.min(digits.len() - width)..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_json() {
        let written = |value: Value| {
            let mut json = Vec::new();
            value.write(&mut json);
            String::from_utf8(json).expect("UTF-8")
        };
        assert_eq!(written(NULL), "null");
        assert_eq!(written(int(-120)), "-120");
        assert_eq!(written(int(0)), "0");
        assert_eq!(written(cents(-5)), "-0.05");
        assert_eq!(written(cents(123_450)), "1234.50");
        assert_eq!(written(degrees(106_551_907)), "106.551907");
        assert_eq!(written(date(0)), "\"1970-01-01\"");
        assert_eq!(written(text("a\"\\\tb")), "\"a\\\"\\\\\\u0009b\"");
        // Eight hours earlier, and no offset.
        assert_eq!(written(Value::Utc(3_600_000_000)), "\"1969-12-31T17:00:00.000000\"");
    }
}
