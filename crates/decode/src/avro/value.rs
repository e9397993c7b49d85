//! Values of any type: passed over, or written as JSON text.
//!
//! What is passed over is checked like what is taken, so whether a record is accepted does not
//! depend on what the contract names. Recursive along the value, whose depth the input bounds.

use super::input::{Fault, Input, Span};
use super::schema::{Id, Schema, Shape};
use huiliu_model::{Binary, Value};
use std::io::Write;

/// Passes one value.
pub(super) fn pass(schema: &Schema, of: Id, input: &mut Input) -> Result<(), Fault> {
    match schema.shape(of) {
        Shape::Null => {}
        Shape::Boolean => {
            input.boolean()?;
        }
        Shape::Int => {
            input.int()?;
        }
        Shape::Long => {
            input.long()?;
        }
        Shape::Float => {
            input.fixed(4)?;
        }
        Shape::Double => {
            input.fixed(8)?;
        }
        Shape::Bytes => {
            input.bytes()?;
        }
        Shape::Text => {
            input.text()?;
        }
        Shape::Fixed(len) => {
            input.fixed(*len)?;
        }
        Shape::Enum { count, .. } => {
            input.index(*count)?;
        }
        Shape::Union(branches) => {
            let branch = input.index(branches.len())?;
            pass(schema, branches[branch], input)?;
        }
        Shape::Record(fields) => {
            input.enter_record(fields.len())?;
            for field in fields {
                pass(schema, field.of, input)?;
            }
            input.leave();
        }
        Shape::Array(items) => {
            input.enter()?;
            items_of(input, |input| pass(schema, *items, input))?;
            input.leave();
        }
        Shape::Map(values) => {
            input.enter()?;
            items_of(input, |input| {
                input.text()?;
                pass(schema, *values, input)
            })?;
            input.leave();
        }
    }
    Ok(())
}

fn items_of<'i, 'a>(
    input: &'i mut Input<'a>,
    mut item: impl FnMut(&mut Input<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    loop {
        let count = input.block()?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            item(input)?;
        }
    }
}

/// Writes values as JSON.
pub(super) struct Writer<'a> {
    pub schema: &'a Schema,
    pub out: &'a mut Vec<u8>,
    /// The length that `out` may reach: a few bytes of Avro may stand for long names.
    pub len_max: usize,
}

impl Writer<'_> {
    /// Passes one value and writes it. Unions are written as the value alone, decimals as
    /// numbers, dates and instants as texts, bytes in base64.
    pub fn write(&mut self, of: Id, input: &mut Input) -> Result<(), Fault> {
        if self.out.len() > self.len_max {
            return Err(Fault::TooLarge);
        }
        let schema = self.schema;
        match schema.shape(of) {
            Shape::Null => self.out.extend_from_slice(b"null"),
            Shape::Boolean => {
                let text: &[u8] = if input.boolean()? { b"true" } else { b"false" };
                self.out.extend_from_slice(text);
            }
            Shape::Int => {
                let span = input.int()?;
                self.binary(schema.types[of].binary, input.slice(span));
            }
            Shape::Long => {
                let span = input.long()?;
                self.binary(schema.types[of].binary, input.slice(span));
            }
            Shape::Float => self.of_fixed(of, 4, input)?,
            Shape::Double => self.of_fixed(of, 8, input)?,
            Shape::Fixed(len) => self.of_fixed(of, *len, input)?,
            Shape::Bytes => {
                let span = input.bytes()?;
                self.binary(schema.types[of].binary, input.slice(span));
            }
            Shape::Text => {
                let span = input.text()?;
                self.text(input, span);
            }
            Shape::Enum { first, count } => {
                let symbol = first + input.index(*count)?;
                quote(schema.symbols[symbol].as_bytes(), self.out);
            }
            Shape::Union(branches) => {
                let branch = input.index(branches.len())?;
                self.write(branches[branch], input)?;
            }
            Shape::Record(fields) => {
                input.enter_record(fields.len())?;
                self.nested(of, input)?;
                input.leave();
            }
            Shape::Array(_) | Shape::Map(_) => {
                input.enter()?;
                self.nested(of, input)?;
                input.leave();
            }
        }
        Ok(())
    }

    /// Passes what has values within.
    fn nested(&mut self, of: Id, input: &mut Input) -> Result<(), Fault> {
        let mut is_first = true;
        match self.schema.shape(of) {
            Shape::Record(fields) => {
                self.out.push(b'{');
                for field in fields {
                    self.comma(&mut is_first);
                    quote(field.name.as_bytes(), self.out);
                    self.out.push(b':');
                    self.write(field.of, input)?;
                }
                self.out.push(b'}');
            }
            Shape::Array(items) => {
                self.out.push(b'[');
                items_of(input, |input| {
                    self.comma(&mut is_first);
                    self.write(*items, input)
                })?;
                self.out.push(b']');
            }
            Shape::Map(values) => {
                self.out.push(b'{');
                items_of(input, |input| {
                    self.comma(&mut is_first);
                    let key = input.text()?;
                    self.text(input, key);
                    self.out.push(b':');
                    self.write(*values, input)
                })?;
                self.out.push(b'}');
            }
            _ => {}
        }
        Ok(())
    }

    fn comma(&mut self, is_first: &mut bool) {
        if !std::mem::take(is_first) {
            self.out.push(b',');
        }
    }

    fn of_fixed(&mut self, of: Id, len: usize, input: &mut Input) -> Result<(), Fault> {
        let span = input.fixed(len)?;
        self.binary(self.schema.types[of].binary, input.slice(span));
        Ok(())
    }

    fn text(&mut self, input: &Input, span: Span) {
        quote(input.slice(span), self.out);
    }

    fn binary(&mut self, binary: Binary, bytes: &[u8]) {
        // What is beyond every number is shown by its bytes.
        let value = binary.value(bytes).unwrap_or(Value::Bytes(bytes));
        let is_number = match value {
            Value::Integer(_) | Value::Decimal { .. } => true,
            Value::Float(number) => number.is_finite(),
            Value::Double(number) => number.is_finite(),
            _ => false,
        };
        // Writing to memory does not fail.
        let _ = match is_number {
            true => write!(self.out, "{value}"),
            false => write!(self.out, "\"{value}\""),
        };
    }
}

/// Writes UTF-8 as a JSON string.
pub(super) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..0x20 => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            byte => out.push(*byte),
        }
    }
    out.push(b'"');
}
