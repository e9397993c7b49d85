//! Scans: the files of a pinned version as a plain DataFusion table.
//!
//! The plan is a native Parquet scan over named files, so that it can be sent to another process
//! and so that nothing changes under a running query.

use crate::error::query_error;
use crate::log::FileMeta;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::{SessionConfig, SessionContext};
use huiliu_model::Error;
use object_store::ObjectStore;
use object_store::path::Path;
use std::num::NonZeroUsize;
use std::sync::Arc;
use url::Url;

/// URL under which a lake's store is known to its sessions.
const STORE_URL: &str = "huiliu://lake";

/// A session for reading this lake: bounded memory, spilling to disk, UTC.
///
/// Hash joins cannot spill in this version of DataFusion, sort-merge joins can, so the latter are
/// preferred.
///
/// # Errors
/// `Bug` when the runtime cannot be made.
pub fn session(store: Arc<dyn ObjectStore>, memory_bytes: usize) -> Result<SessionContext, Error> {
    let pool = FairSpillPool::new(memory_bytes);
    let shown = NonZeroUsize::new(5).expect("5 is not zero");
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, shown)))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory),
        )
        .build_arc()
        .map_err(|e| query_error("making a query runtime", e))?;
    let url = Url::parse(STORE_URL).expect("the constant is a URL");
    runtime.register_object_store(&url, store);
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema("lake", "main")
        .set_str("datafusion.execution.time_zone", "UTC");
    let options = config.options_mut();
    options.optimizer.prefer_hash_join = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// The files of one table version. Partition columns are not read: no reader inside needs them.
#[derive(Debug, Clone)]
pub struct PinnedFiles {
    schema: SchemaRef,
    files: Vec<(Path, u64)>,
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
                (path, u64::try_from(meta.size).unwrap_or(0))
            })
            .collect();
        Self { schema, files }
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
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // Files are dealt out over the target partitions; the physical filters reach the source
        // through the optimiser's own push-down.
        let count = state.config().target_partitions().min(self.files.len()).max(1);
        let mut groups = vec![Vec::new(); count];
        for (index, (path, size)) in self.files.iter().enumerate() {
            groups[index % count].push(PartitionedFile::new(path.to_string(), *size));
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
