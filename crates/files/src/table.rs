//! Rows of Parquet as JSON objects, without loss.
//!
//! | Parquet | JSON |
//! |---|---|
//! | integers, decimals, floats | a number with all its digits (a decimal keeps its scale) |
//! | infinite floats and NaN | a text, which the cast refuses |
//! | boolean, null | `true`, `false`, `null` |
//! | text, also as bytes or dictionary | a text |
//! | date, time | a text, ISO 8601 |
//! | instant (adjusted to UTC, or INT96) | a text, ISO 8601 with `Z`, all digits of its unit |
//! | local date and time | a text without zone, which the cast takes for Asia/Shanghai |
//! | nested, interval, other bytes | the file is refused, if the contract names the column |
//!
//! Columns that the contract does not name are not read.

use crate::chunk::Chunk;
use crate::error::refused;
use crate::header::Header;
use crate::json;
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use huiliu_model::{Contract, Error};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type as Physical;
use std::fs::File;

/// Rows that become text at once.
const BATCH_ROWS: usize = 1_024;

/// Names of the outermost columns of a file, and its rows.
pub(crate) struct Shape {
    pub names: Vec<String>,
    pub row_count: u64,
}

impl Shape {
    /// # Errors
    /// `Contract` when the file is no sound Parquet.
    pub fn of(file: File, shown: &str) -> Result<Self, Error> {
        let builder = open(file, shown)?;
        let names = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let rows = builder.metadata().file_metadata().num_rows();
        Ok(Self { names, row_count: u64::try_from(rows).unwrap_or(0) })
    }
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn open(file: File, shown: &str) -> Result<Builder, Error> {
    Builder::try_new(file).map_err(|source| damaged(shown, source))
}

fn damaged(shown: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    refused(shown, "is no sound Parquet", "have it delivered again").because(source)
}

/// How a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// As it stands: numbers, truth values.
    Bare,
    /// A float: as it stands if it is finite.
    Float,
    Quoted,
}

/// A column that the contract knows.
struct Column {
    /// `"name":`
    member: Vec<u8>,
    writing: Writing,
    /// INT96, which holds UTC without saying so.
    is_int96: bool,
}

/// Reads the rows of a file from one of them on.
pub(crate) struct TableRows {
    shown: String,
    reader: ParquetRecordBatchReader,
    columns: Vec<Column>,
    texts: Vec<StringArray>,
    row: usize,
    row_count: usize,
}

impl TableRows {
    /// Opens a file at its row `from`.
    ///
    /// # Errors
    /// `Contract` when it is damaged, or a column of the contract has a type without a text.
    pub fn open(
        file: File,
        shown: &str,
        header: &Header,
        contract: &Contract,
        from: usize,
    ) -> Result<Self, Error> {
        let builder = open(file, shown)?;
        let mut columns = Vec::new();
        let mut roots = Vec::new();
        for (root, (index, field)) in
            header.columns.iter().zip(builder.schema().fields()).enumerate()
        {
            let Some(index) = index else { continue };
            let Some(writing) = writing(field.data_type()) else {
                let why = format!("has column `{}` of type {}", field.name(), field.data_type());
                let help = "huiliu load reads flat columns: text, numbers, dates, instants";
                return Err(refused(shown, why, help));
            };
            let leaves = builder.parquet_schema().columns();
            let is_int96 = leaves.iter().any(|leaf| {
                leaf.physical_type() == Physical::INT96
                    && leaf.path().parts().first() == Some(field.name())
            });
            let member = json::member(contract.columns[*index].field());
            columns.push(Column { member, writing, is_int96 });
            roots.push(root);
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS).with_offset(from);
        let reader = builder.build().map_err(|source| damaged(shown, source))?;
        let shown = shown.to_owned();
        Ok(Self { shown, reader, columns, texts: Vec::new(), row: 0, row_count: 0 })
    }

    /// Reads one row into a chunk; false at the end of the file.
    ///
    /// # Errors
    /// `Contract` when the file is damaged.
    pub fn next(&mut self, into: &mut Chunk) -> Result<bool, Error> {
        while self.row == self.row_count {
            match self.reader.next() {
                None => return Ok(false),
                Some(batch) => {
                    let batch = batch.map_err(|source| damaged(&self.shown, source))?;
                    self.turn(&batch)?;
                }
            }
        }
        let mark = into.mark();
        let arena = into.arena();
        for (order, (column, texts)) in self.columns.iter().zip(&self.texts).enumerate() {
            arena.push(if order == 0 { b'{' } else { b',' });
            arena.extend_from_slice(&column.member);
            if texts.is_null(self.row) {
                arena.extend_from_slice(b"null");
                continue;
            }
            let text = texts.value(self.row).as_bytes();
            match column.writing {
                Writing::Bare => arena.extend_from_slice(text),
                Writing::Float if is_finite(text) => arena.extend_from_slice(text),
                Writing::Float | Writing::Quoted => json::string(text, arena),
            }
        }
        arena.push(b'}');
        into.end_row(mark, None);
        self.row += 1;
        Ok(true)
    }

    /// Makes the columns of a batch text.
    fn turn(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.texts.clear();
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            let made = texts(array, column.is_int96).map_err(|source| {
                let why = format!("has a value that is no text in {}", name_of(column));
                refused(&self.shown, why, "have the column exported as text").because(source)
            })?;
            self.texts.push(made);
        }
        (self.row, self.row_count) = (0, batch.num_rows());
        Ok(())
    }
}

fn name_of(column: &Column) -> String {
    String::from_utf8_lossy(&column.member).trim_end_matches(':').to_owned()
}

/// `inf`, `-inf` and `NaN` are no numbers in JSON.
fn is_finite(text: &[u8]) -> bool {
    text.iter().find(|byte| **byte != b'-').is_some_and(u8::is_ascii_digit)
}

fn writing(of: &DataType) -> Option<Writing> {
    use DataType as T;
    Some(match of {
        T::Boolean | T::Null => Writing::Bare,
        T::Float16 | T::Float32 | T::Float64 => Writing::Float,
        number if number.is_numeric() => Writing::Bare,
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Writing::Quoted,
        T::Binary | T::LargeBinary | T::BinaryView => Writing::Quoted,
        T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_) | T::Timestamp(..) => Writing::Quoted,
        T::Dictionary(_, values) => return writing(values),
        _ => return None,
    })
}

/// One column as text, null where it is null.
fn texts(array: &ArrayRef, is_int96: bool) -> Result<StringArray, ArrowError> {
    use DataType as T;
    let utc = |unit: &TimeUnit| T::Timestamp(*unit, Some("+00:00".into()));
    let step = match array.data_type() {
        T::Dictionary(_, values) => return texts(&cast(array, values)?, is_int96),
        // Names of zones are not resolved: an instant is the same in every zone.
        T::Timestamp(unit, Some(_)) => cast(array, &utc(unit))?,
        T::Timestamp(unit, None) if is_int96 => cast(array, &utc(unit))?,
        T::LargeBinary | T::BinaryView => cast(array, &T::Binary)?,
        _ => ArrayRef::clone(array),
    };
    // Bytes that are no UTF-8 are an error, not a null.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let text = cast_with_options(&step, &T::Utf8, &options)?;
    Ok(StringArray::from(text.to_data()))
}

#[cfg(test)]
mod tests;
