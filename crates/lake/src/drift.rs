//! `ledger.drift`: where the records of a source left their contract, and since when.

use crate::error::arrow_error;
use crate::lake::Lake;
use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use huiliu_model::{DriftNote, Error, system};
use std::sync::Arc;

/// Name of the ledger table.
const DRIFT: &str = "drift";
const TITLE: &str = "来源数据结构变化";

/// One row per dataset, kind and field, and process that saw it.
fn schema() -> SchemaRef {
    let field = |name: &str, data_type: DataType, comment: &str| {
        let comment = [("comment".to_owned(), comment.to_owned())].into();
        Field::new(name, data_type, false).with_metadata(comment)
    };
    Arc::new(Schema::new(vec![
        field("dataset", DataType::Utf8, "数据集"),
        field("kind", DataType::Utf8, "变化种类: added, dropped, retyped, widened"),
        field("field", DataType::Utf8, "字段"),
        field("policy", DataType::Utf8, "处理方式: ignore, evolve, quarantine, stop"),
        field("kafka_topic", DataType::Utf8, "Kafka 主题"),
        field("partition", DataType::Int32, "分区"),
        field("first_offset", DataType::Int64, "首条记录位点"),
        field("record_count", DataType::Int64, "登记时已见记录数"),
        field("first_time", system::timestamp(), "首条记录时间"),
        field("last_time", system::timestamp(), "末条记录时间"),
        field("noted_at", system::timestamp(), "登记时间"),
    ]))
}

impl Lake {
    /// Appends one row per note to `ledger.drift`.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn note_drifts(&self, notes: &[DriftNote]) -> Result<(), Error> {
        if notes.is_empty() {
            return Ok(());
        }
        let ledger = self.ledger(DRIFT, TITLE, schema()).await?;
        let rows = rows(notes, self.shared().clock.now_us())?;
        ledger.note(&rows).await.map(|_| ())
    }
}

fn rows(notes: &[DriftNote], now_us: i64) -> Result<RecordBatch, Error> {
    let text = |of: fn(&DriftNote) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(notes.iter().map(of)))
    };
    let instant = |of: &dyn Fn(&DriftNote) -> i64| -> ArrayRef {
        let micros: TimestampMicrosecondArray = notes.iter().map(|note| Some(of(note))).collect();
        Arc::new(micros.with_timezone("UTC"))
    };
    let count = |n: &DriftNote| i64::try_from(n.drift.count).unwrap_or(i64::MAX);
    let columns: Vec<ArrayRef> = vec![
        text(|n| &n.dataset),
        text(|n| n.drift.kind.label()),
        text(|n| &n.drift.field),
        text(|n| n.policy.label()),
        text(|n| &n.kafka_topic),
        Arc::new(Int32Array::from_iter_values(notes.iter().map(|n| n.drift.partition))),
        Arc::new(Int64Array::from_iter_values(notes.iter().map(|n| n.drift.offset))),
        Arc::new(Int64Array::from_iter_values(notes.iter().map(count))),
        instant(&|n| n.drift.first_ms.saturating_mul(1_000)),
        instant(&|n| n.drift.last_ms.saturating_mul(1_000)),
        instant(&|_| now_us),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| arrow_error("noting drift", e))
}
