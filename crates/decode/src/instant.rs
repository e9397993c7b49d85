//! Instants of envelopes: ISO 8601 with an offset, and scaled counts since 1970.
//!
//! Only the form an envelope must have; the many forms of dates in rows belong to `normalise`.

/// Microseconds since 1970 UTC of `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm|±hhmm|±hh)`.
///
/// The separator may be a space, as RFC 3339 allows; a fraction has one to nine digits and is
/// cut to microseconds. A text without an offset names no instant and is refused, like a leap
/// second, a day the month does not have, and the year 0.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date.first_chunk::<10>()? else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4], 1, 9999)?;
    let month = number(&[m1, m2], 1, 12)?;
    let day = number(&[d1, d2], 1, days_of_month(year, month))?;

    let (clock, rest) = rest.split_at_checked(9)?;
    let [b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *clock.first_chunk::<9>()?
    else {
        return None;
    };
    let (hour, minute) = (number(&[h1, h2], 0, 23)?, number(&[n1, n2], 0, 59)?);
    let second = number(&[s1, s2], 0, 59)?;

    let (micros, rest) = fraction(rest)?;
    let offset_minutes = offset(rest)?;
    let minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some((minutes * 60 + second) * 1_000_000 + micros)
}

/// Value of an all-digit text within bounds.
fn number(digits: &[u8], low: i64, high: i64) -> Option<i64> {
    let mut value = 0;
    for digit in digits {
        value = value * 10 + i64::from(digit.checked_sub(b'0').filter(|&d| d < 10)?);
    }
    (low..=high).contains(&value).then_some(value)
}

fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', rest)) = text.split_first() else {
        return Some((0, text));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let micros = (0..6).fold(0, |micros, place| {
        micros * 10 + digits.get(place).map_or(0, |digit| i64::from(digit - b'0'))
    });
    Some((micros, rest))
}

/// Minutes east of UTC; offsets in use reach from −12:00 to +14:00, ISO allows up to 23:59.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text.split_first()? {
        (b'Z' | b'z', []) => return Some(0),
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match *rest {
        [h1, h2] => ([h1, h2], *b"00"),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => ([h1, h2], [m1, m2]),
        _ => return None,
    };
    Some(sign * (number(&hours, 0, 23)? * 60 + number(&minutes, 0, 59)?))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted from a year that begins in
/// March, so that the leap day is its last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let days_before_year = 365 * year + year / 4 - year / 100 + year / 400;
    let days_before_month = (153 * month_from_march + 2) / 5;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    days_before_year + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn instants_with_an_offset_are_read() {
        // Expected values from Python's datetime.
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T08:00:00+08:00", 0),
            ("2020-04-07T08:30:00.123456+08:00", 1_586_219_400_123_456),
            ("2020-04-07T00:30:00.1Z", 1_586_219_400_100_000),
            ("2020-04-07 00:30:00,123456789z", 1_586_219_400_123_456),
            ("2020-02-29T23:59:59.999999-0530", 1_583_040_599_999_999),
            ("2000-02-29T12:00:00+14", 951_775_200_000_000),
            ("1969-12-31T23:59:59.5Z", -500_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("1900-03-01T00:00:00Z", -2_203_891_200_000_000),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn texts_that_name_no_instant_are_refused() {
        for text in [
            "",
            "2020-04-07",
            "2020-04-07T08:30:00",
            "2020-04-07T08:30Z",
            "2020-04-07T08:30:00.Z",
            "2020-04-07T08:30:00.1234567890Z",
            "2020-04-07T08:30:00+8",
            "2020-04-07T08:30:00+08:0",
            "2020-04-07T08:30:00Z ",
            "2020-04-07T24:00:00Z",
            "2020-04-07T08:60:00Z",
            "2020-04-07T23:59:60Z",
            "2019-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2020-04-31T00:00:00Z",
            "2020-00-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "20200407T083000Z",
            "2020/04/07T08:30:00Z",
            "２020-04-07T08:30:00Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
