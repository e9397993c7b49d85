//! A pull cursor over the bytes of one JSON document.
//!
//! It owns the JSON grammar (RFC 8259): every value it passes is checked, also one that is only
//! skipped, so a document is either valid as a whole or refused. It builds no tree, copies
//! nothing and never recurses; nesting is bounded by the caller. The bytes must be valid UTF-8,
//! which is checked once per record before a cursor is made.
//!
//! On a fault the cursor stands where the fault is: on the byte that does not belong there, or at
//! the end of the bytes when the document stopped too early.

mod like;
mod quoted;
mod text;
mod vector;

pub use quoted::QuotedName;
use std::ops::Range;
pub use text::unescape;

/// Why a document cannot be read on; [`Cursor::at`] says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end inside the document.
    Truncated,
    /// A byte that the grammar does not allow here.
    Unexpected,
    /// A bracket opens a level beyond the limit.
    TooDeep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    True,
    False,
    Number,
    /// A string without escapes.
    Text,
    /// A string with escapes, all of them checked; [`unescape`] resolves them.
    Escaped,
    Object,
    Array,
}

/// A value that was passed: its kind and where it lies, strings without their quotes, objects
/// and arrays with their brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
}

impl Token {
    /// The raw bytes of the value in the document it was read from.
    pub fn raw<'a>(&self, document: &'a [u8]) -> &'a [u8] {
        document.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Positions fit in `u32` because an arena ends below 2^30; the bound is never met.
pub(crate) fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Deepest nesting a cursor can be asked to allow: one bit of a `u128` per level.
pub const NESTING_MAX: usize = 128;

/// Small, and copied on purpose: see [`Cursor::apart`].
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    /// The same, and what lies behind it: it is looked at, and never taken.
    ahead: &'a [u8],
    at: usize,
    /// Where the value begins that was passed last.
    start: usize,
    depth: usize,
    nesting: usize,
}

impl<'a> Cursor<'a> {
    /// Stands before the first byte. `nesting` is the number of brackets that may be open at
    /// once, at most [`NESTING_MAX`].
    pub fn new(bytes: &'a [u8], nesting: usize) -> Self {
        Self { bytes, ahead: bytes, at: 0, start: 0, depth: 0, nesting: nesting.min(NESTING_MAX) }
    }

    /// As [`Cursor::new`], for a document among others: its last fields are taken in one look too.
    pub fn within(arena: &'a [u8], document: Range<usize>, nesting: usize) -> Self {
        let ahead = arena.get(document.start..).unwrap_or_default();
        Self { ahead, ..Self::new(arena.get(document).unwrap_or_default(), nesting) }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn document(&self) -> &'a [u8] {
        self.bytes
    }

    /// Works on a copy of the cursor and takes it over, whatever comes of it.
    ///
    /// Where the cursor stands is what every step waits for. A cursor that is nowhere handed on by
    /// reference is kept in registers; kept in memory, each step is a store and a load that waits
    /// for it. So loops over fields run on a copy, and what they call but do not contain gets one.
    #[inline(always)]
    pub fn apart<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let mut copy = *self;
        let made = run(&mut copy);
        *self = copy;
        made
    }

    /// Skips white space and looks at the next byte without taking it.
    #[inline(always)]
    pub fn peek(&mut self) -> Result<u8, Fault> {
        loop {
            match self.bytes.get(self.at) {
                Some(&byte) if byte > b' ' => return Ok(byte),
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Fault::Truncated),
            }
        }
    }

    /// Enters an object. True: a field follows and its name is to be read; false: it was empty.
    #[inline(always)]
    pub fn enter(&mut self) -> Result<bool, Fault> {
        self.expect(b'{')?;
        if self.depth >= self.nesting {
            self.at -= 1;
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        if self.peek()? == b'}' {
            self.leave();
            return Ok(false);
        }
        self.expect(b'"')?;
        Ok(true)
    }

    /// After a field's value. True: another field follows; false: the object is closed.
    #[inline(always)]
    pub fn more(&mut self) -> Result<bool, Fault> {
        // Without white space the next name's quote follows its comma.
        if self.rest().first_chunk::<2>() == Some(b",\"") {
            self.at += 2;
            return Ok(true);
        }
        self.apart(Self::more_or_end)
    }

    #[inline(never)]
    fn more_or_end(&mut self) -> Result<bool, Fault> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                self.expect(b'"')?;
                Ok(true)
            }
            b'}' => {
                self.leave();
                Ok(false)
            }
            _ => Err(Fault::Unexpected),
        }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Takes a field's name and its colon if the name is exactly this and the colon follows at
    /// once. It spares the usual case, where the caller knows what comes, from searching the end
    /// of the name. False tells nothing: the name is to be read.
    #[inline(always)]
    pub fn take_name(&mut self, name: &QuotedName) -> bool {
        let begins = name.begins(self.rest());
        if begins {
            self.at += name.bytes.len();
        }
        begins
    }

    /// Takes the usual field in one look: this name, a value that is short and has nothing within,
    /// and the comma and the quote of the next name; no white space. `None` tells nothing.
    #[inline(always)]
    pub fn take_field(&mut self, name: &QuotedName) -> Option<Token> {
        let window = self.ahead.get(self.at..)?.first_chunk()?;
        let (kind, value) = vector::field(window, &name.head, name.bytes.len())?;
        let at = |place: usize| narrow(self.at + place);
        let token = Token { kind, start: at(value.start), end: at(value.end) };
        let quote = usize::from(kind == Kind::Text);
        let next = self.at + value.end + quote + b",\"".len();
        if next > self.bytes.len() {
            return None;
        }
        self.at = next;
        Some(token)
    }

    /// Reads a field's name, up to and with its colon.
    #[inline(always)]
    pub fn name(&mut self) -> Result<Token, Fault> {
        let kind = self.string()?;
        let name = self.token(kind);
        self.expect(b':')?;
        Ok(name)
    }

    /// Passes one value of any kind.
    #[inline(always)]
    pub fn value(&mut self) -> Result<Token, Fault> {
        let kind = self.pass()?;
        Ok(self.token(kind))
    }

    #[inline(always)]
    fn token(&self, kind: Kind) -> Token {
        let quote = usize::from(matches!(kind, Kind::Text | Kind::Escaped));
        Token { kind, start: narrow(self.start), end: narrow(self.at - quote) }
    }

    #[inline(always)]
    fn pass(&mut self) -> Result<Kind, Fault> {
        // Without white space a value follows its colon.
        match self.bytes.get(self.at) {
            Some(b'"') => {
                self.at += 1;
                self.string()
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n' | b't' | b'f') => self.literal(),
            _ => self.apart(Self::pass_any),
        }
    }

    #[inline(never)]
    fn pass_any(&mut self) -> Result<Kind, Fault> {
        match self.peek()? {
            b'{' => self.apart(|cursor| cursor.nested(Kind::Object)),
            b'[' => self.apart(|cursor| cursor.nested(Kind::Array)),
            byte => self.scalar(byte),
        }
    }

    /// Passes a value if it is `twin`: an object that was passed before, in the same place of
    /// another document. Equal bytes need no second look, and no longer object can begin with a
    /// complete one. Only the beginning of it is an object that was cut.
    #[inline]
    pub fn take_twin(&mut self, twin: &[u8]) -> Result<Option<Token>, Fault> {
        self.peek()?;
        if twin.is_empty() || !self.rest().starts_with(twin) {
            if twin.len() > self.rest().len() && twin.starts_with(self.rest()) {
                self.at = self.bytes.len();
                return Err(Fault::Truncated);
            }
            return Ok(None);
        }
        self.start = self.at;
        self.at += twin.len();
        Ok(Some(self.token(Kind::Object)))
    }

    /// Checks that only white space is left.
    pub fn finish(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Ok(_) => Err(Fault::Unexpected),
            Err(_) => Ok(()),
        }
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.peek()? != wanted {
            return Err(Fault::Unexpected);
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Result<Kind, Fault> {
        match first {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b'-' | b'0'..=b'9' => self.number(),
            b'n' | b't' | b'f' => self.literal(),
            _ => Err(Fault::Unexpected),
        }
    }

    #[inline(always)]
    fn literal(&mut self) -> Result<Kind, Fault> {
        self.start = self.at;
        let (kind, length) = match self.rest() {
            [b'n', b'u', b'l', b'l', ..] => (Kind::Null, 4),
            [b't', b'r', b'u', b'e', ..] => (Kind::True, 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (Kind::False, 5),
            _ => return self.apart(Self::not_literal),
        };
        self.at += length;
        Ok(kind)
    }

    /// Finds the byte that makes a word of what begins like one no word.
    #[cold]
    fn not_literal(&mut self) -> Result<Kind, Fault> {
        let word: &[u8] = match self.bytes.get(self.at) {
            Some(b'n') => b"null",
            Some(b't') => b"true",
            _ => b"false",
        };
        self.at += word.iter().zip(self.rest()).take_while(|(wanted, byte)| wanted == byte).count();
        Err(if self.at < self.bytes.len() { Fault::Unexpected } else { Fault::Truncated })
    }

    /// Reads a string from just behind its opening quote.
    #[inline(always)]
    fn string(&mut self) -> Result<Kind, Fault> {
        self.start = self.at;
        let end = text::plain_end(self.bytes, self.at);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Kind::Text);
        }
        self.at = end;
        self.apart(Self::string_with_escapes)
    }

    /// Reads the rest of a string from the byte that is not plain text.
    #[cold]
    fn string_with_escapes(&mut self) -> Result<Kind, Fault> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Kind::Escaped);
                }
                Some(b'\\') => text::pass_escape(self.bytes, &mut self.at)?,
                Some(_) => return Err(Fault::Unexpected),
                None => return Err(Fault::Truncated),
            }
            self.at = text::plain_end(self.bytes, self.at);
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<Kind, Fault> {
        self.start = self.at;
        match self.rest().first_chunk().and_then(vector::number_end) {
            Some(length) => {
                self.at += length;
                Ok(Kind::Number)
            }
            None => self.apart(Self::any_number),
        }
    }

    #[inline(never)]
    fn any_number(&mut self) -> Result<Kind, Fault> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        match self.bytes.get(self.at) {
            Some(b'.') => {
                self.at += 1;
                self.digits()?;
            }
            Some(b'e' | b'E') => {}
            _ => return Ok(Kind::Number),
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let end = text::digits_end(self.bytes, self.at);
        let any = end > self.at;
        self.at = end;
        match (any, self.bytes.get(end)) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(Fault::Unexpected),
            (false, None) => Err(Fault::Truncated),
        }
    }

    /// Passes an object or array. `objects` holds one bit per open level, the innermost lowest:
    /// 1 for an object, 0 for an array.
    #[inline(always)]
    fn nested(&mut self, kind: Kind) -> Result<Kind, Fault> {
        let start = self.at;
        let room = self.nesting.saturating_sub(self.depth);
        let (mut objects, mut open) = (0u128, 0usize);
        loop {
            // A value is due.
            let byte = self.peek()?;
            if let b'{' | b'[' = byte {
                if open == room {
                    return Err(Fault::TooDeep);
                }
                self.at += 1;
                let (is_object, close) = if byte == b'{' { (1, b'}') } else { (0, b']') };
                if self.peek()? == close {
                    self.at += 1;
                } else {
                    open += 1;
                    objects = objects << 1 | is_object;
                    if is_object == 1 {
                        self.inner_name()?;
                    }
                    continue;
                }
            } else {
                self.scalar(byte)?;
            }
            // A value has ended; so may the levels around it.
            loop {
                if open == 0 {
                    self.start = start;
                    return Ok(kind);
                }
                let in_object = objects & 1 == 1;
                match (self.peek()?, in_object) {
                    (b',', _) => {
                        self.at += 1;
                        if in_object {
                            self.inner_name()?;
                        }
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        objects >>= 1;
                        open -= 1;
                    }
                    _ => return Err(Fault::Unexpected),
                }
            }
        }
    }

    #[inline(always)]
    fn inner_name(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        self.name().map(|_| ())
    }
}

#[cfg(test)]
mod tests;
