//! Rows on their way out: one writer per form, all fed with Arrow batches.
//!
//! | form | null | whole numbers, doubles | decimals | dates | instants | bytes |
//! |---|---|---|---|---|---|---|
//! | text | `∅` | aligned right | all digits | `2020-04-07` | RFC 3339, UTC | hexadecimal |
//! | json, ndjson | `null` | number | string | string | string, RFC 3339, UTC | hexadecimal |
//! | csv | empty (an empty text is `""`) | digits | digits | ISO | RFC 3339, UTC | hexadecimal |
//! | parquet | null | typed | typed | typed | typed | typed |

mod delimited;
mod document;
pub mod table;
pub mod value;

pub use document::{Form, answer};

use crate::failure::Failure;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use clap::ValueEnum;
use huiliu_model::{Error, ErrorKind};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::io::Write;
use table::{Align, Table};

/// Form of the rows of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    Text,
    /// One array of objects
    Json,
    /// One object a line
    Ndjson,
    /// Comma-separated with a header
    Csv,
    /// A Parquet file
    Parquet,
}

/// Widest cell of a text table; longer ones end in an ellipsis.
const CELL_WIDTH_MAX: usize = 48;

/// Writes batches of one schema in one form.
pub enum Rows<W: Write + Send> {
    Text { out: W, table: Table },
    Json { out: W, rows: u64 },
    Ndjson { out: W },
    Csv { out: W },
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> Rows<W> {
    /// Begins the output; `width` is that of the terminal, where there is one.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn begin(
        format: Format,
        schema: &SchemaRef,
        mut out: W,
        width: Option<usize>,
    ) -> Result<Self, Failure> {
        Ok(match format {
            Format::Text => Self::Text { out, table: text_table(schema, width) },
            Format::Json => {
                out.write_all(b"[")?;
                Self::Json { out, rows: 0 }
            }
            Format::Ndjson => Self::Ndjson { out },
            Format::Csv => {
                let names = schema.fields().iter().map(|f| Some(f.name().as_str()));
                delimited::line(&mut out, names)?;
                Self::Csv { out }
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(Default::default()));
                let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties.build()))
                    .map_err(parquet_failure)?;
                Self::Parquet(Box::new(writer))
            }
        })
    }

    /// Writes the rows of one batch.
    ///
    /// # Errors
    /// When the output cannot be written, or a type has no text.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        match self {
            Self::Text { table, .. } => {
                for row in 0..batch.num_rows() {
                    table.push(value::texts(batch, row).map_err(arrow_failure)?);
                }
            }
            Self::Json { out, rows } => {
                for row in 0..batch.num_rows() {
                    out.write_all(if *rows == 0 { b"\n  " } else { b",\n  " })?;
                    write_json(out, batch, row)?;
                    *rows += 1;
                }
            }
            Self::Ndjson { out } => {
                for row in 0..batch.num_rows() {
                    write_json(out, batch, row)?;
                    out.write_all(b"\n")?;
                }
            }
            Self::Csv { out } => {
                for row in 0..batch.num_rows() {
                    let texts = value::texts(batch, row).map_err(arrow_failure)?;
                    delimited::line(out, texts.iter().map(Option::as_deref))?;
                }
            }
            Self::Parquet(writer) => writer.write(batch).map_err(parquet_failure)?,
        }
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Text { mut out, mut table } => {
                table.print(&mut out)?;
                out.flush()?;
            }
            Self::Json { mut out, rows } => {
                out.write_all(if rows == 0 { b"]\n" } else { b"\n]\n" })?;
                out.flush()?;
            }
            Self::Ndjson { mut out } | Self::Csv { mut out } => out.flush()?,
            Self::Parquet(writer) => {
                writer.into_inner().map_err(parquet_failure)?.flush()?;
            }
        }
        Ok(())
    }
}

/// Columns of the terminal that standard output is, if it is one.
pub fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

fn text_table(schema: &SchemaRef, width: Option<usize>) -> Table {
    let columns = schema.fields().iter().map(|field| {
        let align = if field.data_type().is_numeric() { Align::Right } else { Align::Left };
        (field.name().clone(), align)
    });
    Table::new(columns).cell_width_max(CELL_WIDTH_MAX).fit(width)
}

fn write_json(out: &mut impl Write, batch: &RecordBatch, row: usize) -> Result<(), Failure> {
    let object = value::object(batch, row).map_err(arrow_failure)?;
    serde_json::to_writer(out, &object).map_err(|e| Failure::from(std::io::Error::from(e)))
}

fn arrow_failure(source: ArrowError) -> Failure {
    Error::new(ErrorKind::Bug, "a value of the result has no text form").because(source).into()
}

fn parquet_failure(source: ParquetError) -> Failure {
    if let ParquetError::External(inner) = &source
        && let Some(io) = inner.downcast_ref::<std::io::Error>()
    {
        return std::io::Error::from(io.kind()).into();
    }
    Error::new(ErrorKind::Unavailable, "the parquet output could not be written")
        .because(source)
        .into()
}

#[cfg(test)]
mod tests;
