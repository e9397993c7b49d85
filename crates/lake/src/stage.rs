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
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows per row group: large enough to compress, small enough to skip (measured by others at
/// 100,000 to 1,000,000 for point look-ups and scans alike).
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Files above this go up in parts.
const SINGLE_PUT_BYTES_MAX: usize = 16 << 20;
/// Size of a part, and how many are under way at once.
const PART_BYTES: usize = 8 << 20;
const UPLOADS: usize = 2;

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
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties(&batch.schema())))
            .map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    let metadata = writer.finish().map_err(failed)?;
    drop(writer);
    Ok((bytes, stats::to_json(&metadata)))
}

/// Zstd at its fastest level: on these narrow rows level 3 saves under a tenth of the bytes and
/// costs a third more time. Sequences and offsets rise, so they are delta encoded; dictionaries
/// would only be tried and thrown away.
fn properties(schema: &SchemaRef) -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("1 is a level of zstd");
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in schema.fields() {
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

/// A file of a table that is written bit by bit; no reader sees it before a commit names it.
pub(crate) struct Staging {
    relative: String,
    writer: ArrowWriter<Sink>,
    sink: Sink,
    upload: WriteMultipart,
    rows: usize,
    bytes: usize,
}

/// Where a writer puts bytes that were not sent yet.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn drain(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Staging {
    /// Begins a file without partition.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn begin(table: &Table, schema: &SchemaRef) -> Result<Self, Error> {
        let relative = format!("part-{}.zstd.parquet", (table.shared().ids)());
        let failed = |e| store_error(&format!("writing a file of `{}`", table.path()), e);
        let upload = table.store().put_multipart(&table.file(&relative)).await.map_err(failed)?;
        let upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let sink = Sink::default();
        let writer = ArrowWriter::try_new(sink.clone(), schema.clone(), Some(properties(schema)))
            .map_err(|e| parquet_error("encoding Parquet", e))?;
        Ok(Self { relative, writer, sink, upload, rows: 0, bytes: 0 })
    }

    /// Appends rows; at most a row group is held back.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn write(&mut self, rows: RecordBatch) -> Result<(), Error> {
        self.rows += rows.num_rows();
        self.writer.write(&rows).map_err(|e| parquet_error("encoding Parquet", e))?;
        self.send();
        let sent = self.upload.wait_for_capacity(UPLOADS).await;
        sent.map_err(|e| store_error("writing a joined file", e))
    }

    fn send(&mut self) {
        let bytes = self.sink.drain();
        self.bytes += bytes.len();
        self.upload.write(&bytes);
    }

    /// Ends the file; returns the action that makes it visible, and how many rows it has.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn finish(mut self, table: &Table) -> Result<(Add, i64), Error> {
        let metadata = self.writer.finish().map_err(|e| parquet_error("encoding Parquet", e))?;
        self.send();
        let failed = |e| store_error(&format!("writing a file of `{}`", table.path()), e);
        self.upload.finish().await.map_err(failed)?;
        let add = Add {
            path: self.relative,
            partition_values: BTreeMap::new(),
            size: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            modification_time: table.now_ms(),
            data_change: true,
            stats: Some(stats::to_json(&metadata)),
        };
        Ok((add, i64::try_from(self.rows).unwrap_or(i64::MAX)))
    }
}

async fn upload(table: &Table, relative: &str, bytes: Vec<u8>) -> Result<(), Error> {
    let path = table.file(relative);
    let failed = |e| store_error(&format!("writing a file of `{}`", table.path()), e);
    if bytes.len() <= SINGLE_PUT_BYTES_MAX {
        return table.store().put(&path, PutPayload::from(bytes)).await.map(|_| ()).map_err(failed);
    }
    let upload = table.store().put_multipart(&path).await.map_err(failed)?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    writer.write(&bytes);
    writer.finish().await.map(|_| ()).map_err(failed)
}
