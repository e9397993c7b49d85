//! Reading the log: the newest checkpoint, then each commit after it.

use crate::error::store_error;
use crate::log::action::Line;
use crate::log::checkpoint::{STATE, checkpoint_at};
use crate::log::state::TableState;
use huiliu_model::{Error, ErrorKind};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often a commit is read before an empty answer is an error.
const READS_MAX: usize = 3;

/// Path of the commit file of `version`.
pub fn commit_path(table: &Path, version: i64) -> Path {
    table.clone().join("_delta_log").join(format!("{version:020}.json"))
}

/// Path of the classic single-file checkpoint of `version`.
pub fn checkpoint_path(table: &Path, version: i64) -> Path {
    table.clone().join("_delta_log").join(format!("{version:020}.checkpoint.parquet"))
}

/// Loads the newest state; `None` when there is no table.
///
/// # Errors
/// As the store answers; `Corrupt` when the log contradicts itself.
pub async fn load(store: &Arc<dyn ObjectStore>, table: &Path) -> Result<Option<TableState>, Error> {
    let mut state = match hinted_checkpoint(store.as_ref(), table).await? {
        Some(version) => match checkpoint_at(store, table, version, &STATE).await? {
            Some(lines) => TableState::of_checkpoint(version, lines)?,
            None => beginning(store, table, version).await?,
        },
        None => TableState { version: -1, ..TableState::default() },
    };
    tail(store.as_ref(), table, &mut state).await?;
    if state.version < 0 {
        // A log that was cleaned begins with a checkpoint, and what names it may be lost.
        state = beginning(store, table, i64::MAX).await?;
        if state.version < 0 {
            return Ok(None);
        }
        tail(store.as_ref(), table, &mut state).await?;
    }
    if state.metadata.is_none() {
        return Err(Error::new(ErrorKind::Corrupt, format!("table `{table}` has no metadata")));
    }
    Ok(Some(state))
}

/// Loads the state at an earlier version, from the newest checkpoint before it; `None` when the
/// log does not reach back so far.
///
/// # Errors
/// As [`load`].
pub async fn load_at(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    version: i64,
) -> Result<Option<TableState>, Error> {
    let mut state = beginning(store, table, version).await?;
    while state.version < version {
        let next = state.version + 1;
        let Some(text) = read_commit(store.as_ref(), table, next).await? else { return Ok(None) };
        state.apply(next, &text)?;
    }
    Ok(Some(state))
}

/// The state of the newest whole checkpoint of at most this version, or that before the first
/// version.
async fn beginning(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    version: i64,
) -> Result<TableState, Error> {
    match newest_whole(store, table, version, &STATE).await? {
        Some((version, lines)) => TableState::of_checkpoint(version, lines),
        None => Ok(TableState { version: -1, ..TableState::default() }),
    }
}

/// The newest whole checkpoint of at most this version, and its actions of these kinds.
///
/// # Errors
/// As the store answers; `Corrupt` where none is whole and the log does not begin at version 0.
pub(super) async fn newest_whole(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    version: i64,
    kinds: &[&str],
) -> Result<Option<(i64, Vec<Line>)>, Error> {
    let log = versions(store.as_ref(), table).await?;
    for version in log.checkpoints.range(..=version).rev().copied() {
        if let Some(lines) = checkpoint_at(store, table, version, kinds).await? {
            return Ok(Some((version, lines)));
        }
    }
    if log.checkpoints.is_empty() || log.commits.contains(&0) || version < i64::MAX {
        return Ok(None);
    }
    // To take this for no table would make a new one in its place.
    let message = format!("no checkpoint of `{table}` is whole, and its log was cut behind them");
    Err(Error::new(ErrorKind::Corrupt, message)
        .help("restore a checkpoint from the store's older versions of it"))
}

/// Reads the commits after `state.version` until there are no more; returns how many.
///
/// # Errors
/// As [`load`].
pub async fn tail(
    store: &dyn ObjectStore,
    table: &Path,
    state: &mut TableState,
) -> Result<usize, Error> {
    let mut read = 0;
    loop {
        let next = state.version + 1;
        let Some(text) = read_commit(store, table, next).await? else { return Ok(read) };
        state.apply(next, &text)?;
        read += 1;
    }
}

/// Text of one commit; `None` when that version does not exist.
///
/// A commit is never empty, but some stores answer with nothing when a connection breaks: what is
/// empty is asked for again, and never believed.
pub async fn read_commit(
    store: &dyn ObjectStore,
    table: &Path,
    version: i64,
) -> Result<Option<bytes::Bytes>, Error> {
    let path = commit_path(table, version);
    let failed = |error| store_error(&format!("reading the log of `{table}`"), error);
    for _ in 0..READS_MAX {
        let found = match store.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let text = found.bytes().await.map_err(failed)?;
        if !text.is_empty() {
            return Ok(Some(text));
        }
    }
    let message = format!("`{path}`: the store answers with nothing, and a commit is never empty");
    Err(Error::new(ErrorKind::Unavailable, message)
        .help("if it stays so, the object was cut off: restore it from the store's older versions"))
}

/// Version of the checkpoint that `_last_checkpoint` names, if it is really there.
///
/// # Errors
/// As the store answers.
pub async fn hinted_checkpoint(
    store: &dyn ObjectStore,
    table: &Path,
) -> Result<Option<i64>, Error> {
    let hint = table.clone().join("_delta_log").join("_last_checkpoint");
    let text = match store.get(&hint).await {
        Ok(found) => found.bytes().await.map_err(|e| store_error("reading a checkpoint", e))?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(e) => return Err(store_error(&format!("opening table `{table}`"), e)),
    };
    let version =
        serde_json::from_slice::<Value>(&text).ok().and_then(|v| v.get("version")?.as_i64());
    let Some(version) = version else { return Ok(None) };
    match store.head(&checkpoint_path(table, version)).await {
        Ok(_) => Ok(Some(version)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(e) => Err(store_error("reading a checkpoint", e)),
    }
}

/// Versions that the log has objects of.
#[derive(Debug, Default)]
pub struct Versions {
    pub commits: BTreeSet<i64>,
    pub checkpoints: BTreeSet<i64>,
}

/// Lists the log.
///
/// # Errors
/// As the store answers.
pub async fn versions(store: &dyn ObjectStore, table: &Path) -> Result<Versions, Error> {
    let folder = table.clone().join("_delta_log");
    let failed = |e| store_error(&format!("listing the log of `{table}`"), e);
    let listed = store.list_with_delimiter(Some(&folder)).await.map_err(failed)?;
    let names = || listed.objects.iter().filter_map(|object| object.location.filename());
    let of = |end: &str| names().filter_map(|n| n.strip_suffix(end)?.parse().ok()).collect();
    Ok(Versions { commits: of(".json"), checkpoints: of(".checkpoint.parquet") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn an_empty_commit_is_an_answer_that_broke_off() {
        let (store, table) = (InMemory::new(), Path::from("changes/a"));
        let missing = read_commit(&store, &table, 0).await.expect("an answer");
        assert!(missing.is_none());
        store.put(&commit_path(&table, 0), bytes::Bytes::new().into()).await.expect("put");
        let error = read_commit(&store, &table, 0).await.expect_err("nothing is no commit");
        assert_eq!(error.kind, ErrorKind::Unavailable);
        let place = "changes/a/_delta_log/00000000000000000000.json";
        assert!(error.message.contains(place), "{}", error.message);
    }
}
