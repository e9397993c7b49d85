//! The `huiliu_json` envelope, rule by rule.

mod support;

use huiliu_model::contract::Format;
use support::{assert_balanced, decoder, records, transcript, values};

const COLUMNS: [&str; 3] = ["account_no", "meter_no", "name"];

/// Decodes one value under the Kafka key `A1|M1`, with a key of two columns.
fn check(value: &str, expected: &[&str]) {
    check_with_key(b"A1|M1", value, expected);
}

fn check_with_key(key: &[u8], value: &str, expected: &[&str]) {
    let records = records([(key, Some(value.as_bytes()))]);
    let changes = decoder(Format::HuiliuJson, &COLUMNS, 2).decode(&records);
    assert_balanced(&changes, &records);
    assert_eq!(transcript(&changes, &records), expected, "{value}");
}

/// A record with these envelope fields and a plain `after`.
fn with(head: &str) -> String {
    format!(r#"{{{head},"after":{{"account_no":"A1"}}}}"#)
}

#[test]
fn a_record_of_the_specification_is_read() {
    check(
        r#"{"v":1,"ds":"water_account","op":"c","seq":123456789,
            "event_time":"2020-04-07T08:30:00.123456+08:00",
            "src":{"dept":"11500000","system":"water","level":"city","batch":"20200407-001"},
            "synthetic":true,"before":null,
            "after":{"account_no":"0012","meter_no":7,"name":"重庆\n","other":[1,2]}}"#,
        &[r"0.0 c 123456789 1586219400123456: '0012' #7 ~重庆
~"],
    );
}

#[test]
fn every_op_takes_its_image_from_its_side() {
    for (op, before, after, row) in [
        ("c", "null", r#"{"account_no":"2"}"#, "0.0 c 5 -: '2' missing missing"),
        ("r", "null", r#"{"account_no":"2"}"#, "0.0 r 5 -: '2' missing missing"),
        ("u", "null", r#"{"account_no":"2"}"#, "0.0 u 5 -: '2' missing missing"),
        ("c", r#"{"account_no":"1"}"#, r#"{"account_no":"2"}"#, "0.0 c 5 -: '2' missing missing"),
        ("d", r#"{"account_no":"1","name":"x"}"#, "null", "0.0 d 5 -: '1' missing 'x'"),
        ("d", r#"{"account_no":"1"}"#, r#"{"name":"y"}"#, "0.0 d 5 -: '1' missing missing"),
    ] {
        let head = format!(r#""v":1,"ds":"water_account","op":"{op}","seq":5"#);
        check(&format!(r#"{{{head},"before":{before},"after":{after}}}"#), &[row]);
        check(&format!(r#"{{"after":{after},"before":{before},{head}}}"#), &[row]);
    }
}

#[test]
fn values_of_every_kind_become_cells() {
    for (value, cell) in [
        ("null", "null"),
        ("true", "true"),
        ("false", "false"),
        ("-12.50e3", "#-12.50e3"),
        ("\"\"", "''"),
        (r#""a b""#, "'a b'"),
        (r#""\u91cd庆 \ud83c\udfd9""#, "~重庆 \u{1F3D9}~"),
        (r#"[1, {"a": "]"}]"#, r#"@[1, {"a": "]"}]"#),
        (r#"{"lon":106.5}"#, r#"@{"lon":106.5}"#),
        (r#""__debezium_unavailable_value""#, "'__debezium_unavailable_value'"),
    ] {
        let value = format!(
            r#"{{"v":1,"ds":"water_account","op":"c","seq":1,"after":{{"name" : {value} }}}}"#
        );
        check(&value, &[&format!("0.0 c 1 -: missing missing {cell}")]);
    }
}

#[test]
fn the_last_of_several_image_fields_wins() {
    check(
        r#"{"v":1,"ds":"water_account","op":"c","seq":1,
            "after":{"name":"a\n","account_no":1,"name":null,"name":"b","nam\u0065":"c"}}"#,
        &["0.0 c 1 -: #1 missing 'c'"],
    );
}

#[test]
fn envelope_rules_are_tested_in_their_order() {
    let good = r#""ds":"water_account","op":"c","seq":1"#;
    for (value, expected) in [
        (with(good), "0 VERSION_UNKNOWN -"),
        (with(&format!(r#""v":2,{good}"#)), "0 VERSION_UNKNOWN 5"),
        (with(&format!(r#""v":"1",{good}"#)), "0 VERSION_UNKNOWN 6"),
        (with(&format!(r#""v":1.0,{good}"#)), "0 VERSION_UNKNOWN 5"),
        (with(r#""v":1,"op":"c","seq":1"#), "0 ENVELOPE_FIELD -"),
        (with(r#""v":1,"ds":null,"op":"c","seq":1"#), "0 ENVELOPE_FIELD 12"),
        (with(r#""v":1,"ds":"gas_account","op":"c","seq":1"#), "0 DATASET_UNKNOWN 13"),
        (with(r#""v":1,"ds":"water_account","seq":1"#), "0 OP_UNKNOWN -"),
        (with(r#""v":1,"ds":"water_account","op":"x","seq":1"#), "0 OP_UNKNOWN 34"),
        (with(r#""v":1,"ds":"water_account","op":"C","seq":1"#), "0 OP_UNKNOWN 34"),
        (with(r#""v":1,"ds":"water_account","op":1,"seq":1"#), "0 OP_UNKNOWN 33"),
        (with(r#""v":1,"ds":"water_account","op":"c""#), "0 SEQUENCE_MISSING -"),
        (with(r#""v":1,"ds":"water_account","op":"c","seq":null"#), "0 SEQUENCE_MISSING 43"),
        (with(r#""v":1,"ds":"water_account","op":"c","seq":"1""#), "0 ENVELOPE_FIELD 44"),
        (with(r#""v":1,"ds":"water_account","op":"c","seq":1.5"#), "0 ENVELOPE_FIELD 43"),
        (
            with(r#""v":1,"ds":"water_account","op":"c","seq":9223372036854775808"#),
            "0 ENVELOPE_FIELD 43",
        ),
        (
            with(r#""v":1,"ds":"water_account","op":"c","seq":1,"event_time":1586219400"#),
            "0 ENVELOPE_FIELD 58",
        ),
        (
            with(r#""v":1,"ds":"water_account","op":"c","seq":1,"event_time":"2020-04-07""#),
            "0 ENVELOPE_FIELD 59",
        ),
        (format!(r#"{{"v":1,{good}}}"#), "0 IMAGE_MISSING -"),
        (format!(r#"{{"v":1,{good},"after":null}}"#), "0 IMAGE_MISSING 53"),
        (format!(r#"{{"v":1,{good},"after":[{{}}]}}"#), "0 IMAGE_MISSING 53"),
        // Several faults: the earlier rule decides, wherever its field stands.
        (with(r#""seq":null,"op":"x","ds":"gas_account","v":2"#), "0 VERSION_UNKNOWN 44"),
        (with(r#""seq":1,"seq":1,"v":2"#), "0 DUPLICATE_FIELD 10"),
        (with(r#""v":2,"x":tru"#), "0 NOT_JSON 14"),
    ] {
        check(&value, &[expected]);
    }
}

#[test]
fn sequences_reach_both_ends_of_their_range_and_times_may_be_null() {
    for (fields, expected) in [
        (r#""seq":9223372036854775807"#, "0.0 c 9223372036854775807 -: 'A1' missing missing"),
        (r#""seq":-9223372036854775808"#, "0.0 c -9223372036854775808 -: 'A1' missing missing"),
        (r#""seq":0,"event_time":null"#, "0.0 c 0 -: 'A1' missing missing"),
        (r#""seq":0,"event_time":"1970-01-01T00:00:01Z""#, "0.0 c 0 1000000: 'A1' missing missing"),
        (
            r#""seq":0,"event\u005ftime":"\u0031970-01-01T00:00:01Z""#,
            "0.0 c 0 1000000: 'A1' missing missing",
        ),
    ] {
        check(
            &with(&format!(r#""v":1,"ds":"water\u005faccount","op":"\u0063",{fields}"#)),
            &[expected],
        );
    }
}

#[test]
fn a_known_envelope_field_may_come_once_only() {
    let head = r#""v":1,"ds":"water_account","op":"c","seq":1"#;
    let after = r#""after":{"name":"n"}"#;
    for again in [
        r#""v":1"#,
        r#""ds":"water_account""#,
        r#""op":"c""#,
        r#""seq":1"#,
        r#""s\u0065q":1"#,
        r#""after":null"#,
        r#""src":{},"src":{}"#,
        r#""synthetic":true,"synthetic":true"#,
        r#""before":null,"before":null"#,
        r#""event_time":null,"event_time":null"#,
    ] {
        let value = format!("{{{head},{after},{again}}}");
        let at = value.rfind(",\"").unwrap() + 2;
        check(&value, &[&format!("0 DUPLICATE_FIELD {at}")]);
    }
    let value = format!(r#"{{{head},"x":1,{after},"x":2}}"#);
    check(&value, &["0.0 c 1 -: missing missing 'n'"]);
}

#[test]
fn a_delete_without_an_image_takes_its_key_from_the_kafka_key() {
    let gone = r#"{"v":1,"ds":"water_account","op":"d","seq":9,"before":null}"#;
    check_with_key("A1|表2".as_bytes(), gone, &["0.0 d 9 -: 'A1' '表2' missing"]);
    check_with_key(b"A1|", gone, &["0.0 d 9 -: 'A1' '' missing"]);
    check_with_key(b"A1", gone, &["0 IMAGE_MISSING 54"]);
    check_with_key(b"A1|M1|x", gone, &["0 IMAGE_MISSING 54"]);
    check_with_key(b"", gone, &["0 IMAGE_MISSING 54"]);
    check_with_key(b"A1|\xff", gone, &["0 IMAGE_MISSING 54"]);
    let absent = r#"{"v":1,"ds":"water_account","op":"d","seq":9}"#;
    check_with_key(b"A1|M1", absent, &["0.0 d 9 -: 'A1' 'M1' missing"]);
    let wrong = r#"{"v":1,"ds":"water_account","op":"d","seq":9,"before":"A1|M1"}"#;
    check_with_key(b"A1|M1", wrong, &["0 IMAGE_MISSING 55"]);

    let mut keyless = records([(&b""[..], Some(gone.as_bytes()))]);
    keyless.entries[0].key = None;
    let changes = decoder(Format::HuiliuJson, &COLUMNS, 2).decode(&keyless);
    assert_eq!(transcript(&changes, &keyless), ["0 IMAGE_MISSING 54"]);
}

#[test]
fn a_single_key_column_takes_the_whole_kafka_key() {
    let gone = br#"{"v":1,"ds":"water_account","op":"d","seq":9}"#;
    let records = records([(&b"A|1"[..], Some(&gone[..]))]);
    let changes = decoder(Format::HuiliuJson, &COLUMNS, 1).decode(&records);
    assert_eq!(transcript(&changes, &records), ["0.0 d 9 -: 'A|1' missing missing"]);
}

#[test]
fn an_update_that_changes_the_key_is_a_delete_and_a_create() {
    let update = |before: &str, after: &str| {
        format!(
            r#"{{"v":1,"ds":"water_account","op":"u","seq":7,"before":{before},"after":{after}}}"#
        )
    };
    let after = r#"{"account_no":"A2","meter_no":"M1","name":"n"}"#;
    let moved =
        |old: &str| vec![format!("0.0 d 7 -: {old}"), "0.1 c 7 -: 'A2' 'M1' 'n'".to_owned()];
    let stayed = vec!["0.0 u 7 -: 'A2' 'M1' 'n'".to_owned()];
    for (before, expected) in [
        (r#"{"account_no":"A1","meter_no":"M1","name":"o"}"#, moved("'A1' 'M1' 'o'")),
        (r#"{"account_no":"A1","meter_no":"M1"}"#, moved("'A1' 'M1' missing")),
        // What the image before does not say of the key has not changed.
        (r#"{"account_no":"A1"}"#, moved("'A1' 'M1' missing")),
        (r#"{"account_no":"A1","meter_no":null}"#, moved("'A1' 'M1' missing")),
        (r#"{"account_no":2,"meter_no":"M1"}"#, moved("#2 'M1' missing")),
        (r#"{"account_no":"A2","meter_no":"M1","name":"o"}"#, stayed.clone()),
        (r#"{"account_no":"\u00412"}"#, stayed.clone()),
        (r#"{"name":"o"}"#, stayed.clone()),
        (r#"{"account_no":null}"#, stayed.clone()),
        ("{}", stayed.clone()),
        ("null", stayed.clone()),
        ("[]", stayed.clone()),
    ] {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&update(before, after), &expected);
    }
}

#[test]
fn fields_in_another_order_and_repeated_sources_are_read_alike() {
    let head = r#""v":1,"ds":"water_account","op":"c""#;
    let a = format!(
        r#"{{{head},"seq":1,"src":{{"dept":"1","n":[1]}},"after":{{"name":"x","account_no":1}}}}"#
    );
    let b =
        format!(r#"{{"after":{{"account_no":2,"name":"y"}},"src":{{"dept":"2"}},"seq":2,{head}}}"#);
    let c =
        format!(r#"{{{head},"seq":3,"src":{{"dept":"1","n":[1]}} ,"after":{{"z":0,"name":"z"}}}}"#);
    let texts = [&a, &a, &b, &c, &b, &a, &c];
    let records = values(texts.iter().map(|text| text.as_bytes()));
    let changes = decoder(Format::HuiliuJson, &COLUMNS, 2).decode(&records);
    assert_balanced(&changes, &records);
    let (a, b, c) =
        ("c 1 -: #1 missing 'x'", "c 2 -: #2 missing 'y'", "c 3 -: missing missing 'z'");
    let expected: Vec<String> =
        [a, a, b, c, b, a, c].iter().enumerate().map(|(i, row)| format!("{i}.0 {row}")).collect();
    assert_eq!(transcript(&changes, &records), expected);
}

#[test]
fn rows_name_their_department_and_strange_fields_are_counted() {
    let record = |src: &str, after: &str| {
        format!(r#"{{"v":1,"ds":"water_account","op":"c","seq":5,{src}"after":{after}}}"#)
    };
    let plain = r#"{"account_no":"1"}"#;
    let bodies = [
        record(r#""src":{"dept":"500A","system":"s"},"#, plain),
        record(r#""src":{"dept":"500A","system":"s"},"#, r#"{"account_no":"1","extra":1}"#),
        record(r#""src":{"system":"t","dept":"500B"},"#, r#"{"extra":2,"neu \"x\"":{"a":[1]}}"#),
        record("", plain),
        record(r#""src":{"dept":"500A"},"#, plain),
        record(r#""src":{"dept":7},"#, plain),
        record(&format!(r#""src":{{"dept":"{}"}},"#, "5".repeat(65)), plain),
    ];
    let records = values(bodies.iter().map(String::as_bytes));
    let changes = decoder(Format::HuiliuJson, &COLUMNS, 1).decode(&records);
    assert_balanced(&changes, &records);
    let departments: Vec<&str> =
        changes.rows.iter().map(|row| changes.department(&records.arena, row.department)).collect();
    assert_eq!(departments, ["500A", "500A", "500B", "", "500A", "", ""]);
    let strangers: Vec<(&str, u64)> =
        changes.strangers.iter().map(|held| (&*held.name, held.count)).collect();
    // What does not look like a name is not repeated.
    assert_eq!(strangers, [("extra", 2), ("…", 1)]);
}
