//! Code of a holder: a citizen identity number or a unified social credit code.
//!
//! Eighteen digits (or 17 and X) have the form of both. What passes as one of the two is taken as
//! that; a first digit 9 (market regulation) is tried as a credit code first, since foreigners'
//! cards are few. One mistyped personal number in 31 passes as a credit code: with another first
//! digit such a code counts only if the organisation code inside it passes too. If neither passes,
//! the reason is that of the kind tried first.

use super::{Verdict, clean, conclude, resident, uscc};
use crate::rule::{Context, Flags, Outcome};
use std::borrow::Cow;

/// Validates a code of either kind.
pub fn apply<'a>(text: &'a str, context: &Context) -> Outcome<'a> {
    if let Ok(flags) = verdict(text.as_bytes(), context) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    let outcome = match clean(text, false) {
        Ok(code) if is_personal(&code) => resident::of_clean(code, context),
        Ok(code) => conclude(code, &|bytes| verdict(bytes, context)),
        Err(outcome) => outcome,
    };
    match outcome {
        Outcome::Err(reason) => Outcome::Err(uscc::understood(text, reason)),
        other => other,
    }
}

/// Forms that only a personal number has: 15 or 20 characters, or a cross for the last X.
fn is_personal(code: &str) -> bool {
    matches!(code.len(), 15 | 20) || code.ends_with(['×', 'Х']) || code.contains("XXXX")
}

fn verdict(bytes: &[u8], context: &Context) -> Verdict {
    let personal = bytes.len() == 18 && bytes[..17].iter().all(u8::is_ascii_digit);
    if !personal {
        uscc::verdict(bytes)
    } else if bytes[0] == b'9' {
        uscc::verdict(bytes).or_else(|reason| resident::verdict(bytes, context).or(Err(reason)))
    } else {
        resident::verdict(bytes, context).or_else(|reason| match uscc::verdict(bytes) {
            Ok(flags) if !flags.contains(Flags::ORG_CODE_CHECKSUM) => Ok(flags),
            _ => Err(reason),
        })
    }
}
