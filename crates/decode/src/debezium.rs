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
//! | `op` t | `TRUNCATE_UNSUPPORTED` |
//! | `op` not c, u, d, r | `OP_UNKNOWN` |
//! | `after` of c, u, r or `before` of d not an object | `IMAGE_MISSING` |
//! | no position in `source` | `SEQUENCE_MISSING` |
//! | a position or time that is not an integer of 64 bits | `ENVELOPE_FIELD` |
//!
//! Of `before` only the key columns are taken: with PostgreSQL's default replica identity the
//! rest is null or invented. The time is that of `source`, in microseconds if it is given so.

use crate::field::{Field, integer, kind, number, refused, text};
use crate::image::{ENVELOPE, PAYLOAD_PART, SOURCE_PART, Side, Work};
use crate::names::Names;
use crate::scan::{Cursor, Fault, Kind, Token, narrow};
use crate::{Found, Head, Stop};
use huiliu_model::{Op, Reason};

const SCHEMA: usize = 0;
const PAYLOAD: usize = 1;
const BEFORE: usize = 2;
const AFTER: usize = 3;
const SOURCE: usize = 4;
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
const SOURCE_NAMES: [&str; 7] = ["ts_ms", "ts_us", "lsn", "file", "pos", "row", "scn"];

/// What one record holds: where its known fields lie.
#[derive(Debug, Default)]
struct Fields {
    envelope: [Field; NAMES.len()],
    source: [Field; SOURCE_NAMES.len()],
    /// Position of the first name that came a second time.
    duplicate: Option<u32>,
    /// Whether the envelope has names that Debezium's change records do not have.
    strangers: bool,
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
        let document = cursor.document();
        if is_control(work, document, &fields) {
            return Ok(Found::Control);
        }
        change(work, document, &fields)
    }

    /// Passes the object at the cursor: the record, or the payload within it.
    fn fields(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        fields: &mut Fields,
        outermost: bool,
    ) -> Result<(), Fault> {
        let part = if outermost { ENVELOPE } else { PAYLOAD_PART };
        work.orders[part].restart();
        let mut more = cursor.enter()?;
        while more {
            let at = narrow(cursor.at());
            let name = self.names.read(cursor, &mut work.orders[part], &mut work.spare)?;
            // Within the payload these two are names like any other.
            let name = name.filter(|&name| outermost || !matches!(name, SCHEMA | PAYLOAD));
            let token = match name {
                Some(SCHEMA) => work.pass_repeated(cursor)?,
                Some(PAYLOAD) => self.payload(work, cursor, fields)?,
                Some(BEFORE) => work.read_image(cursor, Side::Before)?,
                Some(AFTER) => work.read_image(cursor, Side::After)?,
                Some(SOURCE) => self.source(work, cursor, fields)?,
                _ => cursor.value()?,
            };
            let field = name.and_then(|name| fields.envelope.get_mut(name));
            fields.strangers |= field.is_none();
            if field.is_some_and(|field| field.replace(token).is_some()) {
                fields.duplicate = fields.duplicate.or(Some(at));
            }
            more = cursor.more()?;
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
        work.orders[SOURCE_PART].restart();
        let mut more = cursor.enter()?;
        while more {
            let at = narrow(cursor.at());
            let order = &mut work.orders[SOURCE_PART];
            let name = self.source.read(cursor, order, &mut work.spare)?;
            let token = cursor.value()?;
            if let Some(field) = name.and_then(|name| fields.source.get_mut(name))
                && field.replace(token).is_some()
            {
                fields.duplicate = fields.duplicate.or(Some(at));
            }
            more = cursor.more()?;
        }
        Ok(Token { kind: Kind::Object, start, end: narrow(cursor.at()) })
    }
}

/// Whether a record is about the stream and not about a row.
///
/// Logical messages say so. Of the others, none has an `op` or an image: a heartbeat has only
/// times; a schema change a `source` and a time; a transaction marker a `status` and an `id`.
/// The test is narrow on purpose: a row that merely lacks its `op` must not be passed over.
fn is_control(work: &mut Work, document: &[u8], fields: &Fields) -> bool {
    let field = |name: usize| fields.envelope.get(name).copied().flatten();
    if kind(field(OP)).is_some() {
        return text(work, document, field(OP)) == Some(b"m");
    }
    if field(BEFORE).is_some() || field(AFTER).is_some() {
        return false;
    }
    let about_source = kind(field(SOURCE)) == Some(Kind::Object);
    let timed = kind(field(TS_MS)) == Some(Kind::Number);
    let marker = matches!(text(work, document, field(STATUS)), Some(b"BEGIN" | b"END"));
    (timed && (about_source || !fields.strangers && field(ID).is_none()))
        || (marker && kind(field(ID)) == Some(Kind::Text))
}

fn change(work: &mut Work, document: &[u8], fields: &Fields) -> Result<Found, Stop> {
    let [_, _, before, after, source, _, op, ..] = fields.envelope;
    let op = match text(work, document, op) {
        Some(b"c") => Op::Create,
        Some(b"u") => Op::Update,
        Some(b"d") => Op::Delete,
        Some(b"r") => Op::Read,
        Some(b"t") => return Err(refused(Reason::TruncateUnsupported, op)),
        _ => return Err(refused(Reason::OpUnknown, op)),
    };
    let image = if op == Op::Delete { before } else { after };
    if kind(image) != Some(Kind::Object) {
        return Err(refused(Reason::ImageMissing, image));
    }
    let seq = match sequence(work, document, &fields.source)? {
        Some(seq) => seq,
        None => return Err(refused(Reason::SequenceMissing, source)),
    };
    let event_time_us = event_time(document, &fields.source)?;
    let head = Head { op, seq, event_time_us, department: 0 };
    if op == Op::Delete {
        work.keep_key_only(Side::Before);
        return Ok(Found::Row(head, Side::Before));
    }
    let has_before = kind(before) == Some(Kind::Object);
    if op == Op::Update && has_before && work.key_moved() {
        work.keep_key_only(Side::Before);
        return Ok(Found::Moved(head));
    }
    Ok(Found::Row(head, Side::After))
}

/// Position of the change in its source's log.
///
/// PostgreSQL: `lsn`. MySQL and MariaDB: file number, position and row of the binary log, as
/// `file << 40 | pos << 8 | min(row, 255)`: positions have 32 bits, the file number 23. Rows of
/// one log event beyond the 255th are told apart by their Kafka offsets, as are changes of one
/// Oracle `scn`.
fn sequence(
    work: &mut Work,
    document: &[u8],
    source: &[Field; SOURCE_NAMES.len()],
) -> Result<Option<i64>, Stop> {
    if let Some(lsn) = number(document, source[S_LSN])? {
        return Ok(Some(lsn));
    }
    if let Some(pos) = number(document, source[S_POS])?
        && let Some(file) = text(work, document, source[S_FILE]).filter(|file| !file.is_empty())
    {
        let file = file.rsplit(|&byte| byte == b'.').next().and_then(integer);
        let row = number(document, source[S_ROW])?.unwrap_or(0);
        return match file {
            Some(file @ 0..0x80_0000) if (0..1 << 32).contains(&pos) && row >= 0 => {
                Ok(Some(file << 40 | pos << 8 | row.min(255)))
            }
            _ => Err(refused(Reason::EnvelopeField, source[S_FILE])),
        };
    }
    // Oracle's number is a text, because it may be longer than an integer.
    match kind(source[S_SCN]) {
        None => Ok(None),
        Some(Kind::Number) => number(document, source[S_SCN]),
        Some(_) => match text(work, document, source[S_SCN]).and_then(integer) {
            Some(scn) => Ok(Some(scn)),
            None => Err(refused(Reason::EnvelopeField, source[S_SCN])),
        },
    }
}

fn event_time(document: &[u8], source: &[Field; SOURCE_NAMES.len()]) -> Result<Option<i64>, Stop> {
    if let Some(micros) = number(document, source[S_TS_US])? {
        return Ok(Some(micros));
    }
    let Some(millis) = number(document, source[S_TS_MS])? else {
        return Ok(None);
    };
    let micros = millis.checked_mul(1000);
    micros.map(Some).ok_or(refused(Reason::EnvelopeField, source[S_TS_MS]))
}
