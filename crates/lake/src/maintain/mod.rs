//! Maintenance: small files are joined, old changes dropped, files that no kept version names
//! deleted, and the log cut behind a checkpoint.
//!
//! Nothing here can hurt a table, whoever else works on it and wherever a process dies:
//!
//! - Joining and dropping are commits like all others: every file to be removed must be live in
//!   the version before, or the commit is given up. A join has the rows of its files, counted
//!   before it is committed. Only folded files of `changes` are touched, so the fold and a view
//!   merged on read never look for one that is gone.
//! - A file is deleted only when neither the newest version nor the oldest kept one names it, and
//!   when it is so old by the store's own clock that no commit may name it any more
//!   ([`LONGEST_COMMIT_MS`], which each commit checks) and no reader still holds a version that
//!   did. A commit comes first: it takes the next version, so a writer that slept has to look
//!   again, and it records the oldest version that stays whole ([`KEPT`]).
//! - The log is cut only behind a checkpoint that was read again, and never past what the ledger
//!   has not posted or the fold has not reached.
//!
//! | step | what goes | until when it stays |
//! |---|---|---|
//! | compact | small files, joined | as any removed file |
//! | drop | files of `changes` older than `land.retain` and folded | as any removed file |
//! | sweep | files that no kept version names | `keep_versions` + `longest_reader` + 13 h |
//! | clean | log entries and checkpoints | `keep_log`, and behind a checkpoint |

mod clean;
mod compact;
mod listing;
mod runs;
mod sweep;
mod target;

use crate::commit::{Commit, LONGEST_COMMIT_MS};
use crate::lake::Lake;
use crate::log::MAINTENANCE;
use huiliu_model::{Error, ErrorKind};
use listing::Listing;
use serde_json::{Value, json};
use std::ops::Range;
use std::time::Duration;
pub use target::{Kind, Target};

/// App id of the oldest version whose files are all kept.
pub const KEPT: &str = "huiliu/kept";
/// App id by which those who maintain a table take turns: of two owners of the lease, one of whom
/// slept, only one commits.
const MAINTAINER: &str = "huiliu/maintainer";
/// Name of the lease of those who maintain a lake. One lease is enough: whoever has it owns every
/// table, and a round is short beside the time between two.
pub const LEASE: &str = "maintenance";
/// How long the lease lasts; it is renewed before each table.
pub const LEASE_LASTS: Duration = Duration::from_secs(60);
/// Least time that log entries are kept: a process that did not look at a table for half of it
/// reads the table anew.
pub const KEEP_LOG_MIN: Duration = Duration::from_secs(86_400);
/// How far the clocks of processes and store may be apart.
const SKEW_MS: i64 = 3_600_000;
/// Versions between two checkpoints of a table's log, unless [`Bounds`] say otherwise.
const CHECKPOINT_EVERY: i64 = 50;

/// How long what is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A version can be opened this long after it was the newest.
    pub keep_versions: Duration,
    /// A reader may hold a version this long after it opened it.
    pub longest_reader: Duration,
    /// Log entries are kept this long.
    pub keep_log: Duration,
    /// Files joined, or deleted, of a table in one round.
    pub files_max: usize,
    /// Versions between two checkpoints of a table's log.
    pub checkpoint_every: i64,
}

impl Default for Bounds {
    /// A day and a working day's reading; a week of log. A round is bounded so that it ends
    /// within minutes on a store that deletes 100 objects a second.
    fn default() -> Self {
        Self {
            keep_versions: Duration::from_secs(86_400),
            longest_reader: Duration::from_secs(6 * 3_600),
            keep_log: Duration::from_secs(7 * 86_400),
            files_max: 10_000,
            checkpoint_every: CHECKPOINT_EVERY,
        }
    }
}

impl Bounds {
    /// How long after its removal a file is kept.
    fn removed_ms(&self) -> i64 {
        millis(self.keep_versions).saturating_add(millis(self.longest_reader))
    }

    /// How long after it was written a file is kept that nothing names.
    fn unnamed_ms(&self) -> i64 {
        self.removed_ms().saturating_add(LONGEST_COMMIT_MS + SKEW_MS)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// What a round did to one table, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upkeep {
    pub table: String,
    pub compacted: Compacted,
    pub dropped: Gone,
    pub swept: Gone,
    /// Versions that could be opened before the sweep and cannot be afterwards.
    pub unreachable: Range<i64>,
    /// Log entries and checkpoints.
    pub cleaned: Gone,
    /// A checkpoint was due and written.
    pub checkpointed: bool,
}

/// Small files that were joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    pub files_before: usize,
    pub files_after: usize,
    pub bytes_before: i64,
    /// Zero in a dry run: only writing tells.
    pub bytes_after: i64,
    pub rows: i64,
}

/// Objects that went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    pub files: usize,
    pub bytes: i64,
    /// Rows that went with them; only of dropped changes.
    pub rows: i64,
}

impl Upkeep {
    /// Whether there was nothing to do.
    pub fn is_nothing(&self) -> bool {
        let nothing = Upkeep { table: self.table.clone(), ..Upkeep::default() };
        *self == Upkeep { unreachable: self.unreachable.clone(), ..nothing }
    }
}

/// The work on one table.
struct Duty<'a> {
    target: &'a Target,
    bounds: &'a Bounds,
    /// Term of the lease; none when nothing is changed.
    term: Option<u64>,
    /// What is recorded for [`MAINTAINER`], as far as we know.
    turn: Option<i64>,
}

impl Duty<'_> {
    fn is_dry(&self) -> bool {
        self.term.is_none()
    }

    /// Commits, unless another owner of the lease committed since this work began.
    async fn commit(&mut self, mut commit: Commit, what: Value) -> Result<(), Error> {
        let table = self.target.table();
        let step = table.turn(MAINTAINER, self.turn);
        let to = step.to;
        commit.progress.push(step);
        commit.receipt = json!({MAINTENANCE: {"term": self.term, "did": what}});
        table.commit(&commit).await?;
        self.turn = Some(to);
        Ok(())
    }
}

impl Lake {
    /// Does what is due on one table as owner of the lease in this term; without one it changes
    /// nothing and says what would be done.
    ///
    /// # Errors
    /// As the store answers; `Superseded` when another process removed one of the files, or
    /// maintained the table, first. What was done stays done, and the rest is due again.
    pub async fn maintain(
        &self,
        target: &Target,
        bounds: &Bounds,
        term: Option<u64>,
    ) -> Result<Upkeep, Error> {
        let table = target.table();
        let turn = table.progress().await?.get(MAINTAINER).copied();
        let mut duty = Duty { target, bounds, term, turn };
        let dropped = duty.drop_old().await?;
        let compacted = duty.compact().await?;
        let now_ms = self.store_now_ms().await?;
        let listing = Listing::of(table).await?;
        let (swept, unreachable) = duty.sweep(&listing, now_ms).await?;
        let checkpointed = match duty.is_dry() {
            true => false,
            false => table.checkpoint_if_due(bounds.checkpoint_every).await?,
        };
        let needed = self.needed(target).await?;
        let cleaned = duty.clean(&listing, now_ms, &needed).await?;
        let table = target.name.clone();
        Ok(Upkeep { table, compacted, dropped, swept, unreachable, cleaned, checkpointed })
    }
}

/// Another process that did the same is no failure.
fn or_elsewhere<T: Default>(done: Result<T, Error>) -> Result<T, Error> {
    match done {
        Err(e) if e.kind == ErrorKind::Superseded => Ok(T::default()),
        other => other,
    }
}
