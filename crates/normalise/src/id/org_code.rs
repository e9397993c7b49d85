//! Organisation code (组织机构代码, GB 11714-1997): eight characters and a check, compact form.
//!
//! Order of tests: length, character set, check character.

use super::{Verdict, check, judge, length_reason};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

/// Validates a code; the hyphen of `D2143569-X` is dropped.
pub fn apply(text: &str) -> Outcome<'_> {
    judge(text, verdict)
}

pub(super) fn verdict(bytes: &[u8]) -> Verdict {
    let [base @ .., last] = bytes else { return Err(Reason::Length) };
    if base.len() != 8 {
        return Err(length_reason(bytes, &[9]));
    }
    let in_set = |c: &u8| c.is_ascii_digit() || c.is_ascii_uppercase();
    if !base.iter().all(in_set) || !matches!(last, b'0'..=b'9' | b'X') {
        return Err(Reason::Charset);
    }
    if check::org_code(base) == Some(*last) { Ok(Flags::default()) } else { Err(Reason::Checksum) }
}
