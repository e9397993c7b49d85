//! The records that are measured: ten kinds of columns, repeated up to the width.

use crate::avro;
use huiliu_decode::{Decoder, Limits};
use huiliu_model::contract::{AtSource, Format, Freshness, Group, Land, Mode, OnFail};
use huiliu_model::{Column, Contract, DataType, Grade, Partition, Protect, Record, Records};
use std::fmt::Write;
use std::sync::Arc;

const KAFKA_TOPIC: &str = "feed.bench";
/// 2020-04-07 08:31:00 in Shanghai.
const KAFKA_MS: i64 = 1_586_219_460_000;
/// As `crates/kafka` fills its chunks: bytes with the entries, and records.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_RECORDS: usize = 4_096;
const DECIMAL: DataType = DataType::Decimal { precision: 14, scale: 2 };

/// How a row is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Huiliu,
    Debezium,
    DebeziumWithSchema,
    Plain,
    DebeziumAvro,
    PlainAvro,
}

/// What makes a record bad: every `bad_every`-th, each of these in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// Cut in half, wherever that is: also within a character.
    Cut,
    /// The key is null, which is required.
    Keyless,
    /// A word where a whole number is due; in Avro a decimal of too many digits.
    WrongType,
    /// The 30th of February; as days, more of them than years of four digits have.
    BadDate,
    /// A byte behind the end; in JSON in place of the last.
    Stray,
}

impl Spoil {
    const ALL: [Self; 5] = [Self::Cut, Self::Keyless, Self::WrongType, Self::BadDate, Self::Stray];

    /// The column whose value is bad.
    pub fn column(self, is_avro: bool) -> Option<usize> {
        match self {
            Self::Keyless => Some(0),
            Self::WrongType => Some(if is_avro { 5 } else { 3 }),
            Self::BadDate => Some(7),
            Self::Cut | Self::Stray => None,
        }
    }
}

impl Shape {
    pub const ALL: [Self; 6] = [
        Self::Huiliu,
        Self::Debezium,
        Self::DebeziumWithSchema,
        Self::Plain,
        Self::DebeziumAvro,
        Self::PlainAvro,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Huiliu => "huiliu_json",
            Self::Debezium => "debezium_json",
            Self::DebeziumWithSchema => "debezium_json with schema",
            Self::Plain => "json",
            Self::DebeziumAvro => "debezium_avro",
            Self::PlainAvro => "confluent_avro",
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Huiliu => Format::HuiliuJson,
            Self::Debezium | Self::DebeziumWithSchema => Format::DebeziumJson,
            Self::Plain => Format::Json,
            Self::DebeziumAvro => Format::DebeziumAvro,
            Self::PlainAvro => Format::ConfluentAvro,
        }
    }

    pub fn is_avro(self) -> bool {
        matches!(self, Self::DebeziumAvro | Self::PlainAvro)
    }

    /// A decoder that knows the schema of the records.
    pub fn decoder(self, contract: &Contract) -> Decoder {
        let decoder = Decoder::new(contract, Limits::default());
        if self.is_avro() {
            decoder.learn(avro::ID, &avro::schema(contract, self == Self::DebeziumAvro));
        }
        decoder
    }

    /// Records of one partition in chunks; every `bad_every`-th is bad, none if 0.
    pub fn chunks(self, contract: &Contract, count: u32, bad_every: usize) -> Vec<Records> {
        let topic: Arc<str> = KAFKA_TOPIC.into();
        let partition = Partition::new(topic.clone(), 0);
        let mut chunks = vec![Records::new(contract.dataset.clone(), topic.clone())];
        let schema = schema(contract);
        for number in 0..count {
            let at = number as usize;
            let bad = bad_every > 0 && at % bad_every == bad_every / 2;
            let spoil = bad.then(|| Spoil::ALL[at / bad_every % Spoil::ALL.len()]);
            let mut value = match self {
                Self::DebeziumAvro => avro::record(contract, number, true, spoil),
                Self::PlainAvro => avro::record(contract, number, false, spoil),
                _ => self.record(contract, number, &schema, spoil).into_bytes(),
            };
            match spoil {
                Some(Spoil::Cut) => value.truncate(value.len() / 2),
                Some(Spoil::Stray) => {
                    value.truncate(value.len() - usize::from(!self.is_avro()));
                    value.push(b'!');
                }
                _ => {}
            }
            let offset = i64::from(number);
            let is_full = |held: &Records| {
                let bytes = held.arena.len() + held.entries.len() * size_of::<Record>();
                bytes >= CHUNK_BYTES || held.entries.len() >= CHUNK_RECORDS
            };
            if chunks.last().is_some_and(is_full) {
                chunks.push(Records::new(contract.dataset.clone(), topic.clone()));
            }
            let records = chunks.last_mut().expect("there is at least one chunk");
            let value = Some(records.store(&value));
            let entry = Record { partition: 0, offset, timestamp_ms: KAFKA_MS, key: None, value };
            records.entries.push(entry);
            let start = offset - records.entries.len() as i64 + 1;
            records.covers.0.insert(partition.clone(), start..offset + 1);
        }
        chunks
    }

    fn record(self, contract: &Contract, n: u32, schema: &str, spoil: Option<Spoil>) -> String {
        let row = row(contract, n, self.format() == Format::DebeziumJson, spoil);
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
            _ => change(),
        }
    }
}

pub const TYPES: [DataType; 10] = [
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

/// The contract has types; three columns of the first group reject their row, none has a rule.
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
            on_fail: if matches!(at, 3 | 5 | 7) { OnFail::Reject } else { OnFail::Null },
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

/// What the value of a column in a row is made of.
pub fn mixed(n: u32, at: usize) -> u32 {
    n.wrapping_mul(31).wrapping_add(u32::try_from(at).unwrap_or(0) * 7)
}

pub fn is_null(mixed: u32, at: usize) -> bool {
    at > 0 && mixed.is_multiple_of(13)
}

/// A row; about every thirteenth value outside the key is null. Debezium writes dates as days
/// and, with `decimal.handling.mode: string`, decimals as text.
fn row(contract: &Contract, n: u32, debezium: bool, spoil: Option<Spoil>) -> String {
    let mut out = String::from("{");
    for (at, column) in contract.columns.iter().enumerate() {
        let m = mixed(n, at);
        out.push_str(if at == 0 { "" } else { "," });
        let _ = write!(out, "\"{}\":", column.name);
        if let Some(spoil) = spoil.filter(|spoil| spoil.column(false) == Some(at)) {
            out.push_str(match spoil {
                Spoil::WrongType => r#""many""#,
                Spoil::BadDate => r#""2019-02-30""#,
                _ => "null",
            });
            continue;
        }
        if is_null(m, at) {
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
