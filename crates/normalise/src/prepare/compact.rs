//! Drops the rows of rejects from finished columns.
//!
//! The memory of a column is its own, so what stays moves together where it is: to copy it into
//! new memory costs more than all else that a few rejects cost. Texts are copied all the same,
//! because a new array of them would be checked to be UTF-8 once more.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::compute::{FilterBuilder, FilterPredicate};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use std::ops::Range;
use std::sync::Arc;

/// The columns without the rows that are not in `kept`, ascending.
pub(super) fn keep_rows(columns: Vec<ArrayRef>, row_count: usize, kept: &[u32]) -> Vec<ArrayRef> {
    if kept.len() == row_count {
        return columns;
    }
    let kept = Kept::new(row_count, kept);
    columns.into_iter().map(|column| kept.of(column)).collect()
}

/// Rows that stay.
struct Kept {
    ranges: Vec<Range<usize>>,
    /// The same as bits, the first row lowest.
    masks: Vec<u64>,
    count: usize,
    texts: FilterPredicate,
}

impl Kept {
    fn new(row_count: usize, kept: &[u32]) -> Self {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut masks = vec![0; row_count.div_ceil(64)];
        for &row in kept {
            let row = row as usize;
            masks[row / 64] |= 1 << (row % 64);
            match ranges.last_mut().filter(|last| last.end == row) {
                Some(last) => last.end += 1,
                None => ranges.push(row..row + 1),
            }
        }
        let bits = BooleanBuffer::new(Buffer::from_vec(masks.clone()), 0, row_count);
        let texts = FilterBuilder::new(&BooleanArray::new(bits, None)).optimize().build();
        Self { ranges, masks, count: kept.len(), texts }
    }

    fn of(&self, column: ArrayRef) -> ArrayRef {
        match column.data_type() {
            DataType::Utf8 => {
                self.texts.filter(&column).expect("filter and column have the same length")
            }
            DataType::Boolean => self.booleans(column),
            DataType::Int32 => self.primitives::<Int32Type>(column),
            DataType::Int64 => self.primitives::<Int64Type>(column),
            DataType::Float64 => self.primitives::<Float64Type>(column),
            DataType::Date32 => self.primitives::<Date32Type>(column),
            DataType::Timestamp(..) => self.primitives::<TimestampMicrosecondType>(column),
            DataType::Decimal128(..) => self.primitives::<Decimal128Type>(column),
            other => panic!("no contract column has the type {other}"),
        }
    }

    fn primitives<T: ArrowPrimitiveType>(&self, column: ArrayRef) -> ArrayRef {
        let array = column.as_primitive::<T>().clone();
        drop(column);
        let (data_type, values, nulls) = array.into_parts();
        let mut values: Vec<T::Native> = match values.into_inner().into_vec() {
            Ok(values) => values,
            Err(shared) => shared.typed_data().to_vec(),
        };
        let mut end = 0;
        for range in &self.ranges {
            if range.start > end {
                values.copy_within(range.clone(), end);
            }
            end += range.len();
        }
        values.truncate(end);
        let array = PrimitiveArray::<T>::new(values.into(), self.nulls(nulls));
        Arc::new(array.with_data_type(data_type))
    }

    fn booleans(&self, column: ArrayRef) -> ArrayRef {
        let (values, nulls) = column.as_boolean().clone().into_parts();
        Arc::new(BooleanArray::new(self.bits(&values), self.nulls(nulls)))
    }

    fn nulls(&self, nulls: Option<NullBuffer>) -> Option<NullBuffer> {
        nulls.map(|nulls| NullBuffer::new(self.bits(nulls.inner())))
    }

    fn bits(&self, bits: &BooleanBuffer) -> BooleanBuffer {
        let mut words = Vec::with_capacity(self.masks.len());
        let (mut word, mut filled) = (0_u64, 0_u32);
        for (from, mask) in bits.bit_chunks().iter_padded().zip(&self.masks) {
            let (more, count) = (squeezed(from, *mask), mask.count_ones());
            word |= more << filled;
            if filled + count < 64 {
                filled += count;
                continue;
            }
            words.push(word);
            // Of a shift by all 64 bits nothing is left.
            word = more.checked_shr(64 - filled).unwrap_or(0);
            filled = filled + count - 64;
        }
        words.push(word);
        BooleanBuffer::new(Buffer::from_vec(words), 0, self.count)
    }
}

/// The bits of a word that a mask names, moved together.
fn squeezed(word: u64, mask: u64) -> u64 {
    let mut word = word & mask;
    // Above the highest bit that stays there is nothing to move.
    let mut dropped = !mask & u64::MAX.checked_shr(mask.leading_zeros()).unwrap_or(0);
    while dropped != 0 {
        // From the highest down, so that those still to go stay where they are.
        let below = (1_u64 << dropped.ilog2()) - 1;
        word = (word & below) | ((word >> 1) & !below);
        dropped &= below;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::UInt32Array;
    use arrow::array::{
        Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow::compute::take;
    use proptest::prelude::*;

    fn columns(values: &[Option<i32>]) -> Vec<ArrayRef> {
        let longs = || values.iter().map(|value| value.map(i64::from));
        let decimals: Decimal128Array = values.iter().map(|value| value.map(i128::from)).collect();
        vec![
            Arc::new(Int32Array::from(values.to_vec())),
            Arc::new(Int32Array::from_iter_values(values.iter().map(|value| value.unwrap_or(7)))),
            Arc::new(longs().collect::<Int64Array>()),
            Arc::new(values.iter().map(|value| value.map(f64::from)).collect::<Float64Array>()),
            Arc::new(Date32Array::from(values.to_vec())),
            Arc::new(longs().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
            Arc::new(decimals.with_precision_and_scale(14, 2).expect("valid")),
            Arc::new(
                values.iter().map(|value| value.map(|v| v % 2 == 0)).collect::<BooleanArray>(),
            ),
            Arc::new(values.iter().map(|v| v.map(|v| v.to_string())).collect::<StringArray>()),
        ]
    }

    proptest! {
        #[test]
        fn the_rows_that_stay_are_those_that_another_kernel_takes(
            rows in prop::collection::vec(
                (prop::option::weighted(0.8, 0..1_000_i32), 0..10_u8),
                1..300,
            ),
            threshold in 0..11_u8,
        ) {
            let values: Vec<Option<i32>> = rows.iter().map(|(value, _)| *value).collect();
            let kept: Vec<u32> = (0..).zip(&rows)
                .filter(|(_, (_, dice))| *dice < threshold)
                .map(|(row, _)| row)
                .collect();
            let taken = UInt32Array::from(kept.clone());
            let expected: Vec<ArrayRef> =
                columns(&values).iter().map(|column| take(column, &taken, None).unwrap()).collect();
            prop_assert_eq!(keep_rows(columns(&values), values.len(), &kept), expected.clone());
            // Columns that someone else holds too stay as they are for him.
            let shared = columns(&values);
            prop_assert_eq!(keep_rows(shared.clone(), values.len(), &kept), expected);
            prop_assert_eq!(shared, columns(&values));
        }
    }
}
