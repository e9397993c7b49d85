//! The bucket of an identity, as a function and as SQL.
//!
//! Owns `identity_bucket(column, …, n)`. Its definition is shared with ingestion, which lays
//! `current` out by it: xxh3-64 over the UTF-8 text of the values joined by the unit separator
//! 0x1f, modulo `n`. Stored bucket numbers depend on it, so it never changes.

use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::prelude::ident;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

pub const FUNCTION: &str = "identity_bucket";
const SEPARATOR: u8 = 0x1f;

/// Bucket of each row's identity, `0..buckets`; a null counts as empty text.
///
/// # Errors
/// When a column has no text form, or there are no buckets or more than `i32` can name.
pub fn buckets_of(columns: &[ArrayRef], buckets: u32) -> Result<Int32Array> {
    if buckets == 0 || i32::try_from(buckets).is_err() {
        return exec_err!("identity_bucket: {buckets} buckets is not between 1 and {}", i32::MAX);
    }
    let texts: Vec<ArrayRef> =
        columns.iter().map(|c| cast(c, &DataType::Utf8)).collect::<Result<_, _>>()?;
    let texts: Vec<_> = texts.iter().map(|t| t.as_string::<i32>()).collect();
    let Some((first, rest)) = texts.split_first() else {
        return exec_err!("identity_bucket: there is no column to take the identity from");
    };
    let mut joined = Vec::new();
    let of_row = |row: usize| {
        let head = if first.is_null(row) { "" } else { first.value(row) };
        let hash = if rest.is_empty() {
            xxh3_64(head.as_bytes())
        } else {
            joined.clear();
            joined.extend_from_slice(head.as_bytes());
            for column in rest {
                joined.push(SEPARATOR);
                if !column.is_null(row) {
                    joined.extend_from_slice(column.value(row).as_bytes());
                }
            }
            xxh3_64(&joined)
        };
        i32::try_from(hash % u64::from(buckets)).expect("buckets fit in i32")
    };
    Ok(Int32Array::from_iter_values((0..first.len()).map(of_row)))
}

/// Rows whose identity lies in `range` of `buckets`; `None` when that is every row.
///
/// A provider that is laid out in the same buckets may recognise the function in a pushed-down
/// filter and skip files.
pub(crate) fn within(columns: &[String], buckets: u32, range: &Range<u32>) -> Option<Expr> {
    if range.start == 0 && range.end >= buckets {
        return None;
    }
    let mut arguments: Vec<Expr> = columns.iter().map(ident).collect();
    arguments.push(lit(i64::from(buckets)));
    let bucket = identity_bucket().call(arguments);
    let start = lit(i32::try_from(range.start).expect("buckets fit in i32"));
    if range.len() == 1 {
        return Some(bucket.eq(start));
    }
    let end = lit(i32::try_from(range.end).expect("buckets fit in i32"));
    Some(bucket.clone().gt_eq(start).and(bucket.lt(end)))
}

/// The SQL function `identity_bucket(column, …, n)`, of type integer.
pub fn identity_bucket() -> ScalarUDF {
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::new_from_impl(IdentityBucket { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IdentityBucket {
    signature: Signature,
}

impl ScalarUDFImpl for IdentityBucket {
    fn name(&self) -> &str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.split_last() {
            Some((count, columns)) if !columns.is_empty() && count.is_integer() => {
                Ok(DataType::Int32)
            }
            _ => plan_err!("identity_bucket takes columns, then the number of buckets"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((count, columns)) = arguments.args.split_last() else {
            return plan_err!("identity_bucket takes columns, then the number of buckets");
        };
        let buckets = bucket_count(count)?;
        let arrays: Vec<ArrayRef> =
            columns.iter().map(|c| c.to_array(arguments.number_rows)).collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(std::sync::Arc::new(buckets_of(&arrays, buckets)?)))
    }
}

fn bucket_count(value: &ColumnarValue) -> Result<u32> {
    let ColumnarValue::Scalar(scalar) = value else {
        return plan_err!("identity_bucket: the number of buckets is a constant");
    };
    match scalar.cast_to(&DataType::UInt32)? {
        ScalarValue::UInt32(Some(count)) => Ok(count),
        _ => Err(DataFusionError::Plan("identity_bucket: the number of buckets is null".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, StringArray};
    use std::sync::Arc;

    /// xxh3-64 with seed 0 of the reference C library, reduced by hand to the last digits.
    #[test]
    fn bucket_is_the_reference_hash_of_the_text_modulo_the_count() {
        let known = [
            ("", 3_138),
            ("50010319900101123X", 4_889),
            ("91500103MBXFL1AN30", 52),
            ("重庆", 5_914),
        ];
        let (texts, expected): (Vec<&str>, Vec<i32>) = known.into_iter().unzip();
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        assert_eq!(buckets_of(&[column], 10_000).expect("text").values(), &expected[..]);
        let null: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        assert_eq!(buckets_of(&[null], 10_000).expect("text").value(0), 3_138);
        // "A001", 0x1f, "2020-04-01": 17259258187396809512.
        let account: ArrayRef = Arc::new(StringArray::from(vec!["A001"]));
        let month: ArrayRef = Arc::new(Date32Array::from(vec![18_353]));
        assert_eq!(buckets_of(&[account, month], 10_000).expect("text").value(0), 9_512);
    }

    #[test]
    fn several_values_are_joined_by_the_unit_separator() {
        let a: ArrayRef = Arc::new(StringArray::from(vec!["ab", "a"]));
        let b: ArrayRef = Arc::new(StringArray::from(vec!["c", "bc"]));
        let joined: ArrayRef = Arc::new(StringArray::from(vec!["ab\u{1f}c", "a\u{1f}bc"]));
        let two = buckets_of(&[a, b], 1 << 20).expect("text");
        assert_eq!(two, buckets_of(&[joined], 1 << 20).expect("text"));
        assert_ne!(two.value(0), two.value(1), "the separator keeps ab|c apart from a|bc");
    }
}
