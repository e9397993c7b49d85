//! Recorded records, read as the product reads them, and the rows the database held.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use huiliu_decode::{Decoder, Limits};
use huiliu_model::{Changes, Contract, Record, Records};
use huiliu_normalise::columns::Texts;
use huiliu_normalise::{Normaliser, Protection};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One row of `changes`: its values by column, null where there is none.
#[derive(Debug, Clone)]
pub struct Row {
    pub op: String,
    pub seq: i64,
    pub key: Vec<Option<String>>,
    /// In the order of the contract.
    pub names: Vec<String>,
    pub values: BTreeMap<String, Option<String>>,
    pub unsent: Vec<String>,
}

pub struct Fates {
    pub records: usize,
    pub control: usize,
    /// Sequence of the last truncate.
    pub truncated_at: Option<i64>,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../decode/tests/data/debezium").join(name)
}

pub fn contract(table: &str, columns: &str, key: &str, modes: &str) -> Contract {
    let separator = if modes.is_empty() { "" } else { ", " };
    let text = format!(
        "dataset: {table}\ntitle: 表\nprovider: 试验单位\ngroup: feed\n\
         source: {{kafka_topic: x.{table}, format: debezium_json{separator}{modes}}}\n\
         mode: cdc\nkey: {key}\ncolumns:{columns}"
    );
    let path = format!("pipelines/feed/{table}.yaml");
    huiliu_spec::pipeline::parse(Path::new(&path), &text).expect("the contract is sound")
}

/// Key and value of the records of a kafka_topic, as bytes.
fn records(name: &str, kafka_topic: &str, contract: &Contract) -> Records {
    let text = std::fs::read_to_string(file(&format!("{name}.ndjson"))).expect("it is there");
    let mut records = Records::new(contract.dataset.clone(), kafka_topic.into());
    for line in text.lines() {
        let head: Value = serde_json::from_str(line).expect("a line is JSON");
        if head["topic"] != kafka_topic {
            continue;
        }
        let at = line.find("\"value\": ").expect("the value is the last member") + 9;
        let value = &line[at..line.len() - 1];
        let value = (value != "null").then(|| records.store(value.as_bytes()));
        let offset = head["offset"].as_i64().expect("a number");
        records.entries.push(Record {
            partition: 0,
            offset,
            timestamp_ms: 1_795_992_000_000,
            key: None,
            value,
        });
    }
    records
}

fn decode(records: &Records, contract: &Contract) -> Changes {
    Decoder::new(contract, Limits::default()).decode(records)
}

/// The rows that the records of a kafka_topic become. None may be rejected.
pub fn rows(name: &str, kafka_topic: &str, contract: &Contract) -> Vec<Row> {
    let records = records(name, kafka_topic, contract);
    let changes = decode(&records, contract);
    assert!(changes.rejects.is_empty(), "{:?}", changes.rejects);
    let contract = Arc::new(contract.clone());
    let normaliser = Normaliser::new(Arc::clone(&contract), Arc::new(Protection::Plain));
    let prepared = normaliser.expect("it fits").prepare(&records, &changes, 1_800_000_000_000_000);
    assert!(prepared.rejected.is_empty(), "no row is refused");
    shown(&prepared.rows.expect("there are rows"), &contract)
}

pub fn fates(name: &str, kafka_topic: &str, contract: &Contract) -> Fates {
    let records = records(name, kafka_topic, contract);
    let changes = decode(&records, contract);
    Fates {
        records: records.entries.len(),
        control: usize::try_from(changes.skipped.control).expect("few"),
        truncated_at: changes.truncate.as_ref().map(|truncate| truncate.seq),
    }
}

fn shown(rows: &RecordBatch, contract: &Contract) -> Vec<Row> {
    let column = |name: &str| rows.column_by_name(name).expect("it is there");
    let text = |name: &str, row: usize| {
        let texts = column(name).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let names: Vec<String> = contract.columns.iter().map(|c| c.name.clone()).collect();
    let row = |row: usize| {
        let value = |name: &String| {
            let texts = Texts::new(column(name));
            let mut scratch = String::new();
            (name.clone(), texts.get(row, &mut scratch).map(str::to_owned))
        };
        let values: BTreeMap<String, Option<String>> = names.iter().map(value).collect();
        let unsent = text("sys_unsent", row).unwrap_or_default();
        Row {
            op: text("sys_op", row).expect("it has one"),
            seq: column("sys_seq").as_primitive::<Int64Type>().value(row),
            key: contract.key_names().iter().map(|k| values[*k].clone()).collect(),
            names: names.clone(),
            values,
            unsent: unsent.split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        }
    };
    (0..rows.num_rows()).map(row).collect()
}

/// What the rows leave, in the order they came: of a key the last, and of a cell that was not
/// sent the one before, also under the key that it had before.
pub fn fold(rows: &[Row]) -> BTreeMap<Vec<Option<String>>, Vec<Option<String>>> {
    let mut held: BTreeMap<Vec<Option<String>>, Row> = BTreeMap::new();
    let mut left: Option<Row> = None;
    for row in rows {
        if row.op == "d" {
            left = held.remove(&row.key).map(|was| Row { seq: row.seq, ..was });
            continue;
        }
        let moved = left.as_ref().filter(|was| was.seq == row.seq);
        let before = held.get(&row.key).or(moved);
        let mut row = row.clone();
        for name in &row.unsent {
            let known = before.and_then(|was| was.values[name].clone());
            row.values.insert(name.clone(), known);
        }
        held.insert(row.key.clone(), row);
    }
    let cells = |row: Row| row.names.iter().map(|name| row.values[name].clone()).collect();
    held.into_iter().map(|(key, row)| (key, cells(row))).collect()
}

type Held = Vec<BTreeMap<String, Option<String>>>;

/// After each step that changed it: the end of the log, and the rows of a table.
pub fn state(database: &str, table: &str) -> Vec<(String, i64, Held)> {
    let text = std::fs::read_to_string(file(&format!("{database}.state.ndjson")));
    let lines = text.expect("it is there");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of = |line: Value| {
        let rows = line.get(table)?.as_array()?.iter().map(cells).collect();
        let step = line["step"].as_str()?.to_owned();
        Some((step, end(&line)?, rows))
    };
    lines.filter_map(of).collect()
}

/// The end of the log as a sequence: of a binary log its file's number and the position.
fn end(line: &Value) -> Option<i64> {
    if let Some(lsn) = line["lsn"].as_i64() {
        return Some(lsn);
    }
    let number: i64 = line["file"].as_str()?.rsplit('.').next()?.parse().ok()?;
    Some(number * (1 << 40) + line["pos"].as_i64()? * 256)
}

fn cells(row: &Value) -> BTreeMap<String, Option<String>> {
    let cell = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(long) => {
            let times = long["times"].as_u64().and_then(|n| usize::try_from(n).ok());
            Some(long["repeated"].as_str().expect("a text").repeat(times.expect("a number")))
        }
        _ => None,
    };
    let row = row.as_object().expect("a row");
    row.iter().map(|(name, value)| (name.clone(), cell(value))).collect()
}
