//! Numbers that have no form of their own: documents (渝府发〔2020〕12号), licences, contracts.
//!
//! Upper-case letters, digits, hyphens, underscores, strokes, brackets and Han characters, at
//! least one; blanks are dropped. Full-width brackets become ASCII ones, 〔〕 stay.

use super::clean;
use crate::rule::Outcome;
use crate::text::{self, TextKind, Value, is_han};
use huiliu_model::Reason;
use std::borrow::Cow;

/// Validates a number.
pub fn apply(text: &str) -> Outcome<'_> {
    if text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) && !text.is_empty() {
        return match text::is_null_token(text) {
            true => Outcome::Null(None),
            false => Outcome::Ok(Cow::Borrowed(text)),
        };
    }
    let (tidy, flags) = match text::normalise(TextKind::Free, text) {
        Value::Text(tidy, flags) => (tidy, flags),
        Value::Null => return Outcome::Null(None),
        Value::Broken => return Outcome::Err(Reason::Charset),
    };
    let code = match clean(&tidy, true) {
        Ok(code) if *code == *text => Cow::Borrowed(text),
        Ok(code) => Cow::Owned(code.into_owned()),
        Err(Outcome::Null(reason)) => return Outcome::Null(reason),
        Err(Outcome::Err(reason)) => return Outcome::Err(reason),
        Err(Outcome::Ok(_) | Outcome::Warn(..)) => return Outcome::Err(Reason::Charset),
    };
    if code.chars().all(in_set) && code.chars().any(|c| c.is_alphanumeric()) {
        Outcome::accept(code, flags)
    } else {
        Outcome::Err(Reason::Charset)
    }
}

fn in_set(c: char) -> bool {
    c.is_ascii_digit()
        || c.is_ascii_uppercase()
        || is_han(c)
        || matches!(c, '-' | '_' | '/' | '(' | ')' | '[' | ']' | '〔' | '〕' | '【' | '】')
}
