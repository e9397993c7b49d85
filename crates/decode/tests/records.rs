//! What holds for records of every format: limits, broken bytes, independence of records.

mod support;

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::Format;
use huiliu_model::{CellKind, Stage};
use support::{assert_balanced, contract, decoder, records, transcript, values};

const FORMATS: [Format; 3] = [Format::HuiliuJson, Format::DebeziumJson, Format::Json];

#[test]
fn broken_values_are_rejected_alike_in_every_format() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    for (value, expected) in [
        (&b""[..], "0 EMPTY -"),
        (b" ", "0 TRUNCATED 1"),
        (b"{", "0 TRUNCATED 1"),
        (b"{\"a\":1", "0 TRUNCATED 6"),
        (b"{\"a\":\"b", "0 TRUNCATED 7"),
        (b"{\"a\":1]", "0 NOT_JSON 6"),
        (b"{\"a\":01}", "0 NOT_JSON 6"),
        (b"{\"a\":1}}", "0 NOT_JSON 7"),
        (b"{\"a\":1} {}", "0 NOT_JSON 8"),
        (b"{\"a\":\"\\ud800\"}", "0 NOT_JSON 12"),
        (b"hello", "0 NOT_JSON 0"),
        (b"\xef\xbb\xbf{}", "0 NOT_JSON 0"),
        (b"\0\0\0\0\x07", "0 NOT_JSON 0"),
        (b"[{}]", "0 NOT_AN_OBJECT 0"),
        (b" null", "0 NOT_AN_OBJECT 1"),
        (b"\"{}\"", "0 NOT_AN_OBJECT 0"),
        (b"12", "0 NOT_AN_OBJECT 0"),
        (b"[1", "0 TRUNCATED 2"),
        (b"[1]]", "0 NOT_JSON 3"),
        // 重 in GB 18030, and a UTF-8 character that was cut off.
        (b"{\"a\":\"\xd6\xd8\"}", "0 NOT_UTF8 6"),
        (b"{\"a\":\"\xed\xa0\x80\"}", "0 NOT_UTF8 6"),
        (b"{\"a\":\"\xe9\x87", "0 TRUNCATED 8"),
        (deep.as_bytes(), "0 TOO_DEEP 36"),
        (long.as_bytes(), "0 TOO_LARGE -"),
    ] {
        for format in FORMATS {
            let records = values([value]);
            let changes = decoder(format, &["a"], 1).decode(&records);
            assert_balanced(&changes, &records);
            let shown = String::from_utf8_lossy(&value[..value.len().min(40)]);
            assert_eq!(transcript(&changes, &records), [expected], "{format:?} {shown}");
            assert_eq!(changes.rejects[0].stage, Stage::Decode);
            assert!(changes.scratch.is_empty());
        }
    }
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits { record_bytes: 9, nesting: 2 };
    let decoder = Decoder::new(&contract(Format::Json, &["a"], 1), limits);
    let texts = ["{\"a\":123}", "{\"a\":1234}", "{\"a\":[]}", "{\"a\":[[", "{\"a\":1]]]]"];
    let records = values(texts.iter().map(|text| text.as_bytes()));
    let expected =
        ["0.0 c 100 -: #123", "1 TOO_LARGE -", "2.0 c 102 -: @[]", "3 TOO_DEEP 6", "4 TOO_LARGE -"];
    assert_eq!(transcript(&decoder.decode(&records), &records), expected);
}

#[test]
fn a_record_without_a_value_is_a_tombstone_in_every_format() {
    for format in FORMATS {
        let records = records([(&b"k"[..], None), (b"k", None)]);
        let changes = decoder(format, &["a"], 1).decode(&records);
        assert_balanced(&changes, &records);
        assert_eq!(transcript(&changes, &records), ["skipped 2 tombstone 0 control"]);
    }
}

#[test]
fn plain_rows_are_created_with_their_offset_as_sequence() {
    let texts =
        [r#"{"a":"x","op":"d","seq":5}"#, "{}", r#"{"b":{"a":2},"a":null}"#, r#" {"a":"\t"} "#];
    let records = values(texts.iter().map(|text| text.as_bytes()));
    let changes = decoder(Format::Json, &["a", "op"], 1).decode(&records);
    assert_balanced(&changes, &records);
    let expected = [
        "0.0 c 100 -: 'x' 'd'",
        "1.0 c 101 -: missing missing",
        "2.0 c 102 -: null missing",
        "3.0 c 103 -: ~\t~ missing",
    ];
    assert_eq!(transcript(&changes, &records), expected);
    assert!(changes.rows.iter().all(|row| row.epoch == 3));
}

#[test]
fn a_failed_record_leaves_nothing_and_touches_no_other() {
    let good = r#"{"a":"one\n","b":"two\t"}"#;
    let bad = r#"{"a":"never\n","b":"seen\t"} x"#;
    let records = values([good, bad, good].map(str::as_bytes));
    let changes = decoder(Format::Json, &["a", "b"], 1).decode(&records);
    assert_balanced(&changes, &records);
    let row = "c 100 -: ~one\n~ ~two\t~";
    let expected = [
        format!("0.0 {row}"),
        "1 NOT_JSON 29".to_owned(),
        format!("2.0 {}", row.replace("100", "102")),
    ];
    assert_eq!(transcript(&changes, &records), expected);
    assert_eq!(changes.scratch, b"one\ntwo\tone\ntwo\t");
}

#[test]
fn a_decoder_may_be_used_again_and_yields_the_same() {
    let decoder = decoder(Format::Json, &["a", "b"], 1);
    let records = values([&br#"{"b":1,"a":"\u0041"}"#[..], br#"{"a":2}"#, b"{"]);
    let first = transcript(&decoder.decode(&records), &records);
    assert_eq!(transcript(&decoder.decode(&records), &records), first);
    let none = values([]);
    assert!(transcript(&decoder.decode(&none), &none).is_empty());
    assert_eq!(decoder.decode(&none).columns.len(), 2);
}

#[test]
fn a_contract_without_columns_still_counts_its_rows() {
    let records = values([&br#"{"b":1}"#[..]]);
    let changes = decoder(Format::Json, &[], 0).decode(&records);
    assert_eq!((changes.rows.len(), changes.columns.len()), (1, 0));
}

#[test]
fn cells_are_positions_in_the_arena_without_quotes() {
    let records = values([&br#"{"a":"xyz"}"#[..], br#"{"a":"uvw"}"#]);
    let changes = decoder(Format::Json, &["a"], 1).decode(&records);
    let cell = changes.columns[0][1];
    // Each record stores a key of one byte before its value of eleven.
    assert_eq!((cell.kind, cell.start, cell.len), (CellKind::Text, 12 + 1 + 6, 3));
}
