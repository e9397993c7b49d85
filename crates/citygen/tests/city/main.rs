//! A city seen from outside: its schema, identifiers, references, history and defects.
//!
//! What is expected comes from the catalogue of datasets, code lists, divisions and defect rates
//! in `tests/data`, and from formulas of the standards written here again.

mod catalogue;
mod consistency;
mod defects;
mod history;
mod identifiers;
mod schema;

use catalogue::key_of;
use huiliu_citygen::{Event, Plan};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

const RECORDS: u64 = 40_000;

fn dirty(seed: u64, records: u64) -> Plan {
    Plan { defects: Some(1.0), ..Plan::new(seed, records) }
}

fn change(event: &Event) -> Option<Value> {
    serde_json::from_slice(event.value.as_deref()?).ok()
}

/// Rows by key.
type Table = HashMap<String, Value>;

/// The newest image of each row: highest sequence wins, a delete removes.
fn fold(events: impl Iterator<Item = Event>) -> BTreeMap<&'static str, Table> {
    let mut newest: BTreeMap<&'static str, HashMap<String, (i64, Option<Value>)>> = BTreeMap::new();
    for event in events {
        let Some(change) = change(&event) else { continue };
        let rows = newest.entry(event.dataset).or_default();
        let seq = change["seq"].as_i64().expect("a number");
        let (before, after) = (&change["before"], &change["after"]);
        if !before.is_null() {
            let held = rows.entry(key_of(event.dataset, before)).or_insert((-1, None));
            if seq > held.0 {
                *held = (seq, None);
            }
        }
        if !after.is_null() {
            // A key change removes the old key and writes the new one, both at this sequence.
            let held = rows.entry(key_of(event.dataset, after)).or_insert((-1, None));
            if seq >= held.0 {
                *held = (seq, Some(after.clone()));
            }
        }
    }
    let living = |rows: HashMap<String, (i64, Option<Value>)>| {
        rows.into_iter().filter_map(|(key, (_, image))| Some((key, image?))).collect()
    };
    newest.into_iter().map(|(dataset, rows)| (dataset, living(rows))).collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} of {row}"))
}
