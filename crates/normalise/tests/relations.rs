//! Rules between columns of a row, and positions: tables written by hand.

mod made;

use huiliu_model::Score;
use huiliu_model::contract::{OnFail, Rule, When};
use huiliu_model::{Column, DataType, Op};
use huiliu_normalise::{Normaliser, Protection};
use made::Given::{self, False, Null, Number, Text, True, Unavailable};
use made::{Chunk, column, contract, normaliser, ruled, shown};

const MONEY: DataType = DataType::Decimal { precision: 18, scale: 2 };

fn plain(columns: Vec<Column>) -> Normaliser {
    let columns = [vec![column("id", DataType::String)], columns].concat();
    normaliser(contract(columns, vec![0]), Protection::Plain)
}

/// Flags of one row for each list of cells; `-` for none.
fn flags(columns: Vec<Column>, rows: &[&[Given<'_>]]) -> Vec<String> {
    let normaliser = plain(columns);
    let prepared = filled(rows).prepare(&normaliser);
    shown(&prepared.rows.expect("no row is rejected"), "sys_flags")
}

fn filled(rows: &[&[Given<'_>]]) -> Chunk {
    let mut chunk = Chunk::new(rows[0].len() + 1);
    for cells in rows {
        chunk.row(Op::Create, &[&[Text("k")], *cells].concat());
    }
    chunk
}

fn when(values: &[&str]) -> When {
    When { column: 1, values: values.iter().map(|value| (*value).to_owned()).collect() }
}

#[test]
fn a_column_is_set_when_another_says_so_and_only_then() {
    let ended = ruled("ended", DataType::Date, vec![Rule::SetWhen(when(&["2", "3"]))]);
    let columns = vec![column("status", DataType::String), ended];
    let day = Text("2020-01-01");
    let found = flags(
        columns,
        &[
            &[Text("2"), day],
            &[Text("3"), Null],
            &[Text("1"), day],
            &[Text("1"), Null],
            // A status that is not known says nothing, nor does a date that was not sent.
            &[Null, day],
            &[Text("3"), Unavailable],
        ],
    );
    assert_eq!(found, ["-", "ended:SET_WHEN", "ended:SET_WHEN", "-", "-", "ended:UNAVAILABLE"]);
}

#[test]
fn a_column_may_be_required_when_another_says_so() {
    let why = ruled("why", DataType::String, vec![Rule::RequiredWhen(when(&["true"]))]);
    let columns = vec![column("late", DataType::Boolean), why];
    let found =
        flags(columns, &[&[True, Null], &[True, Text("病")], &[False, Null], &[False, Text("病")]]);
    assert_eq!(found, ["why:REQUIRED_WHEN", "-", "-", "-"]);
    let why = ruled("why", DataType::String, vec![Rule::RequiredWhen(when(&["2"]))]);
    let columns = vec![column("kind", DataType::Integer), why];
    let found = flags(columns, &[&[Number("2"), Null], &[Number("20"), Null]]);
    assert_eq!(found, ["why:REQUIRED_WHEN", "-"]);
}

#[test]
fn a_number_is_at_most_a_multiple_of_another_exactly() {
    let most = |times| vec![Rule::AtMostOf { column: 1, times }];
    let columns = vec![column("total", MONEY), ruled("paid", MONEY, most(1.05))];
    let found = flags(
        columns,
        &[
            // 0.20 × 1.05 is 0.21; in binary it is a little less.
            &[Number("0.20"), Number("0.21")],
            &[Number("100.00"), Number("105.00")],
            &[Number("100.00"), Number("105.01")],
            &[Null, Number("5")],
            &[Number("1"), Null],
        ],
    );
    assert_eq!(found, ["-", "-", "paid:AT_MOST_OF", "-", "-"]);
    let columns =
        vec![column("seats", DataType::Integer), ruled("carried", DataType::Long, most(1.0))];
    let found = flags(columns, &[&[Number("50"), Number("50")], &[Number("50"), Number("51")]]);
    assert_eq!(found, ["-", "carried:AT_MOST_OF"]);
    let columns =
        vec![column("most", DataType::Double), ruled("rate", DataType::Double, most(2.0))];
    let found = flags(columns, &[&[Number("1.5"), Number("3")], &[Number("1.5"), Number("3.1")]]);
    assert_eq!(found, ["-", "rate:AT_MOST_OF"]);
}

#[test]
fn a_difference_is_exact_in_whatever_scales_it_is_written() {
    let difference = vec![Rule::DifferenceOf { minuend: 1, subtrahend: 2 }];
    let fine = DataType::Decimal { precision: 18, scale: 4 };
    let columns =
        vec![column("all", MONEY), column("fund", fine), ruled("own", DataType::Long, difference)];
    let found = flags(
        columns,
        &[
            &[Number("10.50"), Number("3.5"), Number("7")],
            &[Number("10.50"), Number("3.4999"), Number("7")],
            &[Number("10.50"), Number("3.5"), Null],
            &[Null, Number("3.5"), Number("7")],
        ],
    );
    assert_eq!(found, ["-", "own:DIFFERENCE_OF", "-", "-"]);
}

#[test]
fn a_county_begins_the_code_of_its_unit_or_came_out_of_it() {
    let prefix = vec![Rule::PrefixOf { column: 1 }];
    let columns = vec![column("unit", DataType::String), ruled("county", DataType::String, prefix)];
    let found = flags(
        columns,
        &[
            &[Text("500103001002GB00012"), Text("500103")],
            // 510202 (市中区) became 500103; both ways round it is the same county.
            &[Text("510202001002GB00012"), Text("500103")],
            &[Text("500103001002GB00012"), Text("510202")],
            &[Text("500103001002GB00012"), Text("500104")],
            &[Text("500103001002GB00012"), Null],
        ],
    );
    assert_eq!(found, ["-", "-", "-", "county:PREFIX_OF", "-"]);
}

#[test]
fn a_year_lies_before_the_one_of_the_event() {
    // The event is of 2020.
    let rules = vec![Rule::AtLeast(2013.0), Rule::YearBeforeEvent(1)];
    let found = flags(
        vec![ruled("year", DataType::Integer, rules)],
        &[&[Number("2019")], &[Number("2020")], &[Number("2012")]],
    );
    assert_eq!(found, ["-", "year:RANGE", "year:RANGE"]);
}

#[test]
fn a_day_lies_on_or_after_the_first_that_is_allowed() {
    // Day 16,071 is 2014-01-01.
    let found = flags(
        vec![ruled("day", DataType::Date, vec![Rule::Since(16_071)])],
        &[&[Text("2014-01-01")], &[Text("2013-12-31")], &[Null]],
    );
    assert_eq!(found, ["-", "day:RANGE", "-"]);
}

#[test]
fn an_instant_after_another_may_not_be_the_same() {
    let after = vec![Rule::After { column: 2 }];
    let columns =
        vec![ruled("arrive", DataType::Timestamp, after), column("depart", DataType::Timestamp)];
    let noon = "2020-05-01T12:00:00+08:00";
    let found = flags(
        columns,
        &[
            &[Text("2020-05-01T12:00:00.000001+08:00"), Text(noon)],
            &[Text(noon), Text(noon)],
            &[Text("2020-05-01T11:00:00+08:00"), Text(noon)],
            &[Null, Text(noon)],
        ],
    );
    assert_eq!(found, ["-", "arrive:DATE_ORDER", "arrive:DATE_ORDER", "-"]);
}

#[test]
fn a_column_that_stays_empty_takes_no_text() {
    let empty = vec![Rule::Length { min: 0, max: 0 }];
    let columns = vec![ruled("coach", DataType::String, empty)];
    let found = flags(columns, &[&[Null], &[Text("08")], &[Text("无")]]);
    assert_eq!(found, ["-", "coach:LENGTH", "-"]);
}

fn positions(on_fail: OnFail) -> Vec<Column> {
    let rule = Rule::Coordinates { latitude: 2, system: Some(3) };
    vec![
        Column { on_fail, ..ruled("lon", DataType::Double, vec![rule]) },
        column("lat", DataType::Double),
        column("system", DataType::String),
    ]
}

/// Degrees of the hall of `coordinate_vectors.json`, as PROJ and gcoord have them.
const PLACES: [[Given<'_>; 3]; 8] = [
    [Number("106.5516"), Number("29.563"), Null],
    [Number("29.563"), Number("106.5516"), Null],
    [Text("36359633.3157"), Text("3272547.9533"), Null],
    [Number("106.55531765"), Number("29.560151274"), Text("GCJ02")],
    [Number("0"), Number("0"), Null],
    [Number("106.5516"), Null, Null],
    [Number("12.5"), Null, Null],
    [Number("106.5516"), Number("29.563"), Text("BJ54")],
];

#[test]
fn positions_are_judged_as_pairs() {
    let rows: Vec<&[Given<'_>]> = PLACES.iter().map(|place| place.as_slice()).collect();
    let prepared = filled(&rows).prepare(&plain(positions(OnFail::Null)));
    let batch = prepared.rows.expect("no row is rejected");
    let rounded = |name: &str| -> Vec<String> {
        let round = |text: &String| text.parse::<f64>().map(|v| format!("{v:.5}"));
        shown(&batch, name).iter().map(|t| round(t).unwrap_or_else(|_| t.clone())).collect()
    };
    let hall = "106.55160";
    assert_eq!(rounded("lon"), [hall, hall, hall, hall, "-", hall, "-", hall]);
    let hall = "29.56300";
    assert_eq!(rounded("lat"), [hall, hall, hall, hall, "-", "-", "-", hall]);
    let both = |label: &str| format!("lon:{label},lat:{label}");
    let expected = ["-", &both("SWAPPED"), &both("CONVERTED"), &both("CONVERTED"), &both("RANGE")];
    assert_eq!(shown(&batch, "sys_flags")[..5], expected);
    assert_eq!(shown(&batch, "sys_flags")[5..], ["-", &both("RANGE"), &both("DATUM")]);
    // Delivered: eight longitudes. Two were outside; the exchange and the metres were mended.
    let counts = prepared.quality.cells()[1];
    assert_eq!(counts, Score { checked: 8, passed_raw: 4, passed: 6 });
}

#[test]
fn a_position_outside_follows_the_column() {
    let outside: &[&[Given<'_>]] = &[&PLACES[4], &PLACES[0]];
    let kept = filled(outside).prepare(&plain(positions(OnFail::Warn))).rows.expect("rows");
    assert_eq!(shown(&kept, "lon"), ["0", "106.5516"]);
    assert_eq!(shown(&kept, "sys_flags"), ["lon:RANGE,lat:RANGE", "-"]);
    let prepared = filled(outside).prepare(&plain(positions(OnFail::Reject)));
    assert_eq!(prepared.rows.expect("one row").num_rows(), 1);
    assert_eq!(shown(&prepared.rejects.expect("one reject"), "reason"), ["RANGE"]);
}

#[test]
fn the_images_of_deletes_are_not_judged() {
    let ended = ruled("ended", DataType::Date, vec![Rule::SetWhen(when(&["2"]))]);
    let normaliser = plain(vec![column("status", DataType::String), ended]);
    let mut chunk = Chunk::new(3);
    chunk.row(Op::Delete, &[Text("k"), Text("2"), Null]);
    let rows = chunk.prepare(&normaliser).rows.expect("a row");
    assert_eq!(shown(&rows, "sys_flags"), ["-"]);
}

#[test]
fn an_instant_in_a_key_is_no_later_than_its_record_and_an_hour() {
    let mut columns =
        vec![column("id", DataType::String), column("read_time", DataType::Timestamp)];
    columns[1].rules = vec![Rule::NotFuture];
    let normaliser = normaliser(contract(columns, vec![0, 1]), Protection::Plain);
    let mut chunk = Chunk::new(2);
    // The event is of 08:30.
    for time in ["2020-04-07T09:29:00", "2020-04-07T09:31:00", "1970-01-01T00:00:00"] {
        chunk.row(Op::Create, &[Text("k"), Text(time)]);
    }
    let prepared = chunk.prepare(&normaliser);
    assert_eq!(prepared.rows.expect("one row").num_rows(), 1);
    let reasons = shown(&prepared.rejects.expect("two rejects"), "reason");
    assert_eq!(reasons, ["RANGE", "PLACEHOLDER"]);
}
