//! Small specs and contracts for unit tests of this crate.

use huiliu_model::contract::{Contract, Format, Freshness, Group, Land, Mode, OnFail};
use huiliu_model::{Column, DataType, Grade, Protect};
use huiliu_spec::table::{Input, InputKind, Parameter, Reach, TableColumn, TableSpec};
use std::path::PathBuf;

/// Table `s.t` with its first column as key and identity.
pub(crate) fn spec_of(columns: &[(&str, &str)], query: &str) -> TableSpec {
    let column = |(name, data_type): &(&str, &str)| TableColumn {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
        title: "列".to_owned(),
        title_en: "column".to_owned(),
        unit: None,
        grade: Grade::L1,
    };
    TableSpec {
        subject: "s".into(),
        table: "t".into(),
        title: "表".into(),
        title_en: "table".into(),
        grain: "one row per key".into(),
        key: vec![columns[0].0.to_owned()],
        identity: vec![columns[0].0.to_owned()],
        buckets: 4,
        inputs: Vec::new(),
        parameters: Vec::new(),
        freshness: Freshness::default(),
        columns: columns.iter().map(column).collect(),
        declassify: Vec::new(),
        query: query.to_owned(),
        checks: Vec::new(),
        dir: PathBuf::from("sql/s/t"),
    }
}

pub(crate) fn by(name: &str, column: &str) -> Input {
    let reach = Reach::By(vec![column.to_owned()]);
    Input { name: name.to_owned(), kind: InputKind::Dataset, reach }
}

pub(crate) fn parameter(name: &str, data_type: &str) -> Parameter {
    Parameter { name: name.to_owned(), data_type: data_type.to_owned(), default: None }
}

/// A dataset whose first column is its key.
pub(crate) fn contract_of(dataset: &str, columns: &[(&str, DataType, Protect)]) -> Contract {
    let column = |(name, data_type, protect): &(&str, DataType, Protect)| Column {
        name: (*name).to_owned(),
        title: "列".to_owned(),
        data_type: *data_type,
        required: false,
        unit: None,
        grade: Grade::L1,
        protect: protect.clone(),
        rules: Vec::new(),
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    };
    Contract {
        dataset: dataset.into(),
        title: "数据集".into(),
        provider: "某局".into(),
        group: Group::Base,
        cycle: None,
        kafka_topics: dataset.into(),
        format: Format::HuiliuJson,
        epoch: 0,
        mode: Mode::Cdc,
        columns: columns.iter().map(column).collect(),
        key: vec![0],
        bucket_by: vec![0],
        buckets: 4,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}
