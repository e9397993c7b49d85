//! What if: the same records under two contracts, and what would differ.
//!
//! Both pipelines run in full over records as they were delivered; nothing is written. A record is
//! gained if only the new contract accepts it, lost if only the old one does, and changed if both
//! do and a stored cell differs.

mod rebuild;

pub use rebuild::{Rebuilder, Unread};

use crate::pipeline::Pipeline;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_model::{Error, Quality, Reason, Records, Tally, system};
use huiliu_normalise::Prepared;
use huiliu_normalise::columns::Texts;
use std::collections::{BTreeMap, BTreeSet};

/// Records of which examples are kept, for each kind of difference.
const EXAMPLES_MAX: usize = 5;

/// Two contracts of one dataset, and the differences found so far.
pub struct WhatIf {
    old: Pipeline,
    new: Pipeline,
    pub found: Differences,
}

/// What differs between two contracts over some records.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    pub records: u64,
    pub old: Side,
    pub new: Side,
    /// Accepted by the new contract alone.
    pub gained: u64,
    /// Accepted by the old contract alone, and why the new one rejects them: by reason and field.
    pub lost: u64,
    pub lost_why: BTreeMap<(Reason, Option<String>), u64>,
    /// Accepted by both, with another value in at least one column.
    pub changed: u64,
    /// Cells that differ, by column of both contracts.
    pub changed_cells: BTreeMap<String, u64>,
    /// First coordinates of each kind: gained, lost, changed.
    pub examples: [Vec<(i32, i64)>; 3],
}

/// One contract's account.
#[derive(Debug, Clone, Default)]
pub struct Side {
    pub tally: Tally,
    pub quality: Quality,
}

impl Side {
    fn add(&mut self, prepared: &Prepared) {
        self.tally += prepared.tally;
        self.quality += &prepared.quality;
    }
}

/// Partition, offset and ordinal of a row.
type Place = (i32, i64, i32);

impl WhatIf {
    /// `old` and `new` are pipelines of one dataset, without protection.
    pub fn new(old: Pipeline, new: Pipeline) -> Self {
        Self { old, new, found: Differences::default() }
    }

    /// Looks up the schemas that some records name; to be done before they are added.
    ///
    /// # Errors
    /// As the schema registry answers.
    pub async fn resolve(&self, records: &Records) -> Result<(), Error> {
        self.old.resolve(records).await?;
        self.new.resolve(records).await
    }

    /// Runs both contracts over some records, all of different coordinates.
    pub fn add(&mut self, records: &Records, ingest_time_us: i64) {
        let old = self.old.prepare(records, ingest_time_us);
        let new = self.new.prepare(records, ingest_time_us);
        self.found.records += records.entries.len() as u64;
        self.found.old.add(&old);
        self.found.new.add(&new);
        let (before, after) = (places(old.rows.as_ref()), places(new.rows.as_ref()));
        let accepted = |rows: &BTreeMap<Place, usize>| -> BTreeSet<(i32, i64)> {
            rows.keys().map(|(partition, offset, _)| (*partition, *offset)).collect()
        };
        let (had, has) = (accepted(&before), accepted(&after));
        let [gained, lost, changed] = &mut self.found.examples;
        self.found.gained += note(has.difference(&had), gained);
        self.found.lost += note(had.difference(&has), lost);
        if let (Some(old), Some(new)) = (&old.rows, &new.rows) {
            let differing = differing(old, new, &before, &after, &mut self.found.changed_cells);
            self.found.changed += note(differing.iter(), changed);
        }
        self.note_reasons(&new, &had);
    }

    /// Why the new contract rejects records that the old one accepts.
    fn note_reasons(&mut self, new: &Prepared, had: &BTreeSet<(i32, i64)>) {
        let Some(rejects) = &new.rejects else { return };
        let text =
            |name: &str| rejects.column_by_name(name).map(|column| column.as_string::<i32>());
        let (Some(reasons), Some(fields)) = (text("reason"), text("field")) else { return };
        for (row, place) in coordinates(rejects).into_iter().enumerate() {
            let reason = Reason::ALL.into_iter().find(|held| held.label() == reasons.value(row));
            if let Some(reason) = reason.filter(|_| had.contains(&place)) {
                let field = fields.is_valid(row).then(|| fields.value(row).to_owned());
                *self.found.lost_why.entry((reason, field)).or_default() += 1;
            }
        }
    }
}

fn note<'a>(places: impl Iterator<Item = &'a (i32, i64)>, examples: &mut Vec<(i32, i64)>) -> u64 {
    let mut count = 0;
    for place in places {
        count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(*place);
        }
    }
    count
}

fn coordinates(rows: &RecordBatch) -> Vec<(i32, i64)> {
    let (Some(partitions), Some(offsets)) =
        (rows.column_by_name(system::PARTITION), rows.column_by_name(system::OFFSET))
    else {
        return Vec::new();
    };
    let partitions = partitions.as_primitive::<Int32Type>();
    let offsets = offsets.as_primitive::<Int64Type>();
    (0..rows.num_rows()).map(|row| (partitions.value(row), offsets.value(row))).collect()
}

fn places(rows: Option<&RecordBatch>) -> BTreeMap<Place, usize> {
    let Some(rows) = rows else { return BTreeMap::new() };
    let ordinals = rows.column_by_name(system::ORDINAL).map(|c| c.as_primitive::<Int32Type>());
    let ordinal = |row| ordinals.map_or(0, |ordinals| ordinals.value(row));
    let place = |(row, (partition, offset))| ((partition, offset, ordinal(row)), row);
    coordinates(rows).into_iter().enumerate().map(place).collect()
}

/// Records of which a cell differs; the cells are counted by column.
fn differing(
    old: &RecordBatch,
    new: &RecordBatch,
    before: &BTreeMap<Place, usize>,
    after: &BTreeMap<Place, usize>,
    cells: &mut BTreeMap<String, u64>,
) -> BTreeSet<(i32, i64)> {
    let mut differing = BTreeSet::new();
    let (mut left, mut right) = (String::new(), String::new());
    let schema = old.schema();
    let columns = schema.fields().iter().filter(|f| !f.name().starts_with(system::PREFIX));
    for field in columns {
        let both = (old.column_by_name(field.name()), new.column_by_name(field.name()));
        let (Some(was), Some(is)) = both else { continue };
        let (was, is) = (Texts::new(was), Texts::new(is));
        let mut count = 0;
        for (place, &then) in before {
            let Some(&now) = after.get(place) else { continue };
            left.clear();
            right.clear();
            was.write(then, &mut left);
            is.write(now, &mut right);
            if left != right || was.is_null(then) != is.is_null(now) {
                count += 1;
                differing.insert((place.0, place.1));
            }
        }
        if count > 0 {
            *cells.entry(field.name().clone()).or_default() += count;
        }
    }
    differing
}
