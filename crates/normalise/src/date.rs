//! Dates, months and instants from text: calendar arithmetic, accepted forms, placeholders.
//!
//! Days are days since 1970-01-01, instants microseconds UTC. A text without an offset is
//! Asia/Shanghai (+08:00): the zone is a property of the source and never guessed per row.
//! `YYYY-MM-DD` and ISO instants are read on a fast path without copying; other forms are read
//! and marked `fixed`.
//!
//! Placeholders become "no value": 0000-00-00 and null tokens silently, 1900-01-01 with its
//! reason, 9999-12-31, 2099-12-31, 长期, 永久 as an open end. An instant on 1970-01-01 is an
//! error: a device clock that was not set.
//!
//! Reasons: `FORMAT` no known form, `RANGE` no day of the calendar or no time of day, `AMBIGUOUS`
//! a year in last place with two parts that may be months (06/01/2019). A cell of a dataset is read
//! where one part can be no month (26/12/2019, D20); the rules `date` and `timestamp` accept only
//! the forms of the specification (1.10), whose vectors refuse it.

mod read;

pub use huiliu_model::civil::{civil_from_days, days_from_civil, days_of};

use crate::rule::Outcome;
use crate::text::{self, TextKind, Value};
use huiliu_model::Reason;
use read::{MICROS_OF_DAY, MICROS_OF_SECOND, Moment};
use std::borrow::Cow;
use std::fmt::Write;

/// +08:00, without daylight saving since 1992; earlier summers are not corrected.
const SHANGHAI_SECONDS: i64 = 8 * 3600;
const PLACEHOLDER: i32 = days_from_civil(1900, 1, 1);
const OPEN_ENDS: [i32; 2] = [days_from_civil(9999, 12, 31), days_from_civil(2099, 12, 31)];
const CLOCK_NOT_SET: i32 = days_from_civil(1970, 1, 1);

/// What became of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOutcome {
    /// `fixed`: the text was not `YYYY-MM-DD`.
    Value {
        days: i32,
        fixed: bool,
    },
    /// A null token (`None`) or a placeholder.
    Null(Option<Reason>),
    /// "For ever": no end.
    OpenEnd,
    Err(Reason),
}

/// What became of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampOutcome {
    /// Microseconds UTC; `fixed`: the text was no ISO instant.
    Value {
        micros: i64,
        fixed: bool,
    },
    /// A null token (`None`) or a placeholder.
    Null(Option<Reason>),
    /// "For ever": no end.
    OpenEnd,
    Err(Reason),
}

/// A text that was read, or why not.
enum Slow {
    Moment(Moment),
    Null,
    OpenEnd,
    Err(Reason),
}

/// Reads a date; of an instant the day in Asia/Shanghai.
pub fn parse_date(bytes: &[u8]) -> DateOutcome {
    if let Some(days) = canonical_days(bytes) {
        return settled(days, false);
    }
    match slow(bytes) {
        Slow::Moment(moment) => settled(shanghai_days(moment), true),
        Slow::Null => DateOutcome::Null(None),
        Slow::OpenEnd => DateOutcome::OpenEnd,
        Slow::Err(reason) => DateOutcome::Err(reason),
    }
}

/// Reads a month, also `201912`, `2019-12` and `2019年12月`; the value is its first day.
pub fn parse_month(bytes: &[u8]) -> DateOutcome {
    let scrubbed = std::str::from_utf8(bytes).map(text::scrub);
    let month = match (canonical_days(bytes), &scrubbed) {
        (None, Ok(text)) => read::month(text.strip_suffix(".0").unwrap_or(text)),
        _ => None,
    };
    if let Some(days) = month {
        return settled(days, true);
    }
    match parse_date(bytes) {
        DateOutcome::Value { days, fixed } => {
            let (year, month, day) = civil_from_days(days);
            let days = days_from_civil(year, month, 1);
            DateOutcome::Value { days, fixed: fixed || day != 1 }
        }
        other => other,
    }
}

/// Reads an instant; a day alone is its midnight in Asia/Shanghai.
pub fn parse_timestamp(bytes: &[u8]) -> TimestampOutcome {
    let (moment, fixed) = match iso(bytes) {
        Some(moment) => (moment, false),
        None => match slow(bytes) {
            Slow::Moment(moment) => (moment, true),
            Slow::Null => return TimestampOutcome::Null(None),
            Slow::OpenEnd => return TimestampOutcome::OpenEnd,
            Slow::Err(reason) => return TimestampOutcome::Err(reason),
        },
    };
    match settled(moment.days, fixed) {
        DateOutcome::OpenEnd => TimestampOutcome::OpenEnd,
        DateOutcome::Null(reason) => TimestampOutcome::Null(reason),
        _ if shanghai_days(moment) == CLOCK_NOT_SET => TimestampOutcome::Err(Reason::Placeholder),
        _ => TimestampOutcome::Value { micros: utc_micros(moment), fixed },
    }
}

/// Days of a text that is exactly `YYYY-MM-DD` and means that day.
#[inline]
pub(crate) fn short_date(bytes: &[u8]) -> Option<i32> {
    canonical_days(bytes).filter(|&days| means_itself(days))
}

/// Microseconds UTC of an ISO instant that means itself.
#[inline]
pub(crate) fn short_timestamp(bytes: &[u8]) -> Option<i64> {
    let moment = iso(bytes).filter(|moment| means_itself(moment.days))?;
    let micros = utc_micros(moment);
    let local = micros + SHANGHAI_SECONDS * MICROS_OF_SECOND;
    let clock_not_set = (0..MICROS_OF_DAY).contains(&local);
    (!clock_not_set).then_some(micros)
}

/// Whether a day is neither a placeholder nor an open end.
fn means_itself(days: i32) -> bool {
    days != PLACEHOLDER && !OPEN_ENDS.contains(&days)
}

/// Appends `YYYY-MM-DD`.
pub fn write_date(days: i32, out: &mut String) {
    let (year, month, day) = civil_from_days(days);
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// Appends an instant as `YYYY-MM-DDTHH:MM:SS[.ffffff]+08:00`.
pub fn write_timestamp(micros: i64, out: &mut String) {
    let local = micros.saturating_add(SHANGHAI_SECONDS * MICROS_OF_SECOND);
    let days = i32::try_from(local.div_euclid(MICROS_OF_DAY)).unwrap_or(i32::MAX);
    let in_day = local.rem_euclid(MICROS_OF_DAY);
    let (seconds, fraction) = (in_day / MICROS_OF_SECOND, in_day % MICROS_OF_SECOND);
    write_date(days, out);
    let _ = write!(out, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
    }
    out.push_str("+08:00");
}

/// The rule `date`: a text that is `YYYY-MM-DD`.
pub(crate) fn apply_date(text: &str) -> Outcome<'_> {
    match parse_date(text.as_bytes()) {
        DateOutcome::Value { fixed: false, .. } => Outcome::Ok(Cow::Borrowed(text)),
        DateOutcome::Value { .. } if read::is_year_last(&text::scrub(text)) => {
            Outcome::Err(Reason::Ambiguous)
        }
        DateOutcome::Value { days, .. } => {
            let mut out = String::with_capacity(10);
            write_date(days, &mut out);
            Outcome::Ok(Cow::Owned(out))
        }
        DateOutcome::Null(reason) => Outcome::Null(reason),
        DateOutcome::OpenEnd => Outcome::Null(None),
        DateOutcome::Err(reason) => Outcome::Err(reason),
    }
}

/// The rule `timestamp`: a text with an offset, in Asia/Shanghai.
pub(crate) fn apply_timestamp(text: &str) -> Outcome<'_> {
    match parse_timestamp(text.as_bytes()) {
        TimestampOutcome::Value { fixed: true, .. } if read::is_year_last(&text::scrub(text)) => {
            Outcome::Err(Reason::Ambiguous)
        }
        TimestampOutcome::Value { micros, .. } => {
            let mut out = String::with_capacity(32);
            write_timestamp(micros, &mut out);
            let same = out == text;
            Outcome::Ok(if same { Cow::Borrowed(text) } else { Cow::Owned(out) })
        }
        TimestampOutcome::Null(reason) => Outcome::Null(reason),
        TimestampOutcome::OpenEnd => Outcome::Null(None),
        TimestampOutcome::Err(reason) => Outcome::Err(reason),
    }
}

/// Days of a text that is exactly `YYYY-MM-DD`.
pub(crate) fn canonical_days(bytes: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    days_of(i32::try_from(year).ok()?, two(m1, m2)?, two(d1, d2)?)
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let digit = |b: u8| b.is_ascii_digit().then(|| u32::from(b - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// An instant of ISO 8601 to the second at least, with `T` or a blank between day and time.
fn iso(bytes: &[u8]) -> Option<Moment> {
    let days = canonical_days(bytes.get(..10)?)?;
    let [b'T' | b' ', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = bytes.get(10..)? else {
        return None;
    };
    let seconds = read::seconds(two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?).ok()?;
    let mut micros_of_day = seconds * MICROS_OF_SECOND;
    let mut rest = rest;
    if let [b'.', after @ ..] = rest {
        let end = after.iter().position(|b| !b.is_ascii_digit()).unwrap_or(after.len());
        if !(1..=9).contains(&end) {
            return None;
        }
        let (digits, after) = after.split_at(end);
        micros_of_day += read::fraction(digits);
        rest = after;
    }
    let offset = match rest {
        // Nearly every record of one source has the same offset.
        b"+08:00" => Some(SHANGHAI_SECONDS),
        b"Z" => Some(0),
        rest => read::offset(std::str::from_utf8(rest).ok()?).ok()?,
    };
    Some(Moment { days, micros_of_day, offset })
}

fn slow(bytes: &[u8]) -> Slow {
    let Ok(text) = std::str::from_utf8(bytes) else { return Slow::Err(Reason::Charset) };
    let text = match text::normalise(TextKind::Free, text) {
        Value::Null => return Slow::Null,
        Value::Broken => return Slow::Err(Reason::Charset),
        Value::Text(text, _) => text,
    };
    if is_zero(&text) {
        return Slow::Null;
    }
    if matches!(&*text, "长期" | "永久" | "长期有效" | "永久有效" | "无固定期限" | "无期限")
    {
        return Slow::OpenEnd;
    }
    match read::moment(&text) {
        Ok(moment) => Slow::Moment(moment),
        Err(reason) => Slow::Err(reason),
    }
}

/// `0000-00-00`, `00000000`, `0000/00/00 00:00:00` …
fn is_zero(text: &str) -> bool {
    let zeros = text.bytes().filter(|b| *b == b'0').count();
    zeros >= 8 && !text.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

fn settled(days: i32, fixed: bool) -> DateOutcome {
    if days == PLACEHOLDER {
        DateOutcome::Null(Some(Reason::Placeholder))
    } else if OPEN_ENDS.contains(&days) {
        DateOutcome::OpenEnd
    } else {
        DateOutcome::Value { days, fixed }
    }
}

fn utc_micros(moment: Moment) -> i64 {
    let offset = moment.offset.unwrap_or(SHANGHAI_SECONDS);
    i64::from(moment.days) * MICROS_OF_DAY + moment.micros_of_day - offset * MICROS_OF_SECOND
}

fn shanghai_days(moment: Moment) -> i32 {
    let local = utc_micros(moment) + SHANGHAI_SECONDS * MICROS_OF_SECOND;
    i32::try_from(local.div_euclid(MICROS_OF_DAY)).unwrap_or(moment.days)
}

#[cfg(test)]
mod tests;
