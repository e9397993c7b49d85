//! Fields that the contract does not name: counted, kept as delivered, or refused.

mod support;

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::Format;
use huiliu_model::{Changes, OnDrift, Reason, Records};
use support::{contract, values};

fn decode(format: Format, policy: OnDrift, bodies: &[&str]) -> (Records, Changes) {
    let mut contract = contract(format, &["account_no", "name"], 1);
    contract.drift.added = policy;
    let records = values(bodies.iter().map(|body| body.as_bytes()));
    let changes = Decoder::new(&contract, Limits::default()).decode(&records);
    (records, changes)
}

/// Row, name and text of every strange field that was kept.
fn kept(records: &Records, changes: &Changes) -> Vec<(u32, String, String)> {
    let text = |start: u32, len: u32| {
        let bytes = &records.arena[start as usize..(start + len) as usize];
        String::from_utf8(bytes.to_vec()).expect("it came from text")
    };
    let one = |e: &huiliu_model::Extra| (e.row, text(e.start, e.name_len), text(e.start, e.len));
    changes.extras.iter().map(one).collect()
}

#[test]
fn strange_fields_are_kept_byte_by_byte() {
    let bodies = [
        r#"{"account_no":"1"}"#,
        r#"{ "x" : [1, {"y":"}"}] ,"account_no":"1","z\"":"a\"b" , "n":-1.50e3}"#,
        r#"{"account_no":"1","name":null,"t":true}"#,
    ];
    let (records, changes) = decode(Format::Json, OnDrift::Evolve, &bodies);
    let expected = [
        (1, r#""x""#, r#""x" : [1, {"y":"}"}]"#),
        (1, r#""z\"""#, r#""z\"":"a\"b""#),
        (1, r#""n""#, r#""n":-1.50e3"#),
        (2, r#""t""#, r#""t":true"#),
    ];
    let expected = expected.map(|(row, name, text)| (row, name.to_owned(), text.to_owned()));
    assert_eq!(kept(&records, &changes), expected);
}

#[test]
fn only_the_image_that_becomes_the_row_keeps_its_fields() {
    let update = |before: &str, after: &str| {
        format!(
            r#"{{"v":1,"ds":"water_account","op":"u","seq":1,"before":{before},"after":{after}}}"#
        )
    };
    let same = update(r#"{"account_no":"1","old":1}"#, r#"{"account_no":"1","new":2}"#);
    let moved = update(r#"{"account_no":"1","old":1}"#, r#"{"account_no":"2","new":2}"#);
    let (records, changes) = decode(Format::HuiliuJson, OnDrift::Evolve, &[&same, &moved]);
    // The update is row 0; the change of key is a delete, row 1, and a create, row 2.
    let expected = [(0, r#""new":2"#), (1, r#""old":1"#), (2, r#""new":2"#)];
    let found = kept(&records, &changes);
    let found: Vec<(u32, &str)> = found.iter().map(|(row, _, text)| (*row, &**text)).collect();
    assert_eq!(found, expected);
    let names: Vec<(&str, u64)> = changes.strangers.iter().map(|s| (&*s.name, s.count)).collect();
    assert_eq!(names, [("old", 2), ("new", 2)], "once per record");
}

#[test]
fn a_refused_record_says_where_the_field_is_named_and_touches_no_other() {
    let bodies = [r#"{"account_no":"1","x":2,"y":3}"#, r#"{"account_no":"2"}"#, r#"{"x":2"#];
    let (_, changes) = decode(Format::Json, OnDrift::Quarantine, &bodies);
    assert_eq!(changes.rows.len(), 1);
    let found: Vec<_> = changes.rejects.iter().map(|r| (r.record, r.reason, r.at)).collect();
    // `{"account_no":"1","` are 19 bytes; a broken document stays what it is.
    let expected = [(0, Reason::FieldUnknown, Some(19)), (2, Reason::Truncated, Some(6))];
    assert_eq!(found, expected);
}

#[test]
fn names_beyond_the_bound_are_counted_as_one() {
    let bodies: Vec<String> =
        (0..100).map(|n| format!(r#"{{"account_no":"1","f{n}":1}}"#)).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let (_, changes) = decode(Format::Json, OnDrift::Ignore, &bodies);
    assert_eq!(changes.strangers.len(), Changes::STRANGERS_MAX);
    assert_eq!(changes.strangers.iter().map(|s| s.count).sum::<u64>(), 100);
    let last = changes.strangers.last().expect("there are some");
    assert_eq!((&*last.name, last.count, last.first, last.last), ("…", 37, 63, 99));
    assert!(changes.extras.is_empty());
}
