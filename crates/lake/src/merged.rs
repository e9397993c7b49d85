//! Merge on read: `current` with the changes that are not folded yet.
//!
//! Only keys that pending changes touch are merged; all others are read as they are. Without
//! pending changes the view is the table itself. Where rows lack cells that older rows of their
//! key have, touched buckets are merged by the fold's own code ([`crate::completed`]).

use crate::completed::{Versions, merged_buckets};
use crate::dataset::{Dataset, FOLD};
use crate::error::{arrow_error, query_error};
use crate::lake::Lake;
use crate::log::{FileMeta, TableState};
use crate::scan::PinnedFiles;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, SchemaRef};
use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, system};
use object_store::path::Path;
use std::sync::Arc;

/// The newest rows of one dataset at pinned versions.
pub struct Pinned {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) current: TableState,
    pub(crate) deleted: TableState,
    pub(crate) changes: TableState,
    pub(crate) pending: Vec<(String, FileMeta)>,
}

impl Pinned {
    /// Pins a dataset. `current` is read first and `changes` last, so nothing that a fold moves
    /// meanwhile can be missed: it is still pending here.
    pub(crate) async fn of(dataset: Arc<Dataset>) -> Result<Pinned, Error> {
        let current = dataset.current.refresh().await?;
        let deleted = dataset.deleted.refresh().await?;
        let changes = dataset.changes.refresh().await?;
        let from = current.txns.get(FOLD).copied().unwrap_or(0);
        let added = dataset.changes.added_since(&changes, from).await?;
        let pending = match added {
            None => changes.files.clone().into_iter().collect(),
            // A file that was joined with others since `current` was read is still in the store.
            Some(added) => added.into_values().flatten().collect(),
        };
        Ok(Pinned { dataset, current, deleted, changes, pending })
    }

    pub fn name(&self) -> &str {
        &self.dataset.contract.dataset
    }

    /// Version of `changes` that these rows reflect.
    pub fn version(&self) -> i64 {
        self.changes.version
    }

    /// Stored columns, then system columns of `current`.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.dataset.current_schema)
    }

    fn files<'a>(
        &self,
        table: &Path,
        schema: &SchemaRef,
        files: impl IntoIterator<Item = (&'a String, &'a FileMeta)>,
    ) -> Arc<dyn TableProvider> {
        Arc::new(PinnedFiles::new(table, Arc::clone(schema), files))
    }

    /// The table provider of the merged rows: stored columns, then system columns of `current`.
    ///
    /// # Errors
    /// `Bug` when the view cannot be planned.
    pub async fn provider(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        let data = &self.dataset;
        let current = self.files(data.current.path(), &data.current_schema, &self.current.files);
        if self.pending.is_empty() {
            return Ok(current);
        }
        if self.lacks_cells() {
            return self.completed(ctx).await;
        }
        let inputs = [
            ("current", current),
            ("deleted", self.files(data.deleted.path(), &data.deleted_schema, &self.deleted.files)),
            ("pending", self.changes_not_folded().await?),
        ];
        self.register(ctx, inputs)?;
        self.view(ctx, &self.view_sql()).await
    }

    /// Changes that are not folded: in memory where they are few, for they lie in many small files.
    async fn changes_not_folded(&self) -> Result<Arc<dyn TableProvider>, Error> {
        let data = &self.dataset;
        let schema = &data.changes_schema;
        let Some(rows) = self.pending_rows().await? else {
            let pending = self.pending.iter().map(|(path, file)| (path, file));
            return Ok(self.files(data.changes.path(), schema, pending));
        };
        let rows =
            concat_batches(schema, &rows).map_err(|e| arrow_error("joining pending changes", e))?;
        let table = MemTable::try_new(Arc::clone(schema), vec![vec![rows]]);
        Ok(Arc::new(table.map_err(|e| query_error("reading pending changes", e))?))
    }

    fn register(
        &self,
        ctx: &SessionContext,
        parts: impl IntoIterator<Item = (&'static str, Arc<dyn TableProvider>)>,
    ) -> Result<(), Error> {
        let name = self.name();
        let failed = |e| query_error(&format!("merging current.{name}"), e);
        hidden_schema(ctx).map_err(failed)?;
        for (kind, provider) in parts {
            let table = format!("lake.{HIDDEN}.\"{kind}_{name}\"");
            ctx.deregister_table(table.as_str()).map_err(failed)?;
            ctx.register_table(table.as_str(), provider).map_err(failed)?;
        }
        Ok(())
    }

    async fn view(&self, ctx: &SessionContext, sql: &str) -> Result<Arc<dyn TableProvider>, Error> {
        let failed = |e| query_error(&format!("merging current.{}", self.name()), e);
        Ok(ctx.sql(sql).await.map_err(failed)?.into_view())
    }

    /// Whether a pending change, or a row that one may touch, lacks cells.
    pub(crate) fn lacks_cells(&self) -> bool {
        let pending = self.pending.iter().map(|(_, file)| file);
        pending.chain(self.current.files.values()).any(|file| file.lacks_cells)
    }

    /// As [`Pinned::provider`], for rows that lack cells.
    async fn completed(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        let data = &self.dataset;
        let name = self.name();
        let failed = |e| query_error(&format!("merging current.{name}"), e);
        let pending = self.pending.iter().map(|(path, file)| (path, file));
        let pending = self.files(data.changes.path(), &data.changes_schema, pending);
        self.register(ctx, [("pending", pending)])?;
        let bucket = system::BUCKET;
        let sql = format!("SELECT DISTINCT {bucket} FROM lake.{HIDDEN}.\"pending_{name}\"");
        let found = ctx.sql(&sql).await.map_err(failed)?.collect().await.map_err(failed)?;
        let numbers = |batch: &RecordBatch| batch.column(0).as_primitive::<Int32Type>().clone();
        let mut buckets: Vec<i32> =
            found.iter().flat_map(|batch| numbers(batch).values().to_vec()).collect();
        let adopted = data.adopted(&self.changes, &self.pending).await?;
        if let Some(rows) = adopted.as_ref().and_then(|rows| rows.column_by_name(bucket)) {
            buckets.extend(rows.as_primitive::<Int32Type>().values());
        }
        buckets.sort_unstable();
        buckets.dedup();
        let is_touched = |file: &FileMeta| {
            let bucket = file.partition_values.get(bucket).and_then(Option::as_deref);
            bucket.and_then(|b| b.parse().ok()).is_some_and(|b| buckets.binary_search(&b).is_ok())
        };
        let others = self.current.files.iter().filter(|(_, file)| !is_touched(file));
        let others = self.files(data.current.path(), &data.current_schema, others);
        let versions = Versions {
            dataset: Arc::clone(data),
            current: self.current.clone(),
            deleted: self.deleted.clone(),
            pending: self.pending.clone(),
            adopted,
        };
        let streams = ctx.state().config().target_partitions();
        let merged = merged_buckets(versions, &buckets, streams)?;
        self.register(ctx, [("current", others), ("merged", merged)])?;
        let fields = data.current_schema.fields().iter();
        let columns: Vec<String> = fields.map(|f| format!("\"{}\"", f.name())).collect();
        let columns = columns.join(", ");
        let of = |kind: &str| format!("SELECT {columns} FROM lake.{HIDDEN}.\"{kind}_{name}\"");
        self.view(ctx, &format!("{} UNION ALL {}", of("current"), of("merged"))).await
    }

    fn view_sql(&self) -> String {
        let data = &self.dataset;
        let name = self.name();
        let quoted = |names: &[&str]| {
            names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")
        };
        let all: Vec<&str> =
            data.current_schema.fields().iter().map(|f| f.name().as_str()).collect();
        let columns = quoted(&all);
        let key_names = data.contract.key_names();
        let keys = quoted(&key_names);
        let same_key = |a: &str, b: &str| {
            key_names
                .iter()
                .map(|k| format!("{a}.\"{k}\" = {b}.\"{k}\""))
                .collect::<Vec<_>>()
                .join(" AND ")
        };
        let of_deleted = all
            .iter()
            .map(|c| match data.deleted_schema.column_with_name(c) {
                Some(_) => format!("d.\"{c}\""),
                None => format!("NULL AS \"{c}\""),
            })
            .collect::<Vec<_>>()
            .join(", ");
        let of_current = all.iter().map(|c| format!("c.\"{c}\"")).collect::<Vec<_>>().join(", ");
        let newest = system::SEQUENCE.map(|c| format!("\"{c}\" DESC NULLS LAST")).join(", ");
        let op = system::OP;
        let (on_current, on_deleted) = (same_key("c", "t"), same_key("d", "t"));
        format!(
            "WITH touched AS (SELECT DISTINCT {keys} FROM lake.{HIDDEN}.\"pending_{name}\"), \
             ranked AS (SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY {newest}) AS n \
             FROM (SELECT {columns}, {op} FROM lake.{HIDDEN}.\"pending_{name}\" \
             UNION ALL SELECT {of_current}, 'u' FROM lake.{HIDDEN}.\"current_{name}\" c \
             LEFT SEMI JOIN touched t ON {on_current} \
             UNION ALL SELECT {of_deleted}, 'd' FROM lake.{HIDDEN}.\"deleted_{name}\" d \
             LEFT SEMI JOIN touched t ON {on_deleted})) \
             SELECT {of_current} FROM lake.{HIDDEN}.\"current_{name}\" c \
             LEFT ANTI JOIN touched t ON {on_current} \
             UNION ALL SELECT {columns} FROM ranked WHERE n = 1 AND {op} <> 'd'"
        )
    }
}

/// Schema for the parts of merged views; not meant for users.
const HIDDEN: &str = "parts";

fn hidden_schema(ctx: &SessionContext) -> datafusion::error::Result<()> {
    ensure_schema(ctx, HIDDEN)
}

/// Makes a schema of the session's catalogue if it is not there.
pub(crate) fn ensure_schema(ctx: &SessionContext, name: &str) -> datafusion::error::Result<()> {
    let catalogue = ctx.catalog("lake").ok_or_else(|| {
        datafusion::error::DataFusionError::Internal("the session has no catalogue `lake`".into())
    })?;
    if catalogue.schema(name).is_none() {
        catalogue.register_schema(name, Arc::new(MemorySchemaProvider::new()))?;
    }
    Ok(())
}

impl Lake {
    /// Pins datasets for reading.
    ///
    /// # Errors
    /// As the store answers; `Bug` for an undeclared name.
    pub async fn pin(&self, names: &[&str]) -> Result<Vec<Pinned>, Error> {
        let datasets = names.iter().map(|n| self.dataset(n)).collect::<Result<Vec<_>, _>>()?;
        futures::future::try_join_all(datasets.into_iter().map(Pinned::of)).await
    }

    /// A session over everything in the lake: `changes.*`, `current.*` (merged on read),
    /// `quarantine.*`, `deleted.*`, `ledger.*` and every subject table as `<subject>.<table>`.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn query_session(
        &self,
        subject_tables: &[(String, String)],
        memory_bytes: usize,
    ) -> Result<SessionContext, Error> {
        let memory_bytes = self.shared().memory.query_bytes(memory_bytes);
        let ctx = crate::scan::session(Arc::clone(self.store()), memory_bytes, self.room())?;
        let failed = |e| query_error("opening the lake for queries", e);
        for schema in ["changes", "current", "quarantine", "deleted"] {
            ensure_schema(&ctx, schema).map_err(failed)?;
        }
        let names: Vec<String> = self.datasets().map(|d| d.contract.dataset.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let pinned = self.pin(&names).await?;
        let rows = crate::scan::batch_rows(memory_bytes, &pinned);
        let state = ctx.state_ref();
        let config = state.read().config().clone().with_batch_size(rows);
        *state.write().config_mut() = config;
        for pinned in pinned {
            let data = &pinned.dataset;
            let name = pinned.name().to_owned();
            let quarantine = data.quarantine.refresh().await?;
            let rejects = Arc::new(arrow::datatypes::Schema::new(system::quarantine_fields()));
            let tables = [
                (
                    "changes",
                    pinned.files(data.changes.path(), &data.changes_schema, &pinned.changes.files),
                ),
                ("quarantine", pinned.files(data.quarantine.path(), &rejects, &quarantine.files)),
                (
                    "deleted",
                    pinned.files(data.deleted.path(), &data.deleted_schema, &pinned.deleted.files),
                ),
                ("current", pinned.provider(&ctx).await?),
            ];
            for (schema, provider) in tables {
                let table = format!("lake.{schema}.\"{name}\"");
                ctx.register_table(table.as_str(), provider).map_err(failed)?;
            }
        }
        for (subject, table) in subject_tables {
            self.register_subject(&ctx, subject, table).await?;
        }
        self.register_ledgers(&ctx).await?;
        Ok(ctx)
    }
}
