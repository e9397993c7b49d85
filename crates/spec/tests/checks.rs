//! Rules between columns and checks of datasets: what is read, and what is found in wrong ones.
//!
//! Positions are told by the piece of the text at which a finding must stand.

use huiliu_model::contract::{Check, Protect, Rule, Target, When};
use huiliu_spec::{Project, Sources};
use std::path::PathBuf;

const UNIT: &str = r#"dataset: geo_unit
title: 不动产单元
provider: 市规划自然资源局
group: base
source: {kafka_topic: base.geo.unit, format: huiliu_json}
mode: cdc
key: [unit_code]
columns:
  - {name: unit_code, title: 单元代码, type: string, required: true, rule: unit_code, grade: L2}
  - {name: division, title: 区划, type: string, grade: L1, rules: [division6, {prefix_of: unit_code}]}
  - {name: lon, title: 经度, type: double, unit: degree, grade: L2, rule: {coordinates: {latitude: lat, system: coord_sys}}}
  - {name: lat, title: 纬度, type: double, unit: degree, grade: L2}
  - {name: coord_sys, title: 坐标系, type: string, grade: L1, rule: {one_of: [CGCS2000, GCJ02]}}
  - {name: status, title: 状态, type: string, grade: L1, rule: {one_of: ["1", "2"]}}
  - {name: cancel_date, title: 注销日期, type: date, grade: L1, rule: {set_when: {column: status, in: ["2"]}}}
  - {name: total, title: 总价, type: "decimal(18, 2)", unit: CNY, grade: L2}
  - {name: paid, title: 已付, type: "decimal(18, 2)", unit: CNY, grade: L2, rules: [{at_most_of: {column: total, times: 1.05}}]}
  - {name: due, title: 未付, type: "decimal(18, 2)", unit: CNY, grade: L2, rules: [{difference_of: [total, paid]}, {not_above: total}]}
  - {name: built, title: 建成年, type: integer, unit: year, grade: L2, rule: {year_before_event: 1}}
  - {name: is_main, title: 是否主, type: boolean, grade: L1}
  - {name: note, title: 备注, type: string, grade: L2, rules: [free_text, {required_when: {column: is_main, in: [true]}}]}
  - {name: owner, title: 权利人, type: string, grade: L4, rule: identity_document}
  - {name: address_code, title: 地址, type: string, grade: L1}
checks:
  - reference: {columns: [address_code], to: geo_address}
  - sum_per: {column: paid, by: [division], from: 99.5, to: 100.5}
  - one_per: {column: is_main, value: true, by: [division]}
  - non_decreasing: {column: total, by: [division], order: built, rollover_over: 0.9}
  - outlier: {column: total, by: [division], times_median: 1000}
  - near: {longitude: lon, latitude: lat, to: geo_address, by: [address_code], metres: 200}
"#;

const ADDRESS: &str = r#"dataset: geo_address
title: 标准地址
provider: 公安局
group: base
source: {kafka_topic: base.geo.address, format: huiliu_json}
mode: cdc
key: [code]
columns:
  - {name: code, title: 地址代码, type: string, required: true, grade: L1}
  - {name: lon, title: 经度, type: double, unit: degree, grade: L2}
  - {name: lat, title: 纬度, type: double, unit: degree, grade: L2}
  - {name: floors, title: 层数, type: integer, unit: floor, grade: L1}
"#;

fn load(unit: &str) -> Result<Project, Vec<huiliu_spec::Diagnostic>> {
    let file = |name: &str, text: &str| {
        (PathBuf::from(format!("pipelines/base/{name}.yaml")), text.to_owned())
    };
    let pipelines = vec![file("geo_unit", unit), file("geo_address", ADDRESS)];
    Project::from_sources(&Sources { pipelines, ..Sources::default() })
}

/// Line and column, from 1, where `piece` stands: once in the whole text.
fn place(text: &str, piece: &str) -> (u32, u32) {
    assert_eq!(text.matches(piece).count(), 1, "`{piece}` is in the file once");
    let before = text.split(piece).next().unwrap_or_default();
    let line = before.lines().count().max(1);
    let column = before.lines().last().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).expect("small"), u32::try_from(column).expect("small"))
}

/// Replaces one piece of the sound file and compares the one finding: it begins where the part of
/// `piece` behind the bar stands.
fn check(from: &str, to: &str, piece: &str, expected: &str) {
    assert_eq!(UNIT.matches(from).count(), 1, "`{from}` is in the sound file once");
    let text = UNIT.replace(from, to);
    let found = load(&text).expect_err("a finding");
    let number = |code: huiliu_spec::Code| code.as_str().replace("HUILIU-CFG-", "");
    let lines: Vec<_> = found.iter().map(|d| format!("{} {}", number(d.code), d.message)).collect();
    assert_eq!(lines, [expected]);
    let (before, _) = piece.split_once('|').expect("a bar");
    let (line, column) = place(&text, &piece.replace('|', ""));
    let column = column + u32::try_from(before.chars().count()).expect("small");
    assert_eq!((found[0].line, found[0].column), (line, column), "{expected}");
}

#[test]
fn rules_between_columns_refer_by_index() {
    let project = load(UNIT).expect("a sound project");
    let contract = project.contract("geo_unit").expect("declared");
    let rules = |name: &str| contract.column(name).expect("declared").1.rules.clone();
    assert_eq!(rules("division")[1], Rule::PrefixOf { column: 0 });
    assert_eq!(rules("lon"), [Rule::Coordinates { latitude: 3, system: Some(4) }]);
    let when = When { column: 5, values: vec!["2".into()] };
    assert_eq!(rules("cancel_date"), [Rule::SetWhen(when)]);
    assert_eq!(rules("paid"), [Rule::AtMostOf { column: 7, times: 1.05 }]);
    let due = [
        Rule::DifferenceOf { minuend: 7, subtrahend: 8 },
        Rule::AtMostOf { column: 7, times: 1.0 },
    ];
    assert_eq!(rules("due"), due);
    assert_eq!(rules("built"), [Rule::YearBeforeEvent(1)]);
    let when = When { column: 11, values: vec!["true".into()] };
    assert_eq!(rules("note")[1], Rule::RequiredWhen(when));
    // A document is a person's, so it joins with resident ids.
    let token = Protect::Token { kind: "resident_id".into(), keep_uscc: false };
    assert_eq!(contract.column("owner").expect("declared").1.protect, token);
}

#[test]
fn checks_are_read_and_know_the_key_of_the_other_dataset() {
    let project = load(UNIT).expect("a sound project");
    let contract = project.contract("geo_unit").expect("declared");
    let address = || Target { dataset: "geo_address".into(), columns: vec!["code".into()] };
    let expected = [
        Check::Reference { columns: vec![14], to: address() },
        Check::SumPer { column: 8, by: vec![1], from: 99.5, to: 100.5 },
        Check::OnePer { column: 11, value: "true".into(), by: vec![1] },
        Check::NonDecreasing { column: 7, by: vec![1], order: 10, rollover_over: Some(0.9) },
        Check::Outlier { column: 7, by: vec![1], times_median: 1000.0 },
        Check::Near { longitude: 2, latitude: 3, by: vec![14], to: address(), metres: 200.0 },
    ];
    assert_eq!(contract.checks, expected);
}

#[test]
fn rules_that_name_no_fitting_column_are_found() {
    check(
        "prefix_of: unit_code",
        "prefix_of: unitcode",
        "prefix_of: |unitcode",
        "0015 rule `prefix_of` names column `unitcode`, which does not exist",
    );
    check(
        "prefix_of: unit_code",
        "prefix_of: total",
        "prefix_of: |total",
        "0014 rule `prefix_of` cannot use column `total` of type decimal(18, 2)",
    );
    check(
        "prefix_of: unit_code",
        "prefix_of: division",
        "prefix_of: |division",
        "0014 rule `prefix_of` of column `division` names the column itself",
    );
    check(
        "[total, paid]",
        "[total, lon]",
        "[total, |lon]",
        "0014 rule `difference_of` cannot use column `lon` of type double",
    );
    check("[total, paid]", "[total]", "|[total]", "0006 expected a list of 2, found a list");
    check(
        "not_above: total",
        "not_above: note",
        "not_above: |note",
        "0014 rule `not_above` cannot use column `note` of type string",
    );
    check(
        "是否主, type: boolean,",
        "是否主, type: boolean, rule: {year_before_event: 2},",
        "rule: |{year_before_event: 2}",
        "0014 rule `year_before_event` does not fit column `is_main` of type boolean",
    );
}

#[test]
fn values_that_a_column_never_has_are_found() {
    check(
        "column: status, in: [\"2\"]",
        "column: status, in: [\"4\"]",
        "in: [|\"4\"]",
        "0007 column `status` never has the value `4`",
    );
    check(
        "in: [true]",
        "in: [yes]",
        "in: [|yes]",
        "0009 column `is_main` never has the value `yes`",
    );
    check("in: [true]", "in: []", "in: |[]", "0025 rule `required_when` lists no value");
    check(
        "value: true",
        "value: 主",
        "value: |主",
        "0009 column `is_main` never has the value `主`",
    );
    check(
        "type: date, grade",
        "type: date, required: true, grade",
        "rule: |{set_when",
        "0014 column `cancel_date` is required, rule `set_when` wants it null",
    );
    check(
        "times: 1.05",
        "times: 0",
        "times: |0",
        "0009 rule `at_most_of` has 0 times, which is not above 0",
    );
    check(
        "year_before_event: 1",
        "year_before_event: -1",
        "year_before_event: |-1",
        "0009 rule `year_before_event` is -1 years, outside 0 to 200",
    );
    check(
        "{set_when: {column: status, in: [\"2\"]}}",
        "{since: 2014-02-30}",
        "since: |2014-02-30",
        "0009 rule `since` needs a day as 2014-01-31, found `2014-02-30`",
    );
    check(
        "{set_when: {column: status, in: [\"2\"]}}",
        "{after: status}",
        "after: |status",
        "0014 rule `after` compares column `cancel_date` of type date with column `status` of type \
         string",
    );
}

#[test]
fn coordinates_and_the_rules_of_degrees_exclude_each_other() {
    check(
        "纬度, type: double, unit: degree, grade: L2",
        "纬度, type: double, unit: degree, grade: L2, rule: latitude",
        "rule: |{coordinates",
        "0014 rule `coordinates` excludes rule `latitude` of `lat`",
    );
}

#[test]
fn checks_that_cannot_be_judged_are_found() {
    check("reference:", "refers:", "- |refers", "0007 unknown check `refers`");
    check(
        "non_decreasing: {column: total",
        "non_decreasing: {column: division",
        "non_decreasing: {column: |division",
        "0014 the check cannot use column `division` of type string",
    );
    check(
        "order: built",
        "order: is_main",
        "order: |is_main",
        "0014 the check cannot use column `is_main` of type boolean",
    );
    check(
        "rollover_over: 0.9",
        "rollover_over: 90",
        "rollover_over: |90",
        "0009 `rollover_over` is 90, outside 0 to 1",
    );
    check("from: 99.5", "from: 101", "from: |101", "0009 no sum lies between 101 and 100.5");
    check(
        "times_median: 1000",
        "times_median: 1",
        "times_median: |1",
        "0009 `times_median` is 1, which is not above 1",
    );
    check("by: [address_code]", "by: []", "by: |[]", "0025 the check names no columns");
    check(
        "by: [address_code]",
        "by: [lon]",
        "by: [|lon]",
        "0014 the check cannot use column `lon` of type double",
    );
    check(
        "by: [address_code]",
        "by: [address]",
        "by: [|address]",
        "0015 the check names column `address`, which does not exist",
    );
    check(
        "columns: [address_code]",
        "columns: [note, note]",
        "columns: [note, |note]",
        "0011 the check names column `note` twice",
    );
}

#[test]
fn other_datasets_are_held_against_the_check() {
    check(
        "[address_code], to: geo_address}",
        "[address_code], to: geo_adress}",
        "to: |geo_adress}",
        "0027 dataset `geo_adress` is not declared",
    );
    check(
        "columns: [address_code]",
        "columns: [address_code, note]",
        "columns: |[address_code, note]",
        "0013 2 columns are held against the key of `geo_address`, which has 1",
    );
    check(
        "to: geo_address}",
        "to: geo_address, to_columns: [street]}",
        "to_columns: |[street]",
        "0015 dataset `geo_address` has no column `street`",
    );
    check(
        "to: geo_address}",
        "to: geo_address, to_columns: [floors]}",
        "to_columns: |[floors]",
        "0014 column `address_code` of type string is held against `geo_address.floors` of type \
         integer",
    );
    check(
        "to: geo_address}",
        "to: geo_address, to_columns: [code, lon]}",
        "to_columns: |[code, lon]",
        "0013 1 columns are held against 2 of `to_columns`",
    );
}

#[test]
fn a_file_alone_does_not_show_what_else_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base");
    std::fs::create_dir(&base).expect("writable");
    let path = base.join("geo_unit.yaml");
    std::fs::write(&path, UNIT).expect("writable");
    let alone = Project::load_paths(std::slice::from_ref(&path)).expect("sound as far as it goes");
    assert!(alone.contracts[0].checks[0].target().expect("a reference").columns.is_empty());
    let found = Project::load_paths(&[folder.path().to_owned()]).expect_err("a finding");
    let lines: Vec<_> = found.iter().map(|d| (d.line, d.code.as_str())).collect();
    assert_eq!(lines, [(25, "HUILIU-CFG-0027"), (30, "HUILIU-CFG-0027")]);
}
