//! What `changes` knows already of records that are to come back: whether their rows are there,
//! whether their key was deleted later, and which source epoch was in force when they came.

use super::{Coordinate, long};
use crate::dataset::Dataset;
use crate::error::{arrow_error, query_error};
use crate::log::TableState;
use crate::scan::{PinnedFiles, session};
use crate::stage::named;
use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind, system};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Memory of one question; sorts beyond it spill.
const MEMORY_BYTES: usize = 256 << 20;
/// How long the fold remembers deleted keys by itself (DOMAIN 2.2).
const REMEMBER_US: i64 = 30 * 86_400 * 1_000_000;

/// What tells a record of `changes` from others. The time tells records apart that have one
/// coordinate, of a Kafka topic that was made anew; and rows that do not name their topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    /// Empty when it is not known.
    pub kafka_topic: Arc<str>,
    place: Place,
}

/// Partition, offset and Kafka time.
type Place = (i32, i64, i64);

/// `changes` of one dataset at one version.
pub(super) struct Known<'a> {
    dataset: &'a Dataset,
    ctx: SessionContext,
}

impl<'a> Known<'a> {
    pub fn at(dataset: &'a Dataset, state: &TableState) -> Result<Self, Error> {
        let memory = &dataset.changes.shared().memory;
        let memory_bytes = memory.session_bytes(MEMORY_BYTES);
        let ctx = session(Arc::clone(dataset.changes.store()), memory_bytes, &memory.room)?;
        let schema = Arc::clone(&dataset.changes_schema);
        let files = PinnedFiles::new(dataset.changes.path(), schema, &state.files);
        ctx.register_table("changes", Arc::new(files)).map_err(failed)?;
        Ok(Self { dataset, ctx })
    }

    /// Those of `marks` whose rows are there. Only row groups with offsets in range are read.
    pub async fn present(&self, marks: &HashSet<Mark>) -> Result<HashSet<Mark>, Error> {
        let offsets = marks.iter().map(|mark| mark.place.1);
        let (Some(low), Some(high)) = (offsets.clone().min(), offsets.max()) else {
            return Ok(HashSet::new());
        };
        let sql = format!(
            "SELECT sys_kafka_topic, sys_partition, sys_offset, sys_kafka_time FROM changes \
             WHERE sys_offset BETWEEN {low} AND {high}"
        );
        let mut wanted: HashMap<Place, Vec<&Mark>> = HashMap::new();
        for mark in marks {
            wanted.entry(mark.place).or_default().push(mark);
        }
        let frame = self.ctx.sql(&sql).await.map_err(failed)?;
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        let mut found = HashSet::new();
        while let Some(batch) = stream.try_next().await.map_err(failed)? {
            let rows = Places::of(&batch)?;
            for row in 0..batch.num_rows() {
                let same = wanted.get(&rows.place(row)).into_iter().flatten();
                let topic = rows.kafka_topic(row);
                let is_it = |mark: &&&Mark| topic.is_empty() || *topic == *mark.kafka_topic;
                found.extend(same.filter(is_it).copied().cloned());
            }
        }
        Ok(found)
    }

    /// Those among `rows` (of `changes`) whose key a later change deleted so long ago that the
    /// fold has forgotten it: their return would bring the key back to life.
    pub async fn deleted_since(
        &self,
        rows: &RecordBatch,
        now_us: i64,
    ) -> Result<HashSet<Mark>, Error> {
        let marks = marks_of(rows)?;
        let old: Vec<usize> =
            (0..marks.len()).filter(|&row| marks[row].place.2 <= now_us - REMEMBER_US).collect();
        if old.is_empty() {
            return Ok(HashSet::new());
        }
        let keys = self.dataset.contract.key_names();
        self.register_late(rows, &keys, &old)?;
        let same: Vec<String> = keys.iter().map(|k| format!("l.\"{k}\" = c.\"{k}\"")).collect();
        let side = |of: &str, name: &str| match name {
            system::KAFKA_TOPIC => format!("coalesce({of}.{name}, '')"),
            _ => format!("{of}.{name}"),
        };
        let compared =
            |name: &str, by: &str| format!("{} {by} {}", side("c", name), side("l", name));
        let later: Vec<String> = (0..system::SEQUENCE.len())
            .map(|at| {
                let equal = system::SEQUENCE[..at].iter().map(|name| compared(name, "="));
                let terms = equal.chain([compared(system::SEQUENCE[at], ">")]);
                format!("({})", terms.collect::<Vec<_>>().join(" AND "))
            })
            .collect();
        let sql = format!(
            "SELECT DISTINCT l.late FROM changes c JOIN late l ON {} \
             WHERE c.sys_op = 'd' AND ({})",
            same.join(" AND "),
            later.join(" OR ")
        );
        let batches = self.ctx.sql(&sql).await.map_err(failed)?.collect().await.map_err(failed)?;
        let mut found = HashSet::new();
        for batch in batches {
            let late = batch.column(0).as_primitive::<Int32Type>();
            let rows = late.values().iter().filter_map(|at| usize::try_from(*at).ok());
            found.extend(rows.map(|at| marks[at].clone()));
        }
        Ok(found)
    }

    /// Keys and sequences of the rows `old`, and their numbers as `late`.
    fn register_late(&self, rows: &RecordBatch, keys: &[&str], old: &[usize]) -> Result<(), Error> {
        let wide = |e| arrow_error("naming late rows", e);
        let names: Vec<&str> = keys.iter().copied().chain(system::SEQUENCE).collect();
        let numbers: Int32Array = old.iter().map(|&row| i32::try_from(row).ok()).collect();
        let indices = arrow::compute::cast(&numbers, &DataType::UInt32).map_err(wide)?;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(numbers)];
        let mut fields = vec![Field::new("late", DataType::Int32, true)];
        for (name, column) in names.iter().zip(named(rows, &names)?) {
            fields.push(Field::new(*name, column.data_type().clone(), true));
            columns.push(arrow::compute::take(&column, &indices, None).map_err(wide)?);
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(wide)?;
        let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(failed)?;
        self.ctx.register_table("late", Arc::new(table)).map(|_| ()).map_err(failed)
    }
}

impl Dataset {
    /// The source epoch in force at each instant (microseconds since 1970 UTC), as the accepted
    /// changes tell it: the highest that had been written by then. An epoch is raised by hand and
    /// quarantine does not name it; today's would let an old record beat newer ones.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn epochs_at(&self, instants_us: &[i64]) -> Result<Vec<i64>, Error> {
        let today = self.contract.epoch;
        if today == 0 {
            return Ok(vec![0; instants_us.len()]);
        }
        let known = Known::at(self, &self.changes.refresh().await?)?;
        let sql = "SELECT sys_epoch, min(sys_ingest_time) AS first FROM changes \
                   GROUP BY sys_epoch ORDER BY sys_epoch";
        let batches = known.ctx.sql(sql).await.map_err(failed)?.collect().await.map_err(failed)?;
        let mut first: Vec<(i64, i64)> = Vec::new();
        for batch in batches {
            let epochs = long(&batch, system::EPOCH)?;
            let times = super::instant(&batch, "first")?;
            first.extend((0..batch.num_rows()).map(|row| (epochs.value(row), times.value(row))));
        }
        let lowest = first.first().map_or(today, |(epoch, _)| *epoch);
        let at = |instant: &i64| {
            let begun = first.iter().filter(|(_, since)| since <= instant);
            begun.map(|(epoch, _)| *epoch).max().unwrap_or(lowest)
        };
        Ok(instants_us.iter().map(at).collect())
    }
}

/// The columns of rows that marks are made of.
struct Places {
    kafka_topics: StringArray,
    partitions: Int32Array,
    offsets: Int64Array,
    times: TimestampMicrosecondArray,
}

impl Places {
    fn of(rows: &RecordBatch) -> Result<Self, Error> {
        let names = [system::KAFKA_TOPIC, system::PARTITION, system::OFFSET, system::KAFKA_TIME];
        let columns = named(rows, &names)?;
        let other = || Error::new(ErrorKind::Bug, "rows of changes have other types");
        Ok(Self {
            kafka_topics: columns[0].as_string_opt().ok_or_else(other)?.clone(),
            partitions: columns[1].as_primitive_opt().ok_or_else(other)?.clone(),
            offsets: columns[2].as_primitive_opt().ok_or_else(other)?.clone(),
            times: columns[3].as_primitive_opt().ok_or_else(other)?.clone(),
        })
    }

    fn place(&self, row: usize) -> Place {
        (self.partitions.value(row), self.offsets.value(row), self.times.value(row))
    }

    /// Empty when it is not known.
    fn kafka_topic(&self, row: usize) -> &str {
        if self.kafka_topics.is_valid(row) { self.kafka_topics.value(row) } else { "" }
    }
}

/// The marks of rows with the system columns of `changes`.
pub(super) fn marks_of(rows: &RecordBatch) -> Result<Vec<Mark>, Error> {
    let places = Places::of(rows)?;
    let mark = |row| Mark { kafka_topic: places.kafka_topic(row).into(), place: places.place(row) };
    Ok((0..rows.num_rows()).map(mark).collect())
}

/// The mark of a coordinate.
pub(super) fn mark(coordinate: &Coordinate, kafka_time_us: i64) -> Mark {
    let Coordinate { partition, offset } = coordinate;
    let place = (partition.number, *offset, kafka_time_us);
    Mark { kafka_topic: Arc::clone(&partition.kafka_topic), place }
}

fn failed(error: datafusion::error::DataFusionError) -> Error {
    query_error("asking changes what it knows", error)
}
