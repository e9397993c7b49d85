//! Subject tables on a lake: the two ports of a build, and the order of a refresh.
//!
//! `subject` knows inputs and targets as ports and the lake knows neither; they meet here. All
//! tables of one refresh read one vector of versions, pinned before the first of them.

use crate::failure::Failure;
use crate::installation::Installation;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, MemoryCatalogProvider, TableProvider};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use huiliu_lake::{Lake, Pinned};
use huiliu_model::{Contract, Error, ErrorKind};
use huiliu_spec::TableSpec;
use huiliu_spec::table::{InputKind, Severity};
use huiliu_subject::{
    Budget, BuildRecord, Built, Declarations, Inputs, Ports, Shape, Staging, Target,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows of all inputs up to which a table is built in one pass instead of bucket by bucket.
const ONE_PASS_ROWS: i64 = 2_000_000;
/// Memory of a build where the process' budget is smaller.
const MEMORY_BYTES_MIN: usize = 512 << 20;

/// Builds tables in full, inputs before what is built on them.
///
/// # Errors
/// The first table that cannot be built; those before it are committed.
pub async fn refresh(
    installation: &Installation,
    lake: &Lake,
    tables: &[&TableSpec],
    parameters: &BTreeMap<String, String>,
    mut told: impl FnMut(&TableSpec, &Built),
) -> Result<(), Failure> {
    let names: BTreeSet<&str> = tables
        .iter()
        .flat_map(|table| &table.inputs)
        .filter(|input| input.kind == InputKind::Dataset)
        .map(|input| input.name.as_str())
        .collect();
    let inputs = LakeInputs::pin(lake, &names.into_iter().collect::<Vec<_>>()).await?;
    let target = LakeTarget { lake: lake.clone() };
    let contracts = &installation.project.contracts;
    let declared = Declarations { contracts, catalogue: &installation.catalogue };
    let rows: i64 = lake.status().await?.iter().map(|d| d.current_rows + d.pending_rows).sum();
    let budget = Budget {
        memory_bytes: installation.memory_bytes().max(MEMORY_BYTES_MIN),
        buckets_per_pass: if rows <= ONE_PASS_ROWS { u32::MAX } else { 1 },
        ..Budget::default()
    };
    for table in tables {
        let given = parameters
            .iter()
            .filter(|(name, _)| table.parameters.iter().any(|p| p.name == **name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let ports = Ports { inputs: &inputs, target: &target };
        let built = huiliu_subject::refresh(table, declared, ports, &given, &budget).await?;
        told(table, &built);
    }
    Ok(())
}

/// What was built, for programs.
pub fn document(table: &TableSpec, built: &Built) -> Value {
    let checks: Vec<Value> = built.checks.iter().map(check).collect();
    json!({
        "table": table.full_name(),
        "rows": built.row_count,
        "version": built.table_version,
        "inputs": built.versions,
        "checks": checks,
    })
}

fn check(outcome: &huiliu_subject::CheckOutcome) -> Value {
    let severity = match outcome.severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
    };
    json!({"name": outcome.name, "severity": severity, "offending_count": outcome.offending_count})
}

/// Current state of some datasets, pinned.
struct LakeInputs {
    lake: Lake,
    pinned: BTreeMap<String, Pinned>,
}

impl LakeInputs {
    async fn pin(lake: &Lake, names: &[&str]) -> Result<Self, Error> {
        let pinned = lake.pin(names).await?;
        let pinned = pinned.into_iter().map(|p| (p.name().to_owned(), p)).collect();
        Ok(Self { lake: lake.clone(), pinned })
    }

    /// Makes a session able to read the lake's files.
    fn attach(&self, ctx: &SessionContext) -> Result<(), Error> {
        if ctx.catalog("lake").is_none() {
            ctx.register_catalog("lake", Arc::new(MemoryCatalogProvider::new()));
        }
        let url = ObjectStoreUrl::parse(LAKE_URL)
            .map_err(|e| Error::new(ErrorKind::Bug, "the lake's URL is no URL").because(e))?;
        ctx.register_object_store(url.as_ref(), Arc::clone(self.lake.store()));
        Ok(())
    }
}

/// URL under which the lake's files are known to a session.
const LAKE_URL: &str = "huiliu://lake";

#[async_trait]
impl Inputs for LakeInputs {
    async fn register(
        &self,
        ctx: &SessionContext,
        contract: &Contract,
        name: &str,
    ) -> Result<i64, Error> {
        self.attach(ctx)?;
        let pinned = self.pinned.get(&*contract.dataset).ok_or_else(|| {
            Error::new(ErrorKind::Bug, format!("dataset `{}` was not pinned", contract.dataset))
        })?;
        let provider = pinned.provider(ctx).await?;
        ctx.register_table(name, provider).map_err(|e| {
            Error::new(ErrorKind::Bug, format!("`{name}` could not be registered")).because(e)
        })?;
        Ok(pinned.version())
    }
}

struct LakeTarget {
    lake: Lake,
}

#[async_trait]
impl Target for LakeTarget {
    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error> {
        let name = (shape.subject.as_str(), shape.table.as_str());
        let schema = Arc::clone(&shape.schema);
        let build = self.lake.build_subject(name, &shape.title, schema, &shape.key).await?;
        Ok(Box::new(LakeStaging { build, schema: Arc::clone(&shape.schema), rows: Vec::new() }))
    }
}

/// Rows of one build; they are staged in the lake and kept for the checks.
struct LakeStaging {
    build: huiliu_lake::Build,
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
}

#[async_trait]
impl Staging for LakeStaging {
    async fn add(&mut self, bucket: u32, rows: Vec<RecordBatch>) -> Result<(), Error> {
        let number = i32::try_from(bucket).map_err(|e| {
            Error::new(ErrorKind::Bug, format!("bucket {bucket} is no bucket")).because(e)
        })?;
        self.build.stage(number, &rows).await?;
        self.rows.extend(rows);
        Ok(())
    }

    async fn read(&self) -> Result<Arc<dyn TableProvider>, Error> {
        let staged = MemTable::try_new(Arc::clone(&self.schema), vec![self.rows.clone()]);
        let staged = staged.map_err(|e| {
            Error::new(ErrorKind::Bug, "staged rows do not have the declared columns").because(e)
        })?;
        Ok(Arc::new(staged))
    }

    async fn commit(self: Box<Self>, record: BuildRecord) -> Result<i64, Error> {
        Ok(self.build.commit(record.to_json()).await?.version)
    }
}
