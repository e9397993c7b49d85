//! Joining small files, and dropping changes that are too old.
//!
//! A join of `changes` reads its files side by side, bucket by bucket, as the fold does, and
//! writes them in the same order: memory is a bucket, a decoded batch per file and a row group.
//! Quarantine and ledgers have no such order: their joins are small and read whole.

use super::runs::{Run, runs};
use super::{Compacted, Duty, Gone, Kind, millis, or_elsewhere};
use crate::commit::Commit;
use crate::dataset::{Dataset, FOLD};
use crate::fold::{Pending, read_all};
use crate::log::{Add, Remove, TableState};
use crate::stage::{Staging, sort};
use crate::table::Table;
use huiliu_model::{Error, ErrorKind, system};
use serde_json::json;
use std::collections::BTreeSet;

/// Size that joined files of quarantine and ledgers may reach: a join is held in memory.
const PLAIN_GOAL_BYTES: i64 = 8 << 20;

impl Duty<'_> {
    /// Drops the files of `changes` whose newest row was committed longer ago than `land.retain`.
    pub(super) async fn drop_old(&mut self) -> Result<Gone, Error> {
        let (Kind::Changes, Some(dataset)) = (self.target.kind, self.target.dataset()) else {
            return Ok(Gone::default());
        };
        let (state, Some(waiting)) = folded(dataset).await? else { return Ok(Gone::default()) };
        let now_ms = dataset.changes.now_ms();
        let before_ms = now_ms.saturating_sub(millis(dataset.contract.land.retain));
        let old: Run = state
            .files
            .into_iter()
            .filter(|(path, file)| file.modification_time < before_ms && !waiting.contains(path))
            .collect();
        let gone = Gone {
            files: old.len(),
            bytes: old.iter().map(|(_, file)| file.size).sum(),
            rows: old.iter().filter_map(|(_, file)| file.rows).sum(),
        };
        if self.is_dry() || old.is_empty() {
            return Ok(gone);
        }
        let commit = Commit {
            operation: "DELETE",
            removes: old.iter().map(|(path, file)| Remove::of(path, file, now_ms)).collect(),
            ..Commit::default()
        };
        let what = json!({"drop": {"committed_before_ms": before_ms, "files": gone.files,
            "rows": gone.rows}});
        or_elsewhere(self.commit(commit, what).await.map(|()| gone))
    }

    /// Joins small files.
    pub(super) async fn compact(&mut self) -> Result<Compacted, Error> {
        let mut done = Compacted::default();
        for run in self.due().await? {
            if done.files_before + run.len() > self.bounds.files_max {
                break;
            }
            let planned = Compacted {
                files_before: run.len(),
                files_after: 1,
                bytes_before: run.iter().map(|(_, file)| file.size).sum(),
                bytes_after: 0,
                rows: run.iter().filter_map(|(_, file)| file.rows).sum(),
            };
            let joined = match self.is_dry() {
                true => planned,
                false => or_elsewhere(self.join(&run, planned).await)?,
            };
            done.files_before += joined.files_before;
            done.files_after += joined.files_after;
            done.bytes_before += joined.bytes_before;
            done.bytes_after += joined.bytes_after;
            done.rows += joined.rows;
        }
        Ok(done)
    }

    /// The runs of small files that are due.
    async fn due(&self) -> Result<Vec<Run>, Error> {
        let table = self.target.table();
        let now_ms = table.now_ms();
        match (self.target.kind, self.target.dataset()) {
            (Kind::Changes, Some(dataset)) => {
                let (state, Some(waiting)) = folded(dataset).await? else {
                    return Ok(Vec::new());
                };
                let files = state.files.into_iter().filter(|(path, _)| !waiting.contains(path));
                let goal = dataset.contract.land.file_target_bytes;
                Ok(runs(files.collect(), i64::try_from(goal).unwrap_or(i64::MAX), now_ms))
            }
            (Kind::Quarantine | Kind::Ledger, _) => {
                let state = table.refresh().await?;
                Ok(runs(state.files.into_iter().collect(), PLAIN_GOAL_BYTES, now_ms))
            }
            // A fold and a build write a bucket as one file.
            _ => Ok(Vec::new()),
        }
    }

    async fn join(&mut self, run: &Run, planned: Compacted) -> Result<Compacted, Error> {
        let table = self.target.table();
        let staged_at_ms = table.now_ms();
        let (mut add, rows) = match (self.target.kind, self.target.dataset()) {
            (Kind::Changes, Some(dataset)) => joined_changes(dataset, run).await?,
            _ => joined_plain(table, run).await?,
        };
        let counted: Option<i64> = run.iter().map(|(_, file)| file.rows).sum();
        if counted.is_some_and(|counted| counted != rows) {
            let text = format!("joined files of `{}` have {rows} rows, not theirs", table.path());
            return Err(Error::new(ErrorKind::Bug, text).help("nothing was changed"));
        }
        let newest = run.iter().map(|(_, file)| file.modification_time).max();
        add.modification_time = newest.unwrap_or(staged_at_ms);
        add.data_change = false;
        let bytes_after = add.size;
        let remove = |(path, file): &(String, _)| Remove {
            data_change: false,
            ..Remove::of(path, file, staged_at_ms)
        };
        let commit = Commit {
            operation: "OPTIMIZE",
            adds: vec![add],
            removes: run.iter().map(remove).collect(),
            staged_at_ms: Some(staged_at_ms),
            ..Commit::default()
        };
        self.commit(commit, json!({"join": {"files": run.len(), "rows": rows}})).await?;
        Ok(Compacted { bytes_after, rows, ..planned })
    }
}

/// `changes`, and the paths of its files that are not folded; none when the log does not tell.
async fn folded(dataset: &Dataset) -> Result<(TableState, Option<BTreeSet<String>>), Error> {
    let current = dataset.current.refresh().await?;
    let from = current.txns.get(FOLD).copied().unwrap_or(0);
    let changes = dataset.changes.refresh().await?;
    let added = dataset.changes.added_since(&changes, from).await?;
    let paths = added.map(|added| added.into_values().flatten().map(|(path, _)| path).collect());
    Ok((changes, paths))
}

async fn joined_changes(dataset: &Dataset, run: &Run) -> Result<(Add, i64), Error> {
    let (table, schema) = (&dataset.changes, &dataset.changes_schema);
    let mut by = vec![system::BUCKET];
    by.extend(dataset.contract.key_names());
    let mut files = Pending::open(table, schema, run).await?;
    let mut staging = Staging::begin(table, schema).await?;
    while let Some((_, rows)) = files.next_bucket().await? {
        staging.write(sort(&[rows], schema, &by)?).await?;
    }
    staging.finish(table).await
}

async fn joined_plain(table: &Table, run: &Run) -> Result<(Add, i64), Error> {
    let schema = table.schema().await?;
    let mut staging = Staging::begin(table, &schema).await?;
    staging.write(read_all(table, &schema, run).await?).await?;
    staging.finish(table).await
}
