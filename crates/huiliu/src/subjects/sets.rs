//! Consistent sets: which versions of a subject database's tables belong together.
//!
//! A set is complete when every table of the subject stands at one vector of input versions: each
//! dataset at the version that all of them read, each subject table at the version that was read
//! of it, tables of other subjects included. Only complete sets are noted, in
//! `ledger.subject_versions`, one row for each table. A reader who opens every table at the version
//! of one set sees one state of the city.

use crate::installation::Installation;
use arrow::array::TimestampMicrosecondArray;
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use huiliu_lake::{Lake, Ledger};
use huiliu_model::{Error, ErrorKind, system};
use huiliu_spec::TableSpec;
use huiliu_spec::table::InputKind;
use huiliu_subject::BuildRecord;
use huiliu_subject::lake::LakeInputs;
use huiliu_subject::record::digest;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Name of the ledger table.
const LEDGER: &str = "subject_versions";

/// One complete set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Set {
    /// Decided by subject and versions alone.
    pub set_id: String,
    #[serde(skip)]
    pub noted_at_us: i64,
    pub noted_at: String,
    pub tables: Vec<Member>,
}

/// One table of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    pub table: String,
    pub version: i64,
    pub rows: i64,
    /// Version of every input that it was built from.
    pub inputs: Value,
    pub parameters: Value,
}

/// The newest set of each subject, as far as it is known here.
#[derive(Clone, Default)]
pub struct Newest(Arc<Mutex<BTreeMap<String, String>>>);

impl Newest {
    fn is(&self, subject: &str, set_id: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(subject).is_some_and(|known| known == set_id)
    }

    fn is_known(&self, subject: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(subject)
    }

    fn now(&self, subject: &str, set_id: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(subject.to_owned(), set_id.to_owned());
    }
}

/// Notes the set of a subject, if it is complete and not noted yet; says whether it was noted.
///
/// # Errors
/// As the store answers.
pub async fn note(
    installation: &Installation,
    lake: &Lake,
    inputs: &LakeInputs,
    subject: &str,
    newest: &Newest,
) -> Result<bool, Error> {
    let Some(members) = complete(installation, lake, inputs, subject).await? else {
        return Ok(false);
    };
    let text: Vec<String> = members.iter().map(|m| format!("{}={}", m.table, m.version)).collect();
    let set_id = digest(&format!("{subject}\n{}", text.join("\n")));
    if newest.is(subject, &set_id) {
        return Ok(false);
    }
    let ledger = lake.ledger(LEDGER, "同一主题库各表的一致版本", schema()).await?;
    // Who noted the newest set need not look for this one: its versions are newer.
    let is_noted = match newest.is_known(subject) {
        true => false,
        false => sets(&ledger, subject).await?.first().is_some_and(|set| set.set_id == set_id),
    };
    newest.now(subject, &set_id);
    if is_noted {
        return Ok(false);
    }
    let now_us = crate::installation::clock().now_us();
    ledger.note(&batch(subject, &set_id, now_us, &members)?).await?;
    Ok(true)
}

/// Sets of a subject, newest first; none where none was noted.
///
/// # Errors
/// As the store answers.
pub async fn read(lake: &Lake, subject: &str) -> Result<Vec<Set>, Error> {
    match lake.existing_ledger(LEDGER).await? {
        Some(ledger) => sets(&ledger, subject).await,
        None => Ok(Vec::new()),
    }
}

/// The tables of a subject, if they, and the tables they are built on, stand at one vector of
/// versions.
async fn complete(
    installation: &Installation,
    lake: &Lake,
    inputs: &LakeInputs,
    subject: &str,
) -> Result<Option<Vec<Member>>, Error> {
    let datasets = inputs.versions();
    let tables = reached(&installation.project.tables, subject);
    let mut stands = BTreeMap::new();
    let mut members = Vec::new();
    for table in &tables {
        let Some(status) = lake.subject_status(&table.subject, &table.table).await? else {
            return Ok(None);
        };
        let record = status.record.get("build").and_then(BuildRecord::from_json);
        let Some(record) = record else { return Ok(None) };
        stands.insert(table.full_name(), (status.version, record.versions()));
        if table.subject == subject {
            let json = record.to_json();
            members.push(Member {
                table: table.full_name(),
                version: status.version,
                rows: status.rows,
                inputs: json["inputs"].clone(),
                parameters: json["parameters"].clone(),
            });
        }
    }
    for table in tables {
        let Some((_, read)) = stands.get(&table.full_name()) else { return Ok(None) };
        for input in &table.inputs {
            let stands_at = match input.kind {
                InputKind::Dimension => continue,
                InputKind::Dataset => datasets.get(&input.name).copied(),
                InputKind::Table => stands.get(&input.name).map(|(version, _)| *version),
            };
            if read.get(&input.name).copied() != stands_at {
                return Ok(None);
            }
        }
    }
    Ok((!members.is_empty()).then_some(members))
}

/// The tables of a subject and those of other subjects that they are built on; `tables` are in
/// build order.
fn reached<'a>(tables: &'a [TableSpec], subject: &str) -> Vec<&'a TableSpec> {
    let mut read = BTreeSet::new();
    let mut found = Vec::new();
    for table in tables.iter().rev() {
        if table.subject == subject || read.contains(&table.full_name()) {
            let inputs = table.inputs.iter().filter(|input| input.kind == InputKind::Table);
            read.extend(inputs.map(|input| input.name.clone()));
            found.push(table);
        }
    }
    found.reverse();
    found
}

fn schema() -> SchemaRef {
    let field = |name: &str, data_type, comment: &str| {
        Field::new(name, data_type, false)
            .with_metadata([("comment".to_owned(), comment.to_owned())].into())
    };
    Arc::new(Schema::new(vec![
        field("noted_at", system::timestamp(), "记录时间"),
        field("subject", DataType::Utf8, "主题库"),
        field("set_id", DataType::Utf8, "一致版本集"),
        field("table_name", DataType::Utf8, "主题表"),
        field("version", DataType::Int64, "表版本"),
        field("row_count", DataType::Int64, "行数"),
        field("inputs", DataType::Utf8, "各输入的版本 (JSON)"),
        field("parameters", DataType::Utf8, "参数 (JSON)"),
    ]))
}

fn batch(
    subject: &str,
    set_id: &str,
    at_us: i64,
    members: &[Member],
) -> Result<RecordBatch, Error> {
    let text = |of: &dyn Fn(&Member) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(members.iter().map(of)))
    };
    let number = |of: &dyn Fn(&Member) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(members.iter().map(of)))
    };
    let at = TimestampMicrosecondArray::from(vec![at_us; members.len()]).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(at),
        text(&|_| subject.to_owned()),
        text(&|_| set_id.to_owned()),
        text(&|m| m.table.clone()),
        number(&|m| m.version),
        number(&|m| m.rows),
        text(&|m| m.inputs.to_string()),
        text(&|m| m.parameters.to_string()),
    ];
    RecordBatch::try_new(schema(), columns)
        .map_err(|e| Error::new(ErrorKind::Bug, "a set of versions is no row").because(e))
}

async fn sets(ledger: &Ledger, subject: &str) -> Result<Vec<Set>, Error> {
    let rows = ledger.rows().await?;
    let corrupt = || Error::new(ErrorKind::Corrupt, format!("ledger.{LEDGER} lacks a column"));
    let text = |name: &str| {
        let column = rows.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        column.ok_or_else(corrupt)
    };
    let number = |name: &str| {
        let column = rows.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
        column.ok_or_else(corrupt)
    };
    let at = rows
        .column_by_name("noted_at")
        .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(corrupt)?;
    let (subjects, ids, tables) = (text("subject")?, text("set_id")?, text("table_name")?);
    let (versions, counts) = (number("version")?, number("row_count")?);
    let (inputs, parameters) = (text("inputs")?, text("parameters")?);
    let mut found: Vec<Set> = Vec::new();
    for row in (0..rows.num_rows()).filter(|&row| subjects.value(row) == subject) {
        let (set_id, noted_at_us) = (ids.value(row).to_owned(), at.value(row));
        let same = |set: &&mut Set| set.set_id == set_id && set.noted_at_us == noted_at_us;
        let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let member = Member {
            table: tables.value(row).to_owned(),
            version: versions.value(row),
            rows: counts.value(row),
            inputs: json(inputs.value(row)),
            parameters: json(parameters.value(row)),
        };
        match found.iter_mut().find(same) {
            Some(set) => set.tables.push(member),
            None => found.push(Set {
                set_id,
                noted_at_us,
                noted_at: instant(noted_at_us),
                tables: vec![member],
            }),
        }
    }
    found.sort_by_key(|set| std::cmp::Reverse(set.noted_at_us));
    Ok(found)
}

fn instant(us: i64) -> String {
    let at = chrono::DateTime::from_timestamp_micros(us);
    at.map_or_else(String::new, |at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}
