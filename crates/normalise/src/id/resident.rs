//! Citizen identity number (公民身份号码, GB 11643-1999) and its relatives of the same form.
//!
//! Order of tests: length, character set, filler, spreadsheet truncation, check character,
//! address, birth date, range of the birth date. 15-digit numbers are raised to 18; of a
//! disability certificate (20) the first 18 are taken. Foreigners' permanent residence cards
//! begin with 9 (2023 form, digits 2-3 are the province) or have three letters and 12 digits (old
//! form, kept as they are); residents from Hong Kong, Macao and Taiwan have 81, 82, 83.

use super::{Verdict, all_equal, check, clean, division, length_reason};
use crate::date;
use crate::rule::{Context, Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;

/// First lawful birth date, 1850-01-01, in days since 1970.
const BIRTH_FIRST: i32 = date::days_from_civil(1850, 1, 1);
/// Last lawful birth date if the day of the record is not known.
const BIRTH_LAST: i32 = date::days_from_civil(2999, 12, 31);

/// What a valid number says about its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Days since 1970-01-01.
    pub birth_days: i32,
    /// Code of list `sex`: `1` male, `2` female.
    pub sex_code: &'static str,
}

/// Validates a number; the accepted text has 18 characters (15 for old foreigners' cards).
pub fn apply<'a>(text: &'a str, context: &Context) -> Outcome<'a> {
    if let Ok(flags) = verdict(text.as_bytes(), context) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    match clean(text, false) {
        Ok(clean) => of_clean(clean, context),
        Err(outcome) => outcome,
    }
}

/// Birth date and sex, if `text` has the form of an 18-character number with a right check.
pub fn facts(text: &str) -> Option<Facts> {
    let bytes = text.as_bytes();
    if bytes.len() != 18 || !in_charset(bytes) || check::mod_11_2(bytes) != Some(bytes[17]) {
        return None;
    }
    let birth_days = birth(bytes).1?;
    let sex_code = if bytes[16] % 2 == 1 { "1" } else { "2" };
    Some(Facts { birth_days, sex_code })
}

/// Outcome for a number without spaces, hyphens and lower-case letters.
pub(super) fn of_clean<'a>(clean: Cow<'a, str>, context: &Context) -> Outcome<'a> {
    if clean.contains("XXXX") {
        return Outcome::Null(Some(Reason::Masked));
    }
    let crossed = clean.strip_suffix(['×', 'Х']).map(|front| format!("{front}X"));
    let clean = crossed.map_or(clean, Cow::Owned);
    let bytes = clean.as_bytes();
    match bytes.len() {
        15 if bytes.iter().all(u8::is_ascii_digit) => raised(bytes, context),
        15 if is_old_foreign_card(bytes) => Outcome::accept(clean, Flags::LEGACY),
        20 => of_disability_card(bytes, context),
        _ => match verdict(bytes, context) {
            Ok(flags) => Outcome::accept(clean, flags),
            Err(reason) => Outcome::Err(reason),
        },
    }
}

/// Test of an 18-character number.
pub(super) fn verdict(bytes: &[u8], context: &Context) -> Verdict {
    if bytes.len() != 18 {
        return Err(length_reason(bytes, &[15, 18]));
    }
    if !in_charset(bytes) {
        return Err(Reason::Charset);
    }
    if all_equal(bytes) || bytes == b"123456789012345678" {
        return Err(Reason::Placeholder);
    }
    if check::mod_11_2(bytes) != Some(bytes[17]) {
        let truncated = bytes.ends_with(b"000");
        return Err(if truncated { Reason::ExcelTruncated } else { Reason::Checksum });
    }
    let region = address(bytes)?;
    let (year, birth) = birth(bytes);
    let Some(birth) = birth else { return Err(Reason::BirthDate) };
    if birth < BIRTH_FIRST {
        return Err(Reason::BirthRange);
    }
    if birth > context.event_date.unwrap_or(BIRTH_LAST) {
        return Err(Reason::BirthFuture);
    }
    let in_force = division::table().was_in_force_in(number(&bytes[..6]), year);
    Ok(region | Flags::REGION_NOT_IN_FORCE.when(in_force == Some(false)))
}

fn in_charset(bytes: &[u8]) -> bool {
    let (base, last) = bytes.split_at(bytes.len() - 1);
    base.iter().all(u8::is_ascii_digit) && matches!(last, [b'0'..=b'9' | b'X'])
}

/// A known province is required; a known six-digit code is asked for.
fn address(bytes: &[u8]) -> Verdict {
    let table = division::table();
    if bytes[0] == b'9' {
        return Ok(Flags::REGION_UNKNOWN.when(!table.is_province(number(&bytes[1..3]))));
    }
    let code = number(&bytes[..6]);
    if table.is_known(code) {
        Ok(Flags::default())
    } else if table.is_province(code / 10_000) {
        Ok(Flags::REGION_UNKNOWN)
    } else {
        Err(Reason::RegionUnknown)
    }
}

/// Year of birth and, if it exists, the day: digits 7 to 14.
fn birth(bytes: &[u8]) -> (i32, Option<i32>) {
    let year = i32::try_from(number(&bytes[6..10])).unwrap_or_default();
    (year, date::days_of(year, number(&bytes[10..12]), number(&bytes[12..14])))
}

/// Value of a few bytes that were found to be digits.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum: u32, b| sum * 10 + u32::from(b & 0x0f))
}

/// 15 digits → 18: the century goes before the year, the check behind.
///
/// The century is 19, except 18 for the order codes 996 to 999, once kept for people over 100,
/// if the year is 70 or more.
fn raised(bytes: &[u8], context: &Context) -> Outcome<'static> {
    if all_equal(bytes) {
        return Outcome::Err(Reason::Placeholder);
    }
    let centenarian = bytes[12..15] >= b"996"[..] && bytes[6..8] >= b"70"[..];
    let mut number = Vec::with_capacity(18);
    number.extend_from_slice(&bytes[..6]);
    number.extend_from_slice(if centenarian { b"18" } else { b"19" });
    number.extend_from_slice(&bytes[6..]);
    number.extend(check::mod_11_2(&number));
    of_bytes(&number, context, Flags::default())
}

/// 残疾人证: an identity number, a type 1 to 7 and a grade 1 to 4.
fn of_disability_card(bytes: &[u8], context: &Context) -> Outcome<'static> {
    let (number, tail) = bytes.split_at(18);
    if matches!(tail, [b'1'..=b'7', b'1'..=b'4']) {
        of_bytes(number, context, Flags::DISABILITY_CARD)
    } else {
        Outcome::Err(length_reason(bytes, &[15, 18]))
    }
}

fn of_bytes(bytes: &[u8], context: &Context, flags: Flags) -> Outcome<'static> {
    match verdict(bytes, context) {
        Ok(more) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            Outcome::accept(Cow::Owned(text), flags | more)
        }
        Err(reason) => Outcome::Err(reason),
    }
}

fn is_old_foreign_card(bytes: &[u8]) -> bool {
    let (letters, rest) = bytes.split_at(3);
    letters.iter().all(u8::is_ascii_uppercase) && rest.iter().all(u8::is_ascii_digit)
}
