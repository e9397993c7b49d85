//! An index inside of a Parquet file: which of its rows have a value in a column.
//!
//! Rows of `current` are sorted by key. A column by which they are looked up besides (the holder
//! of a licence) lies in no order, so the bounds of its pages tell nothing. For such a column the
//! file keeps the hash of every value with its row, between its last row group and its footer:
//! readers of Parquet pass over these bytes, and the footer's key-value metadata says where they
//! lie. Numbers are little-endian, entries sorted by hash, null is not listed.
//!
//! ```text
//! first hash of every block, 8 bytes each │ entries: hash 8 bytes, row 4 bytes; 128 make a block
//! ```
//!
//! A row that is listed under the hash of a value may have it, one that is not does not. A file
//! without the index tells nothing, and costs the reading of the whole column.

use crate::error::store_error;
use crate::stage::PAGE_ROWS;
use arrow::array::{Array, AsArray, RecordBatch};
use bytes::Bytes;
use huiliu_model::Error;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::writer::SerializedFileWriter;
use std::io::Write;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Key in the footer, before the name of the column; the value is `<offset> <entries>`.
const KEY: &str = "huiliu.row_index.";
const HASH_BYTES: usize = 8;
const ENTRY_BYTES: usize = HASH_BYTES + 4;
/// Entries of a block: what is read at least for one value, 1.5 KiB.
const BLOCK: usize = 128;
/// Rows of a file up to which it is indexed: 16 bytes of each are held until it ends.
const ROWS_MAX: usize = 2 << 20;
/// An answer of more than this part of the rows is none: their pages are all of them.
const ANSWER_PART_MAX: usize = 4;

/// Entries of one column while a file is written; `None` once it cannot be indexed.
type Entries = Option<Vec<(u64, u32)>>;

/// The indexes of a file that is being written.
#[derive(Default)]
pub struct RowIndexes {
    columns: Vec<(String, Entries)>,
    rows: usize,
}

impl RowIndexes {
    /// Indexes of these columns; those that are no text, or not there, are left out.
    pub fn of(columns: &[String]) -> Self {
        let columns = columns.iter().map(|name| (name.clone(), Some(Vec::new()))).collect();
        Self { columns, rows: 0 }
    }

    /// Takes in the next rows of the file.
    pub fn add(&mut self, rows: &RecordBatch) {
        let first = self.rows;
        self.rows += rows.num_rows();
        for (name, entries) in &mut self.columns {
            let texts = rows.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
            let (Some(texts), true) = (texts, self.rows <= ROWS_MAX) else {
                *entries = None;
                continue;
            };
            let Some(entries) = entries else { continue };
            let listed = (0..texts.len()).filter(|row| texts.is_valid(*row)).filter_map(|row| {
                let place = u32::try_from(first + row).ok()?;
                Some((xxh3_64(texts.value(row).as_bytes()), place))
            });
            entries.extend(listed);
        }
    }

    /// Appends the indexes that are of use to a file whose rows are written.
    pub fn write<W: Write + Send>(self, file: &mut SerializedFileWriter<W>) -> ParquetResult<()> {
        for (name, entries) in self.columns {
            let Some(mut entries) = entries else { continue };
            entries.sort_unstable();
            let values = entries.chunk_by(|a, b| a.0 == b.0).count();
            // A value with more rows than a page has is on every page.
            if values == 0 || entries.len() / values > PAGE_ROWS {
                continue;
            }
            let place = format!("{} {}", file.bytes_written(), entries.len());
            file.write_all(&encoded(&entries))?;
            file.append_key_value_metadata(KeyValue::new(format!("{KEY}{name}"), place));
        }
        Ok(())
    }
}

fn encoded(entries: &[(u64, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * (ENTRY_BYTES + 1));
    for block in entries.chunks(BLOCK) {
        bytes.extend_from_slice(&block[0].0.to_le_bytes());
    }
    for (hash, row) in entries {
        bytes.extend_from_slice(&hash.to_le_bytes());
        bytes.extend_from_slice(&row.to_le_bytes());
    }
    bytes
}

/// Where the index of a column lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    offset: u64,
    entries: usize,
}

impl Place {
    /// `None` when the file has no index of the column.
    fn of(metadata: &ParquetMetaData, column: &str) -> Option<Self> {
        let all = metadata.file_metadata().key_value_metadata()?;
        let found = all.iter().find(|kv| kv.key.strip_prefix(KEY) == Some(column))?;
        let (offset, entries) = found.value.as_ref()?.split_once(' ')?;
        Some(Self { offset: offset.parse().ok()?, entries: entries.parse().ok()? })
    }

    fn blocks(&self) -> usize {
        self.entries.div_ceil(BLOCK)
    }

    /// Bytes of the first hashes.
    fn fence(&self) -> Range<u64> {
        self.offset..self.offset + (self.blocks() * HASH_BYTES) as u64
    }

    /// Bytes of some blocks.
    fn bytes(&self, blocks: &Range<usize>) -> Range<u64> {
        let begin = self.fence().end;
        let at = |block: usize| begin + ((block * BLOCK).min(self.entries) * ENTRY_BYTES) as u64;
        at(blocks.start)..at(blocks.end)
    }
}

/// Rows of a file that may have one of `texts` in a column; `None` when the file does not tell, or
/// these are so many that nothing is spared.
///
/// # Errors
/// As the store answers.
pub async fn may_hold(
    (store, path): (&dyn ObjectStore, &Path),
    metadata: &ParquetMetaData,
    column: &str,
    texts: &[Box<[u8]>],
) -> Result<Option<RowSelection>, Error> {
    let Some(place) = Place::of(metadata, column) else { return Ok(None) };
    let failed = |e| store_error(&format!("reading an index of `{path}`"), e);
    let fence = store.get_range(path, place.fence()).await.map_err(failed)?;
    let mut hashes: Vec<u64> = texts.iter().map(|text| xxh3_64(text)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let blocks = blocks_of(&hashes, &fence);
    let ranges: Vec<Range<u64>> = blocks.iter().map(|blocks| place.bytes(blocks)).collect();
    let read = store.get_ranges(path, &ranges).await.map_err(failed)?;
    let total = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    let rows = rows_of(&hashes, &read);
    if rows.len() > total / ANSWER_PART_MAX {
        return Ok(None);
    }
    let ranges = rows.chunk_by(|a, b| a + 1 == *b).filter_map(|run| {
        let (first, last) = (*run.first()? as usize, *run.last()? as usize);
        Some(first..last + 1)
    });
    Ok(Some(RowSelection::from_consecutive_ranges(ranges, total)))
}

/// Blocks that may have one of the sorted hashes, as ranges that do not touch.
fn blocks_of(hashes: &[u64], fence: &[u8]) -> Vec<Range<usize>> {
    let firsts: Vec<u64> = fence.chunks_exact(HASH_BYTES).map(number).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for hash in hashes {
        // Entries of one hash may begin in the block before the first that begins with it.
        let from = firsts.partition_point(|first| first < hash).saturating_sub(1);
        let to = firsts.partition_point(|first| first <= hash);
        match found.last_mut() {
            Some(last) if from <= last.end => last.end = last.end.max(to),
            _ if from < to => found.push(from..to),
            _ => {}
        }
    }
    found
}

/// Rows listed under one of the sorted hashes, in order.
fn rows_of(hashes: &[u64], blocks: &[Bytes]) -> Vec<u32> {
    let entries = blocks.iter().flat_map(|bytes| bytes.chunks_exact(ENTRY_BYTES));
    let listed = entries.filter_map(|entry| {
        let (hash, row) = entry.split_at(HASH_BYTES);
        hashes.binary_search(&number(hash)).ok()?;
        Some(u32::from_le_bytes(row.try_into().ok()?))
    });
    let mut rows: Vec<u32> = listed.collect();
    rows.sort_unstable();
    rows
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
