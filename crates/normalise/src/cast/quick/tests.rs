//! The short way against the long one, under every encoding that a source may have.

use super::super::{Chunk, Given, encoded, text};
use super::*;
use crate::judge::Verdict;
use crate::number::Unit;
use huiliu_model::contract::{Format, OnFail};
use huiliu_model::{Change, Changes, Op, Records, Texts};
use proptest::prelude::*;

const DECIMAL: DataType = DataType::Decimal { precision: 9, scale: 2 };
const TYPES: [DataType; 7] = [
    DataType::String,
    DataType::Integer,
    DataType::Long,
    DataType::Double,
    DataType::Date,
    DataType::Timestamp,
    DECIMAL,
];
/// 2020-04-07 08:30:00 in Shanghai.
const EVENT_US: i64 = 1_586_219_400_000_000;

fn plan(data_type: DataType) -> Plan {
    Plan {
        index: 0,
        name: "c".to_owned(),
        data_type,
        key: false,
        required: false,
        on_fail: OnFail::Null,
        named: None,
        rule: NamedRule::Text.name(),
        texts: Vec::new(),
        unit: Unit::of(None),
        bounds: None,
        month_start: false,
        not_future: false,
        since: None,
        years_before_event: None,
        across: Vec::new(),
        encoding: Encoding::Unsaid,
    }
}

fn encodings() -> impl Iterator<Item = Encoding> {
    let named = Encoding::ALL.into_iter().map(|(_, encoding)| encoding);
    named.chain([Encoding::Unsaid, Encoding::Unscaled { scale: 2 }])
}

/// The value as text if the verdict is that of a clean cell.
fn shown<T>(verdict: Verdict<T>, show: impl Fn(T) -> String) -> Option<String> {
    match verdict {
        Verdict::Value { value, fixed: false, flags: None, remark: None } => Some(show(value)),
        _ => None,
    }
}

/// What the short and the long way say of a cell.
fn both(
    plan: &Plan,
    format: Format,
    encoding: Encoding,
    kind: CellKind,
    written: &str,
) -> (Option<String>, Option<String>) {
    let row = Change {
        record: 0,
        ordinal: 0,
        op: Op::Create,
        epoch: 1,
        seq: 1,
        event_time_us: Some(EVENT_US),
        department: 0,
    };
    let changes = Changes { rows: vec![row], ..Changes::default() };
    let records = Records::default();
    let texts = Texts::of(&records, format);
    let chunk = Chunk::new(&texts, &changes, format);
    let at = &At { chunk: &chunk, plan, row: 0, encoding };
    let given = match kind {
        CellKind::Number => Given::Number(written),
        _ => Given::Text(written),
    };
    let mut scratch = String::new();
    let given = encoded::plainly(given, encoding, plan.data_type, &mut scratch);
    let bits = |value: f64| value.to_bits().to_string();
    match plan.data_type {
        DataType::Integer => (
            integer(at, kind, written.as_bytes()).map(|value| value.to_string()),
            shown(typed::integer(at, given), |value| value.to_string()),
        ),
        DataType::Long => (
            long(at, kind, written.as_bytes()).map(|value| value.to_string()),
            shown(typed::long(at, given), |value| value.to_string()),
        ),
        DataType::Double => {
            (double(at, kind, written.as_bytes()).map(bits), shown(typed::double(at, given), bits))
        }
        DataType::Date => (
            date(at, kind, written.as_bytes()).map(|value| value.to_string()),
            shown(typed::date(at, given), |value| value.to_string()),
        ),
        DataType::Timestamp => (
            timestamp(at, kind, written.as_bytes()).map(|value| value.to_string()),
            shown(typed::timestamp(at, given), |value| value.to_string()),
        ),
        DataType::Decimal { .. } => (
            decimal(at, kind, written.as_bytes()).map(|value| value.to_string()),
            shown(typed::decimal(at, given), |value| value.to_string()),
        ),
        _ => (
            text_kind(plan, encoding)
                .filter(|&of| is_clean_text(plan, of, kind, written))
                .map(|_| written.to_owned()),
            shown(text(at, given), |value| value.into_owned()),
        ),
    }
}

/// Under every type, encoding, format and rule of dates: the short way is silent or right.
fn assert_silent_or_right(written: &str) {
    for data_type in TYPES {
        for encoding in encodings() {
            for format in [Format::DebeziumJson, Format::HuiliuJson] {
                for (kind, ruled) in [
                    (CellKind::Text, false),
                    (CellKind::Number, false),
                    (CellKind::Text, true),
                    (CellKind::Number, true),
                ] {
                    let rules = Plan {
                        month_start: ruled,
                        not_future: ruled,
                        since: ruled.then_some(10_957),
                        ..plan(data_type)
                    };
                    let (short, long) = both(&rules, format, encoding, kind, written);
                    let case =
                        format!("{written:?} {data_type:?} {encoding:?} {kind:?} {format:?}");
                    assert!(short.is_none() || short == long, "{case}: {short:?}, not {long:?}");
                }
            }
        }
    }
}

#[test]
fn odd_cells_are_left_to_the_long_way() {
    for written in [
        // Two counts that mean infinity, in days, milliseconds, microseconds.
        "-2147472692",
        "9223372036825200",
        "9223372036825200000",
        "-9223372036832400000",
        // The last second of the year 9999, and a day after it.
        "253402300799000",
        "253402300799999999",
        "2932896",
        "2932897",
        "-719163",
        "-25567",
        // Digits that are base64 as well, base64, and texts with a `Z` that may mean nothing.
        "1234",
        "12345678",
        "MDk=",
        "2020-04-07T08:30:01.123456Z",
        "2020-04-07Z",
        "08:30:01Z",
        "1900-01-01",
        "9999-12-31",
        "2020-04-08",
        "1999-12-01",
        "1970-01-01T00:00:00+08:00",
        "infinity",
        "null",
        "",
        "-",
        "-0",
        "0.10",
        "1e3",
        "9007199254740993",
        "99999999999",
        "12345678.90",
        " 重庆",
        "Ａ",
    ] {
        assert_silent_or_right(written);
    }
}

#[test]
fn clean_cells_take_the_short_way_and_encoded_ones_do_not() {
    let debezium = Format::DebeziumJson;
    for (data_type, encoding, kind, written, expected) in [
        (DataType::Long, Encoding::Plain, CellKind::Number, "42", Some("42")),
        (DataType::Date, Encoding::Days, CellKind::Number, "18359", Some("18359")),
        (DataType::Date, Encoding::Unsaid, CellKind::Number, "18359", Some("18359")),
        // A minute of the local clock, eight hours ahead of UTC.
        (DataType::Timestamp, Encoding::Micros, CellKind::Number, "60000000", Some("-28740000000")),
        (DataType::Timestamp, Encoding::Plain, CellKind::Number, "60000000", None),
        (DataType::Timestamp, Encoding::TimeMicros, CellKind::Number, "60000000", None),
        (DataType::Timestamp, Encoding::LocalIso, CellKind::Text, "2020-04-07T08:30:01Z", None),
        (DECIMAL, Encoding::Unsaid, CellKind::Text, "12.50", Some("1250")),
        (DECIMAL, Encoding::Plain, CellKind::Text, "1234", Some("123400")),
        (DECIMAL, Encoding::Unsaid, CellKind::Text, "1234", None),
        (DECIMAL, Encoding::Unscaled { scale: 2 }, CellKind::Text, "1234", None),
        (DataType::String, Encoding::Plain, CellKind::Text, "MDk=", Some("MDk=")),
        (DataType::String, Encoding::Unscaled { scale: 2 }, CellKind::Text, "MDk=", None),
        (DataType::String, Encoding::LocalIso, CellKind::Text, "08:30:01.123Z", None),
        (DataType::String, Encoding::TimeMicros, CellKind::Number, "30601123456", None),
    ] {
        let (short, _) = both(&plan(data_type), debezium, encoding, kind, written);
        assert_eq!(short.as_deref(), expected, "{written} {data_type:?} {encoding:?}");
    }
}

proptest! {
    // Each is tried under some four hundred combinations.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_short_way_never_says_anything_else(
        number in r"-?[0-9]{1,19}(\.[0-9]{1,4})?",
        day in r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]",
        clock in r"T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?(Z|\+08:00|-05:30|)",
        base64 in r"[A-Za-z0-9+/]{1,8}={0,2}",
        text in r"[ -~]{0,4}[一-龥]{0,3}[ -~（）．]{0,4}",
    ) {
        for written in [number, format!("{day}{clock}"), day, base64, text] {
            assert_silent_or_right(&written);
        }
    }
}
