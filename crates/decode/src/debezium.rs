//! Debezium's JSON envelope, `debezium_json`: `{before, after, source, op, …}`, bare or as the
//! `payload` beside a `schema`. Records flattened by a transform are not read here.
//!
//! Rules, in the order in which they are tested (the first that applies decides):
//!
//! | what | becomes |
//! |---|---|
//! | a known field twice, also in `source` | `DUPLICATE_FIELD` |
//! | `payload` null | skipped as a tombstone; other than an object: `NOT_AN_OBJECT` |
//! | `op` m; heartbeat, transaction or schema-change record | skipped as control |
//! | `op` not c, u, d, r | `OP_UNKNOWN` |
//! | `after` of c, u, r or `before` of d not an object | `IMAGE_MISSING` |
//! | no position in `source`, and `op` not r | `SEQUENCE_MISSING` |
//! | a position or time that is not an integer of 64 bits | `ENVELOPE_FIELD` |
//! | `op` t of a record from quarantine | `TRUNCATE_UNSUPPORTED`; else the table is emptied |
//!
//! What the fields mean is told in [`meaning`]; here is the walk over the bytes. The time is that
//! of `source`, in microseconds if it is given so.

mod meaning;
mod schema;
mod tail;

use crate::field::{Field, integer, kind, number, refused, text};
use crate::image::{ENVELOPE, PAYLOAD_PART, SOURCE_PART, Side, Work};
use crate::names::Names;
use crate::scan::{Cursor, Fault, Kind, Token, narrow};
use crate::{Found, Head, Stop};
use huiliu_model::{Op, Reason};
use meaning::{Act, Position, Shape};
use tail::Start;
pub(crate) use tail::Tail;

const SCHEMA: usize = 0;
const PAYLOAD: usize = 1;
pub(crate) const BEFORE: usize = 2;
pub(crate) const AFTER: usize = 3;
pub(crate) const SOURCE: usize = 4;
const OP: usize = 6;
const TS_MS: usize = 7;
const STATUS: usize = 10;
const ID: usize = 11;
const NAMES: [&str; 12] = [
    "schema",
    "payload",
    "before",
    "after",
    "source",
    "transaction",
    "op",
    "ts_ms",
    "ts_us",
    "ts_ns",
    "status",
    "id",
];

const S_TS_MS: usize = 0;
const S_TS_US: usize = 1;
const S_LSN: usize = 2;
const S_FILE: usize = 3;
const S_POS: usize = 4;
const S_ROW: usize = 5;
const S_SCN: usize = 6;
const S_SEQUENCE: usize = 7;
const SOURCE_NAMES: [&str; 8] = ["ts_ms", "ts_us", "lsn", "file", "pos", "row", "scn", "sequence"];

/// What one record holds: where its known fields lie.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Fields {
    envelope: [Field; NAMES.len()],
    source: [Field; SOURCE_NAMES.len()],
    /// Position of the first name that came a second time.
    duplicate: Option<u32>,
    /// Whether the envelope has names that Debezium's change records do not have.
    pub strangers: bool,
}

impl Fields {
    pub fn set(&mut self, name: usize, token: Token) {
        self.envelope[name] = Some(token);
    }

    pub fn set_source(&mut self, name: usize, token: Token) {
        self.source[name] = Some(token);
    }
}

/// Whether a name is of the envelope itself, and not of the object around it.
pub(crate) fn is_inner(name: usize) -> bool {
    !matches!(name, SCHEMA | PAYLOAD)
}

#[derive(Debug)]
pub(crate) struct Envelope {
    pub names: Names,
    pub source: Names,
}

impl Envelope {
    pub fn new() -> Self {
        Self { names: Names::new(NAMES), source: Names::new(SOURCE_NAMES) }
    }

    /// Reads one record.
    pub fn open(&self, work: &mut Work, cursor: &mut Cursor) -> Result<Found, Stop> {
        let mut fields = Fields::default();
        self.fields(work, cursor, &mut fields, true)?;
        cursor.finish()?;
        if let Some(at) = fields.duplicate {
            return Err(Stop::Refused(Reason::DuplicateField, Some(at)));
        }
        let payload = fields.envelope[PAYLOAD];
        match payload.map(|token| token.kind) {
            None | Some(Kind::Object) => {}
            Some(Kind::Null) => return Ok(Found::Tombstone),
            Some(_) => return Err(refused(Reason::NotAnObject, payload)),
        }
        work.speak(fields.envelope[SCHEMA], schema::encodings);
        understand(work, cursor.document(), &fields)
    }

    /// Passes the object at the cursor: the record, or the payload within it.
    fn fields(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        fields: &mut Fields,
        outermost: bool,
    ) -> Result<(), Fault> {
        cursor.apart(|cursor| self.fields_of(work, cursor, fields, outermost))
    }

    #[inline(always)]
    fn fields_of(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        fields: &mut Fields,
        outermost: bool,
    ) -> Result<(), Fault> {
        let part = if outermost { ENVELOPE } else { PAYLOAD_PART };
        work.orders[part].restart();
        let mut tail = None;
        let mut more = cursor.enter()?;
        while more {
            let at = narrow(cursor.at());
            let name = self.names.read(cursor, &mut work.orders[part], &mut work.spare)?;
            // Within the payload these two are names like any other.
            let name = name.filter(|&name| outermost || is_inner(name));
            let token = match name {
                Some(SCHEMA) => cursor.apart(|cursor| work.pass_repeated(cursor))?,
                Some(PAYLOAD) => cursor.apart(|cursor| self.payload(work, cursor, fields))?,
                Some(BEFORE) => cursor.apart(|cursor| work.read_image(cursor, Side::Before))?,
                Some(AFTER) => cursor.apart(|cursor| work.read_image(cursor, Side::After))?,
                Some(SOURCE) => cursor.apart(|cursor| self.source(work, cursor, fields))?,
                _ => cursor.value()?,
            };
            let field = name.and_then(|name| fields.envelope.get_mut(name));
            fields.strangers |= field.is_none();
            if field.is_some_and(|field| field.replace(token).is_some()) {
                fields.duplicate = fields.duplicate.or(Some(at));
            }
            more = cursor.more()?;
            if name == Some(AFTER) && more {
                tail = Start::of(cursor, fields);
                if tail.is_some() && work.tail.take(work.arena, cursor, fields) {
                    return Ok(());
                }
            }
        }
        if let Some(start) = tail {
            work.tail.learn(work.base, cursor, start, fields);
        }
        Ok(())
    }

    fn payload(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        fields: &mut Fields,
    ) -> Result<Token, Fault> {
        if cursor.peek()? != b'{' {
            return cursor.value();
        }
        let start = narrow(cursor.at());
        self.fields(work, cursor, fields, false)?;
        Ok(Token { kind: Kind::Object, start, end: narrow(cursor.at()) })
    }

    fn source(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        fields: &mut Fields,
    ) -> Result<Token, Fault> {
        if cursor.peek()? != b'{' {
            return cursor.value();
        }
        let start = narrow(cursor.at());
        cursor.apart(|cursor| self.source_fields(work, cursor, fields))?;
        Ok(Token { kind: Kind::Object, start, end: narrow(cursor.at()) })
    }

    #[inline(always)]
    fn source_fields(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        fields: &mut Fields,
    ) -> Result<(), Fault> {
        work.orders[SOURCE_PART].restart();
        let mut more = cursor.enter()?;
        while more {
            let at = narrow(cursor.at());
            let order = &mut work.orders[SOURCE_PART];
            let usual = order.take_field(cursor);
            let is_usual = usual.is_some();
            let (name, token);
            match usual {
                Some((place, taken)) => (name, token) = (Some(place), taken),
                None => {
                    name = self.source.read(cursor, order, &mut work.spare)?;
                    token = cursor.value()?;
                }
            }
            if let Some(field) = name.and_then(|name| fields.source.get_mut(name))
                && field.replace(token).is_some()
            {
                fields.duplicate = fields.duplicate.or(Some(at));
            }
            more = is_usual || cursor.more()?;
        }
        Ok(())
    }
}

/// What an envelope says, however it was written; images are in `work` already.
pub(crate) fn understand(work: &mut Work, document: &[u8], fields: &Fields) -> Result<Found, Stop> {
    if is_control(work, document, fields) {
        return Ok(Found::Control);
    }
    change(work, document, fields)
}

/// Whether a record is about the stream and not about a row. Logical messages say so.
fn is_control(work: &mut Work, document: &[u8], fields: &Fields) -> bool {
    let field = |name: usize| fields.envelope.get(name).copied().flatten();
    if kind(field(OP)).is_some() {
        return meaning::act(text(work, document, field(OP))) == Ok(Act::Message);
    }
    let marker = matches!(text(work, document, field(STATUS)), Some(b"BEGIN" | b"END"));
    let shape = Shape {
        has_image: field(BEFORE).is_some() || field(AFTER).is_some(),
        has_source: kind(field(SOURCE)) == Some(Kind::Object),
        has_time: kind(field(TS_MS)) == Some(Kind::Number),
        has_id: field(ID).is_some(),
        has_strangers: fields.strangers,
        is_marker: marker && kind(field(ID)) == Some(Kind::Text),
    };
    shape.is_control()
}

fn change(work: &mut Work, document: &[u8], fields: &Fields) -> Result<Found, Stop> {
    let [_, _, before, after, source, _, op, ..] = fields.envelope;
    let op = match meaning::act(text(work, document, op)) {
        Ok(Act::Row(op)) => Some(op),
        Ok(Act::Truncate) => None,
        Ok(Act::Message) => return Ok(Found::Control),
        Err(reason) => return Err(refused(reason, op)),
    };
    if let Some(op) = op {
        let image = if meaning::needed(op) == Side::Before { before } else { after };
        if kind(image) != Some(Kind::Object) {
            return Err(refused(Reason::ImageMissing, image));
        }
    }
    let is_truncate = op.is_none();
    // A truncate stands in the log like a delete.
    let op = op.unwrap_or(Op::Delete);
    let (position, at) = position(work, document, &fields.source)?;
    let place = if position == Position::None { source } else { at };
    let seq = position.sequence(op).map_err(|reason| refused(reason, place))?;
    let (micros, millis) = (fields.source[S_TS_US], fields.source[S_TS_MS]);
    let micros = number(document, micros)?;
    let ms = if micros.is_none() { number(document, millis)? } else { None };
    let event_time_us =
        meaning::event_time(micros, ms).map_err(|reason| refused(reason, millis))?;
    let head = Head { op, seq, event_time_us, department: 0 };
    if is_truncate {
        return Ok(Found::Truncated(head));
    }
    Ok(meaning::rows(work, head, kind(before) == Some(Kind::Object)))
}

/// Position of the change in its source's log, and the field that says it.
fn position<'b>(
    work: &'b mut Work,
    document: &'b [u8],
    source: &[Field; SOURCE_NAMES.len()],
) -> Result<(Position<'b>, Field), Stop> {
    if let Some(lsn) = number(document, source[S_LSN])? {
        return Ok((Position::Lsn(lsn), source[S_LSN]));
    }
    let pos = number(document, source[S_POS])?;
    let file = source[S_FILE].filter(|file| pos.is_some() && file.end > file.start);
    if let (Some(pos), Some(Kind::Text | Kind::Escaped)) = (pos, kind(file)) {
        let row = number(document, source[S_ROW])?.unwrap_or(0);
        let file = text(work, document, file).unwrap_or_default();
        return Ok((Position::Binlog { file, pos, row }, source[S_FILE]));
    }
    // Oracle's number is a text, because it may be longer than an integer.
    let scn = source[S_SCN];
    match kind(scn) {
        Some(Kind::Number) => {
            let number = number(document, scn)?.map_or(Position::None, Position::Scn);
            return Ok((number, scn));
        }
        Some(_) => {
            let number = text(work, document, scn).and_then(integer);
            let number = number.ok_or(refused(Reason::EnvelopeField, scn))?;
            return Ok((Position::Scn(number), scn));
        }
        None => {}
    }
    let sequence = source[S_SEQUENCE];
    match kind(sequence) {
        Some(Kind::Text | Kind::Escaped) => {
            let text = text(work, document, sequence).unwrap_or_default();
            Ok((Position::Sequence(text), sequence))
        }
        _ => Ok((Position::None, None)),
    }
}
