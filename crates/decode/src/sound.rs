//! Which of an arena's records are UTF-8, from one pass over all of them.

use std::ops::Range;

/// Places remembered where an arena is no UTF-8. Behind so many each record is looked at by itself.
const BROKEN_MAX: usize = 1_024;

/// An arena that was looked at. A record that was cut within a character costs nobody else a
/// second look.
#[derive(Debug, Default)]
pub(crate) struct Sound {
    /// Where bytes begin that are no character, ascending.
    broken: Vec<usize>,
    /// What was looked at ends here.
    end: usize,
}

impl Sound {
    pub fn new(arena: &[u8]) -> Self {
        let mut sound = Self::default();
        while let Some(Err(error)) = arena.get(sound.end..).map(simdutf8::compat::from_utf8) {
            let at = sound.end + error.valid_up_to();
            if sound.broken.len() == BROKEN_MAX {
                sound.end = at;
                return sound;
            }
            sound.broken.push(at);
            sound.end = error.error_len().map_or(arena.len(), |length| at + length);
        }
        sound.end = arena.len();
        sound
    }

    /// Whether that part of the arena is UTF-8 by itself.
    #[inline]
    pub fn is_utf8(&self, arena: &[u8], part: Range<usize>) -> bool {
        let next = self.broken.partition_point(|&at| at < part.start);
        let is_whole = self.broken.get(next).is_none_or(|&at| at >= part.end);
        // A character may begin in one record and end in the next.
        let is_between = |at: usize| arena.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
        part.end <= self.end && is_whole && is_between(part.start) && is_between(part.end)
            || arena.get(part).is_some_and(|part| simdutf8::basic::from_utf8(part).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_is_what_it_is_alone(
            parts in prop::collection::vec(
                prop_oneof![
                    4 => "[a-z重庆号🙂é]{0,20}".prop_map(String::into_bytes),
                    1 => prop::collection::vec(any::<u8>(), 0..4),
                ],
                0..12,
            ),
            cuts in prop::collection::vec((0..200_usize, 0..40_usize), 0..40),
        ) {
            let arena = parts.concat();
            let sound = Sound::new(&arena);
            for (start, length) in cuts {
                let start = start.min(arena.len());
                let part = start..(start + length).min(arena.len());
                let expected = std::str::from_utf8(&arena[part.clone()]).is_ok();
                prop_assert_eq!(sound.is_utf8(&arena, part), expected);
            }
        }
    }

    #[test]
    fn many_broken_places_are_not_all_remembered() {
        let arena = [&[0xFF; 2 * BROKEN_MAX][..], b"good"].concat();
        let sound = Sound::new(&arena);
        assert_eq!(sound.broken.len(), BROKEN_MAX);
        assert!(sound.is_utf8(&arena, 2 * BROKEN_MAX..arena.len()));
        assert!(!sound.is_utf8(&arena, 2 * BROKEN_MAX - 1..arena.len()));
    }
}
