//! The pipelines of the product: they load, fast, and say what the domain specification says.
//!
//! `data/fields.csv` and `data/datasets.csv` are the domain's own lists, restricted to the
//! datasets that have a pipeline.

use huiliu_model::contract::{DataType, Mode, NamedRule, Protect, Rule};
use huiliu_spec::{Project, Settings};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| {
        Project::load_paths(&[root().join("pipelines")]).unwrap_or_else(|found| {
            let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        })
    })
}

/// Records of a CSV file with quoted fields, without its header.
fn records(text: &str) -> Vec<Vec<String>> {
    let record = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().expect("there is a field").push(c),
            }
        }
        fields
    };
    text.lines().skip(1).map(record).collect()
}

/// The domain's name of a type.
fn domain_type(data_type: DataType) -> String {
    match data_type {
        DataType::String => "Utf8".to_owned(),
        DataType::Integer => "Int32".to_owned(),
        DataType::Long => "Int64".to_owned(),
        DataType::Double => "Float64".to_owned(),
        DataType::Boolean => "Boolean".to_owned(),
        DataType::Date => "Date32".to_owned(),
        // The domain doubles the quotes of its CSV; the reader above drops them all.
        DataType::Timestamp => "Timestamp(Microsecond, +08:00)".to_owned(),
        DataType::Decimal { precision, scale } => format!("Decimal128({precision},{scale})"),
    }
}

#[test]
fn columns_are_those_of_the_domain() {
    let mut expected: Vec<Vec<String>> = records(include_str!("data/fields.csv"));
    expected.iter_mut().for_each(|record| {
        record.truncate(9);
        // The rule is written in words there.
        record.remove(7);
    });
    expected.sort();
    let flag = |value: bool| if value { "1" } else { "0" }.to_owned();
    let mut actual = Vec::new();
    for contract in &project().contracts {
        for (index, column) in contract.columns.iter().enumerate() {
            actual.push(vec![
                contract.dataset.to_string(),
                (index + 1).to_string(),
                column.name.clone(),
                column.title.clone(),
                domain_type(column.data_type),
                flag(contract.key.contains(&index)),
                flag(!column.required),
                format!("{:?}", column.grade),
            ]);
        }
    }
    actual.sort();
    assert_eq!(actual.len(), 134);
    for (actual, expected) in actual.iter().zip(&expected) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.len(), expected.len());
}

#[test]
fn datasets_are_those_of_the_domain() {
    let expected = records(include_str!("data/datasets.csv"));
    assert_eq!(project().contracts.len(), expected.len());
    for record in expected {
        let [id, title, group, provider, mode, cycle, key] =
            [0, 1, 2, 3, 4, 5, 6].map(|index: usize| record[index].as_str());
        let contract = project().contract(id).expect("the dataset has a pipeline");
        assert_eq!(contract.title, title);
        assert_eq!(format!("{:?}", contract.group).to_lowercase(), group);
        assert_eq!(contract.provider, provider);
        assert_eq!(contract.mode == Mode::Append, mode == "append");
        assert_eq!(contract.cycle.as_deref(), Some(cycle));
        assert_eq!(contract.key_names().join("+"), key);
        assert_eq!(&*contract.kafka_topic, record[9]);
    }
}

#[test]
fn numbers_have_units() {
    for contract in &project().contracts {
        for column in &contract.columns {
            let number = !matches!(
                column.data_type,
                DataType::String | DataType::Boolean | DataType::Date | DataType::Timestamp
            );
            assert_eq!(number, column.unit.is_some(), "{}.{}", contract.dataset, column.name);
        }
    }
}

#[test]
fn persons_join_by_one_kind_of_token_and_other_l4_values_are_encrypted() {
    let protect = |dataset: &str, column: &str| {
        let contract = project().contract(dataset).expect("the dataset has a pipeline");
        contract.column(column).expect("the column exists").1.protect.clone()
    };
    let token = |keep_uscc| Protect::Token { kind: "resident_id".to_owned(), keep_uscc };
    assert_eq!(protect("np_person", "citizen_id"), token(false));
    assert_eq!(protect("le_entity", "legal_rep_id"), token(false));
    assert_eq!(protect("lic_licence", "holder_code"), token(true));
    assert_eq!(protect("gas_account", "holder_code"), token(true));
    assert_eq!(protect("np_person", "address"), Protect::Encrypt);
    assert_eq!(protect("np_person", "death_date"), Protect::Encrypt);
    assert_eq!(protect("np_person", "name"), Protect::Keep);
}

#[test]
fn rules_refer_to_columns_by_index() {
    let person = project().contract("np_person").expect("the dataset has a pipeline");
    let rules = |name: &str| &person.column(name).expect("the column exists").1.rules;
    assert_eq!(rules("citizen_id"), &[Rule::Named(NamedRule::ResidentId)]);
    assert_eq!(rules("sex_code"), &[Rule::CodeList("sex".to_owned()), Rule::SexOf { column: 0 }]);
    assert_eq!(rules("death_date"), &[Rule::NotBefore { column: 4 }]);
    let bill = project().contract("power_bill").expect("the dataset has a pipeline");
    assert_eq!(bill.columns[2].rules, [Rule::AtLeast(-100_000.0), Rule::AtMost(50_000_000.0)]);
    assert_eq!(bill.bucket_by, [0]);
    assert_eq!(bill.key, [0, 1]);
}

#[test]
fn the_tables_of_the_product_fit_its_pipelines() {
    if !root().join("sql").is_dir() {
        return;
    }
    let settings = Settings {
        pipelines: root().join("pipelines"),
        sql: root().join("sql"),
        ..Settings::default()
    };
    let found = Project::load(&settings).err().unwrap_or_default();
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn every_pipeline_names_its_schema_first() {
    for group in ["base", "feed"] {
        let folder = root().join("pipelines").join(group);
        for entry in std::fs::read_dir(folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            let text = std::fs::read_to_string(&path).expect("the file is readable");
            let modeline = "# yaml-language-server: $schema=../../schema/dataset.schema.json";
            assert_eq!(text.lines().next(), Some(modeline), "{}", path.display());
        }
    }
}
