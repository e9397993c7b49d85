//! Rows of stored files by the values of some of their columns.
//!
//! Only the asked columns are decoded of a row that does not match. Values are compared as
//! values, null like any other. What is read at all is the caller's to narrow down: by bucket,
//! by file.

use crate::error::{arrow_error, parquet_error};
use crate::fold::{align, reader};
use crate::log::FileMeta;
use crate::table::Table;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use futures::{StreamExt, TryStreamExt};
use huiliu_model::Error;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, RowFilter};
use std::collections::HashSet;
use std::sync::Arc;

/// Files read side by side.
const FILES_AT_ONCE: usize = 4;

/// Tuples of values that rows are wanted for.
pub struct Wanted {
    columns: Vec<String>,
    types: Vec<DataType>,
    converter: RowConverter,
    set: HashSet<Box<[u8]>>,
}

impl Wanted {
    /// `tuples` has one column for each of `columns`, in their order; repetitions are harmless.
    ///
    /// # Errors
    /// For a type without an order.
    pub fn new(columns: &[String], tuples: &[ArrayRef]) -> Result<Self, ArrowError> {
        let types: Vec<DataType> = tuples.iter().map(|c| c.data_type().clone()).collect();
        let mut wanted = Self {
            columns: columns.to_vec(),
            converter: converter(&types)?,
            types,
            set: HashSet::new(),
        };
        wanted.add(tuples)?;
        Ok(wanted)
    }

    fn add(&mut self, tuples: &[ArrayRef]) -> Result<(), ArrowError> {
        if let ([texts], [DataType::Utf8]) = (tuples, &self.types[..]) {
            let texts = texts.as_string::<i32>();
            self.set.extend(texts.iter().map(|text| marked(text).into_boxed_slice()));
            return Ok(());
        }
        let rows = self.converter.convert_columns(tuples)?;
        self.set.extend(rows.iter().map(|row| Box::from(row.as_ref())));
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Which rows of a batch are wanted.
    ///
    /// # Errors
    /// For a batch that lacks a column or has it with another kind of value.
    pub fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let column = |(name, to): (&String, &DataType)| {
            let found = batch.column_by_name(name).ok_or_else(|| {
                ArrowError::SchemaError(format!("column `{name}` is not among the rows"))
            })?;
            cast(found, to)
        };
        let columns =
            self.columns.iter().zip(&self.types).map(column).collect::<Result<Vec<_>, _>>()?;
        if let ([texts], [DataType::Utf8]) = (&columns[..], &self.types[..]) {
            // One text is the usual identity; its bytes are compared where they lie.
            let mut held = Vec::new();
            return Ok(texts
                .as_string::<i32>()
                .iter()
                .map(|text| {
                    mark(text, &mut held);
                    Some(self.set.contains(held.as_slice()))
                })
                .collect());
        }
        let rows = self.converter.convert_columns(&columns)?;
        Ok(rows.iter().map(|row| Some(self.set.contains(row.as_ref()))).collect())
    }

    /// The wanted rows of batches in memory.
    ///
    /// # Errors
    /// As [`Wanted::mask`].
    pub fn among(&self, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
        let one = |batch: &RecordBatch| filter_record_batch(batch, &self.mask(batch)?);
        let found: Result<Vec<_>, ArrowError> = rows.iter().map(one).collect();
        found.map_err(|e| arrow_error("looking for rows", e))
    }
}

/// A text told apart from null.
fn mark(text: Option<&str>, into: &mut Vec<u8>) {
    into.clear();
    if let Some(text) = text {
        into.push(1);
        into.extend_from_slice(text.as_bytes());
    }
}

fn marked(text: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    mark(text, &mut bytes);
    bytes
}

fn converter(types: &[DataType]) -> Result<RowConverter, ArrowError> {
    RowConverter::new(types.iter().cloned().map(SortField::new).collect())
}

/// The wanted rows of some files of a table, under `schema`.
///
/// # Errors
/// As the store answers.
pub async fn wanted_in(
    table: &Table,
    schema: &SchemaRef,
    files: Vec<(String, FileMeta)>,
    wanted: &Arc<Wanted>,
) -> Result<Vec<RecordBatch>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Vec<RecordBatch>> = futures::stream::iter(files)
        .map(|(relative, meta)| of_file(table, schema, (relative, meta), wanted))
        .buffered(FILES_AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().filter(|batch| batch.num_rows() > 0).collect())
}

async fn of_file(
    table: &Table,
    schema: &SchemaRef,
    (relative, meta): (String, FileMeta),
    wanted: &Arc<Wanted>,
) -> Result<Vec<RecordBatch>, Error> {
    let failed = |e| parquet_error(&format!("reading `{}/{relative}`", table.path()), e);
    let mut builder = reader(table, &relative, &meta).await?;
    let roots: Option<Vec<usize>> =
        wanted.columns.iter().map(|name| builder.schema().index_of(name).ok()).collect();
    let filtered = roots.is_some();
    if let Some(roots) = roots {
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let wanted = Arc::clone(wanted);
        let predicate = ArrowPredicateFn::new(mask, move |batch| wanted.mask(&batch));
        builder = builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
    }
    let mut stream = builder.build().map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        rows.push(align(batch, schema)?);
    }
    // A file that is older than a column has null there, which may be what is asked for.
    if filtered { Ok(rows) } else { wanted.among(&rows) }
}

/// All rows of one file, under `schema`.
///
/// # Errors
/// As the store answers.
pub async fn read_all(
    table: &Table,
    schema: &SchemaRef,
    relative: &str,
    meta: &FileMeta,
) -> Result<Vec<RecordBatch>, Error> {
    let failed = |e| parquet_error(&format!("reading `{}/{relative}`", table.path()), e);
    let mut stream = reader(table, relative, meta).await?.build().map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        rows.push(align(batch, schema)?);
    }
    Ok(rows)
}

/// All rows of some files with some of their columns.
///
/// # Errors
/// As the store answers.
pub async fn columns_of(
    table: &Table,
    files: Vec<(String, FileMeta)>,
    columns: &[&str],
) -> Result<Vec<RecordBatch>, Error> {
    let read = async |(relative, meta): (String, FileMeta)| {
        let failed = |e| parquet_error(&format!("reading `{}/{relative}`", table.path()), e);
        let builder = reader(table, &relative, &meta).await?;
        let roots = columns.iter().filter_map(|name| builder.schema().index_of(name).ok());
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.collect::<Vec<_>>());
        let stream = builder.with_projection(mask).build().map_err(failed)?;
        stream.try_collect::<Vec<RecordBatch>>().await.map_err(failed)
    };
    let found: Vec<Vec<RecordBatch>> =
        futures::stream::iter(files).map(read).buffered(FILES_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
