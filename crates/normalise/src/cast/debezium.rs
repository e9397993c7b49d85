//! Debezium's numbers and texts for dates, instants and decimals.
//!
//! Where the schema beside the record or the contract says how a column is written
//! ([`super::encoded`]), that holds. Where neither does:
//!
//! * A date is the number of days since 1970-01-01 (`io.debezium.time.Date`).
//! * A date and time without zone is a number since 1970-01-01 00:00 of the *local* clock, in
//!   milliseconds, microseconds or nanoseconds by the column's precision. The unit is not in the
//!   record once the schema is left out, so the magnitude tells: below 10^14 milliseconds
//!   (year 5138), below 10^17 microseconds, else nanoseconds. Microseconds of 1966-11 to
//!   1973-03, and nanoseconds of the same years, cannot be told apart and are read as the
//!   coarser unit; the last second of the year 9999, which many sources have for "no end", is
//!   ambiguous and refused. Like every value without an offset, the local clock is Asia/Shanghai.
//! * A decimal (`decimal.handling.mode: precise`) is the unscaled number, two's complement, big
//!   endian, in base64; the scale is the contract's. In mode `string` it is plain text, in mode
//!   `double` a number. Text with a decimal point is plain; text of digits alone that is also
//!   valid base64 is ambiguous and refused.
//!
//! Instants with an offset (`ZonedTimestamp`) are ISO 8601 text and need nothing here.

use crate::date::{DateOutcome, days_from_civil};
use huiliu_model::Reason;
use huiliu_model::contract::Encoding;

/// The years 1 to 9999: many readers of tables have no others, and one such value would keep them
/// from the whole file.
const FIRST_DAY: i32 = days_from_civil(1, 1, 1);
const LAST_DAY: i32 = days_from_civil(9999, 12, 31);
const FIRST_US: i64 = FIRST_DAY as i64 * DAY_MS * 1_000;
const LAST_US: i64 = (LAST_DAY as i64 + 1) * DAY_MS * 1_000 - 1;
const DAY_MS: i64 = 86_400_000;
/// Asia/Shanghai is eight hours ahead of UTC.
const SHANGHAI_US: i64 = 8 * 3_600_000_000;
/// Day 10,000,000 is in the year 29,349: a larger number counts something smaller.
const DAYS_MAX: u64 = 10_000_000;
const MILLIS_MAX: u64 = 100_000_000_000_000;
const MICROS_MAX: u64 = 100_000_000_000_000_000;

/// Microseconds of the local clock since 1970-01-01 00:00, from any of the units.
fn local_micros(number: i64) -> Option<i64> {
    match number.unsigned_abs() {
        n if n < MILLIS_MAX => number.checked_mul(1_000),
        n if n < MICROS_MAX => Some(number),
        _ => Some(number.div_euclid(1_000)),
    }
}

/// What Debezium 3.5 sends for PostgreSQL's `infinity` and `-infinity` in a timestamp: the driver's
/// numbers for them, in microseconds and nanoseconds as they are, in milliseconds cut.
const INFINITIES: [i64; 2] = [9_223_372_036_825_200_000, -9_223_372_036_832_400_000];
/// The same in a date, from the log and from a snapshot: the driver's numbers overflow, and all are
/// in the past.
const INFINITE_DAYS: [[i64; 2]; 2] =
    [[-2_147_472_692, -2_147_472_691], [-622_191_234, -625_821_272]];

/// Whether a count is an infinity: `true` for the positive one.
pub(super) fn infinity(number: i64, encoding: Encoding, is_date: bool) -> Option<bool> {
    let among = |of: [i64; 2]| of.iter().position(|&held| held == number).map(|at| at == 0);
    if is_date && matches!(encoding, Encoding::Unsaid | Encoding::Days) {
        return INFINITE_DAYS.into_iter().find_map(among);
    }
    let millis = matches!(encoding, Encoding::Unsaid | Encoding::Millis);
    among(INFINITIES).or_else(|| among(INFINITIES.map(|n| n / 1_000)).filter(|_| millis))
}

/// Whether a count of an unknown unit may be the last second of the year 9999, or a moment of 1978
/// in a finer unit.
pub(super) fn is_ambiguous(number: i64, encoding: Encoding) -> bool {
    const LAST_SECOND: i64 = 253_402_300_799;
    let is_last = |unit: i64| number.div_euclid(unit) == LAST_SECOND;
    encoding == Encoding::Unsaid && (is_last(1_000) || is_last(1_000_000))
}

/// Days since 1970-01-01 of a date column: days, or the day of a date and time.
pub(super) fn date(number: i64, encoding: Encoding) -> Option<i32> {
    let days = match encoding.micros(number) {
        Some(_) if encoding == Encoding::Days => number,
        Some(micros) => micros.div_euclid(DAY_MS * 1_000),
        None if number.unsigned_abs() < DAYS_MAX => number,
        None => local_micros(number)?.div_euclid(DAY_MS * 1_000),
    };
    day(days)
}

/// A day of the years that dates have.
pub(super) fn day(days: i64) -> Option<i32> {
    let days = i32::try_from(days).ok()?;
    (FIRST_DAY..=LAST_DAY).contains(&days).then_some(days)
}

/// A day as the date reader would settle it: placeholders and open ends are no dates.
pub(super) fn settled(days: i32) -> DateOutcome {
    const PLACEHOLDER: i32 = days_from_civil(1900, 1, 1);
    const END_OF_9999: i32 = days_from_civil(9999, 12, 31);
    const END_OF_2099: i32 = days_from_civil(2099, 12, 31);
    match days {
        PLACEHOLDER => DateOutcome::Null(Some(Reason::Placeholder)),
        END_OF_2099 | END_OF_9999 => DateOutcome::OpenEnd,
        days => DateOutcome::Value { days, fixed: false },
    }
}

/// Microseconds since 1970 UTC of a timestamp column.
pub(super) fn instant(number: i64, encoding: Encoding) -> Option<i64> {
    let local = match encoding {
        Encoding::Unsaid => local_micros(number)?,
        known => known.micros(number)?,
    };
    utc(local)
}

/// Microseconds of the local clock, of the years that timestamps have, in UTC.
pub(super) fn utc(local: i64) -> Option<i64> {
    (FIRST_US..=LAST_US).contains(&local).then(|| local - SHANGHAI_US)
}

/// What the text of a decimal column is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    Unscaled(i128),
    /// Plain text, to be parsed as such.
    Plain,
    Refused(Reason),
}

pub(super) fn decimal(text: &str, encoding: Encoding) -> Decimal {
    let is_guess = encoding == Encoding::Unsaid;
    match base64(text.as_bytes()) {
        Base64::Number(_) if is_guess && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Decimal::Refused(Reason::Ambiguous)
        }
        Base64::Number(unscaled) => Decimal::Unscaled(unscaled),
        Base64::TooLong => Decimal::Refused(Reason::Range),
        Base64::Other => Decimal::Plain,
    }
}

pub(super) enum Base64 {
    Number(i128),
    /// More than 16 bytes: no Decimal128.
    TooLong,
    Other,
}

/// Reads RFC 4648 base64 with padding as a big-endian two's complement number.
pub(super) fn base64(text: &[u8]) -> Base64 {
    let body = match text {
        [body @ .., b'=', b'='] | [body @ .., b'='] => body,
        body => body,
    };
    let padding = text.len() - body.len();
    if text.is_empty() || !text.len().is_multiple_of(4) || padding > 2 {
        return Base64::Other;
    }
    let byte_count = text.len() / 4 * 3 - padding;
    let (mut number, mut held, mut bits) = (0_i128, 0_u32, 0_u32);
    for (index, character) in body.iter().enumerate() {
        let Some(value) = digit(*character) else { return Base64::Other };
        if byte_count > 16 {
            continue;
        }
        held = held << 6 | value;
        bits += 6;
        if index == 0 && value >= 32 {
            number = -1;
        }
        if bits >= 8 {
            bits -= 8;
            number = number << 8 | i128::from(held >> bits & 0xff);
        }
        held &= (1 << bits) - 1;
    }
    match byte_count {
        0 => Base64::Other,
        1..=16 => Base64::Number(number),
        _ => Base64::TooLong,
    }
}

fn digit(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_from_base64_of_the_unscaled_bytes() {
        // Bytes worked out by hand: 12345 = 0x3039, -1 = 0xff, 128 = 0x0080, -12345 = 0xcfc7.
        for (text, unscaled) in [
            ("MDk=", 12_345),
            ("AA==", 0),
            ("/w==", -1),
            ("AIA=", 128),
            ("z8c=", -12_345),
            ("gA==", -128),
            ("D0JA", 1_000_000),
            ("AJiWgA==", 10_000_000),
            // 2^127 - 1 and -2^127: sixteen bytes.
            ("f////////////////////w==", i128::MAX),
            ("gAAAAAAAAAAAAAAAAAAAAA==", i128::MIN),
        ] {
            assert_eq!(decimal(text, Encoding::Unsaid), Decimal::Unscaled(unscaled), "{text}");
        }
    }

    #[test]
    fn plain_and_ambiguous_decimals_are_told_apart() {
        for text in ["12.34", "-0.50", "7", "123", "", "=", "====", "MDk", "M=k="] {
            assert_eq!(decimal(text, Encoding::Unsaid), Decimal::Plain, "{text}");
        }
        // Four digits are three bytes of base64, and a number of the mode `string` as well.
        let known = Encoding::Unscaled { scale: 2 };
        assert_eq!(decimal("1234", known), Decimal::Unscaled(-2_658_824));
        assert_eq!(decimal("1234", Encoding::Unsaid), Decimal::Refused(Reason::Ambiguous));
        let seventeen_bytes = "AAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(decimal(seventeen_bytes, Encoding::Unsaid), Decimal::Refused(Reason::Range));
    }

    #[test]
    fn the_magnitude_tells_the_unit_of_an_instant() {
        // 2020-04-07 08:30:00 on the local clock is 00:30:00 UTC.
        let expected = Some(1_586_219_400_000_000);
        assert_eq!(instant(1_586_248_200_000, Encoding::Unsaid), expected);
        assert_eq!(instant(1_586_248_200_000_000, Encoding::Unsaid), expected);
        assert_eq!(instant(1_586_248_200_000_000_000, Encoding::Unsaid), expected);
        assert_eq!(instant(0, Encoding::Unsaid), Some(-28_800_000_000));
        assert_eq!(
            instant(i64::MIN, Encoding::Unsaid),
            Some(-9_223_372_036_854_776 - 28_800_000_000)
        );
    }

    #[test]
    fn a_known_unit_is_exact_whatever_the_size_of_the_number() {
        use Encoding::{Days, Micros, Millis, Nanos};
        // The first and the last instant that tables hold, local clock; -8 hours in UTC.
        assert_eq!(instant(-62_135_596_800_000, Millis), Some(-62_135_625_600_000_000));
        assert_eq!(instant(-62_135_596_800_000_000, Micros), Some(-62_135_625_600_000_000));
        assert_eq!(instant(253_402_300_799_999_999, Micros), Some(253_402_271_999_999_999));
        assert_eq!(instant(253_402_300_800_000_000, Micros), None);
        assert_eq!(instant(-62_135_596_800_001, Millis), None);
        // A minute of 1970 in microseconds, which by its magnitude would be milliseconds.
        assert_eq!(instant(60_000_000, Micros), Some(60_000_000 - 28_800_000_000));
        assert_eq!(instant(-1, Nanos), Some(-1 - 28_800_000_000));
        assert_eq!(date(-719_162, Days), Some(-719_162));
        assert_eq!(date(2_932_896, Days), Some(2_932_896));
        assert_eq!(date(2_932_897, Days), None);
        assert_eq!(date(-1, Micros), Some(-1));
        assert_eq!(date(86_399_999, Millis), Some(0));
    }

    #[test]
    fn infinity_is_told_from_every_instant() {
        use Encoding::{Days, Micros, Millis, Unsaid};
        for (number, encoding, is_date, expected) in [
            (9_223_372_036_825_200_000, Micros, false, Some(true)),
            (-9_223_372_036_832_400_000, Micros, false, Some(false)),
            (9_223_372_036_825_200, Millis, false, Some(true)),
            (-9_223_372_036_832_400, Unsaid, false, Some(false)),
            // A moment of the year 2262.
            (9_223_372_036_825_200, Micros, false, None),
            (-2_147_472_692, Days, true, Some(true)),
            (-622_191_234, Days, true, Some(true)),
            (-625_821_272, Unsaid, true, Some(false)),
            (-2_147_472_691, Unsaid, true, Some(false)),
            (-2_147_472_692, Millis, false, None),
            (0, Micros, false, None),
        ] {
            assert_eq!(infinity(number, encoding, is_date), expected, "{number}");
        }
    }

    #[test]
    fn dates_are_days_or_the_day_of_an_instant() {
        assert_eq!(date(18_359, Encoding::Unsaid), Some(18_359));
        assert_eq!(date(-7_306, Encoding::Unsaid), Some(-7_306));
        assert_eq!(date(1_586_248_200_000, Encoding::Unsaid), Some(18_359));
        assert_eq!(date(1_586_248_200_000_000, Encoding::Unsaid), Some(18_359));
    }
}
