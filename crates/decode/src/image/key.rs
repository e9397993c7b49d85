//! The key of a row image: whether it moved, and where else it may come from.

use super::{Side, Work};
use crate::scan::narrow;
use huiliu_model::{Cell, CellKind};
use memchr::memchr_iter;
use std::ops::Range;

impl Work<'_> {
    /// Whether the image before names another key than the image after, by text.
    ///
    /// A key column that the image before does not name, or names as null, has not changed; it
    /// is filled in from the image after, so that the image before has a whole key.
    pub fn key_moved(&mut self) -> bool {
        let mut moved = false;
        for &column in &self.decoder.key {
            let (Some(&before), Some(&after)) = (self.before.get(column), self.after.get(column))
            else {
                continue;
            };
            match (self.key_text(before), self.key_text(after)) {
                (Some(old), Some(new)) => moved |= old != new,
                (None, _) => {
                    if let Some(cell) = self.before.get_mut(column) {
                        *cell = after;
                    }
                }
                (Some(_), None) => {}
            }
        }
        moved
    }

    fn key_text(&self, cell: Cell) -> Option<&[u8]> {
        match cell.kind {
            CellKind::Missing | CellKind::Null | CellKind::Unavailable => None,
            CellKind::True => Some(b"true"),
            CellKind::False => Some(b"false"),
            _ => Some(self.cell_bytes(cell)),
        }
    }

    /// Sets every cell outside the key to missing.
    pub fn keep_key_only(&mut self, side: Side) {
        let decoder = self.decoder;
        for (column, cell) in self.image_mut(side).iter_mut().enumerate() {
            if !decoder.key.contains(&column) {
                *cell = Cell::default();
            }
        }
    }

    /// Makes an image before out of the Kafka record's key: the key columns joined by `|`.
    ///
    /// False if the key is absent, is not UTF-8 or does not fall into as many parts as the
    /// dataset has key columns. A single key column takes the whole key, bars included.
    pub fn image_from_key(&mut self, key: Option<&Range<u32>>) -> bool {
        let columns = &self.decoder.key;
        let Some(key) = key.filter(|key| !key.is_empty() && !columns.is_empty()) else {
            return false;
        };
        let bytes = self.arena.get(key.start as usize..key.end as usize).unwrap_or_default();
        let single = columns.len() == 1;
        if simdutf8::basic::from_utf8(bytes).is_err()
            || !(single || memchr_iter(b'|', bytes).count() + 1 == columns.len())
        {
            return false;
        }
        self.before.fill(Cell::default());
        let bars = memchr_iter(b'|', bytes).take(columns.len() - 1);
        let mut start = 0;
        for (&column, end) in columns.iter().zip(bars.chain([bytes.len()])) {
            if let Some(cell) = self.before.get_mut(column) {
                let (at, len) = (key.start + narrow(start), narrow(end - start));
                *cell = Cell { start: at, len, kind: CellKind::Text };
            }
            start = end + 1;
        }
        true
    }
}
