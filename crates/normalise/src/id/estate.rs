//! Real estate unit (不动产单元代码, GB/T 37346-2019): 28 characters, no check.
//!
//! 12 digits (county and cadastral areas), two letters of the parcel, five digits, a letter of the
//! fixture, eight digits. Order of tests: length, format; an unknown county is a remark.

use super::{Verdict, digits, division, judge, length_reason};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

/// Validates a code; the blanks between its four blocks are dropped.
pub fn apply(text: &str) -> Outcome<'_> {
    judge(text, verdict)
}

fn verdict(bytes: &[u8]) -> Verdict {
    if bytes.len() != 28 {
        return Err(length_reason(bytes, &[28]));
    }
    let is_digit = |i: usize| bytes[i].is_ascii_digit();
    let numbers = (0..12).chain(14..19).chain(20..28).all(is_digit);
    let (owner, right, fixture) = (bytes[12], bytes[13], bytes[19]);
    let letters =
        b"GJZ".contains(&owner) && b"ABSXCDEFHGWY".contains(&right) && b"FLQW".contains(&fixture);
    // Collective ownership (A) belongs to collective land (J); no fixture has no number.
    let agree =
        (right != b'A' || owner == b'J') && (fixture != b'W' || bytes[20..] == *b"00000000");
    let (Some(county), true) = (digits(&bytes[..6]), numbers && letters && agree) else {
        return Err(Reason::Format);
    };
    Ok(Flags::REGION_UNKNOWN.when(!division::table().is_known(county)))
}
