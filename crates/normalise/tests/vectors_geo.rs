//! Every vector of `coordinate_vectors.json`: shifted degrees by gcoord, metres by PROJ.

use huiliu_normalise::geo::{
    Zone, bd09_to_gcj02, from_gauss_krueger, gcj02_to_bd09, gcj02_to_wgs84, to_gauss_krueger,
    wgs84_to_gcj02,
};
use serde_json::Value;

/// Mean radius of the earth, for distances of some metres.
const EARTH_M: f64 = 6_371_008.8;

fn metres((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> f64 {
    let east = (x2 - x1).to_radians() * ((y1 + y2) / 2.0).to_radians().cos();
    EARTH_M * east.hypot((y2 - y1).to_radians())
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/coordinate_vectors.json")).expect("it is JSON")
}

fn point(row: &Value, name: &str) -> (f64, f64) {
    let number = |index: usize| row[name][index].as_f64().expect("a number");
    (number(0), number(1))
}

#[test]
fn shifted_degrees_agree_with_the_vectors_to_half_a_metre() {
    let vectors = vectors();
    let rows = vectors["rows"].as_array().expect("a list");
    assert_eq!(rows.len(), 14);
    for row in rows {
        let (wgs84, gcj02) = (point(row, "wgs84"), point(row, "gcj02"));
        let found = wgs84_to_gcj02(wgs84);
        assert!(metres(found, gcj02) < 0.5, "{row}: {found:?}");
        if row["bd09"].is_array() {
            let found = gcj02_to_bd09(gcj02);
            assert!(metres(found, point(row, "bd09")) < 0.5, "{row}: {found:?}");
        }
        let offset = row["gcj_offset_m"].as_f64().expect("a number");
        assert!((metres(wgs84, wgs84_to_gcj02(wgs84)) - offset).abs() < 2.0, "{row}");
    }
}

#[test]
fn the_way_back_ends_where_it_began() {
    for row in vectors()["rows"].as_array().expect("a list") {
        let wgs84 = point(row, "wgs84");
        let close = |found: (f64, f64)| {
            let off = (found.0 - wgs84.0).abs().max((found.1 - wgs84.1).abs());
            assert!(off < 1e-6, "{row}: {found:?}");
        };
        close(gcj02_to_wgs84(point(row, "gcj02")));
        if row["bd09"].is_array() {
            close(gcj02_to_wgs84(bd09_to_gcj02(point(row, "bd09"))));
        }
        close(gcj02_to_wgs84(wgs84_to_gcj02(wgs84)));
    }
}

#[test]
fn metres_agree_with_proj_to_a_millimetre() {
    let mut compared = 0;
    for row in vectors()["rows"].as_array().expect("a list") {
        let Some(zone) = row["cgcs2000_gk3"]["zone3"].as_u64() else { continue };
        let zone = Zone::new(u8::try_from(zone).expect("two digits")).expect("a zone of the city");
        let number = |name: &str| row["cgcs2000_gk3"][name].as_f64().expect("a number");
        let plane = (number("easting_no_prefix"), number("northing"));
        let (easting, northing) = to_gauss_krueger(point(row, "wgs84"), zone);
        let off = (easting - plane.0).abs().max((northing - plane.1).abs());
        assert!(off < 0.001, "{row}: {easting} {northing}");
        let back = from_gauss_krueger(plane, zone);
        assert!(metres(back, point(row, "wgs84")) < 0.001, "{row}: {back:?}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}
