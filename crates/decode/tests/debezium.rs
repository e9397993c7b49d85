//! The `debezium_json` envelope: golden records, then rule by rule.

mod support;

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::Format;
use huiliu_model::{Changes, Records};
use support::{assert_balanced, decoder, records, transcript, values};

const COLUMNS: [&str; 5] = ["account_no", "meter_no", "name", "opened", "note"];

fn decode(records: &Records) -> Changes {
    let changes = decoder(Format::DebeziumJson, &COLUMNS, 2).decode(records);
    assert_balanced(&changes, records);
    changes
}

fn check(value: &str, expected: &[&str]) {
    let records = values([value.as_bytes()]);
    assert_eq!(transcript(&decode(&records), &records), expected, "{value}");
}

#[test]
fn golden_records_are_read() {
    macro_rules! golden {
        ($($file:literal => [$($line:literal),*],)*) => {
            [$((include_str!(concat!("data/", $file)), &[$($line),*][..])),*]
        };
    }
    let created = "0.0 c 34467712 1700000000123456: '0230001' #17 '重庆市渝中区解放碑' #18359 null";
    for file in [include_str!("data/create.json"), include_str!("data/create_with_schema.json")] {
        check(file, &[created]);
    }
    for (value, expected) in golden![
        "update.json" =>
            ["0.0 u 34467896 1700000000123457: '0230001' #17 '重庆市渝中区解放碑' #18359 ~改名\n\"二\"~"],
        "update_with_before.json" =>
            ["0.0 u 34467900 1700000000123457: '0230001' #17 '重庆市渝中区解放碑' #18359 'x'"],
        "update_unavailable.json" =>
            ["0.0 u 34468000 1700000000123458: '0230001' #17 '重庆市渝中区解放碑' #18359 unavailable"],
        "delete.json" =>
            ["0.0 d 34468104 1700000000123459: '0230001' #17 missing missing missing"],
        "delete_with_schema.json" =>
            ["0.0 d 34468104 1700000000123459: '0230001' #17 missing missing missing"],
        "snapshot.json" =>
            ["0.0 r 34460000 1700000000123446: '0230001' #17 '重庆市渝中区解放碑' #18359 null"],
        "snapshot_incremental.json" =>
            ["0.0 r 34469000 1700000000123465: '0230001' #17 '重庆市渝中区解放碑' #18359 null"],
        // 3 << 40 | 805 << 8 | 2
        "mysql_update.json" =>
            ["0.0 u 3298535089410 1700000000000000: '0230001' #17 '重庆市渝中区解放碑' #18359 'm'"],
        "truncate.json" => [
            "skipped 0 tombstone 1 control",
            "truncated at 3/34468300 by 0:100 1700000000123460"
        ],
        "heartbeat.json" => ["skipped 0 tombstone 1 control"],
        "heartbeat_with_schema.json" => ["skipped 0 tombstone 1 control"],
        "transaction_begin.json" => ["skipped 0 tombstone 1 control"],
        "transaction_end.json" => ["skipped 0 tombstone 1 control"],
        "schema_change.json" => ["skipped 0 tombstone 1 control"],
        "logical_message.json" => ["skipped 0 tombstone 1 control"],
    ] {
        check(value, expected);
    }
}

#[test]
fn a_changed_key_is_delete_tombstone_and_create_of_one_sequence() {
    let lines: Vec<serde_json::Value> = include_str!("data/key_change.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let texts: Vec<(String, Option<String>)> = lines
        .iter()
        .map(|line| {
            let value = Some(&line["value"]).filter(|value| !value.is_null());
            (line["key"].to_string(), value.map(ToString::to_string))
        })
        .collect();
    let records = records(
        texts.iter().map(|(key, value)| (key.as_bytes(), value.as_ref().map(|v| v.as_bytes()))),
    );
    let expected = [
        "0.0 d 34468500 1700000000123462: '0230001' #17 missing missing missing",
        "2.0 c 34468500 1700000000123462: '0230002' #17 '重庆市渝中区解放碑' #18359 null",
        "skipped 1 tombstone 0 control",
    ];
    assert_eq!(transcript(&decode(&records), &records), expected);
}

#[test]
fn records_with_and_without_schema_may_follow_each_other() {
    let files = [
        include_str!("data/create_with_schema.json"),
        include_str!("data/create_with_schema.json"),
        include_str!("data/heartbeat_with_schema.json"),
        include_str!("data/delete.json"),
        include_str!("data/delete_with_schema.json"),
        include_str!("data/create_with_schema.json"),
    ];
    let records = values(files.map(str::as_bytes));
    let row = "34467712 1700000000123456: '0230001' #17 '重庆市渝中区解放碑' #18359 null";
    let gone = "34468104 1700000000123459: '0230001' #17 missing missing missing";
    let expected = [
        format!("0.0 c {row}"),
        format!("1.0 c {row}"),
        format!("3.0 d {gone}"),
        format!("4.0 d {gone}"),
        format!("5.0 c {row}"),
        "skipped 0 tombstone 1 control".to_owned(),
    ];
    assert_eq!(transcript(&decode(&records), &records), expected);
}

#[test]
fn a_record_that_is_cut_within_a_schema_known_before_is_truncated() {
    let whole = include_str!("data/create_with_schema.json");
    let start = whole.find(":").expect("a schema") + 1;
    for end in [start, start + 1, start + 40, start + 300] {
        let cut = &whole[..end];
        let records = values([whole, cut, whole].map(str::as_bytes));
        let lines = transcript(&decode(&records), &records);
        assert_eq!(lines[1], format!("1 TRUNCATED {end}"));
        assert_eq!(lines[0][1..], lines[2][1..]);
    }
}

#[test]
fn an_update_whose_before_has_another_key_is_a_delete_and_a_create() {
    let update = |before: &str| {
        format!(
            r#"{{"op":"u","source":{{"lsn":8}},"before":{before},
                "after":{{"account_no":"B","meter_no":1,"name":"n"}}}}"#
        )
    };
    let stayed = ["0.0 u 8 -: 'B' #1 'n' missing missing"];
    let created = "0.1 c 8 -: 'B' #1 'n' missing missing";
    check(
        &update(r#"{"account_no":"A","meter_no":1,"name":"invented","note":""}"#),
        &["0.0 d 8 -: 'A' #1 missing missing missing", created],
    );
    check(
        &update(r#"{"meter_no":2,"name":"invented"}"#),
        &["0.0 d 8 -: 'B' #2 missing missing missing", created],
    );
    check(&update(r#"{"account_no":"B","meter_no":1,"name":"old"}"#), &stayed);
    check(&update(r#"{"name":"old"}"#), &stayed);
    check(&update("null"), &stayed);
}

#[test]
fn placeholders_of_values_not_sent_are_never_taken_for_values() {
    for (value, cell) in [
        (r#""__debezium_unavailable_value""#, "unavailable"),
        // Its Base64, as a binary column has it.
        (r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==""#, "unavailable"),
        // In hexadecimal, as a binary column has it under that mode.
        (r#""5f5f646562657a69756d5f756e617661696c61626c655f76616c7565""#, "unavailable"),
        (r#"["__debezium_unavailable_value"]"#, "unavailable"),
        (r#""__debezium_unavailable_values""#, "'__debezium_unavailable_values'"),
        (r#""""#, "''"),
    ] {
        let value = format!(r#"{{"op":"u","source":{{"lsn":1}},"after":{{"name":{value}}}}}"#);
        check(&value, &[&format!("0.0 u 1 -: missing missing {cell} missing missing")]);
    }
}

#[test]
fn the_sequence_is_the_position_in_the_log_of_the_source() {
    for (source, sequence) in [
        (r#"{"lsn":0}"#, "0.0 c 0"),
        (r#"{"lsn":9223372036854775807,"scn":"5"}"#, "0.0 c 9223372036854775807"),
        (r#"{"lsn":null,"file":"mariadb-bin.000001","pos":4,"row":0}"#, "0.0 c 1099511628800"),
        // Written out: 8388607 << 40 | 4294967295 << 8 | 255, the highest there is.
        (r#"{"file":"b.8388607","pos":4294967295,"row":300}"#, "0.0 c 9223372036854775807"),
        (r#"{"file":"b.000001","pos":4}"#, "0.0 c 1099511628800"),
        (r#"{"scn":"2099023"}"#, "0.0 c 2099023"),
        (r#"{"scn":2099023}"#, "0.0 c 2099023"),
        (r#"{"lsn":"5"}"#, "0 ENVELOPE_FIELD 54"),
        (r#"{"lsn":5.0}"#, "0 ENVELOPE_FIELD 53"),
        (r#"{"lsn":9223372036854775808}"#, "0 ENVELOPE_FIELD 53"),
        (r#"{"file":"b.8388608","pos":4}"#, "0 ENVELOPE_FIELD 55"),
        (r#"{"file":"b.000001","pos":4294967296}"#, "0 ENVELOPE_FIELD 55"),
        (r#"{"file":"b.000001","pos":-1}"#, "0 ENVELOPE_FIELD 55"),
        (r#"{"file":"b.x","pos":4}"#, "0 ENVELOPE_FIELD 55"),
        (r#"{"scn":"99999999999999999999"}"#, "0 ENVELOPE_FIELD 54"),
        (r#"{"file":"","pos":0}"#, "0 SEQUENCE_MISSING 46"),
        (r#"{"file":"b.000001"}"#, "0 SEQUENCE_MISSING 46"),
        (r#"{"lsn":null,"sequence":"[\"7\",\"9\"]"}"#, "0.0 c 9"),
        (r#"{"lsn":null,"sequence":"[null,null]"}"#, "0 ENVELOPE_FIELD 70"),
        (r#"{"lsn":8,"sequence":"[\"7\",\"9\"]"}"#, "0.0 c 8"),
        (r#"{"lsn":null}"#, "0 SEQUENCE_MISSING 46"),
        ("null", "0 SEQUENCE_MISSING 46"),
    ] {
        let value = format!(r#"{{"op":"c","after":{{"account_no":"A"}},"source":{source}}}"#);
        let records = values([value.as_bytes()]);
        let lines = transcript(&decode(&records), &records);
        let row = format!("{sequence} -: 'A' missing missing missing missing");
        let expected = if sequence.contains('.') { row.as_str() } else { sequence };
        assert_eq!(lines, [expected], "{value}");
    }
}

#[test]
fn a_snapshot_read_without_a_position_is_older_than_every_change() {
    let value = r#"{"op":"r","after":{"account_no":"A"},"source":{"lsn":null,"ts_ms":1}}"#;
    check(value, &["0.0 r 0 1000: 'A' missing missing missing missing"]);
}

#[test]
fn fields_are_found_under_the_names_that_the_source_has() {
    let mut contract = support::contract(Format::DebeziumJson, &COLUMNS, 2);
    contract.columns[2].source.field = Some("姓名".to_owned());
    let value = r#"{"op":"c","source":{"lsn":1},"after":{"account_no":"A","姓名":"张三",
        "\u59d3\u540d":"李四","name":"x"}}"#;
    let records = values([value.as_bytes()]);
    let changes = huiliu_decode::Decoder::new(&contract, huiliu_decode::Limits::default());
    let changes = changes.decode(&records);
    assert_eq!(transcript(&changes, &records), ["0.0 c 1 -: 'A' missing '李四' missing missing"]);
    let strangers: Vec<&str> = changes.strangers.iter().map(|s| &*s.name).collect();
    assert_eq!(strangers, ["name"]);
}

#[test]
fn rows_are_written_as_the_schema_of_their_own_record_says() {
    use huiliu_model::contract::Encoding;
    let record = |name: &str| {
        format!(
            r#"{{"schema":{{"type":"struct","fields":[{{"type":"struct","field":"after","fields":[
               {{"type":"int64","name":"io.debezium.time.{name}","field":"opened"}}]}}]}},
               "payload":{{"op":"c","source":{{"lsn":1}},"after":{{"opened":5}}}}}}"#
        )
    };
    let bare = r#"{"op":"c","source":{"lsn":1},"after":{"opened":5}}"#.to_owned();
    let (micros, millis) = (record("MicroTimestamp"), record("Timestamp"));
    let all = [&bare, &micros, &micros, &millis, &micros, &bare, &micros];
    let records = values(all.map(|text| text.as_bytes()));
    let changes = decode(&records);
    let spoken: Vec<(u32, Option<Encoding>)> = changes
        .dialects
        .iter()
        .map(|dialect| (dialect.from_row, dialect.columns.get(3).copied()))
        .collect();
    let expected = [
        (1, Some(Encoding::Micros)),
        (3, Some(Encoding::Millis)),
        (4, Some(Encoding::Micros)),
        (5, None),
        (6, Some(Encoding::Micros)),
    ];
    assert_eq!(spoken, expected);
}

#[test]
fn the_time_is_that_of_the_source_in_microseconds_if_it_has_them() {
    for (times, expected) in [
        (
            r#""ts_ms":1700000000123"#,
            "0.0 c 1 1700000000123000: 'A' missing missing missing missing",
        ),
        (
            r#""ts_ms":1700000000123,"ts_us":1700000000123456"#,
            "0.0 c 1 1700000000123456: 'A' missing missing missing missing",
        ),
        (r#""ts_ms":-1,"ts_us":null"#, "0.0 c 1 -1000: 'A' missing missing missing missing"),
        (r#""ts_ms":null"#, "0.0 c 1 -: 'A' missing missing missing missing"),
        (r#""ts_ms":"1700000000123""#, "0 ENVELOPE_FIELD 74"),
        (r#""ts_ms":9223372036854775807"#, "0 ENVELOPE_FIELD 73"),
    ] {
        let value = format!(
            r#"{{"op":"c","after":{{"account_no":"A"}},"ts_ms":5,"source":{{"lsn":1,{times}}}}}"#
        );
        check(&value, &[expected]);
    }
}

#[test]
fn a_record_without_op_is_passed_over_only_if_it_cannot_be_a_row() {
    let control = "skipped 0 tombstone 1 control";
    for (value, expected) in [
        (r#"{"ts_ms":1}"#, control),
        (r#"{"ts_ms":1,"ts_us":1000,"ts_ns":1000000}"#, control),
        (r#"{"op":"m"}"#, control),
        (r#"{"op":null,"ts_ms":1}"#, control),
        (r#"{"payload":{"op":"m","schema":1,"payload":2}}"#, control),
        (r#"{"status":"BEGIN","id":"5:6","event_count":null}"#, control),
        (r#"{"ts_ms":1,"after":{"account_no":"A"},"source":{"lsn":1}}"#, "0 OP_UNKNOWN -"),
        (r#"{"ts_ms":1,"before":null}"#, "0 OP_UNKNOWN -"),
        (r#"{"ts_ms":"1"}"#, "0 OP_UNKNOWN -"),
        // Flattened rows that happen to have columns of these names.
        (r#"{"ts_ms":1,"account_no":"A"}"#, "0 OP_UNKNOWN -"),
        (r#"{"ts_ms":1,"id":7}"#, "0 OP_UNKNOWN -"),
        (r#"{"id":"7","status":"open"}"#, "0 OP_UNKNOWN -"),
        (r#"{"id":7,"status":"END"}"#, "0 OP_UNKNOWN -"),
        (r#"{"schema":{},"payload":{"id":7,"name":"x"}}"#, "0 OP_UNKNOWN -"),
        ("{}", "0 OP_UNKNOWN -"),
        (r#"{"payload":{}}"#, "0 OP_UNKNOWN -"),
        (r#"{"schema":null,"payload":null}"#, "skipped 1 tombstone 0 control"),
        (r#"{"schema":null,"payload":[]}"#, "0 NOT_AN_OBJECT 25"),
    ] {
        check(value, &[expected]);
    }
}

#[test]
fn envelope_rules_are_tested_in_their_order() {
    for (value, expected) in [
        (r#"{"op":"x","source":{"lsn":1},"after":{}}"#, "0 OP_UNKNOWN 7"),
        (r#"{"op":5,"after":{}}"#, "0 OP_UNKNOWN 6"),
        (r#"{"op":"t","source":{}}"#, "0 SEQUENCE_MISSING 19"),
        (r#"{"op":"c","source":{"lsn":"x"}}"#, "0 IMAGE_MISSING -"),
        (r#"{"op":"c","after":null}"#, "0 IMAGE_MISSING 18"),
        (r#"{"op":"u","before":{},"after":"x"}"#, "0 IMAGE_MISSING 31"),
        (r#"{"op":"d","before":null,"after":{},"source":{"lsn":1}}"#, "0 IMAGE_MISSING 19"),
        (r#"{"op":"c","after":{}}"#, "0 SEQUENCE_MISSING -"),
        (r#"{"op":"c","op":"c","after":{}}"#, "0 DUPLICATE_FIELD 11"),
        (r#"{"op":"x","source":{"lsn":1,"lsn":2}}"#, "0 DUPLICATE_FIELD 29"),
        (r#"{"op":"c","payload":{"op":"c"}}"#, "0 DUPLICATE_FIELD 22"),
        (r#"{"payload":{},"payload":{}}"#, "0 DUPLICATE_FIELD 15"),
        (r#"{"op":"x","op":"y","after":{"a":nul}}"#, "0 NOT_JSON 35"),
    ] {
        check(value, &[expected]);
    }
}

#[test]
fn a_truncate_is_refused_where_it_cannot_be_carried_out() {
    let contract = support::contract(Format::DebeziumJson, &["account_no"], 1);
    let decoder = Decoder::new(&contract, Limits::default()).refusing_truncates();
    let records = values([&br#"{"op":"t","source":{"lsn":1}}"#[..]]);
    let changes = decoder.decode(&records);
    assert_eq!(transcript(&changes, &records), ["0 TRUNCATE_UNSUPPORTED -"]);
    assert_eq!(changes.truncate, None);
}
