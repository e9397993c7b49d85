//! Rules between columns of one row, on typed values before protection.
//!
//! What only remarks is in [`super::relation`], positions are in [`super::position`]. An order of
//! dates that is reversed is a flag; both values stay. Sex and birth date are read from the
//! resident id where one is valid: the id wins over a column that says otherwise, with a flag; a
//! null stays null, since nothing is made up.

use super::plan::{Across, Plan};
use super::{position, relation, row_number};
use crate::flags::{Mark, Marks, UNAVAILABLE};
use crate::id::resident::facts;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Date32Builder, StringBuilder};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use huiliu_model::{DataType, Reason};
use std::collections::BTreeSet;
use std::sync::Arc;

const DAY_US: i64 = 86_400_000_000;
/// Asia/Shanghai has had no daylight saving time since 1991.
const SHANGHAI_US: i64 = 8 * 3_600_000_000;

/// Flag of a column that is set or null against what another column says (D47).
const SET_WHEN: &str = "SET_WHEN";
const REQUIRED_WHEN: &str = "REQUIRED_WHEN";
const AT_MOST_OF: &str = "AT_MOST_OF";
const PREFIX_OF: &str = "PREFIX_OF";
const DIFFERENCE_OF: &str = "DIFFERENCE_OF";

/// Runs the rules of all columns; `deletes` is empty when the chunk has none.
pub(crate) fn across(
    plans: &[Plan],
    deletes: &[bool],
    columns: &mut [ArrayRef],
    marks: &mut Marks,
) {
    let unsent = unsent(marks);
    for plan in plans {
        for rule in &plan.across {
            let index = usize::from(plan.index);
            let judged = |row: &usize| !deletes.get(*row).copied().unwrap_or(false);
            match rule {
                Across::SexOf(id) => {
                    let differing = sexes(&columns[index], &columns[*id], judged);
                    replaced(plan, differing.iter().map(|(row, _)| *row), marks);
                    replace_sexes(&mut columns[index], &differing);
                }
                Across::BirthDateOf(id) => {
                    let differing = birth_dates(&columns[index], &columns[*id], judged);
                    replaced(plan, differing.iter().map(|(row, _)| *row), marks);
                    replace_dates(&mut columns[index], &differing);
                }
                Across::Coordinates(at) => {
                    position::positions(plans, *at, columns, judged, marks);
                }
                rule => {
                    let (found, label) = remarks(plans, columns, index, rule);
                    let sent = |row: &usize| !unsent.contains(&(row_number(*row), plan.index));
                    let found = found.into_iter().filter(judged).filter(sent);
                    mark(plan, found, label, marks);
                }
            }
        }
    }
}

/// Cells that the source did not send: their null says nothing.
fn unsent(marks: &Marks) -> BTreeSet<(u32, u16)> {
    let unsent = marks.flags.iter().filter(|mark| mark.label == UNAVAILABLE);
    unsent.map(|mark| (mark.row, mark.column)).collect()
}

/// The rows that break a rule which only remarks, and its flag.
fn remarks(
    plans: &[Plan],
    columns: &[ArrayRef],
    index: usize,
    rule: &Across,
) -> (Vec<usize>, &'static str) {
    let this = &columns[index];
    match rule {
        Across::NotBefore(other) => {
            (reversed(plans, columns, index, *other, i64::lt), Reason::DateOrder.label())
        }
        Across::After(other) => {
            (reversed(plans, columns, index, *other, i64::le), Reason::DateOrder.label())
        }
        Across::SetWhen(when) => {
            (relation::unset(this, &columns[when.column], when, true), SET_WHEN)
        }
        Across::RequiredWhen(when) => {
            (relation::unset(this, &columns[when.column], when, false), REQUIRED_WHEN)
        }
        Across::AtMostOf(other, times) => {
            (relation::above(this, &columns[*other], *times), AT_MOST_OF)
        }
        Across::PrefixOf(other) => (relation::no_prefix(this, &columns[*other]), PREFIX_OF),
        Across::DifferenceOf(minuend, subtrahend) => {
            let of = [&columns[*minuend], &columns[*subtrahend]];
            (relation::no_difference(this, of), DIFFERENCE_OF)
        }
        Across::SexOf(_) | Across::BirthDateOf(_) | Across::Coordinates(_) => {
            (Vec::new(), Reason::Mismatch.label())
        }
    }
}

fn mark(plan: &Plan, rows: impl Iterator<Item = usize>, label: &'static str, marks: &mut Marks) {
    let column = plan.index;
    marks.flags.extend(rows.map(|row| Mark { row: row_number(row), column, label }));
}

/// Values that had to be replaced: they did not pass as delivered.
fn replaced(plan: &Plan, rows: impl Iterator<Item = usize>, marks: &mut Marks) {
    let rows: Vec<usize> = rows.collect();
    mark(plan, rows.iter().copied(), Reason::Mismatch.label(), marks);
    marks.overruled(&rows, plan.index, true);
}

/// Rows where `column` is earlier than `other`, or as early, as `wrong` says. A date against an
/// instant compares days.
fn reversed(
    plans: &[Plan],
    columns: &[ArrayRef],
    column: usize,
    other: usize,
    wrong: fn(&i64, &i64) -> bool,
) -> Vec<usize> {
    let both_instants = [column, other].iter().all(|&c| plans[c].data_type == DataType::Timestamp);
    let is_wrong = |row: usize| {
        let (this, that) = if both_instants {
            (instant(&columns[column], row), instant(&columns[other], row))
        } else {
            (day(&columns[column], row), day(&columns[other], row))
        };
        matches!((this, that), (Some(this), Some(that)) if wrong(&this, &that))
    };
    (0..columns[column].len()).filter(|&row| is_wrong(row)).collect()
}

fn instant(column: &ArrayRef, row: usize) -> Option<i64> {
    let instants = column.as_primitive::<TimestampMicrosecondType>();
    instants.is_valid(row).then(|| instants.value(row))
}

fn day(column: &ArrayRef, row: usize) -> Option<i64> {
    match column.as_primitive_opt::<Date32Type>() {
        Some(days) => days.is_valid(row).then(|| i64::from(days.value(row))),
        None => instant(column, row).map(shanghai_day),
    }
}

/// The day number of an instant in Asia/Shanghai.
pub(crate) fn shanghai_day(micros: i64) -> i64 {
    micros.saturating_add(SHANGHAI_US).div_euclid(DAY_US)
}

type Differing<T> = Vec<(usize, T)>;

fn sexes(
    sexes: &ArrayRef,
    ids: &ArrayRef,
    judged: impl Fn(&usize) -> bool,
) -> Differing<&'static str> {
    let (sexes, ids) = (sexes.as_string::<i32>(), ids.as_string::<i32>());
    let differing = |row: usize| {
        let facts = facts(ids.is_valid(row).then(|| ids.value(row))?)?;
        (sexes.value(row) != facts.sex_code).then_some((row, facts.sex_code))
    };
    let rows = (0..sexes.len()).filter(|&row| sexes.is_valid(row) && judged(&row));
    rows.filter_map(differing).collect()
}

fn birth_dates(
    dates: &ArrayRef,
    ids: &ArrayRef,
    judged: impl Fn(&usize) -> bool,
) -> Differing<i32> {
    let (dates, ids) = (dates.as_primitive::<Date32Type>(), ids.as_string::<i32>());
    let differing = |row: usize| {
        let facts = facts(ids.is_valid(row).then(|| ids.value(row))?)?;
        (dates.value(row) != facts.birth_days).then_some((row, facts.birth_days))
    };
    let rows = (0..dates.len()).filter(|&row| dates.is_valid(row) && judged(&row));
    rows.filter_map(differing).collect()
}

fn replace_sexes(column: &mut ArrayRef, differing: &[(usize, &'static str)]) {
    if differing.is_empty() {
        return;
    }
    let old = column.as_string::<i32>();
    let mut builder = StringBuilder::with_capacity(old.len(), old.len());
    let mut changes = differing.iter().peekable();
    for (row, value) in old.iter().enumerate() {
        let new = changes.next_if(|(changed, _)| *changed == row).map(|(_, new)| *new);
        builder.append_option(new.or(value));
    }
    *column = Arc::new(builder.finish());
}

fn replace_dates(column: &mut ArrayRef, differing: &[(usize, i32)]) {
    if differing.is_empty() {
        return;
    }
    let old: &Date32Array = column.as_primitive();
    let mut builder = Date32Builder::with_capacity(old.len());
    let mut changes = differing.iter().peekable();
    for (row, value) in old.iter().enumerate() {
        let new = changes.next_if(|(changed, _)| *changed == row).map(|(_, new)| *new);
        builder.append_option(new.or(value));
    }
    *column = Arc::new(builder.finish());
}
