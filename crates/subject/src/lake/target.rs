//! Subject tables of a lake as the target of a refresh.

use super::inputs::{attach, wanted};
use crate::among::Keys;
use crate::port::{Scope, Shape, Staging, Target, Touched};
use crate::record::BuildRecord;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use huiliu_lake::{Lake, Order};
use huiliu_model::Error;
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

    async fn touched(&self, shape: &Shape, keys: &Keys) -> Result<Touched, Error> {
        let Some(table) = self.lake.pin_subject(&shape.subject, &shape.table).await? else {
            return Ok(Touched::default());
        };
        let (_, tuples) = wanted(&shape.identity, keys)?;
        let found = table.touched(&shape.identity, &tuples)?;
        Ok(Touched { files: found.files, of_files: found.of_files, rows: found.rows })
    }

    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error> {
        let name = (shape.subject.as_str(), shape.table.as_str());
        let schema = Arc::clone(&shape.schema);
        let order = Order { identity: shape.identity.clone(), key: shape.key.clone() };
        let build = self.lake.build_subject(name, &shape.title, schema, order).await?;
        let identity = shape.identity.clone();
        Ok(Box::new(LakeStaging { lake: self.lake.clone(), build, identity }))
    }
}

/// Rows of one build: they lie in the lake, where the checks read them too.
struct LakeStaging {
    lake: Lake,
    build: huiliu_lake::Build,
    identity: Vec<String>,
}

#[async_trait]
impl Staging for LakeStaging {
    async fn add(&mut self, rows: Vec<RecordBatch>) -> Result<(), Error> {
        self.build.add(&rows).await
    }

    async fn replace(&mut self, keys: &Keys, rows: Vec<RecordBatch>) -> Result<u64, Error> {
        let (wanted, tuples) = wanted(&self.identity, keys)?;
        self.build.replace((&wanted, &tuples), &rows).await
    }

    async fn read(
        &mut self,
        scope: Scope,
        ctx: &SessionContext,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        attach(&self.lake, ctx)?;
        self.build.finish().await?;
        Ok(self.build.after(scope == Scope::Whole))
    }

    async fn commit(self: Box<Self>, scope: Scope, record: BuildRecord) -> Result<i64, Error> {
        Ok(self.build.commit(scope == Scope::Whole, record.to_json()).await?.version)
    }
}
