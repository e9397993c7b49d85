//! Identifiers and codes: one module per kind, each a pure test on bytes plus the fixes that are
//! allowed before it.
//!
//! The order of tests inside a module is fixed: the first failing test names the reason. A value
//! is tested as delivered first, so a clean one is neither copied nor normalised. Look-alikes (O
//! and 0, I and 1) are never exchanged silently; `suggest` functions name the one candidate.

pub mod account;
pub mod bank_card;
pub(crate) mod check;
pub mod division;
pub mod document;
pub mod estate;
pub mod holder;
pub mod industry;
pub mod item;
pub mod land_use;
pub mod licence;
pub mod org_code;
pub mod phone;
pub mod plate;
pub mod postal;
pub mod project;
pub mod registration;
pub mod relaxed;
pub mod resident;
pub mod uscc;

use crate::rule::{Flags, Outcome};
use crate::text;
use huiliu_model::Reason;
use std::borrow::Cow;

/// Result of a test on a normalised identifier.
pub(crate) type Verdict = Result<Flags, Reason>;

/// Tests `text` as it is, then without spaces, hyphens and lower-case letters.
pub(crate) fn judge<'a>(text: &'a str, kernel: impl Fn(&[u8]) -> Verdict) -> Outcome<'a> {
    judge_as(text, false, kernel)
}

/// [`judge`] for identifiers of which hyphens are a part.
pub(crate) fn judge_hyphened<'a>(text: &'a str, kernel: impl Fn(&[u8]) -> Verdict) -> Outcome<'a> {
    judge_as(text, true, kernel)
}

fn judge_as<'a>(
    text: &'a str,
    keep_hyphens: bool,
    kernel: impl Fn(&[u8]) -> Verdict,
) -> Outcome<'a> {
    if let Ok(flags) = kernel(text.as_bytes()) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    match clean(text, keep_hyphens) {
        Ok(clean) => conclude(clean, &kernel),
        Err(outcome) => outcome,
    }
}

/// The verdict on a normalised identifier as an outcome.
pub(crate) fn conclude<'a>(clean: Cow<'a, str>, kernel: &impl Fn(&[u8]) -> Verdict) -> Outcome<'a> {
    match kernel(clean.as_bytes()) {
        Ok(flags) => Outcome::accept(clean, flags),
        Err(reason) => Outcome::Err(reason),
    }
}

/// The normalised identifier, or the outcome if it cannot be one: a null token, a value hidden
/// by stars at the source (D12), a number that a spreadsheet wrote as a float (D09).
pub(crate) fn clean(text: &str, keep_hyphens: bool) -> Result<Cow<'_, str>, Outcome<'_>> {
    let Some(clean) = text::identifier(text, keep_hyphens) else {
        return Err(Outcome::Null(None));
    };
    if clean.contains("**") {
        return Err(Outcome::Null(Some(Reason::Masked)));
    }
    if is_excel_float(clean.as_bytes()) {
        return Err(Outcome::Err(Reason::ExcelFloat));
    }
    Ok(clean)
}

/// Reason for a value that has not `expected` bytes: its characters may still be as many.
pub(crate) fn length_reason(bytes: &[u8], expected: &[usize]) -> Reason {
    let chars = bytes.iter().filter(|b| **b & 0xc0 != 0x80).count();
    if expected.contains(&chars) { Reason::Charset } else { Reason::Length }
}

/// A decimal number without its `.0`, which spreadsheets append (D45).
pub(crate) fn without_point_zero(text: Cow<'_, str>) -> Cow<'_, str> {
    let digits = match text.split_once('.') {
        Some((digits, zeros))
            if !digits.is_empty()
                && !zeros.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit())
                && zeros.bytes().all(|b| b == b'0') =>
        {
            digits.len()
        }
        _ => return text,
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..digits]),
        Cow::Owned(mut text) => {
            text.truncate(digits);
            Cow::Owned(text)
        }
    }
}

/// Value of up to nine ASCII digits.
pub(crate) fn digits(bytes: &[u8]) -> Option<u32> {
    let step = |sum: u32, b: &u8| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0'));
    if bytes.is_empty() || bytes.len() > 9 { None } else { bytes.iter().try_fold(0, step) }
}

/// Whether all bytes are the same.
pub(crate) fn all_equal(bytes: &[u8]) -> bool {
    bytes.windows(2).all(|pair| pair[0] == pair[1])
}

/// `4.40524188001010E+17`: the digits behind the fifteenth are gone.
fn is_excel_float(bytes: &[u8]) -> bool {
    let Some(at) = bytes.iter().position(|b| *b == b'E') else { return false };
    let (mantissa, exponent) = (&bytes[..at], &bytes[at + 1..]);
    let point_count = mantissa.iter().filter(|b| **b == b'.').count();
    mantissa.first().is_some_and(u8::is_ascii_digit)
        && mantissa.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        && point_count <= 1
        && exponent.first() == Some(&b'+')
        && matches!(exponent.len(), 2 | 3)
        && exponent[1..].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
