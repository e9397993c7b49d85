//! Checkpoints: all that is true at one version, in one classic Parquet file.
//!
//! The file is created conditionally, so of two who write that of one version neither replaces it
//! under a reader. `_last_checkpoint` names it afterwards: whoever dies in between leaves a
//! checkpoint that only a listing shows, and never a name without a checkpoint.
//!
//! Source: the Delta transaction log protocol, sections "Checkpoints", "Checkpoint Schema", "Last
//! Checkpoint File".

use crate::error::{arrow_error, parquet_error, store_error};
use crate::file::StoredFile;
use crate::log::action::{Line, lines};
use crate::log::reader::{checkpoint_path, hinted_checkpoint};
use crate::log::replay::replay;
use crate::stage::COMPRESSED_ROWS_MIN;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::json::{ReaderBuilder, WriterBuilder, writer::LineDelimited};
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::sync::Arc;

/// Kinds of actions of which the state of a table is made.
pub const STATE: [&str; 4] = ["txn", "add", "metaData", "protocol"];
/// All kinds of actions in a checkpoint.
pub const WHOLE: [&str; 5] = ["txn", "add", "remove", "metaData", "protocol"];
/// Actions encoded at once.
const ROWS: usize = 4_096;

/// The actions of these kinds in the checkpoint of a version; `None` where it is not there or not
/// whole: what is older tells the same.
///
/// # Errors
/// As the store answers.
pub async fn checkpoint_at(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    version: i64,
    kinds: &[&str],
) -> Result<Option<Vec<Line>>, Error> {
    let path = checkpoint_path(table, version);
    let found = match read(store, &path, kinds).await {
        Ok(found) if found.iter().any(|line| line.meta_data.is_some()) => return Ok(Some(found)),
        Ok(_) => Error::new(ErrorKind::Corrupt, "it has no metadata"),
        Err(e) if e.kind == ErrorKind::Corrupt => e,
        Err(e) => return Err(e),
    };
    tracing::warn!(checkpoint = %path, error = %found, "passed over: it is not whole");
    Ok(None)
}

async fn read(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    kinds: &[&str],
) -> Result<Vec<Line>, Error> {
    let action = format!("reading checkpoint `{path}`");
    let head = store.head(path).await.map_err(|e| store_error(&action, e))?;
    let broken = |e| parquet_error(&action, e);
    let builder = StoredFile::open(store, path.clone(), head.size).await?;
    let fields = builder.schema().fields().iter().enumerate();
    let roots: Vec<usize> = fields
        .filter(|(_, field)| kinds.contains(&field.name().as_str()))
        .map(|(i, _)| i)
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let mut stream = builder.with_projection(mask).build().map_err(broken)?;
    let mut found = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(broken)? {
        // A partition value may be null, which is not the same as absent.
        let nulls = WriterBuilder::new().with_explicit_nulls(true);
        let mut writer = nulls.build::<_, LineDelimited>(Vec::new());
        writer.write(&batch).and_then(|()| writer.finish()).map_err(|e| {
            Error::new(ErrorKind::Corrupt, "a checkpoint holds odd columns").because(e)
        })?;
        found.extend(lines(&writer.into_inner(), &format!("checkpoint `{path}`"))?);
    }
    Ok(found)
}

/// Writes a checkpoint of a version, so that opening the table reads one file, and names it.
///
/// # Errors
/// As the store answers; the table is whole without a checkpoint.
pub async fn write_checkpoint(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    version: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let failed = |e| store_error(&format!("writing a checkpoint of `{table}`"), e);
    let actions = replay(store, table, version, now_ms).await?;
    let adds = actions.iter().filter(|line| line.add.is_some()).count();
    let hint = json!({"version": version, "size": actions.len(), "numOfAddFiles": adds});
    let body = PutPayload::from(encode(&actions)?);
    let path = checkpoint_path(table, version);
    match store.put_opts(&path, body, PutMode::Create.into()).await {
        Ok(_)
        | Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => {}
        Err(e) => return Err(failed(e)),
    }
    // Who was slow does not lead readers back.
    if hinted_checkpoint(store.as_ref(), table).await?.is_none_or(|named| named < version) {
        let path = table.clone().join("_delta_log").join("_last_checkpoint");
        store.put(&path, PutPayload::from(hint.to_string())).await.map_err(failed)?;
    }
    Ok(())
}

fn encode(actions: &[Line]) -> Result<Vec<u8>, Error> {
    let odd = |e| arrow_error("encoding a checkpoint", e);
    let broken = |e| parquet_error("encoding a checkpoint", e);
    let schema = schema();
    // As in data files, most of the time would go to the state of the compressor.
    let mut properties = WriterProperties::builder();
    if actions.len() >= COMPRESSED_ROWS_MIN {
        properties = properties.set_compression(Compression::ZSTD(ZstdLevel::default()));
    }
    let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties.build()));
    let mut writer = writer.map_err(broken)?;
    let mut decoder = ReaderBuilder::new(schema).build_decoder().map_err(odd)?;
    for some in actions.chunks(ROWS) {
        decoder.serialize(some).map_err(odd)?;
        while let Some(rows) = decoder.flush().map_err(odd)? {
            writer.write(&rows).map_err(broken)?;
        }
    }
    writer.into_inner().map_err(broken)
}

/// Columns of a checkpoint; every one may be null, as Spark writes them.
fn schema() -> SchemaRef {
    use DataType::{Boolean, Int32, Int64, Utf8};
    let of = |name: &str, fields: Vec<Field>| field(name, DataType::Struct(Fields::from(fields)));
    let element = Field::new("element", Utf8, true);
    let columns = field("partitionColumns", DataType::List(Arc::new(element)));
    let format = vec![field("provider", Utf8), map("options")];
    Arc::new(Schema::new(vec![
        of("txn", vec![field("appId", Utf8), field("version", Int64), field("lastUpdated", Int64)]),
        of(
            "add",
            vec![
                field("path", Utf8),
                map("partitionValues"),
                field("size", Int64),
                field("modificationTime", Int64),
                field("dataChange", Boolean),
                field("stats", Utf8),
            ],
        ),
        of(
            "remove",
            vec![
                field("path", Utf8),
                field("deletionTimestamp", Int64),
                field("dataChange", Boolean),
                field("extendedFileMetadata", Boolean),
                map("partitionValues"),
                field("size", Int64),
            ],
        ),
        of(
            "metaData",
            vec![
                field("id", Utf8),
                field("name", Utf8),
                field("description", Utf8),
                of("format", format),
                field("schemaString", Utf8),
                columns,
                map("configuration"),
                field("createdTime", Int64),
            ],
        ),
        of("protocol", vec![field("minReaderVersion", Int32), field("minWriterVersion", Int32)]),
    ]))
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// A map from text to text that may be null.
fn map(name: &str) -> Field {
    let key = Field::new("key", DataType::Utf8, false);
    let entry = DataType::Struct(Fields::from(vec![key, field("value", DataType::Utf8)]));
    field(name, DataType::Map(Arc::new(Field::new("key_value", entry, false)), false))
}
