//! Pairs as sources deliver them. Degrees and metres are those of `coordinate_vectors.json`,
//! whose metres are PROJ's and whose shifted degrees are gcoord's.

use super::*;

const HALL: Point = (106.5516, 29.563);

fn near(found: Point, expected: Point) {
    // 1e-8 degrees are a millimetre; the shifted vectors themselves have half a metre.
    assert!(
        (found.0 - expected.0).abs() < 1e-6 && (found.1 - expected.1).abs() < 1e-6,
        "{found:?}"
    );
}

fn converted(point: Point, system: &str) -> Point {
    match settle(point, System::of(system)) {
        Position::Converted(point) => point,
        other => panic!("{point:?} in {system}: {other:?}"),
    }
}

#[test]
fn what_lies_in_the_city_is_kept_and_what_does_not_is_refused() {
    for system in ["CGCS2000", "WGS84", "UNKNOWN", "", "GK3-36"] {
        assert_eq!(settle(HALL, System::of(system)), Position::Kept, "{system}");
    }
    for point in [(0.0, 0.0), (116.39, 39.9), (105.27, 29.4), (106.55, 32.22), (106.55, f64::NAN)] {
        assert_eq!(settle(point, System::Cgcs2000), Position::Outside, "{point:?}");
    }
    assert_eq!(settle(HALL, System::of("XIAN80")), Position::Unconverted);
    assert_eq!(settle(HALL, System::of("BJ54")), Position::Unconverted);
}

#[test]
fn exchanged_degrees_are_put_right() {
    assert_eq!(settle((29.563, 106.5516), System::Cgcs2000), Position::Swapped(HALL));
    // In the ranges of an exchange, but not in the city's box.
    assert_eq!(settle((28.05, 106.5516), System::Cgcs2000), Position::Outside);
    near(converted((29.560151274, 106.55531765), "GCJ02"), HALL);
}

#[test]
fn shifted_degrees_are_converted_where_the_source_names_its_system() {
    near(converted((106.55531765, 29.560151274), "GCJ02"), HALL);
    near(converted((106.561748234, 29.566465989), "BD09"), HALL);
    // Five thousandths of a degree east of itself, as at Wushan: inside only once converted.
    let edge = converted((110.2031, 31.0979), "GCJ02");
    assert!((edge.0 - 110.198).abs() < 2e-4 && (edge.1 - 31.1).abs() < 2e-4, "{edge:?}");
    assert_eq!(settle((110.2031, 31.0979), System::Cgcs2000), Position::Outside);
}

#[test]
fn metres_are_converted_by_the_zone_in_front_or_by_the_system() {
    near(converted((36_359_633.3157, 3_272_547.9533), "CGCS2000"), HALL);
    near(converted((3_272_547.9533, 36_359_633.3157), "CGCS2000"), HALL);
    near(converted((359_633.3157, 3_272_547.9533), "GK3-36"), HALL);
    near(converted((36_359_633.3157, 3_272_547.9533), "GK3-36"), HALL);
    near(converted((37_418_904.8151, 3_442_372.0832), ""), (110.15, 31.1));
    near(converted((35_528_147.8693, 3_253_639.9229), ""), (105.29, 29.4));
    // No zone, another zone than the one in front, and a place outside the city.
    for (point, system) in [
        ((359_633.3157, 3_272_547.9533), "CGCS2000"),
        ((36_359_633.3157, 3_272_547.9533), "GK3-35"),
        ((37_700_000.0, 3_272_547.9533), "CGCS2000"),
        ((38_359_633.3157, 3_272_547.9533), "CGCS2000"),
    ] {
        assert_eq!(settle(point, System::of(system)), Position::Outside, "{point:?} {system}");
    }
    assert_eq!(Zone::new(34), None);
    assert_eq!(System::of("GK3-38"), System::Cgcs2000);
}
