//! Bytes that are those of another document but for their digits.

use super::Cursor;
use super::vector::{self, BYTES};
use wide::u8x16;

impl Cursor<'_> {
    /// Brackets that are open.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Takes the rest of the object if it is `twin` but for digits: what was passed from the same
    /// place within another object up to its end, without an escape by number. False tells nothing.
    ///
    /// Where a digit stands for a digit, every token keeps its kind and its place. A zero may only
    /// stand behind another digit, because a number of several digits does not begin with one.
    #[inline]
    pub fn take_like(&mut self, twin: &[u8]) -> bool {
        let rest = self.rest().get(..twin.len()).unwrap_or_default();
        let is_like = is_like(rest, twin);
        if is_like {
            self.at += twin.len();
            self.depth = self.depth.saturating_sub(1);
        }
        is_like
    }
}

/// Whether two texts of one length differ in digits only, none of them a zero behind what is no
/// digit. False for short texts, which nobody needs to compare.
#[inline]
fn is_like(text: &[u8], other: &[u8]) -> bool {
    if text.len() != other.len() || text.len() < BYTES {
        return false;
    }
    // The last look goes back, so that it is a whole one too.
    let last = text.len() - BYTES;
    let mut places = (0..last).step_by(BYTES).chain([last]);
    places.all(|at| {
        let look = |text: &[u8]| text.get(at..)?.first_chunk::<BYTES>().copied();
        let (Some(chunk), Some(beside)) = (look(text), look(other)) else { return false };
        if chunk == beside {
            return true;
        }
        let differing =
            !vector::marks(&zipped(&chunk, &beside), |bytes| bytes.cmp_eq(u8x16::splat(0)));
        let digits = !vector::non_digits(&chunk);
        let zeros = vector::marks(&chunk, |bytes| bytes.cmp_eq(u8x16::splat(b'0')));
        let before = at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
        let behind_digit = digits << 1 | u32::from(before);
        differing & (!digits | vector::non_digits(&beside) | zeros & !behind_digit) == 0
    })
}

/// Where two chunks are the same, zero.
#[inline(always)]
fn zipped(chunk: &[u8; BYTES], other: &[u8; BYTES]) -> [u8; BYTES] {
    std::array::from_fn(|at| chunk[at] ^ other[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Token;
    use proptest::prelude::*;

    /// The rest of an object from behind its first field, and the tokens in it.
    fn rest(text: &str) -> Option<(usize, Vec<Token>)> {
        let mut cursor = Cursor::new(text.as_bytes(), 8);
        cursor.enter().ok()?;
        let mut tokens = vec![cursor.name().ok()?, cursor.value().ok()?];
        let (mut more, start) = (cursor.more().ok()?, cursor.at());
        while more {
            tokens.extend([cursor.name().ok()?, cursor.value().ok()?]);
            more = cursor.more().ok()?;
        }
        cursor.finish().ok()?;
        Some((start, tokens))
    }

    /// Whether the rest of `text` is taken for that of `twin`.
    fn is_taken(twin: &str, text: &str) -> bool {
        let (start, _) = rest(twin).unwrap();
        let mut cursor = Cursor::new(text.as_bytes(), 8);
        cursor.enter().unwrap();
        (cursor.name().unwrap(), cursor.value().unwrap());
        cursor.more().unwrap();
        let taken = cursor.take_like(&twin.as_bytes()[start..]);
        assert_eq!(cursor.depth(), usize::from(!taken));
        taken
    }

    const TWIN: &str =
        r#"{"a":1,"version":"3.0.8","ts_ms":1586219400123,"n":0,"x":null,"lsn":1050}"#;

    #[test]
    fn other_digits_are_taken_and_nothing_else_is() {
        for (text, expected) in [
            (TWIN.to_owned(), true),
            (TWIN.replace("1586219400123", "1786219409999"), true),
            (TWIN.replace("3.0.8", "4.1.9"), true),
            (TWIN.replace("\"n\":0", "\"n\":7"), true),
            (TWIN.replace("1050", "1000"), true),
            // Zeros where a number may begin, other lengths, other bytes.
            (TWIN.replace("1050", "0050"), false),
            (TWIN.replace("3.0.8", "3.0.0"), false),
            (TWIN.replace("1050", "105"), false),
            (TWIN.replace("1050", "105e"), false),
            (TWIN.replace("null", "nul1"), false),
            (TWIN.replace("lsn", "pos"), false),
            (TWIN.replace("1050}", "1050!"), false),
        ] {
            assert_eq!(is_taken(TWIN, &text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_has_the_tokens_that_reading_finds(
            changes in prop::collection::vec((0..200_usize, "[0-9a\"\\\\:,{}. -]"), 0..6),
            filler in "[a-z0-9.]{0,70}",
        ) {
            let twin = TWIN.replace("3.0.8", &filler);
            let (start, tokens) = rest(&twin).unwrap();
            let mut text = twin.clone().into_bytes();
            for (place, byte) in changes {
                let place = start + place % (text.len() - start);
                text[place] = byte.as_bytes()[0];
            }
            let text = String::from_utf8(text).unwrap();
            if is_taken(&twin, &text) {
                prop_assert_eq!(rest(&text), Some((start, tokens)), "{}", text);
            }
        }
    }
}
