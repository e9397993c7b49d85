//! Sample records as columns: the envelope is opened, fields become columns of cells.

use crate::failure::Failure;
use huiliu_files::{Ask, Kind, sample};
use huiliu_model::contract::Format;
use huiliu_model::{Error, ErrorKind, Records};
use huiliu_propose::{Cell, Field, Logical, Sample};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

type Object = Map<String, Value>;

/// A sample and what its records say of themselves.
pub struct Taken {
    pub sample: Sample,
    pub format: Format,
    /// Name of the dataset in the envelope.
    pub dataset: Option<String>,
    /// Kind and encoding of the file, for people.
    pub shown: String,
}

/// Reads the first rows of a file.
///
/// # Errors
/// As the file answers; `Contract` when no record is an object.
pub fn take(ask: &Ask, row_count_max: usize) -> Result<Taken, Failure> {
    refuse_avro(ask)?;
    let taken = sample(ask, row_count_max)?;
    let objects = objects(&taken.records);
    let Some(first) = objects.first() else {
        let why = format!("`{}` has no row that can be read", ask.path.display());
        let help = "JSON needs one object a line: jq -c '.[]' FILE > sample.jsonl";
        return Err(Error::new(ErrorKind::Contract, why).help(help).into());
    };
    let format = match taken.kind {
        Kind::JsonLines => format_of(first),
        Kind::Csv | Kind::Parquet => Format::Json,
    };
    let dataset = first.get("ds").filter(|_| format == Format::HuiliuJson);
    let dataset = dataset.and_then(Value::as_str).map(str::to_owned);
    let logicals = logicals(first, format);
    let mut table = Table { names: taken.names.clone(), ..Table::default() };
    table.positions = (0..table.names.len()).map(|at| (at.to_string(), at)).collect();
    table.columns = vec![Vec::new(); table.names.len()];
    for object in objects {
        table.add(object, format);
    }
    let encoding = taken.encoding.map_or("", |encoding| encoding.label());
    let shown = format!("{} {encoding}", taken.kind.label()).trim_end().to_owned();
    let is_named = taken.kind == Kind::JsonLines;
    let mut sample = table.finish(is_named, &logicals);
    if format == Format::DebeziumJson && logicals.is_empty() {
        sample.fields.iter_mut().for_each(count_as_time);
    }
    Ok(Taken { sample, format, dataset, shown })
}

/// Avro says nothing of itself: a message names its schema by a number, and a container file is
/// no message.
fn refuse_avro(ask: &Ask) -> Result<(), Failure> {
    let mut head = [0; 5];
    let read = File::open(&ask.path).and_then(|mut file| file.read(&mut head));
    // A file that cannot be read is told so by its reader.
    let head = &head[..read.unwrap_or(0)];
    let what = match head {
        [b'O', b'b', b'j', 1, ..] => "an Avro container file",
        [0, _, _, _, _] if ask.kind.is_none() => "an Avro message with the id of its schema",
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("`{}` is {what}, which is no sample", ask.path.display())).help(
        "write some messages as JSON, one a line, with a consumer that knows the registry \
         (kafka-avro-console-consumer, kcat -s value=avro), propose from that file, and then set \
         `source.format` to confluent_avro (or debezium_avro)",
    ))
}

/// Records that are objects; a row that the reader found broken is passed over.
fn objects(records: &Records) -> Vec<Object> {
    let broken: Vec<u32> = records.faults.iter().map(|fault| fault.record).collect();
    let sound = |(index, record): (u32, &huiliu_model::Record)| {
        let value = records.value(record).filter(|_| broken.binary_search(&index).is_err())?;
        serde_json::from_slice::<Object>(value).ok()
    };
    (0..).zip(&records.entries).filter_map(sound).collect()
}

fn format_of(object: &Object) -> Format {
    let has = |name: &str| object.contains_key(name);
    if has("op") && has("seq") && (has("ds") || has("after")) {
        Format::HuiliuJson
    } else if has("payload") || (has("op") && (has("after") || has("before")) && has("source")) {
        Format::DebeziumJson
    } else {
        Format::Json
    }
}

/// Types in the schema that Debezium writes beside its payload.
fn logicals(first: &Object, format: Format) -> BTreeMap<String, Logical> {
    let mut found = BTreeMap::new();
    let fields = |value: &Value| value.get("fields").and_then(Value::as_array).cloned();
    let images = first.get("schema").filter(|_| format == Format::DebeziumJson).and_then(fields);
    let after = images
        .into_iter()
        .flatten()
        .find(|field| field.get("field").and_then(Value::as_str) == Some("after"));
    for field in after.as_ref().and_then(fields).into_iter().flatten() {
        let text = |name: &str| field.get(name).and_then(Value::as_str);
        let scale = field.pointer("/parameters/scale").and_then(Value::as_str);
        let logical = match text("name").unwrap_or_default() {
            "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Logical::Date,
            "org.apache.kafka.connect.data.Decimal" => {
                Logical::Decimal { scale: scale.and_then(|s| s.parse().ok()).unwrap_or(0) }
            }
            name if name.starts_with("io.debezium.time.") && name.ends_with("Timestamp") => {
                Logical::Timestamp
            }
            "org.apache.kafka.connect.data.Timestamp" => Logical::Timestamp,
            _ => continue,
        };
        if let Some(name) = text("field") {
            found.insert(name.to_owned(), logical);
        }
    }
    found
}

/// Debezium without its schema: a name of a time over numbers that count from 1970 is one.
fn count_as_time(field: &mut Field) {
    let present = || field.cells.iter().filter(|cell| **cell != Cell::Missing);
    let counts = |least: i64, most: i64| {
        present().next().is_some()
            && present().all(|cell| match cell {
                Cell::Number(text) => text.parse().is_ok_and(|n| (least..=most).contains(&n)),
                _ => false,
            })
    };
    let ends = |endings: &[&str]| endings.iter().any(|ending| field.header.ends_with(ending));
    // Days of 1970 to 2106; milliseconds from 2001 on, or finer units.
    let logical = if ends(&["date", "day", "birthday", "_on"]) && counts(0, 50_000) {
        Some(Logical::Date)
    } else if ends(&["time", "_at", "timestamp"]) && counts(1_000_000_000_000, i64::MAX) {
        Some(Logical::Timestamp)
    } else {
        None
    };
    field.logical = logical;
}

/// Columns in the order in which their fields first came.
#[derive(Default)]
struct Table {
    names: Vec<String>,
    positions: BTreeMap<String, usize>,
    columns: Vec<Vec<Cell>>,
    is_first: Vec<bool>,
    has_changes: bool,
}

impl Table {
    fn add(&mut self, mut object: Object, format: Format) {
        let mut is_first = true;
        if format != Format::Json {
            let mut envelope = match object.remove("payload") {
                Some(Value::Object(payload)) => payload,
                _ => object,
            };
            let op = envelope.get("op").and_then(Value::as_str).unwrap_or_default().to_owned();
            self.has_changes |= matches!(op.as_str(), "u" | "d");
            is_first = matches!(op.as_str(), "c" | "r");
            // The image of a delete may hold the key alone, and says nothing of other columns.
            let Some(Value::Object(after)) = envelope.remove("after") else { return };
            object = after;
        }
        let row = self.is_first.len();
        for (name, value) in object {
            let next = self.columns.len();
            let at = *self.positions.entry(name).or_insert_with_key(|name| {
                self.names.push(name.clone());
                next
            });
            if at == next {
                self.columns.push(Vec::new());
            }
            let column = &mut self.columns[at];
            column.resize(row, Cell::Missing);
            column.push(cell(value));
        }
        self.is_first.push(is_first);
    }

    fn finish(self, is_named: bool, logicals: &BTreeMap<String, Logical>) -> Sample {
        let row_count = self.is_first.len();
        let field = |(header, mut cells): (String, Vec<Cell>)| {
            cells.resize(row_count, Cell::Missing);
            Field { logical: logicals.get(&header).copied(), header, cells }
        };
        Sample {
            fields: self.names.into_iter().zip(self.columns).map(field).collect(),
            row_count,
            is_named,
            is_first: self.is_first,
            has_changes: self.has_changes,
        }
    }
}

fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(truth) => Cell::Truth(truth),
        Value::Number(number) => Cell::Number(number.to_string()),
        Value::String(text) => Cell::Text(text),
        Value::Array(_) | Value::Object(_) => Cell::Nested,
    }
}
