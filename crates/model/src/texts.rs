//! The bytes of records as text.

use crate::contract::Format;
use crate::record::Records;
use std::cell::Cell;
use std::ops::Range;

/// Bytes that are checked at once: as many as stay near the core until they are read.
const TILE_BYTES: usize = 64 << 10;

/// Records that are read together, with what of their arena is UTF-8.
///
/// A record of JSON is checked once, whole records together, and whoever reads it later borrows
/// its texts from here. A record that is no UTF-8 costs those beside it no more than a second look.
/// Reads come one after the other, mostly near the one before.
#[derive(Debug)]
pub struct Texts<'a> {
    pub records: &'a Records,
    pieces: Vec<Piece<'a>>,
    /// The piece that was read last.
    current: Cell<usize>,
}

/// Sound text, and where it begins.
type Piece<'a> = (usize, &'a str);

impl<'a> Texts<'a> {
    /// Looks at the records. A binary format is no text, and its texts are checked one by one.
    pub fn of(records: &'a Records, format: Format) -> Self {
        let pieces = if format.is_avro() { Vec::new() } else { pieces(records) };
        Self { records, pieces, current: Cell::new(0) }
    }

    /// That part of the arena as text; `None` if it is not UTF-8 by itself.
    #[inline]
    pub fn text(&self, part: Range<usize>) -> Option<&'a str> {
        let found = self.pieces.get(self.current.get()).and_then(|piece| within(*piece, &part));
        if found.is_some() { found } else { self.elsewhere(part) }
    }

    fn elsewhere(&self, part: Range<usize>) -> Option<&'a str> {
        let behind = || self.pieces.partition_point(|(start, _)| *start <= part.start);
        // Who reads on comes to the next piece, who reads again to the first.
        for at in [self.current.get() + 1, behind().saturating_sub(1)] {
            if let Some(text) = self.pieces.get(at).and_then(|piece| within(*piece, &part)) {
                self.current.set(at);
                return Some(text);
            }
        }
        simdutf8::basic::from_utf8(self.records.arena.get(part)?).ok()
    }
}

#[inline(always)]
fn within<'a>((start, text): Piece<'a>, part: &Range<usize>) -> Option<&'a str> {
    text.get(part.start.checked_sub(start)?..part.end.checked_sub(start)?)
}

/// Tiles of whole records that are UTF-8, ascending. In a tile that is none, each record is looked
/// at by itself.
fn pieces(records: &Records) -> Vec<Piece<'_>> {
    let (mut pieces, mut start, mut first) = (Vec::new(), 0, 0);
    for (at, record) in records.entries.iter().enumerate() {
        let end = record.value.as_ref().map_or(start, |value| value.end as usize);
        let is_last = at + 1 == records.entries.len();
        if end < start + TILE_BYTES && !is_last {
            continue;
        }
        match sound(records, start..end) {
            Some(tile) => pieces.push(tile),
            None => {
                let values = records.entries[first..=at].iter().filter_map(|r| r.value.clone());
                let values = values.map(|value| value.start as usize..value.end as usize);
                // Records of an arena follow each other; others are found piece by piece.
                let values = values.filter(|value| value.start >= start);
                pieces.extend(values.filter_map(|value| sound(records, value)));
            }
        }
        (start, first) = (end.max(start), at + 1);
    }
    pieces
}

fn sound(records: &Records, part: Range<usize>) -> Option<Piece<'_>> {
    let text = simdutf8::basic::from_utf8(records.arena.get(part.clone())?).ok()?;
    Some((part.start, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_is_the_text_that_it_is_alone(
            parts in prop::collection::vec(
                prop_oneof![
                    4 => "[a-z重庆号🙂é]{0,20}".prop_map(String::into_bytes),
                    1 => prop::collection::vec(any::<u8>(), 0..4),
                ],
                0..12,
            ),
            padding in prop_oneof![3 => Just(0), 1 => Just(TILE_BYTES)],
            keys in prop::collection::vec(any::<u8>(), 0..4),
            cells in prop::collection::vec((0..200_usize, 0..20_usize), 0..60),
        ) {
            let mut records = Records::default();
            for (offset, part) in (0..).zip(&parts) {
                let key = Some(records.store(&keys));
                let padded = [part.as_slice(), &vec![b'x'; padding]].concat();
                let value = (offset % 5 != 4).then(|| records.store(&padded));
                records.entries.push(Record { partition: 0, offset, timestamp_ms: 0, key, value });
            }
            let values = records.entries.iter().flat_map(|r| [r.key.clone(), r.value.clone()]);
            let values = values.flatten().map(|at| at.start as usize..at.end as usize);
            let len = records.arena.len();
            let cells = cells.into_iter().map(|(start, bytes)| {
                let start = (start + padding.min(len)).min(len);
                start..(start + bytes).min(len)
            });
            let all: Vec<Range<usize>> = values.chain(cells).collect();
            for format in [Format::Json, Format::ConfluentAvro] {
                let texts = Texts::of(&records, format);
                for part in &all {
                    let expected = std::str::from_utf8(&records.arena[part.clone()]).ok();
                    prop_assert_eq!(texts.text(part.clone()), expected);
                }
            }
        }
    }
}
