//! SM4 over several blocks at once (GB/T 32907-2016).
//!
//! The 32 rounds of one block wait for each other; four blocks side by side take little longer
//! than one. The S-box and the linear step behind it are one table of 1 KiB. The cipher of crate
//! `sm4`, block after block, took 290 ns per block and most of the time of sealing; it stays the
//! one that opens, so every value that is sealed and opened proves both.
//!
//! A table is read at places that depend on the key, as in that crate: who runs code on the same
//! core may learn something of it.

/// One block as four big-endian words.
pub(super) type Block = [u32; 4];

/// Round keys of one key.
#[derive(Clone)]
pub(super) struct Blocks {
    round_keys: [[u32; 4]; 8],
}

impl Blocks {
    pub fn new(key: &[u8; 16]) -> Self {
        let words = from_bytes(key);
        let mut k: Block = std::array::from_fn(|at| words[at] ^ FK[at]);
        let mut round_keys = [[0; 4]; 8];
        for (four, out) in round_keys.iter_mut().enumerate() {
            for (at, round_key) in out.iter_mut().enumerate() {
                let mixed = k[(at + 1) % 4] ^ k[(at + 2) % 4] ^ k[(at + 3) % 4];
                let b = substituted(mixed ^ constant(4 * four + at));
                k[at] ^= b ^ b.rotate_left(13) ^ b.rotate_left(23);
                *round_key = k[at];
            }
        }
        Self { round_keys }
    }

    /// Encrypts blocks in place.
    pub fn encrypt<const N: usize>(&self, blocks: &mut [Block; N]) {
        // Word by word, so that each step is the same for all blocks and none waits for another.
        let [mut a, mut b, mut c, mut d] = [0, 1, 2, 3].map(|at| blocks.map(|block| block[at]));
        for [k0, k1, k2, k3] in &self.round_keys {
            for n in 0..N {
                a[n] ^= round(b[n] ^ c[n] ^ d[n] ^ k0);
            }
            for n in 0..N {
                b[n] ^= round(c[n] ^ d[n] ^ a[n] ^ k1);
            }
            for n in 0..N {
                c[n] ^= round(d[n] ^ a[n] ^ b[n] ^ k2);
            }
            for n in 0..N {
                d[n] ^= round(a[n] ^ b[n] ^ c[n] ^ k3);
            }
        }
        for (n, block) in blocks.iter_mut().enumerate() {
            *block = [d[n], c[n], b[n], a[n]];
        }
    }
}

pub(super) fn from_bytes(bytes: &[u8; 16]) -> Block {
    let (words, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|at| u32::from_be_bytes(words[at]))
}

pub(super) fn to_bytes(block: &Block) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (out, word) in bytes.chunks_exact_mut(4).zip(block) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// S-box and linear step of one round.
#[inline(always)]
fn round(x: u32) -> u32 {
    let [a, b, c, d] = x.to_be_bytes();
    ROUND[usize::from(a)]
        ^ ROUND[usize::from(b)].rotate_right(8)
        ^ ROUND[usize::from(c)].rotate_right(16)
        ^ ROUND[usize::from(d)].rotate_right(24)
}

fn substituted(x: u32) -> u32 {
    u32::from_be_bytes(x.to_be_bytes().map(|byte| SBOX[usize::from(byte)]))
}

/// CK of the standard: byte `j` of word `i` is `(4i + j) * 7 mod 256`.
fn constant(i: usize) -> u32 {
    let byte = |j: usize| u8::try_from((4 * i + j) * 7 % 256).expect("below 256");
    u32::from_be_bytes(std::array::from_fn(byte))
}

/// FK of the standard.
const FK: Block = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];

/// The linear step over an S-box value in the first byte; of the other bytes it is a rotation.
static ROUND: [u32; 256] = round_table();

const fn round_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let b = (SBOX[at] as u32) << 24;
        table[at] =
            b ^ b.rotate_left(2) ^ b.rotate_left(10) ^ b.rotate_left(18) ^ b.rotate_left(24);
        at += 1;
    }
    table
}

/// S-box of the standard.
#[rustfmt::skip]
const SBOX: [u8; 256] = [
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
    0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
    0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
    0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
    0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
    0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
    0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
    0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
    0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
    0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
    0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
    0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
    0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
    0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
    0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
    0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sm4::cipher::{BlockCipherEncrypt, KeyInit};

    /// GB/T 32907-2016, appendix A: key and plain text of both examples.
    const EXAMPLE: [u8; 16] = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes();

    fn repeated(times: usize) -> u128 {
        let cipher = Blocks::new(&EXAMPLE);
        let mut block = [from_bytes(&EXAMPLE)];
        (0..times).for_each(|_| cipher.encrypt(&mut block));
        u128::from_be_bytes(to_bytes(&block[0]))
    }

    #[test]
    fn the_examples_of_the_standard_come_out() {
        assert_eq!(repeated(1), 0x681e_df34_d206_965e_86b3_e94f_536e_4246);
        assert_eq!(repeated(1_000_000), 0x5952_98c7_c6fd_271f_0402_f804_c33d_3f66);
    }

    proptest! {
        #[test]
        fn blocks_side_by_side_are_those_of_another_implementation(
            key: [u8; 16],
            plain: [[u8; 16]; 4],
        ) {
            let mut blocks = plain.map(|block| from_bytes(&block));
            Blocks::new(&key).encrypt(&mut blocks);
            let other = sm4::Sm4::new(&key.into());
            for (block, plain) in blocks.iter().zip(plain) {
                let mut expected = plain.into();
                other.encrypt_block(&mut expected);
                prop_assert_eq!(&to_bytes(block)[..], &expected[..]);
            }
        }
    }
}
