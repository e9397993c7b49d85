//! The way back: rows of rejects that pass now are committed to `changes`, exactly once.
//!
//! A replay is two commits, and the first one holds what the second will say:
//!
//! ```text
//!  read `changes` at a version ─► leave out what is there ─► stage ─► commit to `changes`
//!     its counter `repair` at n                     n → m, entries in the receipt │
//!                                                                                 ▼
//!  `ledger.repairs`: entries of every `repair` commit after those it has, its own step n → m
//! ```
//!
//! Every replay begins by bringing the ledger up to `changes`. So a process that dies between the
//! two commits loses nothing: whoever comes next writes the entries, once. Of two operators at
//! once one commit comes second; it reads again and finds the other's rows there.
//!
//! Rows keep the coordinates and the sequence of their record: in the fold they win and lose as
//! if they had been accepted at first. The progress of Kafka is not touched.

use super::Coordinate;
use super::entry::{self, Action, Entry, Outcome, REPAIRS, TITLE};
use super::known::{Known, Mark, mark, marks_of};
use crate::commit::{Commit, Step};
use crate::dataset::Dataset;
use crate::error::arrow_error;
use crate::lake::Lake;
use crate::landing::sorted_rows;
use crate::ledger::Ledger;
use crate::log::{Line, read_commit};
use crate::stage::stage;
use crate::truncate::Emptying;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use huiliu_model::{Error, ErrorKind};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// App id of replays in `changes`.
pub(crate) const REPAIR: &str = "repair";
/// Reason of a record whose key was deleted later and forgotten since.
const DELETED_SINCE: &str = "DELETED_SINCE";
/// Other replays that may come first before one gives up.
const OVERTAKEN_MAX: u32 = 20;

/// One record that was prepared again.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// One entry, or one for each repaired field; all with the outcome of preparing.
    pub entries: Vec<Entry>,
    pub kafka_time_us: i64,
}

/// Records prepared again, and the rows of those that passed.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// In the shape of `changes`, with the coordinates and sequences of their records.
    pub rows: Vec<RecordBatch>,
    pub attempts: Vec<Attempt>,
}

/// What a replay did.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// As they are, or would be, in the ledger; without the version of `changes`.
    pub entries: Vec<Entry>,
    /// Version of `changes` that holds the rows; none when no row was left to write.
    pub changes_version: Option<i64>,
    /// How often another process came first.
    pub overtaken: u32,
}

impl Replayed {
    /// Distinct records with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        let of = self.entries.iter().filter(|e| e.outcome == outcome);
        of.map(|e| (&e.kafka_topic, e.partition, e.offset)).collect::<HashSet<_>>().len()
    }
}

impl Lake {
    /// Commits what passes and writes the ledger. With `dry_run` nothing is written.
    ///
    /// # Errors
    /// As the store answers; `Superseded` only after many others came first.
    pub async fn replay(
        &self,
        dataset: &str,
        replay: &Replay,
        dry_run: bool,
    ) -> Result<Replayed, Error> {
        let mut overtaken = 0;
        loop {
            if dry_run {
                let dataset = self.dataset(dataset)?;
                return Ok(decide(&dataset, replay).await?.replayed);
            }
            self.settle_repairs(dataset).await?;
            match self.commit_replay(dataset, replay).await {
                Err(e) if e.kind == ErrorKind::Superseded && overtaken < OVERTAKEN_MAX => {
                    overtaken += 1;
                }
                Err(e) => return Err(e),
                Ok(done) if done.changes_version.is_some() => {
                    self.settle_repairs(dataset).await?;
                    return Ok(Replayed { overtaken, ..done });
                }
                Ok(done) => {
                    let fresh = self.fresh(dataset, &done.entries).await?;
                    self.note_repairs(dataset, &fresh).await?;
                    return Ok(Replayed { overtaken, ..done });
                }
            }
        }
    }

    /// The first of the two commits: rows to `changes`, unless nothing is left to write.
    ///
    /// # Errors
    /// `Superseded` when another replay came first: read again, it may have written the same.
    pub async fn commit_replay(&self, dataset: &str, replay: &Replay) -> Result<Replayed, Error> {
        let name = dataset;
        let dataset = self.dataset(name)?;
        let Decided { rows, mut replayed, from, emptied } = decide(&dataset, replay).await?;
        let Some(rows) = rows else { return Ok(replayed) };
        let fresh = self.fresh(name, &replayed.entries).await?;
        let late = emptied.late(&dataset, std::slice::from_ref(&rows))?;
        let rows = sorted_rows(&dataset, [vec![rows], late].concat()).await?;
        let mut commit = Commit {
            operation: "REPAIR",
            adds: vec![stage(&dataset.changes, rows, None).await?],
            progress: vec![dataset.changes.turn(REPAIR, from)],
            receipt: json!({ "repair": { "entries": fresh } }),
            ..Commit::default()
        };
        emptied.join(&mut commit);
        let done = dataset.changes.commit(&commit).await?;
        replayed.changes_version = Some(done.version);
        Ok(replayed)
    }

    /// The second: entries of every replay in `changes` that the ledger lacks. Harmless at any
    /// time; returns how many were written.
    ///
    /// # Errors
    /// As the store answers; `Superseded` only after many others came first.
    pub async fn settle_repairs(&self, dataset: &str) -> Result<usize, Error> {
        let tables = self.dataset(dataset)?;
        let app_id = settled_by(dataset);
        let mut overtaken = 0;
        loop {
            let Some(to) = tables.changes.progress().await?.get(REPAIR).copied() else {
                return Ok(0);
            };
            let ledger = self.repairs().await?;
            let from = ledger.progress().await?.get(&app_id).copied();
            if from == Some(to) {
                return Ok(0);
            }
            let entries = unsettled(&tables, from).await?;
            let rows = entry::to_batch(dataset, &entries)?;
            let step = Step { app_id: app_id.clone(), from, to, or_nothing: false };
            let receipt = json!({ "dataset": dataset, "rows": entries.len() });
            match ledger.append(rows, vec![step], receipt).await {
                Err(e) if e.kind == ErrorKind::Superseded && overtaken < OVERTAKEN_MAX => {
                    overtaken += 1;
                }
                Err(e) => return Err(e),
                Ok(done) => return Ok(if done.already { 0 } else { entries.len() }),
            }
        }
    }

    /// Writes entries that go with no commit to `changes`.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn note_repairs(&self, dataset: &str, entries: &[Entry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let rows = entry::to_batch(dataset, entries)?;
        self.repairs().await?.note(&rows).await.map(|_| ())
    }

    /// The entries that tell something new: not a second failure for the same reason under the
    /// same contract, and not that rows are there whose return the ledger has.
    async fn fresh(&self, dataset: &str, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
        if entries.iter().all(|e| e.outcome == Outcome::Accepted) {
            return Ok(entries.to_vec());
        }
        let Some(ledger) = self.existing_ledger(REPAIRS).await? else {
            return Ok(entries.to_vec());
        };
        let told = entry::of_batch(dataset, &ledger.rows().await?)?;
        let returned: HashSet<Coordinate> =
            told.iter().filter(|e| e.has_returned()).map(Entry::coordinate).collect();
        let failed = told.iter().filter(|e| e.outcome == Outcome::Rejected);
        let failed: HashSet<_> = failed.map(gist).collect();
        let is_new = |entry: &&Entry| match entry.outcome {
            Outcome::Accepted => true,
            Outcome::Already => !returned.contains(&entry.coordinate()),
            Outcome::Rejected => !failed.contains(&gist(entry)),
        };
        Ok(entries.iter().filter(is_new).cloned().collect())
    }

    async fn repairs(&self) -> Result<Ledger, Error> {
        self.ledger(REPAIRS, TITLE, entry::schema()).await
    }
}

/// What makes two failures the same.
fn gist(entry: &Entry) -> (Coordinate, Action, [&Option<String>; 4]) {
    let how = [&entry.reason_after, &entry.field, &entry.value_after, &entry.contract_sm3];
    (entry.coordinate(), entry.action, how)
}

/// What is left to write at one version of `changes`.
struct Decided {
    rows: Option<RecordBatch>,
    replayed: Replayed,
    /// The counter `repair` at that version.
    from: Option<i64>,
    /// What was emptied by then.
    emptied: Emptying,
}

async fn decide(dataset: &Dataset, replay: &Replay) -> Result<Decided, Error> {
    // One state gives both the rows that are looked through and the counter that guards them.
    let state = dataset.changes.refresh().await?;
    let known = Known::at(dataset, &state)?;
    let failed = |e| arrow_error("choosing rows to replay", e);
    let rows = concat_batches(&dataset.changes_schema, &replay.rows).map_err(failed)?;
    let marks: HashSet<Mark> = replay
        .attempts
        .iter()
        .flat_map(|a| a.entries.first().map(|e| mark(&e.coordinate(), a.kafka_time_us)))
        .collect();
    let present = known.present(&marks).await?;
    let dead = known.deleted_since(&rows, dataset.changes.now_ms() * 1_000).await?;
    let keep: BooleanArray = marks_of(&rows)?
        .iter()
        .map(|mark| Some(!present.contains(mark) && !dead.contains(mark)))
        .collect();
    let rows = filter_record_batch(&rows, &keep).map_err(failed)?;
    let mut entries = Vec::new();
    for attempt in &replay.attempts {
        for entry in &attempt.entries {
            let mut entry = entry.clone();
            let mark = mark(&entry.coordinate(), attempt.kafka_time_us);
            if present.contains(&mark) {
                entry.outcome = Outcome::Already;
                entry.reason_after = None;
            } else if dead.contains(&mark) {
                entry.outcome = Outcome::Rejected;
                entry.reason_after = Some(DELETED_SINCE.to_owned());
            }
            entries.push(entry);
        }
    }
    let topics: Vec<Arc<str>> = marks.iter().map(|mark| Arc::clone(&mark.kafka_topic)).collect();
    Ok(Decided {
        emptied: Emptying::at(dataset, &state, topics.iter()),
        rows: (rows.num_rows() > 0).then_some(rows),
        replayed: Replayed { entries, ..Replayed::default() },
        from: state.txns.get(REPAIR).copied(),
    })
}

/// App id in the ledger of repairs: the counter `repair` of a dataset that it has entries up to.
pub(crate) fn settled_by(dataset: &str) -> String {
    format!("changes/{dataset}")
}

/// Entries of the replays in the log of `changes` behind the counter's value `from`, oldest
/// first. The newest is nearly always the last commit, so the log is walked backwards.
async fn unsettled(dataset: &Dataset, from: Option<i64>) -> Result<Vec<Entry>, Error> {
    let table = &dataset.changes;
    let mut version = table.refresh().await?.version;
    let mut found: Vec<Vec<Entry>> = Vec::new();
    while version > 0 {
        let Some(text) = read_commit(table.store().as_ref(), table.path(), version).await? else {
            // Maintenance cuts the log only behind replays that the ledger has.
            break;
        };
        if let Some((counter, entries)) = repair_of(&text, version)? {
            if Some(counter) == from {
                break;
            }
            found.push(entries);
        }
        version -= 1;
    }
    Ok(found.into_iter().rev().flatten().collect())
}

/// The counter and the entries of a commit, if it is a replay.
fn repair_of(text: &[u8], version: i64) -> Result<Option<(i64, Vec<Entry>)>, Error> {
    let mut counter = None;
    let mut receipt = None;
    for line in text.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()) {
        let line: Line = serde_json::from_slice(line).map_err(|e| broken(version).because(e))?;
        if let Some(txn) = line.txn.filter(|t| t.app_id == REPAIR) {
            counter = Some(txn.version);
        }
        receipt = receipt.or(line.commit_info);
    }
    let Some(counter) = counter else { return Ok(None) };
    let entries = receipt.as_ref().and_then(|r| r.pointer("/huiliu/repair/entries"));
    let entries = entries.cloned().unwrap_or(Value::Null);
    let mut entries: Vec<Entry> =
        serde_json::from_value(entries).map_err(|e| broken(version).because(e))?;
    for entry in &mut entries {
        let landed = entry.outcome == Outcome::Accepted;
        entry.changes_version = landed.then_some(version);
    }
    Ok(Some((counter, entries)))
}

fn broken(version: i64) -> Error {
    Error::new(ErrorKind::Corrupt, format!("log version {version} holds no readable replay"))
        .help("another tool changed the log; restore it from before")
}
