//! Keys at work: tokens (HMAC-SM3), ciphertexts (SM4-GCM) and digests (SM3).
//!
//! A sealed value is `version 1 | nonce (12) | ciphertext | tag (16)`; its associated data is
//! `dataset|column`, so a value moved to another column does not open.
//!
//! Nonces are derived, not drawn: the first 12 bytes of HMAC-SM3, under a key derived from the
//! encryption key, over dataset, column, Kafka partition, offset, ordinal and the plaintext.
//! A replayed record gives the same bytes, and one nonce never meets two plaintexts except by a
//! collision of 96 bits: below 2^32 values per key that is less likely than 2^-32, the bound
//! NIST SP 800-38D sets for random nonces. Random nonces were refused: a replay would differ.
//!
//! Key bytes have no Debug, Display or Serialize.

use aes_gcm::aead::{AeadInOut, KeyInit, consts::U12};
use aes_gcm::{AesGcm, Nonce, Tag};
use hmac::{Hmac, Mac};
use huiliu_model::{Error, ErrorKind};
use sm3::{Digest, Sm3};
use sm4::Sm4;
use std::fmt;

type HmacSm3 = Hmac<Sm3>;
type Sm4Gcm = AesGcm<Sm4, U12>;

/// First byte of a sealed value.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Bytes a sealed value has more than its plaintext.
pub const SEAL_OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;
/// Sets the nonce key apart from every other use of the encryption key.
const NONCE_KEY_LABEL: &[u8] = b"huiliu/nonce/1";

/// The hub's keys. `id` names them in tables; it is not secret.
#[derive(Clone)]
pub struct Keys {
    pub id: String,
    /// HMAC-SM3 key of join tokens.
    pub token: [u8; 32],
    /// SM4 key of stored originals.
    pub encrypt: [u8; 16],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a value comes from: what makes its nonce its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub partition: i32,
    pub offset: i64,
    pub ordinal: i32,
}

/// Keys with their schedules computed once; shared between threads.
#[derive(Clone)]
pub struct Crypto {
    key_id: String,
    token: HmacSm3,
    nonce: HmacSm3,
    cipher: Sm4Gcm,
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Crypto {
    pub fn new(keys: &Keys) -> Self {
        let mut derive = hmac_sm3(&keys.encrypt);
        derive.update(NONCE_KEY_LABEL);
        let nonce_key = derive.finalize().into_bytes();
        Self {
            key_id: keys.id.clone(),
            token: hmac_sm3(&keys.token),
            nonce: hmac_sm3(&nonce_key),
            cipher: Sm4Gcm::new(&keys.encrypt.into()),
        }
    }

    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Makes tokens of one kind.
    pub fn tokeniser(&self, kind: &str) -> Tokeniser {
        let mut state = self.token.clone();
        state.update(kind.as_bytes());
        state.update(b"|");
        Tokeniser { state }
    }

    /// Seals values of one column.
    pub fn sealer(&self, dataset: &str, column: &str) -> Sealer<'_> {
        let associated = format!("{dataset}|{column}").into_bytes();
        let mut nonce = self.nonce.clone();
        nonce.update(&associated);
        nonce.update(b"|");
        Sealer { cipher: &self.cipher, nonce, associated }
    }

    /// Opens a sealed value of one column.
    ///
    /// # Errors
    /// Corrupt when the bytes were not sealed for this column under this key.
    pub fn open(&self, dataset: &str, column: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let refuse = |why: &str| {
            let text = format!("a sealed value of dataset {dataset} column {column} {why}");
            Error::new(ErrorKind::Corrupt, text)
        };
        let (version, rest) = sealed.split_first().ok_or_else(|| refuse("is empty"))?;
        if *version != VERSION {
            return Err(refuse(&format!("has version {version}, known is {VERSION}")));
        }
        if rest.len() < NONCE_BYTES + TAG_BYTES {
            return Err(refuse("is too short"));
        }
        let (nonce, rest) = rest.split_at(NONCE_BYTES);
        let (body, tag) = rest.split_at(rest.len() - TAG_BYTES);
        let nonce = Nonce::<U12>::try_from(nonce).map_err(|_| refuse("has no nonce"))?;
        let tag = Tag::try_from(tag).map_err(|_| refuse("has no tag"))?;
        let mut plain = body.to_vec();
        let associated = format!("{dataset}|{column}");
        let opened = self.cipher.decrypt_inout_detached(
            &nonce,
            associated.as_bytes(),
            plain.as_mut_slice().into(),
            &tag,
        );
        opened.map_err(|_| refuse("does not open under this key"))?;
        Ok(plain)
    }
}

/// Makes join tokens: hexadecimal HMAC-SM3 of `kind|value`.
#[derive(Clone)]
pub struct Tokeniser {
    state: HmacSm3,
}

impl fmt::Debug for Tokeniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokeniser")
    }
}

impl Tokeniser {
    pub fn token(&self, value: &str) -> Hex {
        let mut state = self.state.clone();
        state.update(value.as_bytes());
        Hex::of(&state.finalize().into_bytes())
    }
}

/// Seals values of one column; a nonce state that already holds the column.
pub struct Sealer<'k> {
    cipher: &'k Sm4Gcm,
    nonce: HmacSm3,
    associated: Vec<u8>,
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
        let mut derive = self.nonce.clone();
        derive.update(&origin.partition.to_be_bytes());
        derive.update(&origin.offset.to_be_bytes());
        derive.update(&origin.ordinal.to_be_bytes());
        derive.update(plain);
        let derived = derive.finalize().into_bytes();
        let mut nonce = Nonce::<U12>::default();
        nonce.copy_from_slice(&derived[..NONCE_BYTES]);

        out.clear();
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let body = &mut out[1 + NONCE_BYTES..];
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, &self.associated, body.into())
            .expect("a value is shorter than 64 GiB");
        out.extend_from_slice(&tag);
    }
}

/// 32 bytes in hexadecimal, on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex([u8; 64]);

impl Hex {
    fn of(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'0'; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

/// SM3 of bytes.
pub fn sm3_hex(bytes: &[u8]) -> Hex {
    Hex::of(&Sm3::digest(bytes))
}

fn hmac_sm3(key: &[u8]) -> HmacSm3 {
    <HmacSm3 as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests;
