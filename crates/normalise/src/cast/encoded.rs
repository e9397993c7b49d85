//! Values whose encoding is known: by the schema beside the record, or by the contract.
//!
//! | encoding | string | date | timestamp | number, decimal |
//! |---|---|---|---|---|
//! | days, millis, micros, nanos | ISO 8601, local clock | the day | the instant | the count |
//! | time of day | `08:30:00.5` | `TYPE` | `TYPE` | the count |
//! | local ISO text | without its `Z` | the day | the instant, `Z` passed over | `TYPE` |
//! | unscaled, variable | the decimal as text | `TYPE` | `TYPE` | its value |
//!
//! A count of a date or timestamp column is exact to the unit, whatever its size. Infinity, which
//! PostgreSQL has and no column here, is an open end or an open start: null with its flag.

use super::Given;
use super::debezium::{self, Base64};
use crate::date::{civil_from_days, write_date};
use huiliu_model::DataType;
use huiliu_model::contract::Encoding;
use std::fmt::Write;

const DAY_US: i64 = 86_400_000_000;

/// A value as its column's type has it written: the parts of an encoding that need another text.
#[inline]
pub(super) fn plainly<'t>(
    given: Given<'t>,
    encoding: Encoding,
    data_type: DataType,
    scratch: &'t mut String,
) -> Given<'t> {
    match encoding {
        Encoding::Unsaid | Encoding::Plain | Encoding::Verbatim => given,
        encoding => in_words(given, encoding, data_type, scratch),
    }
}

fn in_words<'t>(
    given: Given<'t>,
    encoding: Encoding,
    data_type: DataType,
    scratch: &'t mut String,
) -> Given<'t> {
    match (encoding, &given) {
        (Encoding::LocalIso, Given::Text(text)) if data_type == DataType::String => {
            Given::Verbatim(text.strip_suffix('Z').unwrap_or(*text))
        }
        (Encoding::LocalIso, _) => given,
        (Encoding::Unscaled { scale }, Given::Text(text)) => {
            // The usual case is read without a text between.
            if matches!(data_type, DataType::Decimal { scale: column, .. } if column == scale) {
                return given;
            }
            match debezium::base64(text.as_bytes()) {
                Base64::Number(unscaled) => number(unscaled, i32::from(scale), scratch),
                _ => given,
            }
        }
        (Encoding::Variable, Given::Nested(text)) => match variable(text) {
            Some((unscaled, scale)) => number(unscaled, scale, scratch),
            None => given,
        },
        (_, Given::Number(text)) if data_type == DataType::String => {
            match text.parse().ok().and_then(|count| write_count(count, encoding, scratch)) {
                Some(()) => Given::Verbatim(scratch),
                None => given,
            }
        }
        _ => given,
    }
}

/// An unscaled number as plain decimal text.
fn number(unscaled: i128, scale: i32, scratch: &mut String) -> Given<'_> {
    scratch.clear();
    let digits = unscaled.unsigned_abs().to_string();
    if unscaled < 0 {
        scratch.push('-');
    }
    match usize::try_from(scale) {
        Ok(0) => scratch.push_str(&digits),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            scratch.push_str(whole);
            scratch.push('.');
            scratch.push_str(fraction);
        }
        Err(_) => {
            scratch.push_str(&digits);
            if unscaled != 0 {
                scratch.extend((scale..0).map(|_| '0'));
            }
        }
    }
    Given::Number(scratch)
}

/// The largest scale that a source has; PostgreSQL's is 16,383, but no column here holds that.
const SCALE_MAX: i32 = 1_000;

/// `{"scale": 2, "value": "MDk="}`, in either order.
fn variable(text: &str) -> Option<(i128, i32)> {
    let body = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut scale, mut value) = (None, None);
    for member in body.split(',') {
        let (name, held) = member.split_once(':')?;
        match name.trim() {
            "\"scale\"" => scale = held.trim().parse().ok(),
            "\"value\"" => {
                let held = held.trim().strip_prefix('"')?.strip_suffix('"')?;
                value = match debezium::base64(held.as_bytes()) {
                    Base64::Number(unscaled) => Some(unscaled),
                    _ => None,
                };
            }
            _ => return None,
        }
    }
    let scale = scale.filter(|scale: &i32| scale.abs() <= SCALE_MAX)?;
    Some((value?, scale))
}

/// Writes a count of days, of an instant or of a time of day as ISO 8601 text without an offset.
fn write_count(count: i64, encoding: Encoding, out: &mut String) -> Option<()> {
    out.clear();
    let micros = encoding.micros(count)?;
    if encoding.is_time_of_day() {
        write_time(micros, out);
        return Some(());
    }
    let days = i32::try_from(micros.div_euclid(DAY_US)).ok()?;
    // Beyond four digits of a year the text would be no date to most readers.
    if !(1..=9999).contains(&civil_from_days(days).0) {
        return None;
    }
    write_date(days, out);
    if encoding != Encoding::Days {
        out.push('T');
        write_time(micros.rem_euclid(DAY_US), out);
    }
    Some(())
}

/// `08:30:00`, with the decimals that are not zero; 24:00:00 is a time of PostgreSQL.
fn write_time(micros: i64, out: &mut String) {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    // Writing to a string cannot fail.
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: Given<'_>, encoding: Encoding, data_type: DataType) -> String {
        let mut scratch = String::new();
        match plainly(given, encoding, data_type, &mut scratch) {
            Given::Number(text) => format!("#{text}"),
            Given::Verbatim(text) => format!("={text}"),
            Given::Text(text) => format!("'{text}'"),
            Given::Nested(text) => format!("@{text}"),
            _ => "other".to_owned(),
        }
    }

    #[test]
    fn decimals_become_text_at_any_scale() {
        // Bytes by hand: 12345 = 0x3039, -12345 = 0xcfc7, 5 = 0x05.
        for (text, scale, expected) in [
            ("MDk=", 2, "#123.45"),
            ("z8c=", 2, "#-123.45"),
            ("BQ==", 3, "#0.005"),
            ("MDk=", 0, "#12345"),
            ("BQ==", -2, "#500"),
            ("AA==", -2, "#0"),
            ("no base64", 2, "'no base64'"),
        ] {
            let encoding = Encoding::Unscaled { scale };
            assert_eq!(shown(Given::Text(text), encoding, DataType::String), expected, "{text}");
        }
        let decimal = DataType::Decimal { precision: 10, scale: 2 };
        let same = Encoding::Unscaled { scale: 2 };
        assert_eq!(shown(Given::Text("MDk="), same, decimal), "'MDk='");
        let finer = Encoding::Unscaled { scale: 4 };
        assert_eq!(shown(Given::Text("MDk="), finer, decimal), "#1.2345");
        for (text, expected) in [
            (r#"{"scale":2,"value":"MDk="}"#, "#123.45"),
            (r#"{ "value" : "MDk=" , "scale" : 0 }"#, "#12345"),
            (r#"{"scale":2}"#, r#"@{"scale":2}"#),
            (r#"{"scale":99999,"value":"MDk="}"#, r#"@{"scale":99999,"value":"MDk="}"#),
        ] {
            assert_eq!(shown(Given::Nested(text), Encoding::Variable, decimal), expected);
        }
    }

    #[test]
    fn counts_of_time_become_text_in_a_column_of_text() {
        use Encoding::{Days, Micros, Millis, Nanos, TimeMicros, TimeMillis};
        for (count, encoding, expected) in [
            // 18_359 days are 2020-04-07, -719_162 the first day of year 1, 2_932_896 the last of
            // year 9999.
            ("18359", Days, "=2020-04-07"),
            ("-719162", Days, "=0001-01-01"),
            ("2932896", Days, "=9999-12-31"),
            ("2932897", Days, "#2932897"),
            ("1586248200000", Millis, "=2020-04-07T08:30:00"),
            ("-1", Micros, "=1969-12-31T23:59:59.999999"),
            ("1500000", Nanos, "=1970-01-01T00:00:00.0015"),
            ("30600500", TimeMillis, "=08:30:00.5"),
            ("86400000000", TimeMicros, "=24:00:00"),
            ("0", TimeMicros, "=00:00:00"),
        ] {
            assert_eq!(shown(Given::Number(count), encoding, DataType::String), expected);
        }
        assert_eq!(shown(Given::Number("5"), Millis, DataType::Long), "#5");
    }
}
