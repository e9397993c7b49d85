//! Protection by grade: what is written in place of a value.
//!
//! It is the last room before a batch: rules have already run on the original, nothing after it
//! sees one. Typed values are protected as their canonical text ([`crate::columns`]).
//!
//! | policy | stored |
//! |---|---|
//! | keep | the value |
//! | mask | the masked text |
//! | token | 64 hexadecimal characters, and the original sealed in `<column>_enc` |
//! | token, `keep_uscc`, a valid USCC | the code itself, and null in `<column>_enc` |
//! | encrypt | `<column>_enc` alone |
//! | drop | nothing |

use crate::columns::Texts;
use crate::crypto::{Crypto, Hex, Keys, Origin, Sealer, Tokeniser};
use crate::rule::{Context, Outcome};
use crate::{mask, rule};
use arrow::array::{Array, ArrayRef, BinaryBuilder, StringBuilder};
use huiliu_model::contract::{MaskKind, NamedRule, Protect};
use huiliu_model::{Column, Contract, Error, ErrorKind};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Characters of a token.
const TOKEN_CHARS: usize = 64;
/// Most tokens of a chunk that are remembered: 70 KiB, which stay in a core's cache.
const REMEMBERED_MAX: usize = 1024;

/// How a lake protects what it writes.
#[derive(Debug, Clone)]
pub enum Protection {
    /// Nothing is protected; the lake says so (`protection: plain`).
    Plain,
    /// By grade, under these keys.
    Keys(Keys),
    /// By grade, without keys: only for contracts that need none (masks and drops still apply).
    /// The raw bytes of rejects are not kept.
    Keyless,
}

impl Protection {
    /// Whether columns are stored in their protected shape.
    pub fn protects(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// The name of the key of the tokens, if there are keys.
    pub fn token_key(&self) -> Option<String> {
        match self {
            Self::Keys(keys) => Some(keys.token_key()),
            Self::Plain | Self::Keyless => None,
        }
    }
}

/// Whether a key column keeps telling rows apart, and keys are there if the contract needs them.
///
/// # Errors
/// Invalid, naming the column.
pub(crate) fn check(contract: &Contract, protection: &Protection) -> Result<(), Error> {
    if !protection.protects() {
        return Ok(());
    }
    for (index, column) in contract.columns.iter().enumerate() {
        let named = || format!("dataset {} column {}", contract.dataset, column.name);
        let needs_keys = matches!(column.protect, Protect::Token { .. } | Protect::Encrypt);
        if needs_keys && matches!(protection, Protection::Keyless) {
            let text = format!("{} is to be protected by a key, but no keys are given", named());
            return Err(Error::new(ErrorKind::Invalid, text)
                .help("configure keys, or say `protection: plain` for a lake without secrets"));
        }
        let blurs = !matches!(column.protect, Protect::Keep | Protect::Token { .. });
        if blurs && contract.key.contains(&index) {
            let text = format!("{} is part of the key and can only be kept or a token", named());
            return Err(Error::new(ErrorKind::Invalid, text)
                .help("masks, drops and ciphertexts do not tell rows apart"));
        }
    }
    Ok(())
}

/// Replaces one judged column by its stored columns, in the order of `stored_fields`.
pub(crate) fn column(
    dataset: &str,
    column: &Column,
    crypto: Option<&Crypto>,
    origins: &[Origin],
    values: ArrayRef,
    stored: &mut Vec<ArrayRef>,
) {
    match (&column.protect, crypto) {
        (Protect::Keep, _) => stored.push(values),
        (Protect::Drop, _) => {}
        (Protect::Mask(kind), _) => stored.push(masked(*kind, &values)),
        (Protect::Token { kind, keep_uscc }, Some(crypto)) => {
            let sealer = crypto.sealer(dataset, &column.name);
            let mut maker = TokenColumn { crypto, sealer, kind, keep_uscc: *keep_uscc };
            stored.extend(maker.make(origins, &values));
        }
        (Protect::Encrypt, Some(crypto)) => {
            stored.push(sealed(&crypto.sealer(dataset, &column.name), origins, &values));
        }
        (Protect::Token { .. } | Protect::Encrypt, None) => {
            unreachable!("a contract that needs keys is refused without them")
        }
    }
}

fn masked(kind: MaskKind, values: &ArrayRef) -> ArrayRef {
    let texts = Texts::new(values);
    let mut scratch = String::new();
    let mut hidden = String::new();
    let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 16);
    for row in 0..values.len() {
        match texts.get(row, &mut scratch) {
            Some(text) => {
                hidden.clear();
                mask::write_mask(kind, text, &mut hidden);
                builder.append_value(&hidden);
            }
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn sealed(sealer: &Sealer<'_>, origins: &[Origin], values: &ArrayRef) -> ArrayRef {
    let texts = Texts::new(values);
    let mut scratch = String::new();
    let mut bytes = Vec::new();
    let mut builder = BinaryBuilder::with_capacity(values.len(), values.len() * 48);
    for (row, origin) in origins.iter().enumerate() {
        match texts.get(row, &mut scratch) {
            Some(text) => {
                sealer.seal(*origin, text.as_bytes(), &mut bytes);
                builder.append_value(&bytes);
            }
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

struct TokenColumn<'a> {
    crypto: &'a Crypto,
    sealer: Sealer<'a>,
    kind: &'a str,
    keep_uscc: bool,
}

impl TokenColumn<'_> {
    fn make(&mut self, origins: &[Origin], values: &ArrayRef) -> [ArrayRef; 2] {
        let texts = Texts::new(values);
        let mut tokens_of = Remembered::new(self.crypto.tokeniser(self.kind), &texts, values.len());
        let mut scratch = String::new();
        let mut bytes = Vec::new();
        let rows = values.len();
        let mut tokens = StringBuilder::with_capacity(rows, rows * TOKEN_CHARS);
        let mut originals = BinaryBuilder::with_capacity(rows, rows * TOKEN_CHARS);
        for (row, origin) in origins.iter().enumerate() {
            match texts.get(row, &mut scratch) {
                Some(text) if self.keep_uscc && is_uscc(text) => {
                    tokens.append_value(text);
                    originals.append_null();
                }
                Some(text) => {
                    tokens.append_value(tokens_of.token(row, text).as_str());
                    self.sealer.seal(*origin, text.as_bytes(), &mut bytes);
                    originals.append_value(&bytes);
                }
                None => {
                    tokens.append_null();
                    originals.append_null();
                }
            }
        }
        [Arc::new(tokens.finish()), Arc::new(originals.finish())]
    }
}

/// Tokens of one column of a chunk, with those of values met before: a token costs forty times a
/// look at the table, and holders come again (twelve bills of one account).
struct Remembered<'a> {
    tokeniser: Tokeniser,
    texts: &'a Texts<'a>,
    /// By hash of the value: the newest row with such a hash, and its token.
    slots: Vec<Option<(usize, Hex)>>,
    scratch: String,
}

impl<'a> Remembered<'a> {
    fn new(tokeniser: Tokeniser, texts: &'a Texts<'a>, rows: usize) -> Self {
        let slots = vec![None; rows.next_power_of_two().min(REMEMBERED_MAX)];
        Self { tokeniser, texts, slots, scratch: String::new() }
    }

    fn token(&mut self, row: usize, text: &str) -> Hex {
        let hash = usize::try_from(xxh3_64(text.as_bytes()) & (REMEMBERED_MAX as u64 - 1));
        let at = hash.unwrap_or(0) % self.slots.len();
        if let Some((earlier, token)) = self.slots[at]
            && self.texts.get(earlier, &mut self.scratch) == Some(text)
        {
            return token;
        }
        let token = self.tokeniser.token(text);
        self.slots[at] = Some((row, token));
        token
    }
}

/// Whether a text is a valid unified social credit code as it stands (18 characters).
pub(crate) fn is_uscc(text: &str) -> bool {
    let context = Context { event_date: None };
    text.len() == 18
        && match rule::apply(NamedRule::Uscc, text, &context) {
            Outcome::Ok(code) | Outcome::Warn(code, _) => code == text,
            _ => false,
        }
}
