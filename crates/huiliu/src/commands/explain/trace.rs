//! Where rows of a dataset came from and what was done to them on the way: Kafka coordinates,
//! sequence, the delivered texts of repaired cells, flags, and entries of the ledger.
//!
//! The rows are those of `current`; the change behind each is looked up in `changes` by its
//! coordinates, its sequence and its key. Of a row that was written before rows named their Kafka
//! topic, the receipt of its commit names it.

use super::report::{CellLine, KafkaLine, RepairLine, RowLine, SequenceLine};
use crate::commands::query;
use crate::failure::Failure;
use crate::output::value;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, SecondsFormat};
use datafusion::prelude::SessionContext;
use huiliu_lake::quarantine::{Coordinate, Entry};
use huiliu_lake::{Lake, Origins};
use huiliu_model::contract::Rule;
use huiliu_model::{Contract, Error, ErrorKind, Partition, system};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is read of one dataset to trace its rows.
pub struct Tracer<'a> {
    pub lake: &'a Lake,
    pub ctx: &'a SessionContext,
    pub contract: &'a Contract,
    /// Of this dataset.
    pub entries: &'a [Entry],
}

/// A row as an object, system columns included.
type Object = Map<String, Value>;

impl Tracer<'_> {
    /// Traces rows of `current`.
    ///
    /// # Errors
    /// As the lake answers.
    pub async fn of(&self, rows: &RecordBatch) -> Result<Vec<RowLine>, Failure> {
        let rows = objects(rows)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let changes = self.changes(&rows).await?;
        let earliest = changes.values().filter_map(|change| instant(change, system::INGEST_TIME));
        let since = earliest.min().unwrap_or(i64::MIN / 2);
        let origins = self.lake.origins(&self.contract.dataset, since).await?;
        Ok(rows.iter().map(|row| self.line(row, changes.get(&self.name(row)), &origins)).collect())
    }

    /// What tells the change of a row: its sequence and key.
    fn name(&self, row: &Object) -> String {
        let names = system::SEQUENCE.into_iter().chain(self.contract.key_names());
        let values: Vec<&Value> = names.map(|n| row.get(n).unwrap_or(&Value::Null)).collect();
        serde_json::to_string(&values).unwrap_or_default()
    }

    async fn has_raw(&self) -> Result<bool, Failure> {
        let name = format!("lake.changes.\"{}\"", self.contract.dataset);
        let provider = self.ctx.table_provider(name.as_str()).await.map_err(|e| {
            Error::new(ErrorKind::Bug, "the changes of a dataset are not there").because(e)
        })?;
        Ok(provider.schema().column_with_name(system::RAW).is_some())
    }

    /// The changes behind rows, by name.
    async fn changes(&self, rows: &[Object]) -> Result<BTreeMap<String, Object>, Failure> {
        let names = system::SEQUENCE.into_iter().chain(self.contract.key_names());
        let columns = names.chain([system::OP, system::INGEST_TIME]);
        let mut columns: Vec<String> = columns.map(|name| format!("\"{name}\"")).collect();
        // Delivered texts are in the clear in a plain lake only; sealed ones stay sealed.
        columns.push(match self.has_raw().await? {
            true => system::RAW.to_owned(),
            false => format!("{0} IS NOT NULL AS {0}", system::RAW_SEALED),
        });
        let offsets: Vec<String> =
            rows.iter().map(|row| number(row, system::OFFSET).to_string()).collect();
        let sql = format!(
            "SELECT {} FROM lake.changes.\"{}\" WHERE {} IN ({})",
            columns.join(", "),
            self.contract.dataset,
            system::OFFSET,
            offsets.join(", ")
        );
        let mut found = BTreeMap::new();
        for batch in query::collect(self.ctx, &sql).await? {
            for change in objects(&batch)? {
                found.insert(self.name(&change), change);
            }
        }
        Ok(found)
    }

    fn line(&self, row: &Object, change: Option<&Object>, origins: &Origins) -> RowLine {
        let (partition, offset) = (number(row, system::PARTITION), number(row, system::OFFSET));
        let at = change.and_then(|change| instant(change, system::INGEST_TIME));
        let number_of = i32::try_from(partition).unwrap_or(-1);
        let named = text(row, system::KAFKA_TOPIC);
        let origin = origins.of(named.as_deref(), (number_of, offset), at);
        let kafka_topic = named.or(origin.as_ref().map(|origin| origin.kafka_topic.clone()));
        let repairs = kafka_topic.as_ref().map(|topic| {
            let partition = Partition::new(topic.as_str(), number_of);
            self.repairs(&Coordinate { partition, offset })
        });
        let stored = |name: &&String| !name.starts_with(system::PREFIX) && !name.ends_with("_enc");
        let values = row.iter().filter(|(name, _)| stored(name));
        RowLine {
            values: values.map(|(name, value)| (name.clone(), value.clone())).collect(),
            kafka: Some(KafkaLine {
                kafka_topic,
                partition,
                offset,
                timestamp: row.get(system::KAFKA_TIME).cloned().unwrap_or_default(),
                changes_version: origin.map(|origin| origin.version),
            }),
            sequence: Some(SequenceLine {
                epoch: number(row, system::EPOCH),
                seq: number(row, system::SEQ),
                rank: number(row, system::RANK),
                ordinal: number(row, system::ORDINAL),
            }),
            event_time: row.get(system::EVENT_TIME).cloned().unwrap_or_default(),
            department: row.get(system::DEPARTMENT).cloned().unwrap_or_default(),
            op: change.and_then(|change| text(change, system::OP)),
            ingested_at: change.and_then(|change| text(change, system::INGEST_TIME)),
            cells: self.cells(row, change),
            delivered_is_sealed: change
                .and_then(|change| change.get(system::RAW_SEALED)?.as_bool())
                .unwrap_or_default(),
            repairs: repairs.unwrap_or_default(),
            explain: None,
        }
    }

    /// Cells of which there is something to tell, in the contract's order.
    fn cells(&self, row: &Object, change: Option<&Object>) -> Vec<CellLine> {
        let mut cells: BTreeMap<usize, CellLine> = BTreeMap::new();
        let flags = text(row, system::FLAGS).unwrap_or_default();
        for (name, label) in flags.split(',').filter_map(|flag| flag.split_once(':')) {
            if let Some(cell) = self.cell(&mut cells, row, name) {
                cell.flags.push(label.to_owned());
            }
        }
        let raw = change.and_then(|change| text(change, system::RAW));
        let raw = raw.and_then(|raw| serde_json::from_str::<Object>(&raw).ok());
        for (name, delivered) in raw.unwrap_or_default() {
            if let Some(cell) = self.cell(&mut cells, row, &name) {
                cell.delivered = Some(delivered);
            }
        }
        let unsent = text(row, system::UNSENT).unwrap_or_default();
        for item in unsent.split(',').filter(|item| !item.is_empty()) {
            let (name, from) = item.split_at(item.find(['@', '!']).unwrap_or(item.len()));
            if let Some(cell) = self.cell(&mut cells, row, name) {
                cell.carried_from = Some(carried(from));
            }
        }
        cells.into_values().collect()
    }

    fn cell<'c>(
        &self,
        cells: &'c mut BTreeMap<usize, CellLine>,
        row: &Object,
        name: &str,
    ) -> Option<&'c mut CellLine> {
        let (index, column) = self.contract.column(name)?;
        Some(cells.entry(index).or_insert_with(|| CellLine {
            column: name.to_owned(),
            rules: column.rules.iter().map(rule_name).collect(),
            stored: row.get(name).cloned().unwrap_or_default(),
            ..CellLine::default()
        }))
    }

    fn repairs(&self, coordinate: &Coordinate) -> Vec<RepairLine> {
        let of_it = |entry: &&Entry| entry.coordinate() == *coordinate;
        let line = |entry: &Entry| RepairLine {
            at: rfc3339(entry.at_us),
            action: entry.action.label(),
            outcome: entry.outcome.label(),
            field: entry.field.clone(),
            value_before: entry.value_before.clone(),
            value_after: entry.value_after.clone(),
            actor: entry.actor.clone(),
            note: entry.note.clone(),
        };
        self.entries.iter().filter(of_it).map(line).collect()
    }
}

/// Where the value of a cell is from that its row did not bring: see [`system::UNSENT`].
fn carried(from: &str) -> String {
    let parts: Vec<&str> = from.get(1..).unwrap_or_default().split('/').collect();
    match (from.chars().next(), parts.as_slice()) {
        (Some('@'), [epoch, seq, _, offset, partition, _, topic @ ..]) => {
            let topic = match topic.join("/") {
                name if name.is_empty() => name,
                name => format!("{name} "),
            };
            format!("{topic}partition {partition} offset {offset}, epoch {epoch} sequence {seq}")
        }
        (Some('!'), _) => "nothing since the key was deleted".to_owned(),
        _ => "nothing is known of it".to_owned(),
    }
}

/// A rule by its word in a pipeline file.
fn rule_name(rule: &Rule) -> String {
    match rule {
        Rule::Named(named) => named.name().to_owned(),
        Rule::CodeList(list) => format!("code_list: {list}"),
        Rule::OneOf(_) => "one_of".to_owned(),
        Rule::AtLeast(bound) => format!("at_least: {bound}"),
        Rule::AtMost(bound) => format!("at_most: {bound}"),
        Rule::Pattern(pattern) => format!("pattern: {pattern}"),
        Rule::Length { min, max } => format!("length: [{min}, {max}]"),
        Rule::NotBefore { .. } => "not_before".to_owned(),
        Rule::After { .. } => "after".to_owned(),
        Rule::Since(_) => "since".to_owned(),
        Rule::MonthStart => "month_start".to_owned(),
        Rule::NotFuture => "not_future".to_owned(),
        Rule::SexOf { .. } => "sex_of".to_owned(),
        Rule::BirthDateOf { .. } => "birth_date_of".to_owned(),
        Rule::SetWhen(_) => "set_when".to_owned(),
        Rule::RequiredWhen(_) => "required_when".to_owned(),
        Rule::AtMostOf { .. } => "at_most_of".to_owned(),
        Rule::PrefixOf { .. } => "prefix_of".to_owned(),
        Rule::DifferenceOf { .. } => "difference_of".to_owned(),
        Rule::YearBeforeEvent(years) => format!("year_before_event: {years}"),
        Rule::Coordinates { .. } => "coordinates".to_owned(),
    }
}

/// Rows as objects.
///
/// # Errors
/// `Bug` for a type without a text form.
pub fn objects(rows: &RecordBatch) -> Result<Vec<Object>, Failure> {
    let object = |row| match value::object(rows, row) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Object::new()),
        Err(e) => Err(Error::new(ErrorKind::Bug, "a value has no text form").because(e).into()),
    };
    (0..rows.num_rows()).map(object).collect()
}

fn number(row: &Object, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or_default()
}

fn text(row: &Object, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// An instant, microseconds since 1970 UTC.
fn instant(row: &Object, name: &str) -> Option<i64> {
    let text = row.get(name)?.as_str()?;
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
}

/// An instant in RFC 3339, UTC.
pub fn rfc3339(us: i64) -> String {
    let at = DateTime::from_timestamp_micros(us);
    at.map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carried_cell_names_the_change_it_is_of() {
        // epoch, sequence, rank, offset, partition, ordinal, Kafka topic
        let named = "feed.a partition 3 offset 9, epoch 0 sequence 5";
        assert_eq!(carried("@0/5/1/9/3/0/feed.a"), named);
        assert_eq!(carried("@0/5/1/9/3/0"), "partition 3 offset 9, epoch 0 sequence 5");
        assert_eq!(carried("!0/5/1/9/3/0"), "nothing since the key was deleted");
        assert_eq!(carried(""), "nothing is known of it");
    }

    #[test]
    fn rules_are_named_as_pipeline_files_name_them() {
        assert_eq!(rule_name(&Rule::Named(huiliu_model::contract::NamedRule::Uscc)), "uscc");
        assert_eq!(rule_name(&Rule::AtLeast(0.0)), "at_least: 0");
        assert_eq!(rule_name(&Rule::Length { min: 1, max: 5 }), "length: [1, 5]");
    }
}
