//! What a summary may say of rejected rows.

use super::*;
use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Schema;
use huiliu_model::contract::{
    Column, DataType, Format, Freshness, Group, Land, Mode, OnFail, Protect,
};
use huiliu_model::{Covers, Tally};

/// Columns `open` of grade L2 and `secret` of grade L3.
fn contract() -> Arc<Contract> {
    let column = |name: &str, grade| Column {
        name: name.into(),
        title: name.into(),
        data_type: DataType::String,
        required: true,
        unit: None,
        grade,
        protect: Protect::Keep,
        rules: Vec::new(),
        on_fail: OnFail::Reject,
        source: huiliu_model::contract::AtSource::default(),
    };
    Arc::new(Contract {
        dataset: "sample".into(),
        title: String::new(),
        provider: String::new(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: "feed.sample".into(),
        format: Format::HuiliuJson,
        epoch: 0,
        mode: Mode::Cdc,
        columns: vec![column("open", Grade::L2), column("secret", Grade::L3)],
        key: vec![0],
        bucket_by: vec![0],
        buckets: 1,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    })
}

/// Rejects of one file: reason, column, raw bytes and whether these are sealed.
fn rejects(rows: &[(&str, Option<&str>, &str, bool)]) -> RecordBatch {
    let count = rows.len();
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; count])) };
    let times: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(vec![0; count]).with_timezone("UTC"));
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; count]));
    let columns: Vec<ArrayRef> = vec![
        same("file/x"),
        Arc::new(Int32Array::from(vec![0; count])),
        Arc::new(Int64Array::from_iter_values(0..i64::try_from(count).expect("few"))),
        Arc::clone(&times),
        times,
        same("judge"),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))),
        Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()),
        same("rule"),
        Arc::clone(&zeros),
        zeros,
        same(""),
        Arc::new(BinaryArray::from_iter_values(rows.iter().map(|r| r.2.as_bytes()))),
        Arc::new(rows.iter().map(|r| r.3.then_some("key")).collect::<StringArray>()),
        Arc::new(StringArray::new_null(count)),
    ];
    let schema = Arc::new(Schema::new(system::quarantine_fields()));
    RecordBatch::try_new(schema, columns).expect("the columns of quarantine")
}

async fn seen(rows: &[(&str, Option<&str>, &str, bool)]) -> Seen {
    let witness = Witness::new(Rehearsal, &contract());
    let mut covers = Covers::default();
    let count = rows.len() as u64;
    covers.0.insert(Partition::new("file/x", 0), 0..i64::try_from(count).expect("few"));
    let batch = Batch {
        dataset: "sample".into(),
        rows: Vec::new(),
        rejects: vec![rejects(rows)],
        quality: huiliu_model::Quality::default(),
        covers,
        tally: Tally { rejected: count, ..Tally::default() },
        newest_record_ms: 0,
        oldest_event_us: None,
        truncates: Vec::new(),
    };
    witness.land(&batch).await.expect("balanced");
    witness.seen()
}

#[tokio::test]
async fn values_are_shown_of_open_columns_in_clear_bytes_only() {
    let plain = r#"{"open":"渝","secret":"s"}"#;
    let envelope = r#"{"op":"c","after":{"open":7,"secret":"s"}}"#;
    let seen = seen(&[
        ("TYPE", Some("open"), plain, false),
        ("RANGE", Some("open"), envelope, false),
        ("TYPE", Some("secret"), plain, false),
        ("LENGTH", Some("open"), plain, true),
        ("NOT_JSON", None, "s", false),
    ])
    .await;
    let values: Vec<Option<&str>> = seen.samples.iter().map(|s| s.value.as_deref()).collect();
    assert_eq!(values, [Some("渝"), Some("7"), None, None, None]);
}

#[tokio::test]
async fn all_are_counted_and_a_few_of_each_kind_are_shown() {
    let mut rows = vec![("TYPE", Some("open"), r#"{"open":"a"}"#, false); 30];
    rows.push(("RANGE", Some("open"), "{}", false));
    let seen = seen(&rows).await;
    let counts: Vec<(&str, u64)> =
        seen.rejects.iter().map(|(why, rows)| (why.reason.as_str(), *rows)).collect();
    assert_eq!(counts, [("RANGE", 1), ("TYPE", 30)]);
    let shown: Vec<(&str, i64)> =
        seen.samples.iter().map(|s| (s.why.reason.as_str(), s.row)).collect();
    assert_eq!(shown, [("TYPE", 0), ("TYPE", 1), ("RANGE", 30)]);
}
