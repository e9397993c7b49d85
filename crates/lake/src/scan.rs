//! Scans: the files of a pinned version as a plain DataFusion table.
//!
//! The plan is a native Parquet scan over named files, so that it can be sent to another process
//! and so that nothing changes under a running query.

use crate::error::query_error;
use crate::log::FileMeta;
use crate::merged::Pinned;
use crate::pool::CappedPool;
use crate::room::Room;
use arrow::array::{ArrayRef, BooleanArray, StringArray, UInt64Array};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::prelude::{SessionConfig, SessionContext};
use huiliu_model::{Error, ErrorKind};
use object_store::ObjectStore;
use object_store::path::Path;
use serde_json::Value;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use url::Url;

/// URL under which a lake's store is known to its sessions.
const STORE_URL: &str = "huiliu://lake";
/// Sides of joins in all partitions, and what each reads ahead and sorts.
const BATCHES_SIDE_BY_SIDE: usize = 64;
const BATCH_ROWS_MIN: usize = 32;
/// The engine's own.
const BATCH_ROWS_MAX: usize = 8_192;
/// Consumers named in the error when memory runs out.
const NAMED: NonZeroUsize = NonZeroUsize::new(5).expect("5 is not zero");
/// A sort that spills early has this part of the pool: both sides of a join in two partitions are
/// four, and each is merged from what it spilled. Batches are this part of what they were.
const EARLY_PART: usize = 8;
/// Memory of a merge of sorted files beside the files themselves.
const MERGE_BYTES: usize = 256 << 20;

/// A session for reading this lake: bounded memory, spilling to disk, UTC.
///
/// Hash joins cannot spill in this version of DataFusion, sort-merge joins can, so the latter are
/// preferred. The engine plans them only for more than one partition.
///
/// # Errors
/// `Bug` when the runtime cannot be made.
pub fn session(
    store: Arc<dyn ObjectStore>,
    memory_bytes: usize,
    room: &Room,
) -> Result<SessionContext, Error> {
    let pool = FairSpillPool::new(memory_bytes);
    let pool = Arc::new(TrackConsumersPool::new(pool, NAMED));
    let runtime = room
        .within(RuntimeEnvBuilder::new().with_memory_pool(pool))
        .build_arc()
        .map_err(|e| query_error("making a query runtime", e))?;
    let url = Url::parse(STORE_URL).expect("the constant is a URL");
    runtime.register_object_store(&url, store);
    let mut config = SessionConfig::new();
    let partitions = config.target_partitions().max(2);
    config = config
        .with_target_partitions(partitions)
        .with_information_schema(true)
        .with_default_catalog_and_schema("lake", "main")
        .set_str("datafusion.execution.time_zone", "UTC");
    let options = config.options_mut();
    options.optimizer.prefer_hash_join = false;
    options.execution.sort_spill_reservation_bytes = spill_reserve_bytes(memory_bytes);
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// The same session for a query that ran out of memory: sorts that feed one join spill early and
/// leave room for each other, and are merged from small batches.
///
/// # Errors
/// `Bug` when the runtime cannot be made.
pub fn frugal(ctx: &SessionContext, memory_bytes: usize) -> Result<SessionContext, Error> {
    let state = ctx.state();
    let pool = CappedPool::new(memory_bytes, memory_bytes / EARLY_PART, Arc::default());
    let pool = Arc::new(TrackConsumersPool::new(pool, NAMED));
    let runtime = RuntimeEnvBuilder::from_runtime_env(state.runtime_env())
        .with_memory_pool(pool)
        .build_arc()
        .map_err(|e| query_error("making a query runtime", e))?;
    let rows = (state.config().batch_size() / EARLY_PART).max(1);
    let config = state.config().clone().with_batch_size(rows);
    let state = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .with_runtime_env(runtime)
        .build();
    Ok(SessionContext::new_with_state(state))
}

/// Rows that a plan works on at once: the engine's 8,192, and fewer where rows are so wide that
/// batches of some steps side by side would fill the pool.
pub fn batch_rows<'a>(memory_bytes: usize, of: impl IntoIterator<Item = &'a Pinned>) -> usize {
    let widest = of.into_iter().map(Pinned::row_bytes_about).max().unwrap_or(0);
    let share = memory_bytes / BATCHES_SIDE_BY_SIDE;
    (share / widest.max(1)).clamp(BATCH_ROWS_MIN, BATCH_ROWS_MAX)
}

/// What each sort keeps back for merging what it spilled: the engine's 10 MiB, less in a small
/// pool, in which some sorts side by side would reserve everything.
fn spill_reserve_bytes(memory_bytes: usize) -> usize {
    (memory_bytes / 64).clamp(1 << 20, 10 << 20)
}

/// The files of one table version. Partition columns are not read: no reader inside needs them.
/// Files of which the log tells that no row meets a filter are not opened.
#[derive(Debug, Clone)]
pub struct PinnedFiles {
    schema: SchemaRef,
    files: Vec<PinnedFile>,
}

#[derive(Debug, Clone)]
struct PinnedFile {
    path: Path,
    size: u64,
    meta: FileMeta,
}

impl PinnedFiles {
    /// `schema` is that of the files; `files` are relative to `table`.
    pub fn new<'a>(
        table: &Path,
        schema: SchemaRef,
        files: impl IntoIterator<Item = (&'a String, &'a FileMeta)>,
    ) -> Self {
        let files = files
            .into_iter()
            .map(|(relative, meta)| {
                let relative = Path::from(relative.as_str());
                let path = table.parts().chain(relative.parts()).collect();
                PinnedFile { path, size: u64::try_from(meta.size).unwrap_or(0), meta: meta.clone() }
            })
            .collect();
        Self { schema, files }
    }

    /// Files that may hold rows which meet all filters.
    fn pruned(&self, state: &dyn Session, filters: &[Expr]) -> DfResult<Vec<&PinnedFile>> {
        let all = self.files.iter();
        let Some(filter) = conjunction(filters.iter().cloned()) else { return Ok(all.collect()) };
        if self.files.iter().all(|file| file.meta.stats.is_none()) {
            return Ok(all.collect());
        }
        let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        let physical = state.create_physical_expr(filter, &schema)?;
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema));
        // A filter that says nothing about bounds prunes nothing.
        let Some(predicate) = builder.build(physical) else { return Ok(all.collect()) };
        let metas = self.files.iter().map(|file| &file.meta);
        let may = predicate.prune(&Statistics::of(metas, Arc::clone(&self.schema)))?;
        Ok(all.zip(may).filter(|(_, may)| *may).map(|(file, _)| file).collect())
    }
}

#[async_trait]
impl TableProvider for PinnedFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let files = self.pruned(state, filters)?;
        if files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // Files are dealt out over the target partitions; the physical filters reach the source
        // through the optimiser's own push-down.
        let count = state.config().target_partitions().min(files.len()).max(1);
        let mut groups = vec![Vec::new(); count];
        for (index, file) in files.into_iter().enumerate() {
            groups[index % count].push(PartitionedFile::new(file.path.to_string(), file.size));
        }
        let options = state.table_options().parquet.clone();
        let schema = TableSchema::from(Arc::clone(&self.schema));
        let source = ParquetSource::new(schema).with_table_parquet_options(options);
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
                .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
                .with_projection_indices(projection.cloned())?
                .with_limit(limit)
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Rows of several groups of files, each group sorted by these columns, in one sorted stream.
/// Memory is one row group of each, encoded.
///
/// # Errors
/// `Bug` for a column that is not there.
pub fn merge(
    store: Arc<dyn ObjectStore>,
    schema: &SchemaRef,
    groups: Vec<Vec<(Path, u64)>>,
    by: &[&str],
) -> Result<SendableRecordBatchStream, Error> {
    let failed = |e| query_error("merging sorted files", e);
    // It only merges: nothing spills.
    let ctx = session(store, MERGE_BYTES, &Room::default())?;
    let ascending = SortOptions { descending: false, nulls_first: true };
    let mut order = Vec::with_capacity(by.len());
    for name in by {
        order.push(PhysicalSortExpr::new(col(name, schema).map_err(failed)?, ascending));
    }
    let file = |(path, size): (Path, u64)| PartitionedFile::new(path.to_string(), size);
    let group = |files: Vec<_>| FileGroup::new(files.into_iter().map(file).collect());
    let url = ObjectStoreUrl::parse(STORE_URL).map_err(failed)?;
    let source = ParquetSource::new(TableSchema::from(Arc::clone(schema)));
    let config = FileScanConfigBuilder::new(url, Arc::new(source))
        .with_file_groups(groups.into_iter().map(group).collect())
        // Else an idle group reads the files of another one.
        .with_preserve_order(true)
        .build();
    let scan = DataSourceExec::from_data_source(config);
    let Some(order) = LexOrdering::new(order) else {
        return Err(Error::new(ErrorKind::Bug, "files are merged by no column"));
    };
    SortPreservingMergeExec::new(order, scan).execute(0, ctx.task_ctx()).map_err(failed)
}

/// Bounds of the log, as DataFusion prunes by them: those of texts, dates and integers.
struct Statistics {
    schema: SchemaRef,
    rows: Vec<Option<i64>>,
    files: Vec<Value>,
}

impl Statistics {
    fn of<'a>(files: impl Iterator<Item = &'a FileMeta>, schema: SchemaRef) -> Self {
        let parse = |file: &FileMeta| {
            let stats = file.stats.as_deref().and_then(|text| serde_json::from_str(text).ok());
            (file.rows, stats.unwrap_or(Value::Null))
        };
        let (rows, files) = files.map(parse).unzip();
        Self { schema, rows, files }
    }

    fn values(&self, part: &str, column: &Column) -> Option<ArrayRef> {
        let kind = self.schema.field_with_name(column.name()).ok()?.data_type();
        if !matches!(kind, DataType::Utf8 | DataType::Date32 | DataType::Int32 | DataType::Int64) {
            return None;
        }
        let text = |stats: &Value| match stats.get(part)?.get(column.name())? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let texts: ArrayRef = Arc::new(self.files.iter().map(text).collect::<StringArray>());
        cast(&texts, kind).ok()
    }
}

impl PruningStatistics for Statistics {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values("minValues", column)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values("maxValues", column)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let count = |stats: &Value| stats.get("nullCount")?.get(column.name())?.as_u64();
        Some(Arc::new(self.files.iter().map(count).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let count = |rows: &Option<i64>| rows.and_then(|rows| u64::try_from(rows).ok());
        Some(Arc::new(self.rows.iter().map(count).collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
