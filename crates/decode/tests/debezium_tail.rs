//! What stands behind the row images is compared with the record before: whatever that was, a
//! record is read as it is alone.

mod support;

use huiliu_model::contract::Format;
use proptest::prelude::*;
use support::{decoder, transcript, values};

const COLUMNS: [&str; 2] = ["id", "n"];
const RECORD: &str = concat!(
    r#"{"before":null,"after":{"id":"a","n":1},"source":{"version":"3.0.8","ts_ms":1586219400123,"#,
    r#""sequence":"[\"34468048\",\"34468104\"]","ts_us":1586219400123459,"txId":790,"#,
    r#""lsn":34468104,"xmin":null},"transaction":null,"op":"u","ts_ms":1586219400535}"#
);
const BARE: &str =
    r#"{"after":{"id":"a"},"op":"c","ts_ms":1586219400535,"source":{"lsn":34468104}}"#;

fn lines(records: &[String]) -> Vec<String> {
    let records = values(records.iter().map(String::as_bytes));
    let mut lines =
        transcript(&decoder(Format::DebeziumJson, &COLUMNS, 1).decode(&records), &records);
    // The number of the record is the only thing that its place may change.
    let index = records.entries.len() - 1;
    let last = |line: &String| {
        let rest = line.strip_prefix(&index.to_string())?;
        rest.starts_with(['.', ' ']).then(|| rest.to_owned())
    };
    lines = lines.iter().filter_map(last).collect();
    lines
}

/// Records that are nearly alike.
fn any_record() -> impl Strategy<Value = String> {
    let change = (0..300_usize, prop::sample::select(&br#"0123456789abu"\\:,{}[]. -"#[..]));
    let changes = prop_oneof![
        4 => prop::collection::vec((0..300_usize, b'0'..=b'9'), 0..8),
        1 => prop::collection::vec(change, 0..3),
    ];
    let wraps = prop::sample::select(vec!["", r#"{"schema":null,"payload":"#]);
    (prop::sample::select(vec![RECORD, BARE]), changes, wraps).prop_map(|(text, changes, wrap)| {
        let mut bytes = text.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place % bytes.len();
            // Digits take the place of digits, anything else that of anything.
            if bytes[place].is_ascii_digit() || !byte.is_ascii_digit() {
                bytes[place] = byte;
            }
        }
        let text = String::from_utf8(bytes).expect("ASCII");
        format!("{wrap}{text}{}", if wrap.is_empty() { "" } else { "}" })
    })
}

#[test]
fn positions_and_times_are_those_of_the_record_itself() {
    let second = RECORD.replace("34468104,\"xmin", "34468999,\"xmin");
    let second = second.replace("1586219400123459", "1586219400999999");
    let expected = [".0 u 34468999 1586219400999999: 'a' #1"];
    assert_eq!(lines(&[RECORD.to_owned(), second]), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
    #[test]
    fn a_record_is_read_as_it_is_alone(
        before in prop::collection::vec(any_record(), 1..4),
        last in any_record(),
    ) {
        let alone = lines(&[last.clone()]);
        let records: Vec<String> = before.into_iter().chain([last]).collect();
        prop_assert_eq!(lines(&records), alone, "{:?}", records);
    }
}
