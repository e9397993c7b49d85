//! Exactness, separators, units and what is refused.

use super::*;

fn decimal(text: &str, unit: Unit) -> NumberOutcome<i128> {
    parse_decimal(text.as_bytes(), 18, 2, unit)
}

fn value<T>(value: T, fixed: bool) -> NumberOutcome<T> {
    NumberOutcome::Value { value, fixed }
}

#[test]
fn plain_decimals_are_exact_and_not_fixed() {
    for (text, expected) in [
        ("0", 0),
        ("1234.5", 123_450),
        ("-0.01", -1),
        ("9999999999999999.99", 999_999_999_999_999_999),
        ("12.3400", 1234),
        ("007.50", 750),
    ] {
        assert_eq!(decimal(text, Unit::Plain), value(expected, false), "{text}");
    }
    let long = "1234567890123456789012345678.9012345678";
    let expected = 12_345_678_901_234_567_890_123_456_789_012_345_678;
    assert_eq!(parse_decimal(long.as_bytes(), 38, 10, Unit::Plain), value(expected, true));
    assert_eq!(parse_decimal(b"1200", 5, -2, Unit::Plain), value(12, false));
}

#[test]
fn nothing_is_rounded() {
    for text in ["0.001", "1.005", "10000000000000000", "1E-3", "99999999999999999999999999"] {
        assert_eq!(decimal(text, Unit::Plain), NumberOutcome::Err(Reason::Range), "{text}");
    }
    assert_eq!(parse_decimal(b"1234", 5, -2, Unit::Plain), NumberOutcome::Err(Reason::Range));
}

#[test]
fn numbers_as_people_write_them_are_fixed() {
    for (text, unit, expected) in [
        ("1,234.50", Unit::Plain, 123_450),
        ("１２．５", Unit::Plain, 1250),
        ("+5", Unit::Plain, 500),
        (".5", Unit::Plain, 50),
        ("1.5E3", Unit::Plain, 150_000),
        ("(1,234.50)", Unit::Plain, -123_450),
        ("￥1,234.50", Unit::Yuan, 123_450),
        ("100万", Unit::WanYuan, 10_000),
        ("100.000000万元人民币", Unit::WanYuan, 10_000),
        ("100万元", Unit::Yuan, 100_000_000),
        ("1.2亿元", Unit::WanYuan, 1_200_000),
        ("5000000元", Unit::WanYuan, 50_000),
        ("人民币100", Unit::WanYuan, 10_000),
        ("1.2万", Unit::Plain, 1_200_000),
        ("51%", Unit::Percent, 5100),
        ("RMB 1,000.00元整", Unit::Yuan, 100_000),
    ] {
        assert_eq!(decimal(text, unit), value(expected, true), "{text}");
    }
}

#[test]
fn other_texts_are_no_numbers() {
    for text in ["abc", "1,23", "12,3456", "1.2.3", "1e", "--5", "12吨", "1e999", "￥", "(-1)", ","]
    {
        assert_eq!(decimal(text, Unit::Plain), NumberOutcome::Err(Reason::Type), "{text}");
    }
    assert_eq!(decimal("51%", Unit::Yuan), NumberOutcome::Err(Reason::Type));
    assert_eq!(decimal("暂无", Unit::Plain), NumberOutcome::Null);
    assert_eq!(decimal("", Unit::Plain), NumberOutcome::Null);
}

#[test]
fn integers_lose_the_spreadsheets_point_zero() {
    assert_eq!(parse_integer(b"7350"), value(7350, false));
    assert_eq!(parse_integer(b"-1"), value(-1, false));
    assert_eq!(parse_integer(b"7350.0"), value(7350, true));
    assert_eq!(parse_integer("1万".as_bytes()), value(10_000, true));
    assert_eq!(parse_integer(b"9223372036854775807"), value(i64::MAX, false));
    assert_eq!(parse_integer(b"9223372036854775808"), NumberOutcome::Err(Reason::Range));
    assert_eq!(parse_integer(b"0.5"), NumberOutcome::Err(Reason::Range));
    assert_eq!(parse_integer(b"1.5e1"), value(15, true));
}

#[test]
fn doubles_are_finite() {
    assert_eq!(parse_double(b"106.55"), value(106.55, false));
    assert_eq!(parse_double("１０６．５５".as_bytes()), value(106.55, true));
    assert_eq!(parse_double(b"1e400"), NumberOutcome::Err(Reason::Range));
    assert_eq!(parse_double(b"NaN"), NumberOutcome::Err(Reason::Type));
    assert_eq!(parse_double(b"-"), NumberOutcome::Null);
}

#[test]
fn short_doubles_are_those_of_the_standard_library() {
    let mut state = 7_u64;
    let mut next = |below: u64| {
        // A linear congruence (Knuth's MMIX): the same texts in every run.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) % below
    };
    let mut texts = vec!["-0".to_owned(), "-0.00".to_owned(), "9007199254740993".to_owned()];
    for _ in 0..20_000 {
        let digits = 1 + next(17) as u32;
        let (whole, places) = (next(10_u64.pow(digits)), next(9) as usize);
        let sign = if next(2) == 0 { "" } else { "-" };
        texts.push(format!("{sign}{whole}"));
        texts.push(format!(
            "{sign}{}.{:0places$}",
            whole % 100_000,
            next(100_000_000),
            places = places + 1
        ));
    }
    for text in texts {
        let NumberOutcome::Value { value, fixed: false } = parse_double(text.as_bytes()) else {
            panic!("{text} is a number");
        };
        let expected: f64 = text.parse().expect("a number");
        assert_eq!(value.to_bits(), expected.to_bits(), "{text}");
    }
}

#[test]
fn degrees_lie_in_the_city() {
    assert_eq!(apply_degrees("106.55", CITY_LONGITUDE), Outcome::Ok(Cow::Borrowed("106.55")));
    assert_eq!(apply_degrees("29.56", CITY_LONGITUDE), Outcome::Err(Reason::Range));
    assert_eq!(apply_degrees("0", CITY_LATITUDE), Outcome::Err(Reason::Range));
}

#[test]
fn truth_has_many_words() {
    for (text, expected) in [("true", true), ("false", false)] {
        assert_eq!(parse_boolean(text.as_bytes()), value(expected, false));
    }
    for (text, expected) in [("1", true), ("Y", true), ("是", true), ("0.0", false), ("否", false)]
    {
        assert_eq!(parse_boolean(text.as_bytes()), value(expected, true), "{text}");
    }
    assert_eq!(parse_boolean(b"2"), NumberOutcome::Err(Reason::Type));
    assert_eq!(parse_boolean(b"NULL"), NumberOutcome::Null);
}

#[test]
fn units_are_read_from_the_contract() {
    assert_eq!(Unit::of(Some("万元")), Unit::WanYuan);
    assert_eq!(Unit::of(Some("CNY")), Unit::Yuan);
    assert_eq!(Unit::of(Some("m3")), Unit::Plain);
    assert_eq!(Unit::of(None), Unit::Plain);
}
