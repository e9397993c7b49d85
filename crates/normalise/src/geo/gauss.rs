//! Gauss-Krueger projection of CGCS2000 in 3-degree zones (EPSG:4534 to 4554), both ways.
//!
//! Krüger's series in the third flattening to the sixth order (Karney 2011, equations 35 and 36):
//! below a micrometre within a zone. False easting 500 km, scale 1, no false northing.

use super::Point;
use std::ops::RangeInclusive;

/// CGCS2000: semi-major axis in metres and flattening.
const SEMI_MAJOR: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_222_101;
const FALSE_EASTING: f64 = 500_000.0;
/// Zones that the city touches; their central meridians are 105, 108 and 111 degrees.
const ZONES: RangeInclusive<u8> = 35..=37;
/// Eastings of a zone three degrees wide, with room for overlap.
const EASTINGS: RangeInclusive<f64> = 250_000.0..=750_000.0;
/// What a zone's number before the easting stands for.
const PREFIX: f64 = 1_000_000.0;

/// Third flattening.
const N: f64 = FLATTENING / (2.0 - FLATTENING);
/// Radius of the circle with the circumference of a meridian.
const RADIUS: f64 = SEMI_MAJOR / (1.0 + N)
    * (1.0 + N * N / 4.0 + N * N * N * N / 64.0 + N * N * N * N * N * N / 256.0);

/// A 3-degree zone of the city: 35, 36 or 37.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(u8);

impl Zone {
    /// The zone of a number, if the city has a part in it.
    pub fn new(number: u8) -> Option<Self> {
        ZONES.contains(&number).then_some(Self(number))
    }

    /// Central meridian in degrees: three for each zone.
    fn meridian(self) -> f64 {
        f64::from(self.0) * 3.0
    }
}

/// Longitude and latitude of metres with the zone's number before the easting, or in a zone that
/// is known otherwise; `None` where no zone is known or it says another than the number.
pub(super) fn of_metres(easting: f64, northing: f64, zone: Option<Zone>) -> Option<Point> {
    let prefixed = ZONES.filter_map(Zone::new).find_map(|zone| {
        let plain = easting - f64::from(zone.0) * PREFIX;
        EASTINGS.contains(&plain).then_some((zone, plain))
    });
    let (zone, easting) = match (prefixed, zone) {
        (Some((said, plain)), told) if told.is_none_or(|told| told == said) => (said, plain),
        (None, Some(told)) if EASTINGS.contains(&easting) => (told, easting),
        _ => return None,
    };
    Some(from_gauss_krueger((easting, northing), zone))
}

/// Easting without a prefix and northing, of degrees.
pub fn to_gauss_krueger((longitude, latitude): Point, zone: Zone) -> Point {
    let (phi, lambda) = (latitude.to_radians(), (longitude - zone.meridian()).to_radians());
    let e = (FLATTENING * (2.0 - FLATTENING)).sqrt();
    let tau = phi.tan();
    let sigma = (e * (e * tau / tau.hypot(1.0)).atanh()).sinh();
    let conformal = tau * sigma.hypot(1.0) - sigma * tau.hypot(1.0);
    let xi = conformal.atan2(lambda.cos());
    let eta = (lambda.sin() / conformal.hypot(lambda.cos())).asinh();
    let (x, y) = series(xi, eta, &forward());
    (RADIUS * (eta + y) + FALSE_EASTING, RADIUS * (xi + x))
}

/// Longitude and latitude of an easting without a prefix and a northing.
pub fn from_gauss_krueger((easting, northing): Point, zone: Zone) -> Point {
    let (xi, eta) = (northing / RADIUS, (easting - FALSE_EASTING) / RADIUS);
    let (x, y) = series(xi, eta, &backward());
    let (xi, eta) = (xi - x, eta - y);
    let conformal = xi.sin() / eta.sinh().hypot(xi.cos());
    let lambda = eta.sinh().atan2(xi.cos());
    (zone.meridian() + lambda.to_degrees(), latitude(conformal).to_degrees())
}

/// Latitude in radians of the tangent of a conformal latitude, by Newton's method.
fn latitude(conformal: f64) -> f64 {
    let e2 = FLATTENING * (2.0 - FLATTENING);
    let e = e2.sqrt();
    let mut tau = conformal;
    // Two turns reach the precision of a double; four are certain to.
    for _ in 0..4 {
        let sigma = (e * (e * tau / tau.hypot(1.0)).atanh()).sinh();
        let back = tau * sigma.hypot(1.0) - sigma * tau.hypot(1.0);
        let slope =
            (1.0 + (1.0 - e2) * tau * tau) / ((1.0 - e2) * back.hypot(1.0) * tau.hypot(1.0));
        tau += (conformal - back) * slope;
    }
    tau.atan()
}

/// `Σ c_j sin 2jξ cosh 2jη` and `Σ c_j cos 2jξ sinh 2jη`.
fn series(xi: f64, eta: f64, coefficients: &[f64; 6]) -> Point {
    let term = |(j, c): (usize, &f64)| {
        let twice = 2.0 * (j as f64 + 1.0);
        let (a, b) = (twice * xi, twice * eta);
        (c * a.sin() * b.cosh(), c * a.cos() * b.sinh())
    };
    let terms = coefficients.iter().enumerate().map(term);
    terms.fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1))
}

/// Powers of the third flattening times the fractions of each, lowest power first.
fn polynomial(first_power: i32, fractions: &[f64]) -> f64 {
    let terms = fractions.iter().zip(first_power..).map(|(c, power)| c * N.powi(power));
    terms.sum()
}

/// α of Karney's equation 35.
fn forward() -> [f64; 6] {
    [
        polynomial(
            1,
            &[1.0 / 2.0, -2.0 / 3.0, 5.0 / 16.0, 41.0 / 180.0, -127.0 / 288.0, 7891.0 / 37_800.0],
        ),
        polynomial(
            2,
            &[13.0 / 48.0, -3.0 / 5.0, 557.0 / 1440.0, 281.0 / 630.0, -1_983_433.0 / 1_935_360.0],
        ),
        polynomial(3, &[61.0 / 240.0, -103.0 / 140.0, 15_061.0 / 26_880.0, 167_603.0 / 181_440.0]),
        polynomial(4, &[49_561.0 / 161_280.0, -179.0 / 168.0, 6_601_661.0 / 7_257_600.0]),
        polynomial(5, &[34_729.0 / 80_640.0, -3_418_889.0 / 1_995_840.0]),
        polynomial(6, &[212_378_941.0 / 319_334_400.0]),
    ]
}

/// β of Karney's equation 36.
fn backward() -> [f64; 6] {
    [
        polynomial(
            1,
            &[
                1.0 / 2.0,
                -2.0 / 3.0,
                37.0 / 96.0,
                -1.0 / 360.0,
                -81.0 / 512.0,
                96_199.0 / 604_800.0,
            ],
        ),
        polynomial(
            2,
            &[1.0 / 48.0, 1.0 / 15.0, -437.0 / 1440.0, 46.0 / 105.0, -1_118_711.0 / 3_870_720.0],
        ),
        polynomial(3, &[17.0 / 480.0, -37.0 / 840.0, -209.0 / 4480.0, 5569.0 / 90_720.0]),
        polynomial(4, &[4397.0 / 161_280.0, -11.0 / 504.0, -830_251.0 / 7_257_600.0]),
        polynomial(5, &[4583.0 / 161_280.0, -108_847.0 / 3_991_680.0]),
        polynomial(6, &[20_648_693.0 / 638_668_800.0]),
    ]
}
