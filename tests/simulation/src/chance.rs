//! Random numbers of a seed: SplitMix64 (Steele, Lea and Flood, 2014).

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// A stream of random numbers. Clones go on with the same stream.
#[derive(Debug, Clone)]
pub struct Chance(Arc<Mutex<u64>>);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A stream of its own, drawn from this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(self.number())
    }

    pub fn number(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of a range that is not empty.
    pub fn within(&self, range: Range<i64>) -> i64 {
        let width = (range.end - range.start).unsigned_abs();
        range.start + i64::try_from(self.number() % width).expect("below the width of an i64")
    }

    /// True so many times in a thousand.
    pub fn per_mille(&self, share: u64) -> bool {
        self.number() % 1_000 < share
    }

    pub fn of<'a, T>(&self, choices: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(choices.len()).expect("few choices");
        let at = self.number().checked_rem(count)?;
        choices.get(usize::try_from(at).expect("below a length"))
    }

    pub fn uuid(&self) -> Uuid {
        Uuid::from_u64_pair(self.number(), self.number())
    }
}
