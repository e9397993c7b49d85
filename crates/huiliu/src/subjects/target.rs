//! Subject tables of a lake as the target of a refresh.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::prelude::SessionContext;
use huiliu_lake::Lake;
use huiliu_model::{Error, ErrorKind};
use huiliu_subject::{BuildRecord, Scope, Shape, Staging, Target};
use std::sync::Arc;

pub struct LakeTarget {
    pub lake: Lake,
}

#[async_trait]
impl Target for LakeTarget {
    async fn last(&self, shape: &Shape) -> Result<Option<BuildRecord>, Error> {
        let status = self.lake.subject_status(&shape.subject, &shape.table).await?;
        let build = status.and_then(|status| status.record.get("build").cloned());
        Ok(build.as_ref().and_then(BuildRecord::from_json))
    }

    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error> {
        let name = (shape.subject.as_str(), shape.table.as_str());
        let schema = Arc::clone(&shape.schema);
        let build = self.lake.build_subject(name, &shape.title, schema, &shape.key).await?;
        let schema = Arc::clone(&shape.schema);
        Ok(Box::new(LakeStaging { lake: self.lake.clone(), build, schema, rows: Vec::new() }))
    }
}

/// Rows of one build; they are staged in the lake and kept for the checks.
struct LakeStaging {
    lake: Lake,
    build: huiliu_lake::Build,
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
}

#[async_trait]
impl Staging for LakeStaging {
    async fn held(&self, bucket: u32) -> Result<Vec<RecordBatch>, Error> {
        self.build.held(number(bucket)?).await
    }

    async fn add(&mut self, bucket: u32, rows: Vec<RecordBatch>) -> Result<(), Error> {
        self.build.stage(number(bucket)?, &rows).await?;
        self.rows.extend(rows);
        Ok(())
    }

    async fn read(&self, scope: Scope) -> Result<Arc<dyn TableProvider>, Error> {
        let unfit = |e| Error::new(ErrorKind::Bug, "staged rows do not fit their table").because(e);
        let staged = MemTable::try_new(Arc::clone(&self.schema), vec![self.rows.clone()]);
        let staged: Arc<dyn TableProvider> = Arc::new(staged.map_err(unfit)?);
        if scope == Scope::Whole {
            return Ok(staged);
        }
        let ctx = SessionContext::new();
        super::inputs::attach(&self.lake, &ctx)?;
        let rows = ctx.read_table(self.build.untouched()).map_err(unfit)?;
        let rows = rows.union(ctx.read_table(staged).map_err(unfit)?).map_err(unfit)?;
        Ok(rows.into_view())
    }

    async fn commit(self: Box<Self>, scope: Scope, record: BuildRecord) -> Result<i64, Error> {
        Ok(self.build.commit(scope == Scope::Whole, record.to_json()).await?.version)
    }
}

fn number(bucket: u32) -> Result<i32, Error> {
    i32::try_from(bucket)
        .map_err(|e| Error::new(ErrorKind::Bug, format!("bucket {bucket} is no bucket")).because(e))
}
