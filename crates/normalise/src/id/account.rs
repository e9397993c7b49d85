//! Numbers of accounts and meters: text, with their leading zeros.
//!
//! Accounts of the utilities have 10 to 13 digits, meters 8 to 22 digits and letters. Order of
//! tests: length, character set.

use super::{Verdict, clean, conclude, length_reason, without_point_zero};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;

/// Validates an account number (户号).
pub fn apply_account(text: &str) -> Outcome<'_> {
    apply(text, account)
}

/// Validates the number of a meter (表号).
pub fn apply_meter(text: &str) -> Outcome<'_> {
    apply(text, meter)
}

fn apply(text: &str, kernel: fn(&[u8]) -> Verdict) -> Outcome<'_> {
    if kernel(text.as_bytes()).is_ok() {
        return Outcome::Ok(Cow::Borrowed(text));
    }
    match clean(text, false) {
        Ok(number) => conclude(without_point_zero(number), &kernel),
        Err(outcome) => outcome,
    }
}

fn account(bytes: &[u8]) -> Verdict {
    if !(10..=13).contains(&bytes.len()) {
        return Err(length_reason(bytes, &[10, 11, 12, 13]));
    }
    if bytes.iter().all(u8::is_ascii_digit) { Ok(Flags::default()) } else { Err(Reason::Charset) }
}

fn meter(bytes: &[u8]) -> Verdict {
    if !(8..=22).contains(&bytes.len()) {
        return Err(Reason::Length);
    }
    let in_set = |c: &u8| c.is_ascii_digit() || c.is_ascii_uppercase();
    if bytes.iter().all(in_set) { Ok(Flags::default()) } else { Err(Reason::Charset) }
}
