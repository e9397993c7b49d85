//! Truncates: a table emptied at its source, told in `changes` as deletes.
//!
//! A truncate names no key. It takes what was said until then: by all of a dataset that has one
//! Kafka topic, by its own topic of a dataset that has several. What is known when it lands gets
//! its deletes in the same commit. An older change that comes afterwards, from another partition,
//! gets its delete in the commit that brings it: the position of the last truncate stands in the
//! log as progress. So `changes` alone says what happened, and nothing that reads it has to know
//! of truncates.
//!
//! | the dataset has | a delete stands | and takes of its key |
//! |---|---|---|
//! | one Kafka topic | where the truncate does | all that is not later |
//! | several | right behind the change that it takes | that change, and what lost against it |
//!
//! What another topic said later of a key stays, whichever of the two comes first.
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
use arrow::datatypes::{FieldRef, Int64Type};
use huiliu_model::{Batch, Contract, Error, KafkaTopics, Truncate, system};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Progress app ids of the last truncate, in `changes`.
const EPOCH: &str = "truncated.epoch";
const SEQ: &str = "truncated.seq";
const ROWS_PER_FILE: usize = 200_000;

/// Position of a truncate: what is not later is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    epoch: i64,
    seq: i64,
}

/// Whose changes a truncate takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Dataset,
    KafkaTopic(Arc<str>),
}

impl Scope {
    fn of(contract: &Contract, kafka_topic: &Arc<str>) -> Self {
        match contract.kafka_topics {
            KafkaTopics::One(_) => Self::Dataset,
            KafkaTopics::Matching(_) => Self::KafkaTopic(Arc::clone(kafka_topic)),
        }
    }

    fn app_id(&self, of: &str) -> String {
        match self {
            Self::Dataset => of.to_owned(),
            Self::KafkaTopic(name) => format!("{of}:{name}"),
        }
    }

    /// The last truncate that landed.
    fn recorded(&self, changes: &TableState) -> Option<Mark> {
        let found = |of: &str| changes.txns.get(&self.app_id(of)).copied();
        Some(Mark { epoch: found(EPOCH)?, seq: found(SEQ)? })
    }

    /// The rows that a truncate takes.
    fn taken(&self, rows: &RecordBatch, mark: Mark) -> Result<RecordBatch, Error> {
        let columns = named(rows, &[system::EPOCH, system::SEQ])?;
        let [epochs, seqs] = [&columns[0], &columns[1]].map(|c| c.as_primitive::<Int64Type>());
        // A file that is older than the column does not have it.
        let topics = rows.column_by_name(system::KAFKA_TOPIC).map(|c| c.as_string::<i32>());
        let is_ours = |row: usize| match self {
            Self::Dataset => true,
            Self::KafkaTopic(name) => {
                topics.is_some_and(|topics| topics.is_valid(row) && *topics.value(row) == **name)
            }
        };
        let at = |row: usize| Mark { epoch: epochs.value(row), seq: seqs.value(row) };
        let taken: BooleanArray =
            (0..rows.num_rows()).map(|row| Some(at(row) <= mark && is_ours(row))).collect();
        filter_record_batch(rows, &taken).map_err(|e| arrow_error("finding truncated rows", e))
    }

    /// Rows of which it cannot be said whether a truncate takes them.
    fn unnamed(&self, rows: &RecordBatch) -> usize {
        match (self, rows.column_by_name(system::KAFKA_TOPIC)) {
            (Self::Dataset, _) => 0,
            (Self::KafkaTopic(_), Some(topics)) => topics.null_count(),
            (Self::KafkaTopic(_), None) => rows.num_rows(),
        }
    }
}

/// The last truncate of a scope: as the table has it, and as the batch says if that is later.
#[derive(Debug, Default)]
struct Last {
    recorded: Option<Mark>,
    raised: Option<Mark>,
}

/// What landing a batch has to add, at a version of `changes`.
pub(crate) struct Emptying {
    last: BTreeMap<Scope, Last>,
    /// The version of `changes` whose keys were deleted.
    version: Option<i64>,
    adds: Vec<Add>,
    /// What the commit says of each truncate.
    receipts: Vec<serde_json::Value>,
}

impl Emptying {
    /// What truncates that have landed do to rows of these Kafka topics.
    pub fn at<'a>(
        tables: &Dataset,
        changes: &TableState,
        kafka_topics: impl Iterator<Item = &'a Arc<str>>,
    ) -> Self {
        let last = |topic: &Arc<str>| {
            let scope = Scope::of(&tables.contract, topic);
            let recorded = scope.recorded(changes);
            (scope, Last { recorded, raised: None })
        };
        let last = kafka_topics.map(last).collect();
        Self { last, version: None, adds: Vec::new(), receipts: Vec::new() }
    }

    /// Works out the deletes of keys that are known by now; files are staged for them.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn of(tables: &Arc<Dataset>, batch: &Batch) -> Result<Self, Error> {
        let topics = || {
            let truncated = batch.truncates.iter().map(|truncate| &truncate.kafka_topic);
            batch.covers.0.keys().map(|partition| &partition.kafka_topic).chain(truncated)
        };
        if batch.truncates.is_empty() {
            return Ok(Self::at(tables, &*tables.changes.lock_recent().await?, topics()));
        }
        let pinned = Pinned::of(Arc::clone(tables)).await?;
        let mut emptying = Self::at(tables, &pinned.changes, topics());
        for truncate in &batch.truncates {
            emptying.take(&pinned, truncate).await?;
        }
        Ok(emptying)
    }

    /// Whether `changes` has moved on since, so that the deletes may be too few.
    pub fn is_stale(&self, changes: &TableState) -> bool {
        self.last.iter().any(|(scope, last)| scope.recorded(changes) != last.recorded)
            || self.version.is_some_and(|version| version != changes.version)
    }

    /// Rows that a truncate came before, as deletes.
    ///
    /// # Errors
    /// `Bug` when the rows lack system columns.
    pub fn late(&self, tables: &Dataset, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
        let mut deletes = Vec::new();
        for (scope, last) in &self.last {
            let Some(mark) = last.raised.max(last.recorded) else { continue };
            for rows in rows {
                let taken = scope.taken(rows, mark)?;
                if taken.num_rows() > 0 {
                    deletes.push(Deleting { tables, scope, mark, by: None }.of(&taken)?);
                }
            }
        }
        Ok(deletes)
    }

    /// Adds the deletes and the marks to a commit, and what must still hold when it is made.
    pub fn join(&self, commit: &mut Commit) {
        let is = |mark: Option<Mark>| [mark.map(|mark| mark.epoch), mark.map(|mark| mark.seq)];
        for (scope, last) in &self.last {
            let ids = [EPOCH, SEQ].map(|of| scope.app_id(of));
            commit.only_while.extend(ids.clone().into_iter().zip(is(last.recorded)));
            for ((app_id, from), to) in ids.into_iter().zip(is(last.recorded)).zip(is(last.raised))
            {
                let step = |to| Step { app_id, from, to, or_nothing: false };
                commit.progress.extend(to.map(step));
            }
        }
        commit.only_on = self.version;
        commit.adds.extend(self.adds.iter().cloned());
        if !self.receipts.is_empty() {
            commit.receipt["truncates"] = json!(self.receipts);
        }
    }

    /// Deletes what a truncate takes of `current` and of the pending changes.
    async fn take(&mut self, pinned: &Pinned, truncate: &Truncate) -> Result<(), Error> {
        let data = &pinned.dataset;
        let scope = Scope::of(&data.contract, &truncate.kafka_topic);
        let Truncate { epoch, seq, partition, offset, .. } = *truncate;
        let mark = Mark { epoch, seq };
        let last = self.last.entry(scope.clone()).or_default();
        if Some(mark) <= last.raised.max(last.recorded) {
            return Ok(());
        }
        last.raised = Some(mark);
        self.version = Some(pinned.changes.version);
        let deleting = Deleting { tables: data, scope: &scope, mark, by: Some(truncate) };
        let mut held = Held { deleting, rows: Vec::new(), adds: Vec::new(), counts: [0; 3] };
        let mut columns = data.contract.key_names();
        match &scope {
            Scope::Dataset => columns.extend([system::EPOCH, system::SEQ]),
            Scope::KafkaTopic(_) => columns.extend(system::SEQUENCE),
        }
        for (path, file) in &pinned.current.files {
            let bucket = file.partition_values.get(system::BUCKET).and_then(Option::as_deref);
            let bucket = bucket.and_then(|bucket| bucket.parse::<i32>().ok());
            let file = (path.clone(), file.clone());
            held.of_file(&data.current, (file, bucket), &columns).await?;
        }
        columns.push(system::BUCKET);
        for file in &pinned.pending {
            held.of_file(&data.changes, (file.clone(), None), &columns).await?;
        }
        held.write().await?;
        let [_, deletes, unnamed] = held.counts;
        self.adds.append(&mut held.adds);
        let (dataset, kafka_topic) = (&data.contract.dataset, &truncate.kafka_topic);
        tracing::info!(
            %dataset, %kafka_topic, deletes, epoch, seq, partition, offset,
            "truncated at its source",
        );
        if unnamed > 0 {
            tracing::warn!(
                %dataset, %kafka_topic, rows = unnamed,
                "rows from before they named their kafka_topic stay; see docs/formats.md",
            );
        }
        self.receipts.push(json!({
            "kafka_topic": kafka_topic, "epoch": epoch, "seq": seq, "deletes": deletes,
            "unnamed": unnamed,
        }));
        Ok(())
    }
}

/// Deletes that are not staged yet, and what was staged of them.
struct Held<'a> {
    deleting: Deleting<'a>,
    rows: Vec<RecordBatch>,
    adds: Vec<Add>,
    /// Rows that are held, all that were deleted, and those that were left for want of a name.
    counts: [usize; 3],
}

impl Held<'_> {
    async fn of_file(
        &mut self,
        table: &Table,
        (file, bucket): ((String, FileMeta), Option<i32>),
        columns: &[&str],
    ) -> Result<(), Error> {
        let Deleting { scope, mark, .. } = self.deleting;
        for rows in columns_of(table, vec![file], columns).await? {
            self.counts[2] += scope.unnamed(&rows);
            let taken = scope.taken(&with_bucket(rows, bucket)?, mark)?;
            if taken.num_rows() == 0 {
                continue;
            }
            self.counts[0] += taken.num_rows();
            self.counts[1] += taken.num_rows();
            self.rows.push(self.deleting.of(&taken)?);
            if self.counts[0] >= ROWS_PER_FILE {
                self.write().await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.counts[0]) > 0 {
            let tables = self.deleting.tables;
            let rows = sorted_rows(tables, std::mem::take(&mut self.rows)).await?;
            self.adds.push(stage(&tables.changes, rows, None).await?);
        }
        Ok(())
    }
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

/// How changes become deletes.
#[derive(Clone, Copy)]
struct Deleting<'a> {
    tables: &'a Dataset,
    scope: &'a Scope,
    mark: Mark,
    /// The truncate, where the batch has it; of an earlier one its record is not known any more.
    by: Option<&'a Truncate>,
}

impl Deleting<'_> {
    /// Deletes of the keys of `rows`.
    fn of(&self, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        let schema = &self.tables.changes_schema;
        let columns = schema.fields().iter().map(|field| self.column(field, rows));
        RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<Vec<_>, _>>()?)
            .map_err(|e| arrow_error("deleting truncated rows", e))
    }

    fn column(&self, field: &FieldRef, rows: &RecordBatch) -> Result<ArrayRef, Error> {
        let count = rows.num_rows();
        let int = |value: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![value; count])) };
        let long = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; count])) };
        let text = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, count)))
        };
        let time = |value: Option<i64>| -> ArrayRef {
            let times = TimestampMicrosecondArray::from(vec![value; count]);
            Arc::new(times.with_timezone("UTC"))
        };
        let name = field.name().as_str();
        let from_row = || named(rows, &[name]).map(|columns| Arc::clone(&columns[0]));
        let is_whole = *self.scope == Scope::Dataset;
        Ok(match (name, self.by) {
            (system::OP, _) => text("d"),
            (system::ORDINAL, _) => int(system::TRUNCATED),
            (system::EPOCH, _) if is_whole => long(self.mark.epoch),
            (system::SEQ, _) if is_whole => long(self.mark.seq),
            (system::RANK, _) if is_whole => int(1),
            (system::OFFSET, Some(by)) if is_whole => long(by.offset),
            (system::PARTITION, Some(by)) if is_whole => int(by.partition),
            (system::KAFKA_TOPIC, Some(by)) if is_whole => text(&by.kafka_topic),
            (system::EVENT_TIME, Some(by)) => time(by.event_time_us),
            (system::KAFKA_TIME, Some(by)) => time(Some(by.kafka_time_us)),
            (system::INGEST_TIME, Some(_)) => time(Some(self.tables.changes.now_ms() * 1_000)),
            (system::EVENT_TIME | system::KAFKA_TIME | system::INGEST_TIME, None) => from_row()?,
            (system::BUCKET, _) => from_row()?,
            (name, _) if system::SEQUENCE.contains(&name) => from_row()?,
            (name, _) if self.tables.contract.key_names().contains(&name) => from_row()?,
            _ => new_null_array(field.data_type(), count),
        })
    }
}
