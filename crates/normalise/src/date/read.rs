//! Reading of dates and times in every accepted form, for texts the fast path did not take.
//!
//! Tried in order: digits only (`yyyyMMdd`, `yyyyMMddHHmmss`, Excel serial, epoch), year-month-day
//! with delimiters and an optional time, Chinese numerals. A two-digit year is an error. With
//! the year in last place the parts before it must tell day from month: one of them is above 12
//! (D20).

use super::{days_from_civil, days_of};
use huiliu_model::Reason;

pub(super) const MICROS_OF_SECOND: i64 = 1_000_000;
pub(super) const MICROS_OF_DAY: i64 = 86_400 * MICROS_OF_SECOND;
/// Day 0 of Excel's 1900 system, as it is since 1 March 1900.
const EXCEL_DAY_0: i32 = days_from_civil(1899, 12, 30);
/// Serials taken for dates: 1954-10-03 to 2064-04-08 (domain specification, 1.10).
const EXCEL_SERIALS: std::ops::RangeInclusive<i32> = 20_000..=60_000;

/// A day with a time of day, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub days: i32,
    pub micros_of_day: i64,
    /// Seconds east of UTC, if written.
    pub offset: Option<i64>,
}

impl Moment {
    fn midnight(days: i32) -> Self {
        Self { days, micros_of_day: 0, offset: None }
    }

    fn of_utc(micros: i64) -> Result<Self, Reason> {
        let days = i32::try_from(micros.div_euclid(MICROS_OF_DAY)).map_err(|_| Reason::Range)?;
        Ok(Self { days, micros_of_day: micros.rem_euclid(MICROS_OF_DAY), offset: Some(0) })
    }
}

/// Reads a scrubbed text.
pub(super) fn moment(text: &str) -> Result<Moment, Reason> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return numeric(text);
    }
    if let Some((serial, fraction)) = text.split_once('.')
        && serial.len() == 5
        && let Some(days) = excel(serial)
    {
        return excel_time(days, fraction);
    }
    match arabic(text) {
        Some(arabic) => delimited(&arabic),
        None => delimited(text),
    }
}

/// Year and month of `2019-12`, `201912`, `2019年12月`.
pub(super) fn month(text: &str) -> Option<i32> {
    let mut rest = text;
    let year = run(&mut rest)?;
    let (year, month) = if year.len() == 6 && rest.is_empty() {
        year.split_at(4)
    } else {
        separator(&mut rest)?;
        let month = run(&mut rest)?;
        (year, month)
    };
    let complete = matches!(rest, "" | "月" | "月份");
    if year.len() != 4 || !(1..=2).contains(&month.len()) || !complete {
        return None;
    }
    days_of(year.parse().ok()?, month.parse().ok()?, 1)
}

fn numeric(text: &str) -> Result<Moment, Reason> {
    let value: i64 = text.parse().map_err(|_| Reason::Format)?;
    let part = |from: usize, to: usize| -> Result<u32, Reason> {
        text.get(from..to).and_then(|part| part.parse().ok()).ok_or(Reason::Format)
    };
    match text.len() {
        5 => excel(text).map(Moment::midnight).ok_or(Reason::Format),
        8 | 14 | 17 => {
            let year = i32::try_from(part(0, 4)?).map_err(|_| Reason::Format)?;
            let days = days_of(year, part(4, 6)?, part(6, 8)?).ok_or(Reason::Range)?;
            if text.len() == 8 {
                return Ok(Moment::midnight(days));
            }
            let seconds = seconds(part(8, 10)?, part(10, 12)?, part(12, 14)?)?;
            let millis = if text.len() == 17 { i64::from(part(14, 17)?) } else { 0 };
            let micros_of_day = seconds * MICROS_OF_SECOND + millis * 1_000;
            Ok(Moment { days, micros_of_day, offset: None })
        }
        10 => Moment::of_utc(value * MICROS_OF_SECOND),
        13 => Moment::of_utc(value * 1_000),
        16 => Moment::of_utc(value),
        _ => Err(Reason::Format),
    }
}

fn excel(serial: &str) -> Option<i32> {
    let serial: i32 = serial.parse().ok()?;
    EXCEL_SERIALS.contains(&serial).then_some(EXCEL_DAY_0 + serial)
}

/// The fraction of a day, rounded to a second as spreadsheets show it.
fn excel_time(days: i32, fraction: &str) -> Result<Moment, Reason> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::Format);
    }
    // Fifteen digits are all a spreadsheet has; they fit 64 bits.
    let kept = fraction.get(..15).unwrap_or(fraction);
    let digits: i128 = kept.parse().map_err(|_| Reason::Format)?;
    let scale = (0..kept.len()).fold(1_i128, |scale, _| scale * 10);
    let seconds = (digits * 86_400 * 2 + scale) / (2 * scale);
    let seconds = i64::try_from(seconds).map_err(|_| Reason::Range)?.min(86_399);
    Ok(Moment { days, micros_of_day: seconds * MICROS_OF_SECOND, offset: None })
}

/// `y-m-d` with `-`, `/`, `.` or 年月日 between, then a time if there is one.
fn delimited(text: &str) -> Result<Moment, Reason> {
    let mut rest = text;
    let year = run(&mut rest).ok_or(Reason::Format)?;
    separator(&mut rest).ok_or(Reason::Format)?;
    let month = run(&mut rest).ok_or(Reason::Format)?;
    separator(&mut rest).ok_or(Reason::Format)?;
    let day = run(&mut rest).ok_or(Reason::Format)?;
    let (year, month, day) = match (year.len(), day.len()) {
        (1..=2, 4) => year_first([year, month, day])?,
        _ => (year, month, day),
    };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return Err(Reason::Format);
    }
    let number = |text: &str| text.parse::<u32>().map_err(|_| Reason::Format);
    let year = i32::try_from(number(year)?).map_err(|_| Reason::Format)?;
    let days = days_of(year, number(month)?, number(day)?).ok_or(Reason::Range)?;
    rest = rest.strip_prefix(['日', '号']).unwrap_or(rest).trim_start();
    if rest.is_empty() {
        return Ok(Moment::midnight(days));
    }
    let (micros_of_day, offset) = time(rest.strip_prefix(['T', 't']).unwrap_or(rest))?;
    Ok(Moment { days, micros_of_day, offset })
}

/// The parts of a date that was written with its year last.
fn year_first([first, second, year]: [&str; 3]) -> Result<(&str, &str, &str), Reason> {
    let is_day = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 12);
    match (is_day(first), is_day(second)) {
        (true, false) => Ok((year, second, first)),
        (false, true) => Ok((year, first, second)),
        (true, true) => Err(Reason::Range),
        (false, false) => Err(Reason::Ambiguous),
    }
}

/// Whether a text that was read as a date has its year in last place.
pub(super) fn is_year_last(text: &str) -> bool {
    let mut rest = text;
    run(&mut rest).is_some_and(|part| part.len() <= 2)
}

/// `8:30[:00[.123]] [offset]` or `8时30分0秒`: microseconds of the day and seconds east of UTC.
fn time(text: &str) -> Result<(i64, Option<i64>), Reason> {
    let mut rest = text;
    let mut parts = [0; 3];
    for (index, part) in parts.iter_mut().enumerate() {
        let digits = match run(&mut rest) {
            Some(digits) if digits.len() <= 2 => digits,
            None if index > 0 => break,
            _ => return Err(Reason::Format),
        };
        *part = digits.parse().map_err(|_| Reason::Format)?;
        match rest.strip_prefix([':', '时', '点', '分', '秒']) {
            Some(after) => rest = after,
            // A lone hour is no time.
            None if index == 0 => return Err(Reason::Format),
            None => break,
        }
    }
    let mut micros = seconds(parts[0], parts[1], parts[2])? * MICROS_OF_SECOND;
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        rest = after;
        micros += fraction(run(&mut rest).ok_or(Reason::Format)?.as_bytes());
    }
    Ok((micros, offset(rest.trim())?))
}

/// Microseconds of a fraction of a second; finer digits are cut off.
#[inline]
pub(super) fn fraction(digits: &[u8]) -> i64 {
    let mut micros = 0;
    if let Some(six) = digits.first_chunk::<6>() {
        for byte in six {
            micros = micros * 10 + i64::from(byte.wrapping_sub(b'0'));
        }
        return micros;
    }
    for index in 0..6 {
        let digit = digits.get(index).map_or(0, |b| i64::from(b.wrapping_sub(b'0')));
        micros = micros * 10 + digit;
    }
    micros
}

pub(super) fn seconds(hour: u32, minute: u32, second: u32) -> Result<i64, Reason> {
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Reason::Range);
    }
    Ok(i64::from(hour * 3600 + minute * 60 + second))
}

/// Nothing, `Z`, `±hh`, `±hhmm` or `±hh:mm`, in seconds east of UTC.
pub(super) fn offset(text: &str) -> Result<Option<i64>, Reason> {
    let sign = match text.as_bytes().first() {
        None => return Ok(None),
        Some(b'Z' | b'z') if text.len() == 1 => return Ok(Some(0)),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return Err(Reason::Format),
    };
    let (hours, minutes) = match text.as_bytes()[1..] {
        [a, b] => ([a, b], [b'0', b'0']),
        [a, b, c, d] | [a, b, b':', c, d] => ([a, b], [c, d]),
        _ => return Err(Reason::Format),
    };
    let two = |pair: [u8; 2]| crate::id::digits(&pair).map(i64::from).ok_or(Reason::Format);
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if hours > 18 || minutes > 59 {
        return Err(Reason::Range);
    }
    Ok(Some(sign * (hours * 3600 + minutes * 60)))
}

/// Takes a run of one to nine digits off the front.
fn run<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    (1..=9).contains(&digits.len()).then_some(digits)
}

fn separator(rest: &mut &str) -> Option<()> {
    *rest = rest.strip_prefix(['-', '/', '.', '年', '月'])?;
    Some(())
}

/// The text with Chinese numerals as digits; `None` if there are none.
///
/// Years are written digit by digit (二〇一九), months and days with 十 (二十六).
fn arabic(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut numeral: Vec<u32> = Vec::new();
    let mut found = false;
    for c in text.chars().chain(['\0']) {
        if let Some(value) = numeral_value(c) {
            numeral.push(value);
            found = true;
            continue;
        }
        match numeral.iter().position(|value| *value == TEN) {
            None => numeral.iter().for_each(|digit| out.push_str(&digit.to_string())),
            Some(at) => {
                let tens = if at == 0 { 1 } else { numeral[at - 1] };
                let ones = numeral.get(at + 1).copied().unwrap_or(0);
                // Anything but one digit on either side is no number: leave it unreadable.
                let valid = at <= 1 && numeral.len() <= at + 2 && ones != TEN;
                out.push_str(&if valid { (tens * 10 + ones).to_string() } else { "?".into() });
            }
        }
        numeral.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    found.then_some(out)
}

const TEN: u32 = 10;

fn numeral_value(c: char) -> Option<u32> {
    let value = match c {
        '〇' | '零' | '○' => 0,
        '一' | '壹' => 1,
        '二' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        '十' | '拾' => TEN,
        _ => return None,
    };
    Some(value)
}
