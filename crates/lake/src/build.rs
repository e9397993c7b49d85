//! Builds of subject tables: rows become files that follow each other by identity, and one commit
//! makes them those of the table.
//!
//! A build in full adds the rows of one pass after the other. Each pass is staged as it comes;
//! where there are several, whose identities are mixed, they are merged into files at the end. A
//! build of some identities writes again the files that hold them. Memory is one pass, or one file
//! and the new rows; readers see nothing of it before the commit.

use crate::commit::Commit;
use crate::error::{arrow_error, store_error};
use crate::lake::Lake;
use crate::log::{Add, FileMeta, ORDERED_BY, Remove, TableState};
use crate::lookup::{Wanted, read_all};
use crate::ranges::{Narrowing, in_order, pieces, rows_per_file, shares};
use crate::scan::{PinnedFiles, merge};
use crate::stage::{Index, sort, stage_indexed};
use crate::subject::{BUILD, path};
use crate::table::{Definition, Table};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use futures::TryStreamExt;
use huiliu_model::Error;
use object_store::ObjectStoreExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Versions between two checkpoints of a table's log.
const CHECKPOINT_EVERY: i64 = 50;

/// How the rows of a table are laid out.
#[derive(Debug, Clone)]
pub struct Order {
    /// Columns by ranges of which rows are dealt out to files; at least one.
    pub identity: Vec<String>,
    /// Key columns; within one identity rows are sorted by those that are not part of it.
    pub key: Vec<String>,
}

impl Order {
    /// Columns by which rows are sorted.
    fn columns(&self) -> Vec<&str> {
        let rest = self.key.iter().filter(|name| !self.identity.contains(name));
        self.identity.iter().chain(rest).map(String::as_str).collect()
    }
}

/// One build of a subject table.
pub struct Build {
    table: Arc<Table>,
    /// The table when the build began.
    state: TableState,
    schema: SchemaRef,
    order: Order,
    /// Files of each pass, in order.
    passes: Vec<Vec<Add>>,
    /// Files of the table that the staged ones take the place of.
    gone: BTreeSet<String>,
    rows: u64,
}

/// A committed build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub version: i64,
    /// Rows and files that were written.
    pub rows: u64,
    pub files: usize,
}

impl Lake {
    /// Begins a build. `schema` is that of the result.
    ///
    /// # Errors
    /// As the store answers; `Invalid` when the table that is there has other columns.
    pub async fn build_subject(
        &self,
        (subject, table): (&str, &str),
        title: &str,
        schema: SchemaRef,
        order: Order,
    ) -> Result<Build, Error> {
        let name = format!("{subject}.{table}");
        let definition = Definition {
            name: &name,
            description: title,
            schema: &schema,
            partition_by: &[],
            properties: [(ORDERED_BY.to_owned(), order.columns().join(","))].into(),
            grows: false,
        };
        let (table, state) = self.opened_or_made(&path(subject, table), &definition).await?;
        let (passes, gone) = (Vec::new(), BTreeSet::new());
        Ok(Build { table, state, schema, order, passes, gone, rows: 0 })
    }
}

impl Build {
    /// Stages rows of a build in full: one pass, whose identities no other pass has.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn add(&mut self, rows: &[RecordBatch]) -> Result<(), Error> {
        let sorted = sort(rows, &self.schema, &self.order.columns())?;
        self.rows += sorted.num_rows() as u64;
        let target = rows_per_file(sorted.num_rows());
        let pass = self.written(&sorted, target).await?;
        self.passes.push(pass);
        Ok(())
    }

    /// Stages rows in the place of those whose columns are among `wanted`, which hold `tuples`;
    /// returns how many these were. Comes once at most, and not beside [`Build::add`].
    ///
    /// # Errors
    /// As the store answers.
    pub async fn replace(
        &mut self,
        (wanted, tuples): (&Arc<Wanted>, &[ArrayRef]),
        rows: &[RecordBatch],
    ) -> Result<u64, Error> {
        let narrowing = Narrowing::new(wanted.columns(), tuples)?;
        let first = self.order.identity[0].clone();
        let files = in_order(self.state.files.clone(), &first);
        let new = sort(rows, &self.schema, &self.order.columns())?;
        let mut heap = Heap { rows: Vec::new(), target: rows_per_file(self.rows_after(&new)) };
        let mut removed = 0;
        for ((path, file, _), share) in files.iter().zip(shares(&new, &first, &files)?) {
            let share = new.slice(share.start, share.len());
            let lies = share.num_rows() > 0 || narrowing.may_hold(file);
            let (kept, gone) = match lies {
                true => self.without(path, file, wanted).await?,
                false => (Vec::new(), 0),
            };
            if gone == 0 && share.num_rows() == 0 {
                // It stays, so what comes before it may not be joined with what comes after.
                self.write_out(&mut heap).await?;
                continue;
            }
            self.gone.insert(path.clone());
            removed += gone;
            heap.rows.extend(kept);
            heap.rows.push(share);
            if heap.count() >= heap.target / 2 {
                self.write_out(&mut heap).await?;
            }
        }
        if files.is_empty() {
            heap.rows.push(new);
        }
        self.write_out(&mut heap).await?;
        Ok(removed)
    }

    fn rows_after(&self, new: &RecordBatch) -> usize {
        usize::try_from(self.state.rows()).unwrap_or(0) + new.num_rows()
    }

    /// Rows of a file that are not wanted, and how many are.
    async fn without(
        &self,
        path: &str,
        file: &FileMeta,
        wanted: &Wanted,
    ) -> Result<(Vec<RecordBatch>, u64), Error> {
        let mut kept = Vec::new();
        let mut gone = 0;
        for batch in read_all(&self.table, &self.schema, path, file).await? {
            let others = wanted.mask(&batch).and_then(|mask| not(&mask));
            let rows = others.and_then(|mask| filter_record_batch(&batch, &mask));
            let rows = rows.map_err(|e| arrow_error("replacing rows of a file", e))?;
            gone += (batch.num_rows() - rows.num_rows()) as u64;
            kept.push(rows);
        }
        Ok((kept, gone))
    }

    async fn write_out(&mut self, heap: &mut Heap) -> Result<(), Error> {
        let rows = std::mem::take(&mut heap.rows);
        let sorted = sort(&rows, &self.schema, &self.order.columns())?;
        drop(rows);
        self.rows += sorted.num_rows() as u64;
        let adds = self.written(&sorted, heap.target).await?;
        match self.passes.first_mut() {
            Some(pass) => pass.extend(adds),
            None => self.passes.push(adds),
        }
        Ok(())
    }

    /// Writes sorted rows to files of about so many rows each.
    async fn written(&self, sorted: &RecordBatch, target: usize) -> Result<Vec<Add>, Error> {
        let identity: Vec<&str> = self.order.identity.iter().map(String::as_str).collect();
        let mut adds = Vec::new();
        for piece in pieces(sorted, &identity, target)? {
            adds.push(self.file(sorted.slice(piece.start, piece.len())).await?);
        }
        Ok(adds)
    }

    async fn file(&self, rows: RecordBatch) -> Result<Add, Error> {
        let index = Index {
            pages: self.order.columns().into_iter().map(str::to_owned).collect(),
            bloom: self.order.identity.clone(),
            rows: Vec::new(),
        };
        stage_indexed(&self.table, rows, None, &index).await
    }

    /// Merges the passes into files that follow each other; nothing to do for one pass.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.passes.retain(|pass| !pass.is_empty());
        if self.passes.len() < 2 {
            return Ok(());
        }
        let passes = std::mem::take(&mut self.passes);
        let files = |pass: &Vec<Add>| -> Vec<(object_store::path::Path, u64)> {
            let place =
                |add: &Add| (self.table.file(&add.path), u64::try_from(add.size).unwrap_or(0));
            pass.iter().map(place).collect()
        };
        let groups = passes.iter().map(files).collect();
        let target = rows_per_file(usize::try_from(self.rows).unwrap_or(usize::MAX));
        let store = Arc::clone(self.table.store());
        let mut merged = merge(store, &self.schema, groups, &self.order.columns())?;
        let mut heap = Heap { rows: Vec::new(), target };
        let mut adds = Vec::new();
        let failed = |e| crate::error::query_error("merging the passes of a build", e);
        while let Some(batch) = merged.try_next().await.map_err(failed)? {
            heap.rows.push(batch);
            if heap.count() < 2 * target {
                continue;
            }
            let mut rows = self.joined(&heap)?;
            while rows.num_rows() >= 2 * target {
                let cut = self.cut(&rows.slice(0, 2 * target), target)?;
                adds.push(self.file(rows.slice(0, cut)).await?);
                rows = rows.slice(cut, rows.num_rows() - cut);
            }
            heap.rows = vec![rows];
        }
        adds.extend(self.written(&self.joined(&heap)?, target).await?);
        self.passes.push(adds);
        for add in passes.into_iter().flatten() {
            let path = self.table.file(&add.path);
            let failed = |e| store_error(&format!("removing `{path}`"), e);
            self.table.store().delete(&path).await.map_err(failed)?;
        }
        Ok(())
    }

    fn joined(&self, heap: &Heap) -> Result<RecordBatch, Error> {
        concat_batches(&self.schema, &heap.rows).map_err(|e| arrow_error("joining rows", e))
    }

    /// Where the first file of these rows ends.
    fn cut(&self, rows: &RecordBatch, target: usize) -> Result<usize, Error> {
        let identity: Vec<&str> = self.order.identity.iter().map(String::as_str).collect();
        let first = pieces(rows, &identity, target)?.into_iter().next();
        Ok(first.map_or(rows.num_rows(), |piece| piece.end))
    }

    /// The table as a commit would leave it, read from the store.
    pub fn after(&self, whole: bool) -> Arc<dyn TableProvider> {
        let stays = |path: &String| !whole && !self.gone.contains(path);
        let held = self.state.files.iter().filter(|(path, _)| stays(path));
        let mut files: Vec<(String, FileMeta)> =
            held.map(|(path, file)| (path.clone(), file.clone())).collect();
        files.extend(self.passes.iter().flatten().map(|add| (add.path.clone(), FileMeta::of(add))));
        let files = files.iter().map(|(path, file)| (path, file));
        Arc::new(PinnedFiles::new(self.table.path(), Arc::clone(&self.schema), files))
    }

    /// Replaces all rows of the table by the staged ones, or those of the files that were written
    /// again, in one commit.
    ///
    /// # Errors
    /// `Superseded` when another build committed meanwhile.
    pub async fn commit(mut self, whole: bool, record: Value) -> Result<Replaced, Error> {
        self.finish().await?;
        let now = self.table.now_ms();
        let gone = self.state.files.iter().filter(|(path, _)| whole || self.gone.contains(*path));
        let removes = gone.map(|(path, file)| Remove::of(path, file, now)).collect();
        let adds: Vec<Add> = self.passes.into_iter().flatten().collect();
        let files = adds.len();
        let commit = Commit {
            operation: "BUILD",
            removes,
            adds,
            progress: vec![self.table.turn(BUILD, self.state.txns.get(BUILD).copied())],
            receipt: json!({"rows": self.rows, "build": record}),
            ..Commit::default()
        };
        let done = self.table.commit(&commit).await?;
        if let Err(e) = self.table.checkpoint_if_due(CHECKPOINT_EVERY).await {
            tracing::warn!(table = %self.table.path(), error = %e, "no checkpoint");
        }
        Ok(Replaced { version: done.version, rows: self.rows, files })
    }
}

/// Rows that wait to be a file.
struct Heap {
    rows: Vec<RecordBatch>,
    /// Rows that a file is made for.
    target: usize,
}

impl Heap {
    fn count(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }
}
