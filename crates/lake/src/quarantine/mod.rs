//! Quarantine, read and worked off: which rejects there are, what became of them, and the way
//! back into `changes`.
//!
//! A reject stays in `quarantine.<dataset>` for good; what became of it is said by
//! `ledger.repairs`. Of several rows of one coordinate (offsets that were reset and read again)
//! the newest counts.
//!
//! | state | when |
//! |---|---|
//! | repaired | an entry says that its rows are in `changes` |
//! | dropped | else an entry marks it as not to be repaired |
//! | open | else |

mod entry;
mod known;
mod replay;

pub use entry::{Action, Entry, Outcome, REPAIRS};
pub use replay::{Attempt, Replay, Replayed};
pub(crate) use replay::{REPAIR, settled_by};

use crate::chain::sm3;
use crate::dataset::Dataset;
use crate::error::{arrow_error, query_error};
use crate::lake::Lake;
use crate::scan::{PinnedFiles, session};
use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, TimestampMicrosecondType};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, ErrorKind, Partition, system};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Memory of one reading session; sorts beyond it spill.
const MEMORY_BYTES: usize = 256 << 20;

/// Where a record lies in Kafka (or in a file that was loaded).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinate {
    pub partition: Partition,
    pub offset: i64,
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

/// What became of a reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    Open,
    Repaired,
    Dropped,
}

impl State {
    pub const ALL: [State; 3] = [Self::Open, Self::Repaired, Self::Dropped];

    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Repaired => "repaired",
            Self::Dropped => "dropped",
        }
    }
}

/// Which rejects are meant; what is not said selects all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub reasons: Vec<String>,
    pub field: Option<String>,
    /// Sent by this department, as it names itself.
    pub department: Option<String>,
    /// Rejected at or after this instant, microseconds since 1970 UTC.
    pub since_us: Option<i64>,
    pub state: Option<State>,
    pub coordinates: Option<Vec<Coordinate>>,
    /// Only those behind this one, in the order of their coordinates.
    pub after: Option<Coordinate>,
    pub limit: Option<usize>,
}

/// Rejects that failed alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectCount {
    pub stage: String,
    pub reason: String,
    pub field: Option<String>,
    pub rule: Option<String>,
    pub open: i64,
    pub repaired: i64,
    pub dropped: i64,
    /// When the first and the last of them were rejected, microseconds since 1970 UTC.
    pub oldest_us: i64,
    pub newest_us: i64,
}

/// One reject as quarantine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    pub coordinate: Coordinate,
    pub kafka_time_us: i64,
    /// When it was rejected.
    pub ingest_time_us: i64,
    pub stage: String,
    pub reason: String,
    pub field: Option<String>,
    pub rule: Option<String>,
    pub at_byte: Option<i64>,
    pub raw_bytes: i64,
    /// SM3 of the record as stored beside it, keyed where it is sealed; none where the record
    /// itself is there as it came. See [`StoredReject::digest`].
    pub raw_sm3: Option<String>,
    pub raw_key_id: Option<String>,
    /// Who sent it, as it names itself; none when it does not, or does not decode.
    pub department: Option<String>,
    pub state: State,
    /// The record as stored (sealed, if `raw_key_id` is set); only after [`Rejects::load_raw`],
    /// and null when it was too long or there was no key.
    pub raw: Option<Vec<u8>>,
}

impl StoredReject {
    /// SM3 of the record as it came, 64 hexadecimal digits; where the record is sealed, HMAC-SM3.
    /// `None` before [`Rejects::load_raw`] where only the record tells it.
    pub fn digest(&self) -> Option<String> {
        let as_it_came = self.raw.as_deref().filter(|_| self.raw_key_id.is_none());
        self.raw_sm3.clone().or_else(|| as_it_came.map(sm3))
    }
}

/// Rejects of one dataset, pinned: what is written meanwhile is not seen.
pub struct Rejects {
    ctx: SessionContext,
    dataset: Arc<Dataset>,
    /// Entries of this dataset, oldest first.
    pub entries: Vec<Entry>,
}

impl Lake {
    /// Pins the rejects of a dataset with what the ledger says of them.
    ///
    /// # Errors
    /// As the store answers; `Bug` for an undeclared dataset.
    pub async fn rejects(&self, dataset: &str) -> Result<Rejects, Error> {
        let dataset = self.dataset(dataset)?;
        let name = &dataset.contract.dataset;
        let failed = |e| query_error(&format!("opening quarantine.{name}"), e);
        let memory_bytes = self.shared().memory.session_bytes(MEMORY_BYTES);
        let ctx = session(Arc::clone(self.store()), memory_bytes, self.room())?;
        let rows = match self.existing_ledger(REPAIRS).await? {
            Some(ledger) => ledger.rows().await?,
            None => RecordBatch::new_empty(entry::schema()),
        };
        let entries = entry::of_batch(name, &rows)?;
        let repairs = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(failed)?;
        let state = dataset.quarantine.refresh().await?;
        let schema = Arc::new(Schema::new(system::quarantine_fields()));
        let files = PinnedFiles::new(dataset.quarantine.path(), schema, &state.files);
        ctx.register_table("quarantine", Arc::new(files)).map_err(failed)?;
        ctx.register_table("repairs", Arc::new(repairs)).map_err(failed)?;
        let view = ctx.sql(&view_sql(name)).await.map_err(failed)?.into_view();
        ctx.register_table("rejects", view).map_err(failed)?;
        Ok(Rejects { ctx, dataset, entries })
    }
}

/// Columns of a reject without its bytes.
const COLUMNS: &str = "kafka_topic, sys_partition, sys_offset, sys_kafka_time, sys_ingest_time, \
                       stage, reason, field, rule, at_byte, raw_bytes, raw_sm3, raw_key_id, \
                       sys_department";

fn view_sql(dataset: &str) -> String {
    let q = COLUMNS.split(", ").map(|c| format!("q.{c}")).collect::<Vec<_>>().join(", ");
    format!(
        "WITH said AS (SELECT kafka_topic, sys_partition, sys_offset, \
         max(CASE WHEN action IN ('repair', 'replay') AND outcome IN ('accepted', 'already') \
         THEN 2 WHEN action = 'drop' THEN 1 ELSE 0 END) AS n FROM repairs \
         WHERE dataset = {} GROUP BY kafka_topic, sys_partition, sys_offset), \
         newest AS (SELECT {COLUMNS}, row_number() OVER (PARTITION BY kafka_topic, sys_partition, \
         sys_offset ORDER BY sys_ingest_time DESC) AS n FROM quarantine) \
         SELECT {q}, CASE coalesce(s.n, 0) WHEN 2 THEN 'repaired' WHEN 1 THEN 'dropped' \
         ELSE 'open' END AS state FROM newest q LEFT JOIN said s \
         ON q.kafka_topic = s.kafka_topic AND q.sys_partition = s.sys_partition \
         AND q.sys_offset = s.sys_offset WHERE q.n = 1",
        quote(dataset)
    )
}

/// A text as an SQL literal.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Rejects {
    /// Counts, most open ones first.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn counts(&self, selection: &Selection) -> Result<Vec<RejectCount>, Error> {
        let states = State::ALL
            .map(|s| format!("count(*) FILTER (WHERE r.state = '{0}') AS {0}", s.label()))
            .join(", ");
        let sql = format!(
            "SELECT r.stage, r.reason, r.field, r.rule, {states}, \
             min(r.sys_ingest_time) AS oldest, max(r.sys_ingest_time) AS newest \
             FROM rejects r{} GROUP BY r.stage, r.reason, r.field, r.rule \
             ORDER BY open DESC, r.reason, r.field, r.rule, r.stage{}",
            self.condition(selection)?,
            limit(selection)
        );
        let mut counts = Vec::new();
        for batch in self.collect(&sql).await? {
            let words = |name| text(&batch, name);
            let (stage, reason) = (words("stage")?, words("reason")?);
            let (field, rule) = (words("field")?, words("rule")?);
            let (open, repaired) = (long(&batch, "open")?, long(&batch, "repaired")?);
            let dropped = long(&batch, "dropped")?;
            let (oldest, newest) = (instant(&batch, "oldest")?, instant(&batch, "newest")?);
            counts.extend((0..batch.num_rows()).map(|row| RejectCount {
                stage: stage.value(row).to_owned(),
                reason: reason.value(row).to_owned(),
                field: said(&field, row),
                rule: said(&rule, row),
                open: open.value(row),
                repaired: repaired.value(row),
                dropped: dropped.value(row),
                oldest_us: oldest.value(row),
                newest_us: newest.value(row),
            }));
        }
        Ok(counts)
    }

    /// When the oldest reject was rejected that is still open, microseconds since 1970 UTC.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn oldest_open_us(&self) -> Result<Option<i64>, Error> {
        let open = State::Open.label();
        let sql = format!(
            "SELECT min(r.sys_ingest_time) AS oldest FROM rejects r WHERE r.state = '{open}'"
        );
        let batches = self.collect(&sql).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Ok(None);
        };
        let oldest = instant(batch, "oldest")?;
        Ok(oldest.is_valid(0).then(|| oldest.value(0)))
    }

    /// Rejects in the order of their coordinates, without their bytes.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn list(&self, selection: &Selection) -> Result<Vec<StoredReject>, Error> {
        let columns = COLUMNS.split(", ").map(|c| format!("r.{c}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {columns}, r.state FROM rejects r{} \
             ORDER BY r.kafka_topic, r.sys_partition, r.sys_offset{}",
            self.condition(selection)?,
            limit(selection)
        );
        let mut found = Vec::new();
        for batch in self.collect(&sql).await? {
            push_rejects(&batch, &mut found)?;
        }
        Ok(found)
    }

    /// Reads the stored bytes of rejects that [`Rejects::list`] gave. All of them are held at
    /// once: the caller bounds the sum of their `raw_bytes`.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn load_raw(&self, rejects: &mut [StoredReject]) -> Result<(), Error> {
        let offsets = rejects.iter().map(|r| r.coordinate.offset);
        let (Some(low), Some(high)) = (offsets.clone().min(), offsets.max()) else {
            return Ok(());
        };
        let chosen: Vec<Coordinate> = rejects.iter().map(|r| r.coordinate.clone()).collect();
        self.register("chosen", &chosen)?;
        let sql = format!(
            "SELECT q.kafka_topic, q.sys_partition, q.sys_offset, q.sys_ingest_time, q.raw \
             FROM quarantine q JOIN chosen c ON q.kafka_topic = c.kafka_topic \
             AND q.sys_partition = c.sys_partition AND q.sys_offset = c.sys_offset \
             WHERE q.sys_offset BETWEEN {low} AND {high}"
        );
        let mut bytes: BTreeMap<(Coordinate, i64), Vec<u8>> = BTreeMap::new();
        for batch in self.collect(&sql).await? {
            let times = instant(&batch, system::INGEST_TIME)?;
            let raw = batch.column_by_name("raw").and_then(|c| c.as_binary_opt::<i32>());
            let raw = raw.ok_or_else(|| lacks("raw"))?;
            for (row, coordinate) in coordinates(&batch)?.into_iter().enumerate() {
                if raw.is_valid(row) {
                    bytes.insert((coordinate, times.value(row)), raw.value(row).to_vec());
                }
            }
        }
        for reject in rejects {
            reject.raw = bytes.remove(&(reject.coordinate.clone(), reject.ingest_time_us));
        }
        Ok(())
    }

    fn condition(&self, selection: &Selection) -> Result<String, Error> {
        let mut all = Vec::new();
        if !selection.reasons.is_empty() {
            let reasons: Vec<String> = selection.reasons.iter().map(|r| quote(r)).collect();
            all.push(format!("r.reason IN ({})", reasons.join(", ")));
        }
        if let Some(field) = &selection.field {
            all.push(format!("r.field = {}", quote(field)));
        }
        if let Some(department) = &selection.department {
            all.push(format!("r.sys_department = {}", quote(department)));
        }
        if let Some(since) = selection.since_us {
            let at = format!("arrow_cast({since}, 'Timestamp(Microsecond, Some(\"UTC\"))')");
            all.push(format!("r.sys_ingest_time >= {at}"));
        }
        if let Some(state) = selection.state {
            all.push(format!("r.state = '{}'", state.label()));
        }
        if let Some(after) = &selection.after {
            let topic = quote(&after.partition.kafka_topic);
            let (number, offset) = (after.partition.number, after.offset);
            all.push(format!(
                "(r.kafka_topic > {topic} OR (r.kafka_topic = {topic} AND (r.sys_partition > \
                 {number} OR (r.sys_partition = {number} AND r.sys_offset > {offset}))))"
            ));
        }
        let mut text = String::new();
        if let Some(coordinates) = &selection.coordinates {
            self.register("wanted", coordinates)?;
            text.push_str(
                " JOIN wanted w ON r.kafka_topic = w.kafka_topic AND r.sys_partition = \
                 w.sys_partition AND r.sys_offset = w.sys_offset",
            );
        }
        if !all.is_empty() {
            text.push_str(" WHERE ");
            text.push_str(&all.join(" AND "));
        }
        Ok(text)
    }

    /// Makes coordinates a table of the session.
    fn register(&self, name: &str, coordinates: &[Coordinate]) -> Result<(), Error> {
        let failed = |e| query_error("naming rejects", e);
        let mut distinct: Vec<&Coordinate> = coordinates.iter().collect();
        distinct.sort();
        distinct.dedup();
        let topics = distinct.iter().map(|c| &*c.partition.kafka_topic);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(topics)),
            Arc::new(Int32Array::from_iter_values(distinct.iter().map(|c| c.partition.number))),
            Arc::new(Int64Array::from_iter_values(distinct.iter().map(|c| c.offset))),
        ];
        let schema = Arc::new(Schema::new(vec![
            Field::new("kafka_topic", DataType::Utf8, false),
            Field::new(system::PARTITION, DataType::Int32, false),
            Field::new(system::OFFSET, DataType::Int64, false),
        ]));
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|e| arrow_error("naming rejects", e))?;
        let table = MemTable::try_new(schema, vec![vec![rows]]).map_err(failed)?;
        self.ctx.deregister_table(name).map_err(failed)?;
        self.ctx.register_table(name, Arc::new(table)).map(|_| ()).map_err(failed)
    }

    async fn collect(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        let name = &self.dataset.contract.dataset;
        let failed = |e| query_error(&format!("reading quarantine.{name}"), e);
        self.ctx.sql(sql).await.map_err(failed)?.collect().await.map_err(failed)
    }
}

fn limit(selection: &Selection) -> String {
    selection.limit.map_or_else(String::new, |rows| format!(" LIMIT {rows}"))
}

fn push_rejects(batch: &RecordBatch, found: &mut Vec<StoredReject>) -> Result<(), Error> {
    let words = |name| text(batch, name);
    let (kafka, ingest) =
        (instant(batch, system::KAFKA_TIME)?, instant(batch, system::INGEST_TIME)?);
    let (stage, reason, state) = (words("stage")?, words("reason")?, words("state")?);
    let (field, rule) = (words("field")?, words("rule")?);
    let (raw_sm3, key_id) = (words("raw_sm3")?, words("raw_key_id")?);
    let department = words(system::DEPARTMENT)?;
    let (at_byte, raw_bytes) = (long(batch, "at_byte")?, long(batch, "raw_bytes")?);
    for (row, coordinate) in coordinates(batch)?.into_iter().enumerate() {
        let state = State::ALL.into_iter().find(|s| s.label() == state.value(row));
        found.push(StoredReject {
            coordinate,
            kafka_time_us: kafka.value(row),
            ingest_time_us: ingest.value(row),
            stage: stage.value(row).to_owned(),
            reason: reason.value(row).to_owned(),
            field: said(&field, row),
            rule: said(&rule, row),
            at_byte: at_byte.is_valid(row).then(|| at_byte.value(row)),
            raw_bytes: raw_bytes.value(row),
            raw_sm3: said(&raw_sm3, row),
            raw_key_id: said(&key_id, row),
            department: said(&department, row),
            state: state.unwrap_or(State::Open),
            raw: None,
        });
    }
    Ok(())
}

/// The coordinates of rows with the columns of quarantine.
fn coordinates(batch: &RecordBatch) -> Result<Vec<Coordinate>, Error> {
    let topics = text(batch, "kafka_topic")?;
    let numbers = batch.column_by_name(system::PARTITION);
    let numbers = numbers.and_then(|c| c.as_primitive_opt::<Int32Type>());
    let numbers = numbers.ok_or_else(|| lacks(system::PARTITION))?;
    let offsets = long(batch, system::OFFSET)?;
    let one = |row: usize| Coordinate {
        partition: Partition::new(topics.value(row), numbers.value(row)),
        offset: offsets.value(row),
    };
    Ok((0..batch.num_rows()).map(one).collect())
}

fn said(column: &StringArray, row: usize) -> Option<String> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

fn text(batch: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    let column = batch.column_by_name(name).ok_or_else(|| lacks(name))?;
    let column = cast(column, &DataType::Utf8).map_err(|e| arrow_error("reading texts", e))?;
    Ok(column.as_string::<i32>().clone())
}

fn long(batch: &RecordBatch, name: &str) -> Result<Int64Array, Error> {
    let column = batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
    column.cloned().ok_or_else(|| lacks(name))
}

fn instant(batch: &RecordBatch, name: &str) -> Result<TimestampMicrosecondArray, Error> {
    let column = batch.column_by_name(name);
    let column = column.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    column.cloned().ok_or_else(|| lacks(name))
}

fn lacks(column: &str) -> Error {
    Error::new(ErrorKind::Bug, format!("an answer about rejects lacks column `{column}`"))
}
