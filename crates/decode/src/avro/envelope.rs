//! Debezium's envelope in Avro: its images become cells, and the rest of it the fields that the
//! JSON reader would have seen.
//!
//! What an envelope means (operation, position, control records) is told once, in
//! [`crate::debezium`], from tokens of a small document. So the few fields that matter are written
//! as such tokens here: a number as its digits, a text as it is. Everything else is passed over.

use super::input::{Fault, Input};
use super::row::{Reading, Row, Wanted};
use super::schema::{Field, Id, Schema, Shape};
use super::{Refusal, Seen, read_row, value};
use crate::debezium::{self, AFTER, BEFORE, Fields, SOURCE};
use crate::image::{Side, Work};
use crate::names::Names;
use crate::scan::{Kind, Token, narrow};
use crate::{Found, Stop};
use std::io::Write;

#[derive(Debug)]
pub(super) struct Envelope {
    parts: Vec<Part>,
    /// Types of row images; before and after are most often of one.
    pub rows: Vec<Row>,
    /// Whether it has fields that no envelope of Debezium has.
    has_strangers: bool,
}

#[derive(Debug)]
struct Part {
    /// Place among the names of the envelope or of its source; none is passed over.
    name: Option<usize>,
    of: Id,
    what: What,
}

#[derive(Debug)]
enum What {
    /// By its place in [`Envelope::rows`], and whether it is the image before.
    Image(usize, Side),
    Source(Vec<Part>),
    Value,
}

impl Envelope {
    pub fn new(
        schema: &Schema,
        fields: &[Field],
        names: &debezium::Envelope,
        wanted: Wanted<'_>,
    ) -> Self {
        let mut made = Self { parts: Vec::new(), rows: Vec::new(), has_strangers: false };
        let mut types: Vec<Id> = Vec::new();
        for field in fields {
            let name = names.names.find(field.name.as_bytes()).filter(|at| debezium::is_inner(*at));
            made.has_strangers |= name.is_none();
            let record = schema.record(field.of);
            let what = match (name, record) {
                (Some(side @ (BEFORE | AFTER)), Some((id, fields))) => {
                    let at = types.iter().position(|held| *held == id).unwrap_or_else(|| {
                        types.push(id);
                        made.rows.push(Row::new(schema, fields, wanted));
                        types.len() - 1
                    });
                    What::Image(at, if side == BEFORE { Side::Before } else { Side::After })
                }
                (Some(SOURCE), Some((_, fields))) => What::Source(
                    fields.iter().map(|field| of_source(field, &names.source)).collect(),
                ),
                _ => What::Value,
            };
            made.parts.push(Part { name, of: field.of, what });
        }
        made
    }

    /// Reads one record. The outer result tells whether the bytes are a value of the schema, the
    /// inner one what the value says.
    pub fn read(
        &self,
        reading: &Reading<'_>,
        input: &mut Input,
        work: &mut Work,
        seen: &mut [Seen],
    ) -> Result<Result<Found, Refusal>, Fault> {
        let mut fields = Fields::default();
        fields.strangers = self.has_strangers;
        let mut document = std::mem::take(&mut work.document);
        document.clear();
        let result = self.parts(reading, (input, work, &mut document), seen, &mut fields);
        let found = result.map(|()| {
            let found = debezium::understand(work, &document, &fields);
            // A place in the document is none in the record.
            found.map_err(|stop| match stop {
                Stop::Refused(reason, _) => (reason, None),
                Stop::Fault(_) => (huiliu_model::Reason::NotAvro, None),
            })
        });
        work.document = document;
        found
    }

    fn parts(
        &self,
        reading: &Reading<'_>,
        (input, work, document): (&mut Input, &mut Work, &mut Vec<u8>),
        seen: &mut [Seen],
        fields: &mut Fields,
    ) -> Result<(), Fault> {
        let schema = reading.schema;
        input.enter_record(self.parts.len())?;
        for part in &self.parts {
            let Some(name) = part.name else {
                value::pass(schema, part.of, input)?;
                continue;
            };
            let is_there = match part.what {
                What::Value => true,
                _ => is_there(schema, part.of, input)?,
            };
            let token = match &part.what {
                _ if !is_there => bare(Kind::Null),
                What::Image(at, side) => {
                    let row = (&self.rows[*at], *at);
                    read_row(row, reading, (input, work, *side), seen)?;
                    bare(Kind::Object)
                }
                What::Source(parts) => {
                    input.enter_record(parts.len())?;
                    for part in parts {
                        let Some(name) = part.name else {
                            value::pass(schema, part.of, input)?;
                            continue;
                        };
                        let token = token(schema, part.of, input, document)?;
                        fields.set_source(name, token);
                    }
                    input.leave();
                    bare(Kind::Object)
                }
                What::Value => token(schema, part.of, input, document)?,
            };
            fields.set(name, token);
        }
        input.leave();
        Ok(())
    }
}

fn of_source(field: &Field, names: &Names) -> Part {
    let name = names.find(field.name.as_bytes());
    Part { name, of: field.of, what: What::Value }
}

fn bare(kind: Kind) -> Token {
    Token { kind, start: 0, end: 0 }
}

/// Reads which branch follows of a record that may be null.
fn is_there(schema: &Schema, of: Id, input: &mut Input) -> Result<bool, Fault> {
    let Shape::Union(branches) = schema.shape(of) else { return Ok(true) };
    let branch = input.index(branches.len())?;
    Ok(!matches!(schema.shape(branches[branch]), Shape::Null))
}

/// Passes a value and writes it to the document, if it is a number or a text.
fn token(
    schema: &Schema,
    of: Id,
    input: &mut Input,
    document: &mut Vec<u8>,
) -> Result<Token, Fault> {
    let start = narrow(document.len());
    let kind = match schema.shape(of) {
        Shape::Union(branches) => {
            let branch = input.index(branches.len())?;
            return token(schema, branches[branch], input, document);
        }
        Shape::Int | Shape::Long => {
            let span = match schema.shape(of) {
                Shape::Int => input.int()?,
                _ => input.long()?,
            };
            // Writing to memory does not fail.
            let _ = write!(document, "{}", input.number(span));
            Kind::Number
        }
        Shape::Text => {
            let span = input.text()?;
            document.extend_from_slice(input.slice(span));
            Kind::Text
        }
        Shape::Enum { first, count } => {
            let symbol = first + input.index(*count)?;
            document.extend_from_slice(schema.symbols[symbol].as_bytes());
            Kind::Text
        }
        Shape::Boolean if input.boolean()? => Kind::True,
        Shape::Boolean => Kind::False,
        Shape::Null => Kind::Null,
        _ => {
            value::pass(schema, of, input)?;
            Kind::Object
        }
    };
    Ok(Token { kind, start, end: narrow(document.len()) })
}
