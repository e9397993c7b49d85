//! Identity documents of any kind: a citizen identity number or one of its relatives, else a
//! passport or a travel permit.
//!
//! Of passports and permits only the alphabet is known: 5 to 20 letters and digits with a digit
//! among them. What has the shape of an identity number (15, 18 or 20 characters, at most three
//! of them no digits) is one, so a mistyped number is refused and never taken for a passport.

use super::{Verdict, all_equal, clean, conclude, length_reason, resident};
use crate::rule::{Context, Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Lengths of passports and permits (shortest and longest seen; ICAO 9303 has nine).
const LENGTHS: RangeInclusive<usize> = 5..=20;

/// Validates a number.
pub fn apply<'a>(text: &'a str, context: &Context) -> Outcome<'a> {
    if let Ok(flags) = resident::verdict(text.as_bytes(), context) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    match clean(text, false) {
        Ok(code) if is_personal(&code) => resident::of_clean(code, context),
        Ok(code) => conclude(code, &passport),
        Err(outcome) => outcome,
    }
}

/// Whether a code has the shape of an identity number, right or wrong.
fn is_personal(code: &str) -> bool {
    let letters = code.chars().filter(|c| !c.is_ascii_digit()).count();
    matches!(code.chars().count(), 15 | 18 | 20) && letters <= 3 || code.contains("XXXX")
}

fn passport(bytes: &[u8]) -> Verdict {
    let in_set = |c: &u8| c.is_ascii_digit() || c.is_ascii_uppercase();
    if !LENGTHS.contains(&bytes.len()) {
        return Err(length_reason(bytes, &[]));
    }
    if !bytes.iter().all(in_set) || !bytes.iter().any(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    if all_equal(bytes) { Err(Reason::Placeholder) } else { Ok(Flags::default()) }
}
