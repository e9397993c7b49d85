//! Datasets as they were: what a refresh compares with what they are.
//!
//! A dataset is pinned by three versions: that of `changes`, and those of `current` and `deleted`
//! beneath. `changes` only grows, so its past is a prefix; `current` and `deleted` are opened at
//! their own versions, as long as their logs and files are kept.

use crate::dataset::FOLD;
use crate::error::arrow_error;
use crate::fold::Merger;
use crate::log::{FileMeta, TableState};
use crate::lookup::{Wanted, all_in, columns_of, read_all, wanted_in};
use crate::maintain::KEPT;
use crate::merged::Pinned;
use crate::stage::{named, sort};
use crate::table::Table;
use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::compute::concat_batches;
use huiliu_model::{Error, system};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Buckets of rows by the columns that decide them; the definition is the caller's.
pub type BucketsOf = fn(&[ArrayRef], u32) -> Result<Int32Array, Error>;

/// Files up to this size are read whole and kept.
const SMALL_BYTES: i64 = 256 << 10;
/// A dataset with fewer bytes in its files fits any pool, however wide its rows are.
pub(crate) const SMALL_STORED_BYTES: i64 = 4 << 20;
/// Rows of the pipelines here are three to five times as large in memory as in their files.
const DECODED_FACTOR: u64 = 4;
/// Bytes of all pending files up to which they are read at once.
const PENDING_BYTES_MAX: i64 = 4 << 20;

/// Versions of the three tables that make up the newest rows of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub changes: i64,
    pub current: i64,
    pub deleted: i64,
}

impl Pinned {
    pub fn versions(&self) -> Versions {
        Versions {
            changes: self.changes.version,
            current: self.current.version,
            deleted: self.deleted.version,
        }
    }

    /// About how many rows there are: those of `current` and the pending ones.
    pub fn rows_about(&self) -> u64 {
        let pending: i64 = self.pending.iter().filter_map(|(_, file)| file.rows).sum();
        u64::try_from(self.current.rows() + pending).unwrap_or(0)
    }

    /// About how many bytes a row is, decoded, going by its files; 0 of a dataset so small that its
    /// rows do not matter.
    pub(crate) fn row_bytes_about(&self) -> usize {
        let stored = self.stored_bytes();
        if stored < SMALL_STORED_BYTES {
            return 0;
        }
        let stored = u64::try_from(stored).unwrap_or(0);
        usize::try_from(DECODED_FACTOR * stored / self.rows_about().max(1)).unwrap_or(usize::MAX)
    }

    fn stored_bytes(&self) -> i64 {
        let pending = self.pending.iter().map(|(_, file)| file.size);
        self.current.files.values().map(|file| file.size).chain(pending).sum()
    }

    /// Whether all files of an earlier state are there, as far as was known when this was pinned.
    pub fn keeps(&self, at: Versions) -> bool {
        let is_kept = |table: &TableState, version| {
            table.txns.get(KEPT).is_none_or(|&kept: &i64| version >= kept)
        };
        is_kept(&self.changes, at.changes)
            && is_kept(&self.current, at.current)
            && is_kept(&self.deleted, at.deleted)
    }

    /// The dataset at other versions, earlier ones; `None` when the logs no longer tell.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn earlier(&self, at: Versions) -> Result<Option<Pinned>, Error> {
        let data = &self.dataset;
        let (current, deleted) = tokio::try_join!(
            past(&data.current, &self.current, at.current),
            past(&data.deleted, &self.deleted, at.deleted)
        )?;
        let (Some(current), Some(deleted)) = (current, deleted) else { return Ok(None) };
        let folded = current.txns.get(FOLD).copied().unwrap_or(0);
        if at.changes > self.changes.version || folded > at.changes {
            return Ok(None);
        }
        let mut changes = self.changes.clone();
        changes.version = at.changes;
        let Some(pending) = self.added(folded, at.changes).await? else { return Ok(None) };
        let dataset = Arc::clone(data);
        Ok(Some(Pinned { dataset, current, deleted, changes, pending }))
    }

    /// Files that the versions of `changes` after `from` up to `to` added; `None` also when one
    /// was joined with others, or dropped, and is gone from the store.
    async fn added(&self, from: i64, to: i64) -> Result<Option<Vec<(String, FileMeta)>>, Error> {
        let table = &self.dataset.changes;
        let Some(mut added) = table.added_since(&self.changes, from).await? else {
            return Ok(None);
        };
        let _later = added.split_off(&(to + 1));
        let files: Vec<(String, FileMeta)> = added.into_values().flatten().collect();
        for (path, _) in files.iter().filter(|(path, _)| !self.changes.files.contains_key(path)) {
            if !table.holds_file(path).await? {
                return Ok(None);
            }
        }
        Ok(Some(files))
    }

    /// Key and Kafka time of every change after a version of `changes`; `None` when the log no
    /// longer tells.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn changed_since(&self, version: i64) -> Result<Option<Vec<RecordBatch>>, Error> {
        let Some(files) = self.added(version, self.changes.version).await? else {
            return Ok(None);
        };
        let mut columns = self.dataset.contract.key_names();
        columns.push(system::KAFKA_TIME);
        let all = self.pending_paths();
        // What is pending is kept, or will be: look-ups go through it next.
        let is_small = |path: &str, file: &FileMeta| file.size <= SMALL_BYTES && all.contains(path);
        let (small, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(path, file)| is_small(path, file));
        let mut found = Vec::new();
        for (path, file) in &small {
            for batch in self.small(path, file, &all).await?.iter() {
                let named = columns.iter().copied().zip(named(batch, &columns)?);
                let rows = RecordBatch::try_from_iter(named);
                found.push(rows.map_err(|e| arrow_error("reading keys of changes", e))?);
            }
        }
        found.extend(columns_of(&self.dataset.changes, others, &columns).await?);
        Ok(Some(found))
    }

    /// The newest rows whose columns are among those of `wanted`, in the columns of
    /// [`Pinned::provider`].
    ///
    /// # Errors
    /// As the store answers.
    pub async fn matching(
        &self,
        wanted: &Arc<Wanted>,
        tuples: &[ArrayRef],
        buckets_of: BucketsOf,
    ) -> Result<Vec<RecordBatch>, Error> {
        let data = &self.dataset;
        let buckets = self.buckets_of(wanted.columns(), tuples, buckets_of)?;
        let found = self.stored(wanted, buckets.as_ref()).await?;
        if self.pending.is_empty() {
            return Ok(found);
        }
        let pending = self.pending_wanted(wanted).await?;
        let keys: Vec<String> = data.contract.key_names().iter().map(|k| (*k).into()).collect();
        let by_key = wanted.columns() == keys;
        let merged = match (by_key, pending.is_empty()) {
            // Only what is pending can make a row of these keys another one.
            (true, true) => return Ok(found),
            (true, false) => self.merge(found, pending, (wanted, buckets)).await?,
            // A change that is not wanted itself may still have the last word on a wanted row.
            (false, _) => self.merge_by_key(&keys, found, pending, buckets_of).await?,
        };
        wanted.some_among(&[merged])
    }

    /// All newest rows, in the columns of [`Pinned::provider`]; `None` where they are more than
    /// `rows_max`, are not small, or lack cells that older rows of their key have.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn all(&self, rows_max: u64) -> Result<Option<Vec<RecordBatch>>, Error> {
        let data = &self.dataset;
        let dead = u64::try_from(self.deleted.rows()).unwrap_or(u64::MAX);
        let is_small = self.rows_about().max(dead) <= rows_max
            && self.stored_bytes() <= SMALL_STORED_BYTES
            && !self.lacks_cells();
        if !is_small {
            return Ok(None);
        }
        let files = files_in(&self.current, None);
        let current = all_in(&data.current, &data.current_schema, files).await?;
        if self.pending.is_empty() {
            return Ok(Some(current));
        }
        let Some(pending) = self.pending_rows().await? else { return Ok(None) };
        let files = files_in(&self.deleted, None);
        let deleted = all_in(&data.deleted, &data.deleted_schema, files).await?;
        Ok(Some(vec![self.merged(&current, &deleted, &pending)?]))
    }

    /// Wanted rows of `current`; `buckets` follow from what is wanted.
    async fn stored(
        &self,
        wanted: &Arc<Wanted>,
        buckets: Option<&BTreeSet<i32>>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let (data, version) = (&self.dataset, self.current.version);
        if let Some(known) = data.looked.get(version, wanted) {
            return Ok(known);
        }
        let files = files_in(&self.current, buckets);
        let found = wanted_in(&data.current, &data.current_schema, files, wanted).await?;
        data.looked.keep(version, wanted, &found);
        Ok(found)
    }

    /// Wanted rows among the changes that are not folded.
    async fn pending_wanted(&self, wanted: &Arc<Wanted>) -> Result<Vec<RecordBatch>, Error> {
        let data = &self.dataset;
        let all = self.pending_paths();
        let (mut found, mut large) = (Vec::new(), Vec::new());
        for (path, file) in &self.pending {
            if file.size > SMALL_BYTES {
                large.push((path.clone(), file.clone()));
                continue;
            }
            found.extend(wanted.some_among(&self.small(path, file, &all).await?)?);
        }
        found.extend(wanted_in(&data.changes, &data.changes_schema, large, wanted).await?);
        Ok(found)
    }

    fn pending_paths(&self) -> BTreeSet<&str> {
        self.pending.iter().map(|(path, _)| path.as_str()).collect()
    }

    /// Rows of a small pending file, as they are kept or read; `all` is what is pending.
    async fn small(
        &self,
        path: &str,
        file: &FileMeta,
        all: &BTreeSet<&str>,
    ) -> Result<Arc<Vec<RecordBatch>>, Error> {
        let data = &self.dataset;
        if let Some(rows) = data.kept.get(path) {
            return Ok(rows);
        }
        let rows = Arc::new(read_all(&data.changes, &data.changes_schema, path, file).await?);
        data.kept.keep(path, &rows, all);
        Ok(rows)
    }

    /// All changes that are not folded; `None` when they are too many to be held.
    pub(crate) async fn pending_rows(&self) -> Result<Option<Vec<RecordBatch>>, Error> {
        if self.pending.iter().map(|(_, file)| file.size).sum::<i64>() > PENDING_BYTES_MAX {
            return Ok(None);
        }
        let all = self.pending_paths();
        let mut found = Vec::new();
        for (path, file) in &self.pending {
            found.extend(self.small(path, file, &all).await?.iter().cloned());
        }
        Ok(Some(found))
    }

    /// Merges what concerns the keys of these rows, wherever it lies.
    async fn merge_by_key(
        &self,
        keys: &[String],
        found: Vec<RecordBatch>,
        pending: Vec<RecordBatch>,
        buckets_of: BucketsOf,
    ) -> Result<RecordBatch, Error> {
        let data = &self.dataset;
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut tuples: Vec<Vec<ArrayRef>> = vec![Vec::new(); names.len()];
        for batch in found.iter().chain(&pending) {
            for (into, column) in tuples.iter_mut().zip(named(batch, &names)?) {
                into.push(column);
            }
        }
        let failed = |e| arrow_error("looking for rows by key", e);
        if found.is_empty() && pending.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(&data.current_schema)));
        }
        let joined = |parts: &Vec<ArrayRef>| {
            arrow::compute::concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        };
        let tuples = tuples.iter().map(joined).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let wanted = Arc::new(Wanted::new(keys, &tuples).map_err(failed)?);
        let buckets = self.buckets_of(keys, &tuples, buckets_of)?;
        let current = self.stored(&wanted, buckets.as_ref()).await?;
        let pending = self.pending_wanted(&wanted).await?;
        self.merge(current, pending, (&wanted, buckets)).await
    }

    async fn merge(
        &self,
        current: Vec<RecordBatch>,
        pending: Vec<RecordBatch>,
        (keys, buckets): (&Arc<Wanted>, Option<BTreeSet<i32>>),
    ) -> Result<RecordBatch, Error> {
        let data = &self.dataset;
        let files = files_in(&self.deleted, buckets.as_ref());
        let deleted = wanted_in(&data.deleted, &data.deleted_schema, files, keys).await?;
        self.merged(&current, &deleted, &pending)
    }

    /// The newest row of each key.
    fn merged(
        &self,
        current: &[RecordBatch],
        deleted: &[RecordBatch],
        pending: &[RecordBatch],
    ) -> Result<RecordBatch, Error> {
        let data = &self.dataset;
        let order = data.contract.key_names();
        let current = sort(current, &data.current_schema, &order)?;
        let deleted = sort(deleted, &data.deleted_schema, &order)?;
        let pending = concat_batches(&data.changes_schema, pending)
            .map_err(|e| arrow_error("joining pending changes", e))?;
        Ok(Merger::new(data)?.merge(&current, &deleted, &pending)?.current)
    }

    /// Buckets in which rows with these columns lie; `None` when the columns do not tell.
    fn buckets_of(
        &self,
        columns: &[String],
        tuples: &[ArrayRef],
        buckets_of: BucketsOf,
    ) -> Result<Option<BTreeSet<i32>>, Error> {
        let contract = &self.dataset.contract;
        let of = |at: &usize| {
            let name = &contract.columns[*at].name;
            columns.iter().position(|c| c == name).map(|at| Arc::clone(&tuples[at]))
        };
        let Some(deciding) = contract.bucket_by.iter().map(of).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let buckets = buckets_of(&deciding, contract.buckets)?;
        Ok(Some(buckets.values().iter().copied().collect()))
    }
}

/// Live files of some buckets, or all.
pub(crate) fn files_in(
    state: &TableState,
    buckets: Option<&BTreeSet<i32>>,
) -> Vec<(String, FileMeta)> {
    let lies = |file: &FileMeta| {
        let bucket = file.partition_values.get(system::BUCKET).and_then(Option::as_deref);
        let bucket = bucket.and_then(|text| text.parse::<i32>().ok());
        buckets.is_none_or(|wanted| bucket.is_none_or(|bucket| wanted.contains(&bucket)))
    };
    let files = state.files.iter().filter(|(_, file)| lies(file));
    files.map(|(path, file)| (path.clone(), file.clone())).collect()
}

/// A table at an earlier version than `now`; `None` when its log or its files are not kept.
pub(crate) async fn past(
    table: &Table,
    now: &TableState,
    version: i64,
) -> Result<Option<TableState>, Error> {
    if now.version == version {
        return Ok(Some(now.clone()));
    }
    // Read afresh: what was kept when `now` was pinned may be swept since.
    if table.progress().await?.get(KEPT).is_some_and(|&kept| version < kept) {
        return Ok(None);
    }
    table.state_at(version).await
}
