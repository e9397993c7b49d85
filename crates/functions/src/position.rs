//! Positions between systems of coordinates, in degrees east and north.

use crate::call::Call;
use crate::entry::{Entry, Kind};
use arrow::array::{ArrayRef, Float64Builder, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use huiliu_normalise::geo::{self, Point, Position, System, Zone};
use std::sync::Arc;

const DEGREES: &[(&str, Kind)] = &[("longitude", Kind::Double), ("latitude", Kind::Double)];

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "wgs84_to_gcj02",
        arguments: DEGREES,
        optional: 0,
        returns: Kind::Point,
        says: "A position of CGCS2000 or WGS 84 in GCJ-02",
        example: ("round(wgs84_to_gcj02(106.5516, 29.563)['longitude'], 5)", "106.55532"),
        kernel: |call| over(call, geo::wgs84_to_gcj02),
    },
    Entry {
        name: "gcj02_to_wgs84",
        arguments: DEGREES,
        optional: 0,
        returns: Kind::Point,
        says: "A position of GCJ-02 in WGS 84 (CGCS2000)",
        example: ("round(gcj02_to_wgs84(106.55531765, 29.560151274)['latitude'], 5)", "29.563"),
        kernel: |call| over(call, geo::gcj02_to_wgs84),
    },
    Entry {
        name: "bd09_to_gcj02",
        arguments: DEGREES,
        optional: 0,
        returns: Kind::Point,
        says: "A position of BD-09 in GCJ-02",
        example: ("round(bd09_to_gcj02(106.561748234, 29.566465989)['latitude'], 4)", "29.5602"),
        kernel: |call| over(call, geo::bd09_to_gcj02),
    },
    Entry {
        name: "gcj02_to_bd09",
        arguments: DEGREES,
        optional: 0,
        returns: Kind::Point,
        says: "A position of GCJ-02 in BD-09",
        example: ("round(gcj02_to_bd09(106.55531765, 29.560151274)['longitude'], 5)", "106.56175"),
        kernel: |call| over(call, geo::gcj02_to_bd09),
    },
    Entry {
        name: "gauss_krueger_to_lonlat",
        arguments: &[("x", Kind::Double), ("y", Kind::Double), ("zone", Kind::Whole)],
        optional: 1,
        returns: Kind::Point,
        says: "Gauss-Krüger metres of a 3-degree zone (35 to 37) in CGCS2000; easting and \
               northing in either order; without a zone its number stands before the easting; \
               null outside the city",
        example: (
            "round(gauss_krueger_to_lonlat(359633.3157, 3272547.9533, 36)['longitude'], 6)",
            "106.5516",
        ),
        kernel: gauss_krueger,
    },
];

fn over(call: &Call<'_>, convert: fn(Point) -> Point) -> Result<ArrayRef> {
    let (x, y) = (call.doubles(0)?, call.doubles(1)?);
    points(call, |row| Some(convert((x.get(row)?, y.get(row)?))))
}

fn gauss_krueger(call: &Call<'_>) -> Result<ArrayRef> {
    let (x, y, zones) = (call.doubles(0)?, call.doubles(1)?, call.wholes(2)?);
    let is_zoned = call.has(2);
    points(call, |row| {
        let system = match (is_zoned, zones.get(row)) {
            (false, _) => System::Cgcs2000,
            (true, zone) => System::GaussKrueger(Zone::new(u8::try_from(zone?).ok()?)?),
        };
        match geo::settle((x.get(row)?, y.get(row)?), system) {
            Position::Converted(point) => Some(point),
            _ => None,
        }
    })
}

/// A column of points; one that is no finite number is null.
fn points(call: &Call<'_>, of_row: impl Fn(usize) -> Option<Point>) -> Result<ArrayRef> {
    let mut degrees = [
        Float64Builder::with_capacity(call.row_count),
        Float64Builder::with_capacity(call.row_count),
    ];
    let mut valid = Vec::with_capacity(call.row_count);
    for row in 0..call.row_count {
        let point = of_row(row).filter(|(x, y)| x.is_finite() && y.is_finite());
        degrees[0].append_option(point.map(|(longitude, _)| longitude));
        degrees[1].append_option(point.map(|(_, latitude)| latitude));
        valid.push(point.is_some());
    }
    let DataType::Struct(fields) = Kind::Point.to_arrow() else {
        return datafusion::common::internal_err!("a point is a struct");
    };
    let columns = degrees.map(|mut column| Arc::new(column.finish()) as ArrayRef);
    let points = StructArray::try_new(fields, columns.into(), Some(NullBuffer::from(valid)))?;
    Ok(Arc::new(points))
}
