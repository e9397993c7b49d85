//! Land use (土地利用现状分类, GB/T 21010): two digits of the class, up to four with the kind.
//!
//! The list itself is not shipped: only the form is tested. Order of tests: length, characters.

use super::{Verdict, clean, conclude, length_reason, without_point_zero};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;

/// Validates a code.
pub fn apply(text: &str) -> Outcome<'_> {
    if verdict(text.as_bytes()).is_ok() {
        return Outcome::Ok(Cow::Borrowed(text));
    }
    match clean(text, false) {
        Ok(code) => conclude(without_point_zero(code), &verdict),
        Err(outcome) => outcome,
    }
}

fn verdict(bytes: &[u8]) -> Verdict {
    if !(2..=4).contains(&bytes.len()) {
        return Err(length_reason(bytes, &[2, 3, 4]));
    }
    if bytes.iter().all(u8::is_ascii_digit) { Ok(Flags::default()) } else { Err(Reason::Charset) }
}
