//! A city seen from outside: its bytes, its identifiers, its references, its defects.

use chrono::NaiveDate;
use huiliu_citygen::{Event, Plan, city, datasets};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

const RECORDS: u64 = 15_000;

fn dirty(seed: u64, records: u64) -> Plan {
    Plan { defects: Some(1.0), ..Plan::new(seed, records) }
}

/// The newest image of each row: highest sequence wins, a delete removes.
fn fold(events: impl Iterator<Item = Event>) -> BTreeMap<&'static str, HashMap<String, Value>> {
    let mut newest: BTreeMap<&'static str, HashMap<String, (i64, Option<Value>)>> = BTreeMap::new();
    for event in events {
        let Some(value) = &event.value else { continue };
        let change: Value = serde_json::from_slice(value).expect("JSON");
        assert_eq!(change["ds"], event.dataset);
        assert_eq!(change["synthetic"], true);
        let rows = newest.entry(event.dataset).or_default();
        let seq = change["seq"].as_i64().expect("a number");
        let key = |image: &Value| key_of(event.dataset, image);
        let mut put = |key: String, image: Option<Value>| {
            let held = rows.entry(key).or_insert((-1, None));
            if seq > held.0 {
                *held = (seq, image);
            }
        };
        let (before, after) = (&change["before"], &change["after"]);
        if !before.is_null() {
            put(key(before), None);
        }
        if !after.is_null() {
            assert_eq!(event.key, key(after).into_bytes(), "the record's key is the row's");
            // A key change removes the old key and writes the new one, both at this sequence.
            rows.insert(key(after), (seq, Some(after.clone())));
        }
    }
    let living = |rows: HashMap<String, (i64, Option<Value>)>| {
        rows.into_iter().filter_map(|(key, (_, image))| Some((key, image?))).collect()
    };
    newest.into_iter().map(|(dataset, rows)| (dataset, living(rows))).collect()
}

fn key_of(dataset: &str, image: &Value) -> String {
    let parts: &[&str] = match dataset {
        "np_person" => &["citizen_id"],
        "le_entity" => &["uscc"],
        "le_shareholder" => &["uscc", "holder_seq"],
        "le_annual_report" => &["uscc", "report_year"],
        "lic_licence" => &["licence_id"],
        name if name.ends_with("_account") => &["account_no"],
        _ => &["account_no", "bill_month"],
    };
    let text = |part: &&str| match &image[*part] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    parts.iter().map(text).collect::<Vec<_>>().join("|")
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} of {row}"))
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let first: Vec<Event> = city(dirty(1, 5_000)).collect();
    let again: Vec<Event> = city(dirty(1, 5_000)).collect();
    assert_eq!(first.len(), 5_000);
    assert!(first == again);
    let other: Vec<Event> = city(dirty(2, 5_000)).collect();
    assert!(first != other);
    // A longer run begins with the same entities; only the pace of time differs.
    let longer: Vec<Event> = city(dirty(1, 6_000)).take(1).collect();
    assert_eq!(first[0].key, longer[0].key);
}

#[test]
fn all_datasets_come_in_their_proportions() {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for event in city(Plan::new(3, RECORDS)) {
        *counts.entry(event.dataset).or_default() += 1;
    }
    assert_eq!(counts.len(), datasets().count());
    let share = |name: &str| counts[name] as f64 / RECORDS as f64;
    let bills = share("water_bill") + share("power_bill") + share("gas_bill");
    assert!((0.60..0.85).contains(&bills), "{counts:?}");
    assert!((0.02..0.10).contains(&share("np_person")), "{counts:?}");
    assert!((0.003..0.02).contains(&share("le_entity")), "{counts:?}");
    assert!((0.01..0.05).contains(&share("lic_licence")), "{counts:?}");
    assert!(share("power_account") > share("gas_account"), "{counts:?}");
}

#[test]
fn the_first_records_already_hold_a_complete_firm() {
    let early = fold(city(Plan::new(4, 1_000)));
    let firms = &early["le_entity"];
    let complete = firms.keys().filter(|uscc| {
        let held = |dataset: &str, field: &str| {
            early[dataset].values().any(|row| row[field].as_str() == Some(uscc))
        };
        held("le_shareholder", "uscc")
            && held("lic_licence", "holder_code")
            && held("power_account", "holder_code")
    });
    assert!(complete.count() >= 2, "{} firms", firms.len());
}

/// Check characters computed here from the standards' tables, not by the code under test.
#[test]
fn identifiers_are_valid() {
    let city = fold(city(Plan::new(5, RECORDS)));
    let alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let uscc_is_valid = |code: &str| {
        let value = |c: char| alphabet.find(c).unwrap_or_else(|| panic!("{code}")) as u64;
        // Σ value·3^i over 17 characters plus the check character is divisible by 31.
        let weight = |place: usize| if place == 17 { 1 } else { power(3, place, 31) };
        let sum: u64 = code.chars().enumerate().map(|(i, c)| value(c) * weight(i)).sum();
        code.len() == 18 && sum.is_multiple_of(31)
    };
    let resident_is_valid = |id: &str| {
        // Σ value·2^(17−i) over all 18 characters leaves 1 modulo 11 (X is 10).
        let value = |c: char| c.to_digit(10).unwrap_or(10);
        let sum: u64 =
            id.chars().enumerate().map(|(i, c)| u64::from(value(c)) * power(2, 17 - i, 11)).sum();
        let order: u32 = id[14..17].parse().expect("digits");
        id.len() == 18 && sum % 11 == 1 && (900..=995).contains(&order)
    };
    for row in city["le_entity"].values() {
        assert!(uscc_is_valid(text(row, "uscc")), "{row}");
        assert!(resident_is_valid(text(row, "legal_rep_id")), "{row}");
    }
    for row in city["np_person"].values() {
        let id = text(row, "citizen_id");
        assert!(resident_is_valid(id), "{row}");
        assert_eq!(text(row, "birth_date").replace('-', ""), id[6..14]);
        let is_male = id[16..17].parse::<u32>().expect("a digit") % 2 == 1;
        assert_eq!(text(row, "sex_code"), if is_male { "1" } else { "2" });
    }
    for row in city["lic_licence"].values() {
        let id = text(row, "licence_id");
        let parts: Vec<&str> = id.split('.').collect();
        assert_eq!(parts.len(), 10, "{id}");
        assert_eq!(parts[..5], ["1", "2", "156", "3005", "2"]);
        assert!(uscc_is_valid(&parts[5][..18]) && uscc_is_valid(parts[6]), "{id}");
        // ISO 7064 MOD 37,36: with its check character the string leaves 1.
        let body: String = parts[5..].concat();
        let mut check = 36;
        for (place, c) in body.chars().enumerate() {
            let sum = (check + c.to_digit(36).expect("alphanumeric")) % 36;
            if place + 1 == body.len() {
                assert_eq!(sum, 1, "{id}");
            }
            check = if sum == 0 { 36 } else { sum } * 2 % 37;
        }
    }
}

fn power(base: u64, exponent: usize, modulo: u64) -> u64 {
    (0..exponent).fold(1, |product, _| product * base % modulo)
}

#[test]
fn references_resolve() {
    // The last unit may be cut off; everything before it is whole.
    let city = fold(city(Plan::new(6, RECORDS)));
    let persons: HashSet<&str> = city["np_person"].keys().map(String::as_str).collect();
    let firms: HashSet<&str> = city["le_entity"].keys().map(String::as_str).collect();
    let check_holder = |row: &Value, nullable: bool| {
        if nullable && row["holder_code"].is_null() {
            return;
        }
        let known = match text(row, "holder_code_type") {
            "001" => firms.contains(text(row, "holder_code")),
            "111" => persons.contains(text(row, "holder_code")),
            _ => false,
        };
        assert!(known, "{row}");
    };
    for row in city["le_entity"].values() {
        assert!(persons.contains(text(row, "legal_rep_id")), "{row}");
    }
    for row in city["le_shareholder"].values() {
        assert!(firms.contains(text(row, "uscc")), "{row}");
        check_holder(row, false);
    }
    for row in city["le_annual_report"].values() {
        assert!(firms.contains(text(row, "uscc")), "{row}");
    }
    city["lic_licence"].values().for_each(|row| check_holder(row, false));
    let (mut held_by_firms, mut accounts) = (0, 0);
    for utility in ["water", "power", "gas"] {
        let table = &city[format!("{utility}_account").as_str()];
        for row in table.values() {
            check_holder(row, true);
            accounts += 1;
            held_by_firms += usize::from(row["holder_code_type"] == "001");
        }
        for row in city[format!("{utility}_bill").as_str()].values() {
            assert!(table.contains_key(text(row, "account_no")), "{row}");
        }
    }
    let share = held_by_firms as f64 / f64::from(accounts);
    assert!((0.33..0.47).contains(&share), "{share}");
}

#[test]
fn shares_add_up_and_bills_cover_two_years() {
    let city = fold(city(Plan::new(7, RECORDS)));
    let mut ratios: HashMap<&str, f64> = HashMap::new();
    for row in city["le_shareholder"].values() {
        let ratio: f64 = row["ratio"].as_f64().expect("a number");
        *ratios.entry(text(row, "uscc")).or_default() += ratio;
    }
    let whole = ratios.values().filter(|sum| (99.99..100.01).contains(*sum)).count();
    assert!(whole + 1 >= ratios.len(), "only the last firm may be cut off");

    let mut months: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    let (mut unpaid, mut late, mut bills) = (0, 0, 0);
    for row in city["power_bill"].values() {
        months.entry(text(row, "account_no")).or_default().insert(text(row, "bill_month"));
        bills += 1;
        match row["paid_date"].as_str() {
            None => unpaid += 1,
            Some(day) if day > text(row, "due_date") => late += 1,
            Some(_) => {}
        }
    }
    let full = months.values().filter(|months| months.len() >= 24).count();
    assert!(full as f64 >= 0.95 * months.len() as f64, "{full} of {}", months.len());
    assert!(months.values().flatten().all(|month| ("2018-04-01"..="2020-05-01").contains(month)));
    assert!(unpaid * 200 > bills, "{unpaid} of {bills} unpaid");
    assert!(late * 50 > bills, "{late} of {bills} late");
}

#[test]
fn sequences_grow_and_time_goes_forward() {
    let mut last_seq: HashMap<&str, i64> = HashMap::new();
    let mut last_time: HashMap<String, String> = HashMap::new();
    let mut last_ms = 0;
    let (mut ops, mut tombstones, mut key_changes) = (BTreeMap::new(), 0, 0);
    let mut deleted = None;
    for event in city(Plan::new(8, RECORDS)) {
        assert!(event.timestamp_ms >= last_ms);
        last_ms = event.timestamp_ms;
        let Some(value) = &event.value else {
            assert_eq!(deleted.as_ref(), Some(&event.key), "a tombstone follows its delete");
            tombstones += 1;
            continue;
        };
        let change: Value = serde_json::from_slice(value).expect("JSON");
        let seq = change["seq"].as_i64().expect("a number");
        assert!(last_seq.insert(event.dataset, seq).is_none_or(|last| last < seq));
        let op = text(&change, "op").to_owned();
        deleted = (op == "d").then(|| event.key.clone());
        let (before, after) = (&change["before"], &change["after"]);
        if op == "u" && !before.is_null() {
            let moved = key_of(event.dataset, before) != key_of(event.dataset, after);
            key_changes += u32::from(moved);
            assert_ne!(before, after);
        }
        *ops.entry(op).or_insert(0) += 1;
        let row = format!("{} {}", event.dataset, String::from_utf8_lossy(&event.key));
        let time = text(&change, "event_time").to_owned();
        assert!(time.as_str() < "2020-07-01");
        if let Some(last) = last_time.insert(row.clone(), time.clone()) {
            assert!(last <= time, "{row}: {last} then {time}");
        }
    }
    assert_eq!(tombstones, ops["d"]);
    assert!(ops["r"] > 600 && ops["u"] > 900 && ops["d"] > 30, "{ops:?}");
    assert!(key_changes > 25, "{key_changes}");
    let end = NaiveDate::from_ymd_opt(2020, 7, 1).expect("a date").and_hms_opt(0, 0, 0);
    let end_ms = end.expect("midnight").and_utc().timestamp_millis() - 8 * 3_600_000;
    assert!((end_ms - 86_400_000..end_ms).contains(&last_ms), "the run ends with `as_of`");
}

#[test]
fn a_clean_city_has_no_defects_and_a_dirty_one_has_them_at_their_rates() {
    assert!(city(Plan::new(9, RECORDS)).all(|event| event.defects.is_empty()));

    let (mut by_code, mut broken) = (BTreeMap::new(), 0_u64);
    let mut cells: HashMap<&str, u64> = HashMap::new();
    // Five times the default rates, so that rare defects show in a short run.
    let (records, scale) = (40_000, 5.0);
    for event in city(Plan { defects: Some(scale), ..Plan::new(9, records) }) {
        for injected in &event.defects {
            *by_code.entry(injected.code).or_insert(0_u64) += 1;
        }
        let parsed: Option<Value> =
            event.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
        match parsed {
            Some(change) if change["after"].is_object() => {
                *cells.entry(event.dataset).or_default() += 1;
            }
            Some(_) => {}
            None => broken += u64::from(event.value.is_some()),
        }
    }
    let wanted = [
        "D01", "D02", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D10", "D11", "D12", "D13",
        "D15", "D16", "D17", "D19", "D20", "D21", "D22", "D26", "D27", "D35", "D36", "D38", "D39",
        "D43", "D44", "D45", "D46", "D50",
    ];
    for code in wanted {
        assert!(by_code.get(code).is_some_and(|count| *count > 0), "{code}: {by_code:?}");
    }
    let near = |code: &str, expected: f64| {
        let (found, expected) = (by_code[code] as f64, expected * scale);
        assert!((found / expected - 1.0).abs() < 0.25, "{code}: {found} of {expected}");
    };
    // The rates of the catalogue, times the cells they apply to.
    near("D36", 0.01 * records as f64);
    near("D38", 0.01 * records as f64);
    near("D44", 0.01 * 0.92 * cells["np_person"] as f64);
    let bills = cells["water_bill"] + cells["power_bill"] + cells["gas_bill"];
    let amounts = 3 * bills + 4 * cells["le_annual_report"] + cells["le_entity"];
    let accounts = cells["water_account"] + cells["power_account"] + cells["gas_account"];
    near("D35", 0.01 * (amounts + accounts + 3 * cells["le_shareholder"]) as f64);
    assert!(broken > 0);
}

#[test]
fn every_fixed_text_is_json_and_every_broken_one_says_so() {
    for event in city(dirty(10, 20_000)) {
        let Some(value) = &event.value else { continue };
        let is_json = serde_json::from_slice::<Value>(value).is_ok();
        let said = event.defects.iter().any(|d| ["@truncated", "@not_json"].contains(&d.field));
        assert_eq!(is_json, !said, "{}", String::from_utf8_lossy(value));
    }
}
