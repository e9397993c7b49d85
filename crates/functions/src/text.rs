//! Masks and digests.

use crate::call::Call;
use crate::entry::{Entry, Kind};
use arrow::array::{ArrayRef, StringBuilder};
use datafusion::error::Result;
use huiliu_model::contract::MaskKind;
use huiliu_normalise::crypto::sm3_hex;
use huiliu_normalise::mask::{open_uscc, write_mask};
use std::sync::Arc;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "mask",
        arguments: &[("kind", Kind::Mask), ("text", Kind::Text)],
        optional: 0,
        returns: Kind::Text,
        says: "The text with its middle hidden, by the kind of value it is",
        example: ("mask('phone', '13812345678')", "138****5678"),
        kernel: mask,
    },
    Entry {
        name: "sm3",
        arguments: &[("text", Kind::Text)],
        optional: 0,
        returns: Kind::Text,
        says: "SM3 digest (GB/T 32905-2016) of the text's UTF-8 bytes, 64 hexadecimal digits; it \
               hides nothing that can be guessed",
        example: ("sm3('abc')", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        kernel: sm3,
    },
];

/// A mask, or what open data shows of a unified social credit code.
#[derive(Debug, Clone, Copy)]
enum Mask {
    Kind(MaskKind),
    OpenUscc,
}

const OPEN_USCC: &str = "open_uscc";

/// Names of the masks.
pub(crate) fn masks() -> impl Iterator<Item = &'static str> {
    MaskKind::ALL.iter().map(|(name, _)| *name).chain([OPEN_USCC])
}

fn mask(call: &Call<'_>) -> Result<ArrayRef> {
    let kinds = call.words(0, |word| match word {
        OPEN_USCC => Some(Mask::OpenUscc),
        word => MaskKind::from_name(word).map(Mask::Kind),
    })?;
    let texts = call.texts(1)?;
    let mut masked = StringBuilder::with_capacity(call.row_count, call.row_count * 16);
    let mut text_masked = String::new();
    for row in 0..call.row_count {
        let (Some(kind), Some(text)) = (kinds.get(row)?, texts.get(row)) else {
            masked.append_null();
            continue;
        };
        text_masked.clear();
        match kind {
            Mask::Kind(kind) => write_mask(kind, text, &mut text_masked),
            Mask::OpenUscc => text_masked = open_uscc(text),
        }
        masked.append_value(&text_masked);
    }
    Ok(Arc::new(masked.finish()))
}

fn sm3(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut digests = StringBuilder::with_capacity(call.row_count, call.row_count * 64);
    for row in 0..call.row_count {
        match texts.get(row) {
            Some(text) => digests.append_value(sm3_hex(text.as_bytes()).as_str()),
            None => digests.append_null(),
        }
    }
    Ok(Arc::new(digests.finish()))
}
