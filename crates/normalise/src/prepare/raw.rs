//! Delivered texts of cells that are stored as something else: `sys_raw`.
//!
//! A value that was repaired, replaced or cleared keeps what the department wrote, so that a
//! repair can be checked, a better rule can be tried, and the department can be shown its own
//! words. Any text may hold anything, so a lake that protects seals them all; a keyless one keeps
//! none.

use crate::crypto::{Crypto, Origin};
use crate::flags::Raw;
use crate::protect::Protection;
use arrow::array::{Array, ArrayRef, BinaryBuilder, StringArray, StringBuilder};
use huiliu_model::{Cell, CellKind, Changes, Contract, Records};
use std::sync::Arc;

/// Longest delivered text that is kept of one cell, in bytes; the rest is cut.
const CELL_BYTES_MAX: usize = 4096;

/// One JSON object per row of `kept`, `{"column": "as delivered", …}`; null where nothing was
/// changed.
pub(super) fn texts(
    records: &Records,
    changes: &Changes,
    contract: &Contract,
    raws: &mut Vec<Raw>,
    kept: &[u32],
) -> StringArray {
    if raws.is_empty() {
        return StringArray::new_null(kept.len());
    }
    raws.sort_unstable();
    raws.dedup();
    let mut builder = StringBuilder::with_capacity(kept.len(), raws.len() * 48);
    let mut text = String::new();
    let mut left = &raws[..];
    for &row in kept {
        left = &left[left.partition_point(|raw| raw.row < row)..];
        let (mine, others) = left.split_at(left.partition_point(|raw| raw.row == row));
        left = others;
        if mine.is_empty() {
            builder.append_null();
            continue;
        }
        text.clear();
        for raw in mine {
            let column = usize::from(raw.column);
            let cell = changes.columns[column][row as usize];
            text.push(if text.is_empty() { '{' } else { ',' });
            write_text(&contract.columns[column].name, &mut text);
            text.push(':');
            write_cell(&changes.text(&records.arena, cell), cell, &mut text);
        }
        text.push('}');
        builder.append_value(&text);
    }
    builder.finish()
}

/// How delivered texts are stored in one lake.
pub(super) struct Seal<'a> {
    pub dataset: &'a str,
    pub protection: &'a Protection,
    pub crypto: Option<&'a Crypto>,
    /// Where each row comes from.
    pub origins: &'a [Origin],
}

impl Seal<'_> {
    /// What is stored of the texts of system column `name` under the lake's protection.
    pub fn texts(&self, texts: StringArray, name: &str) -> ArrayRef {
        if !self.protection.protects() {
            return Arc::new(texts);
        }
        let mut builder = BinaryBuilder::new();
        let sealer = self.crypto.map(|crypto| crypto.sealer(self.dataset, name));
        let mut sealed = Vec::new();
        for (row, origin) in self.origins.iter().enumerate() {
            match &sealer {
                Some(sealer) if texts.is_valid(row) => {
                    sealer.seal(*origin, texts.value(row).as_bytes(), &mut sealed);
                    builder.append_value(&sealed);
                }
                _ => builder.append_null(),
            }
        }
        Arc::new(builder.finish())
    }
}

fn write_cell(text: &str, cell: Cell, out: &mut String) {
    match cell.kind {
        CellKind::True => out.push_str("true"),
        CellKind::False => out.push_str("false"),
        CellKind::Missing | CellKind::Null | CellKind::Unavailable => out.push_str("null"),
        _ => write_text(cut(text), out),
    }
}

/// The longest beginning that fits.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(CELL_BYTES_MAX)]
}

/// A JSON string.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                out.push_str("\\u00");
                let digit = |n: u32| char::from_digit(n, 16).unwrap_or('0');
                out.push(digit(c as u32 >> 4));
                out.push(digit(c as u32 & 15));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
