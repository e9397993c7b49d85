//! The dataset that is fuzzed: a column of every type, and the rules that parse most.

use huiliu_model::contract::{
    AtSource, Format, Freshness, Group, Land, Mode, NamedRule, OnFail, Rule,
};
use huiliu_model::{Column, Contract, DataType, DriftPolicy, Grade, OnDrift, Protect};
use std::ops::Range;

pub const TOPIC: &str = "feed.water.account";
pub const OFFSETS: Range<i64> = 100..103;
pub const GOOD_KEY: &[u8] = b"0230001|17";

pub fn contract(format: Format) -> Contract {
    let text = DataType::String;
    let named = |name: &str, rule: NamedRule| column(name, text, vec![Rule::Named(rule)]);
    let decimal = DataType::Decimal { precision: 14, scale: 2 };
    Contract {
        dataset: "water_account".into(),
        title: "供水用户档案".into(),
        provider: "市水务集团".into(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: TOPIC.into(),
        format,
        epoch: 3,
        mode: Mode::Cdc,
        columns: vec![
            column("account_no", text, Vec::new()),
            column("meter_no", DataType::Long, Vec::new()),
            named("name", NamedRule::PersonName),
            column("opened", DataType::Date, vec![Rule::NotFuture]),
            named("note", NamedRule::FreeText),
            Column { protect: Protect::Encrypt, ..column("area", decimal, Vec::new()) },
            column("rooms", DataType::Integer, vec![Rule::AtLeast(0.0)]),
            column("rate", DataType::Double, Vec::new()),
            column("ok", DataType::Boolean, Vec::new()),
            column("at", DataType::Timestamp, Vec::new()),
            column("sex", text, vec![Rule::CodeList("sex".into())]),
            named("id", NamedRule::HolderCode),
            named("phone", NamedRule::Phone),
            named("address", NamedRule::Address),
            named("division", NamedRule::Division),
            column("month", DataType::Date, vec![Rule::MonthStart]),
        ],
        key: vec![0, 1],
        bucket_by: vec![0, 1],
        buckets: 4,
        checks: Vec::new(),
        stop_if: None,
        drift: DriftPolicy { added: OnDrift::Evolve, ..DriftPolicy::default() },
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

fn column(name: &str, data_type: DataType, rules: Vec<Rule>) -> Column {
    Column {
        name: name.into(),
        title: name.into(),
        data_type,
        required: false,
        unit: None,
        grade: Grade::L1,
        protect: Protect::Keep,
        rules,
        on_fail: OnFail::Null,
        source: AtSource::default(),
    }
}

/// Schemas of Avro records; the first has id 1.
pub fn schemas(format: Format) -> Vec<String> {
    let text = match format {
        Format::ConfluentAvro => include_str!("../schemas/confluent_avro.json"),
        Format::DebeziumAvro => include_str!("../schemas/debezium_avro.json"),
        _ => "[]",
    };
    let schemas: Vec<serde_json::Value> = serde_json::from_str(text).expect("schemas are JSON");
    schemas.iter().map(serde_json::Value::to_string).collect()
}

/// One of two records that nothing is wrong with.
pub fn good(format: Format, number: u32) -> Vec<u8> {
    let seed: &[u8] = match (format, number) {
        (Format::ConfluentAvro, 1) => include_bytes!("../corpus/confluent_avro/full.avro"),
        (Format::ConfluentAvro, _) => include_bytes!("../corpus/confluent_avro/update.avro"),
        (Format::DebeziumAvro, 1) => include_bytes!("../corpus/debezium_avro/create.avro"),
        (Format::DebeziumAvro, _) => include_bytes!("../corpus/debezium_avro/update.avro"),
        _ => return good_json(format, number).into_bytes(),
    };
    seed.to_vec()
}

fn good_json(format: Format, number: u32) -> String {
    let row = format!(
        concat!(
            r#"{{"account_no":"023000{}","meter_no":17,"name":"王大锤","opened":{},"#,
            r#""note":"临街\n二楼","area":"80.25","rooms":3,"rate":0.5,"ok":true,"#,
            r#""at":"2020-04-07T08:30:00+08:00","sex":"1","phone":"13883000000"}}"#
        ),
        number,
        if format == Format::DebeziumJson { "18359" } else { r#""2020-04-07""# },
    );
    match format {
        Format::HuiliuJson => format!(
            concat!(
                r#"{{"v":1,"ds":"water_account","op":"c","seq":{},"#,
                r#""event_time":"2020-04-07T08:30:00+08:00","src":{{"dept":"1150"}},"#,
                r#""before":null,"after":{}}}"#
            ),
            number, row
        ),
        Format::DebeziumJson => format!(
            concat!(
                r#"{{"before":null,"after":{},"source":{{"ts_us":1586219400000000,"lsn":{}}},"#,
                r#""op":"c","ts_ms":1586219400000}}"#
            ),
            row, number
        ),
        _ => row,
    }
}
