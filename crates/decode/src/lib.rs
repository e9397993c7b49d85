//! Bytes to changes: the envelope of a record is opened and its row image becomes cells.
//!
//! Synchronous and total: no I/O, no error, no panic. Whatever the bytes are, a record ends as
//! rows, as one reject or as skipped, and touches no other record. Values are not converted:
//! a [`Cell`] says where a value's text lies and of which JSON kind it is.
//!
//! A record is accepted only if it is valid as a whole, the parts that are skipped too (what Avro
//! adds to this is told in `avro`). So the reason of a reject does not depend on the order of its
//! fields: first what concerns the document (`TOO_LARGE`, `NOT_UTF8`, `NOT_JSON`, `TRUNCATED`,
//! `TOO_DEEP`, `NOT_AN_OBJECT`), then `DUPLICATE_FIELD`, then the envelope's own rules in the order
//! of its module.
//!
//! In a row image the last of several fields of one name wins; a field that is absent and one that
//! is null are kept apart. Fields the contract does not name are noted and then, as it says under
//! `drift`, passed over, kept as they are, or the reason to reject the record.

mod avro;
mod debezium;
mod field;
mod huiliu;
mod image;
mod instant;
mod names;
mod placeholder;
pub mod scan;
mod strangers;

use huiliu_model::contract::Format;
use huiliu_model::schemas::{SchemaId, WriterSchema};
use huiliu_model::{
    Cell, CellKind, Change, Changes, Column, Contract, Dialect, Extra, OnDrift, Op,
};
use huiliu_model::{Reason, Record, Records, Reject, Stage, Texts, Truncate};
use image::{Side, Work};
use names::Names;
use scan::{Cursor, Fault, Kind, narrow, unescape};
use std::sync::Arc;

/// Bounds on what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest value that is parsed; default 1 MiB, the broker's default for a whole record.
    pub record_bytes: usize,
    /// Brackets open at once, the outermost included; default 32, at most
    /// [`scan::NESTING_MAX`].
    pub nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record_bytes: 1 << 20, nesting: 32 }
    }
}

/// What plain rows are taken for, which say nothing of themselves; for [`Format::Json`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainRows {
    pub op: Op,
    /// `None`: the record's offset is its sequence.
    pub seq: Option<i64>,
    /// When it happened at the source, microseconds since 1970 UTC.
    pub event_time_us: Option<i64>,
}

impl Default for PlainRows {
    /// Rows of a Kafka topic: created, in the order of their offsets.
    fn default() -> Self {
        Self { op: Op::Create, seq: None, event_time_us: None }
    }
}

impl PlainRows {
    fn head(&self, record: &Record) -> Head {
        let Self { op, seq, event_time_us } = *self;
        Head { op, seq: seq.unwrap_or(record.offset), event_time_us, department: 0 }
    }
}

/// Decoder of one dataset: its contract as lookup tables. Between calls it keeps the schemas that
/// it was told of, and nothing else.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    dataset: Arc<str>,
    format: Format,
    epoch: i64,
    takes_truncates: bool,
    columns: Names,
    /// What is done with fields that the contract does not name.
    on_strange: OnDrift,
    /// Indices of the key columns, in key order.
    key: Vec<usize>,
    envelope: Envelope,
}

#[derive(Debug)]
enum Envelope {
    Huiliu(huiliu::Envelope),
    Debezium(debezium::Envelope),
    Plain(PlainRows),
    Avro(avro::Schemas),
}

/// What a record turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// One row, whose image is on one side.
    Row(Head, Side),
    /// The key changed: the row before is deleted, the row after is created.
    Moved(Head),
    Tombstone,
    Control,
    /// The table was emptied.
    Truncated(Head),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    op: Op,
    seq: i64,
    event_time_us: Option<i64>,
    department: u16,
}

/// Why a record yields nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The document is broken where the cursor stands.
    Fault(Fault),
    /// The document is sound; what it says is not acceptable.
    Refused(Reason, Option<u32>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Decoder {
    pub fn new(contract: &Contract, limits: Limits) -> Self {
        Self {
            limits,
            dataset: contract.dataset.clone(),
            format: contract.format,
            epoch: contract.epoch,
            takes_truncates: true,
            columns: Names::new(contract.columns.iter().map(Column::field)),
            on_strange: contract.drift.added,
            key: contract.key.clone(),
            envelope: match contract.format {
                Format::HuiliuJson => Envelope::Huiliu(huiliu::Envelope::new()),
                Format::DebeziumJson => Envelope::Debezium(debezium::Envelope::new()),
                Format::Json => Envelope::Plain(PlainRows::default()),
                Format::ConfluentAvro | Format::DebeziumAvro => {
                    let is_debezium = contract.format.is_debezium();
                    Envelope::Avro(avro::Schemas::new(&contract.columns, is_debezium))
                }
            },
        }
    }

    /// Takes plain rows for something else than the records of a Kafka topic.
    #[must_use]
    pub fn taking_rows_as(mut self, rows: PlainRows) -> Self {
        if let Envelope::Plain(held) = &mut self.envelope {
            *held = rows;
        }
        self
    }

    /// Refuses records that say that a table was emptied, for who cannot empty it.
    #[must_use]
    pub fn refusing_truncates(mut self) -> Self {
        self.takes_truncates = false;
        self
    }

    /// Schemas that these records name and that the decoder has not been told of; always empty
    /// for formats without schemas of their own.
    pub fn unknown_schemas(&self, records: &Records) -> Vec<SchemaId> {
        match &self.envelope {
            Envelope::Avro(schemas) => schemas.unknown(records),
            _ => Vec::new(),
        }
    }

    /// Takes a schema to know. Records whose schema is not known are rejected, so whoever decodes
    /// looks up [`Decoder::unknown_schemas`] first.
    pub fn learn(&self, id: SchemaId, schema: &WriterSchema) {
        if let Envelope::Avro(schemas) = &self.envelope {
            schemas.learn(self, id, schema);
        }
    }

    /// Decodes every record once, in order. Each becomes one row, two rows (its key changed), a
    /// reject, or is counted as skipped. Cells refer to the arena of `records`.
    pub fn decode(&self, records: &Records) -> Changes {
        self.decode_texts(&Texts::of(records, self.format))
    }

    /// As [`Decoder::decode`], for who reads the same texts again.
    pub fn decode_texts(&self, texts: &Texts<'_>) -> Changes {
        let records = texts.records;
        let count = records.entries.len();
        let mut changes = Changes {
            rows: Vec::with_capacity(count),
            columns: (0..self.columns.len()).map(|_| Vec::with_capacity(count)).collect(),
            ..Changes::default()
        };
        let mut work = Work::new(self, texts);
        let mut call = avro::Call::default();
        let mut faults = records.faults.iter().peekable();
        let mut dialect = image::UNSAID;
        for (index, record) in records.entries.iter().enumerate() {
            let index = narrow(index);
            if let Some(fault) = faults.next_if(|fault| fault.record == index) {
                changes.rejects.push(fault.clone());
                continue;
            }
            work.mark = work.scratch.len();
            work.record = index;
            match self.record(&mut work, &mut call, records, record) {
                Ok(Found::Row(head, side)) => {
                    turn_to(&mut dialect, &work, &mut changes);
                    self.push(&mut changes, index, 0, head, (&mut work, side));
                }
                Ok(Found::Moved(head)) => {
                    turn_to(&mut dialect, &work, &mut changes);
                    let gone = Head { op: Op::Delete, ..head };
                    self.push(&mut changes, index, 0, gone, (&mut work, Side::Before));
                    let come = Head { op: Op::Create, ..head };
                    self.push(&mut changes, index, 1, come, (&mut work, Side::After));
                }
                Ok(Found::Tombstone) => changes.skipped.tombstone += 1,
                Ok(Found::Control) => changes.skipped.control += 1,
                Ok(Found::Truncated(head)) => self.truncated(&mut changes, index, records, head),
                Err((reason, at)) => {
                    work.scratch.truncate(work.mark);
                    let stage = Stage::Decode;
                    changes.rejects.push(Reject { record: index, stage, reason, column: None, at });
                }
            }
        }
        work.settle(&mut changes.columns);
        call.note_strangers(&mut work);
        changes.scratch = work.scratch;
        changes.departments = work.departments;
        changes.strangers = work.strangers;
        changes
    }

    #[cold]
    fn truncated(&self, changes: &mut Changes, index: u32, records: &Records, head: Head) {
        if !self.takes_truncates {
            let (stage, reason) = (Stage::Decode, Reason::TruncateUnsupported);
            changes.rejects.push(Reject { record: index, stage, reason, column: None, at: None });
            return;
        }
        changes.skipped.control += 1;
        let record = &records.entries[index as usize];
        let truncate = Truncate {
            kafka_topic: Arc::clone(&records.kafka_topic),
            epoch: self.epoch,
            seq: head.seq,
            partition: record.partition,
            offset: record.offset,
            kafka_time_us: record.timestamp_ms * 1_000,
            event_time_us: head.event_time_us,
        };
        changes.truncate = Truncate::later(changes.truncate.take(), Some(truncate));
    }

    #[inline]
    fn push(
        &self,
        into: &mut Changes,
        record: u32,
        ordinal: u8,
        head: Head,
        (work, side): (&mut Work<'_>, Side),
    ) {
        let Head { op, seq, event_time_us, department } = head;
        let epoch = self.epoch;
        into.rows.push(Change { record, ordinal, op, epoch, seq, event_time_us, department });
        work.accept(side, &mut into.columns);
        if self.on_strange == OnDrift::Evolve {
            let row = narrow(into.rows.len() - 1);
            into.extras.extend(work.strange(side).iter().map(|extra| Extra { row, ..*extra }));
        }
    }

    fn record(
        &self,
        work: &mut Work,
        call: &mut avro::Call,
        records: &Records,
        record: &Record,
    ) -> Result<Found, (Reason, Option<u32>)> {
        let Some(range) = &record.value else {
            return Ok(Found::Tombstone);
        };
        let value = records.slice(range);
        if value.is_empty() {
            return Err((Reason::Empty, None));
        }
        if value.len() > self.limits.record_bytes {
            return Err((Reason::TooLarge, None));
        }
        work.base = range.start;
        work.refused = None;
        let found = match &self.envelope {
            Envelope::Avro(schemas) => call.open(schemas, work, (records, record), value)?,
            _ => self.text(work, value, record)?,
        };
        match work.refused {
            Some(at) => Err((Reason::FieldUnknown, Some(at))),
            None => Ok(found),
        }
    }

    /// Reads a record that is JSON.
    fn text(
        &self,
        work: &mut Work,
        value: &[u8],
        record: &Record,
    ) -> Result<Found, (Reason, Option<u32>)> {
        if !work.is_utf8(value) {
            return Err(not_utf8(value));
        }
        let start = work.base as usize;
        let mut cursor =
            Cursor::within(work.arena, start..start + value.len(), self.limits.nesting);
        self.open(work, &mut cursor, record).map_err(|stop| match stop {
            Stop::Refused(reason, at) => (reason, at),
            Stop::Fault(fault) => {
                let reason = match fault {
                    Fault::Truncated => Reason::Truncated,
                    Fault::Unexpected => Reason::NotJson,
                    Fault::TooDeep => Reason::TooDeep,
                };
                (reason, Some(narrow(cursor.at())))
            }
        })
    }

    fn open(&self, work: &mut Work, cursor: &mut Cursor, record: &Record) -> Result<Found, Stop> {
        if cursor.peek()? != b'{' {
            let start = narrow(cursor.at());
            cursor.value()?;
            cursor.finish()?;
            return Err(Stop::Refused(Reason::NotAnObject, Some(start)));
        }
        match &self.envelope {
            Envelope::Huiliu(envelope) => envelope.open(work, cursor, record.key.as_ref()),
            Envelope::Debezium(envelope) => envelope.open(work, cursor),
            Envelope::Plain(rows) => {
                work.read_image(cursor, Side::After)?;
                cursor.finish()?;
                Ok(Found::Row(rows.head(record), Side::After))
            }
            // Avro is no text, and does not come here.
            Envelope::Avro(_) => Err(Stop::Fault(Fault::Unexpected)),
        }
    }
}

/// Notes that the rows from here on are written in another way than those before.
#[inline]
fn turn_to(dialect: &mut u32, work: &Work<'_>, changes: &mut Changes) {
    if *dialect != work.dialect {
        *dialect = work.dialect;
        let from_row = narrow(changes.rows.len());
        changes.dialects.push(Dialect { from_row, columns: work.encodings() });
    }
}

/// A value that ends inside a character was cut; any other invalid byte is not UTF-8.
#[cold]
fn not_utf8(value: &[u8]) -> (Reason, Option<u32>) {
    match std::str::from_utf8(value) {
        Err(error) if error.error_len().is_none() => (Reason::Truncated, Some(narrow(value.len()))),
        Err(error) => (Reason::NotUtf8, Some(narrow(error.valid_up_to()))),
        Ok(_) => (Reason::NotUtf8, None),
    }
}

/// The cell of a value that was passed; `base` is where its document begins in the arena.
#[inline]
fn cell(token: scan::Token, base: u32) -> Cell {
    /// By [`Kind`]: a look costs less than a jump whose way nobody foresees.
    const KINDS: [CellKind; 8] = {
        let mut kinds = [CellKind::Nested; 8];
        kinds[Kind::Null as usize] = CellKind::Null;
        kinds[Kind::True as usize] = CellKind::True;
        kinds[Kind::False as usize] = CellKind::False;
        kinds[Kind::Number as usize] = CellKind::Number;
        kinds[Kind::Text as usize] = CellKind::Text;
        kinds[Kind::Escaped as usize] = CellKind::Text;
        kinds
    };
    let kind = KINDS[token.kind as usize];
    Cell { start: base + token.start, len: token.end - token.start, kind }
}

/// The cell of a text with escapes, which is written into `scratch`.
#[cold]
fn unescaped(raw: &[u8], scratch: &mut Vec<u8>) -> Cell {
    let start = scratch.len();
    unescape(raw, scratch);
    let len = narrow(scratch.len() - start);
    Cell { start: narrow(start), len, kind: CellKind::Unescaped }
}
