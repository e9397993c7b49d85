//! Check characters computed here from the standards' tables, not by the code under test.

use super::catalogue::{DATASETS, PERIODS};
use super::{RECORDS, fold, text};
use huiliu_citygen::{Plan, city};
use serde_json::Value;

fn power(base: u64, exponent: usize, modulo: u64) -> u64 {
    (0..exponent).fold(1, |product, _| product * base % modulo)
}

/// GB 32100: Σ value·3^i over 17 characters plus the check character is divisible by 31.
fn uscc_is_valid(code: &str) -> bool {
    let alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let value = |c: char| alphabet.find(c).unwrap_or_else(|| panic!("{code}")) as u64;
    let weight = |place: usize| if place == 17 { 1 } else { power(3, place, 31) };
    let sum: u64 = code.chars().enumerate().map(|(i, c)| value(c) * weight(i)).sum();
    code.len() == 18 && sum.is_multiple_of(31) && org_code_is_valid(&code[8..17])
}

/// GB 11714: Σ value·weight plus the check (X is 10) is divisible by 11.
fn org_code_is_valid(code: &str) -> bool {
    let value = |c: char| u64::from(c.to_digit(36).expect("alphanumeric"));
    let weights = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u64 = code.chars().zip(weights).map(|(c, weight)| value(c) * weight).sum();
    let check = if code.ends_with('X') { 10 } else { value(code.chars().last().expect("nine")) };
    (sum + check).is_multiple_of(11)
}

/// GB 11643: Σ value·2^(17−i) over all 18 characters leaves 1 modulo 11 (X is 10).
fn resident_is_valid(id: &str) -> bool {
    let value = |c: char| u64::from(c.to_digit(10).unwrap_or(10));
    let sum: u64 = id.chars().enumerate().map(|(i, c)| value(c) * power(2, 17 - i, 11)).sum();
    let order: u32 = id[14..17].parse().expect("digits");
    let year: i32 = id[6..10].parse().expect("a year");
    let is_in_force =
        |(code, from, to): &(&str, i32, i32)| *code == &id[..6] && (*from..=*to).contains(&year);
    id.len() == 18
        && sum % 11 == 1
        && (900..=995).contains(&order)
        && PERIODS.iter().any(is_in_force)
}

/// ISO 7064 MOD 11,10: with its check digit the string leaves 1.
fn mod_11_10_is_valid(digits: &str) -> bool {
    let mut check = 10;
    for (place, digit) in digits.chars().enumerate() {
        let sum = (check + digit.to_digit(10).expect("a digit")) % 10;
        if place + 1 == digits.len() {
            return sum == 1;
        }
        check = if sum == 0 { 10 } else { sum } * 2 % 11;
    }
    false
}

/// GB/T 36904: ISO 7064 MOD 37,36 over type, issuer, serial and version leaves 1.
fn licence_is_valid(id: &str) -> bool {
    let parts: Vec<&str> = id.split('.').collect();
    let body: String = parts[5..].concat();
    let mut check = 36;
    for (place, c) in body.chars().enumerate() {
        let sum = (check + c.to_digit(36).expect("alphanumeric")) % 36;
        if place + 1 == body.len() {
            let root = ["1", "2", "156", "3005", "2"];
            return sum == 1 && parts.len() == 10 && parts[..5] == root;
        }
        check = if sum == 0 { 36 } else { sum } * 2 % 37;
    }
    false
}

/// GB/T 37346, and the county in front is the one of the row.
fn unit_is_valid(code: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    code.len() == 28
        && digits(&code[..12])
        && &code[12..14] == "GB"
        && digits(&code[14..19])
        && &code[19..20] == "F"
        && digits(&code[20..])
}

fn check(rule: &str, value: &str) -> Option<bool> {
    let is_resident = value.len() == 18 && value.as_bytes()[..17].iter().all(u8::is_ascii_digit);
    Some(match rule {
        "ID.RIC" | "ID.RIC or passport" | "ID.RIC or passport/permit" | "ID.RIC/passport" => {
            resident_is_valid(value)
        }
        "ID.USCC" => uscc_is_valid(value),
        "ID.RIC/ID.USCC" | "ID.USCC/ID.RIC" | "by type" if is_resident => resident_is_valid(value),
        "ID.RIC/ID.USCC" | "ID.USCC/ID.RIC" | "by type" => uscc_is_valid(value),
        "ID.BRN" => value.len() == 15 && mod_11_10_is_valid(value),
        "ID.ELIC" => licence_is_valid(value),
        "18 USCC + 3 digits" => value.len() == 21 && uscc_is_valid(&value[..18]),
        "ID.PROJ" => value.len() == 24 && mod_11_10_is_valid(&value.replace('-', "")),
        "ID.ITEM" => value.len() == 31 && uscc_is_valid(&value[..18]),
        "ID.REU" | "ID.REU (28 chars)" => unit_is_valid(value),
        "PHONE" => value.len() == 11 && value.starts_with('1'),
        "10-13 digits, provider scope" | "FK account" => (10..=13).contains(&value.len()),
        "9-12 alphanumeric" => (9..=12).contains(&value.len()),
        "21 chars" => value.len() == 21,
        "13-14 digits" => [13, 14].contains(&value.len()) && value.parse::<u64>().is_ok(),
        _ => return None,
    })
}

#[test]
fn identifiers_of_every_field_are_valid() {
    let city = fold(city(Plan::new(5, RECORDS)));
    let mut rules = std::collections::BTreeMap::new();
    for (name, dataset) in DATASETS.iter() {
        for field in &dataset.fields {
            for row in city[name].values() {
                let Some(value) = row[field.name].as_str() else { continue };
                let Some(is_valid) = check(field.rule, value) else { continue };
                assert!(is_valid, "{name}.{}: {value}", field.name);
                *rules.entry(field.rule).or_insert(0) += 1;
            }
        }
    }
    assert!(rules.len() >= 15 && rules.values().all(|count| *count > 20), "{rules:?}");
}

#[test]
fn what_an_id_says_is_what_its_row_says() {
    let city = fold(city(Plan::new(5, RECORDS)));
    for row in city["np_person"].values() {
        let id = text(row, "citizen_id");
        assert_eq!(text(row, "birth_date").replace('-', ""), id[6..14]);
        let is_male = id[16..17].parse::<u32>().expect("a digit") % 2 == 1;
        assert_eq!(text(row, "sex_code"), if is_male { "1" } else { "2" });
    }
    for row in city["geo_unit"].values() {
        assert_eq!(text(row, "unit_code")[..6], *text(row, "division_code"));
    }
    for row in city["pool_gov_item"].values() {
        let code = text(row, "item_code");
        assert_eq!(code[..18], *text(row, "dept_uscc"));
        assert_eq!(code[18..19], *text(row, "level_code"));
    }
}

/// Boxes around four counties, degrees: what any map shows, with a margin.
#[test]
fn coordinates_lie_in_their_counties_and_agree_with_their_address() {
    let city = fold(city(Plan::new(15, RECORDS)));
    let boxes = [
        ("500103", 106.50..106.60, 29.53..29.58),
        ("500101", 107.90..108.90, 30.40..31.30),
        ("500241", 108.70..109.30, 28.15..28.90),
        ("500229", 108.25..109.30, 31.60..32.21),
    ];
    let number = |row: &Value, field: &str| row[field].as_f64().expect("a number");
    let mut points = std::collections::HashMap::new();
    for row in city["geo_address"].values() {
        let (lon, lat) = (number(row, "lon"), number(row, "lat"));
        assert!((105.28..110.20).contains(&lon) && (28.16..32.21).contains(&lat), "{row}");
        for (county, east, north) in &boxes {
            if text(row, "division12").starts_with(county) {
                assert!(east.contains(&lon) && north.contains(&lat), "{row}");
            }
        }
        points.insert(text(row, "full_address").to_owned(), (lon, lat));
    }
    for (dataset, address) in [("le_entity", "address"), ("geo_unit", "location")] {
        for row in city[dataset].values() {
            let point = points[text(row, address)];
            assert_eq!(point, (number(row, "lon"), number(row, "lat")), "{row}");
        }
    }
}
