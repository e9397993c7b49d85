//! Values of a binary encoding that are of their column's type already: no text in between.
//!
//! Each function gives `None` for a value of another type, which is then read by its text. An
//! instant of the source's own clock is Asia/Shanghai, as a text without an offset is.

use super::debezium;
use crate::judge::Verdict;
use huiliu_model::binary::Zone;
use huiliu_model::{Reason, Value};

/// Asia/Shanghai is eight hours ahead of UTC.
const SHANGHAI_US: i64 = 8 * 3_600_000_000;
const DAY_US: i64 = 86_400_000_000;

/// A day, or the day of an instant in Asia/Shanghai.
pub(super) fn date(value: Value<'_>) -> Option<Verdict<i32>> {
    let days = match value {
        Value::Days(days) => Some(days),
        Value::Instant { micros, zone: Zone::Local } => Some(micros.div_euclid(DAY_US)),
        Value::Instant { micros, zone: Zone::Utc } => {
            micros.checked_add(SHANGHAI_US).map(|local| local.div_euclid(DAY_US))
        }
        _ => return None,
    };
    Some(match days.and_then(debezium::day) {
        Some(days) => debezium::settled(days).into(),
        None => Verdict::untyped(Reason::Range),
    })
}

pub(super) fn timestamp(value: Value<'_>) -> Option<Verdict<i64>> {
    let Value::Instant { micros, zone } = value else { return None };
    let local = match zone {
        Zone::Utc => micros.checked_add(SHANGHAI_US),
        Zone::Local => Some(micros),
    };
    Some(
        local
            .and_then(debezium::utc)
            .map_or_else(|| Verdict::untyped(Reason::Range), Verdict::clean),
    )
}

pub(super) fn double(value: Value<'_>) -> Option<Verdict<f64>> {
    let value = match value {
        Value::Double(value) => value,
        Value::Float(value) => f64::from(value),
        _ => return None,
    };
    Some(if value.is_finite() { Verdict::clean(value) } else { Verdict::untyped(Reason::Range) })
}

/// Unscaled number at the scale of the column; `Some(None)` if it has more decimals than that, or
/// is too large. Nothing is rounded.
pub(super) fn decimal(value: Value<'_>, scale: i8) -> Option<Option<i128>> {
    let (unscaled, from) = match value {
        Value::Decimal { unscaled, scale } => (unscaled, scale),
        Value::Integer(number) => (i128::from(number), 0),
        _ => return None,
    };
    let more = i32::from(scale) - i32::from(from);
    let power = 10_i128.checked_pow(more.unsigned_abs());
    Some(match (power, more >= 0) {
        _ if unscaled == 0 => Some(0),
        (Some(power), true) => unscaled.checked_mul(power),
        (Some(power), false) if unscaled % power == 0 => Some(unscaled / power),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::decimal;
    use huiliu_model::Value;

    #[test]
    fn decimals_are_brought_to_the_scale_of_the_column_and_never_rounded() {
        let of = |unscaled, scale| decimal(Value::Decimal { unscaled, scale }, 2);
        assert_eq!(of(12_345, 2), Some(Some(12_345)));
        assert_eq!(of(-12_345, 1), Some(Some(-123_450)));
        assert_eq!(of(12_300, 4), Some(Some(123)));
        assert_eq!(of(12_345, 4), Some(None));
        assert_eq!(of(7, -2), Some(Some(70_000)));
        assert_eq!(of(1, -300), Some(None));
        assert_eq!(of(0, 300), Some(Some(0)));
        assert_eq!(decimal(Value::Integer(-5), 2), Some(Some(-500)));
        assert_eq!(decimal(Value::Double(1.0), 2), None);
    }
}
