//! SM3 and HMAC-SM3 of many values at once (GB/T 32905-2016, RFC 2104).
//!
//! The 64 rounds of one block wait for each other; four values side by side, a word of each in
//! one vector register, take little longer than one. The digests of rejected records were most of
//! what a reject costs. Crate `sm3` stays the one for single values, and every test compares both.
//!
//! Values that begin alike, as records do that carry their schema, share the states behind their
//! common blocks: those are taken once, along one of the values ([`Shared`]).

use super::Hex;
use std::num::Wrapping;
use std::ops::{Add, BitAnd, BitOr, BitXor};
use wide::u32x4;

/// Values side by side: one register of four words is what every x86-64 and every arm64 has.
const LANES: usize = 4;
/// Bytes of a block.
const BLOCK: usize = 64;
const DIGEST: usize = 32;

/// A word of each value. (Arrays of four words are not put into vector registers by the compiler.)
type Words = u32x4;

/// A word of one value, or of several.
trait Word:
    Copy + Add<Output = Self> + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self>
{
    fn splat(word: u32) -> Self;
    fn turned<const BY: u32>(self) -> Self;
}

impl Word for u32x4 {
    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self::splat(word)
    }

    #[inline(always)]
    fn turned<const BY: u32>(self) -> Self {
        (self << BY) | (self >> (32 - BY))
    }
}

impl Word for Wrapping<u32> {
    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(word)
    }

    #[inline(always)]
    fn turned<const BY: u32>(self) -> Self {
        Self(self.0.rotate_left(BY))
    }
}

/// SM3 of each value, in their order.
pub(super) fn digests(values: &[&[u8]]) -> Vec<Hex> {
    let start = Start { state: INITIAL, bytes: 0 };
    start.go_on(values).iter().map(|digest| Hex::of(digest)).collect()
}

/// HMAC-SM3 under one key, whose two blocks are taken once.
#[derive(Clone)]
pub(super) struct Mac {
    inner: Start,
    outer: Start,
}

impl Mac {
    pub fn new(key: &[u8; DIGEST]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(out, byte)| *out ^= byte);
            Start::behind(&block)
        };
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// HMAC-SM3 of each value, in their order.
    pub fn of(&self, values: &[&[u8]]) -> Vec<Hex> {
        let inner = self.inner.go_on(values);
        let inner: Vec<&[u8]> = inner.iter().map(|digest| &digest[..]).collect();
        self.outer.go_on(&inner).iter().map(|digest| Hex::of(digest)).collect()
    }
}

/// Where the digest of a value begins: behind whole blocks that all values share.
#[derive(Clone)]
struct Start {
    state: [u32; 8],
    bytes: u64,
}

impl Start {
    fn behind(block: &[u8; BLOCK]) -> Self {
        Self { state: next(&INITIAL, block), bytes: BLOCK as u64 }
    }

    /// The digests of these bytes and each value behind them.
    fn go_on(&self, values: &[&[u8]]) -> Vec<[u8; DIGEST]> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by_key(|&at| values[at].len());
        let shared = Shared::of(&self.state, values, order.get(order.len() / 2).copied());
        // Values of which about as much is left go together, so that few lanes run empty.
        order.sort_by_key(|&at| block_count(values[at]) - shared.blocks[at]);
        let mut made = vec![[0; DIGEST]; values.len()];
        for group in order.chunks(LANES) {
            let lane = |lane: usize| match group.get(lane) {
                Some(&at) => (values[at], shared.blocks[at]),
                None => (&[][..], 0),
            };
            let digests = self.together(std::array::from_fn(lane), &shared.states);
            for (&at, digest) in group.iter().zip(digests) {
                made[at] = digest;
            }
        }
        made
    }

    /// The digests of values of which so many blocks are done, with the state behind each block.
    fn together(
        &self,
        values: [(&[u8], usize); LANES],
        states: &[[u32; 8]],
    ) -> [[u8; DIGEST]; LANES] {
        let counts = values.map(|(value, done)| block_count(value) - done);
        let starts = values.map(|(_, done)| states[done]);
        let mut state: [Words; 8] =
            std::array::from_fn(|at| Words::new(starts.map(|start| start[at])));
        let mut done = [[0; DIGEST]; LANES];
        for number in 0..counts.into_iter().max().unwrap_or(0) {
            let blocks = values.map(|(value, done)| self.block(value, done + number));
            compress(&mut state, words_of(&blocks));
            for lane in (0..LANES).filter(|&lane| number + 1 == counts[lane]) {
                // What comes after a value's last block is thrown away.
                for (out, words) in done[lane].as_chunks_mut::<4>().0.iter_mut().zip(&state) {
                    *out = words.to_array()[lane].to_be_bytes();
                }
            }
        }
        done
    }

    /// A block of a padded value; zeros behind its end.
    fn block(&self, value: &[u8], number: usize) -> [u8; BLOCK] {
        let rest = value.get(number * BLOCK..).unwrap_or_default();
        if let Some(whole) = rest.first_chunk::<BLOCK>() {
            return *whole;
        }
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        // The bit stands behind the last byte, which may fill the block before this one.
        if number * BLOCK + rest.len() == value.len() {
            block[rest.len()] = 0x80;
        }
        if number + 1 == block_count(value) {
            let bits = (self.bytes + value.len() as u64) * 8;
            block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
        }
        block
    }
}

/// What values have in common with one of them.
struct Shared {
    /// Whole blocks at the beginning of each value that need not be taken again.
    blocks: Vec<usize>,
    /// The state before the first block of the one value, and behind each that is shared.
    states: Vec<[u32; 8]>,
}

impl Shared {
    /// Looks at what is shared with the value at `model`, and takes it if that is worth it: one
    /// block by itself costs about as much as two side by side.
    fn of(start: &[u32; 8], values: &[&[u8]], model: Option<usize>) -> Self {
        let model = model.map_or(&[][..], |model| values[model]).as_chunks::<BLOCK>().0;
        let common = |value: &&[u8]| {
            let pairs = value.as_chunks::<BLOCK>().0.iter().zip(model);
            pairs.take_while(|(block, model)| block == model).count()
        };
        let mut blocks: Vec<usize> = values.iter().map(common).collect();
        // The model shares all of itself.
        let mut longest = blocks.clone();
        longest.sort_unstable();
        let most = longest.iter().rev().nth(1).copied().unwrap_or(0);
        blocks.iter_mut().for_each(|count| *count = (*count).min(most));
        if blocks.iter().sum::<usize>() <= most * 2 {
            blocks.fill(0);
        }
        let mut states = vec![*start];
        for block in model.iter().take(blocks.iter().copied().max().unwrap_or(0)) {
            let before = states[states.len() - 1];
            states.push(next(&before, block));
        }
        Self { blocks, states }
    }
}

/// The state behind one more block of one value.
fn next(state: &[u32; 8], block: &[u8; BLOCK]) -> [u32; 8] {
    let mut state = state.map(Wrapping);
    let mut words = [Wrapping(0); 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = Wrapping(u32::from_be_bytes(*bytes));
    }
    compress(&mut state, words);
    state.map(|word| word.0)
}

/// Blocks of a value with its padding: a bit, zeros, and the length in 64 bits.
fn block_count(value: &[u8]) -> usize {
    (value.len() + 9).div_ceil(BLOCK)
}

/// Takes one more block, whose sixteen words are given; the others are made on the way.
#[inline(always)]
fn compress<W: Word>(state: &mut [W; 8], mut words: [W; 16]) {
    let before = *state;
    sixteen::<W, false>(state, &mut words, 0);
    for first in [16, 32, 48] {
        sixteen::<W, true>(state, &mut words, first);
    }
    for (word, old) in state.iter_mut().zip(before) {
        *word = *word ^ old;
    }
}

/// Sixteen rounds, written out so that places are known when this is compiled: a loop is not
/// unrolled, and keeps the words in memory. `LATE`: not the first sixteen.
#[inline(always)]
fn sixteen<W: Word, const LATE: bool>(state: &mut [W; 8], words: &mut [W; 16], first: usize) {
    four::<W, LATE>(state, words, first, 0);
    four::<W, LATE>(state, words, first, 4);
    four::<W, LATE>(state, words, first, 8);
    four::<W, LATE>(state, words, first, 12);
}

#[inline(always)]
fn four<W: Word, const LATE: bool>(
    state: &mut [W; 8],
    words: &mut [W; 16],
    first: usize,
    at: usize,
) {
    round::<W, LATE>(state, words, first, at);
    round::<W, LATE>(state, words, first, at + 1);
    round::<W, LATE>(state, words, first, at + 2);
    round::<W, LATE>(state, words, first, at + 3);
}

/// One round, and the word that takes the place of its own sixteen rounds later.
#[inline(always)]
fn round<W: Word, const LATE: bool>(
    state: &mut [W; 8],
    words: &mut [W; 16],
    first: usize,
    at: usize,
) {
    let [a, b, c, d, e, f, g, h] = *state;
    let (ff, gg) = match LATE {
        true => ((a & b) | ((a | b) & c), (e & (f ^ g)) ^ g),
        false => (a ^ b ^ c, e ^ f ^ g),
    };
    let a12 = a.turned::<12>();
    let ss1 = (a12 + e + W::splat(CONSTANTS[first + at])).turned::<7>();
    let word = words[at];
    let tt1 = ff + d + (ss1 ^ a12) + (word ^ words[(at + 4) % 16]);
    let tt2 = gg + h + ss1 + word;
    let p0 = tt2 ^ tt2.turned::<9>() ^ tt2.turned::<17>();
    *state = [tt1, a, b.turned::<9>(), c, p0, e, f.turned::<19>(), g];
    let x = word ^ words[(at + 7) % 16] ^ words[(at + 13) % 16].turned::<15>();
    let mixed = x ^ x.turned::<15>() ^ x.turned::<23>();
    words[at] = mixed ^ words[(at + 3) % 16].turned::<7>() ^ words[(at + 10) % 16];
}

/// The words of a block of each value.
fn words_of(blocks: &[[u8; BLOCK]; LANES]) -> [Words; 16] {
    let lanes = blocks.each_ref().map(|block| block.as_chunks::<4>().0);
    std::array::from_fn(|at| Words::new(lanes.map(|lane| u32::from_be_bytes(lane[at]))))
}

/// IV of the standard.
const INITIAL: [u32; 8] = [
    0x7380_166f,
    0x4914_b2b9,
    0x1724_42d7,
    0xda8a_0600,
    0xa96f_30bc,
    0x1631_38aa,
    0xe38d_ee4d,
    0xb0fb_0e4e,
];

/// T of the standard, turned by the number of the round.
const CONSTANTS: [u32; 64] = {
    let (mut constants, mut at) = ([0; 64], 0);
    while at < 64 {
        let constant: u32 = if at < 16 { 0x79cc_4519 } else { 0x7a87_9d8a };
        constants[at] = constant.rotate_left(at as u32 % 32);
        at += 1;
    }
    constants
};

#[cfg(test)]
mod tests {
    use super::super::{hmac_sm3, sm3_hex};
    use super::*;
    use hmac::Mac as _;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_standard_come_out() {
        let long = "abcd".repeat(16);
        let made = digests(&[b"abc", long.as_bytes()]);
        let expected = [
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
            "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
        ];
        assert_eq!(made.iter().map(Hex::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_length_around_the_blocks_is_padded_as_another_implementation_does() {
        let bytes: Vec<u8> = (0..300).map(|at| (at * 7 % 251) as u8).collect();
        let values: Vec<&[u8]> = (0..bytes.len()).map(|end| &bytes[..end]).collect();
        for (value, digest) in values.iter().zip(digests(&values)) {
            assert_eq!(digest, sm3_hex(value), "{} bytes", value.len());
        }
    }

    #[test]
    fn many_keyed_digests_are_those_of_another_implementation() {
        let key: [u8; 32] = std::array::from_fn(|at| (at * 37 % 256) as u8);
        let bytes: Vec<u8> = (0..200).map(|at| (at * 11 % 253) as u8).collect();
        let values: Vec<&[u8]> = (0..bytes.len()).map(|end| &bytes[..end]).collect();
        for (value, digest) in values.iter().zip(Mac::new(&key).of(&values)) {
            let mut mac = hmac_sm3(&key);
            mac.update(value);
            assert_eq!(digest, Hex::of(&mac.finalize().into_bytes()), "{} bytes", value.len());
        }
    }

    #[test]
    fn values_that_begin_alike_have_the_digests_they_have_alone() {
        let schema: Vec<u8> = (0..1_000).map(|at| (at * 13 % 241) as u8).collect();
        for common in [0, 63, 64, 65, 128, 500, 1_000] {
            // Cut ones, the model itself twice, and ones that go on in their own way.
            let tails = (0..9_usize).map(|at| vec![at as u8; at * 37]);
            let mut values: Vec<Vec<u8>> =
                tails.map(|tail| [&schema[..common], &tail[..]].concat()).collect();
            values.extend([0, 1, 64, common / 2, common].map(|end| schema[..end].to_vec()));
            values.push(values[4].clone());
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            for (value, digest) in values.iter().zip(digests(&values)) {
                assert_eq!(digest, sm3_hex(value), "{} bytes, {common} in common", value.len());
            }
            let key = [7; 32];
            for (value, digest) in values.iter().zip(Mac::new(&key).of(&values)) {
                let mut mac = hmac_sm3(&key);
                mac.update(value);
                assert_eq!(digest, Hex::of(&mac.finalize().into_bytes()), "{common} in common");
            }
        }
    }

    proptest! {
        #[test]
        fn values_side_by_side_are_those_of_another_implementation(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..12),
        ) {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let expected: Vec<Hex> = values.iter().map(|value| sm3_hex(value)).collect();
            prop_assert_eq!(digests(&values), expected);
        }
    }
}
