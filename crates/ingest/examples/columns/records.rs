//! The records that are measured: ten kinds of columns, repeated up to the width.

use huiliu_model::contract::{AtSource, Format, Freshness, Group, Land, Mode, OnFail};
use huiliu_model::{Column, Contract, DataType, Grade, Partition, Protect, Record, Records};
use std::fmt::Write;
use std::sync::Arc;

const KAFKA_TOPIC: &str = "feed.bench";
/// 2020-04-07 08:31:00 in Shanghai.
const KAFKA_MS: i64 = 1_586_219_460_000;
const DECIMAL: DataType = DataType::Decimal { precision: 14, scale: 2 };

/// How a row is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Huiliu,
    Debezium,
    DebeziumWithSchema,
    Plain,
}

impl Shape {
    pub const ALL: [Self; 4] =
        [Self::Huiliu, Self::Debezium, Self::DebeziumWithSchema, Self::Plain];

    pub fn title(self) -> &'static str {
        match self {
            Self::Huiliu => "huiliu_json",
            Self::Debezium => "debezium_json",
            Self::DebeziumWithSchema => "debezium_json with schema",
            Self::Plain => "json",
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Huiliu => Format::HuiliuJson,
            Self::Debezium | Self::DebeziumWithSchema => Format::DebeziumJson,
            Self::Plain => Format::Json,
        }
    }

    /// Records of one partition; every `bad_every`-th is bad, none if 0.
    pub fn batch(self, contract: &Contract, count: u32, bad_every: usize) -> Records {
        let topic: Arc<str> = KAFKA_TOPIC.into();
        let mut records = Records::new(contract.dataset.clone(), topic.clone());
        let schema = schema(contract);
        for number in 0..count {
            let at = number as usize;
            let bad = bad_every > 0 && at % bad_every == bad_every / 2;
            let mut value = self.record(contract, number, &schema, bad && at / bad_every % 3 == 1);
            if bad {
                spoil(&mut value, at / bad_every % 3);
            }
            let value = Some(records.store(value.as_bytes()));
            let offset = i64::from(number);
            let entry = Record { partition: 0, offset, timestamp_ms: KAFKA_MS, key: None, value };
            records.entries.push(entry);
        }
        records.covers.0.insert(Partition::new(topic, 0), 0..i64::from(count));
        records
    }

    fn record(self, contract: &Contract, n: u32, schema: &str, keyless: bool) -> String {
        let row = row(contract, n, self.format() == Format::DebeziumJson, keyless);
        let seq = 34_468_104 + n;
        let change = || {
            format!(
                concat!(
                    r#"{{"before":null,"after":{},"source":{{"version":"3.0.8.Final","#,
                    r#""connector":"postgresql","name":"city","ts_ms":1586219400123,"#,
                    r#""snapshot":"false","db":"water","#,
                    r#""sequence":"[\"34468048\",\"34468104\"]","ts_us":1586219400123459,"#,
                    r#""ts_ns":1586219400123459000,"schema":"public","table":"account","#,
                    r#""txId":790,"lsn":{},"xmin":null}},"transaction":null,"op":"u","#,
                    r#""ts_ms":1586219400535,"ts_us":1586219400535117,"#,
                    r#""ts_ns":1586219400535117542}}"#
                ),
                row, seq
            )
        };
        match self {
            Self::Plain => row.clone(),
            Self::Debezium => change(),
            Self::DebeziumWithSchema => format!(r#"{{"schema":{schema},"payload":{}}}"#, change()),
            Self::Huiliu => format!(
                concat!(
                    r#"{{"v":1,"ds":"bench","op":"u","seq":{},"#,
                    r#""event_time":"2020-04-07T08:30:00.123456+08:00","#,
                    r#""src":{{"dept":"11500000MB1670604L","system":"water","level":"city","#,
                    r#""batch":"20200407-001"}},"synthetic":true,"before":null,"after":{}}}"#
                ),
                seq, row
            ),
        }
    }
}

/// Breaks a record: cut short, its key null (done where the row was made), a stray byte at the
/// end.
fn spoil(value: &mut String, how: usize) {
    match how {
        0 => value.truncate(value.floor_char_boundary(value.len() / 2)),
        1 => {}
        _ => {
            value.pop();
            value.push('!');
        }
    }
}

const TYPES: [DataType; 10] = [
    DataType::String,
    DataType::String,
    DataType::String,
    DataType::Integer,
    DataType::Long,
    DECIMAL,
    DataType::Double,
    DataType::Date,
    DataType::Timestamp,
    DataType::Boolean,
];
const NAMES: [&str; 10] = [
    "account_no",
    "meter_code",
    "address",
    "rooms",
    "reading",
    "amount",
    "longitude",
    "opened",
    "updated_at",
    "is_active",
];

pub fn contract(shape: Shape, width: usize) -> Contract {
    let column = |at: usize| {
        let group = at / NAMES.len();
        let name = NAMES[at % NAMES.len()];
        let name = if group == 0 { name.to_owned() } else { format!("{name}_{group}") };
        Column {
            title: name.clone(),
            name,
            data_type: TYPES[at % TYPES.len()],
            required: false,
            unit: None,
            grade: Grade::L1,
            protect: Protect::Keep,
            rules: Vec::new(),
            on_fail: OnFail::Null,
            source: AtSource::default(),
        }
    };
    Contract {
        dataset: "bench".into(),
        title: "bench".into(),
        provider: "bench".into(),
        group: Group::Feed,
        cycle: None,
        kafka_topics: KAFKA_TOPIC.into(),
        format: shape.format(),
        epoch: 1,
        mode: Mode::Cdc,
        columns: (0..width).map(column).collect(),
        key: vec![0],
        bucket_by: vec![0],
        buckets: 16,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}

/// A row; about every thirteenth value outside the key is null. Debezium writes dates as days
/// and, with `decimal.handling.mode: string`, decimals as text.
fn row(contract: &Contract, n: u32, debezium: bool, keyless: bool) -> String {
    let mut out = String::from("{");
    for (at, column) in contract.columns.iter().enumerate() {
        let m = n.wrapping_mul(31).wrapping_add(u32::try_from(at).unwrap_or(0) * 7);
        out.push_str(if at == 0 { "" } else { "," });
        let _ = write!(out, "\"{}\":", column.name);
        if at == 0 && keyless || at > 0 && m % 13 == 0 {
            out.push_str("null");
            continue;
        }
        let _ = match at % TYPES.len() {
            0 => write!(out, "\"0230{:06}\"", n % 900_000 + 100_000),
            1 => write!(out, "\"E0{:06}-{}\"", m % 1_000_000, m % 7),
            2 => write!(out, "\"重庆市渝中区人民路{}号\"", m % 400),
            3 => write!(out, "{}", m % 12),
            4 => write!(out, "{}", 10_000_000_000_u64 + u64::from(m) * 97),
            5 if debezium => write!(out, "\"{}.{:02}\"", m % 9_000, m % 100),
            5 => write!(out, "{}.{:02}", m % 9_000, m % 100),
            6 => write!(out, "106.{:06}", m % 1_000_000),
            7 if debezium => write!(out, "{}", 15_000 + m % 3_000),
            7 => write!(out, "\"20{:02}-{:02}-{:02}\"", m % 20, m % 12 + 1, m % 28 + 1),
            8 => {
                write!(out, "\"2020-04-{:02}T08:30:{:02}.{:06}Z\"", m % 7 + 1, m % 60, m % 999_999)
            }
            _ => write!(out, "{}", m % 2 == 0),
        };
    }
    out.push('}');
    out
}

/// The schema that Debezium's converter puts before every payload unless it is told not to.
fn schema(contract: &Contract) -> String {
    let kind = |data_type: DataType| match data_type {
        DataType::Integer => r#""type":"int32""#,
        DataType::Long => r#""type":"int64""#,
        DataType::Double => r#""type":"double""#,
        DataType::Boolean => r#""type":"boolean""#,
        DataType::Date => r#""type":"int32","name":"io.debezium.time.Date","version":1"#,
        DataType::Timestamp => {
            r#""type":"string","name":"io.debezium.time.ZonedTimestamp","version":1"#
        }
        _ => r#""type":"string""#,
    };
    let field = |column: &Column| {
        let kind = kind(column.data_type);
        format!(r#"{{{kind},"optional":true,"field":"{}"}}"#, column.name)
    };
    let fields: Vec<String> = contract.columns.iter().map(field).collect();
    let image = |side: &str| {
        format!(
            concat!(
                r#"{{"type":"struct","fields":[{}],"optional":true,"#,
                r#""name":"city.public.account.Value","field":"{}"}}"#
            ),
            fields.join(","),
            side
        )
    };
    let source = concat!(
        r#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},"#,
        r#"{"type":"string","optional":false,"field":"connector"},"#,
        r#"{"type":"int64","optional":false,"field":"ts_ms"},"#,
        r#"{"type":"int64","optional":true,"field":"lsn"}],"optional":false,"#,
        r#""name":"io.debezium.connector.postgresql.Source","field":"source"}"#
    );
    format!(
        concat!(
            r#"{{"type":"struct","fields":[{},{},{},"#,
            r#"{{"type":"string","optional":false,"field":"op"}}],"optional":false,"#,
            r#""name":"city.public.account.Envelope","version":2}}"#
        ),
        image("before"),
        image("after"),
        source
    )
}
