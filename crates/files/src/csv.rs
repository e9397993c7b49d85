//! Rows of CSV: RFC 4180, read strictly enough that a broken row does not swallow its neighbours.
//!
//! A field that begins with a quote ends at the next single quote; line ends and delimiters
//! inside belong to it, two quotes are one. A quote inside an unquoted field is a character.
//!
//! | row | becomes |
//! |---|---|
//! | as many fields as the header | one JSON object; an empty field is null, `""` an empty text |
//! | more or fewer fields | reject `FIELD_COUNT` |
//! | text after a closing quote | reject `FORMAT`: the line alone, reading goes on behind it |
//! | a quote that is not closed | reject `TRUNCATED`: the line alone, likewise |
//! | longer than a record may be | reject `TOO_LARGE`, of which the first bytes are kept |
//! | bytes that are not of the encoding | reject `NOT_UTF8` |
//! | empty | passed over, and not counted |

use crate::chunk::{Chunk, Fault};
use crate::encoding::Encoding;
use crate::header::Header;
use crate::json;
use crate::window::Window;
use huiliu_model::{Contract, DataType, Reason};
use memchr::{memchr, memchr2};
use std::io;

/// One field of a row, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    start: usize,
    end: usize,
    is_quoted: bool,
    /// Holds doubled quotes.
    is_doubled: bool,
}

/// What was found from the beginning of a row on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// The row ends before `end`; the next begins at `next`.
    Row { end: usize, next: usize },
    /// The row does not fall into fields.
    Broken(Reason, usize),
    /// More bytes are needed; a quote opened here is not closed yet.
    More { open: Option<usize> },
}

/// Finds the fields of one row. `is_ended`: nothing follows these bytes.
fn scan(bytes: &[u8], delimiter: u8, is_ended: bool, fields: &mut Vec<Field>) -> Scan {
    fields.clear();
    let mut at = 0;
    loop {
        let (field, end) = if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at, delimiter) {
                Ok(found) => found,
                Err(scan) => return scan,
            }
        } else {
            match memchr2(delimiter, b'\n', &bytes[at..]) {
                Some(length) => (plain(bytes, at, at + length), at + length),
                None => (plain(bytes, at, bytes.len()), bytes.len()),
            }
        };
        fields.push(field);
        match bytes.get(end) {
            Some(&byte) if byte == delimiter => at = end + 1,
            Some(_) => return Scan::Row { end, next: end + 1 },
            None if is_ended => return Scan::Row { end, next: end },
            None => return Scan::More { open: None },
        }
    }
}

/// An unquoted field, without the return that comes before a line end.
fn plain(bytes: &[u8], start: usize, end: usize) -> Field {
    let ends_line = bytes.get(end).is_none_or(|byte| *byte == b'\n');
    let returns = ends_line && end > start && bytes[end - 1] == b'\r';
    let end = if returns { end - 1 } else { end };
    Field { start, end, is_quoted: false, is_doubled: false }
}

/// A quoted field and the place of the delimiter or line end behind it.
fn quoted(bytes: &[u8], start: usize, delimiter: u8) -> Result<(Field, usize), Scan> {
    let mut is_doubled = false;
    let mut at = start + 1;
    let close = loop {
        let Some(length) = memchr(b'"', &bytes[at..]) else {
            return Err(Scan::More { open: Some(start) });
        };
        at += length;
        match bytes.get(at + 1) {
            Some(b'"') => {
                is_doubled = true;
                at += 2;
            }
            _ => break at,
        }
    };
    let field = Field { start: start + 1, end: close, is_quoted: true, is_doubled };
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\r') && **byte != delimiter;
    let end = close + 1 + bytes[close + 1..].iter().take_while(blank).count();
    match bytes.get(end) {
        None => Ok((field, end)),
        Some(&byte) if byte == delimiter || byte == b'\n' => Ok((field, end)),
        Some(_) => Err(Scan::Broken(Reason::Format, end)),
    }
}

/// How the fields of a header are parted and called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub delimiter: u8,
    pub names: Vec<String>,
    /// Bytes before the first row.
    pub bytes: usize,
}

/// Delimiters that are looked for, the likeliest first.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

impl Layout {
    /// Reads a header with the delimiter that finds most columns of the contract, or parts it
    /// into most fields. `None` when the header has no end within these bytes.
    pub fn find(
        head: &[u8],
        encoding: Encoding,
        is_ended: bool,
        contract: &Contract,
    ) -> Option<Self> {
        let mut found: Option<((usize, usize), Self)> = None;
        for delimiter in DELIMITERS {
            let mut fields = Vec::new();
            let Scan::Row { next, .. } = scan(head, delimiter, is_ended, &mut fields) else {
                continue;
            };
            let names: Vec<String> = fields.iter().map(|f| name(head, *f, encoding)).collect();
            let rank = (Header::known_count(&names, contract), names.len());
            if found.as_ref().is_none_or(|(best, _)| rank > *best) {
                found = Some((rank, Self { delimiter, names, bytes: next }));
            }
        }
        found.map(|(_, layout)| layout)
    }
}

fn name(head: &[u8], field: Field, encoding: Encoding) -> String {
    let (mut text, mut spare) = (Vec::new(), Vec::new());
    let bytes = undoubled(head, field, &mut spare);
    if !encoding.append(bytes, &mut text) {
        text.extend_from_slice(bytes);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The text of a field, its doubled quotes made single.
fn undoubled<'a>(bytes: &'a [u8], field: Field, spare: &'a mut Vec<u8>) -> &'a [u8] {
    let mut rest = &bytes[field.start..field.end];
    if !field.is_doubled {
        return rest;
    }
    spare.clear();
    while let Some(at) = memchr(b'"', rest) {
        spare.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    spare.extend_from_slice(rest);
    spare
}

/// A column of the file that the contract knows.
struct Wanted {
    /// Position among the fields.
    field: usize,
    /// `"name":`
    member: Vec<u8>,
    is_boolean: bool,
}

/// Reads the rows behind a header.
pub(crate) struct CsvRows {
    window: Window,
    delimiter: u8,
    encoding: Encoding,
    field_count: usize,
    wanted: Vec<Wanted>,
    row_bytes_max: usize,
    fields: Vec<Field>,
    spare: Vec<u8>,
    text: Vec<u8>,
}

impl CsvRows {
    /// `window` stands behind the header.
    pub fn new(
        window: Window,
        layout: &Layout,
        header: &Header,
        contract: &Contract,
        encoding: Encoding,
        row_bytes_max: usize,
    ) -> Self {
        let wanted = |(field, column): (usize, &Option<usize>)| {
            let column = &contract.columns[(*column)?];
            let is_boolean = column.data_type == DataType::Boolean;
            Some(Wanted { field, member: json::member(column.field()), is_boolean })
        };
        Self {
            window,
            delimiter: layout.delimiter,
            encoding,
            field_count: header.columns.len(),
            wanted: header.columns.iter().enumerate().filter_map(wanted).collect(),
            row_bytes_max,
            fields: Vec::new(),
            spare: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Reads one row into a chunk; false at the end of the file.
    pub fn next(&mut self, into: &mut Chunk) -> io::Result<bool> {
        loop {
            if self.window.bytes().is_empty() && self.window.is_ended() {
                return Ok(false);
            }
            let (bytes, is_ended) = (self.window.bytes(), self.window.is_ended());
            let is_long = bytes.len() > self.row_bytes_max;
            match scan(bytes, self.delimiter, is_ended, &mut self.fields) {
                Scan::Row { end, .. } if end > self.row_bytes_max => self.cut(into)?,
                Scan::Row { end, next } => {
                    let passed = is_blank(&self.fields);
                    if !passed {
                        self.row(end, into);
                    }
                    self.window.pass(next);
                    if passed {
                        continue;
                    }
                }
                Scan::Broken(reason, at) => self.line((reason, Some(at)), into)?,
                Scan::More { open: Some(at) } if is_ended || is_long => {
                    self.line((Reason::Truncated, Some(at)), into)?;
                }
                Scan::More { .. } if is_long => self.cut(into)?,
                Scan::More { .. } => {
                    self.window.fill()?;
                    continue;
                }
            }
            return Ok(true);
        }
    }

    /// Writes a row that fell into fields.
    fn row(&mut self, end: usize, into: &mut Chunk) {
        let Self { window, fields, wanted, encoding, spare, text, .. } = self;
        let bytes = &window.bytes()[..end];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let mark = into.mark();
        if fields.len() != self.field_count {
            return into.broken_row(mark, bytes, (Reason::FieldCount, None));
        }
        let arena = into.arena();
        arena.push(b'{');
        for (order, column) in wanted.iter().enumerate() {
            let field = fields[column.field];
            if order > 0 {
                arena.push(b',');
            }
            arena.extend_from_slice(&column.member);
            if field.start == field.end && !field.is_quoted {
                arena.extend_from_slice(b"null");
                continue;
            }
            text.clear();
            if !encoding.append(undoubled(bytes, field, spare), text) {
                return into.broken_row(mark, bytes, (Reason::NotUtf8, Some(field.start)));
            }
            if column.is_boolean && matches!(text.as_slice(), b"true" | b"false") {
                arena.extend_from_slice(text);
            } else {
                json::string(text, arena);
            }
        }
        arena.push(b'}');
        into.end_row(mark, None);
    }

    /// Refuses the line at hand alone, whatever quotes it opened.
    fn line(&mut self, (reason, at): Fault, into: &mut Chunk) -> io::Result<()> {
        let bytes = self.window.bytes();
        let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
        if end > self.row_bytes_max {
            return self.cut(into);
        }
        // What shows a quote to be open may lie on a later line.
        into.broken_row(into.mark(), &bytes[..end], (reason, at.filter(|at| *at <= end)));
        self.window.pass_line()
    }

    /// Refuses a line that is too long, keeping its beginning.
    fn cut(&mut self, into: &mut Chunk) -> io::Result<()> {
        let kept = &self.window.bytes()[..self.row_bytes_max];
        into.broken_row(into.mark(), kept, (Reason::TooLarge, None));
        self.window.pass_line()
    }
}

fn is_blank(fields: &[Field]) -> bool {
    matches!(fields, [only] if only.start == only.end && !only.is_quoted)
}

#[cfg(test)]
mod tests;
