//! Registration number of a firm (工商注册号, GS 15-2006): 15 digits, the last one a check.
//!
//! Accepted besides, with a flag and without a check: 13 digits (before 2007), and 15 characters
//! with the letters A, NA or X of provincial variants and co-operatives.

use super::{Verdict, check, digits, division, judge, length_reason};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

/// Validates a number.
pub fn apply(text: &str) -> Outcome<'_> {
    judge(text, verdict)
}

pub(super) fn verdict(bytes: &[u8]) -> Verdict {
    if !matches!(bytes.len(), 13 | 15) {
        return Err(length_reason(bytes, &[13, 15]));
    }
    let all_digits = bytes.iter().all(u8::is_ascii_digit);
    let region = digits(&bytes[..6]);
    let (Some(region), true) = (region, all_digits || is_variant(bytes)) else {
        return Err(Reason::Charset);
    };
    let unknown = Flags::REGION_UNKNOWN.when(!division::table().is_known(region));
    if bytes.len() == 13 {
        return Ok(Flags::LEGACY | unknown);
    }
    if !all_digits {
        return Ok(Flags::VARIANT | unknown);
    }
    let (base, last) = bytes.split_at(14);
    let expected = check::mod_11_10(base.iter().copied());
    if last == [expected] { Ok(unknown) } else { Err(Reason::Checksum) }
}

/// Up to three letters A, N, X behind the region, in 15 characters.
fn is_variant(bytes: &[u8]) -> bool {
    let tail = &bytes[6..];
    let letters = tail.iter().filter(|c| !c.is_ascii_digit());
    bytes.len() == 15
        && tail.iter().all(|c| matches!(c, b'0'..=b'9' | b'A' | b'N' | b'X'))
        && letters.count() <= 3
}
