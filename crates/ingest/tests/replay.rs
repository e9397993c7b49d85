//! New values in the place of decoded ones, on the way of a record from quarantine.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use huiliu_decode::Limits;
use huiliu_ingest::{Image, Patch, Pipeline};
use huiliu_model::{Record, Records};
use huiliu_normalise::Protection;
use huiliu_testkit::account_contract;
use std::sync::Arc;

const NOW_US: i64 = 1_600_000_000_000_000;

fn pipeline() -> Pipeline {
    let contract = Arc::new(account_contract());
    Pipeline::new(contract, Limits::default(), Arc::new(Protection::Plain)).expect("it is valid")
}

fn records(values: &[&str]) -> Records {
    let mut records = Records::new("account".into(), "feed.account".into());
    for (value, offset) in values.iter().zip(40..) {
        let value = Some(records.store(value.as_bytes()));
        records.entries.push(Record { partition: 3, offset, timestamp_ms: 7, key: None, value });
    }
    records
}

fn change(op: &str, before: &str, after: &str) -> String {
    format!(r#"{{"v":1,"ds":"account","op":"{op}","seq":5,"before":{before},"after":{after}}}"#)
}

fn patch(record: u32, column: usize, image: Image, value: Option<&str>) -> Patch {
    Patch { record, column, image, value: value.map(str::to_owned) }
}

/// `op key status seq epoch offset` of each row.
fn lines(rows: &RecordBatch) -> Vec<String> {
    let text = |name: &str, row: usize| {
        rows.column_by_name(name).expect("it is there").as_string::<i32>().value(row).to_owned()
    };
    let long = |name: &str, row: usize| {
        rows.column_by_name(name).expect("it is there").as_primitive::<Int64Type>().value(row)
    };
    (0..rows.num_rows())
        .map(|row| {
            let words = ["sys_op", "account_no", "status"].map(|name| text(name, row)).join(" ");
            let numbers = ["sys_seq", "sys_epoch", "sys_offset"].map(|name| long(name, row));
            format!("{words} {} {} {}", numbers[0], numbers[1], numbers[2])
        })
        .collect()
}

#[test]
fn a_new_value_is_judged_as_if_it_had_been_sent_and_nothing_else_changes() {
    let pipeline = pipeline();
    let one = change("c", "null", r#"{"account_no":null,"status":"a\"b 1.50"}"#);
    let two = change("c", "null", r#"{"account_no":"k2","status":"x"}"#);
    let records = records(&[&one, &two]);
    let mut decoded = pipeline.decode(&records);
    let before = pipeline.prepare_decoded(&records, &decoded, NOW_US);
    assert_eq!((before.tally.accepted, before.tally.rejected), (1, 1));

    assert_eq!(decoded.text(&records, 0, 0, Image::After), None);
    assert!(decoded.put(&patch(0, 0, Image::After, Some("  k1 "))));
    decoded.date_back(&[4, 6]);
    assert_eq!(decoded.text(&records, 0, 0, Image::After).as_deref(), Some("  k1 "));
    let prepared = pipeline.prepare_decoded(&records, &decoded, NOW_US);
    let rows = prepared.rows.expect("both pass");
    assert_eq!(lines(&rows), ["c k1 a\"b 1.50 5 4 40", "c k2 x 5 6 41"]);
    assert!(prepared.rejects.is_none());

    // A key that is taken away fails as a missing one does.
    assert!(decoded.put(&patch(1, 0, Image::After, None)));
    let prepared = pipeline.prepare_decoded(&records, &decoded, NOW_US);
    assert_eq!((prepared.tally.accepted, prepared.tally.rejected), (1, 1));
}

#[test]
fn each_image_of_a_record_is_told_from_the_other() {
    let pipeline = pipeline();
    let moved = change("u", r#"{"account_no":"old"}"#, r#"{"account_no":"new","status":"1"}"#);
    let gone = change("d", r#"{"account_no":"dead","status":"1"}"#, "null");
    let records = records(&[&moved, &gone, "no record"]);
    let mut decoded = pipeline.decode(&records);
    let text = |record, image| decoded.text(&records, record, 0, image);
    assert_eq!(text(0, Image::Before).as_deref(), Some("old"));
    assert_eq!(text(0, Image::After).as_deref(), Some("new"));
    assert_eq!(text(1, Image::Before).as_deref(), Some("dead"));
    assert_eq!(text(1, Image::After), None);

    assert!(decoded.put(&patch(0, 0, Image::Before, Some("older"))));
    assert!(!decoded.put(&patch(1, 0, Image::After, Some("x"))), "a delete has no image after");
    assert!(!decoded.put(&patch(2, 0, Image::After, Some("x"))), "it does not decode");
    assert!(!decoded.has_rows(2) && decoded.has_rows(1));
    let text = |image| decoded.text(&records, 0, 0, image);
    assert_eq!(text(Image::Before).as_deref(), Some("older"));
    assert_eq!(text(Image::After).as_deref(), Some("new"));
}
