//! Identifiers with their check characters.
//!
//! Numbers become identifiers through fixed permutations, so that two numbers never give the
//! same identifier and the seed changes them all. Sources: GB 32100-2015 (credit code),
//! GB 11714-1997 (organisation code), GB 11643-1999 (resident id), GS 15-2006 (registration
//! number), GB/T 36904-2018 (electronic licence).

use crate::calendar::{Day, date_of, day};
use crate::lists::COUNTIES;
use chrono::Datelike;

const ALPHABET_31: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const USCC_WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const ORG_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
const RESIDENT_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const RESIDENT_CHECKS: &[u8; 11] = b"10X98765432";

/// Synthetic residents use these order codes only: real ones of that height are rare.
const ORDER_FIRST: u64 = 900;
const ORDER_COUNT: u64 = 96;
/// Primes that divide neither count of identifiers below.
const RESIDENT_STEP: u64 = 1_000_003;
const ORG_STEP: u64 = 7_368_787;
const ORG_COUNT: u64 = 31 * 31 * 31 * 31 * 31;

/// A resident id and what it says.
pub(crate) struct Resident {
    pub(crate) id: String,
    pub(crate) county: usize,
    pub(crate) born: Day,
    pub(crate) is_male: bool,
}

/// The `number`-th resident of a seed; numbers below [`resident_count`] differ.
pub(crate) fn resident(seed: u64, number: u64) -> Resident {
    let count = resident_count();
    let counties = COUNTIES.len() as u64;
    let place = (number % count * RESIDENT_STEP + seed % count) % count;
    let county = usize::try_from(place % counties).expect("below the number of counties");
    let order = ORDER_FIRST + place / counties % ORDER_COUNT;
    let days = i32::try_from(place / counties / ORDER_COUNT).expect("below the number of days");
    let born = first_birth() + days;
    let date = date_of(born);
    let body = format!(
        "{}{:04}{:02}{:02}{order:03}",
        COUNTIES[county].code,
        date.year(),
        date.month(),
        date.day()
    );
    let id = format!("{body}{}", resident_check(&body));
    Resident { id, county, born, is_male: order % 2 == 1 }
}

/// Born from 1945 to 2001: everyone is of age.
pub(crate) fn resident_count() -> u64 {
    let days = (day(2002, 1, 1) - first_birth()).unsigned_abs();
    COUNTIES.len() as u64 * ORDER_COUNT * u64::from(days)
}

fn first_birth() -> Day {
    day(1945, 1, 1)
}

/// Check character over 17 digits, ISO 7064 MOD 11-2.
pub(crate) fn resident_check(body: &str) -> char {
    let digits = body.bytes().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits.zip(RESIDENT_WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    char::from(RESIDENT_CHECKS[(sum % 11) as usize])
}

/// The eight characters of the `number`-th firm's organisation code.
pub(crate) fn org_body(seed: u64, number: u64) -> String {
    let mut place = (number % ORG_COUNT * ORG_STEP + seed % ORG_COUNT) % ORG_COUNT;
    let mut body = *b"MA500000";
    for character in body[3..].iter_mut().rev() {
        *character = ALPHABET_31[usize::try_from(place % 31).expect("below 31")];
        place /= 31;
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// A credit code: department and class, region, organisation code, two check characters.
pub(crate) fn uscc(class: &str, region: &str, org_body: &str) -> String {
    let body = format!("{class}{region}{org_body}{}", org_check(org_body));
    let value = |byte: u8| ALPHABET_31.iter().position(|known| *known == byte).unwrap_or(0) as u32;
    let sum: u32 = body.bytes().zip(USCC_WEIGHTS).map(|(b, weight)| value(b) * weight).sum();
    let check = char::from(ALPHABET_31[((31 - sum % 31) % 31) as usize]);
    format!("{body}{check}")
}

fn org_check(body: &str) -> char {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        _ => u32::from(byte - b'A') + 10,
    };
    let sum: u32 = body.bytes().zip(ORG_WEIGHTS).map(|(b, weight)| value(b) * weight).sum();
    match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from(b'0' + u8::try_from(digit).expect("below 10")),
    }
}

/// A registration number: region, eight digits, check digit by ISO 7064 MOD 11,10.
pub(crate) fn reg_no(region: &str, number: u64) -> String {
    let body = format!("{region}{:08}", number % 100_000_000);
    let mut product = 10;
    for digit in body.bytes().map(|byte| u32::from(byte - b'0')) {
        let sum = (product + digit) % 10;
        product = if sum == 0 { 10 } else { sum } * 2 % 11;
    }
    let check = (11 - product) % 10;
    format!("{body}{check}")
}

/// An electronic licence: root, type, issuer, serial, version, check by ISO 7064 MOD 37,36.
pub(crate) fn licence(kind: &str, issuer: &str, serial: &str, version: u32) -> String {
    let checked = format!("{kind}{issuer}{serial}{version:03}");
    let mut product = 36;
    for character in checked.chars() {
        let sum = (product + character.to_digit(36).unwrap_or(0)) % 36;
        product = if sum == 0 { 36 } else { sum } * 2 % 37;
    }
    let check = char::from_digit((37 - product) % 36, 36).expect("below 36");
    let check = check.to_ascii_uppercase();
    format!("1.2.156.3005.2.{kind}.{issuer}.{serial}.{version:03}.{check}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn printed_examples_of_the_standards_come_out() {
        // GB 32100 prints 91350100M000100Y43, GB 11714 D2143569-X, GB 11643 11010519491231002X.
        assert_eq!(uscc("91", "350100", "M000100Y"), "91350100M000100Y43");
        assert_eq!(org_check("D2143569"), 'X');
        assert_eq!(resident_check("11010519491231002"), 'X');
        assert_eq!(resident_check("44052418800101001"), '4');
    }

    #[test]
    fn different_numbers_give_different_identifiers() {
        let residents: HashSet<String> = (0..50_000).map(|n| resident(7, n).id).collect();
        assert_eq!(residents.len(), 50_000);
        let firms: HashSet<String> = (0..50_000).map(|n| org_body(7, n)).collect();
        assert_eq!(firms.len(), 50_000);
        assert_ne!(resident(7, 0).id, resident(8, 0).id);
    }
}
