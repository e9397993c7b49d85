//! Days, months and instants as plain numbers, and how they are written.
//!
//! A [`Day`] counts days since 1970-01-01, a month is `12 · year + month − 1`, an instant counts
//! microseconds since 1970-01-01 00:00 local time (Asia/Shanghai, without summer time).

use crate::row::push_digits;
use chrono::{Datelike, NaiveDate};

pub(crate) type Day = i32;
pub(crate) type Month = i32;
pub(crate) type Micros = i64;

pub(crate) const DAY_US: Micros = 86_400_000_000;
pub(crate) const HOUR_US: Micros = 3_600_000_000;
pub(crate) const MINUTE_US: Micros = 60_000_000;
const UNIX_DAY_FROM_CE: i32 = 719_163;
const SHANGHAI_MS: i64 = 8 * 3_600_000;

pub(crate) fn day_of(date: NaiveDate) -> Day {
    date.num_days_from_ce() - UNIX_DAY_FROM_CE
}

pub(crate) fn day(year: i32, month: u32, day: u32) -> Day {
    day_of(NaiveDate::from_ymd_opt(year, month, day).expect("callers name calendar dates"))
}

pub(crate) fn date_of(day: Day) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day + UNIX_DAY_FROM_CE).expect("a day of our centuries")
}

pub(crate) fn month_of(day: Day) -> Month {
    let date = date_of(day);
    date.year() * 12 + date.month0().cast_signed()
}

pub(crate) fn first_day(month: Month) -> Day {
    day(month.div_euclid(12), month.rem_euclid(12).cast_unsigned() + 1, 1)
}

pub(crate) fn midnight(day: Day) -> Micros {
    Micros::from(day) * DAY_US
}

/// `2019-12-26`
pub(crate) fn date_text(day: Day) -> String {
    let mut bytes = Vec::with_capacity(10);
    push_date(day, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn push_date(day: Day, bytes: &mut Vec<u8>) {
    let date = date_of(day);
    push_digits(u64::from(date.year().cast_unsigned()), 4, bytes);
    bytes.push(b'-');
    push_digits(u64::from(date.month()), 2, bytes);
    bytes.push(b'-');
    push_digits(u64::from(date.day()), 2, bytes);
}

/// `2020-04-07T08:30:00.123456+08:00`
pub(crate) fn push_instant(at: Micros, bytes: &mut Vec<u8>) {
    push_local_instant(at, bytes);
    bytes.extend_from_slice(b"+08:00");
}

/// `2020-04-07T08:30:00.123456`
pub(crate) fn push_local_instant(at: Micros, bytes: &mut Vec<u8>) {
    let of_day = at.rem_euclid(DAY_US);
    push_date(day_at(at), bytes);
    for (separator, unit, modulo, width) in [
        (b'T', HOUR_US, 24, 2),
        (b':', MINUTE_US, 60, 2),
        (b':', 1_000_000, 60, 2),
        (b'.', 1, 1_000_000, 6),
    ] {
        bytes.push(separator);
        push_digits((of_day / unit % modulo).unsigned_abs(), width, bytes);
    }
}

/// The day of an instant.
pub(crate) fn day_at(at: Micros) -> Day {
    Day::try_from(at.div_euclid(DAY_US)).expect("an instant of our centuries")
}

/// Kafka's time: milliseconds since 1970 UTC.
pub(crate) fn kafka_ms(at: Micros) -> i64 {
    at.div_euclid(1_000) - SHANGHAI_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_instants_are_written_as_iso() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(day(2019, 12, 26)), "2019-12-26");
        // 2020-04-07T08:30:00.123456+08:00 is 1586219400.123456 s after 1970 UTC.
        let at = midnight(day(2020, 4, 7)) + (8 * 3_600 + 30 * 60) * 1_000_000 + 123_456;
        let mut bytes = Vec::new();
        push_instant(at, &mut bytes);
        assert_eq!(bytes, b"2020-04-07T08:30:00.123456+08:00");
        assert_eq!(kafka_ms(at), 1_586_219_400_123);
        assert_eq!(first_day(month_of(day(2020, 2, 29))), day(2020, 2, 1));
    }
}
