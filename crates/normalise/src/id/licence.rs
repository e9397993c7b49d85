//! Identifier of an electronic licence (电子证照标识, GB/T 36904-2018) and its type code.
//!
//! `1.2.156.3005.2.<type>.<issuer>.<serial>.<version>.<check>`. Order of tests: segments, root,
//! version, character set, length of the serial, check character (ISO 7064 MOD 37,36 over type,
//! issuer, serial and version). Hyphens are not dropped: with one in the serial the check is
//! undefined, which is `CHARSET`.

use super::{Verdict, check, judge, judge_hyphened, length_reason, uscc};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

const ROOT: [&[u8]; 5] = [b"1", b"2", b"156", b"3005", b"2"];
/// Longest serial of GB/T 36904.
const SERIAL_MAX: usize = 64;

/// Validates an identifier.
pub fn apply(text: &str) -> Outcome<'_> {
    judge_hyphened(text, verdict)
}

/// Validates a type code: the credit code of the body that defines the type, and three digits.
pub fn apply_type(text: &str) -> Outcome<'_> {
    judge(text, type_verdict)
}

fn verdict(bytes: &[u8]) -> Verdict {
    let mut parts = [b"".as_slice(); 10];
    let mut count = 0;
    for part in bytes.split(|b| *b == b'.') {
        let Some(slot) = parts.get_mut(count) else { return Err(Reason::Segments) };
        *slot = part;
        count += 1;
    }
    if count != 10 || parts.iter().any(|part| part.is_empty()) {
        return Err(Reason::Segments);
    }
    if parts[..5] != ROOT {
        return Err(Reason::Root);
    }
    let [_, _, _, _, _, type_code, issuer, serial, version, last] = parts;
    let digits = version.iter().all(u8::is_ascii_digit);
    if version.len() != 3 || !digits || version == b"000" {
        return Err(Reason::VersionFormat);
    }
    let in_set = |c: &u8| c.is_ascii_digit() || c.is_ascii_uppercase();
    if ![type_code, issuer, serial, last].iter().all(|part| part.iter().all(in_set)) {
        return Err(Reason::Charset);
    }
    if serial.len() > SERIAL_MAX {
        return Err(Reason::Length);
    }
    let payload = [type_code, issuer, serial, version];
    let expected = check::mod_37_36(payload.into_iter().flatten());
    if last.len() != 1 || last.first().copied() != expected {
        return Err(Reason::Checksum);
    }
    Ok(Flags::TYPE_CODE.when(type_code.len() != 21) | Flags::ISSUER_CODE.when(issuer.len() != 18))
}

fn type_verdict(bytes: &[u8]) -> Verdict {
    if bytes.len() != 21 {
        return Err(length_reason(bytes, &[21]));
    }
    let (authority, number) = bytes.split_at(18);
    if !number.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    uscc::verdict(authority)
}
