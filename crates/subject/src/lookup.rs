//! An input as a table that is read whole, or only where a filter asks for some keys.
//!
//! The engine moves the filter of [`Keys::contain`] down to this provider, which then asks the
//! [`Snapshot`] for the matching rows in place of a scan. All other filters stay with the engine.

use crate::among::{Keys, column_of, recognise};
use crate::port::Snapshot;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Lookup {
    whole: Arc<dyn TableProvider>,
    snapshot: Arc<dyn Snapshot>,
}

impl Lookup {
    /// `whole` are the rows of `snapshot`.
    pub fn new(whole: Arc<dyn TableProvider>, snapshot: Arc<dyn Snapshot>) -> Self {
        Self { whole, snapshot }
    }

    /// Columns and keys of a filter over columns of this table.
    fn asked(&self, filter: &Expr) -> Option<(Vec<String>, Arc<Keys>)> {
        let schema = self.whole.schema();
        recognise(filter).filter(|(columns, _)| {
            columns.iter().all(|name| schema.column_with_name(name).is_some())
        })
    }
}

#[async_trait]
impl TableProvider for Lookup {
    fn schema(&self) -> SchemaRef {
        self.whole.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.asked(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut asked: Vec<_> = filters.iter().filter_map(|f| self.asked(f)).collect();
        asked.sort_by_key(|(_, keys)| std::cmp::Reverse(keys.len()));
        let Some((columns, keys)) = asked.pop() else {
            // A filter that is kept above may not be answered by fewer rows than asked for.
            let limit = limit.filter(|_| filters.is_empty());
            return self.whole.scan(state, projection, &self.passed_on(filters)?, limit).await;
        };
        let found = self.snapshot.matching(&columns, &keys).await;
        let mut rows = found.map_err(|e| DataFusionError::External(Box::new(e)))?;
        for (columns, keys) in asked {
            rows = rows.iter().map(|batch| kept(batch, &columns, &keys)).collect::<Result<_>>()?;
        }
        let schema = rows.first().map_or_else(|| self.schema(), RecordBatch::schema);
        MemTable::try_new(schema, vec![rows])?.scan(state, projection, &[], None).await
    }
}

impl Lookup {
    /// Filters that the table below makes use of.
    fn passed_on(&self, filters: &[Expr]) -> Result<Vec<Expr>> {
        let support = self.whole.supports_filters_pushdown(&filters.iter().collect::<Vec<_>>())?;
        let useful = |support: &TableProviderFilterPushDown| {
            *support != TableProviderFilterPushDown::Unsupported
        };
        Ok(filters.iter().zip(support).filter(|(_, s)| useful(s)).map(|(f, _)| f.clone()).collect())
    }
}

fn kept(batch: &RecordBatch, columns: &[String], keys: &Keys) -> Result<RecordBatch> {
    let one = std::slice::from_ref(batch);
    let columns =
        columns.iter().map(|n| column_of(one, n)).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(filter_record_batch(batch, &keys.mask(&columns)?)?)
}
