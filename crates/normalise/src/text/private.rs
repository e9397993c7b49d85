//! Personal numbers inside running text (D49): found by their pattern and masked in place.
//!
//! Looked for in runs of ASCII digits that no letter or digit touches:
//!
//! | what | pattern | shown |
//! |---|---|---|
//! | identity number | 18 characters (the last may be X) or 15 digits | first 6, last 4 |
//! | mobile | 11 digits from 13 on, also behind 86 | first 3, last 4 |
//! | bank card | 16 to 19 digits with a right Luhn check | first 6, last 4 |
//!
//! An identity number has a province in front and a day of the calendar in its place.
//! A check character is not asked for: a mistyped identity number still points at a person.
//! Numbers written in groups (138 1234 5678, 6222 0212 …) are joined over one blank or hyphen.

use crate::date::days_of;
use crate::id::{check, digits, division};
use crate::mask::write_mask;
use huiliu_model::contract::MaskKind;
use std::ops::Range;

/// Fewest digits of anything looked for.
const DIGITS_MIN: usize = 11;

/// The text with its personal numbers masked; `None` when it holds none.
pub(crate) fn masked(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.iter().filter(|b| b.is_ascii_digit()).count() < DIGITS_MIN {
        return None;
    }
    let (mut out, mut done, mut at) = (String::new(), 0, 0);
    while let Some(span) = next_span(bytes, at) {
        at = span.end;
        for (found, kind) in personal(text, span) {
            out.push_str(&text[done..found.start]);
            let plain: String = text[found.clone()].chars().filter(|c| is_kept(*c)).collect();
            // The country code in front of a mobile stays.
            let country = if kind == MaskKind::Phone { plain.len().saturating_sub(11) } else { 0 };
            out.push_str(&plain[..country]);
            write_mask(kind, &plain[country..], &mut out);
            done = found.end;
        }
    }
    if done == 0 {
        return None;
    }
    out.push_str(&text[done..]);
    Some(out)
}

fn is_kept(c: char) -> bool {
    !matches!(c, ' ' | '-')
}

/// The next run of digits in groups: a group ends in a digit or X, one blank or hyphen joins two.
fn next_span(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + bytes.get(from..)?.iter().position(u8::is_ascii_digit)?;
    let mut end = start;
    while let Some(byte) = bytes.get(end) {
        let joins =
            matches!(byte, b' ' | b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let last = matches!(byte, b'X' | b'x') && end > start && bytes[end - 1].is_ascii_digit();
        if !byte.is_ascii_digit() && !joins && !last {
            break;
        }
        end += 1;
    }
    Some(start..end)
}

/// Personal numbers of a span: its groups one by one, else all of them joined.
fn personal(text: &str, span: Range<usize>) -> Vec<(Range<usize>, MaskKind)> {
    let bytes = text.as_bytes();
    let touches = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'*')
    };
    let alone =
        |range: &Range<usize>| !touches(range.start.checked_sub(1)) && !touches(Some(range.end));
    let (mut found, mut groups, mut start) = (Vec::new(), Vec::new(), span.start);
    for end in span.clone().chain([span.end]) {
        if end == span.end || matches!(bytes[end], b' ' | b'-') {
            groups.push(start..end);
            start = end + 1;
        }
    }
    for group in &groups {
        if let Some(kind) = kind(&text[group.clone()]).filter(|_| alone(group)) {
            found.push((group.clone(), kind));
        }
    }
    if found.is_empty() && groups.len() > 1 && alone(&span) {
        let joined: String = text[span.clone()].chars().filter(|c| is_kept(*c)).collect();
        let sizes: Vec<usize> = groups.iter().map(ExactSizeIterator::len).collect();
        if let Some(kind) = kind(&joined).filter(|kind| is_grouped(*kind, &sizes)) {
            found.push((span, kind));
        }
    }
    found
}

/// Groups in which people write a kind of number; other runs of numbers only look like one.
fn is_grouped(kind: MaskKind, sizes: &[usize]) -> bool {
    match kind {
        MaskKind::Phone => matches!(sizes, [3, 4, 4] | [2, 11] | [2, 3, 4, 4]),
        MaskKind::ResidentId => matches!(sizes, [6, 8, 4] | [3, 3, 4, 4, 4] | [6, 4, 4, 4]),
        _ => sizes
            .split_last()
            .is_some_and(|(last, front)| *last <= 4 && front.iter().all(|size| *size == 4)),
    }
}

fn kind(number: &str) -> Option<MaskKind> {
    let bytes = number.as_bytes();
    let numeric = bytes.iter().all(u8::is_ascii_digit);
    match bytes.len() {
        11 | 13 if numeric && is_mobile(bytes) => Some(MaskKind::Phone),
        15 if numeric && is_identity(bytes, 19, &bytes[6..12]) => Some(MaskKind::ResidentId),
        18 if is_identity(bytes, 0, &bytes[6..14]) => Some(MaskKind::ResidentId),
        16..=19 if numeric && check::is_luhn(bytes.iter().copied()) => Some(MaskKind::BankCard),
        _ => None,
    }
}

fn is_mobile(bytes: &[u8]) -> bool {
    let number = match bytes.len() {
        13 => bytes.strip_prefix(b"86"),
        _ => Some(bytes),
    };
    matches!(number, Some([b'1', b'3'..=b'9', ..]))
}

/// A province in front and a day in its place; `century` stands before a year of two digits.
fn is_identity(bytes: &[u8], century: u32, birth: &[u8]) -> bool {
    let (year, day) = birth.split_at(birth.len() - 4);
    let number = |part: &[u8]| digits(part).unwrap_or_default();
    let year = century * 100 + number(year);
    let province = number(&bytes[..2]);
    let known = division::table().is_province(province) || bytes[0] == b'9';
    let dated = i32::try_from(year).is_ok_and(|year| {
        (1850..2100).contains(&year)
            && days_of(year, number(&day[..2]), number(&day[2..])).is_some()
    });
    let front = bytes[..bytes.len() - 1].iter().all(u8::is_ascii_digit);
    front && known && dated
}
