//! Chance that can be repeated: a number stream fixed by a seed and a name.
//!
//! SplitMix64 (Steele, Lea, Flood 2014), written out so that the bytes of a city do not depend
//! on the version of a library. Not for secrets.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What decides everything that does not move: the seed, and how dirty the city is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// Scale of the rates of defects; 0 is a clean city.
    pub(crate) scale: f64,
}

impl World {
    /// The stream that belongs to a name.
    pub(crate) fn dice(self, name: &[u64]) -> Dice {
        Dice::of(self.seed, name)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream that belongs to these numbers, whatever was drawn before.
    pub(crate) fn of(seed: u64, name: &[u64]) -> Self {
        let mix = |state: u64, part: &u64| scramble(state ^ scramble(part.wrapping_add(GOLDEN)));
        Self(name.iter().fold(scramble(seed.wrapping_add(GOLDEN)), mix))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        scramble(self.0)
    }

    /// A number below `bound`; the bias of the multiplication is below 2⁻³² for small bounds.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the product of two u64 has 128 bits")
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).unsigned_abs()).cast_signed()
    }

    /// From 0 up to but not including 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// An index of something that has `count` elements.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("below a usize")
    }

    /// A whole number of days from `low` to `high`, both included.
    pub(crate) fn days(&mut self, low: i32, high: i32) -> i32 {
        i32::try_from(self.between(i64::from(low), i64::from(high))).expect("within two i32")
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the reference implementation for the state 1234567.
    #[test]
    fn the_stream_is_splitmix64() {
        let mut dice = Dice(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
        assert_eq!(dice.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut dice = Dice::of(1, &[2, 3]);
        for _ in 0..10_000 {
            assert!(dice.below(7) < 7);
            assert!((-3..=3).contains(&dice.between(-3, 3)));
            assert!((0.0..1.0).contains(&dice.unit()));
        }
    }
}
