//! One row: its values in the order of the dataset's fields, written as JSON.

use crate::calendar::{Day, Micros, date_text, instant_text};
use crate::fields::{DATASETS, Dataset};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(String),
    /// A JSON number as it is written.
    Number(String),
    Bool(bool),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn date(day: Day) -> Self {
        Self::Text(date_text(day))
    }

    pub(crate) fn maybe_date(day: Option<Day>) -> Self {
        day.map_or(Self::Null, Self::date)
    }

    pub(crate) fn instant(at: Micros) -> Self {
        Self::Text(instant_text(at))
    }

    pub(crate) fn int(number: i64) -> Self {
        Self::Number(number.to_string())
    }

    /// Hundredths as a number with two decimals.
    pub(crate) fn cents(cents: i64) -> Self {
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        Self::Number(format!("{sign}{}.{:02}", cents / 100, cents % 100))
    }

    fn write(&self, json: &mut Vec<u8>) {
        match self {
            Self::Null => json.extend_from_slice(b"null"),
            Self::Number(number) => json.extend_from_slice(number.as_bytes()),
            Self::Bool(true) => json.extend_from_slice(b"true"),
            Self::Bool(false) => json.extend_from_slice(b"false"),
            Self::Text(text) => write_text(text, json),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Index in [`DATASETS`].
    pub(crate) dataset: usize,
    pub(crate) values: Vec<Value>,
    /// The registration number that sloppy clerks write where the credit code belongs.
    pub(crate) reg_no: Option<String>,
}

impl Row {
    pub(crate) fn new(dataset: usize, values: Vec<Value>) -> Self {
        assert_eq!(values.len(), DATASETS[dataset].fields.len(), "one value per field");
        Self { dataset, values, reg_no: None }
    }

    pub(crate) fn dataset(&self) -> &'static Dataset {
        &DATASETS[self.dataset]
    }

    /// The key's values as they are written, joined by `|`.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(32);
        for (place, value) in self.values[..self.dataset().key_len].iter().enumerate() {
            if place > 0 {
                key.push(b'|');
            }
            if let Value::Text(text) | Value::Number(text) = value {
                key.extend_from_slice(text.as_bytes());
            }
        }
        key
    }

    /// All fields, or only those of the key.
    pub(crate) fn write(&self, key_only: bool, json: &mut Vec<u8>) {
        let dataset = self.dataset();
        let count = if key_only { dataset.key_len } else { dataset.fields.len() };
        json.push(b'{');
        for (place, ((name, _), value)) in dataset.fields.iter().zip(&self.values).enumerate() {
            if place >= count {
                break;
            }
            if place > 0 {
                json.push(b',');
            }
            json.push(b'"');
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            value.write(json);
        }
        json.push(b'}');
    }
}

/// A JSON string: quotes, backslashes and control characters escaped, the rest as UTF-8.
pub(crate) fn write_text(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => json.extend_from_slice(b"\\\""),
            b'\\' => json.extend_from_slice(b"\\\\"),
            0..=0x1f => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => json.push(byte),
        }
    }
    json.push(b'"');
}
