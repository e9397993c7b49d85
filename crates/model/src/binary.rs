//! Values in a binary encoding: how the bytes at a cell's position are to be read.
//!
//! The encodings are those of Avro: integers are zigzag varints, floats little endian, decimals
//! big-endian two's complement. What a number counts (days, microseconds) is part of the kind, so
//! no room has to guess. [`Binary::value`] is the one place that reads them; the text of a
//! [`Value`] is its only text form, in tables and for people.

use crate::civil::civil_from_days;
use std::fmt;

/// How the bytes of a cell are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Integer,
    Float,
    Double,
    /// Unscaled two's complement, big endian.
    Decimal {
        scale: i16,
    },
    /// Integer: days since 1970-01-01.
    Days,
    /// Integer: a count since 1970-01-01 00:00.
    Instant(Unit, Zone),
    /// Integer: a count since midnight.
    TimeOfDay(Unit),
    /// Sixteen bytes.
    Uuid,
    /// No text and no number.
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// Whose midnight a count begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Utc,
    /// The source's own clock.
    Local,
}

/// A value that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Integer(i64),
    Float(f32),
    Double(f64),
    /// `unscaled` of 10^-`scale`.
    Decimal {
        unscaled: i128,
        scale: i16,
    },
    Days(i64),
    /// Microseconds since 1970-01-01 00:00 in the zone; finer digits are cut.
    Instant {
        micros: i64,
        zone: Zone,
    },
    /// Nanoseconds since midnight.
    TimeOfDay {
        nanos: i64,
    },
    Uuid(u128),
    Bytes(&'a [u8]),
}

impl Binary {
    /// Reads the bytes. `None`: they are not this, or the number is beyond what can be held: a
    /// decimal of more than 128 bits, milliseconds beyond the year 294,000.
    #[inline]
    pub fn value(self, bytes: &[u8]) -> Option<Value<'_>> {
        Some(match self {
            Self::Integer => Value::Integer(varint(bytes)?),
            Self::Float => Value::Float(f32::from_le_bytes(*bytes.first_chunk()?)),
            Self::Double => Value::Double(f64::from_le_bytes(*bytes.first_chunk()?)),
            Self::Decimal { scale } => Value::Decimal { unscaled: twos_complement(bytes)?, scale },
            Self::Days => Value::Days(varint(bytes)?),
            Self::Instant(unit, zone) => {
                let count = varint(bytes)?;
                let micros = match unit {
                    Unit::Millis => count.checked_mul(1_000)?,
                    Unit::Micros => count,
                    Unit::Nanos => count.div_euclid(1_000),
                };
                Value::Instant { micros, zone }
            }
            Self::TimeOfDay(unit) => {
                let factor = match unit {
                    Unit::Millis => 1_000_000,
                    Unit::Micros => 1_000,
                    Unit::Nanos => 1,
                };
                Value::TimeOfDay { nanos: varint(bytes)?.checked_mul(factor)? }
            }
            Self::Uuid => Value::Uuid(u128::from_be_bytes(*bytes.first_chunk()?)),
            Self::Bytes => Value::Bytes(bytes),
        })
    }
}

/// A zigzag varint of at most ten bytes.
#[inline]
pub fn varint(bytes: &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        if place == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            // Zigzag: the lowest bit is the sign.
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

/// A big-endian number of any length that fits; no bytes are zero.
fn twos_complement(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let padding = if is_negative { 0xff } else { 0 };
    let excess = bytes.len().saturating_sub(16);
    let (lead, body) = bytes.split_at(excess);
    let same_sign = body.first().is_none_or(|byte| (*byte >= 0x80) == is_negative);
    if lead.iter().any(|byte| *byte != padding) || !same_sign {
        return None;
    }
    let mut wide = [padding; 16];
    wide[16 - body.len()..].copy_from_slice(body);
    Some(i128::from_be_bytes(wide))
}

impl fmt::Display for Value<'_> {
    /// Numbers in digits (a scale gives the point), dates and instants in ISO 8601 (UTC with `Z`,
    /// the source's own clock without), bytes in base64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Decimal { unscaled, scale } => decimal(f, unscaled, scale),
            Self::Days(days) => day(f, days),
            Self::Instant { micros, zone } => {
                day(f, micros.div_euclid(DAY_US))?;
                f.write_str("T")?;
                clock(f, micros.rem_euclid(DAY_US) * 1_000)?;
                f.write_str(if zone == Zone::Utc { "Z" } else { "" })
            }
            Self::TimeOfDay { nanos } => clock(f, nanos),
            Self::Uuid(bits) => {
                let hex = format!("{bits:032x}");
                let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
                f.write_str(&parts.join("-"))
            }
            Self::Bytes(bytes) => base64(f, bytes),
        }
    }
}

const DAY_US: i64 = 86_400_000_000;

fn decimal(f: &mut fmt::Formatter<'_>, unscaled: i128, scale: i16) -> fmt::Result {
    let digits = unscaled.unsigned_abs().to_string();
    let sign = if unscaled < 0 { "-" } else { "" };
    match usize::try_from(scale) {
        Ok(0) => write!(f, "{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            write!(f, "{sign}{whole}.{fraction}")
        }
        Err(_) => write!(f, "{sign}{digits}e{}", scale.unsigned_abs()),
    }
}

fn day(f: &mut fmt::Formatter<'_>, days: i64) -> fmt::Result {
    match i32::try_from(days) {
        Ok(days) => {
            let (year, month, day) = civil_from_days(days);
            write!(f, "{year:04}-{month:02}-{day:02}")
        }
        Err(_) => write!(f, "{days}"),
    }
}

fn clock(f: &mut fmt::Formatter<'_>, nanos: i64) -> fmt::Result {
    let (seconds, fraction) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    match fraction {
        0 => Ok(()),
        n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000),
        n => write!(f, ".{n:09}"),
    }
}

fn base64(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            let is_padding = place > group.len();
            write!(f, "{}", if is_padding { '=' } else { char::from(digit) })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(binary: Binary, bytes: &[u8]) -> Option<String> {
        binary.value(bytes).map(|value| value.to_string())
    }

    #[test]
    fn integers_are_zigzag_varints() {
        // The first rows are the examples of the Avro specification.
        for (bytes, expected) in [
            (&[0x00][..], Some(0)),
            (&[0x01], Some(-1)),
            (&[0x02], Some(1)),
            (&[0x7f], Some(-64)),
            (&[0x80, 0x01], Some(64)),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Some(i64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Some(i64::MIN)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], None),
            (&[0x80], None),
            (&[], None),
        ] {
            assert_eq!(varint(bytes), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn decimals_are_written_with_their_scale() {
        let of = |scale, bytes: &[u8]| shown(Binary::Decimal { scale }, bytes);
        // 12345 = 0x3039, -12345 = 0xcfc7, by hand.
        assert_eq!(of(2, &[0x30, 0x39]).as_deref(), Some("123.45"));
        assert_eq!(of(2, &[0xcf, 0xc7]).as_deref(), Some("-123.45"));
        assert_eq!(of(2, &[0x00, 0x00, 0x30, 0x39]).as_deref(), Some("123.45"));
        assert_eq!(of(4, &[0xff]).as_deref(), Some("-0.0001"));
        assert_eq!(of(0, &[]).as_deref(), Some("0"));
        assert_eq!(of(-2, &[0x07]).as_deref(), Some("7e2"));
        assert_eq!(of(0, &[0xff; 40]).as_deref(), Some("-1"));
        let most = [&[0x00; 3][..], &[0x7f], &[0xff; 15]].concat();
        assert_eq!(of(0, &most).as_deref(), Some("170141183460469231731687303715884105727"));
        let beyond = [&[0x00][..], &[0xff; 16]].concat();
        assert_eq!(of(0, &beyond), None);
    }

    #[test]
    fn dates_and_instants_are_iso() {
        // 18359 days and 1586248200.123 s, from Python's datetime: 2020-04-07 08:30:00.123.
        let days = [0xee, 0x9e, 0x02];
        assert_eq!(varint(&days), Some(18_359));
        assert_eq!(shown(Binary::Days, &days).as_deref(), Some("2020-04-07"));
        let of = |zone| Value::Instant { micros: 1_586_248_200_123_000, zone }.to_string();
        assert_eq!(of(Zone::Utc), "2020-04-07T08:30:00.123Z");
        assert_eq!(of(Zone::Local), "2020-04-07T08:30:00.123");
        assert_eq!(Value::TimeOfDay { nanos: 30_600_000_000_000 }.to_string(), "08:30:00");
        assert_eq!(Value::TimeOfDay { nanos: 1_500 }.to_string(), "00:00:00.000001500");
        let before = Value::Instant { micros: -1, zone: Zone::Utc }.to_string();
        assert_eq!(before, "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn bytes_are_base64_and_uuids_have_dashes() {
        // RFC 4648, section 10.
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(Value::Bytes(bytes.as_bytes()).to_string(), expected);
        }
        let uuid = Value::Uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(uuid.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
    }
}
