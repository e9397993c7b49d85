//! Rendering for people: expected texts are written by hand.

use super::super::report::{
    BuildLine, ColumnLine, ExpressionLine, KafkaLine, RejectLine, SequenceLine, WrittenLine,
};
use super::*;
use crate::cli::{ColorChoice, Global};
use crate::console::Console;
use serde_json::json;

fn console() -> Console {
    Console::new(&Global { color: ColorChoice::Never, ..Global::default() })
}

fn bill(offset: i64, topic: &str) -> RowLine {
    let Value::Object(values) = json!({"account_no": "A1", "bill_month": "2020-05-01"}) else {
        panic!("an object")
    };
    RowLine {
        values,
        kafka: Some(KafkaLine {
            kafka_topic: Some(topic.to_owned()),
            partition: 2,
            offset,
            timestamp: json!("2020-06-01T00:00:00Z"),
            changes_version: Some(7),
        }),
        sequence: Some(SequenceLine { epoch: 0, seq: 40 + offset, rank: 1, ordinal: 0 }),
        ..RowLine::default()
    }
}

fn input(shown: Vec<RowLine>, rows: u64) -> InputLine {
    InputLine {
        name: "water_bill".into(),
        kind: "dataset",
        title: "账单".into(),
        reach: "via",
        matched_on: vec!["account_no".into()],
        narrowed: [("bill_month".to_owned(), "month".to_owned())].into(),
        version: Some(9),
        whole: false,
        rows,
        shown,
        rejects: None,
        heads: vec!["account_no".into(), "bill_month".into()],
    }
}

fn report(inputs: Vec<InputLine>) -> Report {
    Report {
        table: "s.t".into(),
        title: "表".into(),
        grain: "one row per a".into(),
        key: [("a".to_owned(), "1".to_owned())].into(),
        found: true,
        row: Some(json!({"a": "1", "n": null})),
        identity: Some(json!({"a": "1"})),
        as_of: Some("2020-06-30".into()),
        build: BuildLine {
            version: 3,
            committed_at: Some("2020-07-01T00:00:00Z".into()),
            parameters: [("as_of".to_owned(), "2020-06-30".to_owned())].into(),
            query_xxh3: "00ff".into(),
            query_is_in_force: true,
            inputs: [("water_bill".to_owned(), 9)].into(),
            checks: Vec::new(),
        },
        written: None,
        not_as_read: None,
        rebuilt: Some("equal"),
        differing: Vec::new(),
        column: None,
        inputs,
        columns: vec![("a".into(), "甲".into()), ("n".into(), "数 (1)".into())],
        console: console(),
    }
}

fn printed(report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    print(report, &mut out).expect("memory takes it");
    let text = String::from_utf8(out).expect("text");
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn a_row_its_commit_and_its_inputs_stand_below_each_other() {
    let mut row = bill(1, "feed.water.bill");
    row.cells.push(CellLine {
        column: "amount".into(),
        flags: vec!["UNIT".into()],
        rules: vec!["at_least: 0".into()],
        delivered: Some(json!("8元")),
        stored: json!("8.00"),
        carried_from: None,
    });
    let lines = printed(&report(vec![input(vec![row], 3)]));
    let expected = [
        "s.t  表",
        "a=1",
        "",
        "column  value  title",
        "──────  ─────  ──────",
        "a       1      甲",
        "n       ∅      数 (1)",
        "",
        "commit     version 3 of 2020-07-01T00:00:00Z, query 00ff (in force)",
        "parameters as_of 2020-06-30",
        "tried      a build from the rows below gives this row",
        "",
        "water_bill  账单: dataset via, found by account_no, bill_month is month, version 9, 3 rows",
        "record               sequence  sent                  account_no  bill_month",
        "───────────────────  ────────  ────────────────────  ──────────  ──────────",
        "feed.water.bill/2:1        41  2020-06-01T00:00:00Z  A1          2020-05-01",
        "  … and 2 rows more; --limit shows them",
        "  feed.water.bill/2:1 amount: delivered as `8元`, stored as `8.00`; UNIT; by at_least: 0",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn files_are_named_by_the_beginning_of_their_digest() {
    let row = bill(5, "file/0123456789abcdef0123456789abcdef");
    let line = input(vec![row], 1);
    assert_eq!(coordinate(&line.shown[0], &line), "file/01234567…/2:5");
    let mut unknown = bill(5, "x");
    unknown.kafka.as_mut().expect("it has coordinates").kafka_topic = None;
    assert_eq!(coordinate(&unknown, &line), "?/2:5");
}

#[test]
fn what_is_wrong_is_said_and_where_it_was_written() {
    let mut report = report(Vec::new());
    report.build.query_is_in_force = false;
    report.written = Some(WrittenLine {
        version: 2,
        committed_at: "2020-06-30T00:00:00Z".into(),
        query_xxh3: None,
        inputs: Default::default(),
    });
    report.not_as_read = Some("`water_bill` can no longer be read at 4".into());
    report.rebuilt = Some("differs");
    report.differing = vec!["n".into()];
    report.column = Some(ColumnLine {
        name: "n".into(),
        title: "数".into(),
        grade: "L1",
        expressions: vec![ExpressionLine {
            place: "view v".into(),
            column: "n".into(),
            sql: "count(*)".into(),
        }],
        sources: Vec::new(),
    });
    let lines = printed(&report);
    let expected = [
        "commit     version 3 of 2020-07-01T00:00:00Z, query 00ff (declared otherwise now)",
        "parameters as_of 2020-06-30",
        "written    by version 2 of 2020-06-30T00:00:00Z; nothing of it moved since",
        "inputs     as they are now: `water_bill` can no longer be read at 4",
        "tried      a build from the rows below gives other values of n",
        "",
        "n  数, grade L1",
        "  view v: n = count(*)",
        "no column of an input is in its value; all inputs are shown",
    ];
    assert_eq!(lines[8..], expected);
}

#[test]
fn rejects_of_the_key_and_unreadable_ones_are_told() {
    let mut line = input(Vec::new(), 0);
    line.rejects = Some(RejectsLine {
        matched_on: vec!["account_no".into()],
        looked_through: 4,
        unreadable: 1,
        more: false,
        count: 1,
        shown: vec![RejectLine {
            coordinate: "0:7".into(),
            kafka_topic: "feed.water.bill".into(),
            partition: 0,
            offset: 7,
            timestamp: "2020-06-01T00:00:00Z".into(),
            state: "open",
            reason: "TYPE".into(),
            reason_zh: "类型不符",
            field: Some("amount".into()),
            rule: None,
        }],
    });
    let lines = printed(&report(vec![line]));
    let expected = [
        "  1 record rejected with the same account_no:",
        "record  state  sent                  reason  field",
        "──────  ─────  ────────────────────  ──────  ──────",
        "0:7     open   2020-06-01T00:00:00Z  TYPE    amount",
        "  of 4 rejects 1 could not be read",
    ];
    assert_eq!(lines[13..], expected);
}
