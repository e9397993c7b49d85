//! `confluent_avro`: rows of records written by hand, and what becomes of broken ones.

mod support;

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::Format;
use huiliu_model::schemas::{SchemaId, SchemaKind, WriterSchema};
use huiliu_model::{Changes, OnDrift, Records};
use support::avro::{branch, bytes, framed, learn, learn_with, long, record, text};
use support::{assert_balanced, contract, decoder, transcript, values};

fn decode(decoder: &Decoder, values: &[Vec<u8>]) -> (Records, Changes) {
    let records = support::values(values.iter().map(Vec::as_slice));
    let changes = decoder.decode(&records);
    assert_balanced(&changes, &records);
    (records, changes)
}

/// What one schema and one value become; the columns are `a` (the key), `b` and `c`.
fn one(schema: &str, value: &[u8]) -> String {
    let decoder = decoder(Format::ConfluentAvro, &["a", "b", "c"], 1);
    learn(&decoder, 7, schema);
    let (records, changes) = decode(&decoder, &[framed(7, value)]);
    transcript(&changes, &records).join("\n")
}

#[test]
fn fields_meet_columns_by_name_in_any_order_and_others_are_passed_over() {
    let schema = record(&[
        ("x", r#"{"type":"array","items":"string"}"#),
        ("c", "\"boolean\""),
        ("y", "\"double\""),
        ("a", "\"string\""),
    ]);
    let list = [long(2), text("p"), text("q"), long(0)].concat();
    let value = [list, vec![1], 1.5f64.to_le_bytes().to_vec(), text("重庆")].concat();
    assert_eq!(one(&schema, &value), "0.0 c 100 -: '重庆' missing true");
}

#[test]
fn scalars_are_read_from_their_bytes() {
    for (of, value, expected) in [
        ("\"int\"", long(-7), "%-7"),
        ("\"long\"", long(i64::MIN), "%-9223372036854775808"),
        ("\"float\"", 0.1f32.to_le_bytes().to_vec(), "%0.1"),
        ("\"double\"", (-2.5f64).to_le_bytes().to_vec(), "%-2.5"),
        ("\"bytes\"", bytes(b"foo"), "%Zm9v"),
        ("\"boolean\"", vec![0], "false"),
        ("\"null\"", vec![], "null"),
        ("\"string\"", text(""), "''"),
        (r#"["null","string"]"#, branch(0, vec![]), "null"),
        (r#"["null","string"]"#, branch(1, text("v")), "'v'"),
        (r#"["string","null"]"#, branch(0, text("v")), "'v'"),
        (r#"["int","string","null"]"#, branch(0, long(3)), "%3"),
        (r#"["int","string","null"]"#, branch(1, text("v")), "'v'"),
        (r#"{"type":"enum","name":"E","symbols":["ON","OFF"]}"#, long(1), "~OFF~"),
        (r#"{"type":"fixed","name":"F","size":2}"#, vec![1, 2], "%AQI="),
    ] {
        let schema = record(&[("a", "\"string\""), ("b", of)]);
        let value = [text("k"), value].concat();
        assert_eq!(one(&schema, &value), format!("0.0 c 100 -: 'k' {expected} missing"), "{of}");
    }
}

#[test]
fn logical_types_say_what_a_number_counts() {
    let logical = |of: &str, name: &str| format!(r#"{{"type":"{of}","logicalType":"{name}"}}"#);
    let connect = |of: &str, name: &str| format!(r#"{{"type":"{of}","connect.name":"{name}"}}"#);
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":8,"scale":2}"#;
    let fixed = r#"{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":8}"#;
    let uuid = r#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#;
    // 2020-04-07 is day 18359; its 08:30 in milliseconds is 1586248200000.
    let ms = 1_586_248_200_000;
    for (of, value, expected) in [
        (logical("int", "date"), long(18_359), "2020-04-07"),
        (logical("long", "timestamp-millis"), long(ms), "2020-04-07T08:30:00Z"),
        (logical("long", "timestamp-micros"), long(ms * 1_000 + 5), "2020-04-07T08:30:00.000005Z"),
        (logical("long", "local-timestamp-millis"), long(ms), "2020-04-07T08:30:00"),
        (logical("int", "time-millis"), long(30_600_000), "08:30:00"),
        (
            connect("long", "org.apache.kafka.connect.data.Timestamp"),
            long(ms),
            "2020-04-07T08:30:00Z",
        ),
        (connect("int", "org.apache.kafka.connect.data.Date"), long(18_359), "2020-04-07"),
        (decimal.to_owned(), bytes(&[0x30, 0x39]), "123.45"),
        (fixed.to_owned(), vec![0xff, 0xff, 0xff, 0xff], "-1"),
        (uuid.to_owned(), vec![0x11; 16], "11111111-1111-1111-1111-111111111111"),
        (logical("string", "date"), text("x"), "x"),
    ] {
        let schema = record(&[("a", "\"string\""), ("b", &of)]);
        let shown = one(&schema, &[text("k"), value].concat());
        let expected =
            if of.contains("string") { format!("'{expected}'") } else { format!("%{expected}") };
        assert_eq!(shown, format!("0.0 c 100 -: 'k' {expected} missing"), "{of}");
    }
}

#[test]
fn nested_values_are_json_where_a_text_column_wants_them() {
    let inner = r#"{"type":"record","name":"I","fields":[
        {"name":"s","type":["null","string"]},{"name":"n","type":{"type":"map","values":"int"}},
        {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}},
        {"name":"day","type":{"type":"int","logicalType":"date"}}]}"#;
    let schema =
        record(&[("a", "\"string\""), ("b", &format!(r#"{{"type":"array","items":{inner}}}"#))]);
    let map = [long(1), text("x\"\u{1}"), long(-1), long(0)].concat();
    let item = [branch(1, text("重")), map, bytes(&[0x7b]), long(18_359)].concat();
    // A block of one item with its size in bytes, then one without.
    let size = i64::try_from(item.len()).expect("short");
    let value = [text("k"), long(-1), long(size), item.clone(), long(1), item, long(0)].concat();
    let shown = r#"{"s":"重","n":{"x\"\u0001":-1},"d":12.3,"day":"2020-04-07"}"#;
    assert_eq!(one(&schema, &value), format!("0.0 c 100 -: 'k' ~[{shown},{shown}]~ missing"));
}

#[test]
fn a_type_may_contain_itself_and_depth_has_a_limit() {
    let node = r#"{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}"#;
    let schema = record(&[("a", "\"string\""), ("b", node)]);
    let chain = |depth: usize| [text("k"), vec![2; depth], vec![0]].concat();
    let two = r#"0.0 c 100 -: 'k' ~{"next":{"next":null}}~ missing"#;
    assert_eq!(one(&schema, &chain(1)), two);
    assert!(one(&schema, &chain(30)).starts_with("0.0 c"), "31 levels in the row: 32 in all");
    assert_eq!(one(&schema, &chain(31)), "0 TOO_DEEP 38");
    let endless = r#"{"type":"record","name":"N","fields":[{"name":"next","type":"N"}]}"#;
    assert_eq!(one(&record(&[("a", endless)]), &[]), "0 TOO_DEEP 5");
}

#[test]
fn a_count_of_items_is_bounded_by_the_bytes_of_the_record() {
    let schema = record(&[("a", "\"string\""), ("b", r#"{"type":"array","items":"null"}"#)]);
    let value = |count: i64| [text("k"), long(count), long(0)].concat();
    assert_eq!(one(&schema, &value(3)), "0.0 c 100 -: 'k' ~[null,null,null]~ missing");
    assert_eq!(one(&schema, &value(1 << 40)), "0 TOO_LARGE 7");
    assert_eq!(one(&schema, &value(i64::MIN + 1)), "0 TOO_LARGE 7");
    let strings = record(&[("b", r#"{"type":"array","items":"string"}"#)]);
    assert_eq!(one(&strings, &long(i64::MAX)), "0 TOO_LARGE 5");
}

#[test]
fn fields_that_take_no_bytes_have_a_bound() {
    // Each level holds the one below twice: 2^28 records of one null, in no bytes at all.
    let mut laughs =
        r#"{"type":"record","name":"L0","fields":[{"name":"n","type":"null"}]}"#.to_owned();
    for level in 1..=28 {
        laughs = format!(
            r#"{{"type":"record","name":"L{level}","fields":[
                {{"name":"l","type":{laughs}}},{{"name":"r","type":"L{}"}}]}}"#,
            level - 1
        );
    }
    let taken = one(&record(&[("b", &laughs)]), &[]);
    assert_eq!(taken, "0 TOO_LARGE 5");
    let passed_over = one(&record(&[("x", &laughs)]), &[]);
    assert_eq!(passed_over, "0 TOO_LARGE 5");
    let few = record(&[("a", "\"string\""), ("b", "\"null\"")]);
    assert_eq!(one(&few, &text("k")), "0.0 c 100 -: 'k' null missing");
}

#[test]
fn broken_bytes_are_rejected_with_the_place() {
    let pair = record(&[("a", "\"string\""), ("b", r#"["null","int"]"#)]);
    let symbols = record(&[("b", r#"{"type":"enum","name":"E","symbols":["ON"]}"#)]);
    let flag = record(&[("b", "\"boolean\"")]);
    let int = record(&[("b", "\"int\"")]);
    for (schema, value, expected) in [
        (&pair, [text("k"), branch(1, long(1)), vec![0]].concat(), "0 TRAILING_BYTES 9"),
        (&pair, text("k"), "0 TRUNCATED 7"),
        (&pair, vec![], "0 TRUNCATED 5"),
        (&pair, vec![0x80], "0 TRUNCATED 5"),
        (&pair, [long(100), b"k".to_vec()].concat(), "0 TRUNCATED 5"),
        (&pair, [long(-1), b"k".to_vec()].concat(), "0 NOT_AVRO 5"),
        (&pair, [bytes(&[0xff, 0xfe]), branch(0, vec![])].concat(), "0 NOT_UTF8 5"),
        (&pair, [text("k"), branch(2, vec![])].concat(), "0 NOT_AVRO 7"),
        (&pair, [text("k"), branch(-1, vec![])].concat(), "0 NOT_AVRO 7"),
        (&symbols, long(1), "0 NOT_AVRO 5"),
        (&flag, vec![2], "0 NOT_AVRO 5"),
        (&int, long(1 << 40), "0 NOT_AVRO 5"),
        (&int, long(i64::from(i32::MAX)), "0.0 c 100 -: missing %2147483647 missing"),
        (&int, vec![0xff; 11], "0 NOT_AVRO 5"),
    ] {
        assert_eq!(one(schema, &value), expected, "{schema} {value:02x?}");
    }
}

#[test]
fn a_record_needs_its_magic_byte_and_a_schema_that_is_known() {
    let decoder = decoder(Format::ConfluentAvro, &["a"], 1);
    learn(&decoder, 1, &record(&[("a", "\"string\"")]));
    learn(&decoder, 2, "\"string\"");
    learn(&decoder, 3, "{");
    learn(&decoder, 4, r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Missing"}]}"#);
    let other = WriterSchema {
        kind: SchemaKind::Other,
        text: record(&[("a", "\"string\"")]),
        references: vec![],
    };
    decoder.learn(SchemaId(5), &other);
    let sound = text("k");
    let records = values([
        &framed(1, &sound)[..],
        b"{\"a\":1}",
        &[1, 0, 0, 0, 1, 2, b'k'],
        &[0, 0, 0],
        &framed(2, &sound),
        &framed(3, &sound),
        &framed(4, &sound),
        &framed(5, &sound),
        &framed(9, &sound),
        b"",
        &framed(1, &sound),
    ]);
    assert_eq!(decoder.unknown_schemas(&records), [SchemaId(9)]);
    let changes = decoder.decode(&records);
    assert_balanced(&changes, &records);
    assert_eq!(
        transcript(&changes, &records),
        [
            "0.0 c 100 -: 'k'",
            "1 MAGIC_BYTE 0",
            "2 MAGIC_BYTE 0",
            "3 TRUNCATED 3",
            "4 SCHEMA_INVALID 1",
            "5 SCHEMA_INVALID 1",
            "6 SCHEMA_INVALID 1",
            "7 SCHEMA_INVALID 1",
            "8 SCHEMA_UNKNOWN 1",
            "9 EMPTY -",
            "10.0 c 110 -: 'k'",
        ]
    );
}

#[test]
fn schemas_change_in_mid_stream_and_keep_their_symbols_apart() {
    let decoder = decoder(Format::ConfluentAvro, &["a", "b"], 1);
    let symbols = |name| format!(r#"{{"type":"enum","name":"E","symbols":["X","{name}"]}}"#);
    learn(&decoder, 1, &record(&[("a", "\"int\""), ("b", &symbols("ONE"))]));
    learn(&decoder, 2, &record(&[("b", &symbols("TWO")), ("a", "\"long\""), ("z", "\"int\"")]));
    let first = framed(1, &[long(5), long(1)].concat());
    let second = framed(2, &[long(1), long(6), long(0)].concat());
    let broken = framed(2, &[long(1), long(6)].concat());
    let (records, changes) = decode(&decoder, &[first.clone(), broken, second, first]);
    assert_eq!(
        transcript(&changes, &records),
        [
            "0.0 c 100 -: %5 ~ONE~",
            "1 TRUNCATED 7",
            "2.0 c 102 -: %6 ~TWO~",
            "3.0 c 103 -: %5 ~ONE~"
        ]
    );
    let strangers: Vec<_> =
        changes.strangers.iter().map(|s| (&*s.name, s.count, s.first, s.last)).collect();
    assert_eq!(strangers, [("z", 2, 1, 2)]);
}

#[test]
fn aliases_and_references_name_what_the_contract_means() {
    let decoder = decoder(Format::ConfluentAvro, &["a", "b"], 1);
    let referred = r#"{"type":"record","name":"Part","namespace":"city.water",
        "fields":[{"name":"no","type":"int"}]}"#;
    let schema = r#"{"type":"record","name":"Row","namespace":"city","fields":[
        {"name":"b","aliases":["a"],"type":"string"},
        {"name":"account","aliases":["x","a"],"type":"string"},
        {"name":"part","aliases":["b"],"type":"city.water.Part"}]}"#;
    learn_with(&decoder, 1, schema, &[referred]);
    let value = framed(1, &[text("B"), text("A"), long(3)].concat());
    let (records, changes) = decode(&decoder, &[value]);
    assert_eq!(transcript(&changes, &records), ["0.0 c 100 -: 'A' 'B'"]);
    let strangers: Vec<_> = changes.strangers.iter().map(|s| &*s.name).collect();
    assert_eq!(
        strangers,
        ["part"],
        "a column that a field has by its name is not taken by an alias"
    );
}

#[test]
fn strange_fields_are_kept_or_refused_as_the_contract_says() {
    let schema =
        record(&[("a", "\"string\""), ("floor", "\"int\""), ("note", r#"["null","string"]"#)]);
    let value = framed(1, &[text("k"), long(3), branch(1, text("新\""))].concat());
    let with = |policy| {
        let mut contract = contract(Format::ConfluentAvro, &["a"], 1);
        contract.drift.added = policy;
        let decoder = Decoder::new(&contract, Limits::default());
        learn(&decoder, 1, &schema);
        decode(&decoder, &[value.clone()])
    };
    let (_, kept) = with(OnDrift::Evolve);
    let texts: Vec<(&str, &str)> = kept
        .extras
        .iter()
        .map(|extra| {
            assert!(extra.in_scratch && extra.row == 0);
            let at = |len: u32| extra.start as usize..(extra.start + len) as usize;
            let text = |len| std::str::from_utf8(&kept.scratch[at(len)]).expect("UTF-8");
            (text(extra.name_len), text(extra.len))
        })
        .collect();
    assert_eq!(texts, [("\"floor\"", "\"floor\":3"), ("\"note\"", r#""note":"新\"""#)]);
    let (records, refused) = with(OnDrift::Quarantine);
    assert_eq!(transcript(&refused, &records), ["0 FIELD_UNKNOWN 5"]);
    let (records, ignored) = with(OnDrift::Ignore);
    assert_eq!(transcript(&ignored, &records), ["0.0 c 100 -: 'k'"]);
    assert_eq!(ignored.strangers.len(), 2);
}

#[test]
fn a_record_beyond_the_limit_is_not_looked_at() {
    let mut limits = Limits::default();
    limits.record_bytes = 6;
    let decoder = Decoder::new(&contract(Format::ConfluentAvro, &["a"], 1), limits);
    learn(&decoder, 1, &record(&[("a", "\"string\"")]));
    let (records, changes) = decode(&decoder, &[framed(1, &text("")), framed(1, &text("k"))]);
    assert_eq!(transcript(&changes, &records), ["0.0 c 100 -: ''", "1 TOO_LARGE -"]);
}
