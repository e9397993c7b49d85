//! Landing a batch: its rejects first, then its rows, each with the same progress.
//!
//! The two tables need no common transaction. Rejects go first; when the process dies in between,
//! the batch is read again, and rejects below quarantine's own progress are not written twice.

use crate::commit::{Commit, Committed, Step};
use crate::dataset::Dataset;
use crate::lake::Lake;
use crate::receipt::quality;
use crate::stage::{sort, stage};
use crate::table::Table;
use crate::truncate::Emptying;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, Int64Type};
use async_trait::async_trait;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, Covers, DriftNote, Error, ErrorKind};
use huiliu_model::{Partition, Progress, Standing, Stop, compute, system};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Landings that other processes may overtake before one that meets a truncate gives up.
const OVERTAKEN_MAX: u32 = 20;

#[async_trait]
impl Landing for Lake {
    async fn progress(&self, dataset: &str, partitions: &[Partition]) -> Result<Progress, Error> {
        let tables = self.dataset(dataset)?;
        let recorded = tables.changes.progress().await?;
        let mut progress = Progress::default();
        for partition in partitions {
            if let Some(&next) = recorded.get(&app_id(partition)) {
                progress.set(partition.clone(), next);
            }
        }
        Ok(progress)
    }

    async fn land(&self, batch: &Batch) -> Result<Landed, Error> {
        batch.check_balance().map_err(|why| Error::new(ErrorKind::Bug, why))?;
        let tables = self.dataset(&batch.dataset)?;
        land_rejects(&tables, batch).await?;
        land_rows(&tables, batch).await
    }

    async fn standing(&self, dataset: &str) -> Result<Standing, Error> {
        self.dataset(dataset)?.standing().await
    }

    async fn stop(&self, stop: &Stop) -> Result<(), Error> {
        self.dataset(&stop.dataset)?.stop(stop).await
    }

    async fn note_drift(&self, notes: &[DriftNote]) -> Result<(), Error> {
        self.note_drifts(notes).await
    }
}

/// Progress app id of a partition.
pub fn app_id(partition: &Partition) -> String {
    partition.to_string()
}

fn receipt(batch: &Batch, tables: &Dataset) -> Value {
    let covers: BTreeMap<String, [i64; 2]> =
        batch.covers.0.iter().map(|(p, r)| (p.to_string(), [r.start, r.end])).collect();
    let t = &batch.tally;
    json!({
        "covers": covers,
        "tally": {
            "accepted": t.accepted, "rejected": t.rejected, "tombstones": t.tombstones,
            "control": t.control, "gaps": t.gaps,
        },
        "rows": batch.row_count(),
        "quality": quality(&batch.quality, &tables.contract),
        "contract_sm3": tables.contract_sm3,
        "newest_record_ms": batch.newest_record_ms,
    })
}

/// From the start of each range to its end.
fn steps(covers: &Covers) -> Vec<Step> {
    let step = |(partition, range): (&Partition, &Range<i64>)| Step {
        app_id: app_id(partition),
        from: Some(range.start),
        to: range.end,
        or_nothing: true,
    };
    covers.0.iter().map(step).collect()
}

/// Lands the rows. Where another process landed a truncate meanwhile, or anything while this one
/// lands a truncate, the deletes that belong to it are worked out once more.
async fn land_rows(tables: &Arc<Dataset>, batch: &Batch) -> Result<Landed, Error> {
    let mut overtaken = 0;
    loop {
        let emptying = Emptying::of(tables, batch).await?;
        match land_once(tables, batch, &emptying).await {
            Err(e) if e.kind == ErrorKind::Superseded && overtaken < OVERTAKEN_MAX => {
                if !emptying.is_stale(&tables.changes.refresh().await?) {
                    return Err(e);
                }
                overtaken += 1;
            }
            done => return done,
        }
    }
}

async fn land_once(tables: &Dataset, batch: &Batch, emptying: &Emptying) -> Result<Landed, Error> {
    let table = &tables.changes;
    let mut commit = Commit {
        operation: "WRITE",
        progress: steps(&batch.covers),
        receipt: receipt(batch, tables),
        ..Commit::default()
    };
    let mut file_bytes = 0;
    emptying.join(&mut commit);
    let late = emptying.late(tables, &batch.rows)?;
    if batch.row_count() > 0 {
        let rows = sorted_rows(tables, [batch.rows.clone(), late].concat()).await?;
        let add = stage(table, rows, None).await?;
        file_bytes = u64::try_from(add.size).unwrap_or(0);
        commit.adds.push(add);
    }
    let done = table.commit(&commit).await?;
    let Committed { version, already, stopped, .. } = done;
    Ok(Landed { table_version: version, file_bytes, already, stopped })
}

/// Rows of a file lie by bucket, then key: the fold merges files without sorting them again.
pub(crate) async fn sorted_rows(
    tables: &Dataset,
    rows: Vec<RecordBatch>,
) -> Result<RecordBatch, Error> {
    let schema = Arc::clone(&tables.changes_schema);
    let contract = Arc::clone(&tables.contract);
    compute(move || {
        let mut by = vec![system::BUCKET];
        by.extend(contract.key_names());
        sort(&rows, &schema, &by)
    })
    .await
    .map_err(|e| Error::new(ErrorKind::Bug, "sorting a batch stopped").because(e))?
}

async fn land_rejects(tables: &Dataset, batch: &Batch) -> Result<(), Error> {
    if batch.rejects.is_empty() {
        return Ok(());
    }
    let table = &tables.quarantine;
    let recorded = table.progress().await?;
    let Some(rows) = unseen_rejects(batch, &recorded)? else { return Ok(()) };
    // Quarantine moves only when something was rejected, so its progress may lag behind ours but
    // never starts in the future: it steps from what it has to the end of this batch.
    let progress = batch
        .covers
        .0
        .iter()
        .map(|(partition, range)| {
            let app_id = app_id(partition);
            let from = recorded.get(&app_id).copied();
            Step { app_id, from, to: range.end.max(from.unwrap_or(range.end)), or_nothing: false }
        })
        .collect();
    let adds_rows = rows.num_rows();
    let add = stage(table, rows, None).await?;
    let commit = Commit {
        operation: "WRITE",
        adds: vec![add],
        progress,
        receipt: json!({ "rejects": adds_rows }),
        ..Commit::default()
    };
    commit_rejects(table, &commit).await
}

async fn commit_rejects(table: &Table, commit: &Commit) -> Result<(), Error> {
    match table.commit(commit).await {
        Ok(_) => Ok(()),
        Err(e) if e.kind == ErrorKind::Superseded => {
            Err(e.help("another process wrote rejects of these partitions; progress is read again"))
        }
        Err(e) => Err(e),
    }
}

/// The rejects that quarantine does not hold yet; `None` when it has them all.
fn unseen_rejects(
    batch: &Batch,
    recorded: &BTreeMap<String, i64>,
) -> Result<Option<RecordBatch>, Error> {
    let failed = |e| crate::error::arrow_error("joining rejects", e);
    let schema = batch.rejects[0].schema();
    let all = concat_batches(&schema, &batch.rejects).map_err(failed)?;
    let column = |name: &str| {
        all.column_by_name(name)
            .ok_or_else(|| Error::new(ErrorKind::Bug, format!("rejects lack column `{name}`")))
    };
    let topics = column("kafka_topic")?.as_string::<i32>();
    let partitions = column(system::PARTITION)?.as_primitive::<Int32Type>();
    let offsets = column(system::OFFSET)?.as_primitive::<Int64Type>();
    let keep: BooleanArray = (0..all.num_rows())
        .map(|row| {
            let id = format!("{}/{}", topics.value(row), partitions.value(row));
            Some(recorded.get(&id).is_none_or(|&next| offsets.value(row) >= next))
        })
        .collect();
    if keep.true_count() == 0 {
        return Ok(None);
    }
    if keep.true_count() == keep.len() {
        return Ok(Some(all));
    }
    filter_record_batch(&all, &keep).map(Some).map_err(failed)
}
