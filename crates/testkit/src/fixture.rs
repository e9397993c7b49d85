//! A small contract and rows of its `changes` table.

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Schema;
use huiliu_model::contract::{
    Format, Freshness, Grade, Group, Land, Mode, NamedRule, OnFail, Protect, Rule,
};
use huiliu_model::{Column, Contract, DataType, system};
use std::sync::Arc;

/// Dataset `account` on topic `feed.account`: key `account_no`, and `status`; two buckets.
pub fn account_contract() -> Contract {
    let column = |name: &str, required: bool, rules: Vec<Rule>| Column {
        name: name.to_owned(),
        title: name.to_owned(),
        data_type: DataType::String,
        required,
        unit: None,
        grade: Grade::L1,
        protect: Protect::Keep,
        rules,
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    };
    Contract {
        dataset: "account".into(),
        title: "用户档案".into(),
        provider: "试验单位".into(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: "feed.account".into(),
        format: Format::HuiliuJson,
        epoch: 0,
        mode: Mode::Cdc,
        columns: vec![
            column("account_no", true, vec![Rule::Named(NamedRule::Text)]),
            column("status", false, vec![Rule::Named(NamedRule::Text)]),
        ],
        key: vec![0],
        bucket_by: vec![0],
        buckets: 2,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

/// One row of `changes.account`.
#[derive(Debug, Clone, Copy)]
pub struct RowSpec<'a> {
    pub op: &'a str,
    pub key: &'a str,
    pub status: &'a str,
    pub seq: i64,
    pub offset: i64,
    pub bucket: i32,
    /// Kafka time, days since 1970.
    pub day: i64,
}

/// Rows of `changes.account`, in the given order, from the topic `feed.account`.
pub fn change_rows(rows: &[RowSpec<'_>]) -> RecordBatch {
    change_rows_of(Some("feed.account"), rows)
}

/// As [`change_rows`], from another topic, or from one that is not known.
pub fn change_rows_of(kafka_topic: Option<&str>, rows: &[RowSpec<'_>]) -> RecordBatch {
    let mut fields = account_contract().stored_fields(false);
    fields.extend(system::changes_fields(false));
    let text = |of: fn(&RowSpec<'_>) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let long = |of: fn(&RowSpec<'_>) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
    };
    let int = |of: fn(&RowSpec<'_>) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(rows.iter().map(of)))
    };
    let days: Vec<i64> = rows.iter().map(|r| r.day * 86_400_000_000).collect();
    let time: ArrayRef = Arc::new(TimestampMicrosecondArray::from(days).with_timezone("UTC"));
    let columns: Vec<ArrayRef> = vec![
        text(|r| r.key.to_owned()),
        text(|r| r.status.to_owned()),
        text(|r| r.op.to_owned()),
        long(|_| 0),
        long(|r| r.seq),
        int(|r| i32::from(r.op != "r")),
        long(|r| r.offset),
        int(|_| 0),
        Arc::new(StringArray::from(vec![kafka_topic; rows.len()])),
        int(|_| 0),
        Arc::clone(&time),
        Arc::clone(&time),
        time,
        int(|r| r.bucket),
        Arc::new(StringArray::new_null(rows.len())),
        Arc::new(StringArray::new_null(rows.len())),
        Arc::new(StringArray::new_null(rows.len())),
        Arc::new(StringArray::new_null(rows.len())),
        Arc::new(StringArray::new_null(rows.len())),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit the schema")
}
