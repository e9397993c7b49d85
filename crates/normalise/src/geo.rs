//! Positions on the map: systems of coordinates, their conversion to CGCS2000, and the judgement
//! of a pair as delivered.
//!
//! Degrees are longitude east, latitude north; metres are easting, northing. CGCS2000 and WGS 84
//! differ by centimetres and count as equal (domain specification, 1.11). GCJ-02 is shifted by
//! 450 to 570 m in Chongqing, BD-09 by some 600 m more; both are put back by iteration. Xi'an 80
//! and Beijing 54 need parameters that are not public: their positions stay as they are.

mod gauss;
mod shifted;

pub use gauss::{Zone, from_gauss_krueger, to_gauss_krueger};
pub use shifted::{bd09_to_gcj02, gcj02_to_bd09, gcj02_to_wgs84, wgs84_to_gcj02};

use crate::number::{CITY_LATITUDE, CITY_LONGITUDE};
use std::ops::RangeInclusive;

/// Longitude and latitude in degrees, or easting and northing in metres.
pub type Point = (f64, f64);

/// A system of coordinates as a source names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// CGCS2000, WGS 84, or not known.
    Cgcs2000,
    Gcj02,
    Bd09,
    /// Gauss-Krueger metres of one 3-degree zone.
    GaussKrueger(Zone),
    /// Xi'an 80 or Beijing 54, up to a hundred metres off.
    Older,
}

impl System {
    /// The system by its code: `CGCS2000`, `WGS84`, `GCJ02`, `BD09`, `GK3-36`, `XIAN80`, `BJ54`.
    /// Any other text, `UNKNOWN` among them, counts as CGCS2000.
    pub fn of(code: &str) -> Self {
        match code {
            "GCJ02" | "GCJ-02" => Self::Gcj02,
            "BD09" | "BD-09" => Self::Bd09,
            "XIAN80" | "BJ54" => Self::Older,
            _ => {
                let zone = code.strip_prefix("GK3-").and_then(|zone| zone.parse().ok());
                zone.and_then(Zone::new).map_or(Self::Cgcs2000, Self::GaussKrueger)
            }
        }
    }
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// In the city as delivered.
    Kept,
    /// As delivered, in a system that cannot be converted.
    Unconverted,
    /// Longitude and latitude were exchanged (D30).
    Swapped(Point),
    /// From GCJ-02, BD-09 or Gauss-Krueger metres (D33) to CGCS2000.
    Converted(Point),
    /// Not in the city (D31).
    Outside,
}

/// Degrees of a latitude that stands in the place of a longitude (D30).
const SWAPPED_LATITUDE: RangeInclusive<f64> = 28.0..=33.0;
const SWAPPED_LONGITUDE: RangeInclusive<f64> = 105.0..=111.0;
/// Northings of the city, a little wider than its box.
const NORTHINGS: RangeInclusive<f64> = 3_100_000.0..=3_600_000.0;

/// Judges a longitude and a latitude as delivered.
pub fn settle(point: Point, system: System) -> Position {
    let metres = |(easting, northing): Point| {
        let zone = match system {
            System::GaussKrueger(zone) => Some(zone),
            _ => None,
        };
        NORTHINGS.contains(&northing).then(|| gauss::of_metres(easting, northing, zone)).flatten()
    };
    let exchanged = (point.1, point.0);
    // Surveyors call the northing x: either may stand in the column of the longitude.
    if let Some(degrees) = metres(point).or_else(|| metres(exchanged)) {
        return if in_city(degrees) { Position::Converted(degrees) } else { Position::Outside };
    }
    let swapped = SWAPPED_LATITUDE.contains(&point.0) && SWAPPED_LONGITUDE.contains(&point.1);
    let degrees = if swapped { exchanged } else { point };
    let shifted = match system {
        System::Gcj02 => Some(gcj02_to_wgs84(degrees)),
        System::Bd09 => Some(gcj02_to_wgs84(bd09_to_gcj02(degrees))),
        _ => None,
    };
    match shifted {
        _ if !in_city(shifted.unwrap_or(degrees)) => Position::Outside,
        Some(converted) => Position::Converted(converted),
        None if swapped => Position::Swapped(degrees),
        None if system == System::Older => Position::Unconverted,
        None => Position::Kept,
    }
}

/// Whether degrees lie in the city's box.
pub fn in_city((longitude, latitude): Point) -> bool {
    CITY_LONGITUDE.contains(&longitude) && CITY_LATITUDE.contains(&latitude)
}

#[cfg(test)]
mod tests;
