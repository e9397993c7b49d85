//! Government service item (实施编码, GB/T 39554.1-2020): 31 characters.
//!
//! The credit code of the body (18, its class is not tested), a level and 12 digits. The 33
//! characters of a case item are cut to 31. Order of tests: length, character set of the digits,
//! then those of the credit code.

use super::{Verdict, clean, length_reason, uscc};
use crate::rule::Outcome;
use huiliu_model::Reason;
use std::borrow::Cow;

/// Validates a code.
pub fn apply(text: &str) -> Outcome<'_> {
    if let Ok(flags) = verdict(text.as_bytes()) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    let code = match clean(text, false) {
        Ok(code) => code,
        Err(outcome) => return outcome,
    };
    let bytes = code.as_bytes();
    let is_case = bytes.len() == 33 && bytes[31..].iter().all(u8::is_ascii_digit);
    let item = if is_case { &bytes[..31] } else { bytes };
    match verdict(item) {
        Ok(flags) if is_case => Outcome::accept(Cow::Owned(code[..31].to_owned()), flags),
        Ok(flags) => Outcome::accept(code, flags),
        Err(reason) => Outcome::Err(reason),
    }
}

fn verdict(bytes: &[u8]) -> Verdict {
    if bytes.len() != 31 {
        return Err(length_reason(bytes, &[31, 33]));
    }
    let (body, rest) = bytes.split_at(18);
    if !rest.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    uscc::verdict_of_any_class(body)
}
