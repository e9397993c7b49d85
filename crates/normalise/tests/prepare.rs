//! One chunk from changes to rows, rejects and their account.

mod made;

use huiliu_model::contract::{NamedRule, OnFail, Rule};
use huiliu_model::{Column, Contract, DataType, ErrorKind, Finding, Op, Protect, Reason, Score};
use huiliu_model::{Stage, Tally};
use huiliu_normalise::{Normaliser, Protection};
use made::Given::{Missing, Null, Number, Text, Unavailable};
use made::{Chunk, EVENT_US, INGEST_US, binary, column, contract, normaliser, ruled, shown};
use std::sync::Arc;

const PERSON: &str = "11010519491231002X";

/// id (key), name, sex and born as the id says, level (reject), from and to.
fn people() -> Contract {
    let name = Column {
        required: true,
        ..ruled("name", DataType::String, vec![Rule::Named(NamedRule::PersonName)])
    };
    let level = Column {
        on_fail: OnFail::Reject,
        ..ruled("level", DataType::Integer, vec![Rule::AtMost(9.0)])
    };
    let id = Column {
        required: true,
        ..ruled("id", DataType::String, vec![Rule::Named(NamedRule::ResidentId)])
    };
    contract(
        vec![
            id,
            name,
            ruled("sex", DataType::String, vec![Rule::SexOf { column: 0 }]),
            ruled("born", DataType::Date, vec![Rule::BirthDateOf { column: 0 }]),
            level,
            column("valid_from", DataType::Date),
            ruled("valid_to", DataType::Date, vec![Rule::NotBefore { column: 5 }]),
        ],
        vec![0],
    )
}

fn plain() -> Normaliser {
    normaliser(people(), Protection::Plain)
}

#[test]
fn a_clean_row_has_its_values_and_system_columns() {
    let mut chunk = Chunk::new(7);
    let born = Text("1949-12-31");
    chunk.row(Op::Read, &[Text(PERSON), Text("张三"), Text("2"), born, Number("3"), Null, Missing]);
    let prepared = chunk.prepare(&plain());
    let rows = prepared.rows.expect("accepted");
    assert_eq!(rows.schema(), plain().changes_schema());
    for (name, value) in [
        ("id", PERSON),
        ("name", "张三"),
        ("sex", "2"),
        ("born", "1949-12-31"),
        ("level", "3"),
        ("valid_from", "-"),
        ("sys_op", "r"),
        ("sys_epoch", "1"),
        ("sys_seq", "1000"),
        ("sys_rank", "0"),
        ("sys_offset", "100"),
        ("sys_partition", "2"),
        ("sys_kafka_topic", "pool.test"),
        ("sys_ordinal", "0"),
        ("sys_event_time", "2020-04-07T00:30:00.000000Z"),
        ("sys_kafka_time", "2020-04-07T00:31:00.000000Z"),
        ("sys_ingest_time", "2020-04-07T00:32:00.000000Z"),
        ("sys_flags", "-"),
    ] {
        assert_eq!(shown(&rows, name), [value], "{name}");
    }
    let bucket = huiliu_normalise::bucket_of_texts(&[PERSON], 16);
    assert_eq!(shown(&rows, "sys_bucket"), [bucket.to_string()]);
    assert_eq!(prepared.tally, Tally { accepted: 1, ..Tally::default() });
    assert!(prepared.rejects.is_none());
    assert_eq!(prepared.quality.findings(), []);
    let passed = Score { checked: 1, passed_raw: 1, passed: 1 };
    let empty = Score::default();
    assert_eq!(
        prepared.quality.cells(),
        [passed, passed, passed, passed, passed, empty, empty],
        "optional nulls are not checked"
    );
    assert_eq!(prepared.newest_record_ms, made::KAFKA_MS);
    assert_eq!(prepared.oldest_event_us, Some(EVENT_US));
}

#[test]
fn fixed_warned_nulled_and_rejected_cells_are_told_apart() {
    let mut chunk = Chunk::new(7);
    // Fixed: lower-case x. The id says female, 1949-12-31: both columns are put right.
    let fixed = [Text("11010519491231002x"), Text("张三"), Text("1"), Text("1950-01-01")];
    chunk.row(Op::Create, &[&fixed[..], &[Null, Null, Null]].concat());
    // Name missing; the dates are reversed; not sent.
    let nulled = [Text(PERSON), Text("NULL"), Unavailable, Text("昨天"), Null];
    chunk.row(Op::Update, &[&nulled[..], &[Text("2020-02-01"), Text("2020-01-31")]].concat());
    // The key fails its check character.
    let bad_key = [Text("110105194912310021"), Text("李四"), Null, Null, Null, Null, Null];
    chunk.row(Op::Create, &bad_key);
    // A rule that rejects.
    let level = [Text(PERSON), Text("李四"), Null, Null, Number("10"), Null, Null];
    chunk.row(Op::Create, &level);
    // No key at all.
    chunk.row(Op::Create, &[Missing, Text("王五"), Null, Null, Null, Null, Null]);
    let prepared = chunk.prepare(&plain());

    let rows = prepared.rows.expect("two rows");
    assert_eq!(shown(&rows, "id"), [PERSON, PERSON]);
    assert_eq!(shown(&rows, "name"), ["张三", "-"]);
    assert_eq!(shown(&rows, "sex"), ["2", "-"]);
    assert_eq!(shown(&rows, "born"), ["1949-12-31", "-"]);
    assert_eq!(shown(&rows, "valid_to"), ["-", "2020-01-31"]);
    let flags = shown(&rows, "sys_flags");
    assert_eq!(flags[0], "sex:MISMATCH,born:MISMATCH");
    let parts: Vec<&str> = flags[1].split(',').collect();
    assert_eq!(parts[..2], ["name:REQUIRED", "sex:UNAVAILABLE"]);
    assert!(parts[2].starts_with("born:"), "{flags:?}");
    assert_eq!(parts[3..], ["valid_to:DATE_ORDER"]);

    let rejects = prepared.rejects.expect("three records");
    assert_eq!(shown(&rejects, "sys_offset"), ["102", "103", "104"]);
    assert_eq!(shown(&rejects, "stage"), ["judge", "judge", "judge"]);
    assert_eq!(shown(&rejects, "reason"), ["CHECKSUM", "RANGE", "KEY_MISSING"]);
    assert_eq!(shown(&rejects, "field"), ["id", "level", "id"]);
    assert_eq!(shown(&rejects, "rule"), ["resident_id", "at_most", "required"]);
    // By room, then in the order of the reasons' declaration.
    let reasons = [Reason::Checksum, Reason::Range, Reason::KeyMissing];
    assert_eq!(prepared.reject_counts, reasons.map(|reason| (Stage::Judge, reason, 1)));
    assert_eq!(prepared.tally, Tally { accepted: 2, rejected: 3, ..Tally::default() });
    let found = |column, label| Finding { column, label, count: 1 };
    for expected in [found(0, "CHECKSUM"), found(1, "REQUIRED"), found(4, "RANGE")] {
        assert!(prepared.quality.findings().contains(&expected), "{expected:?}");
    }
    // Five keys were checked: one fixed, two good, two unusable.
    let key = Score { checked: 5, passed_raw: 2, passed: 3 };
    assert_eq!(prepared.quality.cells()[0], key);
    // A name that is a null token where one is required passes in no figure.
    assert_eq!(prepared.quality.cells()[1], Score { checked: 5, passed_raw: 4, passed: 4 });
    // Sex: one that had to be replaced, one not sent, three null.
    assert_eq!(prepared.quality.cells()[2], Score { checked: 1, passed_raw: 0, passed: 1 });
}

#[test]
fn a_change_of_key_stays_or_goes_as_a_whole() {
    let image = |id| [Text(id), Text("张三"), Null, Null, Null, Null, Null];
    let mut chunk = Chunk::new(7);
    let (old, new) = (image(PERSON), image("50010319900101123X"));
    let wrong = image("110105194912310021");
    let other = image("500103199803159829");
    chunk.rows(&[(Op::Delete, &old), (Op::Create, &other)]);
    chunk.rows(&[(Op::Delete, &old), (Op::Create, &wrong)]);
    chunk.rows(&[(Op::Delete, &wrong), (Op::Create, &new)]);
    let prepared = chunk.prepare(&plain());
    let rows = prepared.rows.expect("the first record");
    assert_eq!(shown(&rows, "sys_op"), ["d", "c"]);
    assert_eq!(shown(&rows, "sys_ordinal"), ["0", "1"]);
    assert_eq!(shown(&rows, "sys_offset"), ["100", "100"]);
    let rejects = prepared.rejects.expect("the others");
    assert_eq!(shown(&rejects, "sys_offset"), ["101", "102"]);
    assert_eq!(prepared.tally, Tally { accepted: 1, rejected: 2, ..Tally::default() });
}

#[test]
fn a_key_that_changed_only_in_its_writing_is_no_delete() {
    let image = |id| [Text(id), Text("张三"), Null, Null, Null, Null, Null];
    let (old, again) = (image(PERSON), image("11010519491231002x"));
    let mut chunk = Chunk::new(7);
    chunk.rows(&[(Op::Delete, &old), (Op::Create, &again)]);
    let prepared = chunk.prepare(&plain());
    let rows = prepared.rows.expect("one row");
    assert_eq!(shown(&rows, "sys_op"), ["c"]);
    assert_eq!(shown(&rows, "id"), [PERSON]);
    assert_eq!(prepared.tally, Tally { accepted: 1, ..Tally::default() });
}

#[test]
fn only_the_key_of_a_delete_is_judged() {
    let mut chunk = Chunk::new(7);
    let image = [Text(PERSON), Null, Text("1"), Text("昨天"), Number("10")];
    chunk.row(Op::Delete, &[&image[..], &[Text("2020-02-01"), Text("2020-01-31")]].concat());
    chunk.row(Op::Delete, &[Null, Text("张三"), Null, Null, Null, Null, Null]);
    let prepared = chunk.prepare(&plain());
    let rows = prepared.rows.expect("the first");
    assert_eq!(shown(&rows, "sys_flags"), ["-"]);
    assert_eq!(shown(&rows, "sex"), ["1"]);
    assert_eq!(shown(&rows, "born"), ["-"]);
    assert_eq!(shown(&rows, "valid_to"), ["2020-01-31"]);
    assert_eq!(shown(&prepared.rejects.expect("the second"), "reason"), ["KEY_MISSING"]);
    assert_eq!(prepared.quality.cells()[1], Score::default());
}

#[test]
fn every_offset_is_accounted_for() {
    let mut chunk = Chunk::new(7);
    let row = [Text(PERSON), Text("张三"), Null, Null, Null, Null, Null];
    chunk.row(Op::Create, &row);
    chunk.tombstone();
    chunk.rejected(b"{\"v\":1,", Reason::Truncated);
    chunk.control();
    chunk.gap(3);
    let prepared = chunk.prepare(&plain());
    let expected = Tally { accepted: 1, rejected: 1, tombstones: 1, control: 1, gaps: 3 };
    assert_eq!(prepared.tally, expected);
    assert_eq!(prepared.tally.offsets(), chunk.records.covers.offset_count());
}

#[test]
fn an_empty_chunk_yields_nothing() {
    let mut chunk = Chunk::new(7);
    chunk.gap(2);
    let prepared = chunk.prepare(&plain());
    assert!(prepared.rows.is_none() && prepared.rejects.is_none());
    assert_eq!(prepared.tally, Tally { gaps: 2, ..Tally::default() });
    assert_eq!((prepared.newest_record_ms, prepared.oldest_event_us), (0, None));
}

#[test]
fn event_times_that_cannot_be_are_rejected() {
    let row = [Text(PERSON), Text("张三"), Null, Null, Null, Null, Null];
    // (event time, accepted): 1970-01-01; an hour ahead; a microsecond more; not given.
    for (event_time_us, accepted) in [
        (Some(3_600_000_000), 0),
        (Some(INGEST_US + 3_600_000_000), 1),
        (Some(INGEST_US + 3_600_000_001), 0),
        (Some(i64::MAX), 0),
        (None, 1),
    ] {
        let mut chunk = Chunk::new(7);
        chunk.row(Op::Create, &row);
        chunk.changes.rows[0].event_time_us = event_time_us;
        let prepared = chunk.prepare(&plain());
        assert_eq!(prepared.tally.accepted, accepted, "{event_time_us:?}");
        if let Some(rejects) = prepared.rejects {
            assert_eq!(shown(&rejects, "reason"), ["RANGE"]);
            assert_eq!(shown(&rejects, "field"), ["-"]);
            assert_eq!(shown(&rejects, "rule"), ["event_time"]);
        }
    }
}

#[test]
fn rejects_keep_coordinates_digest_and_bytes() {
    let raw = b"{\"v\":1,\"ds\":";
    let mut chunk = Chunk::new(7);
    chunk.rejected(raw, Reason::Truncated);
    chunk.rejected(b"abc", Reason::NotJson);
    let rejects = chunk.prepare(&plain()).rejects.expect("two");
    assert_eq!(rejects.schema(), plain().quarantine_schema());
    for (name, value) in [
        ("kafka_topic", ["pool.test", "pool.test"]),
        ("sys_partition", ["2", "2"]),
        ("sys_offset", ["100", "101"]),
        ("stage", ["decode", "decode"]),
        ("reason", ["TRUNCATED", "NOT_JSON"]),
        ("field", ["-", "-"]),
        ("rule", ["-", "-"]),
        ("at_byte", ["7", "7"]),
        ("raw_bytes", ["12", "3"]),
        ("raw_key_id", ["-", "-"]),
    ] {
        assert_eq!(shown(&rejects, name), value, "{name}");
    }
    // The bytes themselves say their digest.
    assert_eq!(shown(&rejects, "raw_sm3"), ["-", "-"]);
    assert_eq!(binary(&rejects, "raw", 0), Some(&raw[..]));
    let contract = Arc::new(people());
    let keyless = Normaliser::new(contract, Arc::new(Protection::Keyless)).expect("it needs none");
    let rejects = chunk.prepare(&keyless).rejects.expect("two");
    // SM3 of "abc" from GB/T 32905-2016.
    let digest = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
    assert_eq!(shown(&rejects, "raw_sm3")[1], digest);
    assert_eq!(binary(&rejects, "raw", 1), None);
}

#[test]
fn raw_bytes_above_the_bound_are_not_kept() {
    let mut chunk = Chunk::new(7);
    chunk.rejected(b"abc", Reason::NotJson);
    chunk.rejected(&vec![b'x'; (8 << 20) + 1], Reason::TooLarge);
    let rejects = chunk.prepare(&plain()).rejects.expect("two");
    assert_eq!(shown(&rejects, "raw_bytes"), ["3", "8388609"]);
    assert_eq!(binary(&rejects, "raw", 1), None);
    // `head -c 8388609 /dev/zero | tr '\0' x | openssl dgst -sm3`
    let digest = "e6f1b6b4623d6ea5b0eeaeda02469936cde97f464b9c609ac615f7849d068322";
    assert_eq!(shown(&rejects, "raw_sm3"), ["-", digest]);
}

#[test]
fn contracts_that_cannot_work_are_refused() {
    let refused = |change: &dyn Fn(&mut Contract), protection: Protection| {
        let mut contract = people();
        change(&mut contract);
        let error = Normaliser::new(Arc::new(contract), Arc::new(protection)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        error.message
    };
    let needs_key = |contract: &mut Contract| contract.columns[1].protect = Protect::Encrypt;
    assert_eq!(
        refused(&needs_key, Protection::Keyless),
        "dataset test_set column name is to be protected by a key, but no keys are given"
    );
    let dropped_key = |contract: &mut Contract| contract.columns[0].protect = Protect::Drop;
    assert_eq!(
        refused(&dropped_key, Protection::Keyless),
        "dataset test_set column id is part of the key and can only be kept or a token"
    );
    let bounds = |contract: &mut Contract| contract.columns[1].rules = vec![Rule::AtLeast(1.0)];
    assert_eq!(
        refused(&bounds, Protection::Plain),
        "dataset test_set column name: bounds need a number"
    );
    let list =
        |contract: &mut Contract| contract.columns[1].rules = vec![Rule::CodeList("no".into())];
    assert_eq!(
        refused(&list, Protection::Plain),
        "dataset test_set column name: code list no is not known"
    );
    let none = |contract: &mut Contract| contract.buckets = 0;
    assert_eq!(refused(&none, Protection::Plain), "dataset test_set has 0 buckets");
}
