//! The fold: brings `current` up to `changes`, one bucket at a time.
//!
//! A pass pins a version of `changes`, walks the pending files (each sorted by bucket and key)
//! side by side, merges every touched bucket with its present file, and commits all new files and
//! the folded version at once. Buckets without pending changes are not touched, so the cost is
//! bounded by the size of the touched buckets. Memory is one bucket: its file, its deleted keys
//! and its pending changes; of a large bucket one range of keys at a time ([`sliced`]).
//!
//! A cell that the source did not send ([`carry`]) keeps the value that is known.
//!
//! `deleted` is committed before `current`. Dying in between is harmless: the same changes are
//! merged again, and merging is idempotent because the highest sequence wins.

mod adopt;
mod carry;
mod merge;
mod pending;
mod sliced;

use crate::commit::{Commit, Step};
use crate::dataset::{Dataset, FOLD};
use crate::error::{arrow_error, parquet_error};
use crate::file::StoredFile;
use crate::log::{Add, FileMeta, Remove, TableState};
use crate::stage::{stage, stage_indexed};
use crate::table::Table;
use arrow::array::{RecordBatch, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind, compute, system};
use merge::Merged;
pub(crate) use merge::Merger;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
pub(crate) use pending::Pending;
use serde_json::json;
use sliced::read_within;
use std::sync::Arc;

/// Files of `changes` merged in one pass; more are left to the next pass.
const FILES_PER_PASS: usize = 256;
/// Compressed bytes of `changes` merged in one pass, if the fold's share of memory is not less:
/// they are held in memory, and a bucket's part of them decoded.
const BYTES_PER_PASS: i64 = 512 << 20;

/// Passes that another process may overtake before [`Dataset::fold_all`] gives up.
const OVERTAKEN_MAX: u32 = 20;

/// When a dataset is folded.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Fold when pending rows pass this share of the rows of `current` …
    pub pending_share: f64,
    /// … and at least this many are pending,
    pub pending_rows_min: i64,
    /// or when the oldest pending commit is older than this.
    pub age_ms_max: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { pending_share: 0.02, pending_rows_min: 200_000, age_ms_max: 600_000 }
    }
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folded {
    pub to_version: i64,
    pub buckets: usize,
    /// Changes merged, of which `applied` won and `stale` lost against a higher sequence.
    pub changes: u64,
    pub applied: u64,
    pub stale: u64,
    /// Rows of the touched buckets afterwards.
    pub rows: u64,
    /// More changes are waiting.
    pub more: bool,
}

struct Pass<'a> {
    dataset: &'a Dataset,
    current: TableState,
    deleted: TableState,
    adds_current: Vec<Add>,
    removes_current: Vec<Remove>,
    adds_deleted: Vec<Add>,
    removes_deleted: Vec<Remove>,
    folded: Folded,
}

impl Dataset {
    /// True when the policy asks for a fold now.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn fold_is_due(&self, policy: &Policy, now_ms: i64) -> Result<bool, Error> {
        let changes = self.changes.refresh().await?;
        let current = self.current.refresh().await?;
        let from = current.txns.get(FOLD).copied().unwrap_or(0);
        let files: Vec<&FileMeta> = changes
            .added
            .range(from + 1..)
            .flat_map(|(_, paths)| paths)
            .filter_map(|path| changes.files.get(path))
            .collect();
        let Some(oldest) = files.iter().map(|f| f.modification_time).min() else {
            return Ok(from < changes.version && changes.added.range(from + 1..).count() == 0);
        };
        let pending: i64 = files.iter().filter_map(|f| f.rows).sum();
        #[allow(clippy::cast_precision_loss, reason = "a share needs no exact count")]
        let share = pending as f64 / current.rows().max(1) as f64;
        let many = pending >= policy.pending_rows_min && share >= policy.pending_share;
        Ok(many || now_ms - oldest >= policy.age_ms_max)
    }

    /// One pass; `None` when there is nothing to fold.
    ///
    /// # Errors
    /// `Superseded` when another process folded meanwhile; otherwise as the store answers.
    pub async fn fold(&self) -> Result<Option<Folded>, Error> {
        let changes = self.changes.refresh().await?;
        let current = self.current.refresh().await?;
        let deleted = self.deleted.refresh().await?;
        let from = current.txns.get(FOLD).copied().unwrap_or(0);
        if from >= changes.version {
            return Ok(None);
        }
        let (files, to) = self.pending_files(&changes, from).await?;
        let mut pass = Pass {
            dataset: self,
            current,
            deleted,
            adds_current: Vec::new(),
            removes_current: Vec::new(),
            adds_deleted: Vec::new(),
            removes_deleted: Vec::new(),
            folded: Folded { to_version: to, more: to < changes.version, ..Folded::default() },
        };
        let merger = Merger::new(self)?;
        let mut pending = Pending::open(&self.changes, &self.changes_schema, &files).await?;
        pending.add(self.adopted(&changes, &files).await?)?;
        while let Some((bucket, rows)) = pending.next_bucket().await? {
            pass.merge_bucket(&merger, bucket, rows).await?;
        }
        pass.commit(from, to).await.map(Some)
    }

    /// Folds until nothing is pending; returns the sum of the passes. A pass that another process
    /// overtook is begun again from what that process left.
    ///
    /// # Errors
    /// As [`Dataset::fold`], `Superseded` only after [`OVERTAKEN_MAX`] passes were overtaken.
    pub async fn fold_all(&self) -> Result<Folded, Error> {
        let (mut sum, mut overtaken) = (Folded::default(), 0);
        loop {
            let pass = match self.fold().await {
                Ok(Some(pass)) => pass,
                Ok(None) => return Ok(sum),
                Err(e) if e.kind == ErrorKind::Superseded && overtaken < OVERTAKEN_MAX => {
                    overtaken += 1;
                    continue;
                }
                Err(e) => return Err(e),
            };
            sum = Folded {
                to_version: pass.to_version,
                buckets: sum.buckets.max(pass.buckets),
                changes: sum.changes + pass.changes,
                applied: sum.applied + pass.applied,
                stale: sum.stale + pass.stale,
                rows: pass.rows,
                more: pass.more,
            };
        }
    }

    /// Files of `changes` after version `from`, oldest first, and the version they reach.
    ///
    /// When the log no longer says which version added a file (it was read from a checkpoint and
    /// the commits are gone), every live file counts as pending: merging again changes nothing.
    pub(crate) async fn pending_files(
        &self,
        changes: &TableState,
        from: i64,
    ) -> Result<(Vec<(String, FileMeta)>, i64), Error> {
        let added = self.changes.added_since(changes, from).await?;
        let Some(added) = added else {
            let all = changes.files.iter().map(|(p, f)| (p.clone(), f.clone())).collect();
            return Ok((all, changes.version));
        };
        let share = i64::try_from(self.changes.shared().memory.fold_bytes()).unwrap_or(i64::MAX);
        // Decoded a bucket's part of them is some times as large, and is held twice.
        let of_buckets = share / 4 * i64::from(self.contract.buckets);
        let bytes_max = BYTES_PER_PASS.min(share).min(of_buckets);
        let (mut files, mut bytes, mut to) = (Vec::new(), 0, from);
        for (version, new) in added {
            let size: i64 = new.iter().map(|(_, f)| f.size).sum();
            let full = files.len() + new.len() > FILES_PER_PASS || bytes + size > bytes_max;
            if full && !files.is_empty() {
                break;
            }
            bytes += size;
            files.extend(new);
            to = version;
        }
        Ok((files, to))
    }
}

impl Pass<'_> {
    async fn merge_bucket(
        &mut self,
        merger: &Merger,
        bucket: i32,
        pending: RecordBatch,
    ) -> Result<(), Error> {
        let data = self.dataset;
        let current_files = files_of(&self.current, bucket);
        let fold_bytes = data.current.shared().memory.fold_bytes();
        let current = read_within(&data.current, &data.current_schema, &current_files, fold_bytes);
        let Some(current) = current.await? else {
            return self.merge_sliced(merger, bucket, pending, fold_bytes).await;
        };
        let deleted_files = files_of(&self.deleted, bucket);
        let deleted = read_all(&data.deleted, &data.deleted_schema, &deleted_files).await?;
        let merger = merger.clone();
        let rows = [&current, &deleted, &pending].map(RecordBatch::get_array_memory_size);
        let _held = data.current.shared().memory.holding(rows.iter().sum());
        let merged = compute(move || merger.merge(&current, &deleted, &pending))
            .await
            .map_err(|e| Error::new(ErrorKind::Bug, "merging a bucket stopped").because(e))??;
        self.note(&merged);
        self.folded.buckets += 1;
        if merged.applied == 0 {
            return Ok(());
        }
        let partition = |rows: &RecordBatch| {
            (rows.num_rows() > 0).then(|| (system::BUCKET, bucket.to_string()))
        };
        if let Some(partition) = partition(&merged.current) {
            let index = data.index();
            let add = stage_indexed(&data.current, merged.current, Some(partition), &index).await?;
            self.adds_current.push(add);
        }
        self.removes_current.extend(removals(&data.current, &self.current, &current_files));
        if merged.deleted_changed {
            if let Some(partition) = partition(&merged.deleted) {
                let add = stage(&data.deleted, merged.deleted, Some(partition)).await?;
                self.adds_deleted.push(add);
            }
            self.removes_deleted.extend(removals(&data.deleted, &self.deleted, &deleted_files));
        }
        Ok(())
    }

    fn note(&mut self, merged: &Merged) {
        self.folded.changes += merged.changes;
        self.folded.applied += merged.applied;
        self.folded.stale += merged.changes.saturating_sub(merged.applied);
        self.folded.rows += merged.current.num_rows() as u64;
    }

    async fn commit(self, from: i64, to: i64) -> Result<Folded, Error> {
        let folded = self.folded;
        let receipt = json!({
            "fold": {"from": from, "to": to, "buckets": folded.buckets},
            "changes": folded.changes, "applied": folded.applied, "stale": folded.stale,
        });
        // `deleted` may be ahead of `current` after a crash; it never goes back.
        let ahead = self.deleted.txns.get(FOLD).copied();
        let step = |recorded: Option<i64>| Step {
            app_id: FOLD.to_owned(),
            from: recorded,
            to: to.max(recorded.unwrap_or(0)),
            or_nothing: false,
        };
        let deleted = Commit {
            operation: "FOLD",
            adds: self.adds_deleted,
            removes: self.removes_deleted,
            progress: vec![step(ahead)],
            receipt: receipt.clone(),
            ..Commit::default()
        };
        if !deleted.adds.is_empty() || !deleted.removes.is_empty() {
            self.dataset.deleted.commit(&deleted).await?;
        }
        let current = Commit {
            operation: "FOLD",
            adds: self.adds_current,
            removes: self.removes_current,
            progress: vec![step(self.current.txns.get(FOLD).copied())],
            receipt,
            ..Commit::default()
        };
        self.dataset.current.commit(&current).await?;
        Ok(folded)
    }
}

/// Live files of one bucket.
pub(crate) fn files_of(state: &TableState, bucket: i32) -> Vec<(String, FileMeta)> {
    let wanted = bucket.to_string();
    state
        .files
        .iter()
        .filter(|(_, f)| {
            f.partition_values.get(system::BUCKET).and_then(Option::as_deref) == Some(&wanted)
        })
        .map(|(path, file)| (path.clone(), file.clone()))
        .collect()
}

fn removals(table: &Table, state: &TableState, files: &[(String, FileMeta)]) -> Vec<Remove> {
    let now = table.now_ms();
    files
        .iter()
        .filter(|(path, _)| state.files.contains_key(path))
        .map(|(path, file)| Remove::of(path, file, now))
        .collect()
}

/// All rows of some files of a table, in file order.
pub(crate) async fn read_all(
    table: &Table,
    schema: &SchemaRef,
    files: &[(String, FileMeta)],
) -> Result<RecordBatch, Error> {
    let mut batches = Vec::new();
    for (relative, meta) in files {
        let failed = |e| parquet_error(&format!("reading `{}/{relative}`", table.path()), e);
        let mut stream = reader(table, relative, meta).await?.build().map_err(failed)?;
        while let Some(batch) = stream.try_next().await.map_err(failed)? {
            batches.push(align(batch, schema)?);
        }
    }
    concat_batches(schema, &batches).map_err(|e| arrow_error("joining a bucket", e))
}

/// A stream over one file of a table.
pub(crate) async fn reader(
    table: &Table,
    relative: &str,
    meta: &FileMeta,
) -> Result<ParquetRecordBatchStreamBuilder<StoredFile>, Error> {
    let path = table.file(relative);
    let size = u64::try_from(meta.size).unwrap_or(0);
    StoredFile::open(table.store(), path, size).await
}

/// The columns of a file under the table's own schema, by name. A file that is older than a
/// column has null in it.
///
/// # Errors
/// `Invalid` for a file with a column that this process does not know: its contract is older than
/// the table, and to write such a file again would lose that column.
pub(crate) fn align(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let known = |name: &str| schema.column_with_name(name).is_some();
    if let Some(field) = batch.schema().fields().iter().find(|field| !known(field.name())) {
        let message = format!("a file has column `{}`, which the contract lacks", field.name());
        return Err(Error::new(ErrorKind::Invalid, message)
            .help("another process has a newer contract; start this one again with it"));
    }
    let column = |field: &arrow::datatypes::FieldRef| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), batch.num_rows()),
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|e| arrow_error("reading a file of another schema", e))
}
