//! Cells of typed columns: parse, convert by dialect, hold against bounds.

use super::{At, Given, binary, debezium};
use crate::date::{DateOutcome, TimestampOutcome};
use crate::judge::{Failure, Tested, Verdict};
use crate::number::NumberOutcome;
use crate::rule::{self, Outcome};
use crate::{date as dates, number};
use huiliu_model::contract::{Encoding, NamedRule};
use huiliu_model::{DataType, Reason, Stage, Value};

/// Flag of a date after the day of its record.
const FUTURE: &str = "FUTURE";
/// How far the clock of a device may run ahead of its record, microseconds (D25: an hour). A key
/// that lies further ahead is no instant at which anything was measured.
const CLOCK_US: i64 = 3_600_000_000;
/// Flag of an end date that means "for ever" (长期, 9999-12-31); its value is null.
const OPEN_END: &str = "OPEN_END";
/// Flag of a date before all others (`-infinity`); its value is null.
const OPEN_START: &str = "OPEN_START";

impl From<DateOutcome> for Verdict<i32> {
    fn from(outcome: DateOutcome) -> Self {
        match outcome {
            DateOutcome::Value { days, fixed: false } => Self::clean(days),
            DateOutcome::Value { days, fixed: true } => Self::fixed(days),
            DateOutcome::Null(reason) => Self::Cleared(reason),
            DateOutcome::OpenEnd => Self::Understood(OPEN_END),
            DateOutcome::Err(reason) => Self::untyped(reason),
        }
    }
}

impl From<TimestampOutcome> for Verdict<i64> {
    fn from(outcome: TimestampOutcome) -> Self {
        match outcome {
            TimestampOutcome::Value { micros, fixed: false } => Self::clean(micros),
            TimestampOutcome::Value { micros, fixed: true } => Self::fixed(micros),
            TimestampOutcome::Null(reason) => Self::Cleared(reason),
            TimestampOutcome::OpenEnd => Self::Understood(OPEN_END),
            TimestampOutcome::Err(reason) => Self::untyped(reason),
        }
    }
}

impl<T> From<NumberOutcome<T>> for Verdict<T> {
    fn from(outcome: NumberOutcome<T>) -> Self {
        match outcome {
            NumberOutcome::Value { value, fixed: false } => Self::clean(value),
            NumberOutcome::Value { value, fixed: true } => Self::fixed(value),
            NumberOutcome::Null => Self::Cleared(None),
            NumberOutcome::Err(reason) => Self::untyped(reason),
        }
    }
}

/// Reads a text, through the column's named rule if it has one that repairs texts.
fn read<T>(at: &At<'_, '_>, text: &str, parse: impl Fn(&[u8]) -> Verdict<T>) -> Verdict<T> {
    match at.plan.named {
        None | Some(NamedRule::Date | NamedRule::Timestamp | NamedRule::Text) => {
            parse(text.as_bytes())
        }
        Some(named) => by_rule(at, named, text, parse),
    }
}

/// Whether the column has no rule that repairs texts: a number may be taken as it is.
fn is_plain(at: &At<'_, '_>) -> bool {
    matches!(at.plan.named, None | Some(NamedRule::Date | NamedRule::Timestamp | NamedRule::Text))
}

/// Reads a value of a binary encoding that is of another type than its column, by its text.
#[cold]
fn spelled<T>(
    at: &At<'_, '_>,
    value: Value<'_>,
    parse: impl Fn(&[u8]) -> Verdict<T>,
) -> Verdict<T> {
    match value {
        Value::Bytes(_) | Value::Uuid(_) => Verdict::untyped(Reason::Type),
        value => read(at, &value.to_string(), parse),
    }
}

fn by_rule<T>(
    at: &At<'_, '_>,
    named: NamedRule,
    text: &str,
    parse: impl Fn(&[u8]) -> Verdict<T>,
) -> Verdict<T> {
    let outcome = rule::apply(named, text, &at.chunk.context(at.row));
    let repaired = outcome.is_fixed(text);
    match &outcome {
        Outcome::Ok(tidy) | Outcome::Warn(tidy, _) => match parse(tidy.as_bytes()) {
            Verdict::Value { value, fixed, remark, .. } => {
                let flags = Some(outcome.flags()).filter(|flags| !flags.is_empty());
                Verdict::Value { value, fixed: fixed || repaired, flags, remark }
            }
            other => other,
        },
        Outcome::Null(reason) => Verdict::Cleared(*reason),
        Outcome::Err(reason) => {
            let kept = match parse(text.as_bytes()) {
                Verdict::Value { value, .. } => Some(value),
                _ => None,
            };
            let (stage, rule) = (Stage::Judge, at.plan.rule);
            Verdict::Failed(Failure { stage, reason: *reason, rule, kept })
        }
    }
}

/// Whether the number of a date or timestamp counts from 1970.
pub(super) fn is_count(at: &At<'_, '_>) -> bool {
    match at.encoding {
        Encoding::Unsaid => at.chunk.format.is_debezium(),
        encoding => encoding.micros(0).is_some() && !encoding.is_time_of_day(),
    }
}

/// The number of a date or timestamp that counts from 1970.
fn counted(at: &At<'_, '_>, given: &Given<'_>) -> Option<i64> {
    match given {
        Given::Number(text) if is_count(at) => text.parse().ok(),
        Given::Binary(Value::Integer(number)) if is_count(at) => Some(*number),
        _ => None,
    }
}

/// An end or a beginning that is infinite, as Debezium sends it; no other format has such.
fn infinite<T>(at: &At<'_, '_>, given: &Given<'_>) -> Option<Verdict<T>> {
    if !at.chunk.format.is_debezium() {
        return None;
    }
    let is_positive = match given {
        Given::Text("infinity") => true,
        Given::Text("-infinity") => false,
        Given::Binary(Value::Days(days)) => debezium::infinity(*days, Encoding::Days, true)?,
        Given::Binary(Value::Instant { micros, .. }) => {
            // Cut milliseconds and nanoseconds alike are among those of a millisecond.
            debezium::infinity(*micros, Encoding::Millis, false)?
        }
        given => {
            let is_date = at.plan.data_type == DataType::Date;
            debezium::infinity(counted(at, given)?, at.encoding, is_date)?
        }
    };
    Some(Verdict::Understood(if is_positive { OPEN_END } else { OPEN_START }))
}

/// A text without the `Z` that an encoding puts behind a local clock.
fn local<'t>(at: &At<'_, '_>, text: &'t str) -> &'t str {
    match at.encoding {
        Encoding::LocalIso => text.strip_suffix('Z').unwrap_or(text),
        _ => text,
    }
}

pub(super) fn date(at: &At<'_, '_>, given: Given<'_>) -> Verdict<i32> {
    if let Some(verdict) = infinite(at, &given) {
        return verdict;
    }
    let verdict = match (counted(at, &given), given) {
        (Some(number), _) => match debezium::date(number, at.encoding) {
            Some(day) => Verdict::from(debezium::settled(day)),
            None => Verdict::untyped(Reason::Range),
        },
        (None, Given::Text(text) | Given::Number(text)) if at.plan.month_start => {
            read(at, text, |bytes| dates::parse_month(bytes).into())
        }
        (None, Given::Text(text) | Given::Number(text)) => {
            read(at, local(at, text), |bytes| dates::parse_date(bytes).into())
        }
        (None, Given::Binary(value)) => {
            binary::date(value).unwrap_or_else(|| spelled(at, value, |bytes| day(at, bytes)))
        }
        (None, given) => mistyped(given),
    };
    verdict
        .test(|day| match month_start(day) {
            first if at.plan.month_start && first != day => Tested::Changed(first),
            _ => Tested::Passed(day),
        })
        .test(|day| match at.plan.since {
            Some(first) if day < first => {
                Tested::Failed { reason: Reason::Range, rule: "since", value: day }
            }
            _ => Tested::Passed(day),
        })
        .test(|day| not_future(at, day, i64::from(day)))
}

fn day(at: &At<'_, '_>, bytes: &[u8]) -> Verdict<i32> {
    match at.plan.month_start {
        true => dates::parse_month(bytes).into(),
        false => dates::parse_date(bytes).into(),
    }
}

pub(super) fn timestamp(at: &At<'_, '_>, given: Given<'_>) -> Verdict<i64> {
    if let Some(verdict) = infinite(at, &given) {
        return verdict;
    }
    let verdict = match (counted(at, &given), given) {
        (Some(number), _) if debezium::is_ambiguous(number, at.encoding) => {
            Verdict::untyped(Reason::Ambiguous)
        }
        (Some(number), _) => match debezium::instant(number, at.encoding) {
            Some(micros) => Verdict::clean(micros),
            None => Verdict::untyped(Reason::Range),
        },
        (None, Given::Text(text) | Given::Number(text)) => {
            read(at, local(at, text), |bytes| dates::parse_timestamp(bytes).into())
        }
        (None, Given::Binary(value)) => binary::timestamp(value)
            .unwrap_or_else(|| spelled(at, value, |bytes| dates::parse_timestamp(bytes).into())),
        (None, given) => mistyped(given),
    };
    verdict.test(|micros| match at.chunk.event_us(at.row) {
        Some(event_us) if at.plan.key && at.plan.not_future && micros > event_us + CLOCK_US => {
            Tested::Failed { reason: Reason::Range, rule: "not_future", value: micros }
        }
        _ => not_future(at, micros, crate::judge::shanghai_day(micros)),
    })
}

/// A finding, whatever the column says of failures: the value stays.
fn not_future<T>(at: &At<'_, '_>, value: T, day: i64) -> Tested<T> {
    if !at.plan.not_future {
        return Tested::Passed(value);
    }
    match at.chunk.event_day(at.row) {
        Some(event_day) if day > i64::from(event_day) => Tested::Remarked(value, FUTURE),
        _ => Tested::Passed(value),
    }
}

fn month_start(day: i32) -> i32 {
    let (year, month, _) = dates::civil_from_days(day);
    dates::days_from_civil(year, month, 1)
}

pub(super) fn integer(at: &At<'_, '_>, given: Given<'_>) -> Verdict<i32> {
    match long(at, given) {
        Verdict::Value { value, fixed, flags, remark } => match i32::try_from(value) {
            Ok(value) => Verdict::Value { value, fixed, flags, remark },
            Err(_) => Verdict::untyped(Reason::Range),
        },
        Verdict::Failed(failure) => {
            let kept = failure.kept.and_then(|value| i32::try_from(value).ok());
            let Failure { stage, reason, rule, .. } = failure;
            Verdict::Failed(Failure { stage, reason, rule, kept })
        }
        Verdict::Understood(label) => Verdict::Understood(label),
        Verdict::Cleared(reason) => Verdict::Cleared(reason),
        Verdict::Absent => Verdict::Absent,
        Verdict::Unavailable => Verdict::Unavailable,
    }
}

pub(super) fn long(at: &At<'_, '_>, given: Given<'_>) -> Verdict<i64> {
    let verdict = match given {
        Given::Text(text) | Given::Number(text) => {
            read(at, text, |bytes| number::parse_integer(bytes).into())
        }
        Given::Binary(Value::Integer(value)) if is_plain(at) => Verdict::clean(value),
        Given::Binary(value) => spelled(at, value, |bytes| number::parse_integer(bytes).into()),
        given => mistyped(given),
    };
    verdict.test(|value| within(at, value, i128::from(value)))
}

pub(super) fn double(at: &At<'_, '_>, given: Given<'_>) -> Verdict<f64> {
    let verdict = match given {
        Given::Text(text) | Given::Number(text) => {
            read(at, text, |bytes| number::parse_double(bytes).into())
        }
        Given::Binary(value) => match binary::double(value).filter(|_| is_plain(at)) {
            Some(verdict) => verdict,
            None => spelled(at, value, |bytes| number::parse_double(bytes).into()),
        },
        given => mistyped(given),
    };
    verdict.test(|value| match at.plan.bounds.and_then(|b| b.broken_by_double(value)) {
        Some(rule) => Tested::Failed { reason: Reason::Range, rule, value },
        None => Tested::Passed(value),
    })
}

pub(super) fn decimal(at: &At<'_, '_>, given: Given<'_>) -> Verdict<i128> {
    let DataType::Decimal { precision, scale } = at.plan.data_type else {
        return Verdict::untyped(Reason::Type);
    };
    let parse = |bytes: &[u8]| number::parse_decimal(bytes, precision, scale, at.plan.unit).into();
    let verdict = match given {
        Given::Text(text) if is_unscaled(at) => match debezium::decimal(text, at.encoding) {
            debezium::Decimal::Unscaled(value) if fits(value, precision) => Verdict::clean(value),
            debezium::Decimal::Unscaled(_) => Verdict::untyped(Reason::Range),
            debezium::Decimal::Refused(reason) => Verdict::untyped(reason),
            debezium::Decimal::Plain => read(at, text, parse),
        },
        Given::Text(text) | Given::Number(text) => read(at, text, parse),
        Given::Binary(value) => match binary::decimal(value, scale).filter(|_| is_plain(at)) {
            Some(Some(value)) if fits(value, precision) => Verdict::clean(value),
            Some(_) => Verdict::untyped(Reason::Range),
            None => spelled(at, value, parse),
        },
        given => mistyped(given),
    };
    verdict.test(|value| within(at, value, value))
}

/// Whether a text may be the bytes of an unscaled number.
pub(super) fn is_unscaled(at: &At<'_, '_>) -> bool {
    match at.encoding {
        Encoding::Unsaid => at.chunk.format.is_debezium(),
        encoding => matches!(encoding, Encoding::Unscaled { .. }),
    }
}

fn fits(unscaled: i128, precision: u8) -> bool {
    let bound = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    unscaled.unsigned_abs() < bound
}

/// The name of the rule that a year breaks which is too near to that of the event, or after it.
fn late_year(at: &At<'_, '_>, year: i128) -> Option<&'static str> {
    let years = at.plan.years_before_event?;
    let (event_year, ..) = dates::civil_from_days(at.chunk.event_day(at.row)?);
    (year > i128::from(event_year - years)).then_some("year_before_event")
}

fn within<T>(at: &At<'_, '_>, value: T, unscaled: i128) -> Tested<T> {
    let bound = at.plan.bounds.and_then(|bounds| bounds.broken_by(unscaled));
    match bound.or_else(|| late_year(at, unscaled)) {
        Some(rule) => Tested::Failed { reason: Reason::Range, rule, value },
        None => Tested::Passed(value),
    }
}

/// `true` and `false` are what is expected; other usual forms are understood. Debezium sends 0
/// and 1 for the boolean of a database that has none.
pub(super) fn boolean(at: &At<'_, '_>, given: Given<'_>) -> Verdict<bool> {
    match given {
        Given::Boolean(value) => Verdict::clean(value),
        Given::Number(digit @ ("0" | "1")) if at.chunk.format.is_debezium() => {
            Verdict::clean(digit == "1")
        }
        Given::Text(text) | Given::Number(text) => {
            read(at, text, |bytes| number::parse_boolean(bytes).into())
        }
        Given::Binary(Value::Integer(digit @ (0 | 1))) if at.chunk.format.is_debezium() => {
            Verdict::clean(digit == 1)
        }
        Given::Binary(value) => spelled(at, value, |bytes| number::parse_boolean(bytes).into()),
        given => mistyped(given),
    }
}

fn mistyped<T>(given: Given<'_>) -> Verdict<T> {
    match given {
        Given::NotUtf8 => Verdict::untyped(Reason::NotUtf8),
        Given::Absent => Verdict::Absent,
        Given::Unavailable => Verdict::Unavailable,
        Given::Beyond => Verdict::untyped(Reason::Range),
        _ => Verdict::untyped(Reason::Type),
    }
}
