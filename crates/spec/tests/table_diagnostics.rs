//! Table folders: what is found in `table.yaml`, `query.sql` and `checks.sql`, and across tables.

use huiliu_spec::table::{Check, Input, InputKind, Reach, Severity};
use huiliu_spec::{Project, Sources, TableSources};
use std::path::PathBuf;

const DATASET: &str = r#"dataset: le_entity
title: 法人
provider: 市市场监管局
group: base
source: {kafka_topic: base.le.entity, format: huiliu_json}
mode: cdc
key: [uscc]
columns:
  - {name: uscc, title: 代码, type: string, required: true, rule: uscc, grade: L1}
"#;

const TABLE: &str = r#"title: 企业画像
title_en: Enterprise profile
grain: one row per uscc
key: [uscc]
inputs:
  - {dataset: le_entity, by: uscc}
  - {dimension: industry, all: true}
parameters:
  - {name: as_of, type: date, default: 2020-06-30}
columns:
  - {name: uscc, type: string, title: 代码, title_en: Code, grade: L1}
  - {name: firms, type: int64, title: 户数, title_en: Firms, unit: "1", grade: L1}
"#;

const QUERY: &str = "SELECT uscc FROM le_entity WHERE found_date <= $as_of\n";
const CHECKS: &str = "-- Grain.\n-- check: unique (fail)\nSELECT uscc\nFROM staged;\n\n\
                      -- check: known (warn)\nSELECT 1;\n";

fn sources() -> Sources {
    Sources {
        pipelines: vec![("pipelines/base/le_entity.yaml".into(), DATASET.to_owned())],
        tables: vec![TableSources {
            dir: PathBuf::from("sql/finance/profile"),
            table_yaml: TABLE.to_owned(),
            query: Some(QUERY.to_owned()),
            checks: Some(CHECKS.to_owned()),
        }],
        dimensions: ["industry".to_owned()].into(),
        ..Sources::default()
    }
}

fn findings(sources: &Sources) -> Vec<String> {
    let found = match Project::from_sources(sources) {
        Ok(_) => return Vec::new(),
        Err(found) => found,
    };
    let line = |d: &huiliu_spec::Diagnostic| {
        let file = d.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let code = d.code.as_str().replace("HUILIU-CFG-", "");
        format!("{file}:{}:{} {code} {}", d.line, d.column, d.message)
    };
    found.iter().map(line).collect()
}

fn check(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(TABLE.matches(from).count(), 1, "`{from}` is in the sound file once");
    let mut sources = sources();
    sources.tables[0].table_yaml = TABLE.replace(from, to);
    assert_eq!(findings(&sources), expected);
}

#[test]
fn a_sound_folder_becomes_a_table() {
    let project = Project::from_sources(&sources()).expect("the folder is sound");
    let table = project.table("finance.profile").expect("the table is there");
    assert_eq!((table.subject.as_str(), table.table.as_str()), ("finance", "profile"));
    assert_eq!(table.identity, ["uscc"]);
    assert_eq!(table.buckets, 8);
    assert_eq!(table.query, QUERY);
    let input = |name: &str, kind, reach| Input { name: name.to_owned(), kind, reach };
    assert_eq!(
        table.inputs,
        [
            input("le_entity", InputKind::Dataset, Reach::By(vec!["uscc".to_owned()])),
            input("industry", InputKind::Dimension, Reach::All),
        ]
    );
    let check = |name: &str, severity, sql: &str| Check {
        name: name.to_owned(),
        severity,
        sql: sql.to_owned(),
    };
    assert_eq!(
        table.checks,
        [
            check("unique", Severity::Fail, "SELECT uscc\nFROM staged"),
            check("known", Severity::Warn, "SELECT 1"),
        ]
    );
    let parameter = &table.parameters[0];
    assert_eq!((parameter.name.as_str(), parameter.data_type.as_str()), ("as_of", "date"));
    assert_eq!(parameter.default.as_deref(), Some("2020-06-30"));
}

#[test]
fn inputs_that_are_not_declared_are_found() {
    check(
        "dataset: le_entity",
        "dataset: le_entitty",
        &["table.yaml:6:15 0018 input `le_entitty` is no dataset of this project"],
    );
    check(
        "dataset: le_entity",
        "table: finance.other",
        &["table.yaml:6:13 0018 input `finance.other` is no table of this project"],
    );
    check(
        "dimension: industry",
        "dimension: industri",
        &["table.yaml:7:17 0018 input `industri` is no dimension of this project"],
    );
    check(
        "by: uscc",
        "by: holder",
        &["table.yaml:6:15 0015 input `le_entity` has no column `holder`"],
    );
    check(
        "by: uscc",
        "by: [uscc, uscc]",
        &["table.yaml:6:15 0013 input `le_entity` reaches by 2 columns, the identity has 1"],
    );
}

#[test]
fn an_input_has_one_name_and_one_reach() {
    check(
        "by: uscc",
        "by: uscc, all: true",
        &["table.yaml:6:5 0023 an input has one of `by`, `via` and `all: true`"],
    );
    check(
        "all: true",
        "all: false",
        &["table.yaml:7:5 0023 an input has one of `by`, `via` and `all: true`"],
    );
    check(
        "dataset: le_entity",
        "dataset: le_entity, table: a.b",
        &["table.yaml:6:5 0023 an input is one dataset, table or dimension, here several"],
    );
}

#[test]
fn columns_without_meaning_or_unit_are_found() {
    check(", unit: \"1\"", "", &["table.yaml:12:12 0019 column `firms` of type int64 has no unit"]);
    check("title: 户数", "title: ''", &["table.yaml:12:39 0019 the title of the column is empty"]);
    check(", title_en: Firms", "", &["table.yaml:12:5 0005 table_column has no `title_en`"]);
    check("type: int64", "type: bigint", &["table.yaml:12:25 0007 `bigint` is not known"]);
}

#[test]
fn keys_outside_the_columns_are_found() {
    check(
        "key: [uscc]",
        "key: [usc]\nidentity: [firm]",
        &[
            "table.yaml:4:7 0013 key column `usc` is not among the columns",
            "table.yaml:5:12 0013 identity column `firm` is not among the columns",
        ],
    );
    check(
        "key: [uscc]",
        "key: [uscc]\nsubject: economy",
        &["table.yaml:5:10 0012 subject `economy` lies in folder `finance`"],
    );
}

#[test]
fn a_missing_or_empty_query_is_found() {
    let mut sources = sources();
    sources.tables[0].query = None;
    assert_eq!(findings(&sources), ["query.sql:0:0 0001 the table has no `query.sql`"]);
    sources.tables[0].query = Some("-- nothing yet\n".to_owned());
    assert_eq!(findings(&sources), ["query.sql:0:0 0025 the query is empty"]);
}

#[test]
fn undeclared_parameters_are_found_where_they_are_used() {
    let mut sources = sources();
    sources.tables[0].query = Some("SELECT uscc\nFROM le_entity\nWHERE d < $asof\n".to_owned());
    assert_eq!(findings(&sources), ["query.sql:3:11 0007 parameter `$asof` is not declared"]);
}

#[test]
fn checks_that_are_no_sections_are_found() {
    let mut sources = sources();
    let mut with = |text: &str| {
        sources.tables[0].checks = Some(text.to_owned());
        findings(&sources)
    };
    assert_eq!(with("SELECT 1;\n"), ["checks.sql:1:1 0020 SQL before the first check"]);
    assert_eq!(
        with("-- check: a (error)\nSELECT 1;\n"),
        ["checks.sql:1:1 0020 `a (error)` is not `<name> (fail|warn)`",]
    );
    assert_eq!(
        with("-- check: a (fail)\n-- later\n"),
        ["checks.sql:1:1 0020 check `a` has no SQL"]
    );
    assert_eq!(
        with("-- check: a (fail)\nSELECT 1\n-- check: a (warn)\nSELECT 2\n"),
        ["checks.sql:3:1 0011 check `a` is written twice",]
    );
}

fn second_table(sources: &mut Sources, name: &str, reads: &str) {
    let mut table = sources.tables[0].clone();
    table.dir = PathBuf::from("sql/finance").join(name);
    table.table_yaml = TABLE.replace("dataset: le_entity", &format!("table: finance.{reads}"));
    sources.tables.push(table);
}

#[test]
fn tables_come_after_what_they_are_built_from() {
    let mut sources = sources();
    second_table(&mut sources, "a_card", "b_score");
    second_table(&mut sources, "b_score", "profile");
    let project = Project::from_sources(&sources).expect("no circle");
    let names: Vec<_> = project.tables.iter().map(|table| table.table.as_str()).collect();
    assert_eq!(names, ["profile", "b_score", "a_card"]);
}

#[test]
fn tables_built_from_each_other_are_found() {
    let mut sources = sources();
    second_table(&mut sources, "a", "b");
    second_table(&mut sources, "b", "a");
    assert_eq!(
        findings(&sources),
        ["table.yaml:0:0 0024 built from each other in a circle: `finance.a`, `finance.b`",]
    );
}

#[test]
fn datasets_and_topics_are_declared_once() {
    let mut sources = sources();
    let copy = ("other/base/le_entity.yaml".into(), DATASET.to_owned());
    sources.pipelines.push(copy);
    assert_eq!(
        findings(&sources),
        [
            "le_entity.yaml:1:10 0011 dataset `le_entity` is also in pipelines/base/le_entity.yaml",
            "le_entity.yaml:5:23 0011 kafka_topic `base.le.entity` is also in \
         pipelines/base/le_entity.yaml",
        ]
    );
}

#[test]
fn a_kafka_topic_belongs_to_one_dataset_whatever_the_patterns() {
    let shared = |ours: &str, theirs: &str| {
        let mut sources = sources();
        let named = "{kafka_topic: base.le.entity, format";
        let text = DATASET.replace(named, &format!("{{{ours}, format"));
        let other = DATASET.replace("dataset: le_entity", "dataset: le_other");
        let other = other.replace(named, &format!("{{{theirs}, format"));
        sources.pipelines[0].1 = text;
        sources.pipelines.push(("pipelines/base/le_other.yaml".into(), other));
        let found = findings(&sources);
        found.into_iter().filter(|line| line.contains("le_other.yaml:")).collect::<Vec<_>>()
    };
    let pattern = r"kafka_topic_pattern: '^base\.le\.[a-z]+$'";
    assert_eq!(
        shared(pattern, "kafka_topic: base.le.entity"),
        [r"le_other.yaml:5:23 0011 kafka_topic `base.le.entity` matches `^base\.le\.[a-z]+$` in "
            .to_owned()
            + "pipelines/base/le_entity.yaml"]
    );
    assert_eq!(
        shared("kafka_topic: base.le.entity", pattern),
        [r"le_other.yaml:5:31 0011 `^base\.le\.[a-z]+$` matches kafka_topic `base.le.entity` of "
            .to_owned()
            + "pipelines/base/le_entity.yaml"]
    );
    assert_eq!(
        shared(pattern, r"kafka_topic_pattern: '^.*\.b$'"),
        [r"le_other.yaml:5:31 0011 `^.*\.b$` and `^base\.le\.[a-z]+$` of ".to_owned()
            + "pipelines/base/le_entity.yaml both match `base.le.b`"]
    );
    assert_eq!(shared(pattern, r"kafka_topic_pattern: '^feed\..+$'"), [""; 0]);
}
