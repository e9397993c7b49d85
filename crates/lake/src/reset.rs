//! Moving recorded progress by hand, past records that are gone for good.
//!
//! The only way progress ever moves without records: a person decides, and the commit says so.
//! Quarantine goes first, so that after dying in between the same command can be given again.

use crate::commit::{Commit, Step};
use crate::dataset::Dataset;
use crate::landing::app_id;
use huiliu_model::{Error, Partition};
use serde_json::json;

/// A reset as it was, or would be, done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    pub partition: Partition,
    /// Recorded before; `None` when nothing was.
    pub from: Option<i64>,
    pub to: i64,
}

impl Dataset {
    /// Sets the first offset still needed of `partition` to `to`, and says what it was.
    ///
    /// `why` is kept in the commit. With `dry_run` nothing is written.
    ///
    /// # Errors
    /// `Superseded` when a running process commits this partition meanwhile.
    pub async fn reset_offset(
        &self,
        partition: &Partition,
        to: i64,
        why: &str,
        dry_run: bool,
    ) -> Result<Reset, Error> {
        let app_id = app_id(partition);
        let from = self.changes.progress().await?.get(&app_id).copied();
        let reset = Reset { partition: partition.clone(), from, to };
        if dry_run {
            return Ok(reset);
        }
        for table in [&self.quarantine, &self.changes] {
            let recorded = table.progress().await?.get(&app_id).copied();
            // Quarantine may be ahead of `changes`, by a batch that died between its two commits.
            // What it has of that batch it has, unless the offsets begin anew.
            let ahead =
                recorded.filter(|recorded| from.is_none_or(|from| from <= to && to < *recorded));
            let to = ahead.unwrap_or(to);
            if recorded == Some(to) {
                continue;
            }
            let commit = Commit {
                operation: "RESET OFFSET",
                progress: vec![Step {
                    app_id: app_id.clone(),
                    from: recorded,
                    to,
                    or_nothing: false,
                }],
                receipt: json!({"reset": {"partition": app_id, "from": recorded, "to": to,
                    "why": why}}),
                ..Commit::default()
            };
            table.commit(&commit).await?;
        }
        Ok(reset)
    }
}
