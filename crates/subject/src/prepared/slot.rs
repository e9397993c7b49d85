//! A place in a plan for the rows of one table, which each run brings along.

use crate::among::{Keys, later};
use crate::memory::select;
use crate::port::Snapshot;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{internal_datafusion_err, plan_err, project_schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{TryStreamExt, stream};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What the slots of a plan find in the context of a run.
#[derive(Debug, Default)]
pub struct Brought {
    pub rows: BTreeMap<String, Vec<RecordBatch>>,
    pub lookups: BTreeMap<String, Arc<dyn Snapshot>>,
    /// Those that [`Keys::contain_later`] speaks of.
    pub keys: Option<Arc<Keys>>,
}

impl Brought {
    /// Rows of a table whose columns, each list of them, are among the keys.
    async fn of(&self, name: &str, asked: &[Vec<String>]) -> Result<Vec<RecordBatch>> {
        let absent = || internal_datafusion_err!("a run brings no {name}, or no keys for it");
        let failed = |e| DataFusionError::External(Box::new(e));
        let mut left = asked.iter();
        let mut rows = match (self.rows.get(name), self.lookups.get(name)) {
            (Some(rows), _) => rows.clone(),
            (None, Some(snapshot)) => {
                let keys = self.keys.as_ref().ok_or_else(absent)?;
                let columns = left.next().ok_or_else(absent)?;
                snapshot.matching(columns, keys).await.map_err(failed)?
            }
            (None, None) => return Err(absent()),
        };
        for columns in left {
            rows = select(&rows, columns, self.keys.as_ref().ok_or_else(absent)?)?;
        }
        Ok(rows)
    }
}

/// A schema in which every column may be null, without metadata: what batches of it say differs.
pub fn open(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|f| Field::new(f.name(), f.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The place of a table in statements.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    name: Arc<str>,
    schema: SchemaRef,
    looked_up: bool,
}

impl Slot {
    pub fn new(name: &str, schema: SchemaRef, looked_up: bool) -> Self {
        Self { name: name.into(), schema, looked_up }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Columns of a filter for keys that are told later.
    fn asked(&self, filter: &Expr) -> Option<Vec<String>> {
        let is_here = |columns: &Vec<String>| {
            columns.iter().all(|name| self.schema.column_with_name(name).is_some())
        };
        later(filter).filter(is_here)
    }
}

#[async_trait]
impl TableProvider for Slot {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let asked: Vec<Vec<String>> = filters.iter().filter_map(|f| self.asked(f)).collect();
        if self.looked_up && asked.is_empty() {
            return plan_err!("{} is read whole", self.name);
        }
        let schema = project_schema(&self.schema, projection)?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(SlotExec {
            slot: self.clone(),
            projection: projection.cloned(),
            asked,
            properties: Arc::new(properties),
        }))
    }
}

/// Reads what a run brings.
#[derive(Debug, Clone)]
struct SlotExec {
    slot: Slot,
    projection: Option<Vec<usize>>,
    asked: Vec<Vec<String>>,
    properties: Arc<PlanProperties>,
}

impl SlotExec {
    /// A batch in the columns of this node.
    fn fitted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let columns = match &self.projection {
            None => batch.columns().to_vec(),
            Some(places) => batch.project(places)?.columns().to_vec(),
        };
        let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(schema, columns, &count)?)
    }
}

impl DisplayAs for SlotExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotExec: {}", self.slot.name)
    }
}

impl ExecutionPlan for SlotExec {
    fn name(&self) -> &'static str {
        "SlotExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let brought = context.session_config().get_extension::<Brought>();
        let brought = brought.ok_or_else(|| internal_datafusion_err!("a run brings nothing"))?;
        let (this, schema) = (self.clone(), self.schema());
        let rows = async move {
            let found = brought.of(&this.slot.name, &this.asked).await?;
            let fitted = found.iter().map(|batch| this.fitted(batch)).collect::<Vec<_>>();
            Ok::<_, DataFusionError>(stream::iter(fitted))
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
