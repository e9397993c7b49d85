//! Creates that take over a row: a change of key, which Debezium writes as a delete and a create
//! of one position in the log.
//!
//! What such a create did not bring is not known of its own key but of the old one. It is made
//! whole here, before it is merged: with the newest values of the old key before the change. The
//! old key is that of the delete with the same epoch and sequence; were there several, none is
//! taken. Since the two lie in different partitions of Kafka, either may come first: when the
//! second arrives, the create is merged once more, whole now. The two are looked for among the
//! pending changes and those of [`WINDOW_MS`] before, the old key's rows in all of `changes`.

use super::carry::{Known, Sequence, Side, item, later};
use crate::dataset::Dataset;
use crate::error::{arrow_error, query_error};
use crate::log::{FileMeta, TableState};
use crate::scan::{PinnedFiles, session};
use crate::stage::named;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{concat_batches, filter_record_batch, interleave};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, system};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How far apart in time of commits a delete and its create may be.
const WINDOW_MS: i64 = 7 * 86_400_000;
/// Memory of the questions; sorts beyond it spill.
const MEMORY_BYTES: usize = 128 << 20;
/// Rows may be wide: sorts hold few of them at once, and reserve no more than they need.
const NARROW: [&str; 3] = [
    "SET datafusion.execution.batch_size = 512",
    "SET datafusion.execution.target_partitions = 1",
    "SET datafusion.execution.sort_spill_reservation_bytes = 4194304",
];
/// Keys that one row may have had one after the other without bringing a value.
const CHAIN_MAX: usize = 16;

impl Dataset {
    /// Creates that took over a row and are whole now, as rows of `changes`; none is usual.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn adopted(
        &self,
        changes: &TableState,
        pending: &[(String, FileMeta)],
    ) -> Result<Option<RecordBatch>, Error> {
        let oldest = pending.iter().map(|(_, file)| file.modification_time).min();
        let Some(oldest) = oldest else { return Ok(None) };
        let recent = |file: &FileMeta| file.modification_time >= oldest - WINDOW_MS;
        if !changes.files.values().any(|file| recent(file) && file.lacks_cells) {
            return Ok(None);
        }
        let memory = &self.changes.shared().memory;
        let memory_bytes = memory.session_bytes(MEMORY_BYTES);
        let ctx = session(Arc::clone(self.changes.store()), memory_bytes, &memory.room)?;
        for setting in NARROW {
            ctx.sql(setting).await.map_err(failed)?.collect().await.map_err(failed)?;
        }
        let waiting: BTreeSet<&String> = pending.iter().map(|(path, _)| path).collect();
        let is_recent = |(_, file): &(&String, &FileMeta)| recent(file);
        let is_waiting = |(path, _): &(&String, &FileMeta)| waiting.contains(path);
        let all = || changes.files.iter();
        self.register(&ctx, "history", all())?;
        self.register(&ctx, "recent", all().filter(is_recent))?;
        self.register(&ctx, "waiting", all().filter(is_waiting))?;
        let lacking = all().filter(|(_, file)| file.lacks_cells);
        self.register(&ctx, "lacking", lacking.filter(is_recent))?;
        let mut family = self.first(&ctx).await?;
        for _ in 0..CHAIN_MAX {
            let heirs = self.heirs(&ctx, &family).await?;
            let grown = heirs.num_rows() > family.num_rows();
            family = heirs;
            if !grown {
                break;
            }
        }
        for _ in 0..CHAIN_MAX {
            if family.num_rows() == 0 {
                return Ok(None);
            }
            let rows = self.relatives(&ctx, &family).await?;
            let family_now = creates(&rows)?;
            let grown = family_now.num_rows() > family.num_rows();
            family = family_now;
            if !grown {
                return self.complete(&rows);
            }
        }
        Ok(None)
    }

    fn register<'a>(
        &self,
        ctx: &SessionContext,
        name: &str,
        files: impl Iterator<Item = (&'a String, &'a FileMeta)>,
    ) -> Result<(), Error> {
        let schema = Arc::clone(&self.changes_schema);
        let files = PinnedFiles::new(self.changes.path(), schema, files);
        ctx.register_table(name, Arc::new(files)).map(|_| ()).map_err(failed)
    }

    async fn ask(&self, ctx: &SessionContext, sql: &str) -> Result<RecordBatch, Error> {
        let batches = ctx.sql(sql).await.map_err(failed)?.collect().await.map_err(failed)?;
        let aligned = batches.into_iter().map(|batch| super::align(batch, &self.changes_schema));
        let aligned = aligned.collect::<Result<Vec<_>, _>>()?;
        concat_batches(&self.changes_schema, &aligned).map_err(|e| arrow_error("asking changes", e))
    }

    /// Creates that lack cells, of which they or their delete are pending. All that lack cells are
    /// named `candidates`.
    async fn first(&self, ctx: &SessionContext) -> Result<RecordBatch, Error> {
        let sql = "SELECT * FROM lacking WHERE sys_op = 'c' AND sys_unsent IS NOT NULL";
        let found = self.ask(ctx, sql).await?;
        if found.num_rows() == 0 {
            return Ok(found);
        }
        name_rows(ctx, "candidates", &found)?;
        let sql = "SELECT c.* FROM candidates c LEFT SEMI JOIN \
             (SELECT sys_epoch, sys_seq FROM waiting WHERE sys_op IN ('c', 'd')) w \
             ON c.sys_epoch = w.sys_epoch AND c.sys_seq = w.sys_seq";
        self.ask(ctx, sql).await
    }

    /// These creates, and those that lack cells and took over a row of theirs.
    async fn heirs(
        &self,
        ctx: &SessionContext,
        creates: &RecordBatch,
    ) -> Result<RecordBatch, Error> {
        if creates.num_rows() == 0 {
            return Ok(creates.clone());
        }
        name_rows(ctx, "creates", creates)?;
        let keys = self.contract.key_names();
        let same: Vec<String> = keys.iter().map(|k| format!("d.\"{k}\" = c.\"{k}\"")).collect();
        let sql = format!(
            "SELECT l.* FROM candidates l LEFT SEMI JOIN \
             (SELECT d.sys_epoch, d.sys_seq FROM recent d JOIN creates c ON {} \
             WHERE d.sys_op = 'd' UNION ALL SELECT sys_epoch, sys_seq FROM creates) a \
             ON a.sys_epoch = l.sys_epoch AND a.sys_seq = l.sys_seq",
            same.join(" AND "),
        );
        self.ask(ctx, &sql).await
    }

    /// All changes of the keys that these creates took over, and the creates.
    async fn relatives(
        &self,
        ctx: &SessionContext,
        creates: &RecordBatch,
    ) -> Result<RecordBatch, Error> {
        name_rows(ctx, "creates", creates)?;
        let keys = self.contract.key_names();
        let list =
            |of: &str| keys.iter().map(|k| format!("{of}.\"{k}\"")).collect::<Vec<_>>().join(", ");
        let same = |of: &str| {
            let equal = keys.iter().map(|k| format!("{of}.\"{k}\" = o.\"{k}\""));
            equal.collect::<Vec<_>>().join(" AND ")
        };
        let sql = format!(
            "WITH old AS (SELECT DISTINCT {} FROM recent d JOIN creates c \
             ON d.sys_epoch = c.sys_epoch AND d.sys_seq = c.sys_seq WHERE d.sys_op = 'd') \
             SELECT h.* FROM history h LEFT SEMI JOIN old o ON {} \
             UNION ALL SELECT c.* FROM creates c LEFT ANTI JOIN old o ON {}",
            list("d"),
            same("h"),
            same("c")
        );
        self.ask(ctx, &sql).await
    }

    /// The creates among `rows` that can be made whole, or more so.
    fn complete(&self, rows: &RecordBatch) -> Result<Option<RecordBatch>, Error> {
        let family = Family::of(self, rows)?;
        let mut taken: BTreeMap<(usize, usize), Option<usize>> = BTreeMap::new();
        for &create in &family.creates {
            let Some(old) = family.old_key(create) else { continue };
            for column in 0..family.columns.len() {
                if family.lacks(create, column) {
                    let value = family.value(old, create, column, &taken);
                    taken.insert((create, column), value);
                }
            }
        }
        family.rebuilt(self, rows, &taken)
    }
}

/// Gives rows a name in the questions that follow.
fn name_rows(ctx: &SessionContext, name: &str, rows: &RecordBatch) -> Result<(), Error> {
    let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]]).map_err(failed)?;
    ctx.deregister_table(name).map_err(failed)?;
    ctx.register_table(name, Arc::new(table)).map(|_| ()).map_err(failed)
}

fn creates(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let (ops, unsent) = (text(rows, system::OP)?, text(rows, system::UNSENT)?);
    let is = |row: usize| ops.value(row) == "c" && unsent.is_valid(row);
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(is(row))).collect();
    filter_record_batch(rows, &keep).map_err(|e| arrow_error("choosing creates", e))
}

fn text(rows: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    Ok(named(rows, &[name])?[0].as_string::<i32>().clone())
}

/// Creates and the changes of the keys they took over.
struct Family {
    columns: Vec<super::carry::Carried>,
    side: Side,
    ops: StringArray,
    keys: Vec<OwnedRow>,
    /// Rows of each key.
    of_key: HashMap<OwnedRow, Vec<usize>>,
    /// Creates that lack cells, by rising sequence; of those that came twice the first.
    creates: Vec<usize>,
}

impl Family {
    fn of(dataset: &Dataset, rows: &RecordBatch) -> Result<Self, Error> {
        let failed = |e| arrow_error("ordering keys", e);
        let columns = named(rows, &dataset.contract.key_names())?;
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(failed)?;
        let keys = converter.convert_columns(&columns).map_err(failed)?;
        let keys: Vec<OwnedRow> = keys.iter().map(|key| key.owned()).collect();
        let (side, ops) = (Side::of(rows)?, text(rows, system::OP)?);
        let mut of_key: HashMap<OwnedRow, Vec<usize>> = HashMap::new();
        for (row, key) in keys.iter().enumerate() {
            of_key.entry(key.clone()).or_default().push(row);
        }
        let lacking = |&row: &usize| ops.value(row) == "c" && side.unsent(row).is_some();
        let mut creates: Vec<usize> = (0..rows.num_rows()).filter(lacking).collect();
        creates.sort_by_key(|&row| side.at(row));
        creates.dedup_by_key(|&mut row| side.at(row));
        let columns = super::merge::carried(&dataset.contract, &dataset.changes_schema);
        Ok(Self { columns, side, ops, keys, of_key, creates })
    }

    fn lacks(&self, row: usize, column: usize) -> bool {
        item(self.side.unsent(row), &self.columns[column].name).is_some()
    }

    /// A row of the key that a create took over, if one delete of its position says which.
    fn old_key(&self, create: usize) -> Option<usize> {
        let position = self.side.at(create).position();
        let is_delete = |&row: &usize| {
            self.ops.value(row) == "d"
                && self.side.at(row).position() == position
                && self.keys[row] != self.keys[create]
        };
        let mut deletes = (0..self.keys.len()).filter(is_delete);
        let first = deletes.next()?;
        deletes.all(|row| self.keys[row] == self.keys[first]).then_some(first)
    }

    /// The row with the newest value that the key of `old` had before `create`.
    fn value(
        &self,
        old: usize,
        create: usize,
        column: usize,
        taken: &BTreeMap<(usize, usize), Option<usize>>,
    ) -> Option<usize> {
        let position = self.side.at(create).position();
        let known = |&row: &usize| -> Option<(Sequence<'_>, Known)> {
            let at = self.side.at(row);
            if at.position() >= position {
                return None;
            }
            if self.ops.value(row) == "d" {
                return Some((at, Known::Gone));
            }
            if !self.lacks(row, column) {
                return Some((at, Known::Value(0, row)));
            }
            let from = taken.get(&(row, column)).copied().flatten()?;
            Some((at, Known::Value(0, from)))
        };
        let rows = self.of_key.get(&self.keys[old]).into_iter().flatten();
        match rows.filter_map(known).fold(None, |a, b| later(a, Some(b)))? {
            (_, Known::Value(_, row)) => Some(row),
            (_, Known::Gone) => None,
        }
    }

    /// The creates with what they took over.
    fn rebuilt(
        &self,
        dataset: &Dataset,
        rows: &RecordBatch,
        taken: &BTreeMap<(usize, usize), Option<usize>>,
    ) -> Result<Option<RecordBatch>, Error> {
        let from = |create: usize, column: usize| taken.get(&(create, column)).copied().flatten();
        let gains =
            |&create: &usize| (0..self.columns.len()).any(|column| from(create, column).is_some());
        let creates: Vec<usize> = self.creates.iter().copied().filter(gains).collect();
        if creates.is_empty() {
            return Ok(None);
        }
        let (mut unsent, mut flags) = (Vec::new(), Vec::new());
        for &create in &creates {
            let (mut left, mut marks) = (Vec::new(), Vec::new());
            for (column, held) in self.columns.iter().enumerate() {
                let source = from(create, column);
                if self.lacks(create, column) && source.is_none() {
                    left.push(held.name.clone());
                }
                let row = source.unwrap_or(create);
                marks.extend(self.side.flags(row, &held.name).map(str::to_owned));
            }
            unsent.push((!left.is_empty()).then(|| left.join(",")));
            flags.push((!marks.is_empty()).then(|| marks.join(",")));
        }
        let failed = |e| arrow_error("completing changes", e);
        let mut columns = Vec::with_capacity(dataset.changes_schema.fields().len());
        for field in dataset.changes_schema.fields() {
            let name = field.name().as_str();
            let column = self.columns.iter().position(|c| c.stored.iter().any(|s| s == name));
            let places: Vec<(usize, usize)> = creates
                .iter()
                .map(|&create| (0, column.and_then(|c| from(create, c)).unwrap_or(create)))
                .collect();
            let built: ArrayRef = match name {
                system::UNSENT => Arc::new(StringArray::from(unsent.clone())),
                system::FLAGS => Arc::new(StringArray::from(flags.clone())),
                _ => interleave(&[named(rows, &[name])?[0].as_ref()], &places).map_err(failed)?,
            };
            columns.push(built);
        }
        RecordBatch::try_new(Arc::clone(&dataset.changes_schema), columns).map(Some).map_err(failed)
    }
}

fn failed(e: datafusion::error::DataFusionError) -> Error {
    query_error("looking for changes of a key", e)
}
