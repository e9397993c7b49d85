//! Cells to typed columns: tables written by hand.

mod made;

use huiliu_model::contract::{Encoding, Format, NamedRule, OnFail, Rule};
use huiliu_model::{DataType, Op};
use huiliu_normalise::Protection;
use made::Given::{self, False, Missing, Nested, Null, Number, Text, True, Unavailable, Unescaped};
use made::{Chunk, column, contract, normaliser, ruled, shown};

/// A cell, the value expected (`-` for null) and the flags of the row (`-` for none).
type Case<'a> = (Given<'a>, &'a str, &'a str);

fn check(format: Format, subject: huiliu_model::Column, cases: &[Case<'_>]) {
    let columns = vec![column("id", DataType::String), subject];
    let contract = huiliu_model::Contract { format, ..contract(columns, vec![0]) };
    let normaliser = normaliser(contract, Protection::Plain);
    let mut chunk = Chunk::new(2);
    for (given, _, _) in cases {
        chunk.row(Op::Create, &[Text("k"), *given]);
    }
    let rows = chunk.prepare(&normaliser).rows.expect("no row is rejected");
    let (values, flags) = (shown(&rows, "c"), shown(&rows, "sys_flags"));
    for (row, (given, value, flag)) in cases.iter().enumerate() {
        let flag = if *flag == "-" { "-".to_owned() } else { format!("c:{flag}") };
        assert_eq!((&*values[row], &*flags[row]), (*value, &*flag), "{given:?}");
    }
}

#[test]
fn texts_are_tidied_and_null_tokens_become_null() {
    check(
        Format::HuiliuJson,
        column("c", DataType::String),
        &[
            (Text("重庆市"), "重庆市", "-"),
            (Unescaped(" 重庆\u{200b}市 "), "重庆市", "-"),
            (Text("１２３ＡＢ　"), "123AB", "-"),
            (Text("暂无"), "-", "-"),
            (Number("7350"), "7350", "-"),
            (True, "true", "-"),
            (Missing, "-", "-"),
            (Null, "-", "-"),
            (Unavailable, "-", "UNAVAILABLE"),
            (Nested("{\"a\":1}"), "-", "TYPE"),
        ],
    );
}

#[test]
fn whole_numbers_come_as_number_or_text() {
    check(
        Format::HuiliuJson,
        ruled("c", DataType::Integer, vec![Rule::AtLeast(0.0), Rule::AtMost(500_000.0)]),
        &[
            (Number("7350"), "7350", "-"),
            (Text("7350"), "7350", "-"),
            (Text("7350.0"), "7350", "-"),
            (Text("１２"), "12", "-"),
            (Text("-"), "-", "-"),
            (Number("500000"), "500000", "-"),
            (Number("500001"), "-", "RANGE"),
            (Number("-1"), "-", "RANGE"),
            (Number("99999999999"), "-", "RANGE"),
            (True, "-", "TYPE"),
            (Nested("[1]"), "-", "TYPE"),
        ],
    );
}

#[test]
fn decimals_are_exact() {
    let decimal = DataType::Decimal { precision: 14, scale: 2 };
    check(
        Format::HuiliuJson,
        ruled("c", decimal, vec![Rule::AtLeast(0.0)]),
        &[
            (Number("12.3"), "12.30", "-"),
            (Text("1234.50"), "1234.50", "-"),
            (Text("1,234.50"), "1234.50", "-"),
            (Text("0.07"), "0.07", "-"),
            (Number("-0.01"), "-", "RANGE"),
            (Number("999999999999.99"), "999999999999.99", "-"),
            (Number("1000000000000"), "-", "RANGE"),
            (Text("未知"), "-", "-"),
        ],
    );
}

#[test]
fn booleans_are_understood_in_their_usual_forms() {
    check(
        Format::HuiliuJson,
        column("c", DataType::Boolean),
        &[
            (True, "true", "-"),
            (False, "false", "-"),
            (Text("true"), "true", "-"),
            (Text("FALSE"), "false", "-"),
            (Number("1"), "true", "-"),
            (Text("0"), "false", "-"),
            (Text("Y"), "true", "-"),
            (Text("n"), "false", "-"),
            (Text("是"), "true", "-"),
            (Text(" 否 "), "false", "-"),
            (Text("暂无"), "-", "-"),
            (Text("也许"), "-", "TYPE"),
            (Number("2"), "-", "TYPE"),
        ],
    );
}

#[test]
fn dates_come_in_many_forms() {
    check(
        Format::HuiliuJson,
        column("c", DataType::Date),
        &[
            (Text("2019-12-26"), "2019-12-26", "-"),
            (Text("20191226"), "2019-12-26", "-"),
            (Number("20191226"), "2019-12-26", "-"),
            (Text("2019年12月26日"), "2019-12-26", "-"),
            (Text("2019/1/6"), "2019-01-06", "-"),
            (Text("43825"), "2019-12-26", "-"),
            (Text("２０１９-12-26"), "2019-12-26", "-"),
            (Text("无"), "-", "-"),
            (Text("长期"), "-", "OPEN_END"),
            (Text("9999-12-31"), "-", "OPEN_END"),
            (Text("1900-01-01"), "-", "PLACEHOLDER"),
            (Text("26/12/2019"), "2019-12-26", "-"),
            (Text("06/01/2019"), "-", "AMBIGUOUS"),
            (True, "-", "TYPE"),
        ],
    );
}

#[test]
fn month_keys_are_moved_to_the_first_day() {
    check(
        Format::HuiliuJson,
        ruled("c", DataType::Date, vec![Rule::MonthStart]),
        &[(Text("2020-02-29"), "2020-02-01", "-"), (Text("2020-03-01"), "2020-03-01", "-")],
    );
}

#[test]
fn dates_after_the_day_of_the_record_are_remarked_and_kept() {
    check(
        Format::HuiliuJson,
        ruled("c", DataType::Date, vec![Rule::NotFuture]),
        &[(Text("2020-04-07"), "2020-04-07", "-"), (Text("2020-04-08"), "2020-04-08", "FUTURE")],
    );
    check(
        Format::HuiliuJson,
        ruled("c", DataType::Timestamp, vec![Rule::NotFuture]),
        &[
            (Text("2020-04-07T23:59:59+08:00"), "2020-04-07T15:59:59.000000Z", "-"),
            (Text("2020-04-08T00:00:00+08:00"), "2020-04-07T16:00:00.000000Z", "FUTURE"),
        ],
    );
}

#[test]
fn instants_without_an_offset_are_shanghai_time() {
    check(
        Format::HuiliuJson,
        column("c", DataType::Timestamp),
        &[
            (Text("2020-04-07T08:30:00.123456+08:00"), "2020-04-07T00:30:00.123456Z", "-"),
            (Text("2020-04-07T00:30:00Z"), "2020-04-07T00:30:00.000000Z", "-"),
            (Text("2020-04-07 08:30:00"), "2020-04-07T00:30:00.000000Z", "-"),
            (Number("1586219400000"), "2020-04-07T00:30:00.000000Z", "-"),
            (Text("1586219400"), "2020-04-07T00:30:00.000000Z", "-"),
        ],
    );
}

#[test]
fn debezium_encodings_are_read() {
    let debezium = Format::DebeziumJson;
    check(
        debezium,
        column("c", DataType::Date),
        &[
            (Number("18359"), "2020-04-07", "-"),
            (Number("2932896"), "-", "OPEN_END"),
            (Number("-25567"), "-", "PLACEHOLDER"),
            (Number("-7306"), "1949-12-31", "-"),
            (Text("2020-04-07"), "2020-04-07", "-"),
        ],
    );
    check(
        debezium,
        column("c", DataType::Timestamp),
        &[
            (Number("1586248200000000"), "2020-04-07T00:30:00.000000Z", "-"),
            (Number("1586248200000"), "2020-04-07T00:30:00.000000Z", "-"),
            (Text("2020-04-07T00:30:00Z"), "2020-04-07T00:30:00.000000Z", "-"),
        ],
    );
    check(
        debezium,
        column("c", DataType::Decimal { precision: 9, scale: 2 }),
        &[
            (Text("MDk="), "123.45", "-"),
            (Text("z8c="), "-123.45", "-"),
            (Text("123.45"), "123.45", "-"),
            (Number("123.45"), "123.45", "-"),
            // 10^9 has ten digits, one more than the precision.
            (Text("O5rKAA=="), "-", "RANGE"),
        ],
    );
    check(
        debezium,
        column("c", DataType::Boolean),
        &[(Number("1"), "true", "-"), (Number("0"), "false", "-"), (True, "true", "-")],
    );
}

/// A column whose contract says how it is written.
fn written(data_type: DataType, encoding: Encoding) -> huiliu_model::Column {
    let mut column = column("c", data_type);
    column.source.encoding = encoding;
    column
}

#[test]
fn a_declared_encoding_is_exact_where_the_size_of_a_number_would_mislead() {
    let debezium = Format::DebeziumJson;
    check(
        debezium,
        written(DataType::Timestamp, Encoding::Micros),
        &[
            // 1970-01-02 03:04:05.678901 of the local clock: 97,445 seconds and a fraction.
            (Number("97445678901"), "1970-01-01T19:04:05.678901Z", "-"),
            (Number("-62135596800000000"), "0000-12-31T16:00:00.000000Z", "-"),
            (Number("253402300799999999"), "9999-12-31T15:59:59.999999Z", "-"),
            (Number("-1"), "1969-12-31T15:59:59.999999Z", "-"),
            (Number("9223372036825200000"), "-", "OPEN_END"),
            (Number("-9223372036832400000"), "-", "OPEN_START"),
            (Text("infinity"), "-", "OPEN_END"),
            (Text("2020-04-07T00:30:00.5Z"), "2020-04-07T00:30:00.500000Z", "-"),
        ],
    );
    check(
        debezium,
        written(DataType::Timestamp, Encoding::Millis),
        &[(Number("253402300799000"), "9999-12-31T15:59:59.000000Z", "-")],
    );
    check(
        debezium,
        written(DataType::Timestamp, Encoding::LocalIso),
        &[(Text("2020-04-07T08:30:01.123456Z"), "2020-04-07T00:30:01.123456Z", "-")],
    );
    check(
        debezium,
        written(DataType::Date, Encoding::LocalIso),
        &[(Text("2020-04-07Z"), "2020-04-07", "-"), (Text("0001-01-01Z"), "0001-01-01", "-")],
    );
    check(
        debezium,
        written(DataType::Date, Encoding::Days),
        &[
            (Number("-719162"), "0001-01-01", "-"),
            (Number("-719163"), "-", "RANGE"),
            (Number("-2147472692"), "-", "OPEN_END"),
            (Number("-2147472691"), "-", "OPEN_START"),
            (Number("20200407"), "-", "RANGE"),
        ],
    );
    let decimal = DataType::Decimal { precision: 9, scale: 2 };
    check(
        debezium,
        written(decimal, Encoding::Plain),
        &[
            (Text("1234"), "1234.00", "-"),
            (Number("-1.5E+2"), "-150.00", "-"),
            (Text("NaN"), "-", "TYPE"),
            (Text("MDk="), "-", "TYPE"),
        ],
    );
    check(
        debezium,
        written(decimal, Encoding::Unscaled { scale: 2 }),
        &[(Text("1234"), "-26588.24", "-"), (Text("MDk="), "123.45", "-")],
    );
    check(
        debezium,
        written(decimal, Encoding::Variable),
        &[
            (Nested(r#"{"scale":1,"value":"MDk="}"#), "1234.50", "-"),
            (Nested(r#"{"scale":3,"value":"MDk="}"#), "-", "RANGE"),
        ],
    );
}

#[test]
fn what_nobody_declared_and_could_be_two_things_is_refused() {
    let debezium = Format::DebeziumJson;
    let decimal = DataType::Decimal { precision: 9, scale: 2 };
    check(debezium, column("c", decimal), &[(Text("1234"), "-", "AMBIGUOUS")]);
    check(
        debezium,
        column("c", DataType::Timestamp),
        &[
            (Number("253402300799000"), "-", "AMBIGUOUS"),
            (Number("253402300799999999"), "-", "AMBIGUOUS"),
        ],
    );
}

#[test]
fn texts_kept_byte_by_byte_are_neither_tidied_nor_taken_for_nothing() {
    check(
        Format::DebeziumJson,
        written(DataType::String, Encoding::Verbatim),
        &[
            (Text("{\"a\":  1}"), "{\"a\":  1}", "-"),
            // Bytes 9e e9 65 in base64, and an array.
            (Text("null"), "null", "-"),
            (Nested("[1, null]"), "[1, null]", "-"),
            (Text("Ａ 　"), "Ａ 　", "-"),
        ],
    );
    check(
        Format::DebeziumJson,
        written(DataType::String, Encoding::TimeMicros),
        &[(Number("30601123456"), "08:30:01.123456", "-")],
    );
    check(
        Format::DebeziumJson,
        written(DataType::String, Encoding::LocalIso),
        &[(Text("08:30:01.123Z"), "08:30:01.123", "-")],
    );
}

#[test]
fn lists_patterns_and_lengths_judge_texts() {
    let one_of = Rule::OneOf(vec!["CT".into(), "CM".into(), "1".into()]);
    check(
        Format::HuiliuJson,
        ruled("c", DataType::String, vec![one_of]),
        &[
            (Text("CM"), "CM", "-"),
            (Text(" CT"), "CT", "-"),
            (Text("1.0"), "1", "-"),
            (Text("XX"), "-", "CODE_UNKNOWN"),
            (Text("X.0"), "-", "CODE_UNKNOWN"),
        ],
    );
    check(
        Format::HuiliuJson,
        ruled("c", DataType::String, vec![Rule::Pattern("[0-9]{2}|AB".into())]),
        &[(Text("12"), "12", "-"), (Text("AB"), "AB", "-"), (Text("ABC"), "-", "PATTERN")],
    );
    check(
        Format::HuiliuJson,
        ruled("c", DataType::String, vec![Rule::Length { min: 2, max: 3 }]),
        &[(Text("重庆市"), "重庆市", "-"), (Text("重"), "-", "LENGTH")],
    );
    check(
        Format::HuiliuJson,
        ruled("c", DataType::String, vec![Rule::CodeList("sex".into())]),
        &[(Text("1"), "1", "-"), (Text("女"), "2", "-"), (Text("7"), "-", "CODE_UNKNOWN")],
    );
}

#[test]
fn a_warning_keeps_the_value_as_delivered() {
    let warned = huiliu_model::Column {
        on_fail: OnFail::Warn,
        ..ruled("c", DataType::String, vec![Rule::Named(NamedRule::Uscc)])
    };
    check(
        Format::HuiliuJson,
        warned,
        &[
            (Text("91500103MBXFL1AN30"), "91500103MBXFL1AN30", "-"),
            (Text("91500103mbxfl1an30"), "91500103MBXFL1AN30", "-"),
            (Text("91500103MBXFL1AN31"), "91500103MBXFL1AN31", "CHECKSUM"),
            // Lost characters are nothing to keep (D06).
            (Text("91500103MBXFL1AN3\u{fffd}"), "-", "CHARSET"),
        ],
    );
}

#[test]
fn degrees_are_repaired_by_their_rule() {
    check(
        Format::HuiliuJson,
        ruled("c", DataType::Double, vec![Rule::Named(NamedRule::Longitude)]),
        &[
            (Number("106.55"), "106.55", "-"),
            (Text("106.55"), "106.55", "-"),
            (Number("12.5"), "-", "RANGE"),
        ],
    );
}
