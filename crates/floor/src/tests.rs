//! The floors do what they are a floor of.

use super::*;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use huiliu_model::contract::{AtSource, Format, Freshness, Group, Land, Mode, OnFail};
use huiliu_model::{Column as Declared, DataType, DriftPolicy, Grade, Protect, Record};
use std::sync::Arc;

fn contract(columns: &[(&str, DataType)]) -> Contract {
    let column = |(name, data_type): &(&str, DataType)| Declared {
        name: (*name).into(),
        title: (*name).into(),
        data_type: *data_type,
        required: false,
        unit: None,
        grade: Grade::L1,
        protect: Protect::Keep,
        rules: Vec::new(),
        on_fail: OnFail::Null,
        source: AtSource::default(),
    };
    Contract {
        dataset: "d".into(),
        title: "d".into(),
        provider: "d".into(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: "t".into(),
        format: Format::HuiliuJson,
        epoch: 0,
        mode: Mode::Cdc,
        columns: columns.iter().map(column).collect(),
        key: vec![0],
        bucket_by: vec![0],
        buckets: 1,
        checks: Vec::new(),
        stop_if: None,
        drift: DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

#[test]
fn every_value_is_read_into_its_type() {
    let contract = contract(&[
        ("id", DataType::String),
        ("amount", DataType::Decimal { precision: 9, scale: 2 }),
        ("count", DataType::Long),
        ("rate", DataType::Double),
        ("day", DataType::Date),
        ("at", DataType::Timestamp),
        ("ok", DataType::Boolean),
    ]);
    let mut records = Records::new("d".into(), "t".into());
    for text in [
        concat!(
            r#"{"op":"c","src":{"x":[1]},"before":{"id":"no"},"after":{"id":"重庆\n","amount":12.5,"#,
            r#""count":7,"other":{},"rate":0.25,"day":"2020-04-07","#,
            r#""at":"2020-04-07T08:30:00+08:00","ok":true}}"#
        ),
        r#"{"op":"d","before":{"id":"gone"},"after":null}"#,
        r#"{"after":{"ok":false,"amount":"-0.05","id":"b""#,
    ] {
        let value = Some(records.store(text.as_bytes()));
        records.entries.push(Record { partition: 0, offset: 0, timestamp_ms: 0, key: None, value });
    }
    let columns = parse(&contract, &records);
    assert!(columns.iter().all(|column| column.len() == 3 && column.is_null(1)));
    let ids = columns[0].as_string::<i32>();
    assert_eq!((ids.value(0), ids.value(2)), ("重庆\n", "b"));
    let amounts = columns[1].as_primitive::<Decimal128Type>();
    assert_eq!((amounts.value(0), amounts.value(2)), (1250, -5));
    assert_eq!(columns[2].as_primitive::<Int64Type>().value(0), 7);
    assert_eq!(columns[3].as_primitive::<Float64Type>().value(0), 0.25);
    assert_eq!(columns[4].as_primitive::<Date32Type>().value(0), 18_359);
    let instants = columns[5].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(instants.value(0), 1_586_219_400_000_000);
    assert!(columns[6].as_boolean().value(0) && !columns[6].as_boolean().value(2));

    let schema = Arc::new(arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new(
        "id",
        arrow::datatypes::DataType::Utf8,
        true,
    )]));
    let batch = RecordBatch::try_new(schema, vec![Arc::clone(&columns[0])]).expect("one column");
    assert!(encode(&[batch]).expect("it is encoded") > 100);
    assert_eq!(encode(&[]).expect("nothing is nothing"), 0);
}
