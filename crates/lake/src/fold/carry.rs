//! Cells that a row did not bring: taken from the newest older row of the key that had them.
//!
//! Every change writes the columns that it brought, at its own sequence; a delete writes "nothing
//! is known" to all of them. Per key and column the highest sequence is what counts, so neither
//! the order of arrival nor a replay changes the outcome. A row of `current` says in `sys_unsent`
//! which of its cells are carried and from which sequence: without it a late row could not be
//! told from an older one, nor a value from before a delete from one after it.
//!
//! ```text
//! seq 3  create  note = "a"      current: seq 9, note = "a", sys_unsent = note@…3…
//! seq 9  update  note not sent   then seq 7 comes late with note = "b":
//!                                current: seq 9, note = "b", sys_unsent = note@…7…
//! ```
//!
//! The flags of a cell come with its value. Under protection both stored columns of a contract
//! column move together.

use super::merge::{HELD, PENDING, Touched};
use crate::error::arrow_error;
use crate::stage::named;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int32Type, Int64Type, SchemaRef};
use huiliu_model::{Error, system};
use std::fmt;
use std::sync::Arc;

/// Flag of a cell of which nothing is known; the same word as in `changes`.
const UNAVAILABLE: &str = "UNAVAILABLE";

/// A contract column and the columns that it is stored in.
#[derive(Debug, Clone)]
pub struct Carried {
    pub name: String,
    pub stored: Vec<String>,
}

/// Place of a change in the order of its key: `system::SEQUENCE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sequence<'a> {
    /// Epoch, sequence, rank, offset, partition.
    numbers: [i64; 5],
    /// Empty when it is not known.
    kafka_topic: &'a str,
    ordinal: i64,
}

impl fmt::Display for Sequence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [epoch, seq, rank, offset, partition] = self.numbers;
        write!(f, "{epoch}/{seq}/{rank}/{offset}/{partition}/{}", self.ordinal)?;
        match self.kafka_topic {
            "" => Ok(()),
            name => write!(f, "/{name}"),
        }
    }
}

impl<'a> Sequence<'a> {
    /// Epoch and sequence: where in the log of the source the change stands.
    pub(super) fn position(self) -> [i64; 2] {
        let [epoch, seq, ..] = self.numbers;
        [epoch, seq]
    }

    fn parse(text: &'a str) -> Option<Self> {
        // What stands for the Kafka topic of a file has a `/`.
        let mut parts = text.splitn(7, '/');
        let mut numbers = [0; 5];
        for number in &mut numbers {
            *number = parts.next()?.parse().ok()?;
        }
        let ordinal = parts.next()?.parse().ok()?;
        Some(Self { numbers, kafka_topic: parts.next().unwrap_or_default(), ordinal })
    }
}

/// What is known of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Its value is in that row of that source.
    Value(usize, usize),
    /// The key was deleted.
    Gone,
}

/// The later of two; of one sequence a value is more than none.
pub(super) fn later<'a>(
    held: Option<(Sequence<'a>, Known)>,
    new: Option<(Sequence<'a>, Known)>,
) -> Option<(Sequence<'a>, Known)> {
    match (held, new) {
        (Some(a), Some(b)) if b.0 > a.0 || (b.0 == a.0 && a.1 == Known::Gone) => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}

/// The item of a column in a text of `sys_unsent`: `None` if the row brought the column.
pub(super) fn item<'t>(unsent: Option<&'t str>, column: &str) -> Option<&'t str> {
    unsent?.split(',').find_map(|item| {
        let rest = item.strip_prefix(column)?;
        (rest.is_empty() || rest.starts_with(['@', '!'])).then_some(rest)
    })
}

/// One input as far as carrying needs it.
pub(super) struct Side {
    unsent: Option<StringArray>,
    flags: Option<StringArray>,
    numbers: [Vec<i64>; 5],
    kafka_topics: StringArray,
    ordinals: Vec<i64>,
}

impl Side {
    pub fn of(batch: &RecordBatch) -> Result<Self, Error> {
        let text = |name: &str| batch.column_by_name(name).map(|c| c.as_string::<i32>().clone());
        let of = |column: &ArrayRef| -> Vec<i64> {
            match column.data_type() {
                DataType::Int32 => column
                    .as_primitive::<Int32Type>()
                    .values()
                    .iter()
                    .map(|n| (*n).into())
                    .collect(),
                _ => column.as_primitive::<Int64Type>().values().to_vec(),
            }
        };
        let places = [system::EPOCH, system::SEQ, system::RANK, system::OFFSET, system::PARTITION];
        let mut numbers: [Vec<i64>; 5] = Default::default();
        numbers.iter_mut().zip(&named(batch, &places)?).for_each(|(to, from)| *to = of(from));
        Ok(Self {
            unsent: text(system::UNSENT),
            flags: text(system::FLAGS),
            numbers,
            kafka_topics: named(batch, &[system::KAFKA_TOPIC])?[0].as_string::<i32>().clone(),
            ordinals: of(&named(batch, &[system::ORDINAL])?[0]),
        })
    }

    pub fn at(&self, row: usize) -> Sequence<'_> {
        let topics = &self.kafka_topics;
        Sequence {
            numbers: [0, 1, 2, 3, 4].map(|column: usize| self.numbers[column][row]),
            kafka_topic: if topics.is_valid(row) { topics.value(row) } else { "" },
            ordinal: self.ordinals[row],
        }
    }

    pub fn unsent(&self, row: usize) -> Option<&str> {
        let texts = self.unsent.as_ref()?;
        texts.is_valid(row).then(|| texts.value(row))
    }

    /// The flags of one column of a row, `column:LABEL` each.
    pub fn flags<'t>(&'t self, row: usize, column: &'t str) -> impl Iterator<Item = &'t str> + 't {
        let texts = self.flags.as_ref().filter(|texts| texts.is_valid(row));
        let all = texts.into_iter().flat_map(move |texts| texts.value(row).split(','));
        all.filter(move |flag| flag.strip_prefix(column).is_some_and(|f| f.starts_with(':')))
    }
}

/// Whether any row of a batch lacks a cell.
pub(super) fn lacks_cells(batch: &RecordBatch) -> bool {
    batch.column_by_name(system::UNSENT).is_some_and(|texts| texts.null_count() < texts.len())
}

/// The inputs of a merge, and what carrying found.
pub(super) struct Carrier<'a> {
    columns: &'a [Carried],
    held: Side,
    dead: Side,
    new: Side,
    is_delete: &'a dyn Fn(usize) -> bool,
    patches: Vec<Patch>,
}

/// How one row of the result differs from the row that it is made of.
struct Patch {
    /// Index among the rows of the result.
    at: usize,
    unsent: Option<String>,
    flags: Option<String>,
    /// By column of the contract: where its cell is taken from, if not from the row itself.
    cells: Vec<(usize, Option<(usize, usize)>)>,
}

impl<'a> Carrier<'a> {
    pub fn new(
        columns: &'a [Carried],
        [held, dead, new]: [&RecordBatch; 3],
        is_delete: &'a dyn Fn(usize) -> bool,
    ) -> Result<Self, Error> {
        let (held, dead, new) = (Side::of(held)?, Side::of(dead)?, Side::of(new)?);
        Ok(Self { columns, held, dead, new, is_delete, patches: Vec::new() })
    }

    /// Completes one row of the result; `pending` are the changes of its key. True if a row that
    /// was there already changes by it.
    pub fn complete(&mut self, touched: &Touched, pending: &[usize]) -> bool {
        let (source, row) = touched.chosen;
        let side = if source == HELD { &self.held } else { &self.new };
        let Some(was) = side.unsent(row) else { return false };
        let own = side.at(row);
        let (mut unsent, mut flags) = (Vec::new(), Vec::new());
        let mut cells = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            if item(Some(was), &column.name).is_none() {
                flags.extend(side.flags(row, &column.name).map(str::to_owned));
                continue;
            }
            let known = self.known(&column.name, touched, pending);
            match known {
                Some((from, Known::Value(source, row))) => {
                    let side = if source == HELD { &self.held } else { &self.new };
                    flags.extend(side.flags(row, &column.name).map(str::to_owned));
                    cells.push((index, Some((source, row))));
                    // A record of the same change that is whole.
                    if from != own {
                        unsent.push(format!("{}@{from}", column.name));
                    }
                }
                Some((since, Known::Gone)) => unsent.push(format!("{}!{since}", column.name)),
                None => unsent.push(column.name.clone()),
            }
            if !matches!(known, Some((_, Known::Value(..)))) {
                cells.push((index, None));
                flags.push(format!("{}:{UNAVAILABLE}", column.name));
            }
        }
        let text = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
        let (unsent, flags) = (text(unsent), text(flags));
        let changed = source == HELD && unsent.as_deref() != Some(was);
        if source == PENDING || changed {
            self.patches.push(Patch { at: touched.at, unsent, flags, cells });
        }
        changed
    }

    /// The newest that is known of a column of a key.
    fn known(
        &self,
        column: &str,
        touched: &Touched,
        pending: &[usize],
    ) -> Option<(Sequence<'_>, Known)> {
        let held = touched.held.and_then(|row| {
            let value = Known::Value(HELD, row);
            match item(self.held.unsent(row), column) {
                None => Some((self.held.at(row), value)),
                Some(item) => match item.split_at_checked(1)? {
                    ("@", from) => Some((Sequence::parse(from)?, value)),
                    (_, since) => Some((Sequence::parse(since)?, Known::Gone)),
                },
            }
        });
        let dead = touched.dead.map(|row| (self.dead.at(row), Known::Gone));
        let of_change = |&row: &usize| {
            if (self.is_delete)(row) {
                return Some((self.new.at(row), Known::Gone));
            }
            let sent = item(self.new.unsent(row), column).is_none();
            sent.then(|| (self.new.at(row), Known::Value(PENDING, row)))
        };
        pending.iter().filter_map(of_change).fold(later(held, dead), |a, b| later(a, Some(b)))
    }

    /// Rows of both sources under the schema of `current`, with their cells completed.
    pub fn gather(
        self,
        schema: &SchemaRef,
        [held, pending]: [&RecordBatch; 2],
        rows: &[(usize, usize)],
    ) -> Result<RecordBatch, Error> {
        let failed = |e| arrow_error("gathering a bucket", e);
        let texts = |of: fn(&Patch) -> Option<&str>| -> ArrayRef {
            Arc::new(self.patches.iter().map(of).collect::<StringArray>())
        };
        let unsent = texts(|patch| patch.unsent.as_deref());
        let flags = texts(|patch| patch.flags.as_deref());
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let name = field.name().as_str();
            let mut places = rows.to_vec();
            let third = match name {
                system::UNSENT => Arc::clone(&unsent),
                system::FLAGS => Arc::clone(&flags),
                _ => new_null_array(field.data_type(), 1),
            };
            if matches!(name, system::UNSENT | system::FLAGS) {
                for (index, patch) in self.patches.iter().enumerate() {
                    places[patch.at] = (PATCHED, index);
                }
            } else if let Some(index) =
                self.columns.iter().position(|c| c.stored.iter().any(|stored| stored == name))
            {
                for patch in &self.patches {
                    let cell = patch.cells.iter().find(|(column, _)| *column == index);
                    if let Some((_, from)) = cell {
                        places[patch.at] = from.unwrap_or((PATCHED, 0));
                    }
                }
            }
            let (held, pending) = (named(held, &[name])?, named(pending, &[name])?);
            let sources = [&held[0], &pending[0], &third].map(|column| column.as_ref());
            columns.push(interleave(&sources, &places).map_err(failed)?);
        }
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(failed)
    }
}

/// The third source of a gathered column: the texts of the patches, or a null.
const PATCHED: usize = 2;
