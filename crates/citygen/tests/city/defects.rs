//! Every class of the dirty-data catalogue, at its default rate per cell it applies to.
//!
//! The cells that a class applies to are counted in the clean city of the same seed, by the rule
//! texts of the catalogue; the dirty city has the same rows and some more, so the counts are
//! scaled by the rows of each dataset.

use super::catalogue::{DATASETS, Field, MEMBERS, PAIRS, RATES};
use super::{change, dirty, text};
use encoding_rs::GBK;
use huiliu_citygen::{Event, Plan, RECORD, city};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Large enough for every class that is drawn per cell to be met.
const SAMPLE: u64 = 600_000;

/// Counts by dataset and class.
type Counts = HashMap<(&'static str, &'static str), f64>;

struct Clean {
    cells: Counts,
    rows: HashMap<&'static str, f64>,
}

#[test]
fn a_clean_city_has_no_defects() {
    assert!(city(Plan::new(9, 30_000)).all(|event| event.defects.is_empty()));
}

#[test]
fn every_class_befalls_its_cells_at_its_rate() {
    let clean = count_clean();
    let mut rows: HashMap<&str, f64> = HashMap::new();
    let mut found: Counts = HashMap::new();
    for event in city(dirty(21, SAMPLE)) {
        if event.defects.iter().any(|defect| defect.code == "D36") {
            continue;
        }
        let broken = event.defects.iter().any(|defect| defect.code == "D50");
        let has_image = change(&event).is_some_and(|change| change["after"].is_object());
        if broken || has_image {
            *rows.entry(event.dataset).or_default() += 1.0;
        }
        for defect in &event.defects {
            *found.entry((event.dataset, defect.code)).or_default() += 1.0;
        }
    }
    let mut expected: BTreeMap<&str, f64> = BTreeMap::new();
    for ((dataset, code), cells) in &clean.cells {
        let scaled = cells / clean.rows[dataset] * rows[dataset];
        *expected.entry(code).or_default() += scaled * RATES[code];
    }
    for (code, expected) in &expected {
        // Swapped coordinates and the like are noted in both cells.
        let cells = if ["D30", "D31", "D32", "D33"].contains(code) { 2.0 } else { 1.0 };
        let of_code = found.iter().filter(|((_, found), _)| found == code);
        let count = of_code.map(|(_, count)| count).sum::<f64>() / cells;
        let sigmas = (count - expected) / expected.sqrt();
        assert!(sigmas.abs() < 5.0, "{code}: {count} of {expected:.0}, {sigmas:.1} sigma");
        assert!(*expected > 3.0, "{code}: {expected} is too few to tell");
    }
    let whole = ["D14", "D24", "D36", "D37", "D38", "D39", "D48", "D50"];
    let all: BTreeSet<&str> = expected.keys().copied().chain(whole).collect();
    assert!(all.len() == 50 && all.iter().eq(RATES.keys()), "{all:?}");
}

/// How many cells of the clean city each class applies to.
fn count_clean() -> Clean {
    let mut clean = Clean { cells: HashMap::new(), rows: HashMap::new() };
    let mut reg_nos: HashMap<String, bool> = HashMap::new();
    let mut uscc_cells: HashMap<(&'static str, String), f64> = HashMap::new();
    let mut readings: HashMap<(String, String), f64> = HashMap::new();
    for event in city(Plan::new(21, SAMPLE)) {
        let Some(change) = change(&event) else { continue };
        let row = &change["after"];
        if row.is_null() {
            continue;
        }
        *clean.rows.entry(event.dataset).or_default() += 1.0;
        if event.dataset == "le_entity" {
            reg_nos.insert(text(row, "uscc").to_owned(), !row["reg_no"].is_null());
        }
        let mut note = |code| *clean.cells.entry((event.dataset, code)).or_default() += 1.0;
        for field in &DATASETS[event.dataset].fields {
            let value = &row[field.name];
            if is_holder(field) && value.as_str().is_some_and(is_uscc) {
                let cell = (event.dataset, value.as_str().expect("a code").to_owned());
                *uscc_cells.entry(cell).or_default() += 1.0;
            }
            classes(event.dataset, field, value).into_iter().for_each(&mut note);
        }
        row_classes(event.dataset, row, &mut readings).into_iter().for_each(&mut note);
    }
    for ((dataset, uscc), count) in uscc_cells {
        if reg_nos.get(&uscc).copied().unwrap_or(false) {
            *clean.cells.entry((dataset, "D16")).or_default() += count;
        }
    }
    clean
}

fn is_uscc(value: &str) -> bool {
    value.len() == 18 && !value[..17].bytes().all(|byte| byte.is_ascii_digit())
}

fn is_resident(value: &str) -> bool {
    value.len() == 18 && value[..17].bytes().all(|byte| byte.is_ascii_digit())
}

fn is_holder(field: &Field) -> bool {
    field.rule.contains("ID.RIC") || field.rule.contains("ID.USCC") || field.rule == "by type"
}

fn is_list(dataset: &str, field: &Field) -> bool {
    field.rule.starts_with("CODE.")
        || field.rule.starts_with("IND")
        || (dataset, field.name) == ("power_account", "category_code")
}

/// Classes that apply to a cell, by the rule of its field and its value.
fn classes(dataset: &'static str, field: &Field, value: &Value) -> Vec<&'static str> {
    if field.kind == "Date32" {
        return date_classes(field, value);
    }
    let number = value.as_f64();
    match (value, field.kind) {
        (Value::Null, _) => Vec::new(),
        (_, kind) if kind.starts_with("Timestamp") => vec!["D25"],
        (_, "Int32") if !field.is_key => vec!["D45"],
        (_, "Decimal128") => amount_classes(dataset, field, number.expect("a number")),
        (Value::String(text), "Utf8") => text_classes(dataset, field, text),
        _ => Vec::new(),
    }
}

fn date_classes(field: &Field, value: &Value) -> Vec<&'static str> {
    let is_open = field.rule.contains("open end");
    let is_month = field.name.ends_with("_month");
    match value {
        Value::Null if is_open => vec!["D22"],
        Value::Null => Vec::new(),
        _ if field.is_key || is_month => vec!["D19"],
        _ if field.name == "birth_date" => vec!["D19", "D20", "D21", "D46"],
        _ => vec!["D19", "D20", "D21"],
    }
}

fn amount_classes(dataset: &str, field: &Field, number: f64) -> Vec<&'static str> {
    let is_share = field.name == "ratio";
    let is_measure = ["share_pct", "annual_rate", "qty", "multiplier", "capacity"]
        .contains(&field.name)
        || field.name.ends_with("_m2");
    match field.name {
        "reading" => Vec::new(),
        _ if is_share => Vec::new(),
        _ if is_measure && number.abs() >= 1_000.0 => vec!["D35"],
        _ if is_measure => Vec::new(),
        // Fees of operators and amounts of months are money too.
        _ if number == 0.0 => vec!["D35"],
        _ => {
            assert!(!dataset.is_empty());
            vec!["D34", "D35"]
        }
    }
}

fn text_classes(dataset: &'static str, field: &Field, text: &str) -> Vec<&'static str> {
    let mut classes = vec!["D02", "D03", "D06"];
    if text.contains(|c: char| c.is_ascii_alphanumeric()) {
        classes.push("D01");
    }
    if !field.is_key {
        classes.push("D04");
    }
    if is_misreadable(text) {
        classes.push("D05");
    }
    let is_member = MEMBERS.contains_key(&(dataset, field.name)) && !field.rule.contains("DIV");
    if is_list(dataset, field) {
        classes.extend(["D26", "D27"]);
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            classes.push("D45");
        }
    } else if is_member {
        classes.push("D27");
    }
    if field.name == "sex_code" {
        classes.push("D46");
    }
    let is_county = text.len() >= 6 && text.starts_with("500") && &text[..6] != "500000";
    let is_division = field.rule.contains("DIV.6")
        || field.rule.contains("DIV.12")
        || field.rule.starts_with("= unit_code");
    if is_division && is_county && text.bytes().all(|byte| byte.is_ascii_digit()) {
        classes.extend(["D28", "D29"]);
    }
    if field.rule == "PHONE" {
        classes.push("D44");
    }
    if field.name == "fact" || field.name == "reason" {
        classes.push("D49");
    }
    if is_holder(field) {
        classes.extend(id_classes(text));
    }
    let is_person = field.rule == "NAME" || field.rule == "NAME/ORGNAME";
    let may_be_person = field.name == "subject_name";
    if (is_person || may_be_person) && is_short_name(text) {
        classes.push("D43");
    }
    if dataset.ends_with("_bill") && field.rule == "FK account" {
        classes.push("D42");
    }
    classes
}

fn id_classes(text: &str) -> Vec<&'static str> {
    if is_uscc(text) {
        return vec!["D15", "D17", "D18"];
    }
    let mut classes = vec!["D09", "D11", "D12", "D13"];
    assert!(is_resident(text), "{text}");
    if text.ends_with('X') {
        classes.push("D07");
    }
    if &text[6..8] == "19" {
        classes.push("D08");
    }
    // The last three digits become zeros, and that must not be right by chance.
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8];
    let digits = text.chars().map(|c| c.to_digit(10).unwrap_or(10));
    let sum: u32 = digits.zip(weights).map(|(digit, weight)| digit * weight).sum();
    if sum % 11 != 1 {
        classes.push("D10");
    }
    classes
}

/// UTF-8 that can be read as GBK and written again without a loss.
fn is_misreadable(text: &str) -> bool {
    let (read, had_errors) = GBK.decode_without_bom_handling(text.as_bytes());
    !text.is_ascii() && !had_errors && *GBK.encode(&read).0 == *text.as_bytes()
}

fn is_short_name(text: &str) -> bool {
    let is_han = text.chars().all(|c| !c.is_ascii() && c != '（');
    text.contains('·') || ((2..=4).contains(&text.chars().count()) && is_han)
}

/// Classes that concern several cells of a row, or rows before it.
fn row_classes(
    dataset: &'static str,
    row: &Value,
    readings: &mut HashMap<(String, String), f64>,
) -> Vec<&'static str> {
    let mut classes = Vec::new();
    for (of, later, earlier) in PAIRS.iter() {
        if *of == dataset && !row[later].is_null() && !row[earlier].is_null() {
            classes.push("D23");
        }
    }
    if !row["lon"].is_null() {
        classes.extend(["D30", "D31", "D33"]);
        let says_cgcs = row["coord_sys"].is_null() || row["coord_sys"] == "CGCS2000";
        if dataset != "geo_address" && says_cgcs {
            classes.push("D32");
        }
    }
    if dataset.ends_with("_reading") {
        let meter = (text(row, "account_no").to_owned(), text(row, "meter_no").to_owned());
        let reading = row["reading"].as_f64().expect("a number");
        // A first reading cannot be lower than the one before it.
        if readings.insert(meter, reading).is_some_and(|before| before > 10.0) {
            classes.push("D40");
        }
        if row["multiplier"].as_f64().is_some_and(|multiplier| multiplier > 1.0) {
            classes.push("D41");
        }
    }
    if dataset == "le_entity" && (row["cancel_date"].is_string() || row["revoke_date"].is_string())
    {
        classes.push("D47");
    }
    classes
}

/// Classes that befall records, batches, firms or residents.
#[test]
fn whole_records_firms_and_residents_are_spoilt_at_their_rates() {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    let (mut records, mut upserts, mut cdc) = (0.0, 0.0, 0.0);
    let (mut batches, mut utc) = (HashSet::new(), HashSet::new());
    let (mut firms, mut wrong) = (HashSet::new(), HashSet::new());
    let (mut ids, mut moved) = (HashSet::new(), HashSet::new());
    for event in city(dirty(22, 400_000)) {
        event.defects.iter().for_each(|d| *counts.entry(d.code).or_default() += 1.0);
        if event.defects.iter().any(|defect| defect.code == "D36") {
            continue;
        }
        records += 1.0;
        let Some(change) = change(&event) else { continue };
        let has = |code: &str| event.defects.iter().any(|defect| defect.code == code);
        if change["after"].is_null() {
            continue;
        }
        upserts += 1.0;
        cdc += f64::from(u8::from(!DATASETS[event.dataset].is_append()));
        let batch = (event.dataset, change["src"]["batch"].to_string());
        if has("D24") {
            utc.insert(batch.clone());
        }
        // An annual report holds no time.
        if event.dataset != "le_annual_report" {
            batches.insert(batch);
        }
        if event.dataset == "le_shareholder" && !has_key_defect(&event, "uscc") {
            let uscc = text(&change["after"], "uscc").to_owned();
            if has("D48") {
                wrong.insert(uscc.clone());
            }
            firms.insert(uscc);
        }
        if event.dataset == "np_person" && !has_other_id(&event) {
            let id = text(&change["after"], "citizen_id").to_owned();
            // Born while Chongqing's codes were those of Sichuan and the old city.
            if id[6..10] < *"1990" {
                if has("D14") {
                    moved.insert(id.clone());
                }
                ids.insert(id);
            }
        }
    }
    let check = |code: &str, found: f64, of: f64| {
        let expected = of * RATES[code];
        let sigmas = (found - expected) / expected.sqrt();
        assert!(sigmas.abs() < 5.0, "{code}: {found} of {expected:.0}, {sigmas:.1} sigma");
        assert!(expected > 3.0, "{code}: {expected}");
    };
    check("D36", counts["D36"], records);
    check("D37", counts["D37"], upserts);
    // Deletes that no one asked for follow upserts and deletes; one in a hundred has a newer twin.
    check("D38", counts["D38"], cdc / 1.01);
    check("D39", counts["D39"], records);
    check("D50", counts["D50"], records);
    check("D24", utc.len() as f64, batches.len() as f64);
    check("D48", wrong.len() as f64, firms.len() as f64);
    check("D14", moved.len() as f64, ids.len() as f64);
}

fn has_key_defect(event: &Event, field: &str) -> bool {
    event.defects.iter().any(|defect| defect.field == field)
}

fn has_other_id(event: &Event) -> bool {
    event.defects.iter().any(|defect| defect.field == "citizen_id" && defect.code != "D14")
}

/// A cell has one defect at most, and what is said to be clean is as in the clean city.
#[test]
fn the_log_names_each_cell_once_and_records_by_their_own_name() {
    for event in city(dirty(23, 60_000)) {
        let dataset = &DATASETS[event.dataset];
        let mut cells = HashSet::new();
        for defect in &event.defects {
            let is_record = ["D36", "D37", "D38", "D39", "D50"].contains(&defect.code);
            assert_eq!(defect.field == RECORD, is_record, "{defect:?}");
            if is_record {
                continue;
            }
            assert!(dataset.fields.iter().any(|field| field.name == defect.field), "{defect:?}");
            assert!(cells.insert(defect.field), "{:?}", event.defects);
        }
    }
}

/// The log's last column tells what a cell was: what is spoilt differs from it, and undoing the
/// simplest defects by hand leads back to it.
#[test]
fn the_log_tells_what_a_cell_was() {
    let mut undone = 0;
    for event in city(dirty(25, 60_000)) {
        let Some(change) = change(&event) else { continue };
        for defect in event.defects.iter().filter(|defect| defect.field != RECORD) {
            let spoilt = &change["after"][defect.field];
            let clean = defect.clean.as_deref();
            if ["D14", "D48"].contains(&defect.code) {
                assert!(spoilt.is_null() || clean == spoilt.as_str() || spoilt.is_number());
                continue;
            }
            assert!(spoilt.as_str() != clean || spoilt.is_number(), "{defect:?} left {spoilt}");
            let Some(text) = spoilt.as_str() else { continue };
            let by_hand = match defect.code {
                "D01" => text.chars().map(half).collect::<String>().trim().to_owned(),
                "D02" => text.trim().to_owned(),
                "D03" => text.replace(['\u{200b}', '\u{feff}', '\u{2060}'], ""),
                _ => continue,
            };
            assert_eq!(Some(by_hand.as_str()), clean, "{defect:?}");
            undone += 1;
        }
    }
    assert!(undone > 3_000, "{undone}");
}

fn half(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

#[test]
fn broken_records_cannot_be_read_and_say_so() {
    let mut broken = 0;
    for event in city(Plan { defects: Some(5.0), ..Plan::new(10, 60_000) }) {
        let Some(value) = &event.value else { continue };
        let parsed = serde_json::from_slice::<Value>(value).ok();
        let is_sound = parsed.as_ref().is_some_and(|change| {
            change["v"] == 1
                && change["ds"] == event.dataset
                && ["c", "u", "d", "r"].contains(&change["op"].as_str().unwrap_or(""))
        });
        let said = event.defects.iter().any(|defect| defect.code == "D50");
        assert_eq!(!is_sound, said, "{}", String::from_utf8_lossy(value));
        broken += u32::from(said);
    }
    assert!(broken > 20, "{broken}");
}

#[test]
fn sequences_are_unique_but_for_second_deliveries_and_conflicts() {
    let mut seen: HashMap<(&str, u64), Vec<u8>> = HashMap::new();
    for event in city(dirty(24, 120_000)) {
        let Some(value) = event.value else { continue };
        let codes: Vec<&str> = event.defects.iter().map(|defect| defect.code).collect();
        let first = seen.insert((event.dataset, event.sequence), value.clone());
        let is_again = codes.contains(&"D36") || codes.contains(&"D37") || codes.contains(&"D50");
        let Some(first) = first else {
            continue;
        };
        assert!(is_again, "{} {}: {codes:?}", event.dataset, event.sequence);
        if codes.contains(&"D37") && !codes.contains(&"D36") {
            assert_ne!(first, value, "a conflict says something else");
        }
    }
}
