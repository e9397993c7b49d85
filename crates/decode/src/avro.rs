//! Avro behind the id of its schema: `confluent_avro` (plain rows) and `debezium_avro`.
//!
//! A record is the byte 0, four bytes of id (big endian), then one value of the schema that the id
//! names. A schema is compiled once per dataset, when [`Decoder::learn`] is told of it; whoever
//! calls `decode` has looked up all ids before, so an id that is not known here is known nowhere.
//!
//! Rules, in the order in which they are tested:
//!
//! | what | becomes |
//! |---|---|
//! | a first byte other than 0 | `MAGIC_BYTE` |
//! | fewer than five bytes | `TRUNCATED` |
//! | an id that its registry does not know | `SCHEMA_UNKNOWN` |
//! | a schema that is no record of Avro (for Debezium: no envelope) | `SCHEMA_INVALID` |
//! | bytes that end early, or are no value of the schema | `TRUNCATED`, `NOT_AVRO`, `NOT_UTF8` |
//! | a value that is nested too deep, or has more items than bytes | `TOO_DEEP`, `TOO_LARGE` |
//! | bytes behind the value | `TRAILING_BYTES` |
//!
//! Nothing is read as text: a number's cell is where its bytes lie and how they are to be read.
//! Only enums and nested values are text in `scratch`, the latter where a text column wants them.

mod envelope;
mod input;
mod meaning;
mod row;
mod schema;
mod value;

use crate::image::{Side, Work};
use crate::scan::narrow;
use crate::{Decoder, Found, PlainRows, debezium};
use envelope::Envelope;
use huiliu_model::schemas::{SchemaId, SchemaKind, WriterSchema};
use huiliu_model::{Column, OnDrift, Reason, Record, Records};
use input::{Fault, Input, Span};
use row::{Reading, Row, Wanted};
use schema::Schema;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes before the value: the magic byte and the id.
const HEAD_BYTES: usize = 5;
/// Bytes of text that nested values may become, per byte of the records they come from. Names of
/// fields are in the schema and not in the record, so text is longer than Avro.
const TEXT_PER_BYTE: usize = 64;
/// The same, for a chunk of whatever size.
const TEXT_BYTES_MIN: usize = 1 << 20;
/// Positions in `scratch` have 32 bits, as those in an arena.
const TEXT_BYTES_MAX: usize = Records::ARENA_BYTES_MAX;

type Refusal = (Reason, Option<u32>);

/// What is known of one dataset's schemas.
#[derive(Debug)]
pub(crate) struct Schemas {
    /// Columns of the contract: a text column takes nested values.
    columns: Vec<Column>,
    /// Names of Debezium's envelope; plain rows otherwise.
    pub debezium: Option<debezium::Envelope>,
    known: Mutex<HashMap<SchemaId, Known>>,
}

#[derive(Debug, Clone)]
enum Known {
    Plan(Arc<Plan>),
    /// Not a schema that this format can be in.
    Unusable,
}

/// A schema, compiled for one contract.
#[derive(Debug)]
struct Plan {
    schema: Schema,
    content: Content,
    /// Texts of all symbols, and where each lies among them.
    symbol_text: Vec<u8>,
    symbols: Vec<Span>,
}

#[derive(Debug)]
enum Content {
    Row(Row),
    Envelope(Envelope),
}

/// The id that a value carries.
pub(crate) fn schema_id(value: &[u8]) -> Option<SchemaId> {
    match value {
        [0, a, b, c, d, ..] => Some(SchemaId(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => None,
    }
}

impl Schemas {
    pub fn new(columns: &[Column], is_debezium: bool) -> Self {
        let debezium = is_debezium.then(debezium::Envelope::new);
        Self { columns: columns.to_vec(), debezium, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SchemaId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids in these records that are still to be looked up, ascending.
    pub fn unknown(&self, records: &Records) -> Vec<SchemaId> {
        let mut last = None;
        let mut found = BTreeSet::new();
        for record in &records.entries {
            let id = records.value(record).and_then(schema_id);
            if id.is_some() && id != last {
                found.extend(id);
                last = id;
            }
        }
        let known = self.known();
        found.into_iter().filter(|id| !known.contains_key(id)).collect()
    }

    pub fn learn(&self, decoder: &Decoder, id: SchemaId, written: &WriterSchema) {
        let wanted = Wanted {
            names: &decoder.columns,
            columns: &self.columns,
            keeps_strangers: decoder.on_strange == OnDrift::Evolve,
        };
        let plan = match written.kind {
            SchemaKind::Avro => Plan::new(written, self.debezium.as_ref(), wanted),
            SchemaKind::Other => None,
        };
        let known = plan.map_or(Known::Unusable, |plan| Known::Plan(Arc::new(plan)));
        self.known().insert(id, known);
    }
}

impl Plan {
    fn new(
        written: &WriterSchema,
        debezium: Option<&debezium::Envelope>,
        wanted: Wanted<'_>,
    ) -> Option<Self> {
        let schema = Schema::read(written, debezium.is_some())?;
        let schema::Shape::Record(fields) = schema.shape(schema.root) else { return None };
        let content = match debezium {
            Some(names) => Content::Envelope(Envelope::new(&schema, fields, names, wanted)),
            None => Content::Row(Row::new(&schema, fields, wanted)),
        };
        let (mut symbol_text, mut symbols) = (Vec::new(), Vec::new());
        for symbol in &schema.symbols {
            let start = symbol_text.len();
            symbol_text.extend_from_slice(symbol.as_bytes());
            symbols.push(Span { start, end: symbol_text.len() });
        }
        Some(Self { schema, content, symbol_text, symbols })
    }

    fn row(&self, at: usize) -> Option<&Row> {
        match &self.content {
            Content::Row(row) => (at == 0).then_some(row),
            Content::Envelope(envelope) => envelope.rows.get(at),
        }
    }

    fn row_count(&self) -> usize {
        match &self.content {
            Content::Row(_) => 1,
            Content::Envelope(envelope) => envelope.rows.len(),
        }
    }
}

/// The schemas met in one call of `decode`.
#[derive(Debug, Default)]
pub(crate) struct Call {
    met: Vec<Met>,
}

#[derive(Debug)]
struct Met {
    id: SchemaId,
    plan: Arc<Plan>,
    /// Where its symbols begin in `scratch`.
    symbols_at: usize,
    seen: Vec<Seen>,
}

/// Records that have a row of one type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub count: u64,
    pub first: u32,
    pub last: u32,
}

impl Seen {
    fn note(&mut self, record: u32) {
        if self.count == 0 {
            self.first = record;
        }
        self.count += u64::from(self.count == 0 || self.last != record);
        self.last = record;
    }
}

impl Call {
    /// Reads one record.
    pub fn open(
        &mut self,
        schemas: &Schemas,
        work: &mut Work,
        (records, record): (&Records, &Record),
        value: &[u8],
    ) -> Result<Found, Refusal> {
        let Some(id) = schema_id(value) else {
            return Err(match value.first() {
                Some(0) => (Reason::Truncated, Some(narrow(value.len()))),
                _ => (Reason::MagicByte, Some(0)),
            });
        };
        let met = self.meet(id, schemas, work)?;
        let arena_bytes = records.arena.len();
        let text_bytes = arena_bytes.saturating_mul(TEXT_PER_BYTE).max(TEXT_BYTES_MIN);
        let plan = &*met.plan;
        let reading = Reading {
            schema: &plan.schema,
            symbols: &plan.symbols,
            symbols_at: met.symbols_at,
            has_placeholders: schemas.debezium.is_some(),
            scratch_max: text_bytes.min(TEXT_BYTES_MAX),
        };
        let mut input = Input::new(value, HEAD_BYTES, work.base, work.decoder.limits.nesting);
        let found = match &plan.content {
            Content::Row(row) => plain(row, &reading, &mut input, work, &mut met.seen)
                .map(|()| Ok(Found::Row(PlainRows::default().head(record), Side::After))),
            Content::Envelope(envelope) => envelope.read(&reading, &mut input, work, &mut met.seen),
        };
        let at = Some(narrow(input.at()));
        match found {
            Err(fault) => Err((reason(fault), at)),
            Ok(_) if !input.is_at_end() => Err((Reason::TrailingBytes, at)),
            Ok(found) => found,
        }
    }

    fn meet(
        &mut self,
        id: SchemaId,
        schemas: &Schemas,
        work: &mut Work,
    ) -> Result<&mut Met, Refusal> {
        // Most records are of the schema of the record before.
        if let Some(at) = self.met.iter().rposition(|met| met.id == id) {
            return Ok(&mut self.met[at]);
        }
        let known = schemas.known().get(&id).cloned();
        let plan = match known {
            Some(Known::Plan(plan)) => plan,
            Some(Known::Unusable) => return Err((Reason::SchemaInvalid, Some(1))),
            None => return Err((Reason::SchemaUnknown, Some(1))),
        };
        let symbols_at = work.keep_for_good(&plan.symbol_text);
        let seen = vec![Seen::default(); plan.row_count()];
        self.met.push(Met { id, plan, symbols_at, seen });
        let last = self.met.len() - 1;
        Ok(&mut self.met[last])
    }

    /// Tells which fields were met that the contract does not name.
    pub fn note_strangers(&self, work: &mut Work) {
        for met in &self.met {
            for (at, seen) in met.seen.iter().enumerate().filter(|(_, seen)| seen.count > 0) {
                for name in met.plan.row(at).iter().flat_map(|row| &row.strangers) {
                    work.note_strangers(name, seen.count, [seen.first, seen.last]);
                }
            }
        }
    }
}

fn plain(
    row: &Row,
    reading: &Reading<'_>,
    input: &mut Input,
    work: &mut Work,
    seen: &mut [Seen],
) -> Result<(), Fault> {
    read_row((row, 0), reading, (input, work, Side::After), seen)
}

/// Reads a row image, and notes that it was met.
fn read_row(
    (row, at): (&Row, usize),
    reading: &Reading<'_>,
    (input, work, side): (&mut Input, &mut Work, Side),
    seen: &mut [Seen],
) -> Result<(), Fault> {
    if !row.strangers.is_empty() {
        seen[at].note(work.record);
        if work.decoder.on_strange == OnDrift::Quarantine {
            work.refused.get_or_insert(narrow(input.at()));
        }
    }
    row.read(reading, input, &mut work.clear(side))
}

fn reason(fault: Fault) -> Reason {
    match fault {
        Fault::Truncated => Reason::Truncated,
        Fault::Malformed => Reason::NotAvro,
        Fault::NotUtf8 => Reason::NotUtf8,
        Fault::TooDeep => Reason::TooDeep,
        Fault::TooLarge => Reason::TooLarge,
    }
}
