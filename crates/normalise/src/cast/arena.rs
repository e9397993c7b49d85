//! The bytes that cells lie in, as text.

use std::cell::Cell;
use std::ops::Range;

/// An arena of JSON is UTF-8 as nearly always: checked once, in one pass, instead of once per
/// cell. A record that was cut within a character must not change that for its whole chunk, so
/// what is sound is kept in pieces; cells come one after the other, and mostly lie in the piece of
/// the cell before.
pub(super) struct Arena<'a> {
    bytes: &'a [u8],
    pieces: Vec<Piece<'a>>,
    current: Cell<Piece<'a>>,
}

/// Sound text, and where it begins.
type Piece<'a> = (usize, &'a str);

impl<'a> Arena<'a> {
    /// `is_binary`: the records are no text, and are not worth a look as a whole.
    pub fn new(bytes: &'a [u8], is_binary: bool) -> Self {
        if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
            return Self { bytes, pieces: Vec::new(), current: Cell::new((0, text)) };
        }
        let pieces = if is_binary { Vec::new() } else { pieces(bytes) };
        Self { bytes, pieces, current: Cell::new((0, "")) }
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

#[cold]
fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    let (mut pieces, mut start, mut rest) = (Vec::new(), 0, bytes);
    while !rest.is_empty() {
        let (sound, refused) = match simdutf8::compat::from_utf8(rest) {
            Ok(_) => (rest.len(), 0),
            Err(error) => {
                let sound = error.valid_up_to();
                (sound, error.error_len().unwrap_or(rest.len() - sound))
            }
        };
        let (text, after) = rest.split_at(sound);
        pieces.extend(simdutf8::basic::from_utf8(text).ok().map(|text| (start, text)));
        rest = after.get(refused..).unwrap_or_default();
        start += sound + refused;
    }
    pieces
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
            is_binary: bool,
        ) {
            let bytes = parts.concat();
            let arena = Arena::new(&bytes, is_binary);
            for (start, len) in cells {
                let start = start.min(bytes.len());
                let range = start..(start + len).min(bytes.len());
                let expected = std::str::from_utf8(&bytes[range.clone()]).ok();
                prop_assert_eq!(arena.text(range), expected);
            }
        }
    }
}
