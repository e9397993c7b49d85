//! The bytes that cells lie in, as text.

use std::cell::Cell;
use std::ops::Range;

/// An arena of JSON is UTF-8 but for records that were rejected for it: checked once, in one pass,
/// instead of once per cell. What lies between those records is kept in pieces; cells come one
/// after the other, and mostly lie in the piece of the cell before.
pub(super) struct Arena<'a> {
    bytes: &'a [u8],
    pieces: Vec<Piece<'a>>,
    current: Cell<Piece<'a>>,
}

/// Sound text, and where it begins.
type Piece<'a> = (usize, &'a str);

impl<'a> Arena<'a> {
    /// `breaks`: parts that are probably no UTF-8, ascending.
    pub fn new(bytes: &'a [u8], breaks: impl Iterator<Item = Range<usize>>) -> Self {
        let (mut pieces, mut start) = (Vec::new(), 0);
        for part in breaks.chain([bytes.len()..bytes.len()]) {
            let piece = bytes.get(start..part.start).unwrap_or_default();
            // A piece that is none is checked cell by cell, as binary records are.
            pieces.extend(simdutf8::basic::from_utf8(piece).ok().map(|text| (start, text)));
            start = part.end;
        }
        let first = pieces.first().copied().unwrap_or((0, ""));
        Self { bytes, pieces, current: Cell::new(first) }
    }

    /// The text of a cell; `None` if it is not UTF-8.
    #[inline]
    pub fn text(&self, range: Range<usize>) -> Option<&'a str> {
        let found = within(self.current.get(), &range);
        if found.is_some() { found } else { self.elsewhere(range) }
    }

    fn elsewhere(&self, range: Range<usize>) -> Option<&'a str> {
        let next = self.pieces.partition_point(|(start, _)| *start <= range.start);
        if let Some(piece) = next.checked_sub(1).and_then(|at| self.pieces.get(at))
            && let Some(text) = within(*piece, &range)
        {
            self.current.set(*piece);
            return Some(text);
        }
        std::str::from_utf8(self.bytes.get(range)?).ok()
    }
}

#[inline(always)]
fn within<'a>((start, text): Piece<'a>, range: &Range<usize>) -> Option<&'a str> {
    text.get(range.start.checked_sub(start)?..range.end.checked_sub(start)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cell_is_the_text_that_it_is_alone(
            parts in prop::collection::vec(
                prop_oneof![
                    4 => "[a-z重庆号🙂]{0,20}".prop_map(String::into_bytes),
                    1 => prop::collection::vec(any::<u8>(), 0..4),
                ],
                0..12,
            ),
            cells in prop::collection::vec((0..200_usize, 0..20_usize), 0..60),
            mut breaks in prop::collection::vec((0..200_usize, 0..10_usize), 0..4),
        ) {
            let bytes = parts.concat();
            breaks.sort_unstable();
            let mut end = 0;
            let breaks = breaks.into_iter().map(|(start, len)| {
                let start = start.clamp(end, bytes.len().max(end)).min(bytes.len());
                end = (start + len).min(bytes.len());
                start..end
            });
            let breaks: Vec<Range<usize>> = breaks.collect();
            let arena = Arena::new(&bytes, breaks.into_iter());
            for (start, len) in cells {
                let start = start.min(bytes.len());
                let range = start..(start + len).min(bytes.len());
                let expected = std::str::from_utf8(&bytes[range.clone()]).ok();
                prop_assert_eq!(arena.text(range), expected);
            }
        }
    }
}
