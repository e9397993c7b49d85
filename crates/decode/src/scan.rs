//! A pull cursor over the bytes of one JSON document.
//!
//! It owns the JSON grammar (RFC 8259): every value it passes is checked, also one that is only
//! skipped, so a document is either valid as a whole or refused. It builds no tree, copies
//! nothing and never recurses; nesting is bounded by the caller. The bytes must be valid UTF-8,
//! which is checked once per record before a cursor is made.
//!
//! On a fault the cursor stands where the fault is: on the byte that does not belong there, or at
//! the end of the bytes when the document stopped too early.

mod text;

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

#[derive(Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the value begins that was passed last.
    start: usize,
    depth: usize,
    nesting: usize,
}

/// A field name as it stands before its colon, prepared for a quick comparison.
#[derive(Debug)]
pub struct QuotedName {
    /// The name, its closing quote and the colon.
    bytes: Box<[u8]>,
    /// The first sixteen of the bytes, and the bits of them that count.
    head: u128,
    mask: u128,
}

impl QuotedName {
    /// `None` if JSON cannot have the name without escapes.
    pub fn new(name: &[u8]) -> Option<Self> {
        if name.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
            return None;
        }
        let bytes: Box<[u8]> = [name, b"\":"].concat().into();
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        for (place, byte) in bytes.iter().take(16).enumerate() {
            (head[place], mask[place]) = (*byte, 0xFF);
        }
        let (head, mask) = (u128::from_le_bytes(head), u128::from_le_bytes(mask));
        Some(Self { bytes, head, mask })
    }

    #[inline]
    fn begins(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<16>() {
            Some(chunk) if u128::from_le_bytes(*chunk) & self.mask != self.head => false,
            Some(_) if self.bytes.len() <= 16 => true,
            _ => rest.starts_with(&self.bytes),
        }
    }
}

impl<'a> Cursor<'a> {
    /// Stands before the first byte. `nesting` is the number of brackets that may be open at
    /// once, at most [`NESTING_MAX`].
    pub fn new(bytes: &'a [u8], nesting: usize) -> Self {
        Self { bytes, at: 0, start: 0, depth: 0, nesting: nesting.min(NESTING_MAX) }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn document(&self) -> &'a [u8] {
        self.bytes
    }

    /// Skips white space and looks at the next byte without taking it.
    #[inline]
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
    #[inline]
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
    #[inline]
    pub fn more(&mut self) -> Result<bool, Fault> {
        // Without white space the next name's quote follows its comma.
        if self.rest().first_chunk::<2>() == Some(b",\"") {
            self.at += 2;
            return Ok(true);
        }
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
    #[inline]
    pub fn take_name(&mut self, name: &QuotedName) -> bool {
        let begins = name.begins(self.rest());
        if begins {
            self.at += name.bytes.len();
        }
        begins
    }

    /// Reads a field's name, up to and with its colon.
    pub fn name(&mut self) -> Result<Token, Fault> {
        let kind = self.string()?;
        let name = self.token(kind);
        self.expect(b':')?;
        Ok(name)
    }

    /// Passes one value of any kind.
    ///
    /// A token is put together here, in the caller, from what lies in the cursor. Handed through
    /// memory by the functions below it would be read in other pieces than it was written, which
    /// stalls the processor; measured, that was a third of the time of an envelope.
    #[inline(always)]
    pub fn value(&mut self) -> Result<Token, Fault> {
        let kind = self.pass()?;
        Ok(self.token(kind))
    }

    #[inline]
    fn token(&self, kind: Kind) -> Token {
        let quote = usize::from(matches!(kind, Kind::Text | Kind::Escaped));
        Token { kind, start: narrow(self.start), end: narrow(self.at - quote) }
    }

    fn pass(&mut self) -> Result<Kind, Fault> {
        // Most values are texts right behind their colon.
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            return self.string();
        }
        match self.peek()? {
            b'{' => self.nested(Kind::Object),
            b'[' => self.nested(Kind::Array),
            byte => self.scalar(byte),
        }
    }

    /// Passes a value if it is `twin`: an object that was passed before, in the same place of
    /// another document. Equal bytes need no second look, and no longer object can begin with a
    /// complete one.
    #[inline]
    pub fn take_twin(&mut self, twin: &[u8]) -> Result<Option<Token>, Fault> {
        self.peek()?;
        if twin.is_empty() || !self.rest().starts_with(twin) {
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

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.peek()? != wanted {
            return Err(Fault::Unexpected);
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn scalar(&mut self, first: u8) -> Result<Kind, Fault> {
        match first {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.literal(b"null", Kind::Null),
            b't' => self.literal(b"true", Kind::True),
            b'f' => self.literal(b"false", Kind::False),
            _ => Err(Fault::Unexpected),
        }
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        self.start = self.at;
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(kind);
        }
        for wanted in word {
            match self.bytes.get(self.at) {
                Some(byte) if byte == wanted => self.at += 1,
                Some(_) => return Err(Fault::Unexpected),
                None => return Err(Fault::Truncated),
            }
        }
        Ok(kind)
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
        self.string_with_escapes(end)
    }

    #[cold]
    fn string_with_escapes(&mut self, stop: usize) -> Result<Kind, Fault> {
        self.at = stop;
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

    fn number(&mut self) -> Result<Kind, Fault> {
        self.start = self.at;
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

    #[inline]
    fn inner_name(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        self.name().map(|_| ())
    }
}

#[cfg(test)]
mod tests;
