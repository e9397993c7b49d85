//! The project's own envelope, `huiliu_json`.
//!
//! Rules, in the order in which they are tested (the first that fails is the reason):
//!
//! | field | must be | else |
//! |---|---|---|
//! | any known field | there once | `DUPLICATE_FIELD` |
//! | `v` | 1 | `VERSION_UNKNOWN` |
//! | `ds` | a text, equal to the dataset | `ENVELOPE_FIELD`, `DATASET_UNKNOWN` |
//! | `op` | `c`, `u`, `d` or `r` | `OP_UNKNOWN` |
//! | `seq` | an integer of 64 bits | `SEQUENCE_MISSING` if absent or null, `ENVELOPE_FIELD` |
//! | `event_time` | absent, null, or ISO 8601 with an offset | `ENVELOPE_FIELD` |
//! | `after` of c, u, r | an object | `IMAGE_MISSING` |
//! | `before` of d | an object; absent or null if the Kafka key holds the key | `IMAGE_MISSING` |
//!
//! Of `src` the department (`dept`) is taken. Other fields are passed over. An update whose
//! `before` names another key is two rows.

use crate::field::{Field, kind, number, refused, text};
use crate::image::{ENVELOPE, Side, Work};
use crate::names::Names;
use crate::scan::{Cursor, Kind, narrow};
use crate::{Found, Head, Stop, instant};
use huiliu_model::{Op, Reason};
use std::ops::Range;

const V: usize = 0;
const DS: usize = 1;
const OP: usize = 2;
const SEQ: usize = 3;
const EVENT_TIME: usize = 4;
const SRC: usize = 5;
const BEFORE: usize = 7;
const AFTER: usize = 8;
const NAMES: [&str; 9] =
    ["v", "ds", "op", "seq", "event_time", "src", "synthetic", "before", "after"];

type Fields = [Field; NAMES.len()];

#[derive(Debug)]
pub(crate) struct Envelope {
    pub names: Names,
    /// Names within `src`.
    pub source: Names,
}

impl Envelope {
    pub fn new() -> Self {
        Self { names: Names::new(NAMES), source: Names::new(["dept"]) }
    }

    /// Reads one record; `key` is the Kafka record's key in the arena.
    pub fn open(
        &self,
        work: &mut Work,
        cursor: &mut Cursor,
        key: Option<&Range<u32>>,
    ) -> Result<Found, Stop> {
        let fields = cursor.apart(|cursor| self.fields(work, cursor))?;
        let document = cursor.document();
        check_version(document, fields[V])?;
        check_dataset(work, document, fields[DS])?;
        let op = op(work, document, fields[OP])?;
        let seq =
            number(document, fields[SEQ])?.ok_or(refused(Reason::SequenceMissing, fields[SEQ]))?;
        let event_time_us = event_time(work, document, fields[EVENT_TIME])?;
        let department = work.department(&self.source, fields[SRC]);
        let head = Head { op, seq, event_time_us, department };

        if op == Op::Delete {
            let image = match kind(fields[BEFORE]) {
                Some(Kind::Object) => true,
                None => work.image_from_key(key),
                Some(_) => false,
            };
            return match image {
                true => Ok(Found::Row(head, Side::Before)),
                false => Err(missing(fields[BEFORE])),
            };
        }
        if kind(fields[AFTER]) != Some(Kind::Object) {
            return Err(missing(fields[AFTER]));
        }
        let has_before = kind(fields[BEFORE]) == Some(Kind::Object);
        if op == Op::Update && has_before && work.key_moved() {
            return Ok(Found::Moved(head));
        }
        Ok(Found::Row(head, Side::After))
    }

    /// Passes the whole document; keeps the images in `work` and where the fields lie.
    #[inline(always)]
    fn fields(&self, work: &mut Work, cursor: &mut Cursor) -> Result<Fields, Stop> {
        let mut fields = Fields::default();
        let mut duplicate = None;
        work.orders[ENVELOPE].restart();
        let mut more = cursor.enter()?;
        while more {
            let at = narrow(cursor.at());
            let name = self.names.read(cursor, &mut work.orders[ENVELOPE], &mut work.spare)?;
            let token = match name {
                Some(BEFORE) => cursor.apart(|cursor| work.read_image(cursor, Side::Before))?,
                Some(AFTER) => cursor.apart(|cursor| work.read_image(cursor, Side::After))?,
                Some(SRC) => cursor.apart(|cursor| work.pass_repeated(cursor))?,
                _ => cursor.value()?,
            };
            if let Some(field) = name.and_then(|name| fields.get_mut(name))
                && field.replace(token).is_some()
            {
                duplicate = duplicate.or(Some(at));
            }
            more = cursor.more()?;
        }
        cursor.finish()?;
        match duplicate {
            Some(at) => Err(Stop::Refused(Reason::DuplicateField, Some(at))),
            None => Ok(fields),
        }
    }
}

fn missing(image: Field) -> Stop {
    refused(Reason::ImageMissing, image)
}

fn check_version(document: &[u8], field: Field) -> Result<(), Stop> {
    match field {
        Some(token) if token.kind == Kind::Number && token.raw(document) == b"1" => Ok(()),
        _ => Err(refused(Reason::VersionUnknown, field)),
    }
}

fn check_dataset(work: &mut Work, document: &[u8], field: Field) -> Result<(), Stop> {
    let decoder = work.decoder;
    match text(work, document, field) {
        Some(name) if name == decoder.dataset.as_bytes() => Ok(()),
        Some(_) => Err(refused(Reason::DatasetUnknown, field)),
        None => Err(refused(Reason::EnvelopeField, field)),
    }
}

fn op(work: &mut Work, document: &[u8], field: Field) -> Result<Op, Stop> {
    match text(work, document, field) {
        Some(b"c") => Ok(Op::Create),
        Some(b"u") => Ok(Op::Update),
        Some(b"d") => Ok(Op::Delete),
        Some(b"r") => Ok(Op::Read),
        _ => Err(refused(Reason::OpUnknown, field)),
    }
}

fn event_time(work: &mut Work, document: &[u8], field: Field) -> Result<Option<i64>, Stop> {
    if kind(field).is_none() {
        return Ok(None);
    }
    let instant = text(work, document, field).and_then(instant::parse);
    instant.map(Some).ok_or(refused(Reason::EnvelopeField, field))
}
