//! Property tests: serde_json as the oracle of the grammar and of the texts, and no panic on
//! whatever bytes.

mod support;

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::Format;
use huiliu_model::{Cell, CellKind, Changes, Reason, Records};
use proptest::prelude::*;
use serde_json::{Map, Value};
use support::{assert_balanced, contract, decoder, records, transcript, values};

const NAMES: [&str; 6] = ["id", "name", "名称", "a\"b\\", "", "x\u{1}"];

/// Any JSON value, at most five levels deep.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300f64).prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..4)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,12}",
        "[\u{0}-\u{7f}]{0,20}",
        "[重庆市渝中区\u{1F3D9}\"\\\\/ \n]{0,40}",
        any::<String>(),
    ]
}

/// An object whose fields are partly known to the contract, in any order.
fn any_row() -> impl Strategy<Value = Map<String, Value>> {
    let name =
        prop_oneof![4 => prop::sample::select(&NAMES[..]).prop_map(String::from), 1 => any_text()];
    prop::collection::vec((name, any_value()), 0..8).prop_map(Map::from_iter)
}

/// JSON text of a value with white space everywhere and escapes for every `nth` character.
fn spaced(value: &Value, nth: usize, into: &mut String) {
    const SPACES: [&str; 4] = ["", " ", "\n\t", "\r "];
    let space = |into: &mut String| into.push_str(SPACES[into.len() % SPACES.len()]);
    space(into);
    match value {
        Value::String(text) => quoted(text, nth, into),
        Value::Array(items) => {
            into.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                spaced(item, nth, into);
            }
            into.push(']');
        }
        Value::Object(fields) => {
            into.push('{');
            for (index, (name, item)) in fields.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                space(into);
                quoted(name, nth, into);
                space(into);
                into.push(':');
                spaced(item, nth, into);
            }
            space(into);
            into.push('}');
        }
        scalar => into.push_str(&scalar.to_string()),
    }
    space(into);
}

fn quoted(text: &str, nth: usize, into: &mut String) {
    into.push('"');
    for (index, character) in text.chars().enumerate() {
        if index % nth == 0 || character < ' ' || matches!(character, '"' | '\\') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                into.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            into.push(character);
        }
    }
    into.push('"');
}

/// The value a cell stands for, read with the oracle where it is not a text.
fn value_of(changes: &Changes, records: &Records, cell: Cell) -> Option<Value> {
    let bytes = changes.bytes(&records.arena, cell);
    match cell.kind {
        CellKind::Missing => None,
        CellKind::Null => Some(Value::Null),
        CellKind::True => Some(Value::from(true)),
        CellKind::False => Some(Value::from(false)),
        CellKind::Text | CellKind::Unescaped => {
            Some(Value::from(std::str::from_utf8(bytes).expect("cells hold UTF-8")))
        }
        CellKind::Number | CellKind::Nested => {
            Some(serde_json::from_slice(bytes).expect("nested cells are JSON"))
        }
        CellKind::Unavailable | CellKind::Binary(_) => panic!("plain JSON has no such cells"),
    }
}

/// Compares a decode of plain rows with the oracle's reading of the same bytes.
fn assert_same_rows(decoder: &Decoder, texts: &[Vec<u8>]) {
    let records = values(texts.iter().map(Vec::as_slice));
    let changes = decoder.decode(&records);
    assert_balanced(&changes, &records);
    for (index, text) in texts.iter().enumerate() {
        let shown = String::from_utf8_lossy(text);
        let row = changes.rows.iter().position(|row| row.record as usize == index);
        let reject = changes.rejects.iter().find(|reject| reject.record as usize == index);
        match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(fields)) => {
                let row = row.unwrap_or_else(|| panic!("{reject:?}: {shown}"));
                for (column, name) in NAMES.iter().enumerate() {
                    let cell = changes.columns[column][row];
                    let found = value_of(&changes, &records, cell);
                    assert_eq!(found.as_ref(), fields.get(*name), "{name}: {shown}");
                }
            }
            Ok(_) => {
                let reason = reject.map(|reject| reject.reason);
                assert_eq!(reason, Some(Reason::NotAnObject), "{shown}");
            }
            // The oracle refuses numbers beyond the range of a double; the grammar does not.
            Err(error) if error.to_string().starts_with("number out of range") => {}
            Err(error) => {
                let reject = reject.unwrap_or_else(|| panic!("{error}: {shown}"));
                let broken = [Reason::NotJson, Reason::Truncated, Reason::NotUtf8, Reason::Empty];
                assert!(broken.contains(&reject.reason), "{reject:?} {error}: {shown}");
                if reject.reason == Reason::Truncated && std::str::from_utf8(text).is_ok() {
                    assert!(error.is_eof(), "{reject:?} {error}: {shown}");
                }
            }
        }
    }
}

fn mutate(text: &mut Vec<u8>, changes: &[(u8, usize, u8)]) {
    const TELLING: &[u8] = b"{}[]\",:\\ue0-+.123tfn \n\x00\x1f\xff\xe9";
    for &(what, place, byte) in changes {
        let place = place % (text.len() + 1);
        let byte = if what & 4 == 0 { TELLING[byte as usize % TELLING.len()] } else { byte };
        match what & 3 {
            0 if place < text.len() => text[place] = byte,
            1 if place < text.len() => drop(text.remove(place)),
            2 => text.truncate(place),
            _ => text.insert(place, byte),
        }
    }
}

fn any_mutations() -> impl Strategy<Value = Vec<(u8, usize, u8)>> {
    prop::collection::vec(any::<(u8, usize, u8)>(), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_oracle(
        rows in prop::collection::vec(any_row(), 1..5),
        nth in 1..9usize,
    ) {
        let texts = rows.into_iter().map(|row| {
            let mut text = String::new();
            spaced(&Value::Object(row), nth, &mut text);
            text.into_bytes()
        });
        assert_same_rows(&decoder(Format::Json, &NAMES, 1), &texts.collect::<Vec<_>>());
    }

    #[test]
    fn what_the_oracle_refuses_is_refused(
        row in any_row(),
        nth in 1..9usize,
        mutations in prop::collection::vec(any_mutations(), 1..20),
    ) {
        let mut valid = String::new();
        spaced(&Value::Object(row), nth, &mut valid);
        let texts = mutations.iter().map(|mutation| {
            let mut text = valid.clone().into_bytes();
            mutate(&mut text, mutation);
            text
        });
        assert_same_rows(&decoder(Format::Json, &NAMES, 1), &texts.collect::<Vec<_>>());
    }

    #[test]
    fn values_of_any_kind_are_told_from_objects(value in any_value()) {
        let mut text = String::new();
        spaced(&value, 3, &mut text);
        assert_same_rows(&decoder(Format::Json, &NAMES, 1), &[text.into_bytes()]);
    }

    #[test]
    fn random_bytes_are_rejected_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        for format in [Format::HuiliuJson, Format::DebeziumJson, Format::Json] {
            let records = values([&bytes[..]]);
            assert_balanced(&decoder(format, &NAMES, 1).decode(&records), &records);
        }
    }

    #[test]
    fn mutated_envelopes_never_panic_and_never_touch_their_neighbours(
        which in 0..VALID.len(),
        mutations in any_mutations(),
    ) {
        let (format, valid) = VALID[which];
        let mut text = valid.as_bytes().to_vec();
        mutate(&mut text, &mutations);
        let decoder = decoder(format, &["account_no", "meter_no", "name"], 2);
        let alone = values([valid.as_bytes()]);
        let alone = transcript(&decoder.decode(&alone), &alone);

        let three = records([
            (&b"A|1"[..], Some(valid.as_bytes())),
            (b"A|1", Some(&text)),
            (b"A|1", Some(valid.as_bytes())),
        ]);
        let changes = decoder.decode(&three);
        assert_balanced(&changes, &three);
        let lines = transcript(&changes, &three);
        let of = |record: &str| -> Vec<String> {
            let own = lines.iter().filter(|line| line.starts_with(record));
            own.map(|line| format!("0{}", &line[1..])).collect()
        };
        prop_assert_eq!(&of("0"), &alone);
        prop_assert_eq!(&of("2"), &alone);
    }
}

const VALID: [(Format, &str); 4] = [
    (
        Format::HuiliuJson,
        concat!(
            r#"{"v":1,"ds":"water_account","op":"u","seq":12,"#,
            r#""event_time":"2020-04-07T08:30:00+08:00","src":{"dept":"1"},"#,
            r#""before":{"account_no":"B\n"},"#,
            r#""after":{"account_no":"A","meter_no":1.5e3,"name":"重\ud83c\udfd9"}}"#
        ),
    ),
    (
        Format::HuiliuJson,
        concat!(
            r#"{"v":1,"ds":"water_account","op":"d","seq":12,"#,
            r#""before":{"account_no":"\u0041","meter_no":"1"}}"#
        ),
    ),
    (Format::DebeziumJson, include_str!("data/create_with_schema.json")),
    (Format::DebeziumJson, include_str!("data/update_with_before.json")),
];

#[test]
fn every_prefix_of_a_valid_record_is_truncated() {
    for (format, valid) in VALID {
        let valid = valid.trim_end();
        let decoder = decoder(format, &["account_no", "meter_no", "name"], 2);
        let prefixes = values((1..valid.len()).map(|end| &valid.as_bytes()[..end]));
        let changes = decoder.decode(&prefixes);
        assert_balanced(&changes, &prefixes);
        assert_eq!(changes.rejects.len(), valid.len() - 1);
        for (length, reject) in (1..).zip(&changes.rejects) {
            assert_eq!((reject.reason, reject.at), (Reason::Truncated, Some(length)));
        }
    }
}

#[test]
fn the_nesting_limit_is_that_of_the_oracle_at_its_depth() {
    // serde_json allows 127 levels.
    let limits = Limits { nesting: 127, ..Limits::default() };
    let decoder = Decoder::new(&contract(Format::Json, &["a"], 1), limits);
    for levels in [126, 127] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let records = values([text.as_bytes()]);
        let accepted = decoder.decode(&records).rejects.is_empty();
        assert_eq!(accepted, serde_json::from_str::<Value>(&text).is_ok(), "{levels}");
        assert_eq!(accepted, levels == 126);
    }
}
