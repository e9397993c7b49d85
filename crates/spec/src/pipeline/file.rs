//! The shape of a pipeline file, as written; the doc comments are what editors show.

use super::encoding::{DecimalHandling, TimePrecision};
use crate::read::{Either, Read};
use crate::units::{Bytes, Share, Span};
use huiliu_model::OnDrift;
use huiliu_model::contract::{Encoding, Format, Grade, Group, MaskKind, Mode, OnFail};
use schemars::JsonSchema;
use serde::Deserialize;

/// One dataset: where its records come from, what they must look like and how they land.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "dataset", deny_unknown_fields)]
pub(crate) struct DatasetFile {
    /// Identity of the tables; never renamed, never reused. The file has this name.
    pub dataset: Read<String>,
    /// Name of the dataset in Chinese.
    pub title: Read<String>,
    /// Department or company that answers for the data.
    pub provider: Read<String>,
    /// Group of the dataset; the file's folder has this name.
    pub group: Read<GroupWord>,
    /// Update cycle as the catalogue names it: 实时, 每日, 每月, …
    pub cycle: Option<Read<String>>,
    /// Where the records come from.
    pub source: Read<SourceFile>,
    /// Whether rows change (cdc) or are only added (append).
    pub mode: Read<ModeWord>,
    /// Columns that identify a row; they must be required.
    pub key: Read<Vec<Read<String>>>,
    /// Columns of the key that choose the bucket; all of the key when not given.
    pub bucket_by: Option<Read<Vec<Read<String>>>>,
    /// Number of hash buckets of the current table, 1 to 4096; fixed once the table exists.
    /// Default 16.
    pub buckets: Option<Read<u32>>,
    /// The columns, in order.
    pub columns: Read<Vec<Read<ColumnFile>>>,
    /// What must hold over the table or against another dataset; counted, never blocking.
    pub checks: Option<Read<Vec<Read<super::checks::CheckFile>>>>,
    /// What happens to records that cannot be accepted.
    pub quality: Option<Read<QualityFile>>,
    /// What is done about records that differ from the columns. Everything is ignored by default.
    pub drift: Option<Read<DriftFile>>,
    /// When batches are committed and how long changes are kept.
    pub land: Option<Read<LandFile>>,
    /// When the age of the newest record is worth a warning or a page.
    pub freshness: Option<Read<FreshnessFile>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "source", deny_unknown_fields)]
pub(crate) struct SourceFile {
    /// Kafka topic that carries the records; one dataset per topic.
    pub kafka_topic: Option<Read<String>>,
    /// In place of `kafka_topic`: all topics that match, those that appear later included. A
    /// regular expression from `^` to `$`, of letters, digits and `_ - \. . [ ] ( ) | * + ?`.
    pub kafka_topic_pattern: Option<Read<String>>,
    /// Envelope of the records.
    pub format: Read<FormatWord>,
    /// Raised by hand after a fail-over that set the source's sequence back. Default 0.
    pub epoch: Option<Read<i64>>,
    /// The connector's `decimal.handling.mode`; for `debezium_json` whose records have no schema.
    pub decimal_handling: Option<Read<DecimalWord>>,
    /// The connector's `time.precision.mode`; for `debezium_json` whose records have no schema.
    /// Under the two adaptive modes the unit of a timestamp is that of its column: `encoding`.
    pub time_precision: Option<Read<TimeWord>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "column", deny_unknown_fields)]
pub(crate) struct ColumnFile {
    /// Name in the tables, and in the records too without `from`: `[a-z][a-z0-9_]*`.
    pub name: Read<String>,
    /// Name of the field in the records, in any language.
    pub from: Option<Read<String>>,
    /// How the source writes the values, where its records do not say it: as the type has it
    /// (plain), times as counts since 1970 (days, millis, micros, nanos) or since midnight
    /// (time_millis, time_micros, time_nanos), ISO text of the local clock that ends in Z
    /// (local_iso), decimals as base64 (precise, variable), or kept byte by byte (verbatim).
    pub encoding: Option<Read<EncodingWord>>,
    /// Meaning of the column, in Chinese.
    pub title: Read<String>,
    /// string, integer, long, double, boolean, date, timestamp or decimal(precision, scale).
    #[serde(rename = "type")]
    pub data_type: Read<super::types::TypeText>,
    /// Must be present. Default false.
    pub required: Option<Read<bool>>,
    /// Unit of a number: CNY, kWh, m3, %, …
    pub unit: Option<Read<String>>,
    /// Sensitivity, L1 (public) to L4 (serious harm).
    pub grade: Read<GradeWord>,
    /// What is written in place of the value. By default L1 to L3 are kept; L4 becomes a token
    /// where the rule is resident_id, identity_document or holder_code, and is encrypted otherwise.
    pub protect: Option<Read<Either<ProtectWord, ProtectFile>>>,
    /// One rule; short for a list of one.
    pub rule: Option<Read<super::rules::RuleFile>>,
    /// The rules, in the order in which they are applied.
    pub rules: Option<Read<Vec<Read<super::rules::RuleFile>>>>,
    /// What a failed rule does to the cell. Default null; the columns of the key always reject.
    pub on_fail: Option<Read<OnFailWord>>,
}

/// Mask or token, with its kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "mask_or_token", deny_unknown_fields)]
pub(crate) struct ProtectFile {
    /// Keep a masked text only.
    pub mask: Option<Read<MaskWord>>,
    /// Kind of identifier; equal values of one kind have equal tokens in every dataset.
    pub token: Option<Read<String>>,
    /// Leave valid unified social credit codes as they are. Default false.
    pub keep_uscc: Option<Read<bool>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "quality", deny_unknown_fields)]
pub(crate) struct QualityFile {
    /// Rejected records are kept in quarantine.
    #[allow(dead_code, reason = "its one word is checked when it is read")]
    pub on_reject: Option<Read<OnRejectWord>>,
    /// Circuit breaker of this dataset alone.
    pub stop_if: Option<Read<StopIfFile>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "stop_if", deny_unknown_fields)]
pub(crate) struct StopIfFile {
    /// Share of rejects that stops the dataset.
    pub rejects_over: Read<Share>,
    /// Number of newest records over which the share is taken, 1 to 1000000.
    pub of_last: Read<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "drift", deny_unknown_fields)]
pub(crate) struct DriftFile {
    /// Fields that no column names. Default ignore; `evolve` keeps them in `sys_extra`.
    pub added: Option<Read<OnAddedWord>>,
    /// Columns that whole chunks of records no longer have. Default ignore.
    pub dropped: Option<Read<OnDriftWord>>,
    /// Values of a JSON kind that does not suit the column's type. Default ignore.
    pub retyped: Option<Read<OnDriftWord>>,
    /// Numbers beyond the column's range or digits. Default ignore.
    pub widened: Option<Read<OnDriftWord>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "land", deny_unknown_fields)]
pub(crate) struct LandFile {
    /// Age at which a batch is committed. Default 5s.
    pub commit_every: Option<Read<Span>>,
    /// Rows at which a batch is committed. Default 500000.
    pub commit_rows: Option<Read<u64>>,
    /// Memory at which a batch is committed. Default 64MiB.
    pub commit_bytes: Option<Read<Bytes>>,
    /// Size of the files that folding writes. Default 128MiB.
    pub file_target: Option<Read<Bytes>>,
    /// How long changes are kept. Default 400d.
    pub retain: Option<Read<Span>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "freshness", deny_unknown_fields)]
pub(crate) struct FreshnessFile {
    /// Default 1m.
    pub warn_after: Option<Read<Span>>,
    /// Default 10m.
    pub page_after: Option<Read<Span>>,
}

/// A closed set of words in a file, and what each means in the model.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident as $name:literal => $target:ty {
        $($variant:ident $text:literal = $value:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
        #[serde(rename = $name)]
        pub(crate) enum $type { $(#[serde(rename = $text)] $variant,)* }

        impl $type {
            pub fn meaning(self) -> $target {
                match self { $(Self::$variant => $value,)* }
            }

            #[allow(dead_code, reason = "not every set is printed")]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

words! { GroupWord as "group" => Group {
    Base "base" = Group::Base,
    Feed "feed" = Group::Feed,
    Pool "pool" = Group::Pool,
}}

words! { FormatWord as "format" => Format {
    HuiliuJson "huiliu_json" = Format::HuiliuJson,
    DebeziumJson "debezium_json" = Format::DebeziumJson,
    ConfluentAvro "confluent_avro" = Format::ConfluentAvro,
    DebeziumAvro "debezium_avro" = Format::DebeziumAvro,
    Json "json" = Format::Json,
}}

words! { DecimalWord as "decimal_handling" => DecimalHandling {
    Precise "precise" = DecimalHandling::Precise,
    String "string" = DecimalHandling::Plain,
    Double "double" = DecimalHandling::Plain,
}}

words! { TimeWord as "time_precision" => TimePrecision {
    Adaptive "adaptive" = TimePrecision::Adaptive,
    AdaptiveTimeMicroseconds "adaptive_time_microseconds" = TimePrecision::Adaptive,
    Connect "connect" = TimePrecision::Of(Encoding::Millis),
    Microseconds "microseconds" = TimePrecision::Of(Encoding::Micros),
    Nanoseconds "nanoseconds" = TimePrecision::Of(Encoding::Nanos),
    Isostring "isostring" = TimePrecision::Of(Encoding::LocalIso),
}}

words! { EncodingWord as "encoding" => Encoding {
    Plain "plain" = Encoding::Plain,
    Days "days" = Encoding::Days,
    Millis "millis" = Encoding::Millis,
    Micros "micros" = Encoding::Micros,
    Nanos "nanos" = Encoding::Nanos,
    LocalIso "local_iso" = Encoding::LocalIso,
    TimeMillis "time_millis" = Encoding::TimeMillis,
    TimeMicros "time_micros" = Encoding::TimeMicros,
    TimeNanos "time_nanos" = Encoding::TimeNanos,
    Precise "precise" = Encoding::Unscaled { scale: 0 },
    Variable "variable" = Encoding::Variable,
    Verbatim "verbatim" = Encoding::Verbatim,
}}

words! { ModeWord as "mode" => Mode {
    Cdc "cdc" = Mode::Cdc,
    Append "append" = Mode::Append,
}}

words! { GradeWord as "grade" => Grade {
    L1 "L1" = Grade::L1,
    L2 "L2" = Grade::L2,
    L3 "L3" = Grade::L3,
    L4 "L4" = Grade::L4,
}}

words! { OnFailWord as "on_fail" => OnFail {
    Null "null" = OnFail::Null,
    Warn "warn" = OnFail::Warn,
    Reject "reject" = OnFail::Reject,
}}

words! { OnAddedWord as "on_added" => OnDrift {
    Ignore "ignore" = OnDrift::Ignore,
    Evolve "evolve" = OnDrift::Evolve,
    Quarantine "quarantine" = OnDrift::Quarantine,
    Stop "stop" = OnDrift::Stop,
}}

words! { OnDriftWord as "on_drift" => OnDrift {
    Ignore "ignore" = OnDrift::Ignore,
    Quarantine "quarantine" = OnDrift::Quarantine,
    Stop "stop" = OnDrift::Stop,
}}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename = "on_reject", rename_all = "snake_case")]
pub(crate) enum OnRejectWord {
    Quarantine,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename = "protection", rename_all = "snake_case")]
pub(crate) enum ProtectWord {
    Keep,
    Encrypt,
    Drop,
}

words! { MaskWord as "mask" => MaskKind {
    ResidentId "resident_id" = MaskKind::ResidentId,
    Name "name" = MaskKind::Name,
    Phone "phone" = MaskKind::Phone,
    BankCard "bank_card" = MaskKind::BankCard,
    Address "address" = MaskKind::Address,
    Email "email" = MaskKind::Email,
    Plate "plate" = MaskKind::Plate,
    Passport "passport" = MaskKind::Passport,
    Last4 "last4" = MaskKind::Last4,
    BirthDate "birth_date" = MaskKind::BirthDate,
}}
