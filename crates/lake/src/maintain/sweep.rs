//! The sweep: files that no kept version names are deleted.
//!
//! ```text
//!  staged ─ longest commit ─► added ───► removed ─ keep_versions ─ longest_reader ─► gone
//!  staged ─ longest commit, keep_versions, longest_reader ─────────────────────────► gone
//! ```
//!
//! Files that were added and removed since the oldest kept version are younger than the bound of
//! files that nothing names, so two versions are enough to ask: the newest and the oldest kept.

use super::listing::{Listing, Object, delete};
use super::{Duty, Gone, KEPT};
use crate::commit::{Commit, Step};
use crate::log::TableState;
use crate::table::Table;
use huiliu_model::Error;
use object_store::path::Path;
use serde_json::json;
use std::collections::HashSet;
use std::ops::Range;

impl Duty<'_> {
    /// Deletes what no kept version names; says what, and which versions cannot be opened any
    /// more for it.
    pub(super) async fn sweep(
        &mut self,
        listing: &Listing,
        now_ms: i64,
    ) -> Result<(Gone, Range<i64>), Error> {
        let table = self.target.table();
        let state = table.refresh().await?;
        let since_ms = now_ms - self.bounds.removed_ms();
        let Some(oldest) = oldest_kept(table, listing, &state, since_ms).await? else {
            return Ok(Default::default());
        };
        let named = names(table, [&state, &oldest]);
        let before_ms = now_ms - self.bounds.unnamed_ms();
        let unnamed = |o: &&Object| o.at_ms < before_ms && !named.contains(&o.path);
        let mut gone: Vec<Object> = listing.data.iter().filter(unnamed).cloned().collect();
        gone.sort_by_key(|object| object.at_ms);
        gone.truncate(self.bounds.files_max);
        if gone.is_empty() {
            return Ok(Default::default());
        }
        let recorded = state.txns.get(KEPT).copied();
        let kept = oldest.version.max(recorded.unwrap_or(0));
        if !self.is_dry() {
            self.mark(recorded, kept, gone.len()).await?;
            // Nobody can have added one of them since: it is older than the longest commit.
            let live = names(table, [&table.refresh().await?]);
            gone.retain(|object| !live.contains(&object.path));
            delete(table.store().as_ref(), &gone).await?;
        }
        let first = recorded.unwrap_or_else(|| first_whole(listing)).min(kept);
        Ok((sum(&gone), first..kept))
    }

    /// Takes a version of the table before anything is deleted, and records what is kept.
    async fn mark(&mut self, from: Option<i64>, to: i64, files: usize) -> Result<(), Error> {
        let step = Step { app_id: KEPT.to_owned(), from, to, or_nothing: false };
        let commit = Commit { operation: "VACUUM", progress: vec![step], ..Commit::default() };
        self.commit(commit, json!({"sweep": {"files": files, "kept_from": to}})).await
    }
}

/// The state at the oldest version that is kept; `None` when the log does not tell.
async fn oldest_kept(
    table: &Table,
    listing: &Listing,
    state: &TableState,
    since_ms: i64,
) -> Result<Option<TableState>, Error> {
    let version = listing.newest_at(since_ms, state.version);
    if version >= state.version {
        return Ok(Some(state.clone()));
    }
    if let Some(found) = table.state_at(version).await? {
        return Ok(Some(found));
    }
    // The log was cut behind that version: it cannot be opened any more.
    match listing.checkpoints.range(version..).next() {
        Some((&checkpoint, _)) => table.state_at(checkpoint).await,
        None => Ok(None),
    }
}

/// The first version that the log can still tell of.
fn first_whole(listing: &Listing) -> i64 {
    match listing.commits.contains_key(&0) {
        true => 0,
        false => listing.checkpoints.keys().next().copied().unwrap_or(0),
    }
}

fn names<'a>(table: &Table, states: impl IntoIterator<Item = &'a TableState>) -> HashSet<Path> {
    let paths = states.into_iter().flat_map(|state| state.files.keys());
    paths.map(|relative| table.file(relative)).collect()
}

pub(super) fn sum(objects: &[Object]) -> Gone {
    Gone { files: objects.len(), bytes: objects.iter().map(|o| o.bytes).sum(), rows: 0 }
}
