//! What a chunk says of its cells and rows, by department, against counts made by hand.

mod made;

use huiliu_model::contract::{NamedRule, Rule};
use huiliu_model::{Column, Contract, DataType, Finding, Op, Protect, Score};
use huiliu_normalise::Protection;
use made::Given::{Missing, Null, Text};
use made::{Chunk, binary, column, contract, normaliser, ruled, shown};

const PERSON: &str = "11010519491231002X";

/// no (key), id, sex as the id says, note (required).
fn people() -> Contract {
    let id = ruled("id", DataType::String, vec![Rule::Named(NamedRule::ResidentId)]);
    let sex = ruled(
        "sex",
        DataType::String,
        vec![Rule::CodeList("sex".into()), Rule::SexOf { column: 1 }],
    );
    let note = Column { required: true, ..column("note", DataType::String) };
    contract(vec![column("no", DataType::String), id, sex, note], vec![0])
}

fn score(checked: u64, passed_raw: u64, passed: u64) -> Score {
    Score { checked, passed_raw, passed }
}

/// Two departments: of A a clean row, a repaired one and one that lacks its note; of B one with a
/// wrong id, one whose sex the id corrects, one without a key.
fn two_departments() -> Chunk {
    let mut chunk = Chunk::new(4);
    chunk.department("A");
    chunk.row(Op::Create, &[Text("1"), Text(PERSON), Text("2"), Text("n")]);
    chunk.row(Op::Create, &[Text("2"), Text("11010519491231002x"), Text("女"), Text(" n  m ")]);
    chunk.row(Op::Create, &[Text("3"), Null, Missing, Null]);
    chunk.department("B");
    chunk.row(Op::Create, &[Text("4"), Text("110105194912310021"), Null, Text("n")]);
    chunk.row(Op::Create, &[Text("5"), Text(PERSON), Text("1"), Text("n")]);
    chunk.row(Op::Create, &[Null, Text(PERSON), Text("2"), Text("n")]);
    chunk.rejected(b"{", huiliu_model::Reason::Truncated);
    chunk
}

#[test]
fn cells_and_rows_are_counted_by_department() {
    let prepared = two_departments().prepare(&normaliser(people(), Protection::Plain));
    let quality = &prepared.quality.0;
    let names: Vec<&str> = quality.iter().map(|held| held.department.as_str()).collect();
    assert_eq!(names, ["", "A", "B"]);
    // The undecodable record names no department.
    assert_eq!(quality[0].rows, score(1, 0, 0));
    let [a, b] = [&quality[1], &quality[2]];
    assert_eq!(a.rows, score(3, 1, 2));
    assert_eq!(a.cells, [score(3, 3, 3), score(2, 1, 2), score(2, 1, 2), score(3, 1, 2)]);
    assert_eq!(a.findings, [Finding { column: 3, label: "REQUIRED", count: 1 }]);
    assert_eq!(b.rows, score(3, 0, 1));
    assert_eq!(b.cells, [score(3, 2, 2), score(3, 2, 2), score(2, 1, 2), score(3, 3, 3)]);
    let found = |column, label| Finding { column, label, count: 1 };
    assert_eq!(b.findings, [found(0, "KEY_MISSING"), found(1, "CHECKSUM"), found(2, "MISMATCH")]);
    assert_eq!(prepared.quality.rows(), score(7, 1, 3));
}

#[test]
fn delivered_texts_stay_beside_what_was_made_of_them() {
    let prepared = two_departments().prepare(&normaliser(people(), Protection::Plain));
    let rows = prepared.rows.expect("five rows are accepted");
    assert_eq!(shown(&rows, "sys_department"), ["A", "A", "A", "B", "B"]);
    assert_eq!(
        shown(&rows, "sys_raw"),
        [
            "-",
            r#"{"id":"11010519491231002x","sex":"女","note":" n  m "}"#,
            "-",
            r#"{"id":"110105194912310021"}"#,
            r#"{"sex":"1"}"#,
        ]
    );
    let rejects = prepared.rejects.expect("two records are rejected");
    assert_eq!(shown(&rejects, "sys_department"), ["B", "-"]);
}

#[test]
fn delivered_texts_are_sealed_where_a_lake_protects() {
    let mut contract = people();
    contract.columns[1].protect = Protect::Token { kind: "id".into(), keep_uscc: false };
    let chunk = two_departments();
    let sealed = chunk.prepare(&normaliser(contract, Protection::Keys(made::keys())));
    let rows = sealed.rows.expect("rows");
    assert_eq!(binary(&rows, "sys_raw_enc", 0), None);
    let cell = binary(&rows, "sys_raw_enc", 1).expect("a repaired row keeps its texts");
    let crypto = huiliu_normalise::Crypto::new(&made::keys());
    let opened = crypto.open("test_set", "sys_raw", cell).expect("it opens under its key");
    let text = r#"{"id":"11010519491231002x","sex":"女","note":" n  m "}"#;
    assert_eq!(opened, text.as_bytes());
    assert!(!made::holds(&made::bytes_of(&rows), b"11010519491231002x"));

    let keyless = chunk.prepare(&normaliser(people(), Protection::Keyless));
    assert_eq!(binary(&keyless.rows.expect("rows"), "sys_raw_enc", 1), None);
}

#[test]
fn days_of_delivery_are_those_of_shanghai() {
    let mut chunk = two_departments();
    // 2020-04-07 15:59 UTC is the last minute of that day in Shanghai; a minute later is the 8th.
    chunk.records.entries[0].timestamp_ms = 1_586_275_140_000;
    chunk.records.entries[1].timestamp_ms = 1_586_275_200_000;
    let prepared = chunk.prepare(&normaliser(people(), Protection::Plain));
    let found: Vec<(i32, &str, u64)> =
        prepared.quality.0.iter().map(|q| (q.day, q.department.as_str(), q.rows.checked)).collect();
    let (seventh, eighth) = (made::EVENT_DAY, made::EVENT_DAY + 1);
    assert_eq!(found, [(seventh, "", 1), (seventh, "A", 2), (seventh, "B", 3), (eighth, "A", 1)]);
}

/// Two rows, the second with two strange fields, one of them twice.
fn with_strangers() -> made::Chunk {
    let mut chunk = made::Chunk::new(1);
    chunk.row(Op::Create, &[Text("1")]);
    chunk.row(Op::Create, &[Text("2")]);
    for text in [r#""tel":"13812345678""#, r#""x": 1"#, r#""x": 2"#] {
        let start = chunk.records.store(text.as_bytes()).start;
        let name_len = text.find(':').expect("a field") as u32;
        let extra = huiliu_model::Extra {
            row: 1,
            start,
            len: text.len() as u32,
            name_len,
            in_scratch: false,
        };
        chunk.changes.extras.push(extra);
    }
    chunk
}

#[test]
fn strange_fields_lie_beside_their_row_and_are_sealed_where_a_lake_protects() {
    let contract = || made::contract(vec![made::column("id", DataType::String)], vec![0]);
    let chunk = with_strangers();
    let text = r#"{"tel":"13812345678","x": 2}"#;
    let plain = chunk.prepare(&normaliser(contract(), Protection::Plain)).rows.expect("rows");
    assert_eq!(shown(&plain, "sys_extra"), ["-", text]);

    let keyed = chunk.prepare(&normaliser(contract(), Protection::Keys(made::keys())));
    let rows = keyed.rows.expect("rows");
    assert_eq!(binary(&rows, "sys_extra_enc", 0), None);
    let cell = binary(&rows, "sys_extra_enc", 1).expect("it is kept");
    let crypto = huiliu_normalise::Crypto::new(&made::keys());
    let opened = crypto.open("test_set", "sys_extra", cell).expect("it opens under its key");
    assert_eq!(opened, text.as_bytes());
    assert!(!made::holds(&made::bytes_of(&rows), b"13812345678"));

    let keyless = chunk.prepare(&normaliser(contract(), Protection::Keyless));
    assert_eq!(binary(&keyless.rows.expect("rows"), "sys_extra_enc", 1), None);
}
