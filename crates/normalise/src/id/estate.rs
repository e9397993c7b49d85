//! Real estate unit (不动产单元代码, GB/T 37346-2019): 28 characters, no check.
//!
//! 12 digits (county and cadastral areas), two letters of the parcel, five digits, a letter of the
//! fixture, eight digits. Order of tests: length, format; an unknown county is a remark.

use super::{Verdict, digits, division, judge, length_reason};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

/// Characters of the parcel at the front of a unit.
const PARCEL_LENGTH: usize = 19;

/// Validates a code; the blanks between its four blocks are dropped.
pub fn apply(text: &str) -> Outcome<'_> {
    judge(text, verdict)
}

/// Validates the code of a parcel (宗地代码): the first 19 characters of a unit's.
pub fn apply_parcel(text: &str) -> Outcome<'_> {
    judge(text, parcel)
}

fn verdict(bytes: &[u8]) -> Verdict {
    if bytes.len() != 28 {
        return Err(length_reason(bytes, &[28]));
    }
    let (land, unit) = bytes.split_at(PARCEL_LENGTH);
    let flags = parcel(land)?;
    let (fixture, number) = unit.split_at(1);
    // No fixture has no number.
    let fits = matches!(fixture, b"F" | b"L" | b"Q") || (fixture == b"W" && number == b"00000000");
    if fits && number.iter().all(u8::is_ascii_digit) { Ok(flags) } else { Err(Reason::Format) }
}

/// County, cadastral areas, two letters and a number: 19 characters.
fn parcel(bytes: &[u8]) -> Verdict {
    if bytes.len() != PARCEL_LENGTH {
        return Err(length_reason(bytes, &[PARCEL_LENGTH]));
    }
    let numbers = (0..12).chain(14..PARCEL_LENGTH).all(|i| bytes[i].is_ascii_digit());
    let (owner, right) = (bytes[12], bytes[13]);
    let letters = b"GJZ".contains(&owner) && b"ABSXCDEFHGWY".contains(&right);
    // Collective ownership (A) belongs to collective land (J).
    let agree = right != b'A' || owner == b'J';
    let (Some(county), true) = (digits(&bytes[..6]), numbers && letters && agree) else {
        return Err(Reason::Format);
    };
    Ok(Flags::REGION_UNKNOWN.when(!division::table().is_known(county)))
}
