//! Rows of stored files by the values of some of their columns.
//!
//! Only the first asked column is decoded of a row that does not match in it, and only the asked
//! columns of one that does not match in all. Values are compared as values, null like any other.
//! What is read at all is the caller's to narrow down, by bucket and by file, and within a file
//! by the index of its rows or by the bounds of its pages, where it has them.

use crate::error::{arrow_error, parquet_error};
use crate::file::StoredFile;
use crate::fold::{align, reader};
use crate::log::FileMeta;
use crate::table::Table;
use crate::{pages, row_index};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::HashSet;
use futures::{StreamExt, TryStreamExt};
use huiliu_model::Error;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicate, ArrowPredicateFn, RowFilter, RowSelection};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::SchemaDescriptor;
use std::sync::Arc;

/// Files read side by side.
const FILES_AT_ONCE: usize = 4;

/// Tuples of values that rows are wanted for.
pub struct Wanted {
    columns: Vec<String>,
    types: Vec<DataType>,
    converter: RowConverter,
    set: HashSet<Box<[u8]>>,
    /// Of several columns the texts of the first one, which most rows do not share.
    first: Option<Arc<Wanted>>,
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns && self.types == other.types && self.set == other.set
    }
}

impl Wanted {
    /// `tuples` has one column for each of `columns`, in their order; repetitions are harmless.
    ///
    /// # Errors
    /// For a type without an order.
    pub fn new(columns: &[String], tuples: &[ArrayRef]) -> Result<Self, ArrowError> {
        let types: Vec<DataType> = tuples.iter().map(|c| c.data_type().clone()).collect();
        let first = match (columns, tuples) {
            ([name, _, ..], [texts, _, ..]) if *texts.data_type() == DataType::Utf8 => {
                let (name, texts) = (std::slice::from_ref(name), std::slice::from_ref(texts));
                Some(Arc::new(Self::new(name, texts)?))
            }
            _ => None,
        };
        let mut wanted = Self {
            columns: columns.to_vec(),
            converter: converter(&types)?,
            types,
            set: HashSet::new(),
            first,
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

    /// Bytes of the tuples.
    pub(crate) fn bytes(&self) -> usize {
        self.set.iter().map(|tuple| tuple.len()).sum()
    }

    /// The texts that the first column is to have, sorted; `None` when it has others than texts,
    /// or null is wanted.
    fn texts(&self) -> Option<Vec<Box<[u8]>>> {
        let alone = self.first.as_deref().unwrap_or(self);
        if alone.types != [DataType::Utf8] {
            return None;
        }
        let text = |marked: &Box<[u8]>| marked.get(1..).map(Box::from);
        let mut texts = alone.set.iter().map(text).collect::<Option<Vec<Box<[u8]>>>>()?;
        texts.sort_unstable();
        Some(texts)
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

    /// As [`Wanted::among`], without batches that have none: of many small ones most are such.
    ///
    /// # Errors
    /// As [`Wanted::mask`].
    pub fn some_among(&self, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
        let failed = |e| arrow_error("looking for rows", e);
        let mut found = Vec::new();
        for batch in rows {
            let mask = self.mask(batch).map_err(failed)?;
            match mask.true_count() {
                0 => {}
                count if count == batch.num_rows() => found.push(batch.clone()),
                _ => found.push(filter_record_batch(batch, &mask).map_err(failed)?),
            }
        }
        Ok(found)
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
    let texts = wanted.texts();
    let found: Vec<Vec<RecordBatch>> = futures::stream::iter(files)
        .map(|(relative, meta)| {
            of_file(table, schema, (relative, meta), (wanted, texts.as_deref()))
        })
        .buffered(FILES_AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().filter(|batch| batch.num_rows() > 0).collect())
}

async fn of_file(
    table: &Table,
    schema: &SchemaRef,
    (relative, meta): (String, FileMeta),
    (wanted, texts): (&Arc<Wanted>, Option<&[Box<[u8]>]>),
) -> Result<Vec<RecordBatch>, Error> {
    let failed = |e| parquet_error(&format!("reading `{}/{relative}`", table.path()), e);
    let size = u64::try_from(meta.size).unwrap_or(0);
    let (path, footers) = (table.file(&relative), &table.shared().footers);
    let mut builder = StoredFile::open_indexed(table.store(), path.clone(), size, footers).await?;
    let known = |name: &String| builder.schema().index_of(name).is_ok();
    let filtered = wanted.columns.iter().all(known);
    if filtered {
        if let (Some(texts), Some(first)) = (texts, wanted.columns.first())
            && let Some(rows) = rows_of((table, &path), builder.metadata(), first, texts).await?
        {
            if rows.row_count() == 0 {
                return Ok(Vec::new());
            }
            builder = builder.with_row_selection(rows);
        }
        let steps = wanted.first.iter().chain([wanted]);
        let predicates = steps.map(|step| predicate(step, builder.parquet_schema())).collect();
        builder = builder.with_row_filter(RowFilter::new(predicates));
    }
    let mut stream = builder.build().map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        rows.push(align(batch, schema)?);
    }
    // A file that is older than a column has null there, which may be what is asked for.
    if filtered { Ok(rows) } else { wanted.among(&rows) }
}

/// Rows that may have one of the texts in a column; `None` when the file does not tell.
async fn rows_of(
    (table, path): (&Table, &Path),
    metadata: &ParquetMetaData,
    column: &str,
    texts: &[Box<[u8]>],
) -> Result<Option<RowSelection>, Error> {
    let listed = row_index::may_hold((table.store().as_ref(), path), metadata, column, texts);
    Ok(listed.await?.or_else(|| pages::may_hold(metadata, column, texts)))
}

/// Decodes the columns of `wanted` and keeps the rows that match.
fn predicate(wanted: &Arc<Wanted>, schema: &SchemaDescriptor) -> Box<dyn ArrowPredicate> {
    let columns = wanted.columns.iter().map(String::as_str);
    let mask = ProjectionMask::columns(schema, columns);
    let wanted = Arc::clone(wanted);
    Box::new(ArrowPredicateFn::new(mask, move |batch| wanted.mask(&batch)))
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

/// All rows of some files, under `schema`.
///
/// # Errors
/// As the store answers.
pub async fn all_in(
    table: &Table,
    schema: &SchemaRef,
    files: Vec<(String, FileMeta)>,
) -> Result<Vec<RecordBatch>, Error> {
    let read = async |(relative, meta): (String, FileMeta)| {
        read_all(table, schema, &relative, &meta).await
    };
    let found: Vec<Vec<RecordBatch>> =
        futures::stream::iter(files).map(read).buffered(FILES_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
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
