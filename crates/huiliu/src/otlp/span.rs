//! Spans in the protocol's JSON form.

use huiliu_model::{Batch, Error, TraceContext};
use huiliu_subject::{Refreshed, Way};
use serde_json::{Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};

/// `SPAN_KIND_INTERNAL` and `SPAN_KIND_CONSUMER`.
const INTERNAL: u8 = 1;
const CONSUMER: u8 = 5;
/// `STATUS_CODE_OK` and `STATUS_CODE_ERROR`.
const STATUS: [u8; 2] = [1, 2];

/// What a piece of work was, when it began and ended (microseconds since 1970 UTC), and what came
/// of it.
pub struct Work<'a> {
    pub name: &'static str,
    pub kind: u8,
    pub began_us: i64,
    pub ended_us: i64,
    pub attributes: Vec<Value>,
    pub links: &'a [TraceContext],
    pub error: Option<&'a Error>,
}

impl Work<'_> {
    /// The span with an id of its own, by which others may link to it.
    pub fn span(mut self) -> (TraceContext, Value) {
        let trace_id = u128::from(id()) << 64 | u128::from(id());
        let own = TraceContext { trace_id, span_id: id() };
        let status = match self.error {
            None => json!({ "code": STATUS[0] }),
            Some(error) => {
                self.attributes.push(text("error.type", error.kind.label()));
                json!({ "code": STATUS[1], "message": error.message })
            }
        };
        let span = json!({
            "traceId": format!("{trace_id:032x}"),
            "spanId": format!("{:016x}", own.span_id),
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": nanos(self.began_us),
            "endTimeUnixNano": nanos(self.ended_us.max(self.began_us)),
            "attributes": self.attributes,
            "links": self.links.iter().map(linked).collect::<Vec<_>>(),
            "status": status,
        });
        (own, span)
    }
}

/// What a batch brings, and the version of the table and the bytes where it landed.
pub fn landing<'a>(batch: &Batch, landed: Result<(i64, u64), &'a Error>) -> Work<'a> {
    let mut attributes = vec![
        text("messaging.system", "kafka"),
        text("huiliu.dataset", &batch.dataset),
        number("huiliu.offsets", batch.tally.offsets()),
        number("huiliu.rows", batch.row_count() as u64),
        number("huiliu.rejected", batch.tally.rejected),
    ];
    if let Some(partition) = batch.covers.0.keys().next() {
        attributes.push(text("messaging.destination.name", &partition.kafka_topic));
    }
    if let Ok((version, bytes)) = landed {
        attributes.push(version_of(version));
        attributes.push(number("huiliu.file_bytes", bytes));
    }
    work("land", CONSUMER, attributes, landed.err())
}

/// Changes of a dataset that a fold took, of them those that count, and the version it reached.
pub fn fold<'a>(dataset: &str, folded: Result<(u64, u64, i64), &'a Error>) -> Work<'a> {
    let mut attributes = vec![text("huiliu.dataset", dataset)];
    if let Ok((changes, applied, version)) = folded {
        attributes.push(number("huiliu.changes", changes));
        attributes.push(number("huiliu.applied", applied));
        attributes.push(version_of(version));
    }
    work("fold", INTERNAL, attributes, folded.err())
}

/// What a refresh made of a table; none where it had nothing to do.
pub fn refresh<'a>(table: &str, refreshed: Result<&Refreshed, &'a Error>) -> Option<Work<'a>> {
    let mut attributes = vec![text("huiliu.table", table)];
    if let Ok(done) = refreshed {
        if done.decision.way == Way::Nothing {
            return None;
        }
        attributes.push(text("huiliu.way", done.decision.way.label()));
        attributes.push(number("huiliu.rows", done.row_count));
        attributes.extend(done.built.as_ref().map(|built| version_of(built.table_version)));
    }
    Some(work("refresh", INTERNAL, attributes, refreshed.err()))
}

fn work<'a>(
    name: &'static str,
    kind: u8,
    attributes: Vec<Value>,
    error: Option<&'a Error>,
) -> Work<'a> {
    Work { name, kind, began_us: 0, ended_us: 0, attributes, links: &[], error }
}

/// 64 bits that no other span has: the standard library seeds its hashers from the system.
fn id() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

fn linked(link: &TraceContext) -> Value {
    json!({
        "traceId": format!("{:032x}", link.trace_id),
        "spanId": format!("{:016x}", link.span_id),
    })
}

/// 64-bit numbers are texts in the protocol's JSON form.
fn nanos(us: i64) -> String {
    format!("{us}000")
}

pub fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn version_of(version: i64) -> Value {
    json!({ "key": "huiliu.table_version", "value": { "intValue": version.to_string() } })
}
