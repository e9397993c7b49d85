//! What ingestion cannot go below: parsing and encoding, done by others and without any rule.
//!
//! The floors are measured beside the pipeline on the same bytes. They must not rest on this
//! project's own decoder, or a slow decoder would lower its own bar: parsing is `serde_json`
//! reading each row image straight into typed Arrow builders, with arrow's own readers of dates,
//! instants and decimals. Nothing is tidied, judged, counted or protected, and a value that does
//! not fit becomes null.
//!
//! It is a crate of its own so that it is compiled as the rooms of the pipeline are.

mod columns;
mod row;

use arrow::array::{ArrayRef, RecordBatch};
use columns::Column;
use huiliu_model::{Contract, Error, ErrorKind, Records};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// Parses the row image `after` of every record into one typed column per contract column; a
/// record that has none (a delete, a broken one) is a row of nulls.
pub fn parse(contract: &Contract, records: &Records) -> Vec<ArrayRef> {
    let rows = records.entries.len();
    let mut table = row::Table {
        names: contract.columns.iter().map(|column| column.name.as_str()).collect(),
        columns: contract.columns.iter().map(|c| Column::new(c.data_type, rows)).collect(),
        rows: 0,
    };
    let arena = simdutf8::basic::from_utf8(&records.arena).ok();
    for entry in &records.entries {
        let Some(range) = &entry.value else { continue };
        let text = match arena {
            Some(arena) => arena.get(range.start as usize..range.end as usize),
            None => std::str::from_utf8(records.slice(range)).ok(),
        };
        table.read(text.unwrap_or_default());
    }
    table.columns.into_iter().map(Column::finish).collect()
}

/// Encodes finished rows as one Parquet file in memory, Zstandard level 1 and all else as the
/// library has it; returns its size.
///
/// # Errors
/// `Bug` as the encoder answers.
pub fn encode(rows: &[RecordBatch]) -> Result<usize, Error> {
    let Some(first) = rows.first() else { return Ok(0) };
    let broken = |e: ParquetError| Error::new(ErrorKind::Bug, "encoding Parquet failed").because(e);
    let level = ZstdLevel::try_new(1).map_err(broken)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), first.schema(), Some(properties)).map_err(broken)?;
    for batch in rows {
        writer.write(batch).map_err(broken)?;
    }
    writer.into_inner().map(|bytes| bytes.len()).map_err(broken)
}

#[cfg(test)]
mod tests;
