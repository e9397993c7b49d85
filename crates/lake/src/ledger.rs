//! Ledger tables: what was done to the lake and by whom. Rows are only ever appended.
//!
//! A ledger table lies at `ledger/<name>` and is read as `ledger.<name>`. It is made on first
//! use; its columns are those its owner says, and fixed from then on. An append is one commit and
//! is guarded as every commit is: by progress steps. Three kinds of guard are enough:
//!
//! | what is appended | guard |
//! |---|---|
//! | what a commit of another table did | a step from the last such commit to this one |
//! | what stands for itself | [`Ledger::note`]: one writer after the other |
//! | rows that may be told twice | none |
//!
//! With the first kind a row is written exactly once whoever writes it, also after a crash
//! between the two commits: who comes next finds the step missing and writes the rows.

use crate::commit::{Commit, Committed, Step};
use crate::error::{arrow_error, parquet_error, query_error};
use crate::fold::{align, reader};
use crate::lake::Lake;
use crate::log::FileMeta;
use crate::merged::ensure_schema;
use crate::scan::PinnedFiles;
use crate::stage::stage;
use crate::table::{Definition, Table};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind};
use object_store::path::Path;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Folder of the ledger tables, and their schema in queries.
const FOLDER: &str = "ledger";
/// App id of appends that stand for themselves.
const NOTES: &str = "notes";
/// Versions between two checkpoints of a ledger's log.
const CHECKPOINT_EVERY: i64 = 50;
/// Appends of others that may come first before [`Ledger::note`] gives up.
const OVERTAKEN_MAX: u32 = 20;

/// One ledger table. Cheap to share.
pub struct Ledger {
    table: Arc<Table>,
    schema: SchemaRef,
}

fn path(name: &str) -> Path {
    Path::from(FOLDER).join(name)
}

impl Lake {
    /// Opens the ledger `name`, or makes it with the columns of `schema`. Columns are of types
    /// that Delta has; metadata `comment` of a column goes along.
    ///
    /// # Errors
    /// As the store answers; `Invalid` when the table that is there has other columns.
    pub async fn ledger(
        &self,
        name: &str,
        title: &str,
        schema: SchemaRef,
    ) -> Result<Ledger, Error> {
        let full_name = format!("{FOLDER}.{name}");
        let definition = Definition {
            name: &full_name,
            description: title,
            schema: &schema,
            partition_by: &[],
            properties: BTreeMap::new(),
            grows: false,
        };
        let (table, _) = self.opened_or_made(&path(name), &definition).await?;
        Ok(Ledger { table, schema })
    }

    /// Opens the ledger `name` as it is; `None` when nothing was ever written to it.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn existing_ledger(&self, name: &str) -> Result<Option<Ledger>, Error> {
        let Some((table, _)) = self.opened(&path(name)).await? else { return Ok(None) };
        let schema = table.schema().await?;
        Ok(Some(Ledger { table, schema }))
    }

    /// Registers every ledger table of the lake as `ledger.<name>`.
    pub(crate) async fn register_ledgers(&self, ctx: &SessionContext) -> Result<(), Error> {
        let failed = |e| query_error("opening the ledger for queries", e);
        ensure_schema(ctx, FOLDER).map_err(failed)?;
        let folder = Path::from(FOLDER);
        let found = self.store().list_with_delimiter(Some(&folder)).await;
        let found = found.map_err(|e| crate::error::store_error("listing the ledger", e))?;
        for prefix in found.common_prefixes {
            let Some(name) = prefix.filename() else { continue };
            let Some(ledger) = self.existing_ledger(name).await? else { continue };
            let state = ledger.table.refresh().await?;
            let files = PinnedFiles::new(ledger.table.path(), ledger.schema, &state.files);
            let table = format!("lake.{FOLDER}.\"{name}\"");
            ctx.register_table(table.as_str(), Arc::new(files)).map_err(failed)?;
        }
        Ok(())
    }
}

impl Ledger {
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Recorded progress by app id, read afresh: what the next guard starts from.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn progress(&self) -> Result<BTreeMap<String, i64>, Error> {
        self.table.progress().await
    }

    /// Appends rows in one commit that moves `progress`; `receipt` is kept with the commit.
    /// Without rows only the progress moves.
    ///
    /// # Errors
    /// `Superseded` when recorded progress is elsewhere: read [`Ledger::progress`] again. When
    /// the steps end where progress stands already, nothing is written and that is said.
    pub async fn append(
        &self,
        rows: RecordBatch,
        progress: Vec<Step>,
        receipt: Value,
    ) -> Result<Committed, Error> {
        let mut commit = Commit { operation: "WRITE", progress, receipt, ..Commit::default() };
        if rows.num_rows() > 0 {
            commit.adds.push(stage(&self.table, align(rows, &self.schema)?, None).await?);
        }
        let done = self.table.commit(&commit).await?;
        if let Err(e) = self.table.checkpoint_if_due(CHECKPOINT_EVERY).await {
            tracing::warn!(table = %self.table.path(), error = %e, "no checkpoint");
        }
        Ok(done)
    }

    /// Appends rows that stand for themselves, exactly once, after whoever else does the same.
    ///
    /// # Errors
    /// As the store answers; `Superseded` only after many others came first.
    pub async fn note(&self, rows: &RecordBatch) -> Result<Committed, Error> {
        let mut overtaken = 0;
        loop {
            let from = self.progress().await?.get(NOTES).copied();
            let step = self.table.turn(NOTES, from);
            match self.append(rows.clone(), vec![step], json!({"rows": rows.num_rows()})).await {
                Err(e) if e.kind == ErrorKind::Superseded && overtaken < OVERTAKEN_MAX => {
                    overtaken += 1;
                }
                other => return other,
            }
        }
    }

    /// Every row, oldest file first. Ledgers are small beside what they tell of; a long one is
    /// better asked through a query session.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn rows(&self) -> Result<RecordBatch, Error> {
        let state = self.table.refresh().await?;
        let mut files: Vec<(&String, &FileMeta)> = state.files.iter().collect();
        files.sort_by_key(|(path, file)| (file.modification_time, *path));
        let mut batches = Vec::with_capacity(files.len());
        for (relative, file) in files {
            let failed = |e| parquet_error(&format!("reading `{}`", self.table.path()), e);
            let mut stream = reader(&self.table, relative, file).await?.build().map_err(failed)?;
            while let Some(batch) = stream.try_next().await.map_err(failed)? {
                batches.push(align(batch, &self.schema)?);
            }
        }
        concat_batches(&self.schema, &batches).map_err(|e| arrow_error("joining a ledger", e))
    }
}
