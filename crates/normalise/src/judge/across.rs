//! Rules between columns of one row, on typed values before protection.
//!
//! An order of dates that is reversed is a flag; both values stay. Sex and birth date are read
//! from the resident id where one is valid: the id wins over a column that says otherwise, with
//! a flag; a null stays null, since nothing is made up.

use super::plan::{Across, Plan};
use super::row_number;
use crate::flags::{Mark, Marks};
use crate::id::resident::facts;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Date32Builder, StringBuilder};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use huiliu_model::{DataType, Reason};
use std::sync::Arc;

const DAY_US: i64 = 86_400_000_000;
/// Asia/Shanghai has had no daylight saving time since 1991.
const SHANGHAI_US: i64 = 8 * 3_600_000_000;

/// Runs the rules of all columns; `deletes` is empty when the chunk has none.
pub(crate) fn across(
    plans: &[Plan],
    deletes: &[bool],
    columns: &mut [ArrayRef],
    marks: &mut Marks,
) {
    for plan in plans {
        for rule in &plan.across {
            let index = usize::from(plan.index);
            let judged = |row: &usize| !deletes.get(*row).copied().unwrap_or(false);
            let (found, reason) = match *rule {
                Across::NotBefore(other) => {
                    let found = reversed(plans, columns, index, other);
                    (found.into_iter().filter(judged).collect(), Reason::DateOrder)
                }
                Across::SexOf(id) => {
                    let differing = sexes(&columns[index], &columns[id], judged);
                    let rows = differing.iter().map(|(row, _)| *row).collect();
                    replace_sexes(&mut columns[index], &differing);
                    (rows, Reason::Mismatch)
                }
                Across::BirthDateOf(id) => {
                    let differing = birth_dates(&columns[index], &columns[id], judged);
                    let rows = differing.iter().map(|(row, _)| *row).collect();
                    replace_dates(&mut columns[index], &differing);
                    (rows, Reason::Mismatch)
                }
            };
            mark(plan, &found, reason, marks);
        }
    }
}

fn mark(plan: &Plan, rows: &Vec<usize>, reason: Reason, marks: &mut Marks) {
    let (column, label) = (plan.index, reason.label());
    for &row in rows {
        marks.flags.push(Mark { row: row_number(row), column, label });
    }
    // A value that had to be replaced did not pass as delivered; an order only warns.
    if reason == Reason::Mismatch {
        marks.replaced(rows, column);
    }
}

/// Rows where `column` is earlier than `other`. A date against an instant compares days.
fn reversed(plans: &[Plan], columns: &[ArrayRef], column: usize, other: usize) -> Vec<usize> {
    let both_instants = [column, other].iter().all(|&c| plans[c].data_type == DataType::Timestamp);
    let earlier = |row: usize| {
        let (this, that) = if both_instants {
            (instant(&columns[column], row), instant(&columns[other], row))
        } else {
            (day(&columns[column], row), day(&columns[other], row))
        };
        matches!((this, that), (Some(this), Some(that)) if this < that)
    };
    (0..columns[column].len()).filter(|&row| earlier(row)).collect()
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
