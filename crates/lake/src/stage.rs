//! Staging: rows become a Parquet file that no reader sees until a commit names it.

use crate::error::{arrow_error, parquet_error, store_error};
use crate::log::Add;
use crate::row_index::RowIndexes;
use crate::stats;
use crate::table::Table;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{concat_batches, interleave};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use huiliu_model::{Error, ErrorKind, compute};
use object_store::{ObjectStoreExt, PutPayload, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows per row group: large enough to compress, small enough to skip (measured by others at
/// 100,000 to 1,000,000 for point look-ups and scans alike).
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// A file of fewer rows, and of fewer bytes in memory, is not compressed: to make the state of the
/// compressor for every column, when writing and again when reading, costs several times what is
/// done with the rows (half of all time where batches have a few rows).
pub(crate) const COMPRESSED_ROWS_MIN: usize = 512;
const COMPRESSED_BYTES_MIN: usize = 1 << 20;
/// Rows of a page of a file in which single rows are looked for: what is read at least for one of
/// them, of each column. The library's own are 20,000.
pub(crate) const PAGE_ROWS: usize = 1_024;
/// Encoded bytes after which a file that is written bit by bit begins a row group: wide rows would
/// fill memory before there are enough of them, of who writes and of who reads some side by side.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// How the names of files end.
const COMPRESSED: &str = "zstd.parquet";
const PLAIN: &str = "parquet";
/// Share of absent values that a bloom filter takes for present: about 10 bits a value.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;
/// Room that is made at once for the bytes of a file.
const GUESS_BYTES_MAX: usize = 32 << 20;
/// Files above this go up in parts.
const SINGLE_PUT_BYTES_MAX: usize = 16 << 20;
/// Size of a part, and how many are under way at once.
const PART_BYTES: usize = 8 << 20;
const UPLOADS: usize = 2;

/// Joins batches and sorts by the named columns, ascending, nulls first; rows of equal keys stay in
/// their order.
///
/// # Errors
/// `Bug` for a column that is not there.
pub fn sort(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    by: &[&str],
) -> Result<RecordBatch, Error> {
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if count < 2 {
        return concat_batches(schema, batches).map_err(|e| arrow_error("joining batches", e));
    }
    let failed = |e| arrow_error("sorting rows", e);
    let order = order(batches, by)?;
    // Rows go to their places at once: joining them first would copy each a second time.
    let column = |at: usize| {
        let parts: Vec<&dyn Array> = batches.iter().map(|b| b.column(at).as_ref()).collect();
        interleave(&parts, &order)
    };
    let columns: Result<Vec<ArrayRef>, _> = (0..schema.fields().len()).map(column).collect();
    RecordBatch::try_new(Arc::clone(schema), columns.map_err(failed)?).map_err(failed)
}

/// Batch and row of each row, in the order of the keys.
fn order(batches: &[RecordBatch], by: &[&str]) -> Result<Vec<(usize, usize)>, Error> {
    let failed = |e| arrow_error("ordering rows", e);
    let first = batches.first().map(|batch| named(batch, by)).transpose()?.unwrap_or_default();
    let fields = first.iter().map(|c| SortField::new(c.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(failed)?;
    let mut rows = converter.empty_rows(0, 0);
    let mut places = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        converter.append(&mut rows, &named(batch, by)?).map_err(failed)?;
        places.extend((0..batch.num_rows()).map(|row| (at, row)));
    }
    let head = |number: usize| {
        let (row, mut head) = (rows.row(number), [0; 16]);
        let len = row.as_ref().len().min(head.len());
        head[..len].copy_from_slice(&row.as_ref()[..len]);
        u128::from_be_bytes(head)
    };
    // Most keys differ within their first bytes, which are compared without going to the rows.
    let mut heads: Vec<(u128, usize)> = (0..places.len()).map(|n| (head(n), n)).collect();
    heads.sort_unstable_by(|a, b| {
        let rest = || rows.row(a.1).cmp(&rows.row(b.1)).then(a.1.cmp(&b.1));
        a.0.cmp(&b.0).then_with(rest)
    });
    Ok(heads.into_iter().map(|(_, number)| places[number]).collect())
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

/// What a file offers to readers that look for single rows.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Columns with bounds for every page: those by which the rows are sorted.
    pub pages: Vec<String>,
    /// Columns with a bloom filter for every row group.
    pub bloom: Vec<String>,
    /// Columns of texts with an index of their rows.
    pub rows: Vec<String>,
}

/// Encodes one sorted batch; returns the file's bytes and its statistics. CPU-bound.
///
/// # Errors
/// `Corrupt` as Parquet answers.
pub fn encode(batch: &RecordBatch, index: &Index) -> Result<(Vec<u8>, String), Error> {
    let failed = |e| parquet_error("encoding Parquet", e);
    let guess = (batch.get_array_memory_size() / 4).min(GUESS_BYTES_MAX);
    let mut bytes = Vec::with_capacity(guess);
    let mut properties = properties(&batch.schema(), batch.num_rows(), index);
    if is_compressed(batch) {
        properties = properties.set_compression(zstd());
    }
    let properties = properties.build();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    let mut rows = RowIndexes::of(&index.rows);
    rows.add(batch);
    let metadata = ended(writer, rows).map_err(failed)?;
    Ok((bytes, stats::to_json(&metadata)))
}

/// Ends a file: behind its rows come their indexes, and its footer.
fn ended<W: Write + Send>(
    writer: ArrowWriter<W>,
    rows: RowIndexes,
) -> Result<ParquetMetaData, ParquetError> {
    let (mut file, _) = writer.into_serialized_writer()?;
    rows.write(&mut file)?;
    file.finish()
}

/// Zstd at its fastest level: on these narrow rows level 3 saves under a tenth of the bytes and
/// costs a third more time.
fn zstd() -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd"))
}

fn is_compressed(batch: &RecordBatch) -> bool {
    let is_large = || batch.get_array_memory_size() >= COMPRESSED_BYTES_MIN;
    batch.num_rows() >= COMPRESSED_ROWS_MIN || is_large()
}

/// Sequences and offsets rise, so they are delta encoded; dictionaries would only be tried and
/// thrown away.
fn properties(schema: &SchemaRef, rows: usize, index: &Index) -> WriterPropertiesBuilder {
    let mut builder = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    if !index.pages.is_empty() {
        builder = builder.set_data_page_row_count_limit(PAGE_ROWS);
    }
    let path = |name: &String| ColumnPath::from(name.as_str());
    for name in &index.pages {
        builder = builder.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    // Filters are made for that many values and folded to the size that the values need.
    let values = rows.min(ROW_GROUP_ROWS) as u64;
    for name in &index.bloom {
        builder = builder
            .set_column_bloom_filter_enabled(path(name), true)
            .set_column_bloom_filter_fpp(path(name), BLOOM_FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(path(name), values.max(1));
    }
    for field in schema.fields() {
        let wide = matches!(field.data_type(), DataType::Int64 | DataType::Timestamp(..));
        if wide && field.name().starts_with(huiliu_model::system::PREFIX) {
            let path = ColumnPath::from(field.name().as_str());
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    builder
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
    stage_indexed(table, batch, partition, &Index::default()).await
}

/// As [`stage`], for a file in which single rows are looked for.
///
/// # Errors
/// As the store answers.
pub async fn stage_indexed(
    table: &Table,
    batch: RecordBatch,
    partition: Option<(&str, String)>,
    index: &Index,
) -> Result<Add, Error> {
    let index = index.clone();
    let kind = if is_compressed(&batch) { COMPRESSED } else { PLAIN };
    let (bytes, statistics) = compute(move || encode(&batch, &index))
        .await
        .map_err(|e| Error::new(ErrorKind::Bug, "encoding Parquet stopped").because(e))??;
    let Place { relative, partition_values, staged_at_ms } = Place::new(table, kind, partition);
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    upload(table, &relative, bytes).await?;
    Ok(Add {
        path: relative,
        partition_values,
        size,
        modification_time: staged_at_ms,
        data_change: true,
        stats: Some(statistics),
    })
}

/// Where a new file lies in its table.
struct Place {
    relative: String,
    partition_values: BTreeMap<String, Option<String>>,
    /// Before anything of it is sent: a process may be away before it has the store's answer, and
    /// from then on the file would seem young to a commit and old to a sweep.
    staged_at_ms: i64,
}

impl Place {
    fn new(table: &Table, kind: &str, partition: Option<(&str, String)>) -> Self {
        let name = format!("part-{}.{kind}", (table.shared().ids)());
        let relative = match &partition {
            Some((column, value)) => format!("{column}={value}/{name}"),
            None => name,
        };
        let values = partition.into_iter().map(|(column, value)| (column.to_owned(), Some(value)));
        Self { relative, partition_values: values.collect(), staged_at_ms: table.now_ms() }
    }
}

/// A file of a table that is written bit by bit; no reader sees it before a commit names it.
pub(crate) struct Staging {
    place: Place,
    writer: ArrowWriter<Sink>,
    sink: Sink,
    upload: WriteMultipart,
    indexes: RowIndexes,
    rows: usize,
    bytes: usize,
}

/// Where a writer puts bytes that were not sent yet.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    /// Sends what was not sent; returns how many bytes these were.
    fn send(&self, upload: &mut WriteMultipart) -> usize {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        upload.write(&bytes);
        bytes.len()
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
        Self::begin_in(table, schema, None, &Index::default()).await
    }

    /// Begins a file of a partition, in which single rows are looked for.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn begin_in(
        table: &Table,
        schema: &SchemaRef,
        partition: Option<(&str, String)>,
        index: &Index,
    ) -> Result<Self, Error> {
        let place = Place::new(table, COMPRESSED, partition);
        let failed = |e| store_error(&format!("writing a file of `{}`", table.path()), e);
        let upload =
            table.store().put_multipart(&table.file(&place.relative)).await.map_err(failed)?;
        let upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let sink = Sink::default();
        let properties = properties(schema, ROW_GROUP_ROWS, index).set_compression(zstd()).build();
        let writer = ArrowWriter::try_new(sink.clone(), schema.clone(), Some(properties))
            .map_err(|e| parquet_error("encoding Parquet", e))?;
        let indexes = RowIndexes::of(&index.rows);
        Ok(Self { place, writer, sink, upload, indexes, rows: 0, bytes: 0 })
    }

    /// Appends rows; at most a row group is held back.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn write(&mut self, rows: RecordBatch) -> Result<(), Error> {
        self.rows += rows.num_rows();
        self.indexes.add(&rows);
        let failed = |e| parquet_error("encoding Parquet", e);
        self.writer.write(&rows).map_err(failed)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES {
            self.writer.flush().map_err(failed)?;
        }
        self.bytes += self.sink.send(&mut self.upload);
        let sent = self.upload.wait_for_capacity(UPLOADS).await;
        sent.map_err(|e| store_error("writing a joined file", e))
    }

    /// Ends the file; returns the action that makes it visible, and how many rows it has.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn finish(self, table: &Table) -> Result<(Add, i64), Error> {
        let Self { place, writer, sink, mut upload, indexes, rows, bytes } = self;
        let metadata = ended(writer, indexes).map_err(|e| parquet_error("encoding Parquet", e))?;
        let bytes = bytes + sink.send(&mut upload);
        let failed = |e| store_error(&format!("writing a file of `{}`", table.path()), e);
        upload.finish().await.map_err(failed)?;
        let add = Add {
            path: place.relative,
            partition_values: place.partition_values,
            size: i64::try_from(bytes).unwrap_or(i64::MAX),
            modification_time: place.staged_at_ms,
            data_change: true,
            stats: Some(stats::to_json(&metadata)),
        };
        Ok((add, i64::try_from(rows).unwrap_or(i64::MAX)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array, StringArray};
    use arrow::datatypes::{Field, Int32Type, Schema};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    fn batch(schema: &SchemaRef, rows: &[(Option<i32>, &str, i32)]) -> RecordBatch {
        let buckets: Int32Array = rows.iter().map(|row| row.0).collect();
        let keys = StringArray::from_iter_values(rows.iter().map(|row| row.1));
        let marks = Int32Array::from_iter_values(rows.iter().map(|row| row.2));
        let columns: Vec<ArrayRef> = vec![Arc::new(buckets), Arc::new(keys), Arc::new(marks)];
        RecordBatch::try_new(Arc::clone(schema), columns).expect("three columns")
    }

    #[test]
    fn a_file_is_compressed_when_it_has_many_rows_or_many_bytes() {
        let of = |count: usize, len: usize| {
            let values = StringArray::from_iter_values((0..count).map(|_| "x".repeat(len)));
            RecordBatch::try_from_iter([("text", Arc::new(values) as ArrayRef)]).expect("a column")
        };
        let cases = [(511, 8, false), (512, 8, true), (1, 1 << 20, true), (1, 1 << 10, false)];
        for (count, len, expected) in cases {
            let (bytes, _) = encode(&of(count, len), &Index::default()).expect("it is encoded");
            let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a file");
            let found = file.metadata().row_group(0).column(0).compression();
            let is_zstd = matches!(found, Compression::ZSTD(_));
            assert_eq!(is_zstd, expected, "{count} rows of {len} bytes");
        }
    }

    #[test]
    fn rows_of_several_batches_lie_by_key_and_equal_ones_in_their_order() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("bucket", DataType::Int32, true),
            Field::new("key", DataType::Utf8, false),
            Field::new("mark", DataType::Int32, false),
        ]));
        // Keys that are alike in their first sixteen bytes, and one that is the other's beginning.
        let (long, longer) = ("0123456789abcdefX", "0123456789abcdefXY");
        let first = batch(&schema, &[(Some(2), "b", 0), (Some(1), longer, 1), (Some(-1), "z", 2)]);
        let second = batch(&schema, &[(Some(1), long, 3), (Some(2), "b", 4), (None, "a", 5)]);
        let third = batch(&schema, &[(Some(1), longer, 6), (Some(2), "", 7)]);
        let sorted = sort(&[first, second, third], &schema, &["bucket", "key"]).expect("sorted");
        let marks = sorted.column(2).as_primitive::<Int32Type>();
        assert_eq!(marks.values(), &[5, 2, 3, 1, 6, 7, 0, 4]);
        assert_eq!(sort(&[], &schema, &["key"]).expect("nothing").num_rows(), 0);
    }
}
