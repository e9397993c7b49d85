//! Merging a bucket that does not fit: one range of keys after another, into one file.
//!
//! The bucket's file is sorted by key, so it is read in slices; the pending changes and the
//! deleted keys up to a slice's last key belong to it. Rows are written as they are merged.
//! Memory is a slice, a row group, and what is pending of the bucket, which the size of a pass
//! bounds.
//!
//! What is written is committed even if no change won: the rows are then those that were there.

use super::{Merger, Pass, files_of, read_all, reader, removals};
use crate::error::{arrow_error, parquet_error};
use crate::file::StoredFile;
use crate::fold::align;
use crate::log::FileMeta;
use crate::stage::{Staging, named, sort, stage};
use crate::table::Table;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind, compute, system};
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::errors::ParquetError;
use std::cmp::Ordering;

/// A bucket with more than this part of the fold's memory, decoded, is merged in slices: while it
/// is merged it is held twice, and encoded.
const WHOLE_PART: u64 = 2;
/// A slice has this part of the fold's memory, decoded.
const SLICE_PART: u64 = 8;
/// Rows that are decoded before their size is looked at.
const STEP_ROWS: usize = 1_024;

/// All rows of a bucket; `None` if they are too many for this much memory.
pub(super) async fn read_within(
    table: &Table,
    schema: &SchemaRef,
    files: &[(String, FileMeta)],
    fold_bytes: u64,
) -> Result<Option<RecordBatch>, Error> {
    // A bucket is one file; of several the order of keys is not known.
    let [(relative, meta)] = files else { return read_all(table, schema, files).await.map(Some) };
    let file = reader(table, relative, meta).await?.with_batch_size(STEP_ROWS);
    let mut steps = file.build().map_err(unreadable)?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(step) = steps.try_next().await.map_err(unreadable)? {
        bytes += step.get_array_memory_size() as u64;
        if bytes > fold_bytes / WHOLE_PART {
            return Ok(None);
        }
        rows.push(align(step, schema)?);
    }
    concat_batches(schema, &rows).map(Some).map_err(unjoinable)
}

/// Rows of one input in the order of their keys, and how many of them were taken.
struct Sorted {
    rows: RecordBatch,
    keys: Rows,
    taken: usize,
}

impl Sorted {
    fn new(rows: RecordBatch, names: &[&str], order: &RowConverter) -> Result<Self, Error> {
        let keys = keys_of(&rows, names, order)?;
        Ok(Self { rows, keys, taken: 0 })
    }

    /// Takes the rows whose keys are not above the first of `last`, or all that are left.
    fn up_to(&mut self, last: Option<&Rows>) -> RecordBatch {
        let (mut low, mut high) = (self.taken, self.rows.num_rows());
        if let Some(last) = last {
            while low < high {
                let middle = low.midpoint(high);
                match self.keys.row(middle).cmp(&last.row(0)) {
                    Ordering::Greater => high = middle,
                    _ => low = middle + 1,
                }
            }
        }
        let from = std::mem::replace(&mut self.taken, high);
        self.rows.slice(from, high - from)
    }
}

fn keys_of(rows: &RecordBatch, names: &[&str], order: &RowConverter) -> Result<Rows, Error> {
    order.convert_columns(&named(rows, names)?).map_err(|e| arrow_error("ordering keys", e))
}

/// A bucket's file, slice by slice.
struct Slices {
    steps: ParquetRecordBatchStream<StoredFile>,
    schema: SchemaRef,
    slice_bytes: u64,
    is_over: bool,
}

impl Slices {
    async fn open(
        table: &Table,
        schema: &SchemaRef,
        (relative, meta): &(String, FileMeta),
        slice_bytes: u64,
    ) -> Result<Self, Error> {
        let file = reader(table, relative, meta).await?.with_batch_size(STEP_ROWS);
        let steps = file.build().map_err(unreadable)?;
        Ok(Self { steps, schema: schema.clone(), slice_bytes, is_over: false })
    }

    /// The next rows; none are left when `is_over`.
    async fn next(&mut self) -> Result<RecordBatch, Error> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes <= self.slice_bytes && !self.is_over {
            match self.steps.try_next().await.map_err(unreadable)? {
                Some(step) => {
                    bytes += step.get_array_memory_size() as u64;
                    rows.push(align(step, &self.schema)?);
                }
                None => self.is_over = true,
            }
        }
        concat_batches(&self.schema, &rows).map_err(unjoinable)
    }
}

/// The inputs of a bucket beside its file, by key.
struct Beside {
    pending: Sorted,
    deleted: Sorted,
    order: RowConverter,
}

impl Beside {
    fn new(pending: &RecordBatch, deleted: RecordBatch, names: &[&str]) -> Result<Self, Error> {
        let pending = sort(std::slice::from_ref(pending), &pending.schema(), names)?;
        let columns = named(&pending, names)?;
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let order = RowConverter::new(fields).map_err(|e| arrow_error("ordering keys", e))?;
        let pending = Sorted::new(pending, names, &order)?;
        let deleted = Sorted::new(deleted, names, &order)?;
        Ok(Self { pending, deleted, order })
    }

    /// Changes and deleted keys that belong to a slice; to the last one all that are left.
    fn of(
        &mut self,
        slice: &RecordBatch,
        is_last: bool,
        names: &[&str],
    ) -> Result<[RecordBatch; 2], Error> {
        let last = match slice.num_rows() {
            count if count > 0 && !is_last => {
                Some(keys_of(&slice.slice(count - 1, 1), names, &self.order)?)
            }
            _ => None,
        };
        Ok([self.pending.up_to(last.as_ref()), self.deleted.up_to(last.as_ref())])
    }
}

impl Pass<'_> {
    /// As [`Pass::merge_bucket`], for a bucket that is too large for [`read_within`].
    pub(super) async fn merge_sliced(
        &mut self,
        merger: &Merger,
        bucket: i32,
        pending: RecordBatch,
        fold_bytes: u64,
    ) -> Result<(), Error> {
        let data = self.dataset;
        let (names, schema) = (data.contract.key_names(), &data.current_schema);
        let current_files = files_of(&self.current, bucket);
        let deleted_files = files_of(&self.deleted, bucket);
        let deleted = read_all(&data.deleted, &data.deleted_schema, &deleted_files).await?;
        let memory = &data.current.shared().memory;
        let rows = pending.get_array_memory_size() + deleted.get_array_memory_size();
        let _beside = memory.holding(rows);
        let mut beside = Beside::new(&pending, deleted, &names)?;
        drop(pending);
        let partition = (system::BUCKET, bucket.to_string());
        let mut staging =
            Staging::begin_in(&data.current, schema, Some(partition.clone()), &data.index())
                .await?;
        let (mut dead, mut deleted_changed) = (Vec::new(), false);
        let slice_bytes = fold_bytes / SLICE_PART;
        let mut slices =
            Slices::open(&data.current, schema, &current_files[0], slice_bytes).await?;
        while !slices.is_over {
            let slice = slices.next().await?;
            let [changes, gone] = beside.of(&slice, slices.is_over, &names)?;
            let _held = memory.holding(slice.get_array_memory_size());
            let merger = merger.clone();
            let merged = compute(move || merger.merge(&slice, &gone, &changes))
                .await
                .map_err(|e| Error::new(ErrorKind::Bug, "merging a bucket stopped").because(e))??;
            self.note(&merged);
            deleted_changed |= merged.deleted_changed;
            dead.push(merged.deleted);
            staging.write(merged.current).await?;
        }
        self.folded.buckets += 1;
        let (add, count) = staging.finish(&data.current).await?;
        self.adds_current.extend((count > 0).then_some(add));
        self.removes_current.extend(removals(&data.current, &self.current, &current_files));
        if deleted_changed {
            let dead = concat_batches(&data.deleted_schema, &dead).map_err(unjoinable)?;
            if dead.num_rows() > 0 {
                self.adds_deleted.push(stage(&data.deleted, dead, Some(partition)).await?);
            }
            self.removes_deleted.extend(removals(&data.deleted, &self.deleted, &deleted_files));
        }
        Ok(())
    }
}

fn unreadable(error: ParquetError) -> Error {
    parquet_error("reading a bucket", error)
}

fn unjoinable(error: ArrowError) -> Error {
    arrow_error("joining a bucket", error)
}
