//! Checkpoints: written by the Delta kernel, read here.

use crate::error::{parquet_error, store_error};
use crate::file::StoredFile;
use crate::log::action::{Add, Line, MetaData, Protocol, Txn};
use crate::log::state::TableState;
use crate::store::KernelView;
use arrow::json::LineDelimitedWriter;
use deltalake_core::DeltaTable;
use deltalake_core::logstore::{StorageConfig, default_logstore};
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads the live actions of a checkpoint.
///
/// # Errors
/// As the store answers; `Corrupt` for a file that is no checkpoint.
pub(super) async fn read_checkpoint(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
) -> Result<TableState, Error> {
    let head = store.head(path).await.map_err(|e| store_error("reading a checkpoint", e))?;
    let broken = |e| parquet_error(&format!("reading checkpoint `{path}`"), e);
    let builder = StoredFile::open(store, path.clone(), head.size).await?;
    let roots: Vec<usize> = builder
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, f)| ["txn", "add", "metaData", "protocol"].contains(&f.name().as_str()))
        .map(|(i, _)| i)
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let mut stream = builder.with_projection(mask).build().map_err(broken)?;
    let mut state = TableState::default();
    while let Some(batch) = stream.try_next().await.map_err(broken)? {
        let mut writer = LineDelimitedWriter::new(Vec::new());
        writer.write(&batch).and_then(|()| writer.finish()).map_err(|e| {
            Error::new(ErrorKind::Corrupt, "a checkpoint holds odd columns").because(e)
        })?;
        let mut added = Vec::new();
        apply_rows(&mut state, &writer.into_inner(), &mut added)?;
        if state.metadata.is_some() {
            state.forget_stats(&added);
        }
    }
    let all: Vec<String> = state.files.keys().cloned().collect();
    state.forget_stats(&all);
    Ok(state)
}

fn apply_rows(state: &mut TableState, rows: &[u8], added: &mut Vec<String>) -> Result<(), Error> {
    for row in rows.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let row: Row = serde_json::from_slice(row).map_err(|e| {
            Error::new(ErrorKind::Corrupt, "a checkpoint holds no action").because(e)
        })?;
        let line = Line {
            protocol: row.protocol,
            meta_data: row.meta_data,
            txn: row.txn,
            add: row.add.map(CheckpointAdd::into_add),
            ..Line::default()
        };
        state.apply_line(line, added)?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    protocol: Option<Protocol>,
    meta_data: Option<MetaData>,
    txn: Option<Txn>,
    add: Option<CheckpointAdd>,
}

/// In a checkpoint an empty partition map may be absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckpointAdd {
    path: String,
    #[serde(default)]
    partition_values: BTreeMap<String, Option<String>>,
    size: i64,
    modification_time: i64,
    #[serde(default)]
    stats: Option<String>,
}

impl CheckpointAdd {
    fn into_add(self) -> Add {
        Add {
            path: self.path,
            partition_values: self.partition_values,
            size: self.size,
            modification_time: self.modification_time,
            data_change: false,
            stats: self.stats,
        }
    }
}

/// Writes a checkpoint of the newest version, so that opening the table reads one file.
///
/// # Errors
/// `Unavailable`; the table is whole without a checkpoint.
pub async fn write_checkpoint(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    kernel: &KernelView,
) -> Result<(), Error> {
    let failed = |e: deltalake_core::DeltaTableError| {
        Error::new(ErrorKind::Unavailable, format!("checkpoint of `{table}` failed")).because(e)
    };
    let location = kernel
        .base
        .join(&format!("{table}/"))
        .map_err(|e| Error::new(ErrorKind::Bug, "a table path is no URL").because(e))?;
    let prefixed: Arc<dyn ObjectStore> =
        Arc::new(PrefixStore::new(Arc::clone(store), table.clone()));
    let logs =
        default_logstore(prefixed, Arc::clone(&kernel.root), &location, &StorageConfig::default());
    let mut table = DeltaTable::new(logs);
    table.load().await.map_err(failed)?;
    deltalake_core::checkpoints::create_checkpoint(&table, None).await.map_err(failed)
}
