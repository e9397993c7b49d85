//! Number of a bank card: 12 to 19 digits; a wrong Luhn check (ISO/IEC 7812-1) is a remark.
//!
//! Order of tests: length, character set, filler. Passbooks have no check digit, which is why a
//! wrong one refuses nothing (domain specification, 1.9).

use super::{Verdict, all_equal, check, judge, length_reason};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

const LENGTHS: std::ops::RangeInclusive<usize> = 12..=19;

/// Validates a number; blanks and hyphens between its groups are dropped.
pub fn apply(text: &str) -> Outcome<'_> {
    judge(text, verdict)
}

fn verdict(bytes: &[u8]) -> Verdict {
    if !LENGTHS.contains(&bytes.len()) {
        return Err(length_reason(bytes, &[12, 13, 14, 15, 16, 17, 18, 19]));
    }
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    if all_equal(bytes) {
        return Err(Reason::Placeholder);
    }
    Ok(Flags::LUHN.when(!check::is_luhn(bytes.iter().copied())))
}
