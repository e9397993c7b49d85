//! Cutting the log behind a checkpoint.

use super::listing::{Listing, Object, delete};
use super::sweep::sum;
use super::target::Needed;
use super::{Duty, Gone, KEEP_LOG_MIN, millis};
use crate::log::hinted_checkpoint;
use huiliu_model::{Error, ErrorKind};

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
        let Some((&first, _)) = listing.checkpoints.range(..=floor).next_back() else {
            return Ok(Gone::default());
        };
        let commits = listing.commits.range(..first);
        let commits = commits.filter(|(version, _)| !needed.also.contains(version));
        let checkpoints = listing.checkpoints.range(..first);
        let gone: Vec<Object> = checkpoints.chain(commits).map(|(_, o)| o.clone()).collect();
        if gone.is_empty() || self.is_dry() {
            return Ok(sum(&gone));
        }
        // What opens the table must not depend on what goes.
        let hinted = hinted_checkpoint(table.store().as_ref(), table.path()).await?;
        if hinted.is_none_or(|hinted| hinted < first) {
            return Ok(Gone::default());
        }
        if table.state_at(first).await?.is_none_or(|state| state.metadata.is_none()) {
            let text = format!("checkpoint {first} of table `{}` is not whole", table.path());
            return Err(Error::new(ErrorKind::Corrupt, text)
                .help("the log is left as it is; delete that checkpoint"));
        }
        delete(table.store().as_ref(), &gone).await?;
        Ok(sum(&gone))
    }
}
