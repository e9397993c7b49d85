//! One case per class of finding in a pipeline file: text in, `line:column code message` out.
//!
//! Positions were counted by hand on the text below.

use huiliu_spec::pipeline::parse;
use std::path::Path;

const SOUND: &str = r#"dataset: water_bill
title: 供水账单
provider: 市水务集团
group: feed
source:
  kafka_topic: feed.water.bill
  format: huiliu_json
mode: cdc
key: [account_no]
columns:
  - {name: account_no, title: 户号, type: string, required: true, rule: account_no, grade: L3}
  - {name: amount, title: 金额, type: "decimal(14, 2)", unit: CNY, grade: L3}
  - {name: due_date, title: 截止日, type: date, grade: L2}
  - {name: holder, title: 证件号, type: string, rule: resident_id, grade: L4}
"#;

fn findings(path: &str, text: &str) -> Vec<String> {
    let found = match parse(Path::new(path), text) {
        Ok(_) => return Vec::new(),
        Err(found) => found,
    };
    let number = |code: huiliu_spec::Code| code.as_str().replace("HUILIU-CFG-", "");
    found
        .iter()
        .map(|d| format!("{}:{} {} {}", d.line, d.column, number(d.code), d.message))
        .collect()
}

/// Replaces one piece of the sound file and compares everything that is found.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(SOUND.matches(from).count(), 1, "`{from}` is in the sound file once");
    let text = SOUND.replace(from, to);
    assert_eq!(findings("pipelines/feed/water_bill.yaml", &text), expected, "{text}");
}

fn check_column(column: &str, expected: &[&str]) {
    let text = format!("{SOUND}  - {column}\n");
    assert_eq!(findings("pipelines/feed/water_bill.yaml", &text), expected, "{text}");
}

#[test]
fn a_sound_file_has_no_findings() {
    check("feed.water.bill", "feed.water.bills", &[]);
}

#[test]
fn broken_yaml_is_one_finding() {
    let found = findings("pipelines/feed/water_bill.yaml", "dataset: [a\ntitle: b\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(" 0002 not YAML: "), "{found:?}");
    let found = findings("pipelines/feed/water_bill.yaml", "");
    assert_eq!(found, ["1:1 0006 expected a mapping, the dataset, found nothing"]);
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    check(
        "title: 金额",
        "titel: 金额",
        &["12:5 0005 column has no `title`", "12:20 0003 column has no key `titel`"],
    );
    check(
        "mode: cdc",
        "mode: cdc\nbuckets_by: [account_no]",
        &["9:1 0003 dataset has no key `buckets_by`"],
    );
    let text = SOUND.replace("title: 金额", "titel: 金额");
    let found = parse(Path::new("pipelines/feed/water_bill.yaml"), &text).expect_err("a finding");
    assert_eq!(found[1].help.as_deref(), Some("did you mean `title`?"));
    let line = found[1].to_string();
    assert_eq!(
        line,
        "pipelines/feed/water_bill.yaml:12:20: HUILIU-CFG-0003: column has no key `titel`"
    );
}

#[test]
fn keys_written_twice_are_found() {
    check(
        "mode: cdc",
        "mode: cdc\nmode: append",
        &["9:1 0004 key `mode` is written twice, first on line 8"],
    );
}

#[test]
fn missing_keys_are_found_where_their_mapping_begins() {
    check("title: 供水账单\n", "", &["1:1 0005 dataset has no `title`"]);
    check("  kafka_topic: feed.water.bill\n", "", &["6:3 0005 source has no `kafka_topic`"]);
}

#[test]
fn a_pattern_of_kafka_topics_stands_in_place_of_a_name() {
    let name = "kafka_topic: feed.water.bill";
    check(name, r"kafka_topic_pattern: '^feed\.water\.bill(\.[a-z]+)?$'", &[]);
    check(
        name,
        "kafka_topic: feed.water.bill\n  kafka_topic_pattern: '^feed$'",
        &["7:24 0023 source has both `kafka_topic` and `kafka_topic_pattern`"],
    );
    check(
        name,
        r"kafka_topic_pattern: 'feed\..*'",
        &[r"6:24 0017 kafka_topic_pattern `feed\..*` does not begin with `^` and end with `$`"],
    );
    check(name, "kafka_topic: ^feed$", &["6:16 0010 `^feed$` is no name of a Kafka topic"]);
    check(name, "kafka_topic_pattern: 7", &["6:24 0006 expected text, found the number 7"]);
}

#[test]
fn values_of_another_type_are_found() {
    check("title: 供水账单", "title: 2020", &["2:8 0006 expected text, found the number 2020"]);
    check("title: 供水账单", "title:", &["2:6 0006 expected text, found nothing"]);
    check("[account_no]", "account_no", &["9:6 0006 expected a list, found text"]);
    check(
        "required: true",
        "required: yes",
        &[
            "9:7 0013 key column `account_no` is not required",
            "11:59 0006 expected `true` or `false`, found text",
        ],
    );
    check(
        "mode: cdc",
        "mode: cdc\nbuckets: -1",
        &["9:10 0009 the number does not fit: expected a whole number, not negative"],
    );
    check(
        "mode: cdc",
        "mode: cdc\nland: 5s",
        &["9:7 0006 expected a mapping, the land, found text"],
    );
}

#[test]
fn words_outside_their_set_are_found() {
    check("mode: cdc", "mode: cdk", &["8:7 0007 unknown mode `cdk`"]);
    check("group: feed", "group: feeds", &["4:8 0007 unknown group `feeds`"]);
    check("huiliu_json", "protobuf", &["7:11 0007 unknown format `protobuf`"]);
    check("unit: CNY, grade: L3", "unit: CNY, grade: L5", &["12:73 0007 unknown grade `L5`"]);
    check("type: date", "type: dat", &["13:40 0007 `dat` is not known"]);
    check("rule: resident_id", "rule: residentid", &["14:52 0007 unknown rule `residentid`"]);
    check(
        "rule: resident_id",
        "rule: {code_list: sexes}",
        &["14:64 0007 unknown code list `sexes`"],
    );
    check("unit: CNY", "on_fail: drop", &["12:64 0007 unknown on_fail `drop`"]);
}

#[test]
fn a_word_that_needs_a_value_and_one_that_takes_none_are_told_apart() {
    check("unit: CNY", "rule: at_least", &["12:61 0006 `at_least` needs a value"]);
    check(
        "type: date",
        "type: date, rule: {not_future: true}",
        &["13:52 0006 `not_future` takes no value"],
    );
}

#[test]
fn null_is_a_word_of_on_fail() {
    check("unit: CNY", "unit: CNY, on_fail: null", &[]);
}

#[test]
fn measures_need_their_units() {
    let spans = "mode: cdc\nland: {commit_every: 5, retain: 400 days, file_target: 128}";
    check(
        "mode: cdc",
        spans,
        &[
            "9:22 0006 expected a span with its unit, such as `5s`, `10m` or `400d`, \
         found the number 5",
            "9:33 0008 expected a span with its unit, such as `5s`, `10m` or `400d`, \
         found `400 days`",
            "9:56 0006 expected a size with its unit, such as `128MiB` or `64KiB`, \
         found the number 128",
        ],
    );
    let stop = "mode: cdc\nquality: {stop_if: {rejects_over: 120%, of_last: 0}}";
    check(
        "mode: cdc",
        stop,
        &[
            "9:35 0008 expected a share of 0% to 100%, such as `20%`, found `120%`",
            "9:50 0009 `of_last` is 0 records, outside 1 to 1000000",
        ],
    );
}

#[test]
fn numbers_and_spans_outside_their_bounds_are_found() {
    check("mode: cdc", "mode: cdc\nbuckets: 0", &["9:10 0009 buckets is 0, outside 1 to 4096"]);
    check(
        "decimal(14, 2)",
        "decimal(2, 4)",
        &["12:37 0009 decimal(2, 4) has a scale above its precision"],
    );
    check(
        "decimal(14, 2)",
        "decimal(39, 4)",
        &["12:37 0009 decimal(39, 4) has a precision outside 1 to 38"],
    );
    check(
        "mode: cdc",
        "mode: cdc\nfreshness: {warn_after: 10m, page_after: 1m}",
        &["9:12 0009 pages after 60s but warns after 600s"],
    );
    check(
        "mode: cdc",
        "mode: cdc\nland: {retain: 1h}",
        &["9:16 0009 `retain` is 3600s, outside 86400s to 3153600000s"],
    );
}

#[test]
fn names_that_tables_cannot_carry_are_found() {
    check(
        "name: amount",
        "name: 金额",
        &["12:12 0010 column name `金额` is not `[a-z][a-z0-9_]*`"],
    );
    check(
        "name: amount",
        "name: sys_amount",
        &["12:12 0010 column name `sys_amount` begins with `sys_`, which is reserved"],
    );
    check("feed.water.bill", "feed/water", &["6:16 0010 `feed/water` is no name of a Kafka topic"]);
}

#[test]
fn a_column_declared_twice_is_found() {
    check(
        "name: due_date",
        "name: amount",
        &["13:12 0011 column `amount` is declared twice, first on line 12"],
    );
    check_column("{name: amount_enc, title: 密文, type: string, grade: L1}", &[]);
    check_column(
        "{name: holder_enc, title: 密文, type: string, grade: L1}",
        &["15:12 0011 column `holder_enc` has the name of the encrypted `holder`"],
    );
}

#[test]
fn a_file_in_the_wrong_place_is_found() {
    let found = findings("pipelines/base/water_bills.yaml", SOUND);
    assert_eq!(
        found,
        [
            "1:10 0012 dataset `water_bill` is in a file named `water_bills`",
            "4:8 0012 the dataset is of group `feed` but lies in folder `base`",
        ]
    );
}

#[test]
fn keys_and_buckets_that_cannot_be_are_found() {
    check(
        "key: [account_no]",
        "key: [account]",
        &["9:7 0013 key column `account` is not among the columns"],
    );
    check(
        "key: [account_no]",
        "key: [account_no, amount]",
        &["9:19 0013 key column `amount` is not required"],
    );
    check(
        "key: [account_no]",
        "key: [account_no, account_no]",
        &["9:19 0013 key column `account_no` is named twice"],
    );
    check("key: [account_no]", "key: []", &["9:6 0013 the key has no columns"]);
    check(
        "key: [account_no]",
        "key: [account_no]\nbucket_by: [amount]",
        &["10:13 0013 bucket column `amount` is not in the key"],
    );
    check(
        "rule: account_no",
        "on_fail: warn",
        &["11:74 0013 column `account_no` is in the key, whose columns reject the row, \
         but says `warn`"],
    );
}

#[test]
fn rules_that_do_not_fit_are_found() {
    check(
        "unit: CNY",
        "rule: uscc",
        &["12:61 0014 rule `uscc` does not fit column `amount` of type decimal(14, 2)"],
    );
    check(
        "type: date",
        "type: date, rule: {at_least: 0}",
        &["13:52 0014 rule `at_least` does not fit column `due_date` of type date"],
    );
    check(
        "unit: CNY",
        "rule: {not_before: due_date}",
        &["12:61 0014 rule `not_before` does not fit column `amount` of type decimal(14, 2)"],
    );
    check(
        "type: date",
        "type: date, rule: {not_before: holder}",
        &["13:65 0014 rule `not_before` compares column `due_date` of type date with column \
         `holder` of type string"],
    );
    check(
        "type: date",
        "type: date, rule: {birth_date_of: account_no}",
        &["13:68 0014 rule `birth_date_of` needs a resident id, column `account_no` is none"],
    );
    check(
        "unit: CNY",
        "rules: [{at_least: 5}, {at_most: 1}]",
        &["12:78 0014 column `amount` must be at least 5 and at most 1"],
    );
    check(
        "rule: resident_id",
        "rules: [uscc, org_code]",
        &["14:60 0014 column `holder` has two named rules, `uscc` and `org_code`"],
    );
}

#[test]
fn rules_that_name_no_column_are_found() {
    check(
        "type: date",
        "type: date, rule: {birth_date_of: holdr}",
        &["13:68 0015 rule `birth_date_of` names column `holdr`, which does not exist"],
    );
}

#[test]
fn protections_that_cannot_be_are_found() {
    check(
        "rule: account_no, grade: L3",
        "rule: account_no, grade: L4",
        &["11:90 0016 column `account_no` is in the key and would be encrypted"],
    );
    check(
        "unit: CNY",
        "protect: {token: amount}",
        &["12:64 0016 column `amount` of type decimal(14, 2) cannot become a token"],
    );
    check(
        "unit: CNY",
        "protect: {keep_uscc: true}",
        &["12:64 0016 the protection is neither a mask nor a token"],
    );
    check("unit: CNY", "protect: {mask: nose}", &["12:71 0007 unknown mask `nose`"]);
}

#[test]
fn patterns_and_lists_that_cannot_match_are_found() {
    check(
        "rule: resident_id",
        "rule: {pattern: \"[\"}",
        &["14:62 0017 pattern does not compile: unclosed character class"],
    );
    check(
        "rule: resident_id",
        "rule: {length: [9, 8]}",
        &["14:61 0009 no text has a length of 9 to 8"],
    );
    check("rule: resident_id", "rule: {one_of: []}", &["14:61 0025 rule `one_of` lists no code"]);
    check(
        "rule: resident_id",
        "rule: {one_of: [1, \"2\"]}",
        &["14:62 0006 expected text, found the number 1"],
    );
    check("title: 金额", "title: ''", &["12:27 0025 the title is empty"]);
}

#[test]
fn everything_is_found_at_once() {
    let text = SOUND
        .replace("mode: cdc", "mode: cdx")
        .replace("grade: L2", "grade: 2")
        .replace("key: [account_no]", "key: [account]")
        .replace("unit: CNY", "units: CNY");
    assert_eq!(
        findings("pipelines/feed/water_bill.yaml", &text),
        [
            "8:7 0007 unknown mode `cdx`",
            "9:7 0013 key column `account` is not among the columns",
            "12:55 0003 column has no key `units`",
            "13:53 0006 expected a grade, found the number 2",
        ]
    );
}

#[test]
fn a_policy_of_drift_is_read_and_its_words_are_closed() {
    use huiliu_model::{DriftPolicy, OnDrift};
    let contract =
        |text: &str| parse(Path::new("pipelines/feed/water_bill.yaml"), text).expect("it is sound");
    assert_eq!(contract(SOUND).drift, DriftPolicy::default(), "everything is ignored");
    let said = "mode: cdc\ndrift: {added: evolve, dropped: stop, retyped: quarantine}";
    let expected = DriftPolicy {
        added: OnDrift::Evolve,
        dropped: OnDrift::Stop,
        retyped: OnDrift::Quarantine,
        widened: OnDrift::Ignore,
    };
    assert_eq!(contract(&SOUND.replace("mode: cdc", said)).drift, expected);
    check(
        "mode: cdc",
        "mode: cdc\ndrift: {dropped: evolve, renamed: stop}",
        &["9:18 0007 unknown on_drift `evolve`", "9:26 0003 drift has no key `renamed`"],
    );
}

#[test]
fn a_window_of_rejects_has_its_bounds() {
    check(
        "mode: cdc",
        "mode: cdc\nquality: {stop_if: {rejects_over: 5%, of_last: 1000001}}",
        &["9:48 0009 `of_last` is 1000001 records, outside 1 to 1000000"],
    );
}

#[test]
fn a_column_may_come_from_a_field_of_another_name_but_no_two_from_one() {
    check_column("{name: paid, from: 已缴, title: 已缴, type: boolean, grade: L1}", &[]);
    check_column(
        "{name: x, from: amount, title: 名, type: date, grade: L1}",
        &["15:12 0011 columns `amount` and `x` are both from field `amount`"],
    );
    check_column(
        "{name: x, from: '', title: 名, type: date, grade: L1}",
        &["15:21 0025 column `x` is from a nameless field"],
    );
}

#[test]
fn an_encoding_must_suit_its_type_and_a_mode_its_format() {
    check_column("{name: x, title: 名, type: timestamp, encoding: micros, grade: L1}", &[]);
    check_column(
        "{name: x, title: 名, type: date, encoding: precise, grade: L1}",
        &["15:47 0014 column `x` of type date cannot be written as `precise`"],
    );
    check(
        "  format: huiliu_json\n",
        "  format: huiliu_json\n  decimal_handling: string\n",
        &["8:21 0014 `decimal_handling` is a mode of Debezium, the format is another"],
    );
}

#[test]
fn the_modes_of_a_connector_hold_for_columns_that_say_nothing() {
    use huiliu_model::contract::Encoding;
    let source =
        "  format: debezium_json\n  decimal_handling: precise\n  time_precision: connect\n";
    let text = SOUND.replace("  format: huiliu_json\n", source);
    let more = "  - {name: at, title: 刻, type: timestamp, grade: L1}\n  \
                - {name: own, title: 刻, type: timestamp, encoding: nanos, grade: L1}\n";
    let path = Path::new("pipelines/feed/water_bill.yaml");
    let contract = parse(path, &format!("{text}{more}")).expect("it is sound");
    let encodings: Vec<_> =
        contract.columns.iter().map(|c| (c.name.as_str(), c.source.encoding)).collect();
    let expected = [
        ("account_no", Encoding::Unsaid),
        ("amount", Encoding::Unscaled { scale: 2 }),
        ("due_date", Encoding::Days),
        ("holder", Encoding::Unsaid),
        ("at", Encoding::Millis),
        ("own", Encoding::Nanos),
    ];
    assert_eq!(encodings, expected);
}
