//! Lineage as OpenLineage job events: design-time lineage, without a run.
//!
//! One event per subject table and line, as the specification's `JobEvent` (2-0-2), with the
//! facet `columnLineage` (1-2-0) and one of our own for grades.

use super::Traced;
use chrono::{DateTime, SecondsFormat};
use huiliu_subject::grade_word;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent";
const COLUMNS: &str = "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json";
/// A facet of one's own names the schema of the base facet.
const BASE: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetFacet";
const NAMESPACE: &str = "huiliu";

/// Prints one event per table.
///
/// # Errors
/// When the output cannot be written.
pub fn print(traced: &[Traced<'_>], now_us: i64, out: &mut impl Write) -> io::Result<()> {
    let at = DateTime::from_timestamp_micros(now_us).unwrap_or_default();
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    traced.iter().try_for_each(|table| writeln!(out, "{}", event(table, &at)))
}

fn event(Traced { lineage, .. }: &Traced<'_>, at: &str) -> Value {
    let producer = format!("urn:huiliu:{}", env!("CARGO_PKG_VERSION"));
    let mut fields = Map::new();
    let mut grades = Map::new();
    for column in &lineage.columns {
        let from: Vec<Value> = column
            .sources
            .iter()
            .map(|(source, _)| {
                json!({"namespace": NAMESPACE, "name": source.input, "field": source.column})
            })
            .collect();
        fields.insert(column.column.clone(), json!({ "inputFields": from }));
        grades.insert(column.column.clone(), grade_word(column.grade).into());
    }
    let names: BTreeSet<&str> = lineage
        .columns
        .iter()
        .flat_map(|column| column.sources.iter().map(|(source, _)| source.input.as_str()))
        .collect();
    let inputs: Vec<Value> =
        names.iter().map(|name| json!({"namespace": NAMESPACE, "name": name})).collect();
    json!({
        "eventTime": at,
        "producer": producer,
        "schemaURL": EVENT,
        "job": {"namespace": NAMESPACE, "name": lineage.table},
        "inputs": inputs,
        "outputs": [{
            "namespace": NAMESPACE,
            "name": lineage.table,
            "facets": {
                "columnLineage": {"_producer": producer, "_schemaURL": COLUMNS, "fields": fields},
                "huiliu_grades": {"_producer": producer, "_schemaURL": BASE, "columns": grades},
            },
        }],
    })
}
