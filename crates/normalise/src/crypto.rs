//! Keys at work: tokens (HMAC-SM3), ciphertexts (SM4-GCM) and digests (SM3).
//!
//! One token key serves a lake for life: joins rest on it. Encryption keys are rotated: the
//! active one seals, older ones open ([`seal`] has the layout). Key bytes have no Debug, Display
//! or Serialize.

mod blocks;
mod lanes;
mod seal;

use hmac::{Hmac, KeyInit, Mac};
use huiliu_model::Error;
use seal::{Active, Opener};
use sm3::{Digest, Sm3};
use std::fmt;

pub use seal::{Fingerprint, SEAL_OVERHEAD_BYTES, Sealer};

type HmacSm3 = Hmac<Sm3>;

/// Sets the name of the token key apart from every token.
const TOKEN_KEY_LABEL: &[u8] = b"huiliu/token-key/1";
/// Sets the digests of records apart from every token.
const DIGEST_LABEL: &[u8] = b"huiliu/digest/1";
/// Hexadecimal digits of the name of the token key.
const TOKEN_KEY_DIGITS: usize = 16;

/// The hub's keys. `id` names the active encryption key in tables; it is not secret.
#[derive(Clone)]
pub struct Keys {
    pub id: String,
    /// HMAC-SM3 key of join tokens.
    pub token: [u8; 32],
    /// SM4 key of stored originals.
    pub encrypt: [u8; 16],
    /// Encryption keys that were active before, with their ids; no id twice.
    pub older: Vec<(String, [u8; 16])>,
}

impl Keys {
    /// Names the token key without telling it: 16 hexadecimal digits of HMAC-SM3 under the key
    /// over a fixed text. A lake keeps it, to refuse another token key.
    pub fn token_key(&self) -> String {
        let mut mac = hmac_sm3(&self.token);
        mac.update(TOKEN_KEY_LABEL);
        Hex::of(&mac.finalize().into_bytes()).as_str()[..TOKEN_KEY_DIGITS].to_owned()
    }
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
    token: HmacSm3,
    digest: HmacSm3,
    digests: lanes::Mac,
    active: Active,
    /// The active key first.
    openers: Vec<Opener>,
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Crypto {
    pub fn new(keys: &Keys) -> Self {
        let active = Opener::new(&keys.id, &keys.encrypt);
        let mut derive = hmac_sm3(&keys.token);
        derive.update(DIGEST_LABEL);
        let digest_key: [u8; 32] = derive.finalize().into_bytes().into();
        let older = keys.older.iter().map(|(id, key)| Opener::new(id, key));
        Self {
            token: hmac_sm3(&keys.token),
            digest: hmac_sm3(&digest_key),
            digests: lanes::Mac::new(&digest_key),
            active: Active::new(&keys.id, &keys.encrypt),
            openers: std::iter::once(active).chain(older).collect(),
        }
    }

    /// The id of the key that seals.
    pub fn key_id(&self) -> &str {
        self.key_ids().next().expect("the active key opens too")
    }

    /// The ids of all keys that open, the active one first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.openers.iter().map(|key| key.id.as_str())
    }

    /// Makes tokens of one kind.
    pub fn tokeniser(&self, kind: &str) -> Tokeniser {
        let mut state = self.token.clone();
        state.update(kind.as_bytes());
        state.update(b"|");
        Tokeniser { state }
    }

    /// A digest of a record that only who has the token key can compare: HMAC-SM3 under a key
    /// derived from it, which stays when encryption keys rotate. A plain digest of a short record
    /// would be found by trying.
    pub fn digest(&self, record: &[u8]) -> Hex {
        let mut state = self.digest.clone();
        state.update(record);
        Hex::of(&state.finalize().into_bytes())
    }

    /// The digests of many records, in their order; quicker than one after the other.
    pub fn digests(&self, records: &[&[u8]]) -> Vec<Hex> {
        match records {
            [record] => vec![self.digest(record)],
            records => self.digests.of(records),
        }
    }

    /// Seals values of one column.
    pub fn sealer(&self, dataset: &str, column: &str) -> Sealer<'_> {
        self.active.sealer(dataset, column)
    }

    /// Opens a sealed value of one column with the key that sealed it.
    ///
    /// # Errors
    /// Invalid when that key is not configured; the error names it and says what to do. Corrupt
    /// when the bytes were not sealed for this column, or were changed.
    pub fn open(&self, dataset: &str, column: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        seal::open(&self.openers, (dataset, column), sealed)
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

/// SM3 of many values, in their order; quicker than one after the other.
pub fn sm3_hexes(values: &[&[u8]]) -> Vec<Hex> {
    match values {
        [value] => vec![sm3_hex(value)],
        values => lanes::digests(values),
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
