//! Datasets and columns against the domain's lists, field by field.

use super::{project, records};
use huiliu_model::contract::{DataType, Mode, OnFail};

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
    let mut expected: Vec<Vec<String>> = records(include_str!("../data/fields.csv"));
    expected.iter_mut().for_each(|record| {
        record.truncate(9);
        // The rule is written in words there; `rules` holds it against the contracts.
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
    assert_eq!(actual.len(), 501);
    for (actual, expected) in actual.iter().zip(&expected) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.len(), expected.len());
}

#[test]
fn datasets_are_those_of_the_domain() {
    let expected = records(include_str!("../data/datasets.csv"));
    assert_eq!(expected.len(), 48);
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
        assert_eq!(contract.kafka_topics.text(), record[9]);
        let grade = contract.columns.iter().map(|column| column.grade).max();
        assert_eq!(grade.map(|grade| format!("{grade:?}")).as_ref(), Some(&record[10]));
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

/// The domain writes the unit of an amount behind its title; how numbers are read hangs on it.
#[test]
fn units_are_those_of_the_titles() {
    let units = [("(万元)", "10000 CNY"), ("(元)", "CNY"), ("(%)", "%"), ("(kWh)", "kWh")];
    let more = [("(m3)", "m3"), ("(工作日)", "workday")];
    let mut found = 0;
    for contract in &project().contracts {
        for column in &contract.columns {
            let told = units.iter().chain(&more).find(|(tail, _)| column.title.ends_with(tail));
            if let Some((_, unit)) = told {
                let place = format!("{}.{}", contract.dataset, column.name);
                assert_eq!(column.unit.as_deref(), Some(*unit), "{place}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 58);
}

/// An end that is open (长期, 9999-12-31) is null, which must not be a finding of its own (D22).
#[test]
fn ends_that_may_be_open_are_not_required() {
    let records = records(include_str!("../data/fields.csv"));
    let open = records.iter().filter(|record| record[7].contains("open end"));
    let mut found = 0;
    for record in open {
        let contract = project().contract(&record[0]).expect("the dataset has a pipeline");
        let (_, column) = contract.column(&record[2]).expect("the column exists");
        assert_eq!(column.data_type, DataType::Date);
        assert!(!column.required && column.on_fail == OnFail::Null, "{}", column.name);
        found += 1;
    }
    assert_eq!(found, 2);
}

/// Rows of one parent lie in one bucket, so that its history is read from one place.
#[test]
fn compound_keys_are_bucketed_by_their_parent() {
    let parents = [
        "account_no",
        "hh_no",
        "holder_code",
        "household_no",
        "project_code",
        "section_no",
        "ticket_no",
        "uscc",
    ];
    for contract in &project().contracts {
        let by: Vec<_> =
            contract.bucket_by.iter().map(|&index| contract.columns[index].name.as_str()).collect();
        let first = contract.key_names()[0];
        if contract.key.len() > 1 && parents.contains(&first) {
            assert_eq!(by, [first], "{}", contract.dataset);
        } else {
            assert_eq!(by, contract.key_names(), "{}", contract.dataset);
        }
    }
}
