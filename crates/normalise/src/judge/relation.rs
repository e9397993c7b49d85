//! Rules that hold a column against another of the row: set when, at most, difference, prefix.
//!
//! All of them remark and change nothing. A null on either side says nothing, but for what a
//! column must be when another has a value.

use crate::columns::Texts;
use crate::id::division;
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int32Array, Int64Array,
};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use huiliu_model::contract::When;

/// A factor, exact as a decimal if it was written as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    value: f64,
    /// Digits and how many of them stand behind the point.
    exact: Option<(i128, u32)>,
}

impl Times {
    pub fn new(value: f64) -> Self {
        let text = value.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{whole}{fraction}").parse().ok();
        let exact = digits.zip(u32::try_from(fraction.len()).ok());
        Self { value, exact }
    }
}

/// Rows in which a column is null though it must be set, or (`only`) set though it must not be.
pub(super) fn unset(column: &ArrayRef, other: &ArrayRef, when: &When, only: bool) -> Vec<usize> {
    let others = Texts::new(other);
    let mut scratch = String::new();
    let mut breached = |row: &usize| {
        let Some(text) = others.get(*row, &mut scratch) else { return false };
        let named = when.values.iter().any(|value| value == text);
        let set = column.is_valid(*row);
        if named { !set } else { only && set }
    };
    (0..column.len()).filter(|row| breached(row)).collect()
}

/// Rows in which a number is above `times` another.
pub(super) fn above(column: &ArrayRef, other: &ArrayRef, times: Times) -> Vec<usize> {
    let (numbers, bounds) = (Numbers::new(column), Numbers::new(other));
    let above = |row: usize| {
        let exact = || {
            let (value, value_scale) = numbers.exact(row)?;
            let (bound, bound_scale) = bounds.exact(row)?;
            let (times, times_scale) = times.exact?;
            let bound = (bound.checked_mul(times)?, bound_scale + times_scale);
            let scale = value_scale.max(bound.1);
            Some(at_scale((value, value_scale), scale)? > at_scale(bound, scale)?)
        };
        exact().or_else(|| Some(numbers.double(row)? > bounds.double(row)? * times.value))
    };
    (0..column.len()).filter(|&row| above(row).unwrap_or(false)).collect()
}

/// Rows in which a number is not the difference of two others.
pub(super) fn no_difference(column: &ArrayRef, of: [&ArrayRef; 2]) -> Vec<usize> {
    let (numbers, [minuends, subtrahends]) = (Numbers::new(column), of.map(Numbers::new));
    let differs = |row: usize| {
        let parts = [numbers.exact(row)?, minuends.exact(row)?, subtrahends.exact(row)?];
        let scale = parts.iter().map(|(_, scale)| *scale).max()?;
        let [value, minuend, subtrahend] = parts.map(|part| at_scale(part, scale));
        Some(value? != minuend?.checked_sub(subtrahend?)?)
    };
    (0..column.len()).filter(|&row| differs(row).unwrap_or(false)).collect()
}

/// Rows in which a text is not the beginning of another; a division that became the one there, or
/// the other way round, counts as it.
pub(super) fn no_prefix(column: &ArrayRef, other: &ArrayRef) -> Vec<usize> {
    let (texts, others) = (column.as_string::<i32>(), other.as_string::<i32>());
    let differs = |row: usize| {
        let (text, other) = (texts.value(row), others.value(row));
        !other.starts_with(text) && !is_same_county(text, other)
    };
    let both = |row: &usize| texts.is_valid(*row) && others.is_valid(*row);
    (0..texts.len()).filter(both).filter(|&row| differs(row)).collect()
}

fn is_same_county(text: &str, other: &str) -> bool {
    let county = |text: &str| division::county_of(text.as_bytes());
    let (Some(one), Some(two)) = (county(text), county(other)) else { return false };
    let table = division::table();
    text.len() == 6 && (table.became(one, two) || table.became(two, one))
}

fn at_scale((value, scale): (i128, u32), wanted: u32) -> Option<i128> {
    value.checked_mul(10_i128.checked_pow(wanted.checked_sub(scale)?)?)
}

/// A column of numbers of any type.
enum Numbers<'a> {
    Int(&'a Int32Array),
    Long(&'a Int64Array),
    Double(&'a Float64Array),
    Decimal(&'a Decimal128Array, u32),
}

impl<'a> Numbers<'a> {
    /// # Panics
    /// When the column is none of numbers; plans have been checked.
    fn new(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Int32 => Self::Int(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Self::Long(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(_, scale) => Self::Decimal(
                array.as_primitive::<Decimal128Type>(),
                u32::try_from(*scale).expect("contracts have no negative scale"),
            ),
            other => panic!("a plan compares numbers, not {other}"),
        }
    }

    /// Digits and how many of them stand behind the point; none of a null or a double.
    fn exact(&self, row: usize) -> Option<(i128, u32)> {
        match self {
            Self::Int(array) if array.is_valid(row) => Some((array.value(row).into(), 0)),
            Self::Long(array) if array.is_valid(row) => Some((array.value(row).into(), 0)),
            Self::Decimal(array, scale) if array.is_valid(row) => Some((array.value(row), *scale)),
            _ => None,
        }
    }

    fn double(&self, row: usize) -> Option<f64> {
        match self {
            Self::Double(array) => array.is_valid(row).then(|| array.value(row)),
            _ => {
                let (digits, scale) = self.exact(row)?;
                Some(digits as f64 / 10_f64.powi(i32::try_from(scale).ok()?))
            }
        }
    }
}
