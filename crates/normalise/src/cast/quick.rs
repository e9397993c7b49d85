//! The short way of a cell: nothing has to be done to it and nothing is found.
//!
//! Nearly all cells are written as their type wants them and pass every rule. Each function here
//! answers for such a cell alone; whatever else a cell may be, the answer is `None`, and the cell
//! goes the long way ([`super::typed`]), which decides everything. So the short way may give up
//! too early, but never say anything else than the long way would. Of the encodings of a source it
//! knows counts of days and of time; a text that stands for another one takes the long way.
//!
//! Typed columns are read from bytes that are a text or a number: what is accepted is ASCII.

use super::{At, debezium, typed};
use crate::date::DateOutcome;
use crate::judge::{Bounds, Plan, TextTest, shanghai_day};
use crate::text::{TextKind, is_clean};
use crate::{date, number};
use huiliu_model::contract::{Encoding, NamedRule};
use huiliu_model::{CellKind, DataType};

/// Whether a text is the value itself, and not the encoding of another.
fn is_plain(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Unsaid | Encoding::Plain | Encoding::Verbatim)
}

/// Whether texts of a typed column are read as they are, without a rule that repairs them.
fn is_read_plainly(at: &At<'_, '_>) -> bool {
    let named = at.plan.named;
    is_plain(at.encoding)
        && matches!(named, None | Some(NamedRule::Date | NamedRule::Timestamp | NamedRule::Text))
}

/// A count of days or of time since 1970 that is not infinite.
#[inline]
fn count(at: &At<'_, '_>, bytes: &[u8]) -> Option<i64> {
    let (count, 0) = number::short_decimal(bytes)? else { return None };
    let is_date = at.plan.data_type == DataType::Date;
    let is_finite = debezium::infinity(count, at.encoding, is_date).is_none();
    is_finite.then_some(count)
}

fn is_written(kind: CellKind) -> bool {
    matches!(kind, CellKind::Number | CellKind::Text | CellKind::Unescaped)
}

/// A whole number within the bounds of its column.
#[inline]
pub(super) fn long(at: &At<'_, '_>, _: CellKind, bytes: &[u8]) -> Option<i64> {
    if !is_read_plainly(at) || at.plan.years_before_event.is_some() {
        return None;
    }
    let (value, 0) = number::short_decimal(bytes)? else { return None };
    is_within(at, i128::from(value)).then_some(value)
}

#[inline]
pub(super) fn integer(at: &At<'_, '_>, kind: CellKind, bytes: &[u8]) -> Option<i32> {
    long(at, kind, bytes).and_then(|value| i32::try_from(value).ok())
}

#[inline]
pub(super) fn double(at: &At<'_, '_>, _: CellKind, bytes: &[u8]) -> Option<f64> {
    if !is_read_plainly(at) {
        return None;
    }
    let value = number::short_double(bytes)?;
    let is_within = |bounds: &Bounds| bounds.broken_by_double(value).is_none();
    at.plan.bounds.as_ref().is_none_or(is_within).then_some(value)
}

/// A decimal with no more places than its column has. Without a point Debezium's text may be
/// base64.
#[inline]
pub(super) fn decimal(at: &At<'_, '_>, kind: CellKind, bytes: &[u8]) -> Option<i128> {
    const POWERS: [i64; 19] = {
        let (mut powers, mut at) = ([1; 19], 1);
        while at < 19 {
            powers[at] = powers[at - 1] * 10;
            at += 1;
        }
        powers
    };
    /// One more than the largest number of so many digits.
    const BOUNDS: [u128; 39] = {
        let (mut bounds, mut at) = ([1; 39], 1);
        while at < 39 {
            bounds[at] = bounds[at - 1] * 10;
            at += 1;
        }
        bounds
    };
    let DataType::Decimal { precision, scale } = at.plan.data_type else { return None };
    let may_be_base64 = kind != CellKind::Number && typed::is_unscaled(at);
    if !is_read_plainly(at) || at.plan.years_before_event.is_some() {
        return None;
    }
    let (digits, places) = number::short_decimal(bytes)?;
    if may_be_base64 && places == 0 {
        return None;
    }
    let missing = usize::try_from(scale).ok()?.checked_sub(places)?;
    let value = i128::from(digits) * i128::from(*POWERS.get(missing)?);
    let fits = value.unsigned_abs() < *BOUNDS.get(usize::from(precision))?;
    (fits && is_within(at, value)).then_some(value)
}

fn is_within(at: &At<'_, '_>, value: i128) -> bool {
    at.plan.bounds.as_ref().is_none_or(|bounds| bounds.broken_by(value).is_none())
}

/// A day written `YYYY-MM-DD`, or as Debezium counts it, that is no placeholder and not in the
/// future.
#[inline]
pub(super) fn date(at: &At<'_, '_>, kind: CellKind, bytes: &[u8]) -> Option<i32> {
    let days = match kind {
        CellKind::Text if is_read_plainly(at) => date::short_date(bytes)?,
        CellKind::Number if typed::is_count(at) => {
            match debezium::settled(debezium::date(count(at, bytes)?, at.encoding)?) {
                DateOutcome::Value { days, fixed: false } => days,
                _ => return None,
            }
        }
        _ => return None,
    };
    let is_first = || date::civil_from_days(days).2 == 1;
    let is_late_enough = at.plan.since.is_none_or(|first| first <= days);
    let is_whole = !at.plan.month_start || is_first();
    (is_late_enough && is_whole && is_past(at, || i64::from(days))).then_some(days)
}

/// An ISO instant, or one as Debezium counts it, that is no placeholder and not in the future.
#[inline]
pub(super) fn timestamp(at: &At<'_, '_>, kind: CellKind, bytes: &[u8]) -> Option<i64> {
    let micros = match kind {
        CellKind::Text if is_read_plainly(at) => date::short_timestamp(bytes)?,
        CellKind::Number if typed::is_count(at) => {
            let count = count(at, bytes)?;
            if debezium::is_ambiguous(count, at.encoding) {
                return None;
            }
            debezium::instant(count, at.encoding)?
        }
        _ => return None,
    };
    is_past(at, || shanghai_day(micros)).then_some(micros)
}

/// Whether a column may lie in the future, or this day does not. (An instant of a key further
/// ahead than a clock may be is never of the day of its record or before.)
fn is_past(at: &At<'_, '_>, day: impl FnOnce() -> i64) -> bool {
    let Some(event) = at.chunk.event_day(at.row).filter(|_| at.plan.not_future) else {
        return !(at.plan.key && at.plan.not_future);
    };
    !at.plan.key && day() <= i64::from(event)
}

/// What texts of a column are that are written in one way, if their short way is known.
pub(super) fn text_kind(plan: &Plan, encoding: Encoding) -> Option<TextKind> {
    let kind = match plan.named {
        None | Some(NamedRule::Text) => TextKind::Free,
        Some(NamedRule::PersonName) => TextKind::PersonName,
        Some(NamedRule::OrgName) => TextKind::OrgName,
        Some(NamedRule::Name) => TextKind::Name,
        Some(NamedRule::Address) => TextKind::Address,
        Some(_) => return None,
    };
    is_plain(encoding).then_some(kind)
}

/// Whether a text is stored as delivered and passes the tests of its column.
#[inline]
pub(super) fn is_clean_text(plan: &Plan, of: TextKind, kind: CellKind, text: &str) -> bool {
    let passes = |test: &TextTest| match test {
        TextTest::CodeList(_) => false,
        TextTest::OneOf(values) => super::is_one_of(values, text),
        TextTest::Pattern(pattern) => pattern.is_match(text),
        TextTest::Length { min, max } => (*min..=*max).contains(&text.chars().count()),
    };
    is_written(kind) && is_clean(of, text) && plan.texts.iter().all(passes)
}

#[cfg(test)]
mod tests;
