//! Staging: rows become a Parquet file that no reader sees until a commit names it.

use crate::error::{arrow_error, parquet_error, store_error};
use crate::log::Add;
use crate::stats;
use crate::table::Table;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use huiliu_model::{Error, ErrorKind};
use object_store::{ObjectStoreExt, PutPayload, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::BTreeMap;

/// Rows per row group: large enough to compress, small enough to skip (measured by others at
/// 100,000 to 1,000,000 for point look-ups and scans alike).
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Files above this go up in parts.
const SINGLE_PUT_BYTES_MAX: usize = 16 << 20;

/// Sorts by the named columns, ascending, nulls first. Returns the input when it has no rows.
///
/// # Errors
/// `Bug` for a column that is not there.
pub fn sort(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    by: &[&str],
) -> Result<RecordBatch, Error> {
    let all = concat_batches(schema, batches).map_err(|e| arrow_error("joining batches", e))?;
    if all.num_rows() < 2 {
        return Ok(all);
    }
    let order = sort_indices(&all, by)?;
    take_record_batch(&all, &order).map_err(|e| arrow_error("sorting rows", e))
}

fn sort_indices(batch: &RecordBatch, by: &[&str]) -> Result<UInt32Array, Error> {
    let columns = named(batch, by)?;
    let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
    let rows = RowConverter::new(fields)
        .and_then(|converter| converter.convert_columns(&columns))
        .map_err(|e| arrow_error("ordering rows", e))?;
    let count = u32::try_from(batch.num_rows())
        .map_err(|e| Error::new(ErrorKind::Bug, "a batch has over 2^32 rows").because(e))?;
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_unstable_by(|&a, &b| rows.row(a as usize).cmp(&rows.row(b as usize)));
    Ok(UInt32Array::from(order))
}

/// The named columns of a batch.
///
/// # Errors
/// `Bug` for a column that is not there.
pub fn named(batch: &RecordBatch, names: &[&str]) -> Result<Vec<ArrayRef>, Error> {
    let find = |name: &&str| {
        batch
            .column_by_name(name)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Bug, format!("rows lack column `{name}`")))
    };
    names.iter().map(find).collect()
}

/// Encodes one sorted batch; returns the file's bytes and its statistics. CPU-bound.
///
/// # Errors
/// `Corrupt` as Parquet answers.
pub fn encode(batch: &RecordBatch) -> Result<(Vec<u8>, String), Error> {
    let failed = |e| parquet_error("encoding Parquet", e);
    let guess = batch.get_array_memory_size() / 4;
    let mut bytes = Vec::with_capacity(guess);
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties(batch)))
        .map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    let metadata = writer.finish().map_err(failed)?;
    drop(writer);
    Ok((bytes, stats::to_json(&metadata)))
}

/// Zstd at its fastest level: on these narrow rows level 3 saves under a tenth of the bytes and
/// costs a third more time. Sequences and offsets rise, so they are delta encoded; dictionaries
/// would only be tried and thrown away.
fn properties(batch: &RecordBatch) -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("1 is a level of zstd");
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in batch.schema().fields() {
        let wide = matches!(field.data_type(), DataType::Int64 | DataType::Timestamp(..));
        if wide && field.name().starts_with(huiliu_model::system::PREFIX) {
            let path = ColumnPath::from(field.name().as_str());
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    builder.build()
}

/// Encodes and uploads one file of a table; returns the action that makes it visible.
///
/// # Errors
/// As the store answers.
pub async fn stage(
    table: &Table,
    batch: RecordBatch,
    partition: Option<(&str, String)>,
) -> Result<Add, Error> {
    let (bytes, statistics) = tokio::task::spawn_blocking(move || encode(&batch))
        .await
        .map_err(|e| Error::new(ErrorKind::Bug, "encoding Parquet stopped").because(e))??;
    let name = format!("part-{}.zstd.parquet", (table.shared().ids)());
    let relative = match &partition {
        Some((column, value)) => format!("{column}={value}/{name}"),
        None => name,
    };
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    upload(table, &relative, bytes).await?;
    let partition_values: BTreeMap<String, Option<String>> =
        partition.into_iter().map(|(column, value)| (column.to_owned(), Some(value))).collect();
    Ok(Add {
        path: relative,
        partition_values,
        size,
        modification_time: table.now_ms(),
        data_change: true,
        stats: Some(statistics),
    })
}

async fn upload(table: &Table, relative: &str, bytes: Vec<u8>) -> Result<(), Error> {
    let path = table.file(relative);
    let failed = |e| store_error(&format!("writing a file of `{}`", table.path()), e);
    if bytes.len() <= SINGLE_PUT_BYTES_MAX {
        return table.store().put(&path, PutPayload::from(bytes)).await.map(|_| ()).map_err(failed);
    }
    let upload = table.store().put_multipart(&path).await.map_err(failed)?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, 8 << 20);
    writer.write(&bytes);
    writer.finish().await.map(|_| ()).map_err(failed)
}
