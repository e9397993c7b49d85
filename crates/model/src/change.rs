//! Changes: what decoding yields, column by column, still as it was sent.
//!
//! A [`Changes`] holds one row per decoded row change and, for every contract column, one
//! [`Cell`] per row. A cell is a position, not a value: it points into the arena of the
//! [`crate::Records`] it was decoded from, or into `scratch` when the text had escapes. So the
//! bytes of a record are neither copied nor converted before the column's type is known.

use crate::batch::Truncate;
use crate::binary::Binary;
use crate::contract::Encoding;
use crate::reject::Reject;
use std::borrow::Cow;
use std::sync::Arc;

/// What happened to the row (the envelope's `op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// Read by a snapshot; never beats a change of the same sequence.
    Read,
    Create,
    Update,
    Delete,
}

impl Op {
    pub fn letter(self) -> &'static str {
        match self {
            Self::Read => "r",
            Self::Create => "c",
            Self::Update => "u",
            Self::Delete => "d",
        }
    }
}

/// Head of one row change. Its image is in [`Changes::columns`] at the same index: the row after
/// the change, or for a delete the row before it (at least its key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Index into the entries of the `Records`.
    pub record: u32,
    /// 0, or 1 for the second row of a record that changed the key (delete, then create).
    pub ordinal: u8,
    pub op: Op,
    pub epoch: i64,
    pub seq: i64,
    /// When it happened at the source, microseconds since 1970 UTC.
    pub event_time_us: Option<i64>,
    /// The department that delivered it: index into [`Changes::departments`].
    pub department: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellKind {
    /// The field is not in the image.
    #[default]
    Missing,
    Null,
    /// JSON string without escapes: UTF-8 text in the arena, without its quotes.
    Text,
    /// JSON string that had escapes: UTF-8 text in `scratch`.
    Unescaped,
    /// JSON number as written.
    Number,
    True,
    False,
    /// Object or array as written, braces included.
    Nested,
    /// Debezium's placeholder for a value the source did not send: keep what is known.
    Unavailable,
    /// A value in a binary encoding, in the arena.
    Binary(Binary),
}

/// Where one cell's text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    pub start: u32,
    pub len: u32,
    pub kind: CellKind,
}

/// Decoded rows of one [`crate::Records`], column-major, with what could not be decoded.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub rows: Vec<Change>,
    /// `columns[c][r]`: contract column `c` of row `r`; every inner vector has `rows.len()` cells.
    pub columns: Vec<Vec<Cell>>,
    pub scratch: Vec<u8>,
    /// Records that yielded no row; at most one per record.
    pub rejects: Vec<Reject>,
    /// Records passed over on purpose.
    pub skipped: Skipped,
    /// Departments as the records name them, each once; the first is that of records that name
    /// none, or that come after [`Changes::DEPARTMENTS_MAX`] others.
    pub departments: Vec<Cell>,
    /// Fields of row images that the contract does not name, each name once.
    pub strangers: Vec<Stranger>,
    /// What those fields hold, by row, where the contract wants them kept.
    pub extras: Vec<Extra>,
    /// How values are written, where the records say so themselves, by rising row. Rows before
    /// the first are written as the contract says.
    pub dialects: Vec<Dialect>,
    /// The last truncate among the records, which counts as control.
    pub truncate: Option<Truncate>,
}

/// How the columns are written from one row on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    pub from_row: u32,
    /// By contract column; empty: as the contract says.
    pub columns: Arc<[Encoding]>,
}

/// A field that the contract does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// As written, escapes included; cut at [`Changes::DEPARTMENT_BYTES_MAX`].
    pub name: Box<str>,
    /// Records that have it.
    pub count: u64,
    /// The first and the last of them: indices into the entries of the `Records`.
    pub first: u32,
    pub last: u32,
}

/// A field of a row that the contract does not name, as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extra {
    pub row: u32,
    /// `"name": value` in the arena or in `scratch`, from the opening quote to the value's end.
    pub start: u32,
    pub len: u32,
    /// Bytes of the name with its quotes.
    pub name_len: u32,
    /// It lies in `scratch`, because the record itself was no text.
    pub in_scratch: bool,
}

/// Records that are accounted for without a row, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// A record without a value (the tombstone that follows a delete).
    pub tombstone: u64,
    /// Heartbeats and transaction markers of the connector.
    pub control: u64,
}

impl Changes {
    /// Departments told apart in one chunk.
    pub const DEPARTMENTS_MAX: usize = 256;
    /// Longest code of a department, in bytes; a longer one is taken for none.
    pub const DEPARTMENT_BYTES_MAX: usize = 64;
    /// Strange fields told apart in one chunk; names beyond are counted as one, named `…`.
    pub const STRANGERS_MAX: usize = 64;

    /// The department at an index of [`Change::department`]; empty when there is none.
    pub fn department<'a>(&'a self, arena: &'a [u8], index: u16) -> &'a str {
        let cell = self.departments.get(usize::from(index)).copied().unwrap_or_default();
        std::str::from_utf8(self.bytes(arena, cell)).unwrap_or_default()
    }

    /// Bytes of a cell as they were sent; empty for kinds that have none.
    pub fn bytes<'a>(&'a self, arena: &'a [u8], cell: Cell) -> &'a [u8] {
        let source = match cell.kind {
            CellKind::Text | CellKind::Number | CellKind::Nested | CellKind::Binary(_) => arena,
            CellKind::Unescaped => &self.scratch,
            _ => return &[],
        };
        &source[cell.start as usize..(cell.start + cell.len) as usize]
    }

    /// Text of a cell for people: bytes that are no text are written out. Empty for kinds that
    /// have none.
    pub fn text<'a>(&'a self, arena: &'a [u8], cell: Cell) -> Cow<'a, str> {
        let bytes = self.bytes(arena, cell);
        match cell.kind {
            CellKind::Binary(binary) => {
                binary.value(bytes).map(|value| value.to_string()).unwrap_or_default().into()
            }
            _ => String::from_utf8_lossy(bytes),
        }
    }
}
