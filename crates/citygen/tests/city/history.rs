//! The stream in time: determinism, sequences, updates, deletes, corrections, late readings.

use super::catalogue::{DATASETS, key_of};
use super::{RECORDS, change, dirty, text};
use chrono::NaiveDate;
use huiliu_citygen::{Event, Plan, city};
use std::collections::{BTreeMap, HashMap, HashSet};

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
fn sequences_grow_and_time_goes_forward() {
    let mut last_seq: HashMap<&str, u64> = HashMap::new();
    let mut last_time: HashMap<String, String> = HashMap::new();
    let mut last_ms = 0;
    let (mut ops, mut tombstones, mut key_changes) = (BTreeMap::new(), 0, 0);
    let mut deleted = None;
    for event in city(Plan::new(8, RECORDS)) {
        assert!(event.timestamp_ms >= last_ms);
        last_ms = event.timestamp_ms;
        let Some(change) = change(&event) else {
            let tombstone = Some((event.dataset, event.key.clone(), event.sequence));
            assert_eq!(deleted, tombstone, "a tombstone follows its delete");
            tombstones += 1;
            continue;
        };
        let seq = change["seq"].as_u64().expect("a number");
        assert!(last_seq.insert(event.dataset, seq).is_none_or(|last| last < seq));
        let op = text(&change, "op").to_owned();
        deleted = (op == "d").then(|| (event.dataset, event.key.clone(), seq));
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
    assert!(ops["r"] > 1_000 && ops["u"] > 2_000 && ops["d"] > 60, "{ops:?}");
    assert!(key_changes > 60, "{key_changes}");
    let end = NaiveDate::from_ymd_opt(2020, 7, 1).expect("a date").and_hms_opt(0, 0, 0);
    let end_ms = end.expect("midnight").and_utc().timestamp_millis() - 8 * 3_600_000;
    assert!((end_ms - 86_400_000..end_ms).contains(&last_ms), "the run ends with `as_of`");
}

#[test]
fn rows_of_many_datasets_change_and_events_are_only_corrected() {
    let (mut updated, mut corrected) = (HashSet::new(), HashSet::new());
    let (mut late, mut seen) = (0, HashMap::new());
    for event in city(Plan::new(18, 150_000)) {
        let Some(change) = change(&event) else { continue };
        let op = text(&change, "op");
        if DATASETS[event.dataset].is_append() {
            assert_eq!(op, "c", "{change}");
            let key = (event.dataset, event.key.clone());
            if let Some(first) = seen.insert(key, change["after"].clone()) {
                assert_ne!(first, change["after"], "a correction says something else");
                corrected.insert(event.dataset);
            }
            // A reading of a day long before the day of its arrival.
            let after = &change["after"];
            if event.dataset == "power_reading" && after["quality"] == "2" {
                late += u32::from(text(after, "read_time") < "2020-06-06");
            }
        } else if op == "u" {
            updated.insert(event.dataset);
        }
    }
    assert!(updated.len() >= 28, "{}: {updated:?}", updated.len());
    assert!(corrected.len() >= 5, "{corrected:?}");
    assert!(late > 10, "{late} late readings");
}
