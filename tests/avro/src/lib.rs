//! What the oracle and the benchmark share: contracts, records behind an id, and a decoder that
//! knows a schema.

use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::{Format, Freshness, Grade, Group, Land, Mode, OnFail, Protect};
use huiliu_model::schemas::{SchemaId, SchemaKind, WriterSchema};
use huiliu_model::{Column, Contract, DataType, Record, Records};

/// Id of the one schema.
pub const ID: u32 = 1;

/// A contract of some columns, in their order; the first is the key.
pub fn contract(columns: &[(String, DataType)]) -> Contract {
    let column = |(name, data_type): &(String, DataType)| Column {
        name: name.clone(),
        title: name.clone(),
        data_type: *data_type,
        required: false,
        unit: None,
        grade: Grade::L1,
        protect: Protect::Keep,
        rules: Vec::new(),
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    };
    Contract {
        dataset: "water_account".into(),
        title: "供水用户档案".into(),
        provider: "市水务集团".into(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: "feed.water.account".into(),
        format: Format::ConfluentAvro,
        epoch: 0,
        mode: Mode::Cdc,
        columns: columns.iter().map(column).collect(),
        key: vec![0],
        bucket_by: vec![0],
        buckets: 1,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

/// A decoder that knows one schema under [`ID`].
pub fn decoder(columns: &[(String, DataType)], schema: &str) -> Decoder {
    let decoder = Decoder::new(&contract(columns), Limits::default());
    let (text, references) = (schema.to_owned(), Vec::new());
    decoder.learn(SchemaId(ID), &WriterSchema { kind: SchemaKind::Avro, text, references });
    decoder
}

/// A value behind the magic byte and [`ID`].
pub fn framed(value: &[u8]) -> Vec<u8> {
    [&[0][..], &ID.to_be_bytes(), value].concat()
}

/// Records of one partition.
pub fn records<'b>(values: impl IntoIterator<Item = &'b [u8]>) -> Records {
    let mut records = Records::new("water_account".into(), "feed.water.account".into());
    for (offset, value) in (0..).zip(values) {
        let value = Some(records.store(value));
        records.entries.push(Record { partition: 0, offset, timestamp_ms: 0, key: None, value });
    }
    records
}
