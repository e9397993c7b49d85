//! The contract of a dataset: columns, types, rules, grades, and how it lands.
//!
//! `spec` reads contracts from `pipelines/**/*.yaml` and checks them; every other room takes
//! them as given. Columns are addressed by index once a contract is built.

mod at_source;
mod check;
mod rule;

pub use at_source::{AtSource, Encoding};
pub use check::{Check, Target};
pub use rule::{NamedRule, Rule, When};

use crate::drift::DriftPolicy;
use crate::topics::KafkaTopics;
use arrow::datatypes::{DataType as Arrow, Field, TimeUnit};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One source of records and its promises.
#[derive(Debug, Clone)]
pub struct Contract {
    /// Identity of the tables; never renamed, never reused.
    pub dataset: Arc<str>,
    pub title: String,
    pub provider: String,
    pub group: Group,
    /// Update cycle as the catalogue names it (实时, 每日 …).
    pub cycle: Option<String>,
    pub kafka_topics: KafkaTopics,
    pub format: Format,
    /// Source epoch: raised by hand after a fail-over that set the source's sequence back.
    pub epoch: i64,
    pub mode: Mode,
    pub columns: Vec<Column>,
    /// Indices of the key columns, in key order.
    pub key: Vec<usize>,
    /// Indices of the columns that choose the bucket; a subset of the key.
    pub bucket_by: Vec<usize>,
    /// Number of hash buckets of `current`; fixed when the table is made.
    pub buckets: u32,
    /// What must hold over the table; findings only, they block nothing.
    pub checks: Vec<Check>,
    pub stop_if: Option<StopIf>,
    /// What is done about records that differ from the columns.
    pub drift: DriftPolicy,
    pub land: Land,
    pub freshness: Freshness,
}

impl Contract {
    pub fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, c)| c.name == name)
    }

    /// The columns as they are stored, in contract order.
    ///
    /// Without protection (`protection: plain`) each column has its own type. With it, by policy:
    /// `token` gives `<name>` (text) and `<name>_enc` (binary); `encrypt` gives `<name>_enc`;
    /// `mask` gives text; `drop` nothing. All but key columns may be null. The title goes along
    /// as the metadata key `comment`.
    pub fn stored_fields(&self, protected: bool) -> Vec<Field> {
        let mut fields = Vec::with_capacity(self.columns.len() + 4);
        for (index, column) in self.columns.iter().enumerate() {
            let nullable = !self.key.contains(&index);
            let comment = |text: String| [("comment".to_owned(), text)].into();
            let plain = Field::new(&column.name, column.data_type.to_arrow(), nullable);
            let text = Field::new(&column.name, Arrow::Utf8, nullable);
            let encrypted = Field::new(format!("{}_enc", column.name), Arrow::Binary, true)
                .with_metadata(comment(format!("{} (SM4-GCM)", column.title)));
            let titled = |field: Field| field.with_metadata(comment(column.title.clone()));
            match (&column.protect, protected) {
                (Protect::Keep, _) | (_, false) => fields.push(titled(plain)),
                (Protect::Token { .. }, true) => fields.extend([titled(text), encrypted]),
                (Protect::Encrypt, true) => fields.push(encrypted),
                (Protect::Mask(_), true) => fields.push(titled(text)),
                (Protect::Drop, true) => {}
            }
        }
        fields
    }

    /// Names of the key columns, in key order. They keep their names under every protection.
    pub fn key_names(&self) -> Vec<&str> {
        self.key.iter().map(|&i| self.columns[i].name.as_str()).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Base,
    Feed,
    Pool,
}

impl Group {
    /// As pipeline files and labels of metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Feed => "feed",
            Self::Pool => "pool",
        }
    }
}

/// Envelope of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The project's own envelope: v, ds, op, seq, event_time, src, before, after.
    HuiliuJson,
    /// Debezium's JSON, with or without the embedded schema.
    DebeziumJson,
    /// Plain rows in Avro behind the id of their schema; the Kafka offset is the sequence.
    ConfluentAvro,
    /// Debezium's envelope in Avro behind the id of its schema.
    DebeziumAvro,
    /// Plain rows: an object per record; the Kafka offset is the sequence.
    Json,
}

impl Format {
    /// Whether values are encoded as Debezium encodes them.
    pub fn is_debezium(self) -> bool {
        matches!(self, Self::DebeziumJson | Self::DebeziumAvro)
    }

    /// Whether records are Avro, whose schemas a registry keeps.
    pub fn is_avro(self) -> bool {
        matches!(self, Self::ConfluentAvro | Self::DebeziumAvro)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rows change and are deleted.
    Cdc,
    /// Rows are added; a second record of a key is a correction.
    Append,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub title: String,
    pub data_type: DataType,
    /// Must be present: a missing value is a finding, and for a key column a reject.
    pub required: bool,
    pub unit: Option<String>,
    pub grade: Grade,
    pub protect: Protect,
    pub rules: Vec<Rule>,
    /// What a failed rule does to a cell; key columns always reject the row.
    pub on_fail: OnFail,
    pub source: AtSource,
}

impl Column {
    /// Name of the field in the records.
    pub fn field(&self) -> &str {
        self.source.field.as_deref().unwrap_or(&self.name)
    }
}

/// Logical types of contract columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Date,
    /// An instant; stored as UTC microseconds. Values without an offset are Asia/Shanghai.
    Timestamp,
    Decimal {
        precision: u8,
        scale: i8,
    },
}

impl DataType {
    pub fn to_arrow(self) -> Arrow {
        match self {
            Self::String => Arrow::Utf8,
            Self::Integer => Arrow::Int32,
            Self::Long => Arrow::Int64,
            Self::Double => Arrow::Float64,
            Self::Boolean => Arrow::Boolean,
            Self::Date => Arrow::Date32,
            Self::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Decimal { precision, scale } => Arrow::Decimal128(precision, scale),
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Integer => f.write_str("integer"),
            Self::Long => f.write_str("long"),
            Self::Double => f.write_str("double"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
        }
    }
}

/// Sensitivity, L1 (public) to L4 (serious harm).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    L1,
    L2,
    L3,
    L4,
}

/// What is written in place of a value, unless the lake says `protection: plain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protect {
    Keep,
    /// A masked text; the original is not kept.
    Mask(MaskKind),
    /// HMAC-SM3 of `"<kind>|<value>"`, hexadecimal, with the original encrypted beside it. A value
    /// that is a valid unified social credit code is public and stays as it is if `keep_uscc`.
    Token {
        kind: String,
        keep_uscc: bool,
    },
    /// SM4-GCM only.
    Encrypt,
    Drop,
}

/// Masking rules of the domain specification, section 5.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskKind {
    ResidentId,
    Name,
    Phone,
    BankCard,
    Address,
    Email,
    Plate,
    Passport,
    /// Stars, then the last four characters (account and meter numbers).
    Last4,
    /// The year of a date.
    BirthDate,
}

impl MaskKind {
    pub const ALL: [(&'static str, Self); 10] = [
        ("resident_id", Self::ResidentId),
        ("name", Self::Name),
        ("phone", Self::Phone),
        ("bank_card", Self::BankCard),
        ("address", Self::Address),
        ("email", Self::Email),
        ("plate", Self::Plate),
        ("passport", Self::Passport),
        ("last4", Self::Last4),
        ("birth_date", Self::BirthDate),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFail {
    /// The cell becomes null and the row is flagged.
    #[default]
    Null,
    /// The cell stays and the row is flagged.
    Warn,
    /// The row goes to quarantine.
    Reject,
}

/// Circuit breaker of one dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopIf {
    /// Share of rejects, 0 to 1, that must not be passed.
    pub rejects_over: f64,
    /// Newest records over which the share is taken, 1 to [`StopIf::OF_LAST_MAX`].
    pub of_last: u64,
}

impl StopIf {
    /// Longest window: beyond it a stop would come too late to be of use.
    pub const OF_LAST_MAX: u64 = 1_000_000;
    /// Records that must have been seen before a share means something: a first chunk with three
    /// bad records of ten stops nothing. A shorter window must be full.
    pub const SEEN_MIN: u64 = 1_000;

    /// Records that must be seen before the dataset can stop.
    pub fn seen_min(&self) -> u64 {
        self.of_last.min(Self::SEEN_MIN)
    }
}

/// When a batch is committed and how long changes are kept.
#[derive(Debug, Clone)]
pub struct Land {
    pub commit_every: Duration,
    pub commit_rows: usize,
    pub commit_bytes: usize,
    pub file_target_bytes: u64,
    pub retain: Duration,
}

impl Default for Land {
    /// Five seconds or 500,000 rows or 64 MiB of Arrow memory, whichever comes first.
    fn default() -> Self {
        Self {
            commit_every: Duration::from_secs(5),
            commit_rows: 500_000,
            commit_bytes: 64 << 20,
            file_target_bytes: 128 << 20,
            retain: Duration::from_secs(400 * 86_400),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Freshness {
    pub warn_after: Duration,
    pub page_after: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { warn_after: Duration::from_secs(60), page_after: Duration::from_secs(600) }
    }
}
