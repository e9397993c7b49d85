//! One table version: what it adds and removes, what it accounts for, and the guard.
//!
//! A commit is a compare-and-swap. The guard is checked against the state at version n, and the
//! entry is created as version n+1 only if nobody else has created it. A lost answer is no
//! success and no failure: the log is read again, and first our own text in it, then the
//! recorded progress decides.
//!
//! | recorded progress | then |
//! |---|---|
//! | all at the end of what we cover | it was committed already: done |
//! | all at the start | ours to commit |
//! | anything else | someone else owns it: superseded |

use crate::chain::{CHAIN, Link, Tied, sm3};
use crate::error::store_error;
use crate::log::{Add, Line, Remove, TableState, Txn, commit_path, read_commit};
use crate::stop::is_stopped;
use crate::table::Table;
use huiliu_model::{Error, ErrorKind};
use object_store::{ObjectStore, PutMode, PutPayload};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// App id that every commit which removes files carries, so that any two of them conflict for
/// other writers too.
const REMOVERS: &str = "huiliu/removers";
/// Attempts before a commit gives up; each but the first waits.
const ATTEMPTS_MAX: u32 = 40;
const BACKOFF_MS: u64 = 20;
const BACKOFF_MS_MAX: u64 = 2_000;

/// Longest time from staging a file to its commit. What is older is refused here, and swept by
/// [`crate::maintain`] when nothing names it: a process that slept in between cannot commit files
/// that are gone.
pub const LONGEST_COMMIT_MS: i64 = 12 * 3_600_000;

/// What one version changes.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub operation: &'static str,
    pub adds: Vec<Add>,
    pub removes: Vec<Remove>,
    /// Progress: app id, the value that must be recorded now, and the value to record.
    pub progress: Vec<Step>,
    /// Kept in `commitInfo` under the key `huiliu`.
    pub receipt: Value,
    /// Replaces the table's metadata (a new schema).
    pub metadata: Option<crate::log::MetaData>,
    /// App id that records the version of this very commit.
    pub version_mark: Option<&'static str>,
    /// When the first of its files was staged, milliseconds since 1970 UTC, where the files tell
    /// another time.
    pub staged_at_ms: Option<i64>,
    /// What must be recorded under these app ids, or nothing.
    pub only_while: Vec<(String, Option<i64>)>,
    /// The version that this commit must follow.
    pub only_on: Option<i64>,
}

/// Progress of one app id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub app_id: String,
    /// `None`: nothing may be recorded yet.
    pub from: Option<i64>,
    pub to: i64,
    /// Nothing recorded is as good as `from`: the first commit of a partition records wherever
    /// its log begins.
    pub or_nothing: bool,
}

/// Bits of the random part of a turn: a lost answer and another writer's commit look alike once
/// in 2^40, and an `i64` holds the sum of millions of turns.
const TURN_BITS: u32 = 40;

impl Table {
    /// A step of a counter that several writers share, so that they take turns: of two that start
    /// from one value only one commits.
    ///
    /// The counter moves by a random number. Moved by one, both writers would end at the same
    /// value, and the slower one would take the other's commit for its own lost answer.
    pub(crate) fn turn(&self, app_id: &str, from: Option<i64>) -> Step {
        let random = (self.shared().ids)().as_u128() % (1 << TURN_BITS);
        let by = 1 + i64::try_from(random).unwrap_or(0);
        Step { app_id: app_id.to_owned(), from, to: from.unwrap_or(0) + by, or_nothing: false }
    }
}

/// A durable commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    pub version: i64,
    /// An earlier attempt, or another process with the same range, had committed it.
    pub already: bool,
    /// How often another version came first.
    pub conflicts: u32,
    /// The table says that its dataset stands still.
    pub stopped: bool,
}

enum Standing {
    Ours,
    Already,
    Superseded(String),
}

impl Table {
    /// Commits, or finds that it is committed already.
    ///
    /// # Errors
    /// `Superseded` when recorded progress is neither our start nor our end, or a file to remove
    /// is gone. `Unavailable` when the store does not answer: the outcome is unknown to the
    /// caller, who may call again with the same commit. Cancel-safe in the same sense.
    pub async fn commit(&self, commit: &Commit) -> Result<Committed, Error> {
        let mut state = self.lock_recent().await?;
        let mut conflicts = 0;
        let mut doubt: Option<(i64, Vec<u8>)> = None;
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                self.tail(&mut state).await?;
            }
            if let Some((version, body)) = doubt.take()
                && self.holds(version, &body).await?
            {
                let stopped = is_stopped(&state);
                return Ok(Committed { version, already: true, conflicts, stopped });
            }
            match standing(commit, &state, self.now_ms()) {
                Standing::Ours => {}
                Standing::Already => {
                    let stopped = is_stopped(&state);
                    return Ok(Committed {
                        version: state.version,
                        already: true,
                        conflicts,
                        stopped,
                    });
                }
                // Another process may have moved on since we last looked: look before we say so.
                Standing::Superseded(_) if attempt == 0 => continue,
                Standing::Superseded(why) => {
                    return Err(Error::new(
                        ErrorKind::Superseded,
                        format!("table `{}`: {why}", self.path()),
                    )
                    .help("another process owns this range; it is read again from the table"));
                }
            }
            let version = state.version + 1;
            self.know_receipt(&mut state).await?;
            let body = self.render(commit, &state)?;
            let path = commit_path(self.path(), version);
            let put = self.store().put_opts(
                &path,
                PutPayload::from(body.clone()),
                PutMode::Create.into(),
            );
            match put.await {
                Ok(_) => {
                    state.apply(version, &body)?;
                    let stopped = is_stopped(&state);
                    return Ok(Committed { version, already: false, conflicts, stopped });
                }
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. },
                ) => conflicts += 1,
                Err(e) if attempt + 1 == ATTEMPTS_MAX || !is_passing(&e) => {
                    return Err(store_error(&format!("commit to `{}`", self.path()), e));
                }
                Err(e) => tracing::warn!(table = %self.path(), error = %e, "commit not answered"),
            }
            doubt = Some((version, body));
            self.shared().clock.sleep(backoff(attempt, (self.shared().ids)().as_u128())).await;
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!("table `{}`: {ATTEMPTS_MAX} commits lost the race", self.path()),
        )
        .help("too many processes write this table; raise `land.commit_every`"))
    }

    /// Whether the log holds just this text as a version. Recorded progress alone does not tell:
    /// after a commit of ours whose answer was lost another writer may have moved on.
    async fn holds(&self, version: i64, body: &[u8]) -> Result<bool, Error> {
        let found = read_commit(self.store().as_ref(), self.path(), version).await?;
        Ok(found.is_some_and(|text| text == body))
    }

    /// The digest of the newest receipt, where the state was read from a checkpoint.
    async fn know_receipt(&self, state: &mut TableState) -> Result<(), Error> {
        if state.receipt_sm3.is_none() {
            let store = self.store().as_ref();
            let text = read_commit(store, self.path(), state.version).await?;
            state.receipt_sm3 = text.map(|text| Tied::of(&text).digest());
        }
        Ok(())
    }

    /// The text of the version after `state`: its receipt, tied to the one before, and its actions.
    fn render(&self, commit: &Commit, state: &TableState) -> Result<Vec<u8>, Error> {
        let (now, version) = (self.now_ms(), state.version + 1);
        let actions = to_lines(&actions(commit, version, now))?;
        let link = Link {
            table: state.metadata.as_ref().map_or_else(String::new, |m| m.id.clone()),
            version,
            previous: state.receipt_sm3.clone(),
            body: sm3(&actions),
        };
        let mut receipt = match &commit.receipt {
            Value::Object(fields) => fields.clone(),
            _ => Map::new(),
        };
        receipt.insert(CHAIN.to_owned(), json!(link));
        let info = json!({
            "timestamp": now,
            "operation": commit.operation,
            "operationParameters": {},
            "engineInfo": concat!("huiliu/", env!("CARGO_PKG_VERSION")),
            "huiliu": receipt,
        });
        let info = Line { commit_info: Some(info), ..Line::default() };
        Ok([to_lines(&[info])?, actions].concat())
    }
}

/// What a commit does, without its receipt.
fn actions(commit: &Commit, version: i64, now_ms: i64) -> Vec<Line> {
    let mut txns: Vec<(&str, i64)> =
        commit.progress.iter().map(|s| (s.app_id.as_str(), s.to)).collect();
    if !commit.removes.is_empty() {
        txns.push((REMOVERS, version));
    }
    txns.extend(commit.version_mark.map(|app_id| (app_id, version)));
    let metadata = commit.metadata.iter();
    let metadata = metadata.map(|m| Line { meta_data: Some(m.clone()), ..Line::default() });
    let txns = txns.into_iter().map(|(app_id, version)| {
        let txn = Txn { app_id: app_id.to_owned(), version, last_updated: Some(now_ms) };
        Line { txn: Some(txn), ..Line::default() }
    });
    let removes = commit.removes.iter();
    let removes = removes.map(|r| Line { remove: Some(r.clone()), ..Line::default() });
    let adds = commit.adds.iter().map(|a| Line { add: Some(a.clone()), ..Line::default() });
    metadata.chain(txns).chain(removes).chain(adds).collect()
}

/// One JSON object per line.
pub(crate) fn to_lines(lines: &[Line]) -> Result<Vec<u8>, Error> {
    let mut body = Vec::with_capacity(lines.len() * 256);
    for line in lines {
        serde_json::to_writer(&mut body, line).map_err(|e| {
            Error::new(ErrorKind::Bug, "an action cannot be written as JSON").because(e)
        })?;
        body.push(b'\n');
    }
    Ok(body)
}

fn standing(commit: &Commit, state: &TableState, now_ms: i64) -> Standing {
    let recorded = |step: &Step| state.txns.get(&step.app_id).copied();
    if !commit.progress.is_empty() && commit.progress.iter().all(|s| recorded(s) == Some(s.to)) {
        // A step that moves nothing proves nothing: only real progress tells "already".
        if commit.progress.iter().any(|s| s.from != Some(s.to)) {
            return Standing::Already;
        }
    }
    for step in &commit.progress {
        let recorded = recorded(step);
        if recorded != step.from && !(step.or_nothing && recorded.is_none()) {
            return Standing::Superseded(format!(
                "`{}` stands at {}, the commit starts at {}",
                step.app_id,
                position(recorded),
                position(step.from)
            ));
        }
    }
    let staged = commit.staged_at_ms.or(commit.adds.iter().map(|a| a.modification_time).min());
    if staged.is_some_and(|staged| now_ms - staged > LONGEST_COMMIT_MS) {
        let hours = LONGEST_COMMIT_MS / 3_600_000;
        return Standing::Superseded(format!("a file was staged more than {hours} hours ago"));
    }
    for (app_id, wanted) in &commit.only_while {
        let found = state.txns.get(app_id).copied();
        if found != *wanted {
            let (found, wanted) = (position(found), position(*wanted));
            return Standing::Superseded(format!("`{app_id}` stands at {found}, not at {wanted}"));
        }
    }
    if let Some(wanted) = commit.only_on.filter(|&wanted| wanted != state.version) {
        let why = format!("the commit follows version {wanted}, but there is {}", state.version);
        return Standing::Superseded(why);
    }
    match commit.removes.iter().find(|r| !state.files.contains_key(&r.path)) {
        Some(gone) => Standing::Superseded(format!("file `{}` is gone", gone.path)),
        None => Standing::Ours,
    }
}

fn position(recorded: Option<i64>) -> String {
    recorded.map_or_else(|| "nothing".to_owned(), |n| n.to_string())
}

/// Answers after which the same request may yet succeed.
fn is_passing(error: &object_store::Error) -> bool {
    use object_store::Error as E;
    !matches!(
        error,
        E::PermissionDenied { .. }
            | E::Unauthenticated { .. }
            | E::NotFound { .. }
            | E::NotSupported { .. }
            | E::NotImplemented { .. }
            | E::InvalidPath { .. }
    )
}

/// Full jitter: anything from nothing to the exponential step.
fn backoff(attempt: u32, random: u128) -> Duration {
    let step = (BACKOFF_MS << attempt.min(10)).min(BACKOFF_MS_MAX);
    let wait = u64::try_from(random % u128::from(step + 1)).unwrap_or(step);
    Duration::from_millis(wait)
}
