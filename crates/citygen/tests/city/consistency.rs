//! References resolve, shares and heads are right, readings never fall and explain the bills.

use super::catalogue::key_of;
use super::{RECORDS, Table, fold, text};
use huiliu_citygen::{Plan, city};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Dataset, its fields, the dataset whose key they are.
const REFERENCES: [(&str, &[&str], &str); 43] = [
    ("np_household_member", &["citizen_id"], "np_person"),
    ("le_entity", &["legal_rep_id"], "np_person"),
    ("le_shareholder", &["uscc"], "le_entity"),
    ("le_annual_report", &["uscc"], "le_entity"),
    ("geo_right", &["unit_code"], "geo_unit"),
    ("water_bill", &["account_no"], "water_account"),
    ("power_bill", &["account_no"], "power_account"),
    ("gas_bill", &["account_no"], "gas_account"),
    ("water_reading", &["account_no"], "water_account"),
    ("power_reading", &["account_no"], "power_account"),
    ("gas_reading", &["account_no"], "gas_account"),
    ("avi_ticket", &["service_no", "service_date"], "avi_service"),
    ("rail_ticket", &["service_no", "service_date"], "rail_service"),
    ("road_ticket", &["service_no", "service_date"], "road_service"),
    ("avi_ticket", &["citizen_id"], "np_person"),
    ("rail_ticket", &["citizen_id"], "np_person"),
    ("road_ticket", &["citizen_id"], "np_person"),
    ("prt_section", &["project_code"], "pool_project"),
    ("prt_bid", &["section_no"], "prt_section"),
    ("prt_bid", &["bidder_uscc"], "le_entity"),
    ("pool_abnormal", &["uscc"], "le_entity"),
    ("pool_tax_month", &["uscc"], "le_entity"),
    ("pool_si_month", &["uscc"], "le_entity"),
    ("pool_hf_month", &["uscc"], "le_entity"),
    ("pool_loan", &["uscc"], "le_entity"),
    ("pool_project", &["owner_uscc"], "le_entity"),
    ("pool_project_step", &["project_code"], "pool_project"),
    ("pool_project_step", &["item_code"], "pool_gov_item"),
    ("pool_project_month", &["project_code"], "pool_project"),
    ("pool_gov_case", &["item_code"], "pool_gov_item"),
    ("pool_pov_household", &["head_id"], "np_person"),
    ("pool_pov_household", &["power_account"], "power_account"),
    ("pool_pov_member", &["hh_no"], "pool_pov_household"),
    ("pool_pov_member", &["citizen_id"], "np_person"),
    ("pool_pov_income", &["hh_no"], "pool_pov_household"),
    ("pool_pov_measure", &["hh_no"], "pool_pov_household"),
    ("pool_medical_bill", &["citizen_id"], "np_person"),
    ("pool_epi_case", &["citizen_id"], "np_person"),
    ("pool_epi_case", &["source_case"], "pool_epi_case"),
    ("pool_epi_test", &["citizen_id"], "np_person"),
    ("pool_invest_lead", &["investor_uscc"], "le_entity"),
    ("pool_invest_lead", &["landed_uscc"], "le_entity"),
    ("pool_invest_lead", &["project_code"], "pool_project"),
];

/// Dataset and field of a resident id or a credit code.
const HOLDERS: [(&str, &str); 10] = [
    ("le_shareholder", "holder_code"),
    ("lic_licence", "holder_code"),
    ("geo_right", "holder_code"),
    ("water_account", "holder_code"),
    ("power_account", "holder_code"),
    ("gas_account", "holder_code"),
    ("pool_permit", "subject_code"),
    ("pool_penalty", "subject_code"),
    ("pool_blacklist", "subject_code"),
    ("pool_gov_case", "applicant_code"),
];

/// A city whose last unit, which may be cut off, is left out.
fn whole(seed: u64) -> BTreeMap<&'static str, Table> {
    fold(city(Plan::new(seed, RECORDS)))
}

#[test]
fn references_resolve() {
    let city = whole(6);
    for (dataset, fields, to) in REFERENCES {
        let mut found = 0;
        for row in city[dataset].values() {
            let parts: Option<Vec<&str>> = fields.iter().map(|f| row[*f].as_str()).collect();
            if let Some(parts) = parts {
                // Of a unit that is cut off, what is referred to may be missing.
                assert!(city[to].contains_key(&parts.join("|")), "{dataset} to {to}: {row}");
                found += 1;
            }
        }
        assert!(found > 0, "{dataset} to {to}");
    }
    for (dataset, field) in HOLDERS {
        for row in city[dataset].values().filter(|row| !row[field].is_null()) {
            let code = text(row, field);
            let holder =
                city["np_person"].contains_key(code) || city["le_entity"].contains_key(code);
            assert!(holder, "{dataset}: {row}");
        }
    }
}

#[test]
fn every_household_has_one_head_and_every_resident_one_household() {
    let city = whole(7);
    let mut heads: HashMap<&str, u32> = HashMap::new();
    let mut members: HashMap<&str, u32> = HashMap::new();
    for row in city["np_household_member"].values() {
        let is_head = row["is_head"].as_bool().expect("a truth value");
        *heads.entry(text(row, "household_no")).or_default() += u32::from(is_head);
        *members.entry(text(row, "citizen_id")).or_default() += 1;
        assert_eq!(is_head, text(row, "relation_code") == "02", "{row}");
    }
    assert!(heads.values().all(|heads| *heads == 1));
    assert!(members.values().all(|households| *households == 1));
    let homeless = city["np_person"].keys().filter(|id| !members.contains_key(id.as_str()));
    assert!(homeless.count() <= 1, "only the last resident may be cut off");
}

#[test]
fn shares_add_up_and_bills_cover_two_years() {
    let city = whole(7);
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

/// Hundredths of a unit.
fn hundredths(row: &Value, field: &str) -> i64 {
    (row[field].as_f64().expect("a number") * 100.0).round() as i64
}

#[test]
fn readings_never_fall_and_explain_the_bills() {
    let city = whole(8);
    for utility in ["water", "power", "gas"] {
        let mut series: BTreeMap<(&str, &str), Vec<(&str, i64)>> = BTreeMap::new();
        for row in city[format!("{utility}_reading").as_str()].values() {
            let meter = (text(row, "account_no"), text(row, "meter_no"));
            let reading = (text(row, "read_time"), hundredths(row, "reading"));
            series.entry(meter).or_default().push(reading);
        }
        let bills = &city[format!("{utility}_bill").as_str()];
        let (mut explained, mut new_meters) = (0, 0);
        let mut accounts = BTreeSet::new();
        for ((account, meter), mut readings) in series {
            readings.sort_unstable();
            let falls = readings.windows(2).find(|pair| pair[0].1 > pair[1].1);
            assert_eq!(falls, None, "{utility} {account} {meter}");
            new_meters += i32::from(!accounts.insert(account));
            // A month between two readings of its first days, power meters' included.
            let firsts: Vec<_> = readings.iter().filter(|(at, _)| &at[8..10] == "01").collect();
            for pair in firsts.windows(2) {
                let month = &pair[0].0[..7];
                let Some(bill) = bills.get(&format!("{account}|{month}-01")) else { continue };
                assert_eq!(hundredths(bill, "qty"), pair[1].1 - pair[0].1, "{bill}");
                explained += 1;
            }
        }
        assert!(explained > 20, "{utility}: {explained}");
        assert!(utility != "power" || new_meters > 0, "a new meter begins a new series");
    }
}

#[test]
fn tenders_have_one_winner_and_services_carry_their_checked_passengers() {
    let city = whole(9);
    for row in city["prt_section"].values() {
        let bids = city["prt_bid"].values().filter(|bid| bid["section_no"] == row["section_no"]);
        let winners = bids.filter(|bid| bid["is_winner"] == true).count();
        assert_eq!(winners, usize::from(row["status_code"] == "3"), "{row}");
    }
    for mode in ["avi", "rail", "road"] {
        let mut checked: HashMap<String, i64> = HashMap::new();
        for row in city[format!("{mode}_ticket").as_str()].values() {
            if row["ticket_state"] == "2" {
                let service = format!("{}|{}", text(row, "service_no"), text(row, "service_date"));
                *checked.entry(service).or_default() += 1;
            }
        }
        let service = format!("{mode}_service");
        let mut states = BTreeSet::new();
        for row in city[service.as_str()].values() {
            states.insert(text(row, "state"));
            let boarded = checked.get(&key_of(&service, row)).copied().unwrap_or(0);
            let carried = row["carried"].as_i64().unwrap_or(0);
            assert_eq!(boarded, carried, "{row}");
        }
        assert!(states.contains("正点") && states.contains("计划"), "{states:?}");
    }
    let states: BTreeSet<&str> =
        city["rail_ticket"].values().map(|row| text(row, "ticket_state")).collect();
    assert_eq!(states, BTreeSet::from(["1", "2", "3", "4"]));
}
