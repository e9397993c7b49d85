//! Spans, sizes and shares as users write them, with their units.
//!
//! A bare number is refused: `60` could be seconds or minutes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A span of time: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub Duration);

/// A number of bytes: a whole number and `B`, `KiB`, `MiB`, `GiB` (powers of 1024) or `kB`, `MB`,
/// `GB` (powers of 1000).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub u64);

/// A share of a whole: a number from 0 to 100 and `%`; held as 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub f64);

/// Parses a span such as `5s`, `10m` or `400d`.
pub fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let ms_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(ms_per_unit).map(Duration::from_millis)
}

/// Parses a size such as `128MiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes_per_unit: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(bytes_per_unit)
}

/// Days since 1970-01-01 of a day as 2014-01-31.
pub(crate) fn parse_day(text: &str) -> Option<i32> {
    Some(chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.to_epoch_days())
}

fn parse_share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    Some((&text[..at], text[at..].trim_start()))
}

/// What distinguishes the three: how they are parsed, named and described to editors.
trait Measure: Sized {
    const NAME: &'static str;
    const EXPECTED: &'static str;
    const PATTERN: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

impl Measure for Span {
    const NAME: &'static str = "span";
    const EXPECTED: &'static str = "a span with its unit, such as `5s`, `10m` or `400d`";
    const PATTERN: &'static str = r"^[0-9]+ *(ms|s|m|h|d)$";
    fn parse(text: &str) -> Option<Self> {
        parse_span(text).map(Self)
    }
}

impl Measure for Bytes {
    const NAME: &'static str = "size";
    const EXPECTED: &'static str = "a size with its unit, such as `128MiB` or `64KiB`";
    const PATTERN: &'static str = r"^[0-9]+ *(B|KiB|MiB|GiB|kB|MB|GB)$";
    fn parse(text: &str) -> Option<Self> {
        parse_bytes(text).map(Self)
    }
}

impl Measure for Share {
    const NAME: &'static str = "share";
    const EXPECTED: &'static str = "a share of 0% to 100%, such as `20%`";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? *%$";
    fn parse(text: &str) -> Option<Self> {
        parse_share(text).map(Self)
    }
}

struct MeasureVisitor<M>(std::marker::PhantomData<M>);

impl<M: Measure> Visitor<'_> for MeasureVisitor<M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(M::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<M, E> {
        M::parse(text)
            .ok_or_else(|| E::custom(format_args!("expected {}, found `{text}`", M::EXPECTED)))
    }
}

fn measure_schema<M: Measure>() -> Schema {
    json_schema!({ "type": "string", "pattern": M::PATTERN, "description": M::EXPECTED })
}

macro_rules! measure {
    ($type:ty) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(MeasureVisitor::<Self>(std::marker::PhantomData))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                Self::NAME.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                measure_schema::<Self>()
            }
        }
    };
}

measure!(Span);
measure!(Bytes);
measure!(Share);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_carry_their_units() {
        assert_eq!(parse_span("5s"), Some(Duration::from_secs(5)));
        assert_eq!(parse_span("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_span("400d"), Some(Duration::from_secs(34_560_000)));
        assert_eq!(parse_bytes("128MiB"), Some(134_217_728));
        assert_eq!(parse_bytes("5 MB"), Some(5_000_000));
        assert_eq!(parse_share("20%"), Some(0.2));
    }

    #[test]
    fn a_bare_or_foreign_number_is_no_measure() {
        for text in ["", "5", "s", "5 parsecs", "-5s", "1.5h", "99999999999999999999d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
        assert_eq!(parse_bytes("20000000000GiB"), None);
        assert_eq!(parse_share("101%"), None);
        assert_eq!(parse_share("NaN%"), None);
    }
}
