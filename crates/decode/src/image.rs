//! Row images: the cells of one record before they are accepted, and what is asked of them.
//!
//! A record's images stay in two buffers until the whole record is found good; only then are
//! they put beside those of the records before, and of some rows at once their cells go to the
//! columns. So a record that fails leaves nothing behind, wherever it fails.

mod key;

use crate::names::{Names, Order};
use crate::placeholder::{is_placeholder, may_be_placeholder};
use crate::scan::{Cursor, Fault, Kind, Token, narrow, unescape};
use crate::{Decoder, debezium::Tail, strangers};
use huiliu_model::contract::Encoding;
use huiliu_model::{Cell, CellKind, Changes, Extra, OnDrift, Stranger, Texts};
use std::ops::Range;
use std::sync::Arc;

/// Image of the row before or after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// Memory of one call of `decode`, used for one record after the other.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub arena: &'a [u8],
    texts: &'a Texts<'a>,
    pub decoder: &'a Decoder,
    /// Where the record's value begins in the arena.
    pub base: u32,
    /// Unescaped texts of the cells; becomes `Changes::scratch`. Never longer than the arena,
    /// because each escaped text lies there once and is longer than its meaning.
    pub scratch: Vec<u8>,
    /// Unescaped names and texts of the envelope, one at a time.
    pub spare: Vec<u8>,
    /// What was opened of an envelope that is no text itself; one record at a time.
    pub document: Vec<u8>,
    /// Length of `scratch` to go back to when the record at hand fails.
    pub mark: usize,
    /// Learned field orders of the parts of the envelope.
    pub orders: [Order; 3],
    /// See [`huiliu_model::Changes::departments`].
    pub departments: Vec<Cell>,
    /// See [`huiliu_model::Changes::strangers`].
    pub strangers: Vec<Stranger>,
    /// Index of the record at hand.
    pub record: u32,
    /// Where the record's first strange field lies in its value, if those are refused.
    pub refused: Option<u32>,
    /// Where in the arena the last description of a source lies, and its department.
    described: (Range<usize>, u16),
    /// What stood behind the images of the record before, in Debezium's envelope.
    pub tail: Tail,
    /// Where in the arena the last bulky part lies that most records repeat.
    pub twin: Range<usize>,
    /// Whether the part passed last was that one.
    repeated: bool,
    /// How values are written, by the schemas met; see [`Work::speak`].
    dialects: Vec<Dialect>,
    dialect_count: u32,
    /// The dialect of the record at hand, and that of the schema met last.
    pub dialect: u32,
    spoken: u32,
    image_order: Order,
    /// Whether texts may stand for values that the source did not send.
    placeholders: bool,
    before: Vec<Cell>,
    after: Vec<Cell>,
    /// Images of accepted rows, one behind the other, whose cells are not in the columns yet.
    accepted: Vec<Cell>,
    /// Strange fields of both images, if those are kept; their row is not known yet.
    strange_before: Vec<Extra>,
    strange_after: Vec<Extra>,
}

/// One image and what its cells may need.
pub(crate) struct Image<'w> {
    pub cells: &'w mut [Cell],
    pub scratch: &'w mut Vec<u8>,
    /// Strange fields that are kept; their row is not known yet.
    pub strange: &'w mut Vec<Extra>,
}

/// A schema that was met, and what it says.
#[derive(Debug)]
struct Dialect {
    /// Where it lies in the arena.
    schema: Range<usize>,
    id: u32,
    encodings: Arc<[Encoding]>,
}

/// Whether a value stands for one that the source did not send.
#[inline(always)]
fn is_unsent(token: Token, document: &[u8]) -> bool {
    may_be_placeholder((token.end - token.start) as usize) && is_placeholder(token.raw(document))
}

/// No record says how its values are written.
pub(crate) const UNSAID: u32 = 0;
/// Rows whose cells go to the columns together: one at a time would be as many appends, each with
/// its own look at the room there is.
const ROWS_AT_ONCE: usize = 16;
/// Schemas remembered at once: tables that share a topic.
const DIALECTS_MAX: usize = 16;

/// Index of the order learned for the outermost object of an envelope.
pub(crate) const ENVELOPE: usize = 0;
/// The same, for an envelope within an object that also holds its schema.
pub(crate) const PAYLOAD_PART: usize = 1;
/// The same, for the part of an envelope that describes the source.
pub(crate) const SOURCE_PART: usize = 2;

impl<'a> Work<'a> {
    pub fn new(decoder: &'a Decoder, texts: &'a Texts<'a>) -> Self {
        let none = Names::new([]);
        let (envelope, source) = match &decoder.envelope {
            crate::Envelope::Huiliu(envelope) => (&envelope.names, &envelope.source),
            crate::Envelope::Debezium(envelope) => (&envelope.names, &envelope.source),
            crate::Envelope::Plain(_) | crate::Envelope::Avro(_) => (&none, &none),
        };
        let orders = [Order::new(envelope), Order::new(envelope), Order::new(source)];
        let row = vec![Cell::default(); decoder.columns.len()];
        Self {
            arena: &texts.records.arena,
            texts,
            decoder,
            base: 0,
            scratch: Vec::new(),
            spare: Vec::new(),
            document: Vec::new(),
            mark: 0,
            orders,
            departments: vec![Cell::default()],
            strangers: Vec::new(),
            record: 0,
            refused: None,
            described: (0..0, 0),
            tail: Tail::default(),
            twin: 0..0,
            repeated: false,
            dialects: Vec::new(),
            dialect_count: 0,
            dialect: UNSAID,
            spoken: UNSAID,
            image_order: Order::new(&decoder.columns),
            placeholders: matches!(decoder.envelope, crate::Envelope::Debezium(_)),
            accepted: Vec::with_capacity(row.len() * ROWS_AT_ONCE),
            before: row.clone(),
            after: row,
            strange_before: Vec::new(),
            strange_after: Vec::new(),
        }
    }

    /// Whether the record's value, which begins at `base`, is UTF-8.
    pub fn is_utf8(&self, value: &[u8]) -> bool {
        let range = self.base as usize..self.base as usize + value.len();
        self.texts.text(range).is_some()
    }

    /// Takes an image for the next row.
    #[inline]
    pub fn accept(&mut self, side: Side, columns: &mut [Vec<Cell>]) {
        let image = match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        };
        self.accepted.extend_from_slice(image);
        if self.accepted.len() >= ROWS_AT_ONCE * image.len() {
            self.settle(columns);
        }
    }

    /// Puts the cells of the accepted rows into their columns.
    pub fn settle(&mut self, columns: &mut [Vec<Cell>]) {
        // A dataset without columns has no cells.
        let width = columns.len().max(1);
        for (at, column) in columns.iter_mut().enumerate() {
            column.extend(self.accepted.chunks_exact(width).map(|row| row[at]));
        }
        self.accepted.clear();
    }

    /// Strange fields of an image; their rows are to be set.
    pub fn strange(&self, side: Side) -> &[Extra] {
        match side {
            Side::Before => &self.strange_before,
            Side::After => &self.strange_after,
        }
    }

    pub fn image_mut(&mut self, side: Side) -> &mut Vec<Cell> {
        match side {
            Side::Before => &mut self.before,
            Side::After => &mut self.after,
        }
    }

    /// An image without a field yet.
    pub fn clear(&mut self, side: Side) -> Image<'_> {
        let (cells, strange) = match side {
            Side::Before => (&mut self.before, &mut self.strange_before),
            Side::After => (&mut self.after, &mut self.strange_after),
        };
        cells.fill(Cell::default());
        strange.clear();
        Image { cells, scratch: &mut self.scratch, strange }
    }

    /// Puts bytes into `scratch` that outlive the record at hand, whatever becomes of it.
    pub fn keep_for_good(&mut self, bytes: &[u8]) -> usize {
        let start = self.scratch.len();
        self.scratch.extend_from_slice(bytes);
        self.mark = self.scratch.len();
        start
    }

    /// Counts a field that the contract does not name, met in some records.
    pub fn note_strangers(&mut self, name: &str, count: u64, [first, last]: [u32; 2]) {
        let held = strangers::entry(&mut self.strangers, name.as_bytes(), first);
        held.count += count;
        held.first = held.first.min(first);
        held.last = held.last.max(last);
    }

    /// Passes a value and, if it is an object, takes its fields as the image of that side.
    pub fn read_image(&mut self, cursor: &mut Cursor, side: Side) -> Result<Token, Fault> {
        if cursor.peek()? != b'{' {
            return cursor.value();
        }
        let start = narrow(cursor.at());
        let mut cells = std::mem::take(self.image_mut(side));
        let read = cursor.apart(|cursor| self.read_fields(cursor, &mut cells, side));
        *self.image_mut(side) = cells;
        read?;
        Ok(Token { kind: Kind::Object, start, end: narrow(cursor.at()) })
    }

    #[inline(always)]
    fn read_fields(
        &mut self,
        cursor: &mut Cursor,
        cells: &mut [Cell],
        side: Side,
    ) -> Result<(), Fault> {
        self.strange_mut(side).clear();
        cells.fill(Cell::default());
        let decoder = self.decoder;
        let (base, placeholders) = (self.base, self.placeholders);
        self.image_order.restart();
        let mut more = cursor.enter()?;
        while more {
            let named_at = cursor.at();
            if let Some((column, token)) = self.image_order.take_field(cursor) {
                // A field that was taken in one look has another one behind it, and no escapes.
                match cells.get_mut(column) {
                    Some(place) => {
                        *place = crate::cell(token, base);
                        if placeholders && is_unsent(token, cursor.document()) {
                            *place = Cell { kind: CellKind::Unavailable, ..Cell::default() };
                        }
                    }
                    None => self.stranger(cursor.document(), named_at, token, side),
                }
                continue;
            }
            let (order, spare) = (&mut self.image_order, &mut self.spare);
            let column = decoder.columns.read(cursor, order, spare)?;
            let token = cursor.value()?;
            match column.and_then(|column| cells.get_mut(column)) {
                Some(place) => {
                    *place = match token.kind {
                        _ if placeholders && is_unsent(token, cursor.document()) => {
                            Cell { kind: CellKind::Unavailable, ..Cell::default() }
                        }
                        Kind::Escaped => {
                            crate::unescaped(token.raw(cursor.document()), &mut self.scratch)
                        }
                        _ => crate::cell(token, base),
                    };
                }
                None => self.stranger(cursor.document(), named_at, token, side),
            }
            more = cursor.more()?;
        }
        Ok(())
    }

    fn strange_mut(&mut self, side: Side) -> &mut Vec<Extra> {
        match side {
            Side::Before => &mut self.strange_before,
            Side::After => &mut self.strange_after,
        }
    }

    /// Notes a field that the contract does not name. Its name begins at `named`, behind the
    /// quote.
    #[cold]
    fn stranger(&mut self, document: &[u8], named: usize, token: Token, side: Side) {
        let quoted = usize::from(matches!(token.kind, Kind::Text | Kind::Escaped));
        let value_at = (token.start as usize).saturating_sub(quoted);
        let written = document.get(named..value_at).unwrap_or_default();
        let name_len = written.iter().rposition(|byte| *byte == b'"').unwrap_or(0);
        let record = self.record;
        strangers::note(&mut self.strangers, written.get(..name_len).unwrap_or_default(), record);
        match self.decoder.on_strange {
            OnDrift::Quarantine => {
                self.refused.get_or_insert(narrow(named));
            }
            OnDrift::Evolve => {
                let end = token.end as usize + quoted;
                // The name's own quote stands before it.
                let start = named.saturating_sub(1);
                let base = self.base;
                self.strange_mut(side).push(Extra {
                    row: 0,
                    start: base + narrow(start),
                    len: narrow(end - start),
                    name_len: narrow(name_len + 2),
                    in_scratch: false,
                });
            }
            OnDrift::Ignore | OnDrift::Stop => {}
        }
    }

    /// Sets the dialect of the record at hand by its schema, which lies at `token`.
    ///
    /// Records of one table repeat their schema byte by byte, so it is read once: the twin that
    /// was compared when it was passed is usually the schema that was looked at last. Of several
    /// tables in one topic the schemas are remembered, up to a bound.
    pub fn speak(&mut self, token: Option<Token>, read: impl Fn(&[u8], &Names) -> Arc<[Encoding]>) {
        let Some(token) = token.filter(|token| token.kind == Kind::Object) else {
            self.dialect = UNSAID;
            return;
        };
        if self.repeated && self.spoken != UNSAID {
            self.dialect = self.spoken;
            return;
        }
        let base = self.base as usize;
        let range = base + token.start as usize..base + token.end as usize;
        let arena = self.arena;
        let bytes = arena.get(range.clone()).unwrap_or_default();
        let same = |held: &&Dialect| arena.get(held.schema.clone()) == Some(bytes);
        let known = self.dialects.iter().find(same).map(|held| held.id);
        self.spoken = known.unwrap_or_else(|| {
            if self.dialects.len() == DIALECTS_MAX {
                self.dialects.remove(0);
            }
            self.dialect_count += 1;
            let (id, encodings) = (self.dialect_count, read(bytes, &self.decoder.columns));
            self.dialects.push(Dialect { schema: range, id, encodings });
            id
        });
        self.dialect = self.spoken;
    }

    /// Encodings of the record at hand, by contract column; empty: as the contract says.
    pub fn encodings(&self) -> Arc<[Encoding]> {
        let held = self.dialects.iter().find(|held| held.id == self.dialect);
        held.map_or_else(Arc::default, |held| Arc::clone(&held.encodings))
    }

    /// Passes a value that most records repeat byte by byte.
    pub fn pass_repeated(&mut self, cursor: &mut Cursor) -> Result<Token, Fault> {
        let twin = self.arena.get(self.twin.clone()).unwrap_or_default();
        let repeated = cursor.take_twin(twin)?;
        self.repeated = repeated.is_some();
        let token = match repeated {
            Some(token) => token,
            None => cursor.value()?,
        };
        if token.kind == Kind::Object {
            let base = self.base as usize;
            self.twin = base + token.start as usize..base + token.end as usize;
        }
        Ok(token)
    }

    /// The department that a description of the source names, as an index of `departments`.
    ///
    /// Most records repeat the description of the record before, which is then only compared.
    pub fn department(&mut self, names: &Names, source: Option<Token>) -> u16 {
        let Some(token) = source.filter(|token| token.kind == Kind::Object) else { return 0 };
        let base = self.base as usize;
        let range = base + token.start as usize..base + token.end as usize;
        let arena = self.arena;
        let (Some(now), Some(then)) =
            (arena.get(range.clone()), arena.get(self.described.0.clone()))
        else {
            return 0;
        };
        if now != then {
            let department = self.read_department(names, now, narrow(range.start)).unwrap_or(0);
            self.described = (range, department);
        }
        self.described.1
    }

    fn read_department(&mut self, names: &Names, source: &[u8], start: u32) -> Option<u16> {
        let mut cursor = Cursor::new(source, self.decoder.limits.nesting);
        self.orders[SOURCE_PART].restart();
        let mut more = cursor.enter().ok()?;
        while more {
            let name = names.read(&mut cursor, &mut self.orders[SOURCE_PART], &mut self.spare);
            let token = cursor.value().ok()?;
            if name.ok()?.is_some() && token.kind == Kind::Text {
                return self.know_department(crate::cell(token, start));
            }
            more = cursor.more().ok()?;
        }
        None
    }

    fn know_department(&mut self, cell: Cell) -> Option<u16> {
        if cell.len == 0 || cell.len as usize > Changes::DEPARTMENT_BYTES_MAX {
            return None;
        }
        let text = self.cell_bytes(cell);
        let known = self.departments.iter().skip(1).position(|held| self.cell_bytes(*held) == text);
        let at = match known {
            Some(at) => at + 1,
            None if self.departments.len() <= Changes::DEPARTMENTS_MAX => {
                self.departments.push(cell);
                self.departments.len() - 1
            }
            None => return None,
        };
        u16::try_from(at).ok()
    }

    /// Text of a string of the envelope; `None` for any other kind.
    pub fn text<'b>(&'b mut self, document: &'b [u8], token: Token) -> Option<&'b [u8]> {
        let raw = token.raw(document);
        match token.kind {
            Kind::Text => Some(raw),
            Kind::Escaped => {
                self.spare.clear();
                unescape(raw, &mut self.spare);
                Some(&self.spare)
            }
            _ => None,
        }
    }

    pub fn cell_bytes(&self, cell: Cell) -> &[u8] {
        let source = match cell.kind {
            CellKind::Text | CellKind::Number | CellKind::Nested | CellKind::Binary(_) => {
                self.arena
            }
            CellKind::Unescaped => &self.scratch,
            _ => return &[],
        };
        let start = cell.start as usize;
        source.get(start..start + cell.len as usize).unwrap_or_default()
    }
}
