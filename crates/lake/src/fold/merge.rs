//! Merging one bucket: its rows, its deleted keys and its pending changes. Pure.
//!
//! Per key the highest (epoch, sequence, rank, offset, partition, Kafka topic, ordinal) wins,
//! wherever it comes from. What a key ends as:
//!
//! | highest is | then |
//! |---|---|
//! | a create, update or read | the row is in `current` |
//! | a delete | the key is in `deleted` |
//!
//! Cells that the winner did not bring are taken from older rows of its key, see [`super::carry`].
//!
//! Deleted keys are forgotten 30 days (in Kafka time) after their deletion, so that a late update
//! of a lower sequence stays dead.

use super::carry::{Carried, Carrier, lacks_cells};
use crate::dataset::Dataset;
use crate::error::arrow_error;
use crate::stage::named;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use arrow::row::{RowConverter, Rows, SortField};
use huiliu_model::{Column, Contract, Error, system};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// How long a deleted key's sequence is remembered (DOMAIN 2.2).
const REMEMBER_US: i64 = 30 * 86_400 * 1_000_000;

/// Where a row of the result comes from: 0 is what was there, 1 is what was pending.
pub(super) const HELD: usize = 0;
pub(super) const PENDING: usize = 1;

/// Merges buckets of one dataset.
#[derive(Clone)]
pub struct Merger {
    keys: Vec<String>,
    current_schema: SchemaRef,
    deleted_schema: SchemaRef,
    changes_schema: SchemaRef,
    columns: Vec<Carried>,
}

pub struct Merged {
    pub current: RecordBatch,
    pub deleted: RecordBatch,
    pub deleted_changed: bool,
    /// Pending changes read, and how many of them decide a key now.
    pub changes: u64,
    pub applied: u64,
}

/// One input in comparable form.
struct Ordered {
    keys: Rows,
    sequences: Rows,
}

/// The rows chosen for an output: (source, row).
#[derive(Default)]
struct Chosen {
    current: Vec<(usize, usize)>,
    deleted: Vec<(usize, usize)>,
    applied: u64,
    /// Rows of `current` whose keys have pending changes.
    touched: Vec<Touched>,
}

/// A row of the result whose key has pending changes.
pub(super) struct Touched {
    /// Index among the rows of the result, and where it comes from.
    pub at: usize,
    pub chosen: (usize, usize),
    /// Index of its key among those of the pending changes.
    pub key: usize,
    /// The key's row and its deletion as they were.
    pub held: Option<usize>,
    pub dead: Option<usize>,
}

impl Merger {
    /// # Errors
    /// None today; kept fallible for keys of types without an order.
    pub fn new(dataset: &Dataset) -> Result<Self, Error> {
        Ok(Self {
            keys: dataset.contract.key_names().into_iter().map(str::to_owned).collect(),
            current_schema: Arc::clone(&dataset.current_schema),
            deleted_schema: Arc::clone(&dataset.deleted_schema),
            changes_schema: Arc::clone(&dataset.changes_schema),
            columns: carried(&dataset.contract, &dataset.current_schema),
        })
    }

    /// # Errors
    /// `Bug` when the inputs lack columns.
    pub fn merge(
        &self,
        current: &RecordBatch,
        deleted: &RecordBatch,
        pending: &RecordBatch,
    ) -> Result<Merged, Error> {
        let (key_order, sequence_order) = (self.converter(&self.key_refs())?, self.sequence()?);
        let held = self.ordered(current, &key_order, &sequence_order)?;
        let dead = self.ordered(deleted, &key_order, &sequence_order)?;
        let new = self.ordered(pending, &key_order, &sequence_order)?;
        let ops = pending.column_by_name(system::OP).map(|c| c.as_string::<i32>().clone());
        let is_delete = |row: usize| ops.as_ref().is_some_and(|o| o.value(row) == "d");
        let keys = ByKey::of(&new);
        let mut chosen = choose(&held, &dead, &new, &keys, is_delete);
        let remembered = chosen.deleted.len();
        self.forget_old(&mut chosen, deleted, pending)?;
        let unchanged = chosen.deleted.len() == deleted.num_rows()
            && remembered == chosen.deleted.len()
            && chosen.deleted.iter().all(|(source, _)| *source == HELD);
        let rows = if lacks_cells(current) || lacks_cells(pending) {
            let inputs = [current, deleted, pending];
            let mut carrier = Carrier::new(&self.columns, inputs, &is_delete)?;
            for touched in &chosen.touched {
                let changed = carrier.complete(touched, keys.changes(touched.key));
                // The row stays, but what is known of it is more: the bucket has to be written.
                chosen.applied += u64::from(changed);
            }
            carrier.gather(&self.current_schema, [current, pending], &chosen.current)?
        } else {
            self.gather(&self.current_schema, current, pending, &chosen.current)?
        };
        Ok(Merged {
            current: rows,
            deleted: self.gather(&self.deleted_schema, deleted, pending, &chosen.deleted)?,
            deleted_changed: !unchanged,
            changes: pending.num_rows() as u64,
            applied: chosen.applied,
        })
    }

    fn key_refs(&self) -> Vec<&str> {
        self.keys.iter().map(String::as_str).collect()
    }

    fn converter(&self, columns: &[&str]) -> Result<RowConverter, Error> {
        let kind = |name: &&str| -> DataType {
            self.changes_schema
                .field_with_name(name)
                .map_or(DataType::Utf8, |f| f.data_type().clone())
        };
        RowConverter::new(columns.iter().map(|n| SortField::new(kind(n))).collect())
            .map_err(|e| arrow_error("ordering keys", e))
    }

    fn sequence(&self) -> Result<RowConverter, Error> {
        self.converter(&system::SEQUENCE)
    }

    fn ordered(
        &self,
        batch: &RecordBatch,
        keys: &RowConverter,
        sequences: &RowConverter,
    ) -> Result<Ordered, Error> {
        let failed = |e| arrow_error("ordering rows", e);
        Ok(Ordered {
            keys: keys.convert_columns(&named(batch, &self.key_refs())?).map_err(failed)?,
            sequences: sequences
                .convert_columns(&named(batch, &system::SEQUENCE)?)
                .map_err(failed)?,
        })
    }

    /// Drops deleted keys whose memory has run out, measured against the newest change seen.
    fn forget_old(
        &self,
        chosen: &mut Chosen,
        deleted: &RecordBatch,
        pending: &RecordBatch,
    ) -> Result<(), Error> {
        let times = |batch: &RecordBatch| {
            named(batch, &[system::KAFKA_TIME])
                .map(|c| c[0].as_primitive::<TimestampMicrosecondType>().clone())
        };
        let sources = [times(deleted)?, times(pending)?];
        let Some(newest) = arrow::compute::max(&sources[PENDING]) else { return Ok(()) };
        chosen.deleted.retain(|&(source, row)| sources[source].value(row) > newest - REMEMBER_US);
        Ok(())
    }

    /// Rows of two sources under one schema; columns are taken by name.
    fn gather(
        &self,
        schema: &SchemaRef,
        held: &RecordBatch,
        pending: &RecordBatch,
        rows: &[(usize, usize)],
    ) -> Result<RecordBatch, Error> {
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let failed = |e| arrow_error("gathering a bucket", e);
        let project = |batch: &RecordBatch| {
            RecordBatch::try_new(Arc::clone(schema), named(batch, &names)?).map_err(failed)
        };
        if rows.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        let (held, pending) = (project(held)?, project(pending)?);
        interleave_record_batch(&[&held, &pending], rows).map_err(failed)
    }
}

/// The contract's columns with those they are stored in.
pub(super) fn carried(contract: &Contract, current: &SchemaRef) -> Vec<Carried> {
    let stored = |name: &str| {
        let names = [name.to_owned(), format!("{name}_enc")];
        names.into_iter().filter(|name| current.column_with_name(name).is_some()).collect()
    };
    let carried =
        |column: &Column| Carried { name: column.name.clone(), stored: stored(&column.name) };
    contract.columns.iter().map(carried).collect()
}

/// The pending changes by rising key, the highest of a key first.
struct ByKey {
    order: Vec<usize>,
    /// The changes of each key, as ranges of `order`.
    keys: Vec<Range<usize>>,
}

impl ByKey {
    fn of(new: &Ordered) -> Self {
        let mut order: Vec<usize> = (0..new.keys.num_rows()).collect();
        order.sort_unstable_by(|&a, &b| {
            new.keys
                .row(a)
                .cmp(&new.keys.row(b))
                .then_with(|| new.sequences.row(b).cmp(&new.sequences.row(a)))
        });
        let mut keys = Vec::new();
        let mut start = 0;
        for same in order.chunk_by(|&a, &b| new.keys.row(a) == new.keys.row(b)) {
            keys.push(start..start + same.len());
            start += same.len();
        }
        Self { order, keys }
    }

    fn changes(&self, key: usize) -> &[usize] {
        &self.order[self.keys[key].clone()]
    }
}

/// A three-way merge by key over the rows, the deleted keys and the highest pending changes.
fn choose(
    held: &Ordered,
    dead: &Ordered,
    new: &Ordered,
    by_key: &ByKey,
    is_delete: impl Fn(usize) -> bool,
) -> Chosen {
    let mut chosen = Chosen::default();
    let (mut h, mut d) = (0, 0);
    for index in 0..by_key.keys.len() {
        let winner = by_key.changes(index)[0];
        let key = new.keys.row(winner);
        while h < held.keys.num_rows() && held.keys.row(h) < key {
            chosen.current.push((HELD, h));
            h += 1;
        }
        while d < dead.keys.num_rows() && dead.keys.row(d) < key {
            chosen.deleted.push((HELD, d));
            d += 1;
        }
        let rank = |side: &Ordered, at: usize| -> Option<Ordering> {
            (at < side.keys.num_rows() && side.keys.row(at) == key)
                .then(|| new.sequences.row(winner).cmp(&side.sequences.row(at)))
        };
        let (against_held, against_dead) = (rank(held, h), rank(dead, d));
        let wins = [against_held, against_dead]
            .into_iter()
            .flatten()
            .all(|order| order == Ordering::Greater);
        let before = chosen.current.len();
        match (wins, is_delete(winner)) {
            (true, true) => chosen.deleted.push((PENDING, winner)),
            (true, false) => chosen.current.push((PENDING, winner)),
            // What was there stays. A key is in one of the two, or after a crash between their
            // commits in both: then the higher sequence is the truth.
            (false, _) => {
                keep(&mut chosen, held, dead, (against_held.map(|_| h), against_dead.map(|_| d)))
            }
        }
        chosen.applied += u64::from(wins);
        if let Some(&row) = chosen.current.get(before) {
            let (held, dead) = (against_held.map(|_| h), against_dead.map(|_| d));
            chosen.touched.push(Touched { at: before, chosen: row, key: index, held, dead });
        }
        h += usize::from(against_held.is_some());
        d += usize::from(against_dead.is_some());
    }
    chosen.current.extend((h..held.keys.num_rows()).map(|row| (HELD, row)));
    chosen.deleted.extend((d..dead.keys.num_rows()).map(|row| (HELD, row)));
    chosen
}

fn keep(chosen: &mut Chosen, held: &Ordered, dead: &Ordered, at: (Option<usize>, Option<usize>)) {
    match at {
        (Some(h), Some(d)) if held.sequences.row(h) < dead.sequences.row(d) => {
            chosen.deleted.push((HELD, d));
            // The row falls although no pending change won: the bucket has to be written.
            chosen.applied += 1;
        }
        (Some(h), _) => chosen.current.push((HELD, h)),
        (None, Some(d)) => chosen.deleted.push((HELD, d)),
        (None, None) => {}
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
