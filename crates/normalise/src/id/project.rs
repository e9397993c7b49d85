//! Code of an investment project (投资项目代码, GB/T 40058-2021): `YYMM-RRRRRR-DD-TT-NNNNNC`.
//!
//! 20 digits in five groups; the last is a check (ISO 7064 MOD 11,10). Codes given before
//! 30 November 2020 have the same length, a four-digit year in front and no check: they are told
//! apart by the third and fourth digit, which are no month. Order of tests: format, check digit.

use super::{Verdict, check, digits, division, judge_hyphened};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

/// Positions of the hyphens.
const HYPHENS: [usize; 4] = [4, 11, 14, 17];

/// Validates a code.
pub fn apply(text: &str) -> Outcome<'_> {
    judge_hyphened(text, verdict)
}

/// The code with its hyphens, if only they are missing and the result is valid.
pub fn suggest(text: &str) -> Option<String> {
    let clean = crate::text::identifier(text, false)?;
    if clean.len() != 20 || !clean.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let groups = [&clean[..4], &clean[4..10], &clean[10..12], &clean[12..14], &clean[14..]];
    let code = groups.join("-");
    verdict(code.as_bytes()).is_ok().then_some(code)
}

fn verdict(bytes: &[u8]) -> Verdict {
    let shaped = bytes.len() == 24
        && bytes.iter().enumerate().all(|(i, b)| match HYPHENS.contains(&i) {
            true => *b == b'-',
            false => b.is_ascii_digit(),
        });
    let front = if shaped { digits(&bytes[..4]) } else { None };
    let region = if shaped { digits(&bytes[5..11]) } else { None };
    let (Some(front), Some(region)) = (front, region) else { return Err(Reason::Format) };
    let unknown = Flags::REGION_UNKNOWN.when(!division::table().is_known(region));
    let month = front % 100;
    if (1900..2100).contains(&front) && month > 12 {
        return Ok(Flags::LEGACY | unknown);
    }
    if !(1..=12).contains(&month) {
        return Err(Reason::Format);
    }
    let base = bytes[..23].iter().copied().filter(|b| *b != b'-');
    if check::mod_11_10(base) == bytes[23] { Ok(unknown) } else { Err(Reason::Checksum) }
}
