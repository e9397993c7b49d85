//! Canonical text of typed values: one text per value, the same on every machine and version.
//!
//! Buckets, tokens and ciphertexts are computed over it, so it may never change:
//!
//! | type | text |
//! |---|---|
//! | string | itself |
//! | integer, long | decimal digits, `-` if negative |
//! | double | shortest decimal that reads back as the same number |
//! | boolean | `true`, `false` |
//! | date | `2020-04-07` |
//! | timestamp | UTC, six decimals: `2020-04-07T00:30:00.123456Z` |
//! | decimal | plain, always with the scale's decimals: `-12.30` |

use crate::date::write_date;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, LargeStringArray, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use std::fmt::Write;

const DAY_US: i64 = 86_400_000_000;

/// A column of a contract type, readable as canonical text.
#[derive(Debug)]
pub enum Texts<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Int(&'a Int32Array),
    Long(&'a Int64Array),
    Double(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMicrosecondArray),
    Decimal(&'a Decimal128Array, u32),
}

impl<'a> Texts<'a> {
    /// Looks at a column.
    ///
    /// # Panics
    /// When the column has a type that no contract column has.
    pub fn new(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view()),
            DataType::Int32 => Self::Int(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Self::Long(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::Decimal128(_, scale) => Self::Decimal(
                array.as_primitive::<Decimal128Type>(),
                u32::try_from(*scale).expect("contracts have no negative scale"),
            ),
            other => panic!("no contract column has the type {other}"),
        }
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Utf8(array) => array.is_null(row),
            Self::LargeUtf8(array) => array.is_null(row),
            Self::Utf8View(array) => array.is_null(row),
            Self::Int(array) => array.is_null(row),
            Self::Long(array) => array.is_null(row),
            Self::Double(array) => array.is_null(row),
            Self::Boolean(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::Timestamp(array) => array.is_null(row),
            Self::Decimal(array, _) => array.is_null(row),
        }
    }

    /// Appends the text of a value; nothing for null.
    pub fn write(&self, row: usize, out: &mut String) {
        if self.is_null(row) {
            return;
        }
        match self {
            Self::Utf8(array) => out.push_str(array.value(row)),
            Self::LargeUtf8(array) => out.push_str(array.value(row)),
            Self::Utf8View(array) => out.push_str(array.value(row)),
            Self::Int(array) => append(out, array.value(row)),
            Self::Long(array) => append(out, array.value(row)),
            Self::Double(array) => append(out, array.value(row)),
            Self::Boolean(array) => append(out, array.value(row)),
            Self::Date(array) => write_date(array.value(row), out),
            Self::Timestamp(array) => write_timestamp(array.value(row), out),
            Self::Decimal(array, scale) => write_decimal(array.value(row), *scale, out),
        }
    }

    /// The text of a value: borrowed where the column holds text, else written into `scratch`.
    pub fn get<'b>(&self, row: usize, scratch: &'b mut String) -> Option<&'b str>
    where
        'a: 'b,
    {
        if self.is_null(row) {
            return None;
        }
        match self {
            Self::Utf8(array) => Some(array.value(row)),
            _ => {
                scratch.clear();
                self.write(row, scratch);
                Some(scratch)
            }
        }
    }
}

fn append(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a string does not fail");
}

fn write_timestamp(micros: i64, out: &mut String) {
    let day = i32::try_from(micros.div_euclid(DAY_US)).expect("64-bit microseconds are 2^27 days");
    write_date(day, out);
    let of_day = micros.rem_euclid(DAY_US);
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    write!(out, "T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
        .expect("writing to a string does not fail");
}

fn write_decimal(unscaled: i128, scale: u32, out: &mut String) {
    if unscaled < 0 {
        out.push('-');
    }
    let magnitude = unscaled.unsigned_abs();
    let unit = 10_u128.pow(scale);
    append(out, magnitude / unit);
    if scale > 0 {
        let width = usize::try_from(scale).expect("a scale is at most 38");
        write!(out, ".{:0width$}", magnitude % unit).expect("writing to a string does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn texts(array: ArrayRef) -> Vec<String> {
        let column = Texts::new(&array);
        (0..array.len())
            .map(|row| {
                let mut out = String::new();
                column.write(row, &mut out);
                out
            })
            .collect()
    }

    #[test]
    fn every_type_has_one_canonical_text() {
        let decimals = Decimal128Array::from(vec![-1230, 5, -5, 0, 100])
            .with_precision_and_scale(14, 2)
            .expect("valid");
        assert_eq!(texts(Arc::new(decimals)), ["-12.30", "0.05", "-0.05", "0.00", "1.00"]);
        // 18_359 days: 2020-04-07 (50 years, 12 leap days, 31 + 29 + 31 + 6 days).
        let days = Date32Array::from(vec![18_359, 0, -1, 11_016, -719_162]);
        let expected = ["2020-04-07", "1970-01-01", "1969-12-31", "2000-02-29", "0001-01-01"];
        assert_eq!(texts(Arc::new(days)), expected);
        let instants = TimestampMicrosecondArray::from(vec![1_586_219_400_123_456, -1]);
        let expected = ["2020-04-07T00:30:00.123456Z", "1969-12-31T23:59:59.999999Z"];
        assert_eq!(texts(Arc::new(instants)), expected);
        assert_eq!(texts(Arc::new(Int64Array::from(vec![Some(-7), None]))), ["-7", ""]);
        assert_eq!(texts(Arc::new(Float64Array::from(vec![106.55, 3.0]))), ["106.55", "3"]);
        assert_eq!(texts(Arc::new(BooleanArray::from(vec![true, false]))), ["true", "false"]);
    }
}
