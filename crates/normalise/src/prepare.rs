//! Prepare: one chunk of records becomes rows, rejects and the account of both.
//!
//! Owns the order of the rooms (cast, judge, fate of records, protect) and the law that every
//! record is counted once: accepted, rejected, tombstone or control. It reads no clock and keeps
//! no state between chunks; a [`Normaliser`] is shared by threads.
//!
//! A record is rejected whole: a change of key is a delete and a create of one record, and half
//! of it would leave two rows or none.

mod compact;
mod drift;
mod extra;
mod fate;
pub(crate) mod quarantine;
mod raw;
mod system_columns;

use crate::cast::{self, Chunk};
use crate::crypto::Crypto;
use crate::flags::{Marks, RowReject};
use crate::judge::{self, Plan, row_number};
use crate::protect::{self, Protection};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
pub use drift::{ChunkDrift, Extent};
use fate::Fates;
use huiliu_model::system;
use huiliu_model::{
    Changes, Contract, Error, ErrorKind, Quality, Reason, Records, Stage, Tally, Texts, Truncate,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use system_columns::SystemColumns;

/// Earliest usable event time: 1970-01-01 is a clock that was never set.
const EVENT_TIME_MIN_US: i64 = 86_400_000_000;
/// Latest usable event time: the end of the year 9999.
const EVENT_TIME_MAX_US: i64 = 253_402_300_799_999_999;
/// How far a source's clock may run ahead of ours.
const EVENT_TIME_AHEAD_US: i64 = 3_600_000_000;

/// Turns the changes of one dataset into rows and rejects; immutable, shared between threads.
#[derive(Debug)]
pub struct Normaliser {
    contract: Arc<Contract>,
    protection: Arc<Protection>,
    crypto: Option<Crypto>,
    plans: Vec<Plan>,
    changes_schema: SchemaRef,
    quarantine_schema: SchemaRef,
    /// Positions of the bucket columns among the stored columns.
    bucket_by: Vec<usize>,
}

/// What became of one chunk of records.
#[derive(Debug)]
pub struct Prepared {
    /// Accepted rows in the shape of [`Normaliser::changes_schema`]; none when there are none.
    pub rows: Option<RecordBatch>,
    /// Rejected records in the shape of [`Normaliser::quarantine_schema`].
    pub rejects: Option<RecordBatch>,
    pub tally: Tally,
    /// What cells and rows were found to be, by day and department.
    pub quality: Quality,
    /// How far the records have gone from the contract.
    pub drift: ChunkDrift,
    /// Records of the chunk, and indices of the rejected ones among them, ascending.
    pub records: u32,
    pub rejected: Vec<u32>,
    /// Rejected records, by room and reason.
    pub reject_counts: Vec<(Stage, Reason, u64)>,
    /// Kafka time of the newest record, milliseconds since 1970 UTC; 0 without records.
    pub newest_record_ms: i64,
    /// Event time of the oldest accepted row, microseconds since 1970 UTC.
    pub oldest_event_us: Option<i64>,
    /// The last truncate among the records.
    pub truncate: Option<Truncate>,
}

impl Normaliser {
    /// Checks a contract against its types and the lake's protection.
    ///
    /// # Errors
    /// Invalid when a rule does not suit its column, when a column needs keys and there are none,
    /// when a key column would be masked, encrypted or dropped, or when there are no buckets.
    pub fn new(contract: Arc<Contract>, protection: Arc<Protection>) -> Result<Self, Error> {
        protect::check(&contract, &protection)?;
        let plans = Plan::all(&contract)?;
        if contract.buckets == 0 || i32::try_from(contract.buckets).is_err() {
            let text = format!("dataset {} has {} buckets", contract.dataset, contract.buckets);
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let crypto = match &*protection {
            Protection::Keys(keys) => Some(Crypto::new(keys)),
            Protection::Plain | Protection::Keyless => None,
        };
        let stored = contract.stored_fields(protection.protects());
        let bucket_by = bucket_positions(&contract, &stored)?;
        let fields: Vec<Field> =
            stored.into_iter().chain(system::changes_fields(protection.protects())).collect();
        Ok(Self {
            plans,
            crypto,
            bucket_by,
            changes_schema: Arc::new(Schema::new(fields)),
            quarantine_schema: Arc::new(Schema::new(system::quarantine_fields())),
            contract,
            protection,
        })
    }

    /// Columns of `changes.<dataset>`: the contract's stored columns, then the system's.
    pub fn changes_schema(&self) -> SchemaRef {
        Arc::clone(&self.changes_schema)
    }

    /// Columns of `quarantine.<dataset>`.
    pub fn quarantine_schema(&self) -> SchemaRef {
        Arc::clone(&self.quarantine_schema)
    }

    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// Prepares one chunk; `ingest_time_us` is written to every row and bounds event times.
    ///
    /// # Panics
    /// When the changes are not those of the records under this contract.
    pub fn prepare(&self, records: &Records, changes: &Changes, ingest_time_us: i64) -> Prepared {
        let texts = Texts::of(records, self.contract.format);
        self.prepare_refusing(&texts, changes, ingest_time_us, &[])
    }

    /// As [`Normaliser::prepare`], of texts that were looked at; rows are rejected for the absence
    /// of the `refused` columns.
    ///
    /// # Panics
    /// When the changes are not those of the records under this contract.
    pub fn prepare_refusing(
        &self,
        texts: &Texts<'_>,
        changes: &Changes,
        ingest_time_us: i64,
        refused: &[u16],
    ) -> Prepared {
        let records = texts.records;
        assert_eq!(changes.columns.len(), self.plans.len(), "one column of cells per column");
        assert!(
            changes.columns.iter().all(|cells| cells.len() == changes.rows.len()),
            "one cell per row and column"
        );
        let chunk = Chunk::new(texts, changes, self.contract.format);
        let mut marks = Marks::new(records, changes);
        let mut columns: Vec<ArrayRef> =
            self.plans.iter().map(|plan| cast::column(&chunk, plan, &mut marks)).collect();
        judge::across(&self.plans, &chunk.deletes, &mut columns, &mut marks);
        judge_event_times(records, changes, ingest_time_us, &mut marks);
        let drift = drift::judge(records, changes, &self.contract, refused, &mut marks);

        let mut fates = Fates::decide(changes, &marks);
        let keys: Vec<&ArrayRef> = self.contract.key.iter().map(|&at| &columns[at]).collect();
        fates.drop_same_key(changes, &keys);
        let departments: Vec<&str> = (0..changes.departments.len().max(1))
            .map(|at| changes.department(&records.arena, u16::try_from(at).unwrap_or(0)))
            .collect();
        let quality = marks.quality(records, changes, &departments);
        let unsent = marks.unsent(&self.plans, &fates.kept);
        let flags = [marks.texts(&self.plans, &fates.kept), unsent];
        let raws = raw::texts(records, changes, &self.contract, &mut marks.raws, &fates.kept);
        let kept = &fates.kept;
        let system = SystemColumns { records, changes, kept, departments, ingest_time_us };
        let rows = self.rows(&system, columns, flags, raws);
        let rejects = self.quarantine(&system, &fates);
        let accepted_rows = fates.kept.iter().map(|&row| &changes.rows[row as usize]);
        Prepared {
            rows,
            rejects,
            tally: fates.tally(records, changes),
            quality,
            drift,
            records: row_number(records.entries.len()),
            rejected: fates.rejected.iter().map(|rejected| rejected.record).collect(),
            reject_counts: reject_counts(&fates),
            newest_record_ms: records.entries.iter().map(|r| r.timestamp_ms).max().unwrap_or(0),
            oldest_event_us: accepted_rows.filter_map(|row| row.event_time_us).min(),
            truncate: changes.truncate.clone(),
        }
    }

    fn rows(
        &self,
        system: &SystemColumns<'_>,
        columns: Vec<ArrayRef>,
        flags: [StringArray; 2],
        raws: StringArray,
    ) -> Option<RecordBatch> {
        if system.kept.is_empty() {
            return None;
        }
        let columns = compact::keep_rows(columns, system.changes.rows.len(), system.kept);
        let (origins, crypto) = (system.origins(), self.crypto.as_ref());
        let mut stored = Vec::with_capacity(self.changes_schema.fields().len());
        for (column, values) in self.contract.columns.iter().zip(columns) {
            if self.protection.protects() {
                let dataset = &self.contract.dataset;
                protect::column(dataset, column, crypto, &origins, values, &mut stored);
            } else {
                stored.push(values);
            }
        }
        let bucket_columns: Vec<ArrayRef> =
            self.bucket_by.iter().map(|&at| Arc::clone(&stored[at])).collect();
        let buckets = crate::bucket(&bucket_columns, self.contract.buckets);
        let (dataset, protection) = (&self.contract.dataset, &*self.protection);
        let seal = raw::Seal { dataset, protection, crypto, origins: &origins };
        let raws = seal.texts(raws, system::RAW);
        let extras = extra::texts(system.records, system.changes, system.kept);
        let extras = seal.texts(extras, system::EXTRA);
        stored.extend(system.build(buckets, flags, [raws, extras]));
        Some(batch(self.changes_schema(), stored))
    }

    fn quarantine(&self, system: &SystemColumns<'_>, fates: &Fates) -> Option<RecordBatch> {
        if fates.rejected.is_empty() {
            return None;
        }
        let quarantine = quarantine::Quarantine {
            contract: &self.contract,
            protection: &self.protection,
            crypto: self.crypto.as_ref(),
            system,
        };
        Some(batch(self.quarantine_schema(), quarantine.columns(&fates.rejected)))
    }
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(schema, columns)
        .expect("columns are built in the schema's order and keys are never null")
}

/// Where the bucket columns are among the stored columns.
fn bucket_positions(contract: &Contract, stored: &[Field]) -> Result<Vec<usize>, Error> {
    let position = |index: &usize| {
        let column = contract.columns.get(*index)?;
        stored.iter().position(|field| *field.name() == column.name)
    };
    let positions: Option<Vec<usize>> = contract.bucket_by.iter().map(position).collect();
    positions.filter(|found| !found.is_empty()).ok_or_else(|| {
        let text = format!("dataset {} has a bucket column that is not stored", contract.dataset);
        Error::new(ErrorKind::Invalid, text)
    })
}

/// Rejects rows whose event time cannot be used; a row without one is taken as it is.
///
/// The future begins an hour after the later of Kafka's time and ours.
fn judge_event_times(records: &Records, changes: &Changes, now_us: i64, marks: &mut Marks) {
    for (row, change) in changes.rows.iter().enumerate() {
        let Some(event_time_us) = change.event_time_us else { continue };
        let kafka_us = records.entries[change.record as usize].timestamp_ms.saturating_mul(1_000);
        let latest = kafka_us.max(now_us).saturating_add(EVENT_TIME_AHEAD_US);
        let usable = EVENT_TIME_MIN_US..=latest.min(EVENT_TIME_MAX_US);
        if !usable.contains(&event_time_us) {
            marks.rejects.push(RowReject {
                row: row_number(row),
                stage: Stage::Judge,
                reason: Reason::Range,
                column: None,
                rule: "event_time",
            });
        }
    }
}

fn reject_counts(fates: &Fates) -> Vec<(Stage, Reason, u64)> {
    let mut counts: BTreeMap<(Stage, Reason), u64> = BTreeMap::new();
    for rejected in &fates.rejected {
        *counts.entry((rejected.stage, rejected.reason)).or_default() += 1;
    }
    counts.into_iter().map(|((stage, reason), count)| (stage, reason, count)).collect()
}
