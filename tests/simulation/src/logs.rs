//! Logs as they were written, and what is left of them, read without the product's own code.
//!
//! The store remembers every entry of a log that was ever written. Of them each table is worked
//! out; then what is left in the store, checkpoints and the entries behind them, has to say the
//! same.

use crate::store::Depot;
use arrow::array::{Array, AsArray, StructArray};
use arrow::datatypes::Int64Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A table as its log tells it.
#[derive(Debug, Default)]
pub struct Table {
    pub name: String,
    /// Live files and their sizes.
    pub files: BTreeMap<String, u64>,
    /// What each version keeps under `commitInfo.huiliu`.
    pub receipts: Vec<Value>,
    /// Recorded progress by app id.
    progress: BTreeMap<String, i64>,
}

/// Every table: its log without holes, its live files there with their sizes, its checkpoints as
/// the log has it, and nothing cut but behind a checkpoint.
///
/// # Errors
/// The first thing that does not add up.
pub async fn tables(depot: &Depot) -> Result<Vec<Table>, String> {
    let objects = depot.objects().await;
    let mut logs: BTreeMap<String, Vec<(String, bytes::Bytes)>> = BTreeMap::new();
    for (path, text) in depot.entries() {
        let (table, _) = path.split_once("/_delta_log/").ok_or("an entry of no log")?;
        logs.entry(table.to_owned()).or_default().push((path.clone(), text));
    }
    let mut tables = Vec::new();
    for (name, log) in logs {
        let mut table = Table { name, ..Table::default() };
        let mut left = Left::default();
        for (version, (path, text)) in log.iter().enumerate() {
            if *path != format!("{}/_delta_log/{version:020}.json", table.name) {
                return Err(format!("the log of {} lacks version {version}", table.name));
            }
            read_version(&mut table, text)?;
            if objects.contains_key(path) {
                left.entries.insert(version);
            }
            let checkpoint = path.replace(".json", ".checkpoint.parquet");
            if objects.contains_key(&checkpoint) {
                left.checkpoints.insert(version);
                check_checkpoint(depot, &checkpoint, &table).await?;
            }
        }
        left.check(depot, &table.name, log.len()).await?;
        for (path, size) in &table.files {
            let full = format!("{}/{path}", table.name);
            if objects.get(&full) != Some(size) {
                let found = objects.get(&full);
                return Err(format!("live file {full} of {size} bytes: the store has {found:?}"));
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

fn read_version(table: &mut Table, text: &[u8]) -> Result<(), String> {
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let path = |action: &Value| action["path"].as_str().unwrap_or_default().to_owned();
        if let Some(add) = line.get("add") {
            let size = add["size"].as_u64().unwrap_or(0);
            if table.files.insert(path(add), size).is_some() {
                return Err(format!("{} adds {} twice", table.name, path(add)));
            }
        } else if let Some(remove) = line.get("remove") {
            if table.files.remove(&path(remove)).is_none() {
                return Err(format!("{} removes {}, not live", table.name, path(remove)));
            }
        } else if let Some(txn) = line.get("txn") {
            let app = txn["appId"].as_str().unwrap_or_default().to_owned();
            table.progress.insert(app, txn["version"].as_i64().unwrap_or(-1));
        } else if let Some(info) = line.get("commitInfo") {
            table.receipts.push(info.get("huiliu").cloned().unwrap_or(Value::Null));
        }
    }
    Ok(())
}

/// A checkpoint has the files and the progress of its version.
async fn check_checkpoint(depot: &Depot, path: &str, table: &Table) -> Result<(), String> {
    let odd = |e: &dyn std::fmt::Display| format!("checkpoint {path}: {e}");
    let bytes = depot.bytes(path).await.ok_or("a checkpoint vanished")?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| odd(&e))?;
    let columns = ["add.path", "add.size", "txn.appId", "txn.version"];
    let columns = ProjectionMask::columns(reader.parquet_schema(), columns);
    let reader = reader.with_projection(columns);
    let (mut files, mut progress) = (BTreeMap::new(), BTreeMap::new());
    for batch in reader.build().map_err(|e| odd(&e))? {
        let batch = batch.map_err(|e| odd(&e))?;
        let of = |name: &str| batch.column_by_name(name).map(|column| column.as_struct().clone());
        let add = of("add").ok_or("a checkpoint without files")?;
        for (file, size) in pairs(&add, "path", "size") {
            files.insert(file, u64::try_from(size).map_err(|e| odd(&e))?);
        }
        progress.extend(pairs(&of("txn").ok_or("a checkpoint of no txn")?, "appId", "version"));
    }
    if files != table.files {
        return Err(odd(&format!("it has the files {files:?}, the log {:?}", table.files)));
    }
    match progress == table.progress {
        true => Ok(()),
        false => Err(odd(&format!("it has {progress:?}, the log {:?}", table.progress))),
    }
}

fn pairs(actions: &StructArray, text: &str, number: &str) -> Vec<(String, i64)> {
    let of = |name: &str| actions.column_by_name(name).expect("the protocol has it");
    let (texts, numbers) = (of(text).as_string::<i32>(), of(number).as_primitive::<Int64Type>());
    let there = (0..actions.len()).filter(|row| actions.is_valid(*row) && texts.is_valid(*row));
    there.map(|row| (texts.value(row).to_owned(), numbers.value(row))).collect()
}

/// Versions of a log of which the store has something.
#[derive(Debug, Default)]
struct Left {
    entries: BTreeSet<usize>,
    checkpoints: BTreeSet<usize>,
}

impl Left {
    /// Whoever begins at version 0, at the newest checkpoint or at the one that is named comes to
    /// the newest version.
    async fn check(&self, depot: &Depot, table: &str, count: usize) -> Result<(), String> {
        let leads = |first: usize| (first..count).all(|version| self.entries.contains(&version));
        let newest = self.checkpoints.last().copied();
        if !leads(newest.map_or(0, |version| version + 1)) {
            return Err(format!("the log of {table} was cut: {self:?}"));
        }
        let hint = depot.bytes(&format!("{table}/_delta_log/_last_checkpoint")).await;
        // One that was left half names nothing: readers list what is there.
        let named = hint.and_then(|hint| serde_json::from_slice::<Value>(&hint).ok());
        let Some(named) = named else { return Ok(()) };
        let named = named["version"].as_u64().and_then(|version| usize::try_from(version).ok());
        match named.filter(|version| self.checkpoints.contains(version) && leads(version + 1)) {
            Some(_) => Ok(()),
            None => Err(format!("{table}: checkpoint {named:?} is named, and there is {self:?}")),
        }
    }
}
