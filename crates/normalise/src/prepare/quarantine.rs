//! Rejected records in the columns of `system::quarantine_fields`.
//!
//! The only place a rejected value may be is `raw`: sealed under keys (associated data
//! `quarantine.<dataset>|raw`), as it came in a plain lake, null without keys. A value above
//! [`RAW_BYTES_MAX`] is not kept: Kafka still has it for as long as it retains it.
//!
//! Its size is always there. Its digest (SM3, under keys HMAC-SM3) tells whether a later copy is
//! the same; beside a value as it came it would tell nothing more, and be most of what a reject
//! costs, so there it is null.

use super::fate::Rejected;
use super::system_columns::SystemColumns;
use crate::crypto::{Crypto, Hex, Origin, sm3_hexes};
use crate::protect::Protection;
use arrow::array::{
    Array, ArrayRef, BinaryBuilder, Int32Array, Int64Array, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use huiliu_model::{Contract, Record};
use std::sync::Arc;

/// Longest raw value that is kept.
pub(super) const RAW_BYTES_MAX: usize = 8 << 20;
/// Column name in the associated data of a sealed raw value.
pub(crate) const RAW: &str = "raw";

/// Dataset name in the associated data of a sealed raw value.
pub(crate) fn sealed_dataset(dataset: &str) -> String {
    format!("quarantine.{dataset}")
}

pub(super) struct Quarantine<'a> {
    pub contract: &'a Contract,
    pub protection: &'a Protection,
    pub crypto: Option<&'a Crypto>,
    pub system: &'a SystemColumns<'a>,
}

impl Quarantine<'_> {
    pub fn columns(&self, rejected: &[Rejected]) -> Vec<ArrayRef> {
        let SystemColumns { records, changes, ingest_time_us, .. } = *self.system;
        let entries: Vec<&Record> =
            rejected.iter().map(|r| &records.entries[r.record as usize]).collect();
        let values: Vec<&[u8]> =
            entries.iter().map(|entry| records.value(entry).unwrap_or_default()).collect();
        let times = |of: &dyn Fn(&Record) -> i64| {
            let micros = entries.iter().map(|entry| of(entry));
            TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC")
        };
        let kafka_topic = StringArray::from_iter_values(std::iter::repeat_n(
            &*records.kafka_topic,
            rejected.len(),
        ));
        let partitions = entries.iter().map(|entry| entry.partition);
        let offsets = entries.iter().map(|entry| entry.offset);
        let field = |r: &Rejected| {
            let column = self.contract.columns.get(usize::from(r.column?))?;
            Some(column.name.as_str())
        };
        // Rows are in the order of their records; a record that was not read has none.
        let department = |record: u32| {
            let at = changes.rows.partition_point(|row| row.record < record);
            let row = changes.rows.get(at).filter(|row| row.record == record)?;
            self.system.department(row)
        };
        let (raw, key_ids) = self.raw(&entries, &values);
        vec![
            Arc::new(kafka_topic),
            Arc::new(Int32Array::from_iter_values(partitions)),
            Arc::new(Int64Array::from_iter_values(offsets)),
            Arc::new(times(&|entry| entry.timestamp_ms.saturating_mul(1_000))),
            Arc::new(times(&|_| ingest_time_us)),
            Arc::new(StringArray::from_iter_values(rejected.iter().map(|r| r.stage.label()))),
            Arc::new(StringArray::from_iter_values(rejected.iter().map(|r| r.reason.label()))),
            Arc::new(rejected.iter().map(field).collect::<StringArray>()),
            Arc::new(rejected.iter().map(|r| r.rule).collect::<StringArray>()),
            Arc::new(rejected.iter().map(|r| r.at.map(i64::from)).collect::<Int64Array>()),
            Arc::new(Int64Array::from_iter_values(values.iter().map(|value| size(value)))),
            self.digests(&values, &*raw),
            raw,
            key_ids,
            Arc::new(rejected.iter().map(|r| department(r.record)).collect::<StringArray>()),
        ]
    }

    fn raw(&self, entries: &[&Record], values: &[&[u8]]) -> (ArrayRef, ArrayRef) {
        let dataset = sealed_dataset(&self.contract.dataset);
        let sealer = self.crypto.map(|crypto| (crypto.sealer(&dataset, RAW), crypto.key_id()));
        // Reserved at once: a buffer of this size that grows is given back and fetched anew.
        let bytes = values.iter().map(|value| value.len().min(RAW_BYTES_MAX)).sum();
        let mut raw = BinaryBuilder::with_capacity(values.len(), bytes);
        let mut key_ids = StringBuilder::new();
        let mut sealed = Vec::new();
        for (entry, value) in entries.iter().zip(values) {
            let kept = value.len() <= RAW_BYTES_MAX;
            match (&sealer, self.protection) {
                (Some((sealer, key_id)), _) if kept => {
                    let (partition, offset) = (entry.partition, entry.offset);
                    sealer.seal(Origin { partition, offset, ordinal: 0 }, value, &mut sealed);
                    raw.append_value(&sealed);
                    key_ids.append_value(key_id);
                }
                (None, Protection::Plain) if kept => {
                    raw.append_value(value);
                    key_ids.append_null();
                }
                _ => {
                    raw.append_null();
                    key_ids.append_null();
                }
            }
        }
        (Arc::new(raw.finish()), Arc::new(key_ids.finish()))
    }

    /// Digests of the values that are not in `raw` as they came: keyed where there are keys, for a
    /// short value could be tried.
    fn digests(&self, values: &[&[u8]], raw: &dyn Array) -> ArrayRef {
        let is_told = |row: usize| self.crypto.is_none() && raw.is_valid(row);
        let untold = (0..values.len()).filter(|&row| !is_told(row));
        let untold: Vec<&[u8]> = untold.map(|row| values[row]).collect();
        let digests =
            self.crypto.map_or_else(|| sm3_hexes(&untold), |crypto| crypto.digests(&untold));
        let mut digests = digests.iter().map(Hex::as_str);
        let one = |row: usize| if is_told(row) { None } else { digests.next() };
        Arc::new((0..values.len()).map(one).collect::<StringArray>())
    }
}

fn size(value: &[u8]) -> i64 {
    i64::try_from(value.len()).expect("a record is shorter than the arena")
}
