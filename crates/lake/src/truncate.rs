//! Truncates: a table emptied at its source, told in `changes` as deletes.
//!
//! A truncate names no key. It is the delete of every key whose newest change is not later than
//! it. Keys that are known when it lands get a delete in its own commit. An older change that
//! comes afterwards, from another partition, gets its delete in the commit that brings it: the
//! position of the last truncate stands in the log as progress. So `changes` alone says what
//! happened, and nothing that reads it has to know of truncates.
//!
//! These deletes have the ordinal [`system::TRUNCATED`] and count as no record. A key may get one
//! that is gone already, or newer: the highest sequence wins, as always.
//!
//! Memory is one file's keys and [`ROWS_PER_FILE`] deletes.

use crate::commit::{Commit, Step};
use crate::dataset::Dataset;
use crate::error::arrow_error;
use crate::landing::sorted_rows;
use crate::log::{Add, FileMeta, TableState};
use crate::lookup::columns_of;
use crate::merged::Pinned;
use crate::stage::{named, stage};
use crate::table::Table;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use huiliu_model::{Batch, Error, Truncate, system};
use std::sync::Arc;

/// Progress app ids of the last truncate, in `changes`.
const EPOCH: &str = "truncated.epoch";
const SEQ: &str = "truncated.seq";
const ROWS_PER_FILE: usize = 200_000;

/// Position of a truncate: what is not later is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    epoch: i64,
    seq: i64,
}

impl Mark {
    /// That of the last truncate that landed.
    pub fn recorded(changes: &TableState) -> Option<Self> {
        let found = |app_id: &str| changes.txns.get(app_id).copied();
        Some(Self { epoch: found(EPOCH)?, seq: found(SEQ)? })
    }

    fn of(truncate: &Truncate) -> Self {
        Self { epoch: truncate.epoch, seq: truncate.seq }
    }
}

/// What landing a batch has to add, at a version of `changes`.
pub(crate) struct Emptying {
    /// The last truncate before this batch.
    recorded: Option<Mark>,
    /// That of this batch, if it is later.
    raised: Option<Mark>,
    /// The version of `changes` whose keys were deleted.
    version: Option<i64>,
    adds: Vec<Add>,
    deletes: u64,
}

impl Emptying {
    /// Works out the deletes of keys that are known by now; files are staged for them.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn of(tables: &Arc<Dataset>, batch: &Batch) -> Result<Self, Error> {
        let recorded = Mark::recorded(&*tables.changes.lock_recent().await?);
        let mut emptying = Self { recorded, raised: None, version: None, adds: vec![], deletes: 0 };
        let Some(truncate) = &batch.truncate else { return Ok(emptying) };
        let pinned = Pinned::of(Arc::clone(tables)).await?;
        emptying.recorded = Mark::recorded(&pinned.changes);
        if Some(Mark::of(truncate)) <= emptying.recorded {
            return Ok(emptying);
        }
        emptying.raised = Some(Mark::of(truncate));
        emptying.version = Some(pinned.changes.version);
        emptying.delete_known(&pinned, truncate).await?;
        let (dataset, deletes) = (&batch.dataset, emptying.deletes);
        let Truncate { epoch, seq, partition, offset, .. } = *truncate;
        tracing::info!(%dataset, deletes, epoch, seq, partition, offset, "truncated at its source");
        Ok(emptying)
    }

    /// Whether `changes` has moved on since, so that the deletes may be too few.
    pub fn is_stale(&self, changes: &TableState) -> bool {
        Mark::recorded(changes) != self.recorded
            || self.version.is_some_and(|version| version != changes.version)
    }

    /// Rows of the batch that a truncate came before, as deletes.
    ///
    /// # Errors
    /// `Bug` when the rows lack system columns.
    pub fn late(&self, tables: &Dataset, batch: &Batch) -> Result<Vec<RecordBatch>, Error> {
        let Some(mark) = self.raised.max(self.recorded) else { return Ok(Vec::new()) };
        let mut deletes = Vec::new();
        for rows in &batch.rows {
            let gone = not_later(rows, mark)?;
            if gone.num_rows() > 0 {
                deletes.push(delete(tables, &gone, mark, None)?);
            }
        }
        Ok(deletes)
    }

    /// Adds the deletes and the mark to a commit, and what must still hold when it is made.
    pub fn join(&self, commit: &mut Commit) {
        commit.only_while = vec![
            (EPOCH.to_owned(), self.recorded.map(|mark| mark.epoch)),
            (SEQ.to_owned(), self.recorded.map(|mark| mark.seq)),
        ];
        commit.only_on = self.version;
        commit.adds.extend(self.adds.iter().cloned());
        let Some(mark) = self.raised else { return };
        let step = |app_id: &str, from, to| Step {
            app_id: app_id.to_owned(),
            from,
            to,
            or_nothing: false,
        };
        let from = self.recorded;
        commit.progress.push(step(EPOCH, from.map(|mark| mark.epoch), mark.epoch));
        commit.progress.push(step(SEQ, from.map(|mark| mark.seq), mark.seq));
        commit.receipt["truncate"] =
            serde_json::json!({"epoch": mark.epoch, "seq": mark.seq, "deletes": self.deletes});
    }

    async fn delete_known(&mut self, pinned: &Pinned, truncate: &Truncate) -> Result<(), Error> {
        let data = &pinned.dataset;
        let mut columns = data.contract.key_names();
        columns.extend([system::EPOCH, system::SEQ]);
        let mut held = Held { rows: Vec::new(), count: 0 };
        for (path, file) in &pinned.current.files {
            let bucket = file.partition_values.get(system::BUCKET).and_then(Option::as_deref);
            let bucket = bucket.and_then(|bucket| bucket.parse::<i32>().ok());
            let file = (path.clone(), file.clone());
            self.of_file(&data.current, (file, bucket), &columns, (data, truncate), &mut held)
                .await?;
        }
        columns.push(system::BUCKET);
        for file in &pinned.pending {
            let file = (file.clone(), None);
            self.of_file(&data.changes, file, &columns, (data, truncate), &mut held).await?;
        }
        self.write(data, &mut held).await
    }

    async fn of_file(
        &mut self,
        table: &Table,
        (file, bucket): ((String, FileMeta), Option<i32>),
        columns: &[&str],
        (data, truncate): (&Dataset, &Truncate),
        held: &mut Held,
    ) -> Result<(), Error> {
        for rows in columns_of(table, vec![file], columns).await? {
            let gone = not_later(&with_bucket(rows, bucket)?, Mark::of(truncate))?;
            if gone.num_rows() == 0 {
                continue;
            }
            held.count += gone.num_rows();
            held.rows.push(delete(data, &gone, Mark::of(truncate), Some(truncate))?);
            if held.count >= ROWS_PER_FILE {
                self.write(data, held).await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, data: &Dataset, held: &mut Held) -> Result<(), Error> {
        if held.count > 0 {
            let rows = sorted_rows(data, std::mem::take(&mut held.rows)).await?;
            self.adds.push(stage(&data.changes, rows, None).await?);
            self.deletes += u64::try_from(std::mem::take(&mut held.count)).unwrap_or(0);
        }
        Ok(())
    }
}

/// Deletes that are not staged yet.
struct Held {
    rows: Vec<RecordBatch>,
    count: usize,
}

/// Rows as `current` has them know their bucket by their file.
fn with_bucket(rows: RecordBatch, bucket: Option<i32>) -> Result<RecordBatch, Error> {
    let Some(bucket) = bucket else { return Ok(rows) };
    let column: ArrayRef = Arc::new(Int32Array::from(vec![bucket; rows.num_rows()]));
    let fields = rows.schema().fields().iter().map(|f| f.as_ref().clone()).collect::<Vec<_>>();
    let bucket = arrow::datatypes::Field::new(system::BUCKET, column.data_type().clone(), false);
    let schema = arrow::datatypes::Schema::new([fields, vec![bucket]].concat());
    let columns = rows.columns().iter().cloned().chain([column]).collect();
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|e| arrow_error("naming a bucket", e))
}

/// The rows whose sequence a truncate is not before.
fn not_later(rows: &RecordBatch, mark: Mark) -> Result<RecordBatch, Error> {
    let columns = named(rows, &[system::EPOCH, system::SEQ])?;
    let [epochs, seqs] = [&columns[0], &columns[1]].map(|c| c.as_primitive::<Int64Type>());
    let at = |row: usize| Mark { epoch: epochs.value(row), seq: seqs.value(row) };
    let gone: BooleanArray = (0..rows.num_rows()).map(|row| Some(at(row) <= mark)).collect();
    filter_record_batch(rows, &gone).map_err(|e| arrow_error("finding truncated rows", e))
}

/// Deletes of the keys of `rows`, at a mark. They come from the record of the truncate, or else
/// each from that of its row.
fn delete(
    data: &Dataset,
    rows: &RecordBatch,
    mark: Mark,
    truncate: Option<&Truncate>,
) -> Result<RecordBatch, Error> {
    let count = rows.num_rows();
    let int = |value: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![value; count])) };
    let long = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; count])) };
    let time = |value: Option<i64>| -> ArrayRef {
        let times = TimestampMicrosecondArray::from(vec![value; count]);
        Arc::new(times.with_timezone("UTC"))
    };
    let from_row = |name: &str| named(rows, &[name]).map(|columns| Arc::clone(&columns[0]));
    let keys = data.contract.key_names();
    let column = |field: &arrow::datatypes::FieldRef| match (field.name().as_str(), truncate) {
        (system::OP, _) => Ok(Arc::new(StringArray::from(vec!["d"; count])) as ArrayRef),
        (system::EPOCH, _) => Ok(long(mark.epoch)),
        (system::SEQ, _) => Ok(long(mark.seq)),
        (system::RANK, _) => Ok(int(1)),
        (system::ORDINAL, _) => Ok(int(system::TRUNCATED)),
        (system::OFFSET, Some(truncate)) => Ok(long(truncate.offset)),
        (system::PARTITION, Some(truncate)) => Ok(int(truncate.partition)),
        (system::EVENT_TIME, Some(truncate)) => Ok(time(truncate.event_time_us)),
        (system::KAFKA_TIME, Some(truncate)) => Ok(time(Some(truncate.kafka_time_us))),
        (system::INGEST_TIME, Some(_)) => Ok(time(Some(data.changes.now_ms() * 1_000))),
        (system::OFFSET | system::PARTITION | system::EVENT_TIME, None) => from_row(field.name()),
        (system::KAFKA_TIME | system::INGEST_TIME, None) => from_row(field.name()),
        (system::BUCKET, _) => from_row(system::BUCKET),
        (name, _) if keys.contains(&name) => from_row(name),
        _ => Ok(new_null_array(field.data_type(), count)),
    };
    let columns = data.changes_schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(&data.changes_schema), columns)
        .map_err(|e| arrow_error("deleting truncated rows", e))
}
