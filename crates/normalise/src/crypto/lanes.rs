//! SM3 and HMAC-SM3 of many values at once (GB/T 32905-2016, RFC 2104).
//!
//! The 64 rounds of one block wait for each other; four values side by side, a word of each in
//! one vector register, take little longer than one. The digests of rejected records were most of
//! what a reject costs. Crate `sm3` stays the one for single values, and every test compares both.

use super::Hex;
use wide::u32x4;

/// Values side by side: one register of four words is what every x86-64 and every arm64 has.
const LANES: usize = 4;
/// Bytes of a block.
const BLOCK: usize = 64;
const DIGEST: usize = 32;

/// A word of each value. (Arrays of four words are not put into vector registers by the compiler.)
type Words = u32x4;

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
        let mut state = INITIAL.map(Words::splat);
        compress(&mut state, &[*block; LANES]);
        Self { state: state.map(|words| words.to_array()[0]), bytes: BLOCK as u64 }
    }

    /// The digests of these bytes and each value behind them.
    fn go_on(&self, values: &[&[u8]]) -> Vec<[u8; DIGEST]> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        // Values of about one length go together, so that few lanes run empty.
        order.sort_unstable_by_key(|&at| values[at].len());
        let mut made = vec![[0; DIGEST]; values.len()];
        for group in order.chunks(LANES) {
            let lanes: [&[u8]; LANES] =
                std::array::from_fn(|lane| group.get(lane).map_or(&[][..], |&at| values[at]));
            for (&at, digest) in group.iter().zip(self.together(lanes)) {
                made[at] = digest;
            }
        }
        made
    }

    fn together(&self, values: [&[u8]; LANES]) -> [[u8; DIGEST]; LANES] {
        let counts = values.map(block_count);
        let mut state: [Words; 8] = self.state.map(Words::splat);
        let mut done = [[0; DIGEST]; LANES];
        for number in 0..counts.into_iter().max().unwrap_or(0) {
            compress(&mut state, &values.map(|value| self.block(value, number)));
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

/// Blocks of a value with its padding: a bit, zeros, and the length in 64 bits.
fn block_count(value: &[u8]) -> usize {
    (value.len() + 9).div_ceil(BLOCK)
}

fn compress(state: &mut [Words; 8], blocks: &[[u8; BLOCK]; LANES]) {
    let words = expanded(blocks);
    let before = *state;
    for at in 0..16 {
        let [a, b, c, _, e, f, g, _] = *state;
        round(state, (a ^ b ^ c, e ^ f ^ g), at, &words);
    }
    for at in 16..64 {
        let [a, b, c, _, e, f, g, _] = *state;
        round(state, ((a & b) | ((a | b) & c), (e & (f ^ g)) ^ g), at, &words);
    }
    for (word, old) in state.iter_mut().zip(before) {
        *word ^= old;
    }
}

#[inline(always)]
fn round(state: &mut [Words; 8], (ff, gg): (Words, Words), at: usize, words: &[Words; 68]) {
    let [a, b, c, d, e, f, g, h] = *state;
    let a12 = rotated::<12>(a);
    let ss1 = rotated::<7>(a12 + e + Words::splat(CONSTANTS[at]));
    let tt1 = ff + d + (ss1 ^ a12) + (words[at] ^ words[at + 4]);
    let tt2 = gg + h + ss1 + words[at];
    let p0 = tt2 ^ rotated::<9>(tt2) ^ rotated::<17>(tt2);
    *state = [tt1, a, rotated::<9>(b), c, p0, e, rotated::<19>(f), g];
}

fn expanded(blocks: &[[u8; BLOCK]; LANES]) -> [Words; 68] {
    let mut words = [Words::splat(0); 68];
    let lanes = blocks.each_ref().map(|block| block.as_chunks::<4>().0);
    for (at, word) in words.iter_mut().take(16).enumerate() {
        *word = Words::new(lanes.map(|lane| u32::from_be_bytes(lane[at])));
    }
    for at in 16..68 {
        let x = words[at - 16] ^ words[at - 9] ^ rotated::<15>(words[at - 3]);
        let mixed = x ^ rotated::<15>(x) ^ rotated::<23>(x);
        words[at] = mixed ^ rotated::<7>(words[at - 13]) ^ words[at - 6];
    }
    words
}

#[inline(always)]
fn rotated<const BY: u32>(words: Words) -> Words {
    (words << BY) | (words >> (32 - BY))
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
