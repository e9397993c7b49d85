//! Numbers from text, exactly: decimals to scaled integers, integers, doubles, truth values.
//!
//! Plain digits are read on a fast path. Whatever else is accepted (separators, units, exponents,
//! full-width digits, the `.0` of spreadsheets) is read on a slow path and marked `fixed`.
//! Nothing is rounded: digits beyond the scale must be zero, else the reason is `RANGE`, as for a
//! number beyond the precision; a text that is no number is `TYPE`.

mod digits;
mod units;

pub use units::Unit;

use crate::rule::Outcome;
use huiliu_model::Reason;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use units::Scaled;

/// Chongqing's box in degrees east (domain specification, 1.11).
pub const CITY_LONGITUDE: RangeInclusive<f64> = 105.28..=110.20;
/// Chongqing's box in degrees north.
pub const CITY_LATITUDE: RangeInclusive<f64> = 28.16..=32.21;

/// What became of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberOutcome<T> {
    /// `fixed`: the text was no plain number of its type.
    Value {
        value: T,
        fixed: bool,
    },
    /// A null token.
    Null,
    Err(Reason),
}

impl<T> NumberOutcome<T> {
    fn and_then<U>(self, f: impl FnOnce(T) -> Result<U, Reason>) -> NumberOutcome<U> {
        match self {
            Self::Value { value, fixed } => match f(value) {
                Ok(value) => NumberOutcome::Value { value, fixed },
                Err(reason) => NumberOutcome::Err(reason),
            },
            Self::Null => NumberOutcome::Null,
            Self::Err(reason) => NumberOutcome::Err(reason),
        }
    }
}

/// Reads a decimal as an integer of `10^-scale`, with at most `precision` digits.
pub fn parse_decimal(bytes: &[u8], precision: u8, scale: i8, unit: Unit) -> NumberOutcome<i128> {
    scaled(bytes, unit).and_then(|number| {
        let value = number.at_scale(i32::from(scale)).ok_or(Reason::Range)?;
        let bound = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
        if value.unsigned_abs() < bound { Ok(value) } else { Err(Reason::Range) }
    })
}

/// Reads an integer.
pub fn parse_integer(bytes: &[u8]) -> NumberOutcome<i64> {
    match plain(bytes) {
        Some(Scaled { digits, exponent: 0 }) => match i64::try_from(digits) {
            Ok(value) => NumberOutcome::Value { value, fixed: false },
            Err(_) => NumberOutcome::Err(Reason::Range),
        },
        Some(number) => NumberOutcome::Value { value: number, fixed: true }.and_then(whole),
        None => units::read(bytes, Unit::Plain).and_then(whole),
    }
}

/// Reads a double; neither infinite nor "not a number".
pub fn parse_double(bytes: &[u8]) -> NumberOutcome<f64> {
    if let Some(value) = short_double(bytes) {
        return NumberOutcome::Value { value, fixed: false };
    }
    let numeric = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    if let Ok(text) = std::str::from_utf8(bytes)
        && bytes.iter().all(numeric)
        && let Ok(value) = text.parse::<f64>()
    {
        return if value.is_finite() {
            NumberOutcome::Value { value, fixed: false }
        } else {
            NumberOutcome::Err(Reason::Range)
        };
    }
    units::read(bytes, Unit::Plain).and_then(|number| {
        let text = format!("{}e{}", number.digits, number.exponent);
        text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(Reason::Range)
    })
}

/// A number whose digits and power of ten are both exact in a double: one division then rounds
/// once, as reading the text does.
#[inline(always)]
pub(crate) fn short_double(bytes: &[u8]) -> Option<f64> {
    const EXACT_MAX: u64 = 1 << 53;
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let (negative, magnitude, fraction_count) = digits_of(bytes)?;
    if magnitude > EXACT_MAX {
        return None;
    }
    let value = magnitude as f64 / POWERS.get(fraction_count)?;
    Some(if negative { -value } else { value })
}

/// Reads a truth value: `true`, 1, Y, 是 and their opposites.
pub fn parse_boolean(bytes: &[u8]) -> NumberOutcome<bool> {
    match bytes {
        b"true" => return NumberOutcome::Value { value: true, fixed: false },
        b"false" => return NumberOutcome::Value { value: false, fixed: false },
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return NumberOutcome::Err(Reason::Type) };
    let text = crate::text::scrub(text).to_ascii_lowercase();
    let value = match text.as_str() {
        "true" | "t" | "1" | "1.0" | "y" | "yes" | "是" => true,
        "false" | "f" | "0" | "0.0" | "n" | "no" | "否" => false,
        text if crate::text::is_null_token(text) => return NumberOutcome::Null,
        _ => return NumberOutcome::Err(Reason::Type),
    };
    NumberOutcome::Value { value, fixed: true }
}

/// The rules `longitude` and `latitude`: a number inside the city's box.
pub(crate) fn apply_degrees(text: &str, bounds: RangeInclusive<f64>) -> Outcome<'_> {
    match parse_double(text.as_bytes()) {
        NumberOutcome::Null => Outcome::Null(None),
        NumberOutcome::Err(reason) => Outcome::Err(reason),
        NumberOutcome::Value { value, .. } if !bounds.contains(&value) => {
            Outcome::Err(Reason::Range)
        }
        NumberOutcome::Value { fixed: false, .. } => Outcome::Ok(Cow::Borrowed(text)),
        NumberOutcome::Value { value, .. } => Outcome::Ok(Cow::Owned(value.to_string())),
    }
}

fn scaled(bytes: &[u8], unit: Unit) -> NumberOutcome<Scaled> {
    match plain(bytes) {
        Some(value) => NumberOutcome::Value { value, fixed: false },
        None => units::read(bytes, unit),
    }
}

fn whole(number: Scaled) -> Result<i64, Reason> {
    number.at_scale(0).and_then(|value| i64::try_from(value).ok()).ok_or(Reason::Range)
}

/// `-12.50` and the like: an optional minus, digits, an optional point with digits behind it.
#[inline]
fn plain(bytes: &[u8]) -> Option<Scaled> {
    let (negative, magnitude, fraction_count) = digits_of(bytes)?;
    let digits = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    Some(Scaled { digits, exponent: -i32::try_from(fraction_count).ok()? })
}

/// Digits without the point and the places behind it, of a number that fits 64 bits.
#[inline(always)]
pub(crate) fn short_decimal(bytes: &[u8]) -> Option<(i64, usize)> {
    let (negative, magnitude, places) = digits_of(bytes)?;
    let digits = i64::try_from(magnitude).ok()?;
    Some((if negative { -digits } else { digits }, places))
}

/// Sign, digits without the point, and how many of them stand behind it.
#[inline(always)]
fn digits_of(bytes: &[u8]) -> Option<(bool, u64, usize)> {
    let (negative, number) = match bytes {
        [b'-', number @ ..] => (true, number),
        number => (false, number),
    };
    let (value, places) = digits::read(number).or_else(|| one_by_one(number))?;
    Some((negative, value, places))
}

/// Digits without the point, and how many of them stand behind it.
#[inline(never)]
fn one_by_one(number: &[u8]) -> Option<(u64, usize)> {
    // 19 bytes cannot overflow 64 bits; longer numbers take the slow path.
    if number.len() > 19 {
        return None;
    }
    let (whole, rest) = digits_before(0, number);
    if rest.len() == number.len() {
        return None;
    }
    match rest {
        [] => Some((whole, 0)),
        [b'.', fraction @ ..] if !fraction.is_empty() => match digits_before(whole, fraction) {
            (value, []) => Some((value, fraction.len())),
            _ => None,
        },
        _ => None,
    }
}

/// The number that the digits at the front go on with, and what follows them.
fn digits_before(mut value: u64, mut bytes: &[u8]) -> (u64, &[u8]) {
    while let [byte, rest @ ..] = bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        bytes = rest;
    }
    (value, bytes)
}

#[cfg(test)]
mod tests;
