//! Sealed values: SM4-GCM with derived nonces, and which key opens them.
//!
//! ```text
//! 2 | key fingerprint (4) | nonce (12) | ciphertext | tag (16)
//! ```
//!
//! The fingerprint is the first four bytes of `SM3("huiliu/key/1|" + id of the key)`. Associated
//! data is `dataset|column`, so a value moved to another column does not open. Version 1, without
//! the fingerprint, is opened under every known key and no longer written.
//!
//! Nonces are derived, not drawn, so that a replayed record gives the same bytes:
//! `nonce = first 12 bytes of SM4[k2](GHASH[k1](column, place of the record, value))`. GHASH is
//! almost universal (two inputs agree with a chance below 2^-100 for the sizes here), SM4 makes
//! its value unpredictable; this is the construction by which AES-GCM-SIV (RFC 8452) makes its
//! tag. One nonce meets two plaintexts only by a collision of 96 bits: below 2^32 values per key
//! that is less likely than 2^-32, the bound NIST SP 800-38D sets for random nonces. Random
//! nonces were refused: a replay would differ. HMAC-SM3 as the derivation cost as much as all
//! the rest of sealing.

use super::blocks::{Block, Blocks, from_bytes, to_bytes};
use super::{Origin, hmac_sm3};
use aes_gcm::aead::{AeadInOut, KeyInit, consts::U12};
use aes_gcm::{AesGcm, Nonce, Tag};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use hmac::Mac;
use huiliu_model::{Error, ErrorKind};
use sm3::{Digest, Sm3};
use sm4::Sm4;
use std::fmt;

/// First byte of a sealed value.
const VERSION: u8 = 2;
/// The version before, which did not name its key.
const VERSION_NAMELESS: u8 = 1;
const FINGERPRINT_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + FINGERPRINT_BYTES + NONCE_BYTES;
/// Bytes a sealed value has more than its plaintext.
pub const SEAL_OVERHEAD_BYTES: usize = HEAD_BYTES + TAG_BYTES;
/// Sets the nonce keys apart from every other use of the encryption key.
const NONCE_KEY_LABEL: &[u8] = b"huiliu/nonce/2";
/// Blocks of key stream made at once.
const AT_ONCE: usize = 4;

/// Names a key in what it sealed; not secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    pub fn of(id: &str) -> Self {
        let digest = Sm3::new().chain_update(b"huiliu/key/1|").chain_update(id).finalize();
        let mut first = [0; FINGERPRINT_BYTES];
        first.copy_from_slice(&digest[..FINGERPRINT_BYTES]);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One encryption key that opens: by an implementation of its own.
#[derive(Clone)]
pub(super) struct Opener {
    pub id: String,
    pub fingerprint: Fingerprint,
    cipher: AesGcm<Sm4, U12>,
}

impl Opener {
    pub fn new(id: &str, key: &[u8; 16]) -> Self {
        let cipher = AesGcm::new(&(*key).into());
        Self { id: id.to_owned(), fingerprint: Fingerprint::of(id), cipher }
    }

    fn open(&self, nonce: &[u8], associated: &[u8], body: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
        let (nonce, tag) = (Nonce::<U12>::try_from(nonce).ok()?, Tag::try_from(tag).ok()?);
        let mut plain = body.to_vec();
        let buffer = plain.as_mut_slice().into();
        self.cipher.decrypt_inout_detached(&nonce, associated, buffer, &tag).ok()?;
        Some(plain)
    }
}

/// Opens a sealed value of one column with the one key that sealed it.
pub(super) fn open(
    openers: &[Opener],
    (dataset, column): (&str, &str),
    sealed: &[u8],
) -> Result<Vec<u8>, Error> {
    let refuse = |why: &str| {
        let text = format!("a sealed value of dataset {dataset} column {column} {why}");
        Error::new(ErrorKind::Corrupt, text)
            .help("the file was changed or cut; restore it, or build the lake anew by a replay")
    };
    let (version, rest) = sealed.split_first().ok_or_else(|| refuse("is empty"))?;
    let (fingerprint, rest) = match *version {
        VERSION => {
            let (named, rest) = rest.split_first_chunk().ok_or_else(|| refuse("is too short"))?;
            (Some(Fingerprint(*named)), rest)
        }
        VERSION_NAMELESS => (None, rest),
        other => return Err(refuse(&format!("has version {other}, known are 1 and {VERSION}"))),
    };
    if rest.len() < NONCE_BYTES + TAG_BYTES {
        return Err(refuse("is too short"));
    }
    let (nonce, rest) = rest.split_at(NONCE_BYTES);
    let (body, tag) = rest.split_at(rest.len() - TAG_BYTES);
    let suits = |key: &&Opener| fingerprint.is_none_or(|named| named == key.fingerprint);
    let mut candidates = openers.iter().filter(suits).peekable();
    if let (Some(named), None) = (fingerprint, candidates.peek()) {
        return Err(missing(openers, (dataset, column), named));
    }
    let associated = format!("{dataset}|{column}");
    candidates
        .find_map(|key| key.open(nonce, associated.as_bytes(), body, tag))
        .ok_or_else(|| refuse("does not open under its key"))
}

fn missing(openers: &[Opener], (dataset, column): (&str, &str), named: Fingerprint) -> Error {
    let ours: Vec<String> =
        openers.iter().map(|key| format!("`{}` ({})", key.id, key.fingerprint)).collect();
    let text = format!(
        "a sealed value of dataset {dataset} column {column} needs the key with fingerprint \
         {named}, configured are {}",
        ours.join(", ")
    );
    Error::new(ErrorKind::Invalid, text).help(format!(
        "put that key back under `keys.older` in huiliu.yaml, under the id it had: the id of \
         which SM3(\"huiliu/key/1|\" + id) begins with {named}. Without the key the value is lost"
    ))
}

/// The active encryption key: seals.
#[derive(Clone)]
pub(super) struct Active {
    fingerprint: Fingerprint,
    cipher: Blocks,
    /// GHASH under the key that SP 800-38D derives: the cipher of a block of zeros.
    ghash: GHash,
    nonce_hash: GHash,
    nonce_cipher: Blocks,
}

impl Active {
    pub fn new(id: &str, key: &[u8; 16]) -> Self {
        let cipher = Blocks::new(key);
        let mut zeros = [[0; 4]];
        cipher.encrypt(&mut zeros);
        let mut derive = hmac_sm3(key);
        derive.update(NONCE_KEY_LABEL);
        let derived: [u8; 32] = derive.finalize().into_bytes().into();
        let [hash_key, nonce_key] = halves(&derived);
        Self {
            fingerprint: Fingerprint::of(id),
            ghash: GHash::new(&to_bytes(&zeros[0]).into()),
            cipher,
            nonce_hash: GHash::new(&hash_key.into()),
            nonce_cipher: Blocks::new(&nonce_key),
        }
    }

    pub fn sealer(&self, dataset: &str, column: &str) -> Sealer<'_> {
        let associated = format!("{dataset}|{column}");
        let [column_id, _] = halves(&Sm3::digest(&associated).into());
        let mut nonce = self.nonce_hash.clone();
        nonce.update(&[column_id.into()]);
        let mut tag = self.ghash.clone();
        tag.update_padded(associated.as_bytes());
        Sealer { key: self, nonce, tag, associated_bits: bits(associated.len()) }
    }
}

fn halves(bytes: &[u8; 32]) -> [[u8; 16]; 2] {
    let (halves, _) = bytes.as_chunks::<16>();
    [halves[0], halves[1]]
}

fn bits(length: usize) -> u64 {
    8 * u64::try_from(length).expect("a length fits 64 bits")
}

/// Seals values of one column; both hashes already hold the column.
pub struct Sealer<'k> {
    key: &'k Active,
    nonce: GHash,
    tag: GHash,
    associated_bits: u64,
}

impl fmt::Debug for Sealer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer<'_> {
    /// Writes the sealed value into `out`, which is cleared before.
    ///
    /// # Panics
    /// When the value is longer than GCM allows (64 GiB); record sizes are bounded far below.
    pub fn seal(&self, origin: Origin, plain: &[u8], out: &mut Vec<u8>) {
        let nonce = self.nonce(origin, plain);
        out.clear();
        out.reserve(plain.len() + SEAL_OVERHEAD_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.key.fingerprint.0);
        let [a, b, c, _] = nonce;
        for word in [a, b, c] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(plain);
        let body = &mut out[HEAD_BYTES..];
        let mask = self.encrypt([a, b, c], body);

        let mut tag = self.tag.clone();
        tag.update_padded(body);
        tag.update(&[lengths(self.associated_bits, bits(plain.len())).into()]);
        let made = tag.finalize();
        out.extend(made.iter().zip(mask).map(|(hashed, mask)| hashed ^ mask));
    }

    /// The first three words are the nonce.
    fn nonce(&self, origin: Origin, plain: &[u8]) -> Block {
        let mut place = [0; 16];
        place[..4].copy_from_slice(&origin.partition.to_be_bytes());
        place[4..12].copy_from_slice(&origin.offset.to_be_bytes());
        place[12..].copy_from_slice(&origin.ordinal.to_be_bytes());
        let mut hash = self.nonce.clone();
        hash.update(&[place.into()]);
        hash.update_padded(plain);
        hash.update(&[lengths(0, bits(plain.len())).into()]);
        let mut block = [from_bytes(&hash.finalize().into())];
        self.key.nonce_cipher.encrypt(&mut block);
        let [nonce] = block;
        nonce
    }

    /// Counter mode over the body, from counter 2; returns the block of counter 1.
    fn encrypt(&self, nonce: [u32; 3], body: &mut [u8]) -> [u8; 16] {
        // A short value takes its key stream and the block of the tag in one go.
        let (first, rest) = body.split_at_mut(body.len().min(16 * (AT_ONCE - 1)));
        let mask = match first.len().div_ceil(16) {
            0 => self.stream::<1>(nonce, first),
            1 => self.stream::<2>(nonce, first),
            2 => self.stream::<3>(nonce, first),
            _ => self.stream::<AT_ONCE>(nonce, first),
        };
        let mut counter = u32::try_from(AT_ONCE + 1).expect("a small number");
        for part in rest.chunks_mut(16 * AT_ONCE) {
            let blocks = self.counted::<AT_ONCE>(nonce, counter);
            apply(&blocks, part);
            let step = u32::try_from(AT_ONCE).expect("a small number");
            counter = counter.checked_add(step).expect("a value is shorter than 64 GiB");
        }
        mask
    }

    /// Encrypts at most `N - 1` blocks of text; returns the block of counter 1.
    fn stream<const N: usize>(&self, nonce: [u32; 3], text: &mut [u8]) -> [u8; 16] {
        let blocks = self.counted::<N>(nonce, 1);
        apply(&blocks[1..], text);
        to_bytes(&blocks[0])
    }

    fn counted<const N: usize>(&self, [a, b, c]: [u32; 3], from: u32) -> [Block; N] {
        let mut counter = from;
        let mut blocks = [[0; 4]; N];
        for block in &mut blocks {
            *block = [a, b, c, counter];
            counter = counter.wrapping_add(1);
        }
        self.key.cipher.encrypt(&mut blocks);
        blocks
    }
}

fn apply(stream: &[Block], text: &mut [u8]) {
    for (block, part) in stream.iter().zip(text.chunks_mut(16)) {
        for (byte, mask) in part.iter_mut().zip(to_bytes(block)) {
            *byte ^= mask;
        }
    }
}

/// The last block of GHASH: lengths in bits.
fn lengths(associated_bits: u64, text_bits: u64) -> [u8; 16] {
    ((u128::from(associated_bits) << 64) | u128::from(text_bits)).to_be_bytes()
}
