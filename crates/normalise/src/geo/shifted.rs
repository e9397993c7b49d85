//! GCJ-02 and BD-09, the shifted coordinates of Chinese maps.
//!
//! Only the way into the shift is a formula; the way back is found by iteration, to 1e-9 degrees
//! (0.1 mm) as the domain specification (1.11) asks.

use super::Point;
use std::f64::consts::PI;

/// Krassowsky 1940, on which GCJ-02 is built, though it is applied to WGS 84.
const SEMI_MAJOR: f64 = 6_378_245.0;
/// Squared eccentricity, as gcoord has it.
const ECCENTRICITY: f64 = 0.006_693_421_622_965_823;
/// Where GCJ-02 is in use; outside it is WGS 84.
const EAST: std::ops::RangeInclusive<f64> = 72.004..=137.8347;
const NORTH: std::ops::RangeInclusive<f64> = 0.8293..=55.8271;
/// π as BD-09 has it.
const BD_PI: f64 = PI * 3000.0 / 180.0;
const TOLERANCE_DEGREES: f64 = 1e-9;
const TURNS_MAX: usize = 30;

/// WGS 84 (CGCS2000) to GCJ-02.
pub fn wgs84_to_gcj02((longitude, latitude): Point) -> Point {
    if !EAST.contains(&longitude) || !NORTH.contains(&latitude) {
        return (longitude, latitude);
    }
    let (x, y) = (longitude - 105.0, latitude - 35.0);
    let root = x.abs().sqrt();
    let waves = (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0;
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * root
        + waves
        + (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0
        + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y / 30.0 * PI).sin()) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * root
        + waves
        + (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0
        + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
    let radians = latitude.to_radians();
    let magic = 1.0 - ECCENTRICITY * radians.sin().powi(2);
    let meridian = SEMI_MAJOR * (1.0 - ECCENTRICITY) / (magic * magic.sqrt());
    let parallel = SEMI_MAJOR / magic.sqrt() * radians.cos();
    (longitude + (east / parallel).to_degrees(), latitude + (north / meridian).to_degrees())
}

/// GCJ-02 to WGS 84 (CGCS2000).
pub fn gcj02_to_wgs84(point: Point) -> Point {
    inverse(point, wgs84_to_gcj02)
}

/// GCJ-02 to BD-09.
pub fn gcj02_to_bd09((x, y): Point) -> Point {
    let z = x.hypot(y) + 2e-5 * (y * BD_PI).sin();
    let theta = y.atan2(x) + 3e-6 * (x * BD_PI).cos();
    (z * theta.cos() + 0.0065, z * theta.sin() + 0.006)
}

/// BD-09 to GCJ-02.
pub fn bd09_to_gcj02(point: Point) -> Point {
    inverse(point, gcj02_to_bd09)
}

/// The point that `shift` moves to `target`: each turn takes back what it moved too far.
fn inverse(target: Point, shift: impl Fn(Point) -> Point) -> Point {
    let mut point = target;
    for _ in 0..TURNS_MAX {
        let moved = shift(point);
        let off = (moved.0 - target.0, moved.1 - target.1);
        point = (point.0 - off.0, point.1 - off.1);
        if off.0.abs() < TOLERANCE_DEGREES && off.1.abs() < TOLERANCE_DEGREES {
            break;
        }
    }
    point
}
