//! Days, months and instants as plain numbers, and how they are written.
//!
//! A [`Day`] counts days since 1970-01-01, a month is `12 · year + month − 1`, an instant counts
//! microseconds since 1970-01-01 00:00 local time (Asia/Shanghai, without summer time).

use chrono::{Datelike, NaiveDate};

pub(crate) type Day = i32;
pub(crate) type Month = i32;
pub(crate) type Micros = i64;

pub(crate) const DAY_US: Micros = 86_400_000_000;
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
    let date = date_of(day);
    let mut text = String::with_capacity(10);
    push_number(&mut text, date.year().cast_unsigned(), 4);
    text.push('-');
    push_number(&mut text, date.month(), 2);
    text.push('-');
    push_number(&mut text, date.day(), 2);
    text
}

/// `2020-04-07T08:30:00.123456+08:00`
pub(crate) fn instant_text(at: Micros) -> String {
    let day = Day::try_from(at.div_euclid(DAY_US)).expect("an instant of our centuries");
    let of_day = at.rem_euclid(DAY_US);
    let part = |unit: i64, modulo: i64| {
        u32::try_from(of_day / unit % modulo).expect("a part of a day is small")
    };
    let mut text = date_text(day);
    for (separator, number, width) in [
        ('T', part(3_600_000_000, 24), 2),
        (':', part(60_000_000, 60), 2),
        (':', part(1_000_000, 60), 2),
        ('.', part(1, 1_000_000), 6),
    ] {
        text.push(separator);
        push_number(&mut text, number, width);
    }
    text.push_str("+08:00");
    text
}

/// Kafka's time: milliseconds since 1970 UTC.
pub(crate) fn kafka_ms(at: Micros) -> i64 {
    at.div_euclid(1_000) - SHANGHAI_MS
}

/// The last `width` digits, with leading zeros.
pub(crate) fn push_number(text: &mut String, number: u32, width: usize) {
    let mut power = 10_u32.pow(u32::try_from(width).unwrap_or(9).min(9).saturating_sub(1));
    while power > 0 {
        let digit = number / power % 10;
        text.push(char::from(b'0' + u8::try_from(digit).expect("a digit is below 10")));
        power /= 10;
    }
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
        assert_eq!(instant_text(at), "2020-04-07T08:30:00.123456+08:00");
        assert_eq!(kafka_ms(at), 1_586_219_400_123);
        assert_eq!(first_day(month_of(day(2020, 2, 29))), day(2020, 2, 1));
    }
}
