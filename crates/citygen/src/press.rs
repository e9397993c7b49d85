//! Publication: sequences, batches and envelopes, and the defects that records get on their way.

use crate::calendar::{Day, Micros, date_text};
use crate::defects::{Batch, break_record, regions_of_key, spoil_row};
use crate::dice::{Dice, World};
use crate::envelope::{Envelope, Op};
use crate::fields::{COUNT, dataset};
use crate::row::{Row, Value};
use crate::{Event, Injected};
use std::collections::VecDeque;

/// Records of a dataset in one batch of its department.
const BATCH_RECORDS: u64 = 25;
const MISHAP: u64 = 0x6d69_7368;

/// Rates of the defects of whole records (`default_injection_rate` of the catalogue).
const REDELIVERED: f64 = 0.01;
const CONFLICTING: f64 = 0.001;
const OUT_OF_ORDER: f64 = 0.01;
const UNKNOWN_DELETE: f64 = 0.001;
const BROKEN_RECORD: f64 = 0.0002;
/// Rate of batches whose times are UTC without an offset (D24).
const UTC_BATCH: f64 = 0.005;

/// What is remembered of a dataset's publication.
#[derive(Debug, Default)]
struct Shelf {
    sequence: u64,
    batch: String,
    batches: u64,
    /// Records that the present batch still takes.
    room: u64,
    is_utc: bool,
}

pub(crate) struct Press {
    world: World,
    day: String,
    pub(crate) queue: VecDeque<Event>,
    steps: Dice,
    mishaps: Dice,
    shelves: Vec<Shelf>,
    /// Second deliveries, which follow at the end of the unit.
    again: Vec<Event>,
}

impl Press {
    pub(crate) fn new(world: World, loaded: Day) -> Self {
        let shelf = || Shelf { sequence: 1_000_000, ..Shelf::default() };
        Self {
            world,
            day: date_text(loaded).replace('-', ""),
            queue: VecDeque::new(),
            steps: world.dice(&[MISHAP, 1]),
            mishaps: world.dice(&[MISHAP]),
            shelves: (0..COUNT).map(|_| shelf()).collect(),
            again: Vec::new(),
        }
    }

    /// Publishes a change: gives it its sequence, its defects and its bytes.
    pub(crate) fn emit(&mut self, op: Op, at: Micros, before: Option<Row>, after: Option<Row>) {
        let image = after.as_ref().or(before.as_ref()).expect("a change has an image");
        let index = image.dataset;
        let sequence = self.next_sequence(index);
        let keeps_key = match (&before, &after) {
            (Some(before), Some(after)) => before.key() == after.key(),
            (_, after) => after.is_some(),
        };
        let is_late = keeps_key && !dataset(index).is_append && self.befalls(OUT_OF_ORDER);
        if is_late && let Some(row) = &after {
            // A newer change of the row arrives first.
            let mut newer = row.clone();
            let moved = touch(&mut newer);
            let sequence = self.next_sequence(index);
            self.print(Op::Update, (sequence, at + moved), None, Some(newer), Vec::new());
        }
        let conflict = after.clone().filter(|_| self.befalls(CONFLICTING));
        let late = if is_late { vec![Injected::of_record("D38")] } else { Vec::new() };
        self.print(op, (sequence, at), before, after, late);
        if let Some(mut other) = conflict {
            touch(&mut other);
            let conflict = vec![Injected::of_record("D37")];
            self.print(op, (sequence, at), None, Some(other), conflict);
        }
    }

    /// Whether something of this rate happens now.
    fn befalls(&mut self, rate: f64) -> bool {
        self.world.scale > 0.0 && self.mishaps.chance(rate * self.world.scale)
    }

    /// Whether a delete of an unknown row is due, after a record.
    pub(crate) fn wants_unknown_delete(&mut self) -> bool {
        self.befalls(UNKNOWN_DELETE)
    }

    fn next_sequence(&mut self, index: usize) -> u64 {
        let shelf = &mut self.shelves[index];
        shelf.sequence += 1 + self.steps.below(3);
        shelf.sequence
    }

    /// Makes room in the dataset's batch: a new one has a name and a clock of its own.
    fn open_batch(&mut self, index: usize) {
        if self.shelves[index].room == 0 {
            let is_utc = self.befalls(UTC_BATCH);
            let shelf = &mut self.shelves[index];
            shelf.batches += 1;
            shelf.batch = format!("{}-{:06}", self.day, shelf.batches);
            shelf.room = BATCH_RECORDS;
            shelf.is_utc = is_utc;
        }
        self.shelves[index].room -= 1;
    }

    fn print(
        &mut self,
        op: Op,
        (sequence, at): (u64, Micros),
        before: Option<Row>,
        after: Option<Row>,
        defects: Vec<Injected>,
    ) {
        let mut after = after;
        let index = after.as_ref().or(before.as_ref()).expect("a change has an image").dataset;
        self.open_batch(index);
        let mut defects = defects;
        if self.world.scale > 0.0
            && let Some(row) = &mut after
        {
            let batch = Batch { is_utc: self.shelves[index].is_utc };
            defects.extend(spoil_row(row, self.world, batch, &mut self.mishaps));
        } else if let Some(row) = &before {
            defects.extend(regions_of_key(row));
        }
        let key = after.as_ref().or(before.as_ref()).map(Row::key).unwrap_or_default();
        let mut value = Envelope {
            op,
            seq: sequence,
            event_time: at,
            batch: &self.shelves[index].batch,
            before: before.as_ref(),
            before_key_only: false,
            after: after.as_ref(),
        }
        .write();
        if self.befalls(BROKEN_RECORD) {
            break_record(&mut value, &mut self.mishaps);
            defects = vec![Injected::of_record("D50")];
        }
        self.publish(index, sequence, key, Some(value), defects);
    }

    /// The delete of a row that never was; only its key is known.
    pub(crate) fn emit_unknown_delete(&mut self, row: &Row, at: Micros) {
        let sequence = self.next_sequence(row.dataset);
        self.open_batch(row.dataset);
        let value = Envelope {
            op: Op::Delete,
            seq: sequence,
            event_time: at,
            batch: &self.shelves[row.dataset].batch,
            before: Some(row),
            before_key_only: true,
            after: None,
        }
        .write();
        let mut defects = vec![Injected::of_record("D39")];
        defects.extend(regions_of_key(row));
        self.publish(row.dataset, sequence, row.key(), Some(value), defects);
    }

    /// The tombstone that follows a delete; it has the sequence of the delete.
    pub(crate) fn emit_tombstone(&mut self, index: usize, key: Vec<u8>) {
        let sequence = self.shelves[index].sequence;
        self.publish(index, sequence, key, None, Vec::new());
    }

    fn publish(
        &mut self,
        index: usize,
        sequence: u64,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        defects: Vec<Injected>,
    ) {
        let (name, kafka_topic) = (dataset(index).name, dataset(index).kafka_topic);
        // The time is that of publication and set when the event leaves.
        let event =
            Event { dataset: name, kafka_topic, sequence, key, value, timestamp_ms: 0, defects };
        if self.befalls(REDELIVERED) {
            let mut copy = event.clone();
            copy.defects.push(Injected::of_record("D36"));
            self.again.push(copy);
        }
        self.queue.push_back(event);
    }

    pub(crate) fn end_unit(&mut self) {
        self.queue.extend(self.again.drain(..));
    }
}

/// Changes the last value that is not of the key and can be moved by a step; the step in time.
fn touch(row: &mut Row) -> Micros {
    let key = row.dataset().key;
    for (place, value) in row.values.iter_mut().enumerate().rev() {
        if key.contains(&place) {
            continue;
        }
        match value {
            Value::Instant(at) => {
                *at += STEP_US;
                return STEP_US;
            }
            Value::Int(number) => *number += 1,
            Value::Scaled(digits, places) => *digits += 10_i64.pow(u32::from(*places)),
            Value::Date(day) => *day += 1,
            _ => continue,
        }
        return STEP_US;
    }
    STEP_US
}

const STEP_US: Micros = 60_000_000;
