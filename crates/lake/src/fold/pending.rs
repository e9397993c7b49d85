//! Pending changes by bucket: all files side by side, each read once.
//!
//! Every file of `changes` is sorted by bucket, so one cursor per file is enough: the lowest
//! bucket under any cursor is next, and its rows are cut from each file. Memory is one decoded
//! batch per file and the rows of one bucket.

use crate::error::{arrow_error, parquet_error};
use crate::file::StoredFile;
use crate::fold::{align, reader};
use crate::log::FileMeta;
use crate::stage::sort;
use crate::table::Table;
use arrow::array::{AsArray, Int32Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, SchemaRef};
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind, system};
use parquet::arrow::async_reader::ParquetRecordBatchStream;

/// Rows decoded at a time from each file.
const BATCH_ROWS: usize = 1_024;

pub struct Pending {
    schema: SchemaRef,
    cursors: Vec<Cursor>,
    /// Changes that are in no file, sorted by bucket.
    more: Option<RecordBatch>,
}

struct Cursor {
    stream: ParquetRecordBatchStream<StoredFile>,
    schema: SchemaRef,
    batch: Option<RecordBatch>,
    at: usize,
}

impl Pending {
    /// Opens every file and reads its first batch.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn open(
        table: &Table,
        schema: &SchemaRef,
        files: &[(String, FileMeta)],
    ) -> Result<Pending, Error> {
        let mut cursors = Vec::with_capacity(files.len());
        for (relative, meta) in files {
            let stream = reader(table, relative, meta)
                .await?
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(|e| parquet_error("reading pending changes", e))?;
            let mut cursor = Cursor { stream, schema: schema.clone(), batch: None, at: 0 };
            cursor.advance().await?;
            cursors.push(cursor);
        }
        Ok(Pending { schema: schema.clone(), cursors, more: None })
    }

    /// Adds changes that are in no file, in any order.
    ///
    /// # Errors
    /// `Bug` when they lack columns.
    pub fn add(&mut self, more: Option<RecordBatch>) -> Result<(), Error> {
        self.more = match more {
            Some(rows) => Some(sort(&[rows], &self.schema, &[system::BUCKET])?),
            None => None,
        };
        Ok(())
    }

    /// The next bucket that has pending changes, with all of them; buckets rise.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn next_bucket(&mut self) -> Result<Option<(i32, RecordBatch)>, Error> {
        let mut lowest: Option<i32> = None;
        for cursor in &self.cursors {
            if let Some(bucket) = cursor.bucket()? {
                lowest = Some(lowest.map_or(bucket, |l| l.min(bucket)));
            }
        }
        if let Some(more) = self.more.as_ref().filter(|more| more.num_rows() > 0) {
            let bucket = buckets(more)?.value(0);
            lowest = Some(lowest.map_or(bucket, |l| l.min(bucket)));
        }
        let Some(bucket) = lowest else { return Ok(None) };
        let mut rows = Vec::new();
        if let Some(more) = self.more.take() {
            let count = buckets(&more)?.values().partition_point(|&b| b <= bucket);
            rows.push(more.slice(0, count));
            self.more = Some(more.slice(count, more.num_rows() - count));
        }
        for cursor in &mut self.cursors {
            cursor.take(bucket, &mut rows).await?;
        }
        let rows = concat_batches(&self.schema, &rows)
            .map_err(|e| arrow_error("joining pending changes", e))?;
        Ok(Some((bucket, rows)))
    }
}

impl Cursor {
    async fn advance(&mut self) -> Result<(), Error> {
        self.at = 0;
        self.batch = loop {
            let next = self.stream.try_next().await;
            match next.map_err(|e| parquet_error("reading pending changes", e))? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => break Some(align(batch, &self.schema)?),
                None => break None,
            }
        };
        Ok(())
    }

    fn bucket(&self) -> Result<Option<i32>, Error> {
        let Some(batch) = &self.batch else { return Ok(None) };
        Ok(Some(buckets(batch)?.value(self.at)))
    }

    /// Moves all rows of `bucket` to `rows`.
    async fn take(&mut self, bucket: i32, rows: &mut Vec<RecordBatch>) -> Result<(), Error> {
        while let Some(batch) = &self.batch {
            let values = buckets(batch)?.values();
            let count = values[self.at..].partition_point(|&b| b <= bucket);
            if count > 0 {
                rows.push(batch.slice(self.at, count));
            }
            self.at += count;
            if self.at < batch.num_rows() {
                return Ok(());
            }
            self.advance().await?;
        }
        Ok(())
    }
}

fn buckets(batch: &RecordBatch) -> Result<&Int32Array, Error> {
    batch
        .column_by_name(system::BUCKET)
        .and_then(|c| c.as_primitive_opt::<Int32Type>())
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "a file of changes has no bucket column"))
}
