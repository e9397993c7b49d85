//! Proposals for samples made by hand, against what a person would write.

use huiliu_model::contract::{Format, Grade, Group, Mode};
use huiliu_propose::{Ask, Cell, Field, Logical, Proposal, Sample, propose};
use huiliu_spec::{Project, Sources};

/// Columns by header and values; an empty text is a missing value.
fn csv(columns: &[(&str, &[&str])]) -> Sample {
    let row_count = columns.first().map_or(0, |(_, cells)| cells.len());
    let cell =
        |text: &&str| if text.is_empty() { Cell::Missing } else { Cell::Text((*text).to_owned()) };
    let field = |(header, cells): &(&str, &[&str])| Field {
        header: (*header).to_owned(),
        logical: None,
        cells: cells.iter().map(cell).collect(),
    };
    Sample {
        fields: columns.iter().map(field).collect(),
        row_count,
        is_named: false,
        is_first: vec![true; row_count],
        has_changes: false,
    }
}

fn proposed(sample: &Sample) -> Proposal {
    let ask = Ask {
        dataset: "sample_set".to_owned(),
        title: None,
        group: Group::Pool,
        format: Format::Json,
    };
    let proposal = propose(sample, ask).expect("it has columns");
    let yaml = proposal.to_yaml();
    let path = "pipelines/pool/sample_set.yaml".into();
    let sources = Sources { pipelines: vec![(path, yaml.clone())], ..Sources::default() };
    if let Err(found) = Project::from_sources(&sources) {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        panic!("{}\n{yaml}", found.join("\n"));
    }
    proposal
}

/// Name, type, rules and grade of each column.
fn lines(proposal: &Proposal) -> Vec<(String, String, String, Grade)> {
    let line = |c: &huiliu_propose::Guess| {
        (c.name.clone(), c.data_type.to_string(), c.rules.join(" "), c.grade)
    };
    proposal.columns.iter().map(line).collect()
}

fn expect(proposal: &Proposal, expected: &[(&str, &str, &str, Grade)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, data_type, rules, grade)| {
            ((*name).to_owned(), (*data_type).to_owned(), (*rules).to_owned(), *grade)
        })
        .collect();
    assert_eq!(lines(proposal), expected, "{}", proposal.to_yaml());
}

/// Identity numbers of GB 11643 and of the domain's vectors, with births and sexes as they say.
const IDS: [&str; 3] = ["11010519491231002X", "500103199803159829", "440524198001010013"];

#[test]
fn persons_are_recognised_by_their_numbers_whatever_the_header_says() {
    let sample = csv(&[
        ("编号", &IDS),
        ("姓名", &["张三", "李四", "王五"]),
        ("性别", &["女", "女", "男"]),
        ("出生日期", &["1949-12-31", "1998/3/15", "19800101"]),
        ("联系电话", &["13812345678", "023-63891234", "13912345678"]),
        ("住址", &["渝中区解放碑1号", "渝中区解放碑2号", "渝中区解放碑3号"]),
        ("诊断", &["甲", "乙", "丙"]),
    ]);
    let proposal = proposed(&sample);
    expect(
        &proposal,
        &[
            ("no", "string", "resident_id", Grade::L4),
            ("person_name", "string", "person_name", Grade::L3),
            ("sex_code", "string", "{code_list: sex} {sex_of: no}", Grade::L2),
            ("birth_date", "date", "{birth_date_of: no}", Grade::L3),
            ("phone", "string", "phone", Grade::L3),
            ("address", "string", "address", Grade::L4),
            ("diagnosis", "string", "text", Grade::L4),
        ],
    );
    assert_eq!(proposal.key, [0]);
    let yaml = proposal.to_yaml();
    for hidden in [IDS[0], "张三", "13812345678", "解放碑", "甲"] {
        assert!(!yaml.contains(hidden), "{hidden} is of L3 or L4:\n{yaml}");
    }
}

#[test]
fn a_bill_has_a_key_of_account_and_month_and_amounts_in_yuan() {
    let sample = csv(&[
        ("户号", &["0012345678", "0012345678", "5001000002", "5001000003"]),
        ("账单月份", &["202001", "202002", "202001", "202001"]),
        ("用水量(m3)", &["12", "7.5", "0", "1,200"]),
        ("应缴金额(元)", &["42.60", "26.63", "0.00", "4260"]),
        ("是否缴清", &["是", "否", "是", ""]),
        ("更新时间", &["2020-02-01 08:00:00"; 4]),
        ("备注", &["", "", "", ""]),
    ]);
    let proposal = proposed(&sample);
    expect(
        &proposal,
        &[
            ("account_no", "string", "account_no", Grade::L3),
            ("month", "date", "month_start", Grade::L2),
            ("water_qty", "decimal(18, 1)", "{at_least: 0}", Grade::L2),
            ("amount_due", "decimal(18, 2)", "{at_least: 0}", Grade::L3),
            ("is", "boolean", "", Grade::L3),
            ("updated_at", "timestamp", "", Grade::L1),
            ("note", "string", "text", Grade::L3),
        ],
    );
    assert_eq!(proposal.key, [0, 1]);
    assert_eq!(proposal.mode, Mode::Cdc);
    let units: Vec<_> = proposal.columns.iter().map(|c| c.unit).collect();
    assert_eq!(units, [None, None, Some("m3"), Some("CNY"), None, None, None]);
    let required: Vec<_> = proposal.columns.iter().map(|c| c.is_required).collect();
    assert_eq!(required, [true, true, true, true, false, true, false]);
}

#[test]
fn digits_stay_text_where_they_are_no_quantity() {
    let sample = csv(&[
        ("BatchNo", &["001", "002", "003"]),
        ("甲", &["80000001", "80000002", "80000003"]),
        ("乙", &["1", "20", "300"]),
        ("丙", &["1.5", "20", "300.25"]),
        ("区划代码", &["500103", "500104", "500105"]),
        ("丁", &["500103", "500104", "500105"]),
    ]);
    expect(
        &proposed(&sample),
        &[
            ("batch_no", "string", "text", Grade::L3),
            ("col_2", "string", "text", Grade::L3),
            ("col_3", "integer", "", Grade::L3),
            ("col_4", "decimal(18, 2)", "", Grade::L3),
            ("division_code", "string", "division6", Grade::L1),
            ("col_6", "string", "division6", Grade::L1),
        ],
    );
}

#[test]
fn one_bad_value_in_thirty_does_not_hide_a_rule_and_one_in_ten_does() {
    let good = "91350100M000100Y43";
    let many = |bad: usize| -> Vec<String> {
        (0..30).map(|i| if i < bad { format!("x{i}") } else { good.to_owned() }).collect()
    };
    for (bad, rules) in [(1, "uscc"), (3, "text")] {
        let codes = many(bad);
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let numbers: Vec<String> = (0..30).map(|i| format!("N{i}")).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let sample = csv(&[("流水号", &numbers), ("信用代码", &codes)]);
        let proposal = proposed(&sample);
        assert_eq!(proposal.columns[1].rules, [rules], "{bad} of 30");
    }
}

#[test]
fn columns_that_no_record_could_fill_are_left_out_by_name() {
    let named = |name: &str, cell: Cell| Field {
        header: name.to_owned(),
        logical: None,
        cells: vec![cell],
    };
    let sample = Sample {
        fields: vec![
            named("id", Cell::Number("7".to_owned())),
            named("户号", Cell::Text("1".to_owned())),
            named("tags", Cell::Nested),
            named("ok", Cell::Truth(true)),
            Field {
                logical: Some(Logical::Date),
                ..named("day", Cell::Number("18262".to_owned()))
            },
        ],
        row_count: 1,
        is_named: true,
        is_first: vec![true],
        has_changes: true,
    };
    let proposal = proposed(&sample);
    let names: Vec<_> = proposal.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["id", "account_no", "ok", "day"]);
    let from: Vec<_> = proposal.columns.iter().map(|c| c.from.as_deref()).collect();
    assert_eq!(from, [None, Some("户号"), None, None]);
    assert!(proposal.to_yaml().contains("{name: account_no, from: 户号, title: 户号, "));
    let types: Vec<_> = proposal.columns.iter().map(|c| c.data_type.to_string()).collect();
    assert_eq!(types, ["string", "string", "boolean", "date"]);
    let left_out: Vec<_> = proposal.left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_out, ["tags"]);
    assert_eq!((proposal.key.as_slice(), proposal.mode), (&[0][..], Mode::Cdc));
}

#[test]
fn a_position_is_one_rule_over_two_columns() {
    let sample = csv(&[
        ("设备编号", &["A1", "A2", "A3"]),
        ("经度", &["106.55", "106.56", "106.57"]),
        ("纬度", &["29.56", "29.57", "29.58"]),
        ("抄表时间", &["2020-01-01 08:00:00", "2020-01-01 09:00:00", "2020-01-01 10:00:00"]),
    ]);
    let proposal = proposed(&sample);
    expect(
        &proposal,
        &[
            ("no", "string", "text", Grade::L3),
            ("longitude", "double", "{coordinates: {latitude: latitude}}", Grade::L3),
            ("latitude", "double", "", Grade::L3),
            ("happened_at", "timestamp", "", Grade::L2),
        ],
    );
}

#[test]
fn names_and_titles_that_yaml_would_take_for_something_else_are_quoted() {
    let sample = csv(&[
        ("no", &["a", "b"]),
        ("备注: \"#1\", {x}", &["a", "b"]),
        ("2020", &["a", "b"]),
        ("备注: \"#1\", {x}", &["a", "b"]),
    ]);
    let proposal = proposed(&sample);
    let names: Vec<_> = proposal.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["no", "col_2", "c_2020"]);
    assert_eq!(proposal.left_out.len(), 1);
}

#[test]
fn an_l4_key_becomes_a_token_that_joins() {
    let cards = ["6222020000000000000", "6222020000000000018", "6222020000000000026"];
    let sample = csv(&[("银行卡号", &cards), ("金额(元)", &["1.00", "1.00", "1.00"])]);
    let proposal = proposed(&sample);
    assert_eq!(proposal.key, [0]);
    assert_eq!(proposal.columns[0].grade, Grade::L4);
    assert_eq!(proposal.columns[0].protect.as_deref(), Some("{token: bank_card}"));
}

#[test]
fn a_word_of_time_over_values_that_are_none_lowers_no_grade() {
    let sample = csv(&[("no", &["a", "b", "c"]), ("日期", &["soon", "later", "张三"])]);
    let proposal = proposed(&sample);
    assert_eq!(proposal.columns[1].grade, Grade::L3);
    assert!(!proposal.to_yaml().contains("张三"));
}
