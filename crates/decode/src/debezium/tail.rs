//! What stands behind the row images, where it is written as in the record before.
//!
//! From one change of a table to the next, `source`, `op` and the times of the envelope differ in
//! digits and in nothing else: a position, an instant, the number of a transaction. Bytes of which
//! only digits differ from those that were passed before have the same tokens in the same places,
//! so the seventeen fields of `source` and those around it are compared and not read again. See
//! [`Cursor::take_like`] for the digits that are not taken so. Names with other digits change
//! nothing: no name that is known here has one.

use super::{AFTER, BEFORE, Fields, PAYLOAD, SCHEMA, SOURCE};
use crate::field::Field;
use crate::scan::{Cursor, Token, narrow};
use std::ops::Range;

/// The tail of the record before.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Where it lies in the arena.
    arena: Range<usize>,
    /// Where it began in its document.
    start: u32,
    /// Brackets that were open there: what is within must not come to lie too deep.
    depth: usize,
    fields: Fields,
}

/// The place of a tail that is to be read, and what stood before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    at: usize,
    depth: usize,
    before: Field,
}

impl Start {
    /// The tail that begins at the cursor, behind the image after; `None` if fields of the
    /// envelope stand before it.
    #[inline(always)]
    pub fn of(cursor: &Cursor, fields: &Fields) -> Option<Self> {
        let is_first = fields.envelope.iter().skip(SOURCE).all(Option::is_none)
            && fields.source.iter().all(Option::is_none)
            && fields.duplicate.is_none()
            && !fields.strangers;
        let (at, depth) = (cursor.at(), cursor.depth());
        is_first.then(|| Self { at, depth, before: fields.envelope[BEFORE] })
    }
}

impl Tail {
    /// Takes the rest of the object if it is like the tail before.
    #[inline]
    pub(super) fn take(&self, arena: &[u8], cursor: &mut Cursor, fields: &mut Fields) -> bool {
        let start = narrow(cursor.at());
        let twin = arena.get(self.arena.clone()).unwrap_or_default();
        if cursor.depth() != self.depth || !cursor.take_like(twin) {
            return false;
        }
        let here = |token: Token| Token {
            kind: token.kind,
            start: token.start - self.start + start,
            end: token.end - self.start + start,
        };
        let known = self.fields.envelope.iter().zip(&mut fields.envelope).skip(SOURCE);
        let source = self.fields.source.iter().zip(&mut fields.source);
        known.chain(source).for_each(|(held, field)| *field = held.map(here));
        fields.strangers = self.fields.strangers;
        true
    }

    /// Remembers the tail that was read up to the cursor, the end of its object; `base` is where
    /// the document begins in the arena.
    #[inline]
    pub(super) fn learn(&mut self, base: u32, cursor: &Cursor, start: Start, fields: &Fields) {
        let document = cursor.document();
        let is_whole = fields.duplicate.is_none() && fields.envelope[BEFORE] == start.before;
        let written = document.get(start.at..cursor.at()).unwrap_or_default();
        // A digit of an escape is no digit of the text; and an image is not read here.
        let is_plain = !written.windows(2).any(|pair| pair == b"\\u");
        if !is_whole || !is_plain {
            self.arena = 0..0;
            return;
        }
        let base = base as usize;
        self.arena = base + start.at..base + cursor.at();
        self.start = narrow(start.at);
        self.depth = start.depth;
        self.fields = *fields;
        for name in [SCHEMA, PAYLOAD, BEFORE, AFTER] {
            self.fields.envelope[name] = None;
        }
    }
}
