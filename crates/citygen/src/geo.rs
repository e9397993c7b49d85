//! Coordinates as other systems write them: GCJ-02 and Gauss-Krüger metres.
//!
//! GCJ-02 by the published polynomial (a = 6378245, ee = 0.006693421622965823); the projection
//! by the usual series on the ellipsoid of CGCS2000 (a = 6378137, f = 1/298.257222101), 3° zones,
//! easting 500 km with the number of the zone in front. Degrees are in millionths.

use std::f64::consts::PI;

const GCJ_A: f64 = 6_378_245.0;
const GCJ_EE: f64 = 0.006_693_421_622_965_823;
const A: f64 = 6_378_137.0;
const F: f64 = 1.0 / 298.257_222_101;

/// The point in GCJ-02.
pub(crate) fn gcj02(lon: i64, lat: i64) -> (i64, i64) {
    let (lon, lat) = (lon as f64 / 1e6, lat as f64 / 1e6);
    let (x, y) = (lon - 105.0, lat - 35.0);
    let wave = (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0;
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + wave
        + (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0
        + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y * PI / 30.0).sin()) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + wave
        + (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0
        + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
    let phi = lat.to_radians();
    let magic = 1.0 - GCJ_EE * phi.sin() * phi.sin();
    let root = magic.sqrt();
    let dlat = north * 180.0 / ((GCJ_A * (1.0 - GCJ_EE)) / (magic * root) * PI);
    let dlon = east * 180.0 / (GCJ_A / root * phi.cos() * PI);
    (micro(lon + dlon), micro(lat + dlat))
}

/// Easting with the zone in front, and northing, in hundredths of a metre.
pub(crate) fn gauss_kruger(lon: i64, lat: i64) -> (i64, i64) {
    let zone = ((lon as f64 / 1e6) / 3.0).round();
    let (l, phi) = ((lon as f64 / 1e6 - 3.0 * zone).to_radians(), (lat as f64 / 1e6).to_radians());
    let e2 = F * (2.0 - F);
    let (sin, cos, tan) = (phi.sin(), phi.cos(), phi.tan());
    let radius = A / (1.0 - e2 * sin * sin).sqrt();
    let (t2, eta2) = (tan * tan, e2 / (1.0 - e2) * cos * cos);
    let (c2, l2) = (cos * cos, l * l);
    let north = meridian(phi, e2)
        + radius * tan * c2 * l2 / 2.0
            * (1.0
                + l2 * c2 / 12.0 * (5.0 - t2 + 9.0 * eta2 + 4.0 * eta2 * eta2)
                + l2 * l2 * c2 * c2 / 360.0 * (61.0 - 58.0 * t2 + t2 * t2));
    let east = radius
        * cos
        * l
        * (1.0
            + l2 * c2 / 6.0 * (1.0 - t2 + eta2)
            + l2 * l2 * c2 * c2 / 120.0
                * (5.0 - 18.0 * t2 + t2 * t2 + 14.0 * eta2 - 58.0 * eta2 * t2));
    let metres = zone * 1e6 + 500_000.0 + east;
    ((metres * 100.0).round() as i64, (north * 100.0).round() as i64)
}

/// Length of the meridian from the equator, metres.
fn meridian(phi: f64, e2: f64) -> f64 {
    let (e4, e6) = (e2 * e2, e2 * e2 * e2);
    A * ((1.0 - e2 / 4.0 - 3.0 * e4 / 64.0 - 5.0 * e6 / 256.0) * phi
        - (3.0 * e2 / 8.0 + 3.0 * e4 / 32.0 + 45.0 * e6 / 1024.0) * (2.0 * phi).sin()
        + (15.0 * e4 / 256.0 + 45.0 * e6 / 1024.0) * (4.0 * phi).sin()
        - 35.0 * e6 / 3072.0 * (6.0 * phi).sin())
}

fn micro(degrees: f64) -> i64 {
    (degrees * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the coordinate vectors of the domain specification (gcoord 1.0.7; PROJ).
    const GCJ_VECTORS: [((i64, i64), (i64, i64)); 12] = [
        ((106_551_600, 29_563_000), (106_555_318, 29_560_151)),
        ((106_505_000, 29_531_600), (106_508_833, 29_528_862)),
        ((108_380_700, 30_807_800), (108_385_281, 30_805_529)),
        ((107_390_000, 29_703_100), (107_394_629, 29_700_620)),
        ((109_464_000, 31_018_700), (109_468_996, 31_016_493)),
        ((110_150_000, 31_100_000), (110_155_100, 31_097_881)),
        ((105_290_000, 29_400_000), (105_293_342, 29_397_227)),
        ((108_650_000, 28_200_000), (108_654_092, 28_196_461)),
        ((109_000_000, 32_200_000), (109_004_708, 32_197_782)),
        ((106_920_000, 28_960_000), (106_923_882, 28_956_723)),
        ((105_890_000, 29_400_000), (105_893_470, 29_397_024)),
        ((108_770_000, 29_530_000), (108_774_372, 29_527_300)),
    ];
    const GK_VECTORS: [((i64, i64), (i64, i64)); 12] = [
        ((106_551_600, 29_563_000), (3_635_963_332, 327_254_795)),
        ((106_505_000, 29_531_600), (3_635_507_191, 326_912_406)),
        ((108_380_700, 30_807_800), (3_653_643_132, 340_972_752)),
        ((107_390_000, 29_703_100), (3_644_096_839, 328_735_776)),
        ((109_464_000, 31_018_700), (3_663_979_814, 343_396_809)),
        ((110_150_000, 31_100_000), (3_741_890_482, 344_237_208)),
        ((105_290_000, 29_400_000), (3_552_814_787, 325_363_992)),
        ((108_650_000, 28_200_000), (3_656_381_754, 312_077_703)),
        ((109_000_000, 32_200_000), (3_659_428_954, 356_446_864)),
        ((106_920_000, 28_960_000), (3_639_472_215, 320_531_637)),
        ((105_890_000, 29_400_000), (3_558_638_646, 325_393_434)),
        ((108_770_000, 29_530_000), (3_657_464_319, 326_826_183)),
    ];

    #[test]
    fn points_in_gcj02_are_those_of_other_programs() {
        for (from, to) in GCJ_VECTORS {
            let (lon, lat) = gcj02(from.0, from.1);
            assert!((lon - to.0).abs() <= 1 && (lat - to.1).abs() <= 1, "{from:?}: {lon} {lat}");
        }
    }

    #[test]
    fn projected_metres_are_those_of_other_programs() {
        for (from, to) in GK_VECTORS {
            let (east, north) = gauss_kruger(from.0, from.1);
            assert!(
                (east - to.0).abs() <= 1 && (north - to.1).abs() <= 1,
                "{from:?}: {east} {north}"
            );
        }
    }
}
