//! Cells of a binary encoding to typed columns: tables written by hand. The bytes of integers are
//! zigzag varints, worked out with Python; 18359 days are 2020-04-07.

mod made;

use huiliu_model::Binary::{self, Bytes, Days, Double, Float, Integer, TimeOfDay, Uuid};
use huiliu_model::binary::{Unit, Zone};
use huiliu_model::contract::{Encoding, Format, NamedRule, Rule};
use huiliu_model::{DataType, DriftKind, Op};
use huiliu_normalise::Protection;
use made::Given::{self, Text};
use made::{Chunk, column, contract, normaliser, ruled, shown};

const MINUS_FIVE: &[u8] = &[0x09];
const SEVEN: &[u8] = &[0x0e];
const DAY: &[u8] = &[0xee, 0x9e, 0x02];
/// 20200407.
const DIGITS: &[u8] = &[0xae, 0xef, 0xa1, 0x13];
/// 1586248200000: 2020-04-07 08:30:00 in milliseconds.
const MILLIS: &[u8] = &[0x80, 0xbd, 0x95, 0xbc, 0xaa, 0x5c];
/// 1586248200000000000, the same in nanoseconds.
const NANOS: &[u8] = &[0x80, 0xc0, 0xd2, 0xe9, 0xac, 0x95, 0xbe, 0x83, 0x2c];
/// 253402300800000: 10000-01-01 00:00:00 in milliseconds.
const OF_10000: &[u8] = &[0x80, 0xf0, 0xfe, 0xa1, 0xfa, 0x9d, 0x73];
/// 2^40.
const LARGE: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
/// 12345 and -12345.
const CENTS: &[u8] = &[0x30, 0x39];
const DEBT: &[u8] = &[0xcf, 0xc7];

fn decimal(scale: i16) -> Binary {
    Binary::Decimal { scale }
}

/// Cells, the values expected (`-` for null) and the flags of the rows (`-` for none).
fn check(format: Format, subject: huiliu_model::Column, cases: &[(Given<'_>, &str, &str)]) {
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

fn plain(data_type: DataType, cases: &[(Given<'_>, &str, &str)]) {
    check(Format::ConfluentAvro, column("c", data_type), cases);
}

#[test]
fn numbers_are_taken_as_they_are_and_bounds_hold() {
    let whole = ruled("c", DataType::Integer, vec![Rule::AtLeast(0.0)]);
    check(
        Format::ConfluentAvro,
        whole,
        &[
            (Given::Binary(Integer, SEVEN), "7", "-"),
            (Given::Binary(Integer, MINUS_FIVE), "-", "RANGE"),
            (Given::Binary(Integer, LARGE), "-", "RANGE"),
            (Given::Binary(decimal(0), CENTS), "12345", "-"),
            (Given::Binary(decimal(2), CENTS), "-", "RANGE"),
            (Given::Binary(Days, DAY), "-", "TYPE"),
            (Given::Binary(Bytes, SEVEN), "-", "TYPE"),
        ],
    );
    plain(DataType::Long, &[(Given::Binary(Integer, LARGE), "1099511627776", "-")]);
    plain(
        DataType::Double,
        &[
            (Given::Binary(Double, &1.25f64.to_le_bytes()), "1.25", "-"),
            (Given::Binary(Float, &0.5f32.to_le_bytes()), "0.5", "-"),
            (Given::Binary(Integer, SEVEN), "7", "-"),
            (Given::Binary(decimal(2), DEBT), "-123.45", "-"),
            (Given::Binary(Double, &f64::NAN.to_le_bytes()), "-", "RANGE"),
            (Given::Binary(Float, &f32::INFINITY.to_le_bytes()), "-", "RANGE"),
        ],
    );
}

#[test]
fn decimals_come_at_the_scale_of_the_column_and_are_never_rounded() {
    let beyond = [&[0x00][..], &[0xff; 16]].concat();
    plain(
        DataType::Decimal { precision: 7, scale: 2 },
        &[
            (Given::Binary(decimal(2), CENTS), "123.45", "-"),
            (Given::Binary(decimal(1), DEBT), "-1234.50", "-"),
            (Given::Binary(decimal(3), CENTS), "-", "RANGE"),
            (Given::Binary(decimal(-2), CENTS), "-", "RANGE"),
            (Given::Binary(decimal(2), &beyond), "-", "RANGE"),
            (Given::Binary(Integer, SEVEN), "7.00", "-"),
            (Given::Binary(Double, &0.1f64.to_le_bytes()), "0.10", "-"),
            (Given::Text("1.5"), "1.50", "-"),
        ],
    );
}

#[test]
fn days_and_instants_know_their_clock() {
    let utc = |unit| Binary::Instant(unit, Zone::Utc);
    let local = |unit| Binary::Instant(unit, Zone::Local);
    plain(
        DataType::Date,
        &[
            (Given::Binary(Days, DAY), "2020-04-07", "-"),
            (Given::Binary(utc(Unit::Millis), MILLIS), "2020-04-07", "-"),
            (Given::Binary(local(Unit::Nanos), NANOS), "2020-04-07", "-"),
            (Given::Binary(Integer, DIGITS), "2020-04-07", "-"),
            (Given::Binary(Days, LARGE), "-", "RANGE"),
            // 2932897 days: 10000-01-01.
            (Given::Binary(Days, &[0xc2, 0x82, 0xe6, 0x02]), "-", "RANGE"),
            // -25567 days: 1900-01-01.
            (Given::Binary(Days, &[0xbd, 0x8f, 0x03]), "-", "PLACEHOLDER"),
            // 2932896 days: 9999-12-31.
            (Given::Binary(Days, &[0xc0, 0x82, 0xe6, 0x02]), "-", "OPEN_END"),
        ],
    );
    plain(
        DataType::Timestamp,
        &[
            (Given::Binary(utc(Unit::Millis), MILLIS), "2020-04-07T08:30:00.000000Z", "-"),
            (Given::Binary(local(Unit::Millis), MILLIS), "2020-04-07T00:30:00.000000Z", "-"),
            (Given::Binary(local(Unit::Nanos), NANOS), "2020-04-07T00:30:00.000000Z", "-"),
            (Given::Binary(utc(Unit::Millis), OF_10000), "-", "RANGE"),
        ],
    );
}

#[test]
fn debezium_counts_days_and_sends_booleans_as_numbers() {
    let debezium = |data_type, cases: &[_]| {
        check(Format::DebeziumAvro, column("c", data_type), cases);
    };
    debezium(DataType::Date, &[(Given::Binary(Integer, DAY), "2020-04-07", "-")]);
    debezium(
        DataType::Boolean,
        &[
            (Given::Binary(Integer, &[0x02]), "true", "-"),
            (Given::Binary(Integer, &[0x00]), "false", "-"),
            (Given::Binary(Integer, SEVEN), "-", "TYPE"),
        ],
    );
}

#[test]
fn a_text_column_shows_what_was_sent_and_rules_of_text_see_it() {
    plain(
        DataType::String,
        &[
            (Given::Binary(Integer, MINUS_FIVE), "-5", "-"),
            (Given::Binary(decimal(2), CENTS), "123.45", "-"),
            (Given::Binary(Days, DAY), "2020-04-07", "-"),
            (Given::Binary(TimeOfDay(Unit::Millis), &[0x80, 0xad, 0x97, 0x1d]), "08:30:00", "-"),
            (Given::Binary(Bytes, b"foo"), "Zm9v", "-"),
            (Given::Binary(Uuid, &[0x11; 16]), "11111111-1111-1111-1111-111111111111", "-"),
        ],
    );
    check(
        Format::ConfluentAvro,
        ruled("c", DataType::String, vec![Rule::Named(NamedRule::Division6)]),
        // 500103 is a district of Chongqing; 7 is no division.
        &[(Given::Binary(Integer, &[0x8e, 0x86, 0x3d]), "500103", "-")],
    );
}

#[test]
fn no_bytes_are_an_empty_text_only_where_it_is_kept_verbatim() {
    plain(DataType::String, &[(Given::Binary(Bytes, b""), "-", "-")]);
    let mut verbatim = column("c", DataType::String);
    verbatim.source.encoding = Encoding::Verbatim;
    let cases = [(Given::Binary(Bytes, b""), "", "-"), (Given::Binary(Bytes, b"foo"), "Zm9v", "-")];
    check(Format::DebeziumAvro, verbatim, &cases);
}

#[test]
fn what_came_instead_is_kept_as_its_text() {
    let columns = vec![column("id", DataType::String), column("c", DataType::Integer)];
    let format = Format::ConfluentAvro;
    let contract = huiliu_model::Contract { format, ..contract(columns, vec![0]) };
    let mut chunk = Chunk::new(2);
    chunk.row(Op::Create, &[Text("k"), Given::Binary(Days, DAY)]);
    let prepared = chunk.prepare(&normaliser(contract, Protection::Plain));
    let rows = prepared.rows.expect("it is accepted");
    assert_eq!(shown(&rows, "sys_raw"), [r#"{"c":"2020-04-07"}"#]);
    let drifts: Vec<_> = prepared.drift.found.iter().map(|d| (d.kind, &*d.field)).collect();
    assert_eq!(drifts, [(DriftKind::Retyped, "c")]);
}
