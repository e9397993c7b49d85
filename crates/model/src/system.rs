//! System columns: what every table carries beside the columns of its contract.
//!
//! The prefix `sys_` is reserved; contracts may not use it. Types are those a Delta reader of
//! version 1 understands; instants are UTC microseconds.

use arrow::datatypes::{DataType, Field, TimeUnit};

pub const PREFIX: &str = "sys_";
pub const OP: &str = "sys_op";
pub const EPOCH: &str = "sys_epoch";
pub const SEQ: &str = "sys_seq";
/// 0 for a snapshot read, 1 for a change: a read loses against a change of equal sequence.
pub const RANK: &str = "sys_rank";
pub const PARTITION: &str = "sys_partition";
pub const OFFSET: &str = "sys_offset";
/// The Kafka topic of the record, or `file/<digits>` of a loaded file. Null in rows that were
/// written before there was this column: the dataset's one topic, or not known which.
pub const KAFKA_TOPIC: &str = "sys_kafka_topic";
pub const ORDINAL: &str = "sys_ordinal";
/// Ordinal of deletes that landing adds for a truncate; those of a record's own rows are 0 and 1.
pub const TRUNCATED: i32 = 255;
pub const EVENT_TIME: &str = "sys_event_time";
pub const KAFKA_TIME: &str = "sys_kafka_time";
pub const INGEST_TIME: &str = "sys_ingest_time";
pub const BUCKET: &str = "sys_bucket";
pub const FLAGS: &str = "sys_flags";
/// Columns whose value the source did not send, which older rows of the key may have; null for a
/// row that is whole. In `changes` their names, joined by `,`. In `current` each with the sequence
/// of what is known of it: `note@0/5/1/9/0/0/feed.a` is the value of that change (epoch, sequence,
/// rank, offset, partition, ordinal, Kafka topic if it is known), `note!0/5/1/9/0/0/feed.a` nothing
/// since that delete, `note` nothing.
pub const UNSENT: &str = "sys_unsent";
/// The department that delivered the record, as it names itself; null when it does not.
pub const DEPARTMENT: &str = "sys_department";
/// Cells as they were delivered, where something else is stored: a JSON object by column.
pub const RAW: &str = "sys_raw";
/// The same, sealed: the shape of a lake that protects.
pub const RAW_SEALED: &str = "sys_raw_enc";
/// Fields that the contract does not name, as delivered: a JSON object. Only where the contract
/// says `drift: {added: evolve}`.
pub const EXTRA: &str = "sys_extra";
/// The same, sealed.
pub const EXTRA_SEALED: &str = "sys_extra_enc";

/// Columns that decide which change of a key wins, most significant first; a Kafka topic that is
/// not known is below every other. The ordinal comes last, since it counts the rows of one record.
pub const SEQUENCE: [&str; 7] = [EPOCH, SEQ, RANK, OFFSET, PARTITION, KAFKA_TOPIC, ORDINAL];

pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// System columns of `changes.<dataset>`, in order, after the contract's stored columns.
///
/// `protected`: delivered texts are sealed, since any text may hold anything.
pub fn changes_fields(protected: bool) -> Vec<Field> {
    let text = |plain: &str, sealed: &str| match protected {
        true => Field::new(sealed, DataType::Binary, true),
        false => Field::new(plain, DataType::Utf8, true),
    };
    vec![
        Field::new(OP, DataType::Utf8, false),
        Field::new(EPOCH, DataType::Int64, false),
        Field::new(SEQ, DataType::Int64, false),
        Field::new(RANK, DataType::Int32, false),
        Field::new(OFFSET, DataType::Int64, false),
        Field::new(PARTITION, DataType::Int32, false),
        Field::new(KAFKA_TOPIC, DataType::Utf8, true),
        Field::new(ORDINAL, DataType::Int32, false),
        Field::new(EVENT_TIME, timestamp(), true),
        Field::new(KAFKA_TIME, timestamp(), false),
        Field::new(INGEST_TIME, timestamp(), false),
        Field::new(BUCKET, DataType::Int32, false),
        Field::new(FLAGS, DataType::Utf8, true),
        Field::new(UNSENT, DataType::Utf8, true),
        Field::new(DEPARTMENT, DataType::Utf8, true),
        text(RAW, RAW_SEALED),
        text(EXTRA, EXTRA_SEALED),
    ]
}

/// System columns of `current.<dataset>`: those of `changes` without the operation, the
/// ingest time (a rebuild gives the same rows), the bucket, which is the partition, and the
/// delivered texts and strange fields, which are history.
pub fn current_fields() -> Vec<Field> {
    changes_fields(false)
        .into_iter()
        .filter(|f| ![OP, INGEST_TIME, BUCKET, RAW, EXTRA].contains(&f.name().as_str()))
        .collect()
}

/// System columns of `deleted.<dataset>`: the sequence and the times.
pub fn deleted_fields() -> Vec<Field> {
    let fields = current_fields().into_iter();
    fields.filter(|f| ![FLAGS, UNSENT, DEPARTMENT].contains(&f.name().as_str())).collect()
}

/// Columns of `quarantine.<dataset>`.
///
/// `raw` holds the value's bytes: encrypted when a key is configured (`raw_key_id` names it),
/// as they came under `protection: plain`, and null otherwise. `raw_sm3` is SM3 of the bytes, or
/// HMAC-SM3 where a key is configured; null where `raw` is the bytes themselves, which say it.
pub fn quarantine_fields() -> Vec<Field> {
    vec![
        Field::new("kafka_topic", DataType::Utf8, false),
        Field::new(PARTITION, DataType::Int32, false),
        Field::new(OFFSET, DataType::Int64, false),
        Field::new(KAFKA_TIME, timestamp(), false),
        Field::new(INGEST_TIME, timestamp(), false),
        Field::new("stage", DataType::Utf8, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("field", DataType::Utf8, true),
        Field::new("rule", DataType::Utf8, true),
        Field::new("at_byte", DataType::Int64, true),
        Field::new("raw_bytes", DataType::Int64, false),
        Field::new("raw_sm3", DataType::Utf8, true),
        Field::new("raw", DataType::Binary, true),
        Field::new("raw_key_id", DataType::Utf8, true),
        Field::new(DEPARTMENT, DataType::Utf8, true),
    ]
}
