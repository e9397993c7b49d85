//! The key: columns whose values, together, stand once and are never missing; and the mode.

use crate::column::Guess;
use crate::sample::Sample;
use crate::words::Hint;
use huiliu_model::contract::{DataType, Grade, Mode, NamedRule};
use std::collections::HashSet;

/// Columns of a key at most.
const COLUMNS_MAX: usize = 3;
/// Columns that are tried together, the likeliest first: 12 make 298 combinations.
const TRIED_MAX: usize = 12;

/// The key and why; the column that is filled best where nothing is unique.
pub(crate) fn find(columns: &[Guess], sample: &Sample) -> (Vec<usize>, String) {
    let mut order: Vec<usize> = (0..columns.len()).filter(|i| may(&columns[*i])).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(rank(&columns[*index])), *index));
    order.truncate(TRIED_MAX);
    let rows: Vec<usize> =
        (0..sample.row_count).filter(|row| sample.is_first.get(*row) == Some(&true)).collect();
    for size in 1..=COLUMNS_MAX.min(order.len()) {
        let unique = combinations(order.len(), size).into_iter().filter_map(|places| {
            let combination: Vec<usize> = places.iter().map(|place| order[*place]).collect();
            is_unique(&combination, columns, sample, &rows).then_some(combination)
        });
        let best = unique.max_by_key(|combination| {
            let least = combination.iter().map(|index| rank(&columns[*index])).min();
            let places: usize = combination.iter().sum();
            (least, std::cmp::Reverse(places))
        });
        if let Some(mut key) = best {
            key.sort_by_key(|index| (columns[*index].data_type == DataType::Date, *index));
            let why = format!("unique and never missing in {} rows", rows.len());
            return (key, why);
        }
    }
    let fallback = order.first().copied().unwrap_or(0);
    (vec![fallback], "NOT unique in the sample: name the columns that are".to_owned())
}

/// Whether a column may be part of a key at all: measures and running text are not.
fn may(column: &Guess) -> bool {
    let is_measure =
        matches!(column.data_type, DataType::Double | DataType::Decimal { .. } | DataType::Boolean);
    let is_text = column.rules.iter().any(|rule| rule == "free_text");
    // An encrypted number cannot be read, and only text becomes a token.
    let is_hidden = column.grade == Grade::L4 && column.data_type != DataType::String;
    !is_measure && !is_text && !is_hidden && column.hint != Hint::Updated
}

/// How much a column looks like a part of a key, 0 to 3.
fn rank(column: &Guess) -> u8 {
    use NamedRule as R;
    let name = column.name.as_str();
    let is_descriptive = matches!(
        column.named,
        Some(
            R::PersonName | R::OrgName | R::Name | R::Address | R::Phone | R::Mobile | R::Landline
        )
    );
    let is_named = name == "id" || ["_no", "_code", "_id"].iter().any(|end| name.ends_with(end));
    let identifies = matches!(
        column.named,
        Some(R::Uscc | R::ResidentId | R::ElicenceId | R::ProjectCode | R::AccountNo | R::UnitCode)
    );
    match column.data_type {
        _ if is_descriptive => 0,
        _ if identifies || is_named => 3,
        DataType::Date | DataType::Timestamp => 2,
        _ => 1,
    }
}

fn is_unique(combination: &[usize], columns: &[Guess], sample: &Sample, rows: &[usize]) -> bool {
    let mut seen: HashSet<Vec<&str>> = HashSet::with_capacity(rows.len());
    !rows.is_empty()
        && combination.iter().all(|index| columns[*index].is_required)
        && rows.iter().all(|row| {
            let cell = |index: &usize| sample.fields[columns[*index].field].cells[*row].text();
            let values: Option<Vec<&str>> = combination.iter().map(cell).collect();
            values.is_some_and(|values| seen.insert(values))
        })
}

/// Every choice of `size` places among `count`, in order.
fn combinations(count: usize, size: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..size {
        let longer = |chosen: &Vec<usize>| {
            let from = chosen.last().map_or(0, |last: &usize| last + 1);
            let chosen = chosen.clone();
            (from..count).map(move |next| [chosen.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Whether rows change or are only added.
pub(crate) fn mode(columns: &[Guess], key: &[usize], sample: &Sample) -> (Mode, &'static str) {
    let has_time = key.iter().any(|index| {
        let column = &columns[*index];
        let is_month = column.rules.iter().any(|rule| rule == "month_start");
        matches!(column.data_type, DataType::Date | DataType::Timestamp) && !is_month
    });
    let is_updated = columns.iter().any(|column| column.hint == Hint::Updated);
    match (sample.has_changes, is_updated, has_time) {
        (true, ..) => (Mode::Cdc, "the sample updates or deletes rows"),
        (_, true, _) => (Mode::Cdc, "rows say when they were updated"),
        (_, _, true) => (Mode::Append, "the key has a moment and nothing says that rows change"),
        _ => (Mode::Cdc, "a key without a moment names something that can change"),
    }
}
