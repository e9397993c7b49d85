//! Rejected records of the same key, as far as quarantine can tell.
//!
//! A reject has no columns, so its record is decoded and compared by the text columns that lead
//! to the identity. Values are compared and never shown; a sealed record is opened only where the
//! installation has its key, and counted where not.

use super::report::{RejectLine, RejectsLine};
use crate::commands::quarantine::{Desk, portion, words};
use crate::failure::Failure;
use crate::output::value;
use chrono::{DateTime, SecondsFormat};
use huiliu_ingest::Image;
use huiliu_lake::quarantine::{Rejects, Selection, StoredReject};
use huiliu_model::contract::Rule;
use huiliu_model::{Column, DataType, Error, ErrorKind};
use huiliu_normalise::rule;
use huiliu_subject::Keys;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Rejects of one dataset that are looked through.
const LOOKED_MAX: usize = 10_000;
/// What the partitions of files begin with in place of a Kafka topic.
const FILE: &str = "file/";

/// Rejects whose columns are among the keys; `None` where no column can tell.
///
/// # Errors
/// As the lake answers.
pub async fn of_keys(
    desk: &Desk,
    rejects: &Rejects,
    (columns, keys): (&[String], &Keys),
    limit: usize,
) -> Result<Option<RejectsLine>, Failure> {
    let told: Vec<(usize, &Column)> = columns
        .iter()
        .filter_map(|name| desk.contract.column(name))
        .filter(|(_, column)| column.data_type == DataType::String)
        .collect();
    if told.is_empty() {
        return Ok(None);
    }
    let matched_on: Vec<String> = told.iter().map(|(_, column)| column.name.clone()).collect();
    let wanted = wanted(columns, keys, &matched_on)?;
    let all = Selection { limit: Some(LOOKED_MAX + 1), ..Selection::default() };
    let mut heads = rejects.list(&all).await?;
    let more = heads.len() > LOOKED_MAX;
    heads.truncate(LOOKED_MAX);
    let mut line = RejectsLine {
        matched_on,
        looked_through: heads.len() as u64,
        unreadable: 0,
        more,
        count: 0,
        shown: Vec::new(),
    };
    while !heads.is_empty() {
        let rest = heads.split_off(portion(&heads));
        let mut some = std::mem::replace(&mut heads, rest);
        rejects.load_raw(&mut some).await?;
        for reject in &some {
            match is_wanted(desk, reject, &told, &wanted) {
                None => line.unreadable += 1,
                Some(false) => {}
                Some(true) => {
                    line.count += 1;
                    if line.shown.len() < limit {
                        line.shown.push(shown(desk, reject));
                    }
                }
            }
        }
    }
    Ok(Some(line))
}

type Wanted = BTreeSet<Vec<String>>;

/// The keys as texts, of the columns that can tell.
fn wanted(columns: &[String], keys: &Keys, told: &[String]) -> Result<Wanted, Error> {
    let bug = |e| Error::new(ErrorKind::Bug, "keys of an input have no text").because(e);
    let batch = keys.batch(columns).map_err(bug)?;
    let places: Vec<usize> =
        told.iter().filter_map(|name| batch.schema_ref().index_of(name).ok()).collect();
    let batch = batch.project(&places).map_err(bug)?;
    let mut wanted = Wanted::new();
    for row in 0..batch.num_rows() {
        let texts = value::texts(&batch, row).map_err(bug)?;
        wanted.extend(texts.into_iter().collect::<Option<Vec<String>>>());
    }
    Ok(wanted)
}

/// Whether a record has one of the keys; `None` when it cannot be read.
fn is_wanted(
    desk: &Desk,
    reject: &StoredReject,
    told: &[(usize, &Column)],
    wanted: &Wanted,
) -> Option<bool> {
    let raw = desk.open_raw(reject).ok()?;
    if reject.coordinate.partition.kafka_topic.starts_with(FILE)
        && let Some(texts) = row_texts(&raw, told)
    {
        let forms: Vec<BTreeSet<String>> =
            told.iter().zip(texts).map(|((_, column), text)| forms(desk, column, &text)).collect();
        return Some(is_among(wanted, &forms));
    }
    let records = desk.records(&[(reject, raw)]);
    let decoded = desk.pipeline.decode(&records);
    if !decoded.has_rows(0) {
        return None;
    }
    let found = [Image::Before, Image::After].into_iter().any(|image| {
        let forms = |(index, column): &(usize, &Column)| {
            let text = decoded.text(&records, 0, *index, image)?;
            Some(forms(desk, column, &text))
        };
        let forms: Option<Vec<BTreeSet<String>>> = told.iter().map(forms).collect();
        forms.is_some_and(|forms| is_among(wanted, &forms))
    });
    Some(found)
}

fn is_among(wanted: &Wanted, forms: &[BTreeSet<String>]) -> bool {
    wanted.iter().any(|key| key.iter().zip(forms).all(|(value, of)| of.contains(value)))
}

/// Fields of a plain row of a file, which is in no envelope; `None` for any other record.
fn row_texts(raw: &[u8], told: &[(usize, &Column)]) -> Option<Vec<String>> {
    let row: Map<String, Value> = serde_json::from_slice(raw).ok()?;
    let text = |(_, column): &(usize, &Column)| match row.get(&column.name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    told.iter().map(text).collect()
}

/// What a delivered text may be stored as: itself, as its rule writes it, and their tokens.
fn forms(desk: &Desk, column: &Column, text: &str) -> BTreeSet<String> {
    let named = column.rules.iter().find_map(|rule| match rule {
        Rule::Named(named) => Some(*named),
        _ => None,
    });
    let applied = named.map(|named| rule::apply(named, text, &rule::Context::default()));
    let written = applied.as_ref().and_then(|outcome| outcome.text()).unwrap_or(text);
    let mut forms: BTreeSet<String> = [text.trim().to_owned(), written.to_owned()].into();
    forms.extend([text, written].iter().filter_map(|text| desk.stored(column, text)));
    forms
}

fn shown(desk: &Desk, reject: &StoredReject) -> RejectLine {
    let at = DateTime::from_timestamp_micros(reject.kafka_time_us);
    RejectLine {
        coordinate: desk.name(&reject.coordinate),
        kafka_topic: reject.coordinate.partition.kafka_topic.to_string(),
        partition: reject.coordinate.partition.number,
        offset: reject.coordinate.offset,
        timestamp: at
            .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        state: reject.state.label(),
        reason: reject.reason.clone(),
        reason_zh: words::of(&reject.reason).zh,
        field: reject.field.clone(),
        rule: reject.rule.clone(),
    }
}
