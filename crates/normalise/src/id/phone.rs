//! Telephone numbers: mobiles (11 digits) and landlines (area code, number, extension).
//!
//! The canonical form is digits only, an extension behind a hyphen: `13812345678`,
//! `02363891234-801`. Of several numbers in a cell the first valid mobile wins, else the first
//! valid landline. Order of tests: character set, filler, then for a mobile length and prefix,
//! for a landline length.

use super::{all_equal, clean};
use crate::rule::{Flags, Outcome};
use crate::text;
use huiliu_model::Reason;
use std::borrow::Cow;

/// Filler seen in place of a number (domain specification, 1.9).
const FILLER: &[u8] = b"13800000000";
/// Chongqing's area code; its numbers have eight digits.
const AREA: &str = "023";

/// One number out of a cell.
struct Number {
    text: String,
    is_mobile: bool,
    flags: Flags,
}

/// Which numbers a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Mobile,
    Landline,
}

/// Validates the number or numbers of a cell.
pub fn apply(text: &str) -> Outcome<'_> {
    run(Kind::Any, text)
}

/// Validates a mobile number; a landline is `PREFIX`.
pub fn apply_mobile(text: &str) -> Outcome<'_> {
    run(Kind::Mobile, text)
}

/// Validates a landline number; a mobile is `PREFIX`.
pub fn apply_landline(text: &str) -> Outcome<'_> {
    run(Kind::Landline, text)
}

fn run(kind: Kind, text: &str) -> Outcome<'_> {
    if is_plain(kind, text.as_bytes()) {
        return Outcome::Ok(Cow::Borrowed(text));
    }
    if let Err(outcome) = clean(text, false) {
        return outcome;
    }
    let cell = text::scrub(text).to_ascii_uppercase();
    if cell.contains("XXXX") {
        return Outcome::Null(Some(Reason::Masked));
    }
    let pieces: Vec<&str> = cell.split([';', ',', '/', '、', '|']).map(str::trim).collect();
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
    let found = choose(kind, pieces).or_else(|reason| match cell.contains(' ') {
        true => choose(kind, cell.split([' ', ';', ',', '/', '、', '|'])).map_err(|_| reason),
        false => Err(reason),
    });
    match found {
        Ok(number) if number.text == text => Outcome::accept(Cow::Borrowed(text), number.flags),
        Ok(number) => Outcome::accept(Cow::Owned(number.text), number.flags),
        Err(reason) => Outcome::Err(reason),
    }
}

/// A clean mobile number or a clean landline of Chongqing.
fn is_plain(kind: Kind, bytes: &[u8]) -> bool {
    if bytes.len() != 11 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mobile = kind != Kind::Landline && bytes[0] == b'1' && bytes[1] >= b'3' && bytes != FILLER;
    let landline = kind != Kind::Mobile && bytes.starts_with(AREA.as_bytes()) && bytes[3] >= b'2';
    (mobile || landline) && !all_equal(bytes)
}

/// The first mobile, else the first landline, else the reason against the first piece.
fn choose<'p>(kind: Kind, pieces: impl Iterator<Item = &'p str>) -> Result<Number, Reason> {
    let (mut best, mut first_reason, mut count): (Option<Number>, _, _) = (None, None, 0);
    for piece in pieces {
        count += 1;
        match number(piece).and_then(|number| of_kind(kind, number)) {
            Ok(number) if best.as_ref().is_none_or(|b| number.is_mobile && !b.is_mobile) => {
                best = Some(number);
            }
            Ok(_) => {}
            Err(reason) => first_reason = first_reason.or(Some(reason)),
        }
    }
    let mut number = best.ok_or(first_reason.unwrap_or(Reason::Length))?;
    number.flags |= Flags::MULTIPLE_VALUES.when(count > 1);
    Ok(number)
}

fn of_kind(kind: Kind, number: Number) -> Result<Number, Reason> {
    let fits = match kind {
        Kind::Any => true,
        Kind::Mobile => number.is_mobile,
        Kind::Landline => !number.is_mobile,
    };
    if fits { Ok(number) } else { Err(Reason::Prefix) }
}

/// One number: `text` is scrubbed and upper-case.
fn number(text: &str) -> Result<Number, Reason> {
    let marker = ["转", "分机", "EXT", "X", "#"].iter().find_map(|m| text.split_once(m));
    let (front, extension) = marker.map_or((text, None), |(front, tail)| (front, Some(tail)));
    let (digits, mut ends) = grouped(front)?;
    let cut = country_code(&digits, front.trim_start_matches(['(', ' ']).starts_with('+'));
    let digits = &digits[cut..];
    ends.iter_mut().for_each(|end| *end = end.saturating_sub(cut));
    if digits.len() >= 7 && (all_equal(digits.as_bytes()) || digits.as_bytes() == FILLER) {
        return Err(Reason::Placeholder);
    }
    let trunk = digits.len() == 12 && digits.starts_with("01") && digits.as_bytes()[2] >= b'3';
    match digits.as_bytes().first() {
        Some(b'0') if !trunk => landline(digits, &ends, extension),
        // The area code lost its zero behind +86.
        Some(b'2') if cut > 0 && digits.len() == 10 => landline(&format!("0{digits}"), &[], None),
        _ => mobile(if trunk { &digits[1..] } else { digits }),
    }
}

/// The digits of a number and where its groups end.
fn grouped(text: &str) -> Result<(String, Vec<usize>), Reason> {
    let (mut digits, mut ends) = (String::with_capacity(16), Vec::new());
    for c in text.trim_end_matches([':', ' ', '.']).chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' | '(' | ')' | '\u{2010}'..='\u{2015}' => ends.push(digits.len()),
            '+' if digits.is_empty() => {}
            _ => return Err(Reason::Charset),
        }
    }
    Ok((digits, ends))
}

/// Length of a leading country code of China: `+86`, `0086`, or 86 before a mobile.
fn country_code(digits: &str, plus: bool) -> usize {
    if plus && digits.starts_with("86") {
        2
    } else if digits.starts_with("0086") {
        4
    } else if digits.len() == 13 && digits.starts_with("861") {
        2
    } else {
        0
    }
}

fn mobile(digits: &str) -> Result<Number, Reason> {
    let bytes = digits.as_bytes();
    if bytes.len() != 11 {
        return Err(Reason::Length);
    }
    if bytes[0] != b'1' || bytes[1] < b'3' {
        return Err(Reason::Prefix);
    }
    Ok(Number { text: digits.to_owned(), is_mobile: true, flags: Flags::default() })
}

/// `ends` tell the number from an extension behind it.
fn landline(digits: &str, ends: &[usize], extension: Option<&str>) -> Result<Number, Reason> {
    let bytes = digits.as_bytes();
    // Three digits: 010 and 02x. Four: all others.
    let area = if matches!(bytes.get(1), Some(b'1' | b'2')) { 3 } else { 4 };
    let local = digits.len().saturating_sub(area);
    let fits = |length: usize| length == 8 || length == 7 && !digits.starts_with(AREA);
    let end = [8, 7].into_iter().find(|l| fits(*l) && ends.contains(&(area + l)) && *l < local);
    let length = end.unwrap_or(local);
    if !fits(length) {
        return Err(Reason::Length);
    }
    if matches!(bytes.get(area), None | Some(b'0' | b'1')) {
        return Err(Reason::Prefix);
    }
    let (front, behind) = digits.split_at(area + length);
    let extension: String =
        behind.chars().chain(extension.unwrap_or("").chars().filter(|c| *c != ' ')).collect();
    let extension = extension.trim_start_matches([':', '-', '.']);
    if !extension.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::Charset);
    }
    if extension.len() > 6 {
        return Err(Reason::Length);
    }
    let text = match extension {
        "" => front.to_owned(),
        extension => format!("{front}-{extension}"),
    };
    let flags = Flags::AREA_CODE.when(!digits.starts_with(AREA));
    Ok(Number { text, is_mobile: false, flags })
}
