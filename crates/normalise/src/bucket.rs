//! The hash bucket of a row: which part of a table its key lies in.
//!
//! xxh3-64 (seed 0) over the canonical text ([`crate::columns`]) of the bucket columns as they
//! are stored (after protection), joined by the byte 0x1f, modulo the number of buckets. Null
//! counts as empty text. Tables are laid out by it, so it may never change.

use crate::columns::Texts;
use arrow::array::{ArrayRef, Int32Array};
use xxhash_rust::xxh3::xxh3_64;

/// Stands between two columns; control characters do not survive text normalisation.
const SEPARATOR: char = '\u{1f}';

/// Buckets of rows, by the columns of one batch (all of one length, in `bucket_by` order).
///
/// # Panics
/// When there are no buckets, or a column has a type that no contract column has.
pub fn bucket(columns: &[ArrayRef], buckets: u32) -> Int32Array {
    let rows = columns.first().map_or(0, |column| column.len());
    let texts: Vec<Texts<'_>> = columns.iter().map(Texts::new).collect();
    let mut joined = String::new();
    let mut numbers = Vec::with_capacity(rows);
    for row in 0..rows {
        joined.clear();
        for (index, column) in texts.iter().enumerate() {
            if index > 0 {
                joined.push(SEPARATOR);
            }
            column.write(row, &mut joined);
        }
        numbers.push(bucket_of(&joined, buckets));
    }
    Int32Array::from(numbers)
}

/// The bucket of one row, by the canonical texts of its bucket columns.
///
/// # Panics
/// When there are no buckets.
pub fn bucket_of_texts(texts: &[&str], buckets: u32) -> i32 {
    bucket_of(&texts.join("\u{1f}"), buckets)
}

fn bucket_of(joined: &str, buckets: u32) -> i32 {
    let number = xxh3_64(joined.as_bytes()) % u64::from(buckets);
    i32::try_from(number).expect("a table has fewer than 2^31 buckets")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Int32Array, StringArray, StringViewArray};
    use std::sync::Arc;

    /// Hashes by the reference C library (through PyPI `xxhash`), then reduced by hand.
    const KNOWN: [(&[&str], u64); 6] = [
        (&[""], 3_244_421_341_483_603_138),
        (&["50010319900101123X"], 840_020_276_141_824_889),
        (&["91500103MBXFL1AN30"], 8_699_888_784_904_710_052),
        (&["A001", "2020-04-01"], 17_259_258_187_396_809_512),
        (&["重庆"], 9_405_898_963_332_815_914),
        (&["12.30", "7"], 11_575_746_830_006_764_748),
    ];

    #[test]
    fn buckets_are_those_of_the_reference_hash() {
        for (texts, hash) in KNOWN {
            for buckets in [1_u32, 7, 16, 64] {
                let expected = i32::try_from(hash % u64::from(buckets)).unwrap();
                assert_eq!(bucket_of_texts(texts, buckets), expected, "{texts:?} of {buckets}");
            }
        }
        assert_eq!(bucket_of_texts(&["50010319900101123X"], 16), 9);
        assert_eq!(bucket_of_texts(&["A001", "2020-04-01"], 64), 40);
    }

    #[test]
    fn typed_columns_fall_where_their_texts_fall() {
        let accounts: ArrayRef = Arc::new(StringArray::from(vec!["A001"]));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["A001"]));
        let months: ArrayRef = Arc::new(Date32Array::from(vec![18_353]));
        assert_eq!(bucket(&[accounts, months.clone()], 64).values(), &[40]);
        assert_eq!(bucket(&[views, months], 64).values(), &[40]);
        let amounts = Decimal128Array::from(vec![1230]).with_precision_and_scale(9, 2).unwrap();
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        assert_eq!(bucket(&[Arc::new(amounts), numbers], 16).values(), &[12]);
    }
}
