//! Identifiers with their check characters.
//!
//! Numbers become identifiers through fixed permutations, so that two numbers never give the
//! same identifier and the seed changes them all. Sources: GB 32100-2015 (credit code),
//! GB 11714-1997 (organisation code), GB 11643-1999 (resident id), GS 15-2006 (registration
//! number), GB/T 36904-2018 (electronic licence).

use crate::calendar::{Day, date_of, day};
use crate::places::COUNTIES;
use crate::regions::{self, CODES_A_YEAR};
use crate::row::push_digits;
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
/// `ORG_STEP * ORG_STEP_INVERSE` leaves 1 modulo `ORG_COUNT`.
const ORG_STEP_INVERSE: u64 = 16_244_935;
const ORG_COUNT: u64 = 31 * 31 * 31 * 31 * 31;

/// A resident id and what it says.
pub(crate) struct Resident {
    pub(crate) id: String,
    pub(crate) county: usize,
    pub(crate) born: Day,
    pub(crate) is_male: bool,
}

/// When a resident was born, as far as it matters for a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Age {
    /// Born from 1930 to 1939.
    Elder,
    /// Born from 1958 to 1985.
    #[default]
    Adult,
    /// Born from 2004 to 2016.
    Child,
}

impl Age {
    /// First birth year and the first one after the last.
    fn years(self) -> (i32, i32) {
        match self {
            Self::Elder => (1930, 1940),
            Self::Adult => (1958, 1986),
            Self::Child => (2004, 2017),
        }
    }
}

/// The `number`-th resident of an age; numbers below [`resident_count`] differ. The code of the
/// county was in force in the year of birth. A `moved` one holds the present code of the county
/// instead (D14), if it was not in force then.
pub(crate) fn resident(seed: u64, age: Age, number: u64, moved: bool) -> Resident {
    let count = resident_count(age);
    let place = (number % count * RESIDENT_STEP + seed % count) % count;
    let order = ORDER_FIRST + place / CODES_A_YEAR % ORDER_COUNT;
    let days = i32::try_from(place / CODES_A_YEAR / ORDER_COUNT).expect("below the days");
    let born = day(age.years().0, 1, 1) + days;
    let date = date_of(born);
    let codes = regions::in_force(u16::try_from(date.year()).expect("a year of our centuries"));
    // Another start every day, so that years with more codes use all of them.
    let turn = usize::try_from(place % CODES_A_YEAR).expect("below the codes of a year");
    let start = usize::try_from(days).expect("not negative");
    let (code, county) = codes[(turn + start) % codes.len()];
    let county = usize::from(county);
    let code = if moved { COUNTIES[county].code } else { code };
    let mut body = Vec::with_capacity(18);
    body.extend_from_slice(code.as_bytes());
    push_digits(u64::from(date.year().cast_unsigned()), 4, &mut body);
    push_digits(u64::from(date.month()), 2, &mut body);
    push_digits(u64::from(date.day()), 2, &mut body);
    push_digits(order, 3, &mut body);
    let mut id = String::from_utf8_lossy(&body).into_owned();
    id.push(resident_check(&id));
    Resident { id, county, born, is_male: order % 2 == 1 }
}

/// How many residents of an age there can be.
pub(crate) fn resident_count(age: Age) -> u64 {
    let (first, end) = age.years();
    let days = (day(end, 1, 1) - day(first, 1, 1)).unsigned_abs();
    CODES_A_YEAR * ORDER_COUNT * u64::from(days)
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

/// The number of the firm that a credit code belongs to; the inverse of [`org_body`].
pub(crate) fn firm_number(seed: u64, uscc: &str) -> Option<u64> {
    let digits = uscc.get(8..16)?.strip_prefix("MA5")?;
    let value = |byte: u8| ALPHABET_31.iter().position(|known| *known == byte);
    let place = digits.bytes().try_fold(0_u64, |sum, byte| Some(sum * 31 + value(byte)? as u64))?;
    let shifted = (place + ORG_COUNT - seed % ORG_COUNT) % ORG_COUNT;
    Some(shifted * ORG_STEP_INVERSE % ORG_COUNT)
}

/// A registration number: region, eight digits, check digit by ISO 7064 MOD 11,10.
pub(crate) fn reg_no(region: &str, number: u64) -> String {
    let body = format!("{region}{:08}", number % 100_000_000);
    let check = mod_11_10(&body);
    format!("{body}{check}")
}

/// Check digit by ISO 7064 MOD 11,10.
fn mod_11_10(body: &str) -> u32 {
    let mut product = 10;
    for digit in body.bytes().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0')) {
        let sum = (product + digit) % 10;
        product = if sum == 0 { 10 } else { sum } * 2 % 11;
    }
    (11 - product) % 10
}

/// A project's code: year and month, region, guiding department, type, number, check digit
/// (GB/T 40058-2021). Numbers below 100,000 of a month and type differ.
pub(crate) fn project(year_month: i32, region: &str, kind: &str, number: u64) -> String {
    let body = format!("{year_month:04}-{region}-04-{kind}-{:05}", number % 100_000);
    let check = mod_11_10(&body);
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
        let residents: HashSet<String> =
            (0..50_000).map(|n| resident(7, Age::Adult, n, false).id).collect();
        assert_eq!(residents.len(), 50_000);
        let firms: HashSet<String> = (0..50_000).map(|n| org_body(7, n)).collect();
        assert_eq!(firms.len(), 50_000);
        let first = |seed| resident(seed, Age::Adult, 0, false).id;
        assert_ne!(first(7), first(8));
        let firm = uscc("91", "500103", &org_body(7, 1_234_567));
        assert_eq!(firm_number(7, &firm), Some(1_234_567));
    }
}
