//! The bytes of one Avro record, read forward: integers, lengths and plain bytes.
//!
//! Every length is held against what is left before anything is done with it. On a fault the
//! input stands where the value begins that could not be read.

use huiliu_model::binary;

/// Fields of records that may come beside one per byte. A schema alone can ask for any number of
/// fields that take no bytes: records of records of nulls, each level twice the one within.
const EMPTY_FIELDS_MAX: usize = 100_000;

/// Why a record cannot be read on; [`Input::at`] says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes end inside a value.
    Truncated,
    /// No value of the schema is written like this.
    Malformed,
    NotUtf8,
    /// A value lies deeper than the limit.
    TooDeep,
    /// More items or fields than a record of this size may have, or a text that is too long.
    TooLarge,
}

#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where in the arena the bytes begin.
    base: u32,
    /// Items of arrays and maps that may still come. An item may take no bytes at all, so their
    /// number has to have a bound of its own.
    items_left: usize,
    /// Fields of records that may still come.
    fields_left: usize,
    /// Levels that may still be entered.
    levels_left: usize,
}

/// Bytes of a value: where they lie in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

impl<'a> Input<'a> {
    /// Stands behind `head` bytes of a record.
    pub fn new(bytes: &'a [u8], head: usize, base: u32, nesting: usize) -> Self {
        let fields_left = bytes.len().saturating_add(EMPTY_FIELDS_MAX);
        let (at, items_left) = (head, bytes.len());
        Self { bytes, at, base, items_left, fields_left, levels_left: nesting }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn base(&self) -> u32 {
        self.base
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }

    /// Passes an integer of 64 bits and says where it lies.
    #[inline]
    pub fn long(&mut self) -> Result<Span, Fault> {
        const ENDS: u64 = 0x8080_8080_8080_8080;
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        if let Some(chunk) = rest.first_chunk::<8>() {
            let ends = !u64::from_le_bytes(*chunk) & ENDS;
            if ends != 0 {
                self.at = start + ends.trailing_zeros() as usize / 8 + 1;
                return Ok(Span { start, end: self.at });
            }
        }
        self.long_at_the_end(rest)
    }

    #[cold]
    fn long_at_the_end(&mut self, rest: &[u8]) -> Result<Span, Fault> {
        let start = self.at;
        let longest = rest.get(..10).unwrap_or(rest);
        let Some(last) = longest.iter().position(|byte| byte & 0x80 == 0) else {
            return Err(if rest.len() < 10 { Fault::Truncated } else { Fault::Malformed });
        };
        if binary::varint(rest).is_none() {
            return Err(Fault::Malformed);
        }
        self.at = start + last + 1;
        Ok(Span { start, end: self.at })
    }

    /// Passes an integer that must fit 32 bits.
    #[inline]
    pub fn int(&mut self) -> Result<Span, Fault> {
        let span = self.long()?;
        if span.end - span.start > 4 && i32::try_from(self.number(span)).is_err() {
            self.at = span.start;
            return Err(Fault::Malformed);
        }
        Ok(span)
    }

    /// The value of an integer that was passed.
    #[inline]
    pub fn number(&self, span: Span) -> i64 {
        binary::varint(self.slice(span)).unwrap_or_default()
    }

    /// Reads a small number that is not negative: a length, a branch, a symbol.
    #[inline]
    pub fn count(&mut self) -> Result<usize, Fault> {
        // One byte in most cases.
        if let Some(&byte) = self.bytes.get(self.at)
            && byte & 0x81 == 0
        {
            self.at += 1;
            return Ok(usize::from(byte >> 1));
        }
        let span = self.long()?;
        usize::try_from(self.number(span)).map_err(|_| {
            self.at = span.start;
            Fault::Malformed
        })
    }

    /// Passes a number of bytes.
    #[inline]
    pub fn fixed(&mut self, len: usize) -> Result<Span, Fault> {
        let start = self.at;
        match start.checked_add(len).filter(|end| *end <= self.bytes.len()) {
            Some(end) => {
                self.at = end;
                Ok(Span { start, end })
            }
            None => Err(Fault::Truncated),
        }
    }

    /// Passes bytes that stand behind their length.
    #[inline]
    pub fn bytes(&mut self) -> Result<Span, Fault> {
        let start = self.at;
        let len = self.count()?;
        let span = self.fixed(len);
        if span.is_err() {
            self.at = start;
        }
        span
    }

    /// Passes a text, all of which must be UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<Span, Fault> {
        let start = self.at;
        let span = self.bytes()?;
        let bytes = self.slice(span);
        if !bytes.is_ascii() && simdutf8::basic::from_utf8(bytes).is_err() {
            self.at = start;
            return Err(Fault::NotUtf8);
        }
        Ok(span)
    }

    #[inline]
    pub fn boolean(&mut self) -> Result<bool, Fault> {
        let value = match self.bytes.get(self.at) {
            Some(0) => false,
            Some(1) => true,
            Some(_) => return Err(Fault::Malformed),
            None => return Err(Fault::Truncated),
        };
        self.at += 1;
        Ok(value)
    }

    /// Reads an index below a bound: the branch of a union, the symbol of an enum.
    #[inline]
    pub fn index(&mut self, bound: usize) -> Result<usize, Fault> {
        let start = self.at;
        let index = self.count()?;
        if index >= bound {
            self.at = start;
            return Err(Fault::Malformed);
        }
        Ok(index)
    }

    /// The number of items in the next block of an array or a map; 0 ends it.
    ///
    /// A block that says its size in bytes is read like any other: the size is only a help for
    /// passing over it, and what is passed over is checked here.
    pub fn block(&mut self) -> Result<usize, Fault> {
        let start = self.at;
        let span = self.long()?;
        let count = self.number(span);
        if count < 0 {
            self.long()?;
        }
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        match self.items_left.checked_sub(count) {
            Some(left) => {
                self.items_left = left;
                Ok(count)
            }
            None => {
                self.at = start;
                Err(Fault::TooLarge)
            }
        }
    }

    /// Enters an array or a map; to be followed by [`Input::leave`].
    pub fn enter(&mut self) -> Result<(), Fault> {
        self.levels_left = self.levels_left.checked_sub(1).ok_or(Fault::TooDeep)?;
        Ok(())
    }

    /// Enters a record of so many fields; to be followed by [`Input::leave`].
    pub fn enter_record(&mut self, fields: usize) -> Result<(), Fault> {
        // One for the record itself: it may have no fields at all.
        let left = self.fields_left.checked_sub(fields.saturating_add(1));
        self.fields_left = left.ok_or(Fault::TooLarge)?;
        self.enter()
    }

    pub fn leave(&mut self) {
        self.levels_left += 1;
    }
}
