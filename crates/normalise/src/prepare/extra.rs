//! Fields that the contract does not name: `sys_extra`.
//!
//! They are kept as delivered, byte by byte, in one JSON object per row, from the first record on
//! that has them until the contract names them. So nothing is lost while people agree on a new
//! column. They may hold anything: a lake that protects seals them, a keyless one keeps none.

use arrow::array::{StringArray, StringBuilder};
use huiliu_model::{Changes, Extra, Records};

/// One JSON object per row of `kept`; null where the row has no strange field.
pub(super) fn texts(records: &Records, changes: &Changes, kept: &[u32]) -> StringArray {
    if changes.extras.is_empty() {
        return StringArray::new_null(kept.len());
    }
    let bytes = changes.extras.iter().map(|extra| extra.len as usize + 2).sum();
    let mut builder = StringBuilder::with_capacity(kept.len(), bytes);
    let mut text = String::new();
    // Rows are decoded in order, and the fields of a row lie together.
    let mut left = &changes.extras[..];
    for &row in kept {
        left = &left[left.partition_point(|extra| extra.row < row)..];
        let (mine, others) = left.split_at(left.partition_point(|extra| extra.row == row));
        left = others;
        text.clear();
        for (at, extra) in mine.iter().enumerate() {
            // As with known fields, the last of several fields of one name wins.
            let name = name(records, changes, extra);
            if mine[at + 1..].iter().any(|later| self::name(records, changes, later) == name) {
                continue;
            }
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(slice(records, changes, extra, extra.len));
        }
        match text.is_empty() {
            true => builder.append_null(),
            false => {
                text.push('}');
                builder.append_value(&text);
            }
        }
    }
    builder.finish()
}

fn name<'a>(records: &'a Records, changes: &'a Changes, extra: &Extra) -> &'a str {
    slice(records, changes, extra, extra.name_len)
}

fn slice<'a>(records: &'a Records, changes: &'a Changes, extra: &Extra, len: u32) -> &'a str {
    let source = if extra.in_scratch { &changes.scratch } else { &records.arena };
    let bytes = &source[extra.start as usize..(extra.start + len) as usize];
    std::str::from_utf8(bytes).expect("a record that was decoded is UTF-8, and fields are whole")
}
