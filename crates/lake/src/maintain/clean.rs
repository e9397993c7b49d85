//! Cutting the log behind a checkpoint.

use super::listing::{Listing, Object, delete};
use super::sweep::sum;
use super::target::Needed;
use super::{Duty, Gone, KEEP_LOG_MIN, millis};
use crate::log::hinted_checkpoint;
use huiliu_model::Error;

impl Duty<'_> {
    /// Deletes the log entries and checkpoints before the newest checkpoint that is old enough
    /// and has behind it all that is needed. That checkpoint and its own log entry stay.
    pub(super) async fn clean(
        &self,
        listing: &Listing,
        now_ms: i64,
        needed: &Needed,
    ) -> Result<Gone, Error> {
        let table = self.target.table();
        let newest = listing.commits.keys().next_back().copied().unwrap_or(0);
        let keep = millis(self.bounds.keep_log.max(KEEP_LOG_MIN)).max(self.bounds.removed_ms());
        let floor = listing.newest_at(now_ms - keep, newest).min(needed.after);
        for (&first, _) in listing.checkpoints.range(..=floor).rev() {
            let commits = listing.commits.range(..first);
            let commits = commits.filter(|(version, _)| !needed.also.contains(version));
            let checkpoints = listing.checkpoints.range(..first);
            let gone: Vec<Object> = checkpoints.chain(commits).map(|(_, o)| o.clone()).collect();
            if gone.is_empty() || table.has_whole_checkpoint(first).await? {
                return self.cut(first, gone).await;
            }
        }
        Ok(Gone::default())
    }

    async fn cut(&self, first: i64, gone: Vec<Object>) -> Result<Gone, Error> {
        let table = self.target.table();
        if gone.is_empty() || self.is_dry() {
            return Ok(sum(&gone));
        }
        // What opens the table must not depend on what goes.
        let hinted = hinted_checkpoint(table.store().as_ref(), table.path()).await?;
        if hinted.is_none_or(|hinted| hinted < first) {
            return Ok(Gone::default());
        }
        delete(table.store().as_ref(), &gone).await?;
        Ok(sum(&gone))
    }
}
