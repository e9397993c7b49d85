//! The rule `coordinates`: two columns of degrees judged as one position.
//!
//! ```text
//! delivered                              stored                    flag of both columns
//! in the city                            as it is
//! latitude and longitude exchanged       put right                 SWAPPED
//! GCJ-02, BD-09 or Gauss-Krueger metres  CGCS2000 degrees          CONVERTED
//! Xi'an 80, Beijing 54                   as it is                  DATUM
//! not in the city                        as `on_fail` says         RANGE
//! one of the two                         by its own side of the box
//! ```

use super::plan::Plan;
use super::row_number;
use crate::flags::{Mark, Marks, RowReject};
use crate::geo::{self, Point, Position, System};
use crate::number::{CITY_LATITUDE, CITY_LONGITUDE};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::Float64Type;
use huiliu_model::contract::OnFail;
use huiliu_model::{Reason, Stage};
use std::sync::Arc;

pub(crate) const SWAPPED: &str = "SWAPPED";
pub(crate) const CONVERTED: &str = "CONVERTED";
pub(crate) const DATUM: &str = "DATUM";

/// Positions of the columns of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    pub longitude: usize,
    pub latitude: usize,
    pub system: Option<usize>,
}

/// What one row's position comes to.
struct Found {
    row: usize,
    longitude: Option<f64>,
    latitude: Option<f64>,
    label: &'static str,
    /// The source said what it delivered, so nothing was wrong with it.
    declared: bool,
}

/// Judges the positions of all rows that `judged` names.
pub(super) fn positions(
    plans: &[Plan],
    at: Columns,
    columns: &mut [ArrayRef],
    judged: impl Fn(&usize) -> bool,
    marks: &mut Marks,
) {
    let (longitudes, latitudes) = (degrees(&columns[at.longitude]), degrees(&columns[at.latitude]));
    let systems = at.system.map(|index| columns[index].as_string::<i32>());
    let value = |array: &Float64Array, row: usize| array.is_valid(row).then(|| array.value(row));
    let found: Vec<Found> = (0..longitudes.len())
        .filter(judged)
        .filter_map(|row| {
            let system = systems.filter(|codes| codes.is_valid(row));
            let system = system.map_or(System::Cgcs2000, |codes| System::of(codes.value(row)));
            judge(row, value(longitudes, row), value(latitudes, row), system)
        })
        .collect();
    if found.is_empty() {
        return;
    }
    let keep = plans[at.longitude].on_fail == OnFail::Warn;
    let changed: Vec<&Found> =
        found.iter().filter(|f| f.label != DATUM && !(keep && f.is_outside())).collect();
    let longitudes = replaced(longitudes, &changed, |found| found.longitude);
    let latitudes = replaced(latitudes, &changed, |found| found.latitude);
    for index in [at.longitude, at.latitude] {
        note(&columns[index], index, &found, marks);
    }
    refuse(&plans[at.longitude], &found, marks);
    (columns[at.longitude], columns[at.latitude]) = (longitudes, latitudes);
}

impl Found {
    fn is_outside(&self) -> bool {
        self.label == Reason::Range.label()
    }
}

fn degrees(column: &ArrayRef) -> &Float64Array {
    column.as_primitive::<Float64Type>()
}

fn judge(
    row: usize,
    longitude: Option<f64>,
    latitude: Option<f64>,
    system: System,
) -> Option<Found> {
    let declared = system != System::Cgcs2000;
    let found = |point: Option<Point>, label| {
        let (longitude, latitude) = point.unzip();
        Some(Found { row, longitude, latitude, label, declared })
    };
    let (longitude, latitude) = match (longitude, latitude) {
        (Some(longitude), Some(latitude)) => (longitude, latitude),
        // Half a position cannot be put right, only kept or refused.
        (Some(longitude), None) if !CITY_LONGITUDE.contains(&longitude) => {
            return found(None, Reason::Range.label());
        }
        (None, Some(latitude)) if !CITY_LATITUDE.contains(&latitude) => {
            return found(None, Reason::Range.label());
        }
        _ => return None,
    };
    match geo::settle((longitude, latitude), system) {
        Position::Kept => None,
        Position::Unconverted => found(Some((longitude, latitude)), DATUM),
        Position::Swapped(point) => found(Some(point), SWAPPED),
        Position::Converted(point) => found(Some(point), CONVERTED),
        Position::Outside => found(None, Reason::Range.label()),
    }
}

fn replaced(
    array: &Float64Array,
    changed: &[&Found],
    of: impl Fn(&Found) -> Option<f64>,
) -> ArrayRef {
    let mut changes = changed.iter().peekable();
    let values = array.iter().enumerate().map(|(row, value)| {
        match changes.next_if(|found| found.row == row) {
            Some(found) => of(found),
            None => value,
        }
    });
    Arc::new(values.collect::<Float64Array>())
}

/// Flags of one of the two columns, and what they mean for its counts.
fn note(delivered: &ArrayRef, index: usize, found: &[Found], marks: &mut Marks) {
    let column = u16::try_from(index).expect("a plan counts columns in 16 bits");
    let mark = |found: &Found| Mark { row: row_number(found.row), column, label: found.label };
    marks.flags.extend(found.iter().map(mark));
    // A coordinate that was not delivered was not counted either.
    let delivered: Vec<&Found> = found.iter().filter(|f| delivered.is_valid(f.row)).collect();
    let rows = |of: &dyn Fn(&Found) -> bool| -> Vec<usize> {
        delivered.iter().filter(|found| of(found)).map(|found| found.row).collect()
    };
    marks.overruled(&rows(&Found::is_outside), column, false);
    let repaired =
        |found: &Found| found.label == SWAPPED || (found.label == CONVERTED && !found.declared);
    marks.overruled(&rows(&repaired), column, true);
    marks.keep_raw(&rows(&|found: &Found| found.label == CONVERTED && found.declared), column);
}

fn refuse(plan: &Plan, found: &[Found], marks: &mut Marks) {
    if plan.on_fail != OnFail::Reject {
        return;
    }
    let reject = |found: &Found| RowReject {
        row: row_number(found.row),
        stage: Stage::Judge,
        reason: Reason::Range,
        column: Some(plan.index),
        rule: "coordinates",
    };
    marks.rejects.extend(found.iter().filter(|found| found.is_outside()).map(reject));
}
