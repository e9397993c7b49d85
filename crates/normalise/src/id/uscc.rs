//! Unified social credit code (统一社会信用代码, GB 32100-2015): 18 characters of 31.
//!
//! Order of tests: length, character set, registering department, class, check character; an
//! unknown region and a wrong check character of the organisation code inside are remarks. A code
//! with a wrong check character that the register of firms knows is lawful (early pilots); this
//! module does not know the register and reports `CHECKSUM`.

use super::{Verdict, check, digits, division, judge, length_reason, org_code, registration};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;

/// Alphabet of GB 32100: no I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// `3^(i-1) mod 31`.
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// A byte's value in the alphabet; 255 for none.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Departments (first character) and their classes (second), list `uscc_class`.
pub(crate) const CLASSES: [(u8, &[u8]); 12] = [
    (b'1', b"1239"),
    (b'2', b"19"),
    (b'3', b"123459"),
    (b'4', b"19"),
    (b'5', b"1239"),
    (b'6', b"129"),
    (b'7', b"129"),
    (b'8', b"19"),
    (b'9', b"123"),
    (b'A', b"19"),
    (b'N', b"1239"),
    (b'Y', b"1"),
];

/// Validates a code; what is another code of the same body says so by its reason.
pub fn apply(text: &str) -> Outcome<'_> {
    match judge(text, verdict) {
        Outcome::Err(reason) => Outcome::Err(understood(text, reason)),
        other => other,
    }
}

/// A better reason for a code that is not valid, if what was meant can be told: a registration
/// number (D16), an organisation code (D17), letters for digits (D15).
pub(super) fn understood(text: &str, reason: Reason) -> Reason {
    let Some(code) = crate::text::identifier(text, false) else { return reason };
    let digits = code.bytes().all(|b| b.is_ascii_digit());
    match code.len() {
        15 if digits && registration::verdict(code.as_bytes()).is_ok() => Reason::LegacyRegNo,
        9 if org_code::verdict(code.as_bytes()).is_ok() => Reason::OrgCodeOnly,
        18 if candidate(&code).is_some() => Reason::Suggest,
        _ => reason,
    }
}

/// Whether `text` is a valid code exactly as it stands.
pub fn is_valid(text: &str) -> bool {
    verdict(text.as_bytes()).is_ok()
}

/// The code that was probably meant if letters O or I stand for 0 or 1 (D15): the one candidate,
/// if its check character is right. Never applied silently.
pub fn suggest(text: &str) -> Option<String> {
    candidate(&crate::text::identifier(text, false)?)
}

fn candidate(clean: &str) -> Option<String> {
    if !clean.contains(['O', 'I']) {
        return None;
    }
    let candidate = clean.replace('O', "0").replace('I', "1");
    is_valid(&candidate).then_some(candidate)
}

pub(crate) fn verdict(bytes: &[u8]) -> Verdict {
    test(bytes, true)
}

/// The tests without the one for the class, for codes built on a code (1.8).
pub(super) fn verdict_of_any_class(bytes: &[u8]) -> Verdict {
    test(bytes, false)
}

fn test(bytes: &[u8], with_class: bool) -> Verdict {
    let Ok(code) = <&[u8; 18]>::try_from(bytes) else {
        return Err(length_reason(bytes, &[18]));
    };
    let (mut sum, mut foreign) = (0, false);
    for (c, weight) in code.iter().zip(WEIGHTS) {
        let value = VALUES[usize::from(*c)];
        foreign |= value == 255;
        sum += u32::from(value) * weight;
    }
    let check = VALUES[usize::from(code[17])];
    let region = digits(&code[2..8]).filter(|_| !foreign && check != 255);
    let Some(region) = region else { return Err(Reason::Charset) };
    let class = CLASSES.iter().find(|(department, _)| *department == code[0]);
    let Some((_, classes)) = class else { return Err(Reason::DeptCode) };
    if with_class && !classes.contains(&code[1]) {
        return Err(Reason::ClassCode);
    }
    if (31 - sum % 31) % 31 != u32::from(check) {
        return Err(Reason::Checksum);
    }
    let org_check = check::org_code(&code[8..16]) == Some(code[16]);
    Ok(Flags::REGION_UNKNOWN.when(!division::table().is_known(region))
        | Flags::ORG_CODE_CHECKSUM.when(!org_check))
}
