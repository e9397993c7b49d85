//! What a real Debezium wrote, from bytes to rows, against what the database held.
//!
//! The records and the rows of the database are in `crates/decode/tests/data/debezium`; the
//! expectations are the database's own words, brought to this project's form by the few functions
//! of `golden/expect.rs`. Where the two differ on purpose (a placeholder, an open end, a year that
//! no reader has), the case says so.

#[path = "golden/expect.rs"]
mod expect;
#[path = "golden/record.rs"]
mod record;

use expect::{decimal, flag, instant, local, money, number, same, without_ends};
use record::{Row, contract, fold, rows, state};
use std::collections::BTreeMap;

type Expect = fn(&str) -> Option<String>;

const RESIDENT: &str = r#"
  - {name: id, title: 编号, type: integer, required: true, grade: L1}
  - {name: name, from: 姓名, title: 姓名, type: string, required: true, grade: L1}
  - {name: phone, title: 电话, type: string, grade: L1}
  - {name: note, title: 备注, type: string, grade: L1}
  - {name: amount, title: 金额, type: "decimal(12, 2)", required: true, grade: L1}
  - {name: opened, title: 开户日, type: date, grade: L1}
  - {name: updated_at, title: 更新时间, type: timestamp, required: true, grade: L1}
"#;
const RESIDENT_EXPECT: [(&str, Expect); 7] = [
    ("id", same),
    ("姓名", same),
    ("phone", same),
    ("note", same),
    ("amount", same),
    ("opened", without_ends),
    ("updated_at", instant),
];
const BILL: &str = r#"
  - {name: account_no, title: 户号, type: string, required: true, grade: L1}
  - {name: bill_month, title: 月份, type: date, required: true, grade: L1}
  - {name: amount, title: 金额, type: "decimal(14, 2)", grade: L1}
  - {name: paid, title: 已缴, type: boolean, required: true, grade: L1}
"#;
const BILL_EXPECT: [(&str, Expect); 4] =
    [("account_no", same), ("bill_month", same), ("amount", same), ("paid", flag)];

const MODES: &str = "decimal_handling: precise, time_precision: adaptive";

/// Records of one connector: file, prefix of the kafka_topics, database.
type Recorded = (&'static str, &'static str, &'static str);
const POSTGRES: Recorded = ("postgres-changes", "changes.public", "postgres");
const MARIADB: Recorded = ("mariadb-changes", "mariadb-changes.city", "mariadb");

/// After each step the rows that the records up to its end make are those of the database.
fn check_steps(of: Recorded, table: &str, columns: &str, key: &str, expected: &[(&str, Expect)]) {
    let (file, prefix, database) = of;
    let contract = contract(table, columns, key, MODES);
    let records = rows(file, &format!("{prefix}.{table}"), &contract);
    let mut compared = 0;
    // The first step is the snapshot, which lies behind its own end in the log.
    for (step, end, held) in state(database, table).into_iter().skip(1) {
        if matches!(step.as_str(), "truncate" | "column") {
            break;
        }
        let upto: Vec<Row> = records.iter().filter(|row| row.seq < end).cloned().collect();
        let mut found: Vec<Vec<Option<String>>> = fold(&upto).into_values().collect();
        let mut wanted: Vec<Vec<Option<String>>> = held
            .iter()
            .map(|row| {
                expected.iter().map(|(name, of)| row[*name].as_deref().and_then(of)).collect()
            })
            .collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{table} after {step}");
        compared += 1;
    }
    assert!(compared >= 3, "{table} has steps");
}

#[test]
fn every_step_of_a_table_with_large_values_and_the_default_replica_identity() {
    check_steps(POSTGRES, "resident", RESIDENT, "[id]", &RESIDENT_EXPECT);
}

#[test]
fn every_step_of_a_table_with_the_full_replica_identity() {
    check_steps(POSTGRES, "resident_full", RESIDENT, "[id]", &RESIDENT_EXPECT);
}

#[test]
fn every_step_of_the_tables_of_a_mariadb() {
    let utc: Expect = |text| instant(&format!("{}+00:00", text.replace(' ', "T")));
    let mut expected = RESIDENT_EXPECT;
    expected[6].1 = utc;
    check_steps(MARIADB, "resident", RESIDENT, "[id]", &expected);
    let truth: Expect = |text| Some((text == "1").to_string());
    let mut expected = BILL_EXPECT;
    expected[3].1 = truth;
    check_steps(MARIADB, "bill", BILL, "[account_no, bill_month]", &expected);
}

#[test]
fn the_records_of_a_key_of_two_columns_are_those_of_the_database() {
    let contract = contract("bill", BILL, "[account_no, bill_month]", MODES);
    let records = rows("postgres-changes", "changes.public.bill", &contract);
    let ops: String = records.iter().map(|row| row.op.as_str()).collect();
    // A null in a column with a default is another value in the records: the connector's doing,
    // told beside the files. All else is compared step by step.
    assert!(ops.contains("dc") && ops.starts_with('r'), "{ops}");
    let names: Vec<(&str, Expect)> = BILL_EXPECT.to_vec();
    for (step, end, held) in state("postgres", "bill").into_iter().skip(1) {
        let upto: Vec<Row> = records.iter().filter(|row| row.seq < end).cloned().collect();
        let found: Vec<Vec<Option<String>>> = fold(&upto).into_values().collect();
        let wanted: Vec<Vec<Option<String>>> = held
            .iter()
            .map(|row| names.iter().map(|(name, of)| row[*name].as_deref().and_then(of)).collect())
            .collect();
        // The truncate at the end is in quarantine: the rows stay, and a person has to say so.
        if step == "truncate" {
            assert!(wanted.is_empty() && !found.is_empty());
            continue;
        }
        assert_eq!(found, wanted, "bill after {step}");
    }
}

/// Rows of a table of types against the database, by the columns that are named.
fn check_types(
    file: &str,
    prefix: &str,
    table: &str,
    (columns, modes): (&str, &str),
    expected: &[(&str, &str, Expect)],
) {
    let contract = contract(table, columns, "[id]", modes);
    let found = rows(file, &format!("{prefix}.public.{table}"), &contract);
    let states = state("postgres", table);
    let held = &states.last().expect("it was written down").2;
    let by_id: BTreeMap<&str, &BTreeMap<String, Option<String>>> =
        held.iter().map(|row| (row["id"].as_deref().expect("a key"), row)).collect();
    let mut compared = 0;
    for row in &found {
        let id = row.values["id"].as_deref().expect("a key");
        // The snapshot moves the first year by two days: the connector's doing.
        if row.op == "r" && id == "2" {
            continue;
        }
        let held = by_id[id];
        for (column, field, of) in expected {
            let wanted = held[*field].as_deref().and_then(of);
            assert_eq!(row.values[*column], wanted, "{file} {table} {id} {column}");
            compared += 1;
        }
    }
    assert!(compared > 0, "{file} has {table}");
}

fn times(unit: [&str; 2], time: [&str; 2]) -> String {
    let [ts3, ts6] = unit;
    let [t3, t6] = time;
    format!(
        r#"
  - {{name: id, title: 编号, type: integer, required: true, grade: L1}}
  - {{name: d, title: 日, type: date, grade: L1}}
  - {{name: t0, title: 时, type: string{t3}, grade: L1}}
  - {{name: t3, title: 时, type: string{t3}, grade: L1}}
  - {{name: t6, title: 时, type: string{t6}, grade: L1}}
  - {{name: ts0, title: 刻, type: timestamp{ts3}, grade: L1}}
  - {{name: ts3, title: 刻, type: timestamp{ts3}, grade: L1}}
  - {{name: ts6, title: 刻, type: timestamp{ts6}, grade: L1}}
  - {{name: tstz, title: 刻, type: timestamp, grade: L1}}
"#
    )
}

const TIMES: [(&str, &str, Expect); 8] = [
    ("d", "d", without_ends),
    ("t0", "t0", same),
    ("t3", "t3", same),
    ("t6", "t6", same),
    ("ts0", "ts0", local),
    ("ts3", "ts3", local),
    ("ts6", "ts6", local),
    ("tstz", "tstz", instant),
];

#[test]
fn times_are_exact_in_every_mode_that_the_contract_declares() {
    let [millis, micros] = [", encoding: millis", ", encoding: micros"];
    let [time_millis, time_micros] = [", encoding: time_millis", ", encoding: time_micros"];
    for (mode, file, unit, time) in [
        ("adaptive", "types-default", [millis, micros], [time_millis, time_micros]),
        (
            "adaptive_time_microseconds",
            "types-string",
            [millis, micros],
            [time_micros, time_micros],
        ),
        ("microseconds", "times-microseconds", ["", ""], [time_micros, time_micros]),
    ] {
        let modes = format!("time_precision: {mode}");
        let columns = times(unit, time);
        check_types(&format!("postgres-{file}"), file, "times", (&columns, &modes), &TIMES);
    }
}

#[test]
fn times_in_milliseconds_are_exact_to_the_millisecond() {
    let columns = times(["", ""], [", encoding: time_millis", ", encoding: time_millis"]);
    let cut: Expect = |text| local(text).map(|text| format!("{}000Z", &text[..text.len() - 4]));
    let expected =
        [TIMES[0], TIMES[1], TIMES[2], TIMES[4], TIMES[5], ("ts6", "ts6", cut), TIMES[7]];
    let modes = "time_precision: connect";
    check_types("postgres-types-double", "types-double", "times", (&columns, modes), &expected);
}

#[test]
fn iso_texts_of_the_local_clock_are_not_taken_for_utc() {
    let text = ", encoding: local_iso";
    let columns = times([text, text], [text, text]);
    // In text the last day of 9999 is an open end; 24:00 is 00:00 in the records.
    let open: Expect = |text| local(text).filter(|_| !text.starts_with("9999-12-31"));
    let midnight: Expect = |text| Some(text.replace("24:00:00", "00:00:00"));
    let expected = [
        TIMES[0],
        ("t0", "t0", midnight),
        ("t6", "t6", midnight),
        ("ts3", "ts3", open),
        ("ts6", "ts6", open),
        TIMES[7],
    ];
    let modes = "time_precision: isostring";
    let file = "times-isostring";
    check_types(&format!("postgres-{file}"), file, "times", (&columns, modes), &expected);
}

fn numbers(n: &str) -> String {
    format!(
        r#"
  - {{name: id, title: 编号, type: integer, required: true, grade: L1}}
  - {{name: i2, title: 数, type: integer, grade: L1}}
  - {{name: i8, title: 数, type: long, grade: L1}}
  - {{name: n12_2, title: 数, type: "decimal(12, 2)", grade: L1}}
  - {{name: n38_10, title: 数, type: "decimal(38, 10)", grade: L1}}
  - {{name: n10_0, title: 数, type: "decimal(10, 0)", grade: L1}}
  - {{name: n, title: 数, type: string{n}, grade: L1}}
  - {{name: f8, title: 数, type: double, grade: L1}}
  - {{name: money, title: 数, type: "decimal(19, 2)", grade: L1}}
"#
    )
}

const NUMBERS: [(&str, &str, Expect); 7] = [
    ("i2", "i2", same),
    ("i8", "i8", same),
    ("n12_2", "n12_2", decimal),
    ("n38_10", "n38_10", decimal),
    ("n10_0", "n10_0", decimal),
    ("f8", "f8", number),
    ("money", "money", money),
];

#[test]
fn decimals_are_exact_in_the_modes_precise_and_string() {
    let expected = [&NUMBERS[..], &[("n", "n", decimal as Expect)]].concat();
    for (file, n, mode) in
        [("types-default", ", encoding: variable", "precise"), ("types-string", "", "string")]
    {
        let (columns, modes) = (numbers(n), format!("decimal_handling: {mode}"));
        let expected: Vec<_> = match mode {
            // Words for what is no number stay words in a column of text.
            "string" => NUMBERS.to_vec(),
            _ => expected.clone(),
        };
        check_types(&format!("postgres-{file}"), file, "numbers", (&columns, &modes), &expected);
    }
}

#[test]
fn doubles_are_what_the_mode_leaves_of_decimals() {
    let columns = numbers("");
    let modes = "decimal_handling: double";
    let expected = [NUMBERS[0], NUMBERS[1], NUMBERS[2], NUMBERS[4], NUMBERS[5], NUMBERS[6]];
    check_types("postgres-types-double", "types-double", "numbers", (&columns, modes), &expected);
}

const OTHERS: &str = r#"
  - {name: id, title: 编号, type: integer, required: true, grade: L1}
  - {name: flag, title: 真假, type: boolean, grade: L1}
  - {name: jb, title: 文, type: string, encoding: verbatim, grade: L1}
  - {name: u, title: 文, type: string, grade: L1}
  - {name: mood, title: 文, type: string, grade: L1}
  - {name: texts, title: 文, type: string, encoding: verbatim, grade: L1}
  - {name: ints, title: 文, type: string, encoding: verbatim, grade: L1}
  - {name: c5, title: 文, type: string, encoding: verbatim, grade: L1}
  - {name: v10, title: 文, type: string, encoding: verbatim, grade: L1}
  - {name: b1, title: 真假, type: boolean, grade: L1}
  - {name: inet, title: 文, type: string, grade: L1}
  - {name: range, title: 文, type: string, grade: L1}
  - {name: remark, from: 备注, title: 文, type: string, encoding: verbatim, grade: L1}
"#;

#[test]
fn texts_arrays_and_truth_values_are_those_of_the_database() {
    let bit: Expect = |text| Some((text == "1").to_string());
    let expected: [(&str, &str, Expect); 12] = [
        ("flag", "flag", flag),
        ("jb", "jb", same),
        ("u", "u", same),
        ("mood", "mood", same),
        ("texts", "texts", same),
        ("ints", "ints", same),
        ("c5", "c5", same),
        ("v10", "v10", same),
        ("b1", "b1", bit),
        ("inet", "inet", same),
        ("range", "range", same),
        ("remark", "备注", same),
    ];
    for file in ["types-default", "types-string", "types-double"] {
        check_types(&format!("postgres-{file}"), file, "others", (OTHERS, MODES), &expected);
    }
}

#[test]
fn the_schema_beside_the_record_says_what_the_contract_does_not() {
    let file = "postgres-schema";
    let undeclared = times(["", ""], ["", ""]);
    check_types(file, "schema", "times", (&undeclared, ""), &TIMES);
    let expected = [&NUMBERS[..], &[("n", "n", decimal as Expect)]].concat();
    check_types(file, "schema", "numbers", (&numbers(""), ""), &expected);
    let others = OTHERS.replace(", encoding: verbatim", "");
    let expected: [(&str, &str, Expect); 4] =
        [("flag", "flag", flag), ("jb", "jb", same), ("texts", "texts", same), ("u", "u", same)];
    check_types(file, "schema", "others", (&others, ""), &expected);
}

#[test]
fn records_about_the_stream_and_the_truncate_are_accounted_for() {
    let contract = contract("resident", RESIDENT, "[id]", MODES);
    for (topic, skipped, truncated_at) in [
        ("changes.transaction", true, None),
        ("changes.message", true, None),
        ("heartbeat.changes", true, None),
        ("changes.public.bill", false, Some(26_571_632)),
    ] {
        let fates = record::fates("postgres-changes", topic, &contract);
        assert!(fates.records > 0, "{topic} is among the records");
        if skipped {
            assert_eq!(fates.control, fates.records, "{topic}");
        }
        assert_eq!(fates.truncated_at, truncated_at, "{topic}");
    }
}
