//! What a person or a ledger may see of a value that was rejected.
//!
//! | who | L1, L2 | L3, L4 |
//! |---|---|---|
//! | a person ([`shown`]) | the value, personal numbers inside it masked | masked by its kind |
//! | the ledger ([`by_policy`]) | as the column is stored | as the column is stored |
//!
//! A rejected value is not what its column promises: an L1 column may hold somebody's resident
//! id. So numbers that look personal are masked in every grade, and of bytes that do not decode
//! only the structure is shown ([`structure`]).

use crate::crypto::{Crypto, sm3_hex};
use crate::mask::{mask, write_mask};
use crate::prepare::quarantine::{RAW, sealed_dataset};
use crate::protect::is_uscc;
use huiliu_model::contract::{MaskKind, NamedRule, Protect, Rule};
use huiliu_model::{Column, DataType, Error, ErrorKind, Grade};

/// Stands for a value of which nothing may be shown.
const HIDDEN: &str = "***";
/// Bytes before and after a position that [`structure`] shows.
const AROUND_BYTES: usize = 40;

/// A value as a person may see it.
pub fn shown(column: &Column, text: &str) -> String {
    match column.grade {
        Grade::L1 | Grade::L2 => personal_masked(text),
        Grade::L3 | Grade::L4 => match kind(column) {
            Some(kind) => mask(kind, text),
            None => HIDDEN.to_owned(),
        },
    }
}

/// Whether a value of this column is shown as it is (L1, L2).
pub fn is_open(column: &Column) -> bool {
    column.grade <= Grade::L2
}

/// What the column's values are, as far as masking knows them.
fn kind(column: &Column) -> Option<MaskKind> {
    if let Protect::Mask(kind) = &column.protect {
        return Some(*kind);
    }
    column.rules.iter().find_map(|rule| match rule {
        Rule::Named(
            NamedRule::ResidentId | NamedRule::IdentityDocument | NamedRule::HolderCode,
        ) => Some(MaskKind::ResidentId),
        Rule::Named(NamedRule::PersonName | NamedRule::OrgName | NamedRule::Name) => {
            Some(MaskKind::Name)
        }
        Rule::Named(NamedRule::Phone | NamedRule::Mobile | NamedRule::Landline) => {
            Some(MaskKind::Phone)
        }
        Rule::Named(NamedRule::BankCard) => Some(MaskKind::BankCard),
        Rule::Named(NamedRule::Plate) => Some(MaskKind::Plate),
        Rule::Named(NamedRule::Address) => Some(MaskKind::Address),
        Rule::Named(NamedRule::AccountNo | NamedRule::MeterNo) => Some(MaskKind::Last4),
        Rule::BirthDateOf { .. } if column.data_type == DataType::Date => Some(MaskKind::BirthDate),
        _ => None,
    })
}

/// A text with the numbers in it masked that look like a resident id (18 characters, or 15
/// digits where a birth date may stand), a bank card (16 to 19 digits) or a mobile.
fn personal_masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..start]);
        let digits = &rest[start..];
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let end = match digits[end..].chars().next() {
            Some('X' | 'x') if end == 17 => end + 1,
            _ => end,
        };
        // A letter before or behind makes it part of a code (a unified social credit code).
        let alone = !out.ends_with(|c: char| c.is_ascii_alphabetic())
            && !digits[end..].starts_with(|c: char| c.is_ascii_alphabetic());
        match personal_kind(&digits[..end]).filter(|_| alone) {
            Some(kind) => write_mask(kind, &digits[..end], &mut out),
            None => out.push_str(&digits[..end]),
        }
        rest = &digits[end..];
    }
    out.push_str(rest);
    out
}

fn personal_kind(number: &str) -> Option<MaskKind> {
    let month_and_day = |at: usize| {
        let month = number.get(at..at + 2).and_then(|m| m.parse::<u32>().ok());
        let day = number.get(at + 2..at + 4).and_then(|d| d.parse::<u32>().ok());
        matches!((month, day), (Some(1..=12), Some(1..=31)))
    };
    match number.len() {
        11 if matches!(number.as_bytes(), [b'1', b'3'..=b'9', ..]) => Some(MaskKind::Phone),
        15 if month_and_day(8) => Some(MaskKind::ResidentId),
        18 if matches!(number.get(6..8), Some("18" | "19" | "20")) && month_and_day(10) => {
            Some(MaskKind::ResidentId)
        }
        16 | 17 | 19 => Some(MaskKind::BankCard),
        18 if !number.starts_with(['1', '5', '9']) => Some(MaskKind::BankCard),
        _ => None,
    }
}

/// A value as its column is stored, for a ledger: the value itself in a plain lake, masked,
/// as its token, or `None` where the policy stores nothing but ciphertext or nothing at all.
pub fn by_policy(
    column: &Column,
    protects: bool,
    crypto: Option<&Crypto>,
    text: &str,
) -> Option<String> {
    match (&column.protect, crypto) {
        _ if !protects => Some(text.to_owned()),
        (Protect::Keep, _) => Some(personal_masked(text)),
        (Protect::Mask(kind), _) => Some(mask(*kind, text)),
        (Protect::Token { keep_uscc: true, .. }, _) if is_uscc(text) => Some(text.to_owned()),
        (Protect::Token { kind, .. }, Some(crypto)) => {
            Some(crypto.tokeniser(kind).token(text).as_str().to_owned())
        }
        (Protect::Token { .. } | Protect::Encrypt | Protect::Drop, _) => None,
    }
}

/// The structure of bytes around a position: letters become `a`, digits `9`, Han `汉`, other
/// text `x`, bytes that are no UTF-8 `?`; what JSON is made of stays. Nothing can be read back.
pub fn structure(raw: &[u8], at: Option<usize>) -> String {
    let at = at.unwrap_or(0).min(raw.len());
    let from = at.saturating_sub(AROUND_BYTES);
    let to = at.saturating_add(AROUND_BYTES).min(raw.len());
    let mut out = String::new();
    if from > 0 {
        out.push('…');
    }
    for chunk in raw[from..to].utf8_chunks() {
        out.extend(chunk.valid().chars().map(|c| match c {
            '{' | '}' | '[' | ']' | ':' | ',' | '"' | '\\' | ' ' => c,
            '0'..='9' => '9',
            'a'..='z' | 'A'..='Z' => 'a',
            '\u{3400}'..='\u{9fff}' => '汉',
            '-' | '.' | '+' => c,
            _ => 'x',
        }));
        out.extend(chunk.invalid().iter().map(|_| '?'));
    }
    if to < raw.len() {
        out.push('…');
    }
    out
}

/// A raw value as quarantine stores it.
#[derive(Debug, Clone, Copy)]
pub struct StoredRaw<'a> {
    pub dataset: &'a str,
    pub bytes: Option<&'a [u8]>,
    /// The key it is sealed under; none when it is as it came.
    pub key_id: Option<&'a str>,
    /// SM3 of what came, if it stands beside it; of a sealed value always, [`Crypto::digest`].
    pub sm3: Option<&'a str>,
}

/// Opens the raw value of a reject, and proves by its digest that it is what came. One that is
/// stored as it came may have none: it is what its table says it is.
///
/// # Errors
/// `Invalid` when it was not kept, or is sealed under a key that is not configured. `Corrupt`
/// when it does not open or is not what came.
pub fn open_raw(crypto: Option<&Crypto>, raw: StoredRaw<'_>) -> Result<Vec<u8>, Error> {
    let invalid = |text: String| Error::new(ErrorKind::Invalid, text);
    let Some(bytes) = raw.bytes else {
        return Err(invalid(
            "the record was not kept: it was too long, or there was no key".into(),
        )
        .help("ask the department to send it again"));
    };
    let (plain, digest) = match raw.key_id {
        None if raw.sm3.is_none() => return Ok(bytes.to_vec()),
        None => (bytes.to_vec(), sm3_hex(bytes)),
        Some(key_id) => {
            let help = "say `protection: keys` and configure that key under `keys` in huiliu.yaml";
            let crypto = crypto.ok_or_else(|| {
                invalid(format!("the record is sealed under key `{key_id}`, and there are no keys"))
                    .help(help)
            })?;
            let ours: Vec<&str> = crypto.key_ids().collect();
            if !ours.contains(&key_id) {
                let ours = ours.join("`, `");
                let text =
                    format!("the record is sealed under key `{key_id}`, configured are `{ours}`");
                return Err(invalid(text).help(format!(
                    "put key `{key_id}` back under `keys.older` in huiliu.yaml; without it the \
                     record is lost, and the department has to send it again"
                )));
            }
            let plain = crypto.open(&sealed_dataset(raw.dataset), RAW, bytes)?;
            let digest = crypto.digest(&plain);
            (plain, digest)
        }
    };
    if raw.sm3 != Some(digest.as_str()) {
        let text = format!("a reject of dataset {} is not what its SM3 says", raw.dataset);
        return Err(Error::new(ErrorKind::Corrupt, text)
            .help("a file of quarantine was changed; restore it from before"));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
