//! Postal code: six digits; those that do not begin with 40 or 41 lie outside Chongqing, which
//! is a remark. Order of tests: length, character set, filler.

use super::{Verdict, all_equal, clean, conclude, length_reason, without_point_zero};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;

/// Validates a code.
pub fn apply(text: &str) -> Outcome<'_> {
    if let Ok(flags) = verdict(text.as_bytes()) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    match clean(text, false) {
        Ok(code) => conclude(without_point_zero(code), &verdict),
        Err(outcome) => outcome,
    }
}

fn verdict(bytes: &[u8]) -> Verdict {
    if bytes.len() != 6 {
        return Err(length_reason(bytes, &[6]));
    }
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    if all_equal(bytes) {
        return Err(Reason::Placeholder);
    }
    let in_city = matches!(bytes, [b'4', b'0' | b'1', ..]);
    Ok(Flags::OUTSIDE_CITY.when(!in_city))
}
