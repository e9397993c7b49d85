//! Row images: a record type compiled into one step per field, and the steps carried out.
//!
//! A step knows what lies in the bytes and which contract column takes it, so a record is one pass
//! over a flat list. Fields meet columns by name, else by alias; a field that meets none is passed
//! over, or kept as JSON where the contract keeps strange fields.

use super::input::{Fault, Input, Span};
use super::schema::{Field, Id, Schema, Shape};
use super::value::{self, Writer, quote};
use crate::image::Image;
use crate::names::Names;
use crate::placeholder::is_placeholder;
use crate::scan::narrow;
use huiliu_model::{Binary, Cell, CellKind, Column, DataType, Extra};

/// No column: the field is passed over.
const NO_COLUMN: usize = usize::MAX;

/// A record type, ready to be read into cells.
#[derive(Debug)]
pub(super) struct Row {
    steps: Vec<Step>,
    /// Fields that the contract does not name.
    pub strangers: Vec<Box<str>>,
}

#[derive(Debug)]
struct Step {
    column: usize,
    branches: Branches,
}

/// The types that a field may have.
#[derive(Debug)]
enum Branches {
    One(Read),
    /// Null or one other, by which of the two null is.
    NullOr {
        null: u8,
        other: Read,
    },
    Many(Box<[Read]>),
}

/// How one value becomes a cell.
#[derive(Debug)]
enum Read {
    Null,
    Boolean,
    Int(Binary),
    Long(Binary),
    Fixed(usize, Binary),
    Bytes(Binary),
    Text,
    /// Symbols: from the first on, so many.
    Enum {
        first: usize,
        count: usize,
    },
    /// A scale, then unscaled bytes.
    Decimal,
    /// A record, array or map; its text is written if the column wants one.
    Nested {
        of: Id,
        is_wanted: bool,
    },
    /// A strange field that is kept, by its quoted name with colon.
    Strange {
        name: Box<[u8]>,
        of: Id,
    },
}

/// What a contract asks of a schema.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub names: &'a Names,
    pub columns: &'a [Column],
    pub keeps_strangers: bool,
}

/// What a row is read with.
pub(super) struct Reading<'a> {
    pub schema: &'a Schema,
    /// Where each symbol lies in `scratch`.
    pub symbols: &'a [Span],
    /// Where the symbols begin there.
    pub symbols_at: usize,
    pub has_placeholders: bool,
    /// Length that `scratch` may reach.
    pub scratch_max: usize,
}

impl Row {
    pub fn new(schema: &Schema, fields: &[Field], wanted: Wanted<'_>) -> Self {
        let columns = columns_of(fields, wanted.names);
        let mut row = Self { steps: Vec::with_capacity(fields.len()), strangers: Vec::new() };
        for (field, column) in fields.iter().zip(columns) {
            let step = match column {
                Some(column) => {
                    let is_text =
                        wanted.columns.get(column).is_some_and(|c| c.data_type == DataType::String);
                    Step { column, branches: branches(schema, field.of, is_text) }
                }
                None => {
                    row.strangers.push(field.name.clone());
                    let branches = match wanted.keeps_strangers {
                        true => Branches::One(strange(field)),
                        false => branches(schema, field.of, false),
                    };
                    Step { column: NO_COLUMN, branches }
                }
            };
            row.steps.push(step);
        }
        row
    }

    /// Reads a record into the cells of an image, which was cleared before.
    pub fn read(
        &self,
        reading: &Reading<'_>,
        input: &mut Input,
        image: &mut Image<'_>,
    ) -> Result<(), Fault> {
        input.enter_record(self.steps.len())?;
        for step in &self.steps {
            let cell = match &step.branches {
                Branches::One(read) => reading.cell(read, input, image)?,
                Branches::NullOr { null, other } => {
                    if input.index(2)? == usize::from(*null) {
                        Cell { kind: CellKind::Null, ..Cell::default() }
                    } else {
                        reading.cell(other, input, image)?
                    }
                }
                Branches::Many(branches) => {
                    let branch = input.index(branches.len())?;
                    reading.cell(&branches[branch], input, image)?
                }
            };
            if let Some(place) = image.cells.get_mut(step.column) {
                *place = cell;
            }
        }
        input.leave();
        Ok(())
    }
}

/// The column of each field: by its name, else by the first of its aliases that names a column
/// which no field has by name.
fn columns_of(fields: &[Field], names: &Names) -> Vec<Option<usize>> {
    let find = |name: &str| names.find(name.as_bytes());
    let mut taken = vec![false; names.len()];
    let mut columns: Vec<Option<usize>> = fields.iter().map(|field| find(&field.name)).collect();
    for column in columns.iter().flatten() {
        taken[*column] = true;
    }
    for (field, column) in fields.iter().zip(&mut columns) {
        if column.is_none() {
            *column = field.aliases.iter().find_map(|alias| find(alias)).filter(|at| !taken[*at]);
            if let Some(column) = column {
                taken[*column] = true;
            }
        }
    }
    columns
}

fn strange(field: &Field) -> Read {
    let mut name = Vec::new();
    quote(field.name.as_bytes(), &mut name);
    Read::Strange { name: name.into(), of: field.of }
}

fn branches(schema: &Schema, of: Id, is_text: bool) -> Branches {
    let Shape::Union(types) = schema.shape(of) else {
        return Branches::One(read_of(schema, of, is_text));
    };
    let is_null = |of: &Id| matches!(schema.shape(*of), Shape::Null);
    match &types[..] {
        [first, other] if is_null(first) => {
            Branches::NullOr { null: 0, other: read_of(schema, *other, is_text) }
        }
        [other, second] if is_null(second) => {
            Branches::NullOr { null: 1, other: read_of(schema, *other, is_text) }
        }
        types => Branches::Many(types.iter().map(|of| read_of(schema, *of, is_text)).collect()),
    }
}

fn read_of(schema: &Schema, of: Id, is_wanted: bool) -> Read {
    let held = &schema.types[of];
    match &held.shape {
        Shape::Null => Read::Null,
        Shape::Boolean => Read::Boolean,
        Shape::Int => Read::Int(held.binary),
        Shape::Long => Read::Long(held.binary),
        Shape::Float => Read::Fixed(4, held.binary),
        Shape::Double => Read::Fixed(8, held.binary),
        Shape::Fixed(len) => Read::Fixed(*len, held.binary),
        Shape::Bytes => Read::Bytes(held.binary),
        Shape::Text => Read::Text,
        Shape::Enum { first, count } => Read::Enum { first: *first, count: *count },
        Shape::Record(fields) if held.is_decimal_record && is_decimal(schema, fields) => {
            Read::Decimal
        }
        Shape::Array(_) | Shape::Map(_) | Shape::Record(_) | Shape::Union(_) => {
            Read::Nested { of, is_wanted }
        }
    }
}

fn is_decimal(schema: &Schema, fields: &[Field]) -> bool {
    let is_named = |field: &Field, name: &str| &*field.name == name;
    matches!(fields, [scale, value]
        if is_named(scale, "scale") && matches!(schema.shape(scale.of), Shape::Int)
            && is_named(value, "value") && matches!(schema.shape(value.of), Shape::Bytes))
}

impl Reading<'_> {
    #[inline]
    fn cell(&self, read: &Read, input: &mut Input, image: &mut Image<'_>) -> Result<Cell, Fault> {
        let base = input.base();
        let at = |span: Span, kind| Cell {
            start: base + narrow(span.start),
            len: narrow(span.end - span.start),
            kind,
        };
        let bare = |kind| Cell { kind, ..Cell::default() };
        Ok(match read {
            Read::Text => {
                let span = input.text()?;
                self.placeholder(input.slice(span)).unwrap_or_else(|| at(span, CellKind::Text))
            }
            Read::Int(binary) => at(input.int()?, CellKind::Binary(*binary)),
            Read::Long(binary) => at(input.long()?, CellKind::Binary(*binary)),
            Read::Fixed(len, binary) => at(input.fixed(*len)?, CellKind::Binary(*binary)),
            Read::Bytes(binary) => {
                let span = input.bytes()?;
                let cell = at(span, CellKind::Binary(*binary));
                self.placeholder(input.slice(span)).unwrap_or(cell)
            }
            Read::Null => bare(CellKind::Null),
            Read::Boolean if input.boolean()? => bare(CellKind::True),
            Read::Boolean => bare(CellKind::False),
            Read::Enum { first, count } => {
                let symbol = first + input.index(*count)?;
                let Span { start, end } = self.symbols[symbol];
                let (start, len) = (narrow(self.symbols_at + start), narrow(end - start));
                Cell { start, len, kind: CellKind::Unescaped }
            }
            Read::Decimal => {
                let scale = input.int()?;
                // A scale beyond is beyond every column as well.
                let scale = i16::try_from(input.number(scale)).unwrap_or(i16::MAX);
                at(input.bytes()?, CellKind::Binary(Binary::Decimal { scale }))
            }
            Read::Nested { of, is_wanted: false } => {
                value::pass(self.schema, *of, input)?;
                bare(CellKind::Nested)
            }
            Read::Nested { of, is_wanted: true } => self.text(*of, input, image)?,
            Read::Strange { name, of } => {
                self.strange(name, *of, input, image)?;
                Cell::default()
            }
        })
    }

    /// A value that stands for one which the source did not send.
    #[inline]
    fn placeholder(&self, bytes: &[u8]) -> Option<Cell> {
        (self.has_placeholders && is_placeholder(bytes))
            .then_some(Cell { kind: CellKind::Unavailable, ..Cell::default() })
    }

    fn text(&self, of: Id, input: &mut Input, image: &mut Image<'_>) -> Result<Cell, Fault> {
        let start = image.scratch.len();
        let (schema, len_max) = (self.schema, self.scratch_max);
        Writer { schema, out: image.scratch, len_max }.write(of, input)?;
        let written = image.scratch.get(start..).unwrap_or_default();
        let len = narrow(written.len());
        Ok(self.placeholder(written).unwrap_or(Cell {
            start: narrow(start),
            len,
            kind: CellKind::Unescaped,
        }))
    }

    fn strange(
        &self,
        name: &[u8],
        of: Id,
        input: &mut Input,
        image: &mut Image<'_>,
    ) -> Result<(), Fault> {
        let start = image.scratch.len();
        image.scratch.extend_from_slice(name);
        image.scratch.push(b':');
        let (schema, len_max) = (self.schema, self.scratch_max);
        Writer { schema, out: image.scratch, len_max }.write(of, input)?;
        image.strange.push(Extra {
            row: 0,
            start: narrow(start),
            len: narrow(image.scratch.len() - start),
            name_len: narrow(name.len()),
            in_scratch: true,
        });
        Ok(())
    }
}
