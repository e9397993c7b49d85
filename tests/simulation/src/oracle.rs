//! What must be true after a history, found out without the product's own code.
//!
//! Logs are read as JSON lines, data files with the Parquet library alone, and the newest row per
//! key is worked out from what the writer of the records meant.

use crate::broker::{Entry, Log, Meaning};
use crate::logs::{Table, tables};
use crate::records::dataset_of;
use crate::store::Depot;
use crate::subjects::{PAIR, SUBJECT, TALLY};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_model::Partition;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    pub offsets: u64,
    pub commits: u64,
}

/// Partition and offset.
type Place = (Partition, i64);
/// Key and status.
type Rows = BTreeMap<String, String>;

/// Checks everything that holds at any quiet moment; the subject tables, if there are any.
///
/// # Errors
/// The first thing that does not add up.
pub async fn check(
    depot: &Depot,
    logs: &BTreeMap<Partition, Log>,
    has_subjects: bool,
) -> Result<Counted, String> {
    let tables = tables(depot).await?;
    let mut counted = Counted::default();
    let mut states = Vec::new();
    for dataset in ["account", "meter"] {
        let of = |kind: &str| {
            let name = format!("{kind}/{dataset}");
            tables.iter().find(|t| t.name == name).ok_or(format!("table {name} is not there"))
        };
        let changes = of("changes")?;
        let mine: BTreeMap<&Partition, &Log> =
            logs.iter().filter(|(p, _)| dataset_of(&p.kafka_topic) == dataset).collect();
        let covered = check_receipts(changes, &mine)?;
        check_tallies(changes, &mine)?;
        let places = check_rows(depot, changes, of("quarantine")?, &mine, &covered).await?;
        let newest = newest(&mine, &covered)?;
        check_current(depot, of("current")?, &newest).await?;
        states.push(newest);
        counted.offsets += places;
        counted.commits +=
            changes.receipts.iter().filter(|r| r.get("covers").is_some()).count() as u64;
        check_ledger(depot, &tables, dataset, changes).await?;
    }
    if has_subjects {
        check_subjects(depot, &tables, (&states[0], &states[1])).await?;
    }
    Ok(counted)
}

/// Checks that the store holds no data file that its table does not name.
///
/// # Errors
/// The first one.
pub async fn check_no_orphans(depot: &Depot) -> Result<(), String> {
    let tables = tables(depot).await?;
    let named: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| table.files.keys().map(|path| format!("{}/{path}", table.name)))
        .collect();
    for object in depot.objects().await.into_keys() {
        let is_known = object.contains("/_delta_log/") || object.starts_with("leases/");
        if !is_known && object != "_huiliu/clock" && !named.contains(&object) {
            return Err(format!("orphan {object} is left after maintenance"));
        }
    }
    Ok(())
}

fn partition_of(id: &str) -> Result<Partition, String> {
    let (topic, number) = id.rsplit_once('/').ok_or("a receipt names no partition")?;
    Ok(Partition::new(topic, number.parse().map_err(|_| "a partition is a number")?))
}

fn covers(receipt: &Value) -> Result<Vec<(Partition, i64, i64)>, String> {
    let Some(covers) = receipt.get("covers").and_then(Value::as_object) else {
        return Ok(Vec::new());
    };
    let range = |(id, range): (&String, &Value)| {
        let at = |end: usize| range[end].as_i64().ok_or("a range is of numbers".to_owned());
        Ok((partition_of(id)?, at(0)?, at(1)?))
    };
    covers.iter().map(range).collect()
}

/// Ranges of a partition touch, but where a person set the offset; the last one ends where the
/// partition ends. Gives every offset that is covered.
fn check_receipts(
    changes: &Table,
    logs: &BTreeMap<&Partition, &Log>,
) -> Result<BTreeSet<Place>, String> {
    let mut next: BTreeMap<Partition, i64> = BTreeMap::new();
    let mut covered = BTreeSet::new();
    for receipt in &changes.receipts {
        if let Some(reset) = receipt.get("reset") {
            let partition = partition_of(reset["partition"].as_str().unwrap_or_default())?;
            let to = reset["to"].as_i64().unwrap_or(-1);
            let log = logs.get(&partition).ok_or("a reset of no partition")?;
            let from = next.insert(partition.clone(), to).unwrap_or(0);
            if to < from && !log.is_made_anew {
                return Err(format!("{partition} was set back from {from} to {to}"));
            }
        }
        for (partition, start, end) in covers(receipt)? {
            let log = logs.get(&partition).ok_or(format!("{partition} does not exist"))?;
            match next.get(&partition) {
                Some(next) if *next != start => {
                    return Err(format!("{partition}: {start}..{end} follows on {next}"));
                }
                None if start != 0 && !log.starts.contains(&start) => {
                    return Err(format!("{partition} begins at {start}"));
                }
                _ => {}
            }
            covered.extend((start..end).map(|offset| (partition.clone(), offset)));
            next.insert(partition, end);
        }
    }
    for (partition, log) in logs {
        let is_empty = log.available().is_empty();
        match next.get(partition) {
            Some(next) if *next == log.end() => {}
            None if is_empty => {}
            other => return Err(format!("{partition} ends at {}, not {other:?}", log.end())),
        }
    }
    Ok(covered)
}

fn entry<'a>(logs: &BTreeMap<&Partition, &'a Log>, place: &Place) -> Result<&'a Entry, String> {
    let log = logs.get(&place.0).ok_or("no such partition")?;
    let at = usize::try_from(place.1).map_err(|_| "a negative offset")?;
    log.entries.get(at).ok_or(format!("{} has no offset {at}", place.0))
}

/// Each receipt counts its offsets by what they are.
fn check_tallies(changes: &Table, logs: &BTreeMap<&Partition, &Log>) -> Result<(), String> {
    for receipt in changes.receipts.iter().filter(|r| r.get("covers").is_some()) {
        let mut expected = [0_u64; 5];
        for (partition, start, end) in covers(receipt)? {
            for offset in start..end {
                let kind = match entry(logs, &(partition.clone(), offset))? {
                    Entry::Record(_, Meaning::Change { .. }) => 0,
                    Entry::Record(_, Meaning::Bad) => 1,
                    Entry::Record(_, Meaning::Tombstone) => 2,
                    Entry::Gap => 4,
                };
                expected[kind] += 1;
            }
        }
        let names = ["accepted", "rejected", "tombstones", "control", "gaps"];
        let said = names.map(|name| receipt["tally"][name].as_u64().unwrap_or(u64::MAX));
        if said != expected {
            return Err(format!("a receipt of {} says {said:?}, not {expected:?}", changes.name));
        }
    }
    Ok(())
}

async fn rows(depot: &Depot, table: &Table) -> Result<Vec<RecordBatch>, String> {
    let mut all = Vec::new();
    for path in table.files.keys() {
        let bytes = depot.bytes(&format!("{}/{path}", table.name)).await.ok_or("it vanished")?;
        let failed = |e: parquet::errors::ParquetError| format!("{}/{path}: {e}", table.name);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(failed)?;
        for batch in reader.build().map_err(failed)? {
            all.push(batch.map_err(|e| format!("{}/{path}: {e}", table.name))?);
        }
    }
    Ok(all)
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    let column = batch.column_by_name(name).expect("the table has the column");
    column.as_string::<i32>().iter().collect()
}

fn longs(batch: &RecordBatch, name: &str) -> Vec<i64> {
    let column = batch.column_by_name(name).expect("the table has the column");
    column.as_primitive::<Int64Type>().values().to_vec()
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<i32> {
    let column = batch.column_by_name(name).expect("the table has the column");
    column.as_primitive::<Int32Type>().values().to_vec()
}

/// Rows for each place.
type Found = BTreeMap<Place, i32>;

async fn found_rows(depot: &Depot, table: &Table, topic: &str) -> Result<Found, String> {
    let mut found = Found::new();
    for batch in rows(depot, table).await? {
        let offsets = longs(&batch, "sys_offset");
        let partitions = texts(&batch, topic).into_iter().zip(ints(&batch, "sys_partition"));
        for ((topic, number), offset) in partitions.zip(offsets) {
            let partition = Partition::new(topic.ok_or("a row names no topic")?, number);
            *found.entry((partition, offset)).or_default() += 1;
        }
    }
    Ok(found)
}

fn compare(table: &str, found: &Found, expected: &Found) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let wrong = found.iter().find(|(place, rows)| expected.get(place) != Some(rows));
    let lacks = expected.iter().find(|(place, rows)| found.get(place) != Some(rows));
    Err(format!("{table}: rows of (partition, offset): {wrong:?} found, {lacks:?} due"))
}

/// A bad record of a batch that died between its two commits, and that Kafka dropped before it
/// was read again: quarantine has the only copy, and keeps it.
fn is_kept_alone(logs: &BTreeMap<&Partition, &Log>, place: &Place) -> Result<bool, String> {
    let is_bad = matches!(entry(logs, place)?, Entry::Record(_, Meaning::Bad));
    Ok(is_bad && !logs[&place.0].available().contains(&place.1))
}

/// Every change is in `changes` once for each of its rows, every bad record in `quarantine` once,
/// and nothing else in either, but what is kept there alone.
async fn check_rows(
    depot: &Depot,
    changes: &Table,
    quarantine: &Table,
    logs: &BTreeMap<&Partition, &Log>,
    covered: &BTreeSet<Place>,
) -> Result<u64, String> {
    let (mut expected_rows, mut expected_rejects) = (Found::new(), Found::new());
    for place in covered {
        match entry(logs, place)? {
            Entry::Record(_, Meaning::Change { key_before, .. }) => {
                let rows = if key_before.is_some() { 2 } else { 1 };
                expected_rows.insert(place.clone(), rows);
            }
            Entry::Record(_, Meaning::Bad) => {
                expected_rejects.insert(place.clone(), 1);
            }
            _ => {}
        }
    }
    let found = found_rows(depot, changes, "sys_kafka_topic").await?;
    compare(&changes.name, &found, &expected_rows)?;
    let mut found = found_rows(depot, quarantine, "kafka_topic").await?;
    let kept = |place: &Place| -> Result<bool, String> {
        Ok(!covered.contains(place) && is_kept_alone(logs, place)?)
    };
    for place in found.keys().cloned().collect::<Vec<_>>() {
        if found[&place] == 1 && kept(&place)? {
            found.remove(&place);
        }
    }
    compare(&quarantine.name, &found, &expected_rejects)?;
    Ok(covered.len() as u64)
}

/// Where a row stands among all of its key, most significant first.
type Rank<'a> = (i64, i32, i64, i32, &'a str, i32);

/// The newest row per key, from what was meant.
fn newest(logs: &BTreeMap<&Partition, &Log>, covered: &BTreeSet<Place>) -> Result<Rows, String> {
    let mut best: BTreeMap<String, (Rank<'_>, Option<String>)> = BTreeMap::new();
    let mut offer = |key: &String, rank, status: Option<String>| {
        let held = best.entry(key.clone()).or_insert((rank, status.clone()));
        if held.0 <= rank {
            *held = (rank, status);
        }
    };
    for place in covered {
        let Entry::Record(_, Meaning::Change { op, seq, key, key_before, status }) =
            entry(logs, place)?
        else {
            continue;
        };
        let kind = i32::from(*op != 'r');
        let topic = &*place.0.kafka_topic;
        let rank = |ordinal| (*seq, kind, place.1, place.0.number, topic, ordinal);
        if let Some(before) = key_before {
            offer(before, rank(0), None);
        }
        let status = (*op != 'd').then(|| status.clone());
        offer(key, rank(i32::from(key_before.is_some())), status);
    }
    Ok(best.into_iter().filter_map(|(key, (_, status))| Some((key, status?))).collect())
}

async fn check_current(depot: &Depot, current: &Table, expected: &Rows) -> Result<(), String> {
    let mut found = Rows::new();
    for batch in rows(depot, current).await? {
        for (key, status) in texts(&batch, "account_no").into_iter().zip(texts(&batch, "status")) {
            let (key, status) = (key.unwrap_or("null"), status.unwrap_or("null"));
            if found.insert(key.to_owned(), status.to_owned()).is_some() {
                return Err(format!("{} has key {key} twice", current.name));
            }
        }
    }
    match found == *expected {
        true => Ok(()),
        false => Err(format!("{} is {found:?}, not {expected:?}", current.name)),
    }
}

/// Both subject tables are what their queries mean, worked out from the newest rows.
async fn check_subjects(
    depot: &Depot,
    tables: &[Table],
    (accounts, meters): (&Rows, &Rows),
) -> Result<(), String> {
    let of = |name: &str| {
        let name = format!("subjects/{SUBJECT}/{name}");
        tables.iter().find(|t| t.name == name).ok_or(format!("table {name} is not there"))
    };
    let (mut pairs, mut tallies) = (Vec::new(), BTreeMap::<&String, (i64, i64)>::new());
    for (key, status) in accounts {
        let meter = meters.get(key);
        pairs.push((key.as_str(), status.as_str(), meter.map(String::as_str)));
        let tally = tallies.entry(status).or_default();
        *tally = (tally.0 + 1, tally.1 + i64::from(meter.is_some()));
    }
    let batches = rows(depot, of(PAIR)?).await?;
    let mut found = Vec::new();
    for batch in &batches {
        let [keys, accounts, meters] =
            ["account_no", "account_status", "meter_status"].map(|name| texts(batch, name));
        for ((key, account), meter) in keys.into_iter().zip(accounts).zip(meters) {
            found.push((key.unwrap_or("null"), account.unwrap_or("null"), meter));
        }
    }
    found.sort_unstable();
    if found != pairs {
        return Err(format!("{SUBJECT}.{PAIR} is {found:?}, not {pairs:?}"));
    }
    let mut found = Vec::new();
    for batch in rows(depot, of(TALLY)?).await? {
        let counts = longs(&batch, "accounts").into_iter().zip(longs(&batch, "metered"));
        let statuses = texts(&batch, "status").into_iter();
        found.extend(statuses.map(|s| s.unwrap_or("null").to_owned()).zip(counts));
    }
    found.sort_unstable();
    let expected: Vec<(String, (i64, i64))> =
        tallies.into_iter().map(|(status, tally)| (status.clone(), tally)).collect();
    match found == expected {
        true => Ok(()),
        false => Err(format!("{SUBJECT}.{TALLY} is {found:?}, not {expected:?}")),
    }
}

/// Every receipt is in `ledger.receipts` once.
async fn check_ledger(
    depot: &Depot,
    tables: &[Table],
    dataset: &str,
    changes: &Table,
) -> Result<(), String> {
    let written = (0_i64..).zip(&changes.receipts);
    let expected: Vec<i64> =
        written.filter(|(_, r)| r.get("covers").is_some()).map(|(version, _)| version).collect();
    let Some(ledger) = tables.iter().find(|table| table.name == "ledger/receipts") else {
        return Err("there is no ledger of receipts".to_owned());
    };
    let mut found = Vec::new();
    for batch in rows(depot, ledger).await? {
        let versions = longs(&batch, "changes_version");
        let named = texts(&batch, "dataset").into_iter().zip(versions);
        found.extend(named.filter(|(name, _)| *name == Some(dataset)).map(|(_, version)| version));
    }
    found.sort_unstable();
    match found == expected {
        true => Ok(()),
        false => Err(format!("ledger.receipts of {dataset}: {found:?}, not {expected:?}")),
    }
}
