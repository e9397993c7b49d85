//! The system columns of `changes`, in the order of `system::changes_fields`.

use crate::crypto::Origin;
use arrow::array::{
    ArrayRef, Int32Array, Int64Array, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use huiliu_model::{Change, Changes, Op, Record, Records};
use std::sync::Arc;

pub(super) struct SystemColumns<'a> {
    pub records: &'a Records,
    pub changes: &'a Changes,
    /// Rows to write, ascending.
    pub kept: &'a [u32],
    /// Departments by the index of [`Change::department`].
    pub departments: Vec<&'a str>,
    pub ingest_time_us: i64,
}

impl SystemColumns<'_> {
    pub fn build(
        &self,
        buckets: Int32Array,
        [flags, unsent]: [StringArray; 2],
        [raws, extras]: [ArrayRef; 2],
    ) -> Vec<ArrayRef> {
        let mut departments = StringBuilder::with_capacity(self.kept.len(), self.kept.len() * 18);
        for (change, _) in self.heads() {
            departments.append_option(self.department(change));
        }
        let mut ops = StringBuilder::with_capacity(self.kept.len(), self.kept.len());
        for (change, _) in self.heads() {
            ops.append_value(change.op.letter());
        }
        let ranks = self.ints(|change, _| i32::from(change.op != Op::Read));
        let event_times: TimestampMicrosecondArray =
            self.heads().map(|(change, _)| change.event_time_us).collect();
        let kafka_times = self.longs(|_, record| record.timestamp_ms.saturating_mul(1_000));
        let ingest_times = vec![self.ingest_time_us; self.kept.len()];
        vec![
            Arc::new(ops.finish()),
            Arc::new(self.longs(|change, _| change.epoch)),
            Arc::new(self.longs(|change, _| change.seq)),
            Arc::new(ranks),
            Arc::new(self.longs(|_, record| record.offset)),
            Arc::new(self.ints(|_, record| record.partition)),
            Arc::new(self.kafka_topics()),
            Arc::new(self.ints(|change, _| i32::from(change.ordinal))),
            Arc::new(event_times.with_timezone("UTC")),
            Arc::new(kafka_times.reinterpret_cast::<TimestampMicros>().with_timezone("UTC")),
            Arc::new(TimestampMicrosecondArray::from(ingest_times).with_timezone("UTC")),
            Arc::new(buckets),
            Arc::new(flags),
            Arc::new(unsent),
            Arc::new(departments.finish()),
            raws,
            extras,
        ]
    }

    /// One name for all rows, laid out at once.
    fn kafka_topics(&self) -> StringArray {
        let (name, count) = (&*self.records.kafka_topic, self.kept.len());
        let lengths = std::iter::repeat_n(name.len(), count);
        let offsets = OffsetBuffer::from_lengths(lengths);
        StringArray::new(offsets, name.repeat(count).into_bytes().into(), None)
    }

    /// The department of a row, if its record names one.
    pub fn department(&self, change: &Change) -> Option<&str> {
        let name = self.departments.get(usize::from(change.department)).copied();
        name.filter(|name| !name.is_empty())
    }

    /// Where each row comes from.
    pub fn origins(&self) -> Vec<Origin> {
        let origin = |(change, record): (&Change, &Record)| {
            let ordinal = i32::from(change.ordinal);
            Origin { partition: record.partition, offset: record.offset, ordinal }
        };
        self.heads().map(origin).collect()
    }

    fn heads(&self) -> impl Iterator<Item = (&Change, &Record)> {
        self.kept.iter().map(|&row| {
            let change = &self.changes.rows[row as usize];
            (change, &self.records.entries[change.record as usize])
        })
    }

    fn ints(&self, of: impl Fn(&Change, &Record) -> i32) -> Int32Array {
        Int32Array::from_iter_values(self.heads().map(|(change, record)| of(change, record)))
    }

    fn longs(&self, of: impl Fn(&Change, &Record) -> i64) -> Int64Array {
        Int64Array::from_iter_values(self.heads().map(|(change, record)| of(change, record)))
    }
}

type TimestampMicros = arrow::datatypes::TimestampMicrosecondType;
