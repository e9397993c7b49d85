//! Every dataset of the catalogue, every field in its order, every value of its type.

use super::catalogue::{CODES, DATASETS, Field, MEMBERS, VILLAGES, key_of};
use super::{RECORDS, change, text};
use chrono::NaiveDate;
use huiliu_citygen::{Plan, city, datasets};
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn datasets_and_topics_are_those_of_the_catalogue() {
    let made: BTreeMap<&str, &str> = datasets().collect();
    let wanted: BTreeMap<&str, &str> =
        DATASETS.iter().map(|(name, dataset)| (*name, dataset.kafka_topic)).collect();
    assert_eq!(made, wanted);
    assert_eq!(made.len(), 48);
    assert_eq!(DATASETS.values().map(|dataset| dataset.fields.len()).sum::<usize>(), 501);
}

#[test]
fn twenty_thousand_records_touch_every_dataset() {
    for seed in 1..=4 {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        city(Plan::new(seed, 20_000)).for_each(|e| *counts.entry(e.dataset).or_default() += 1);
        assert_eq!(counts.len(), 48, "seed {seed}: {counts:?}");
        let share = |name: &str| counts[name] as f64 / 20_000.0;
        // Roughly as many as in a day of the real city: most are readings of power meters.
        assert!(share("power_reading") > 0.15, "{counts:?}");
        assert!(share("power_bill") > share("water_bill"), "{counts:?}");
        assert!(share("rail_ticket") > share("avi_ticket"), "{counts:?}");
        assert!(share("pool_project") < 0.005, "{counts:?}");
        assert!((0.01..0.05).contains(&share("np_person")), "{counts:?}");
        assert!((0.003..0.02).contains(&share("le_entity")), "{counts:?}");
    }
}

#[test]
fn the_first_records_already_hold_a_complete_firm() {
    let early = super::fold(city(Plan::new(4, 2_000)));
    let complete = early["le_entity"].keys().filter(|uscc| {
        let held = |dataset: &str, field: &str| {
            early[dataset].values().any(|row| row[field].as_str() == Some(uscc))
        };
        held("le_shareholder", "uscc")
            && held("lic_licence", "holder_code")
            && held("pool_tax_month", "uscc")
    });
    assert!(complete.count() >= 1);
}

#[test]
fn fields_have_the_names_order_types_and_codes_of_the_catalogue() {
    for event in city(Plan::new(3, RECORDS)) {
        let Some(change) = change(&event) else { continue };
        assert_eq!(change["ds"], event.dataset);
        assert_eq!(change["synthetic"], true);
        assert_eq!(change["seq"], event.sequence);
        let after = &change["after"];
        if after.is_null() {
            continue;
        }
        let dataset = &DATASETS[event.dataset];
        let row = after.as_object().expect("an object");
        assert_eq!(row.len(), dataset.fields.len(), "{after}");
        let raw = String::from_utf8_lossy(event.value.as_deref().expect("a value")).into_owned();
        let image = &raw[raw.find("\"after\":").expect("an image")..];
        let mut from = 0;
        for field in &dataset.fields {
            let name = format!("\"{}\":", field.name);
            from += image[from..].find(&name).unwrap_or_else(|| panic!("{name} in {image}"));
            check_value(event.dataset, field, &row[field.name]);
        }
        assert_eq!(event.key, key_of(event.dataset, after).into_bytes(), "the row's key");
    }
}

fn check_value(dataset: &str, field: &Field, value: &Value) {
    let place = || format!("{dataset}.{} is {value}", field.name);
    if value.is_null() {
        assert!(field.is_nullable && !field.is_key, "{}", place());
        return;
    }
    let text = value.as_str();
    match field.kind {
        "Utf8" => assert!(text.is_some_and(|text| !text.is_empty()), "{}", place()),
        "Boolean" => assert!(value.is_boolean(), "{}", place()),
        "Int32" => assert!(value.as_i64().is_some_and(|n| n >= 0), "{}", place()),
        "Float64" | "Decimal128" => assert!(value.is_f64() || value.is_i64(), "{}", place()),
        "Date32" => {
            let date = text.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
            assert!(date.is_some(), "{}", place());
        }
        _ => {
            let at = text.and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
            let is_local = text.is_some_and(|text| text.ends_with("+08:00"));
            assert!(at.is_some() && is_local, "{}", place());
        }
    }
    if let Some(list) = field.rule.strip_prefix("CODE.") {
        let list = list.split(';').next().unwrap_or(list);
        assert!(text.is_some_and(|text| CODES[list].contains(text)), "{}", place());
    }
    if let Some(members) = MEMBERS.iter().find(|((d, f), _)| *d == dataset && *f == field.name) {
        assert!(text.is_some_and(|text| members.1.contains(text)), "{}", place());
    }
    if field.rule.starts_with(">= 0") {
        assert!(value.as_f64().is_some_and(|n| n >= 0.0), "{}", place());
    }
    if field.rule == "DIV.12" {
        assert!(text.is_some_and(|text| VILLAGES.contains(text)), "{}", place());
    }
}

#[test]
fn rules_across_the_fields_of_a_row_hold() {
    let city = super::fold(city(Plan::new(12, RECORDS)));
    for (dataset, later, earlier) in super::catalogue::PAIRS.iter() {
        for row in city[dataset].values() {
            if let (Some(later), Some(earlier)) = (row[later].as_str(), row[earlier].as_str()) {
                assert!(later >= earlier, "{dataset}: {row}");
            }
        }
    }
    for row in city["le_entity"].values() {
        let status = text(row, "status_code");
        assert_eq!(status == "4", !row["cancel_date"].is_null(), "{row}");
        assert_eq!(["2", "3"].contains(&status), !row["revoke_date"].is_null(), "{row}");
    }
    let number = |row: &Value, field: &str| row[field].as_f64().expect("a number");
    for row in city["le_shareholder"].values() {
        assert!(number(row, "paid_wan") <= number(row, "subscribed_wan") * 1.05, "{row}");
    }
    for row in city["pool_medical_bill"].values() {
        let left = number(row, "total_fee") - number(row, "fund_paid") - number(row, "self_paid");
        assert!(left.abs() < 0.001, "{row}");
    }
    for row in city["pool_gov_item"].values() {
        assert!(number(row, "promise_days") <= number(row, "statutory_days"), "{row}");
    }
    for mode in ["avi_service", "rail_service", "road_service"] {
        for row in city[mode].values().filter(|row| !row["carried"].is_null()) {
            assert!(number(row, "carried") <= number(row, "seats") * 1.2, "{row}");
        }
    }
}
