//! Both ports in memory: for test cases, unit tests and staging of small tables.

use crate::port::{BuildRecord, Inputs, Shape, Staging, Target};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use huiliu_model::{Contract, Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Datasets as batches; one that was not given is empty.
#[derive(Debug, Clone, Default)]
pub struct MemoryInputs {
    tables: BTreeMap<String, Vec<RecordBatch>>,
}

impl MemoryInputs {
    pub fn insert(&mut self, dataset: &str, rows: Vec<RecordBatch>) {
        self.tables.insert(dataset.to_owned(), rows);
    }
}

#[async_trait]
impl Inputs for MemoryInputs {
    async fn register(
        &self,
        ctx: &SessionContext,
        contract: &Contract,
        name: &str,
    ) -> Result<i64, Error> {
        let rows = self.tables.get(name).cloned().unwrap_or_default();
        let schema = rows.first().map_or_else(
            || {
                let open = |f: Field| f.with_nullable(true);
                let fields = contract.stored_fields(false).into_iter().map(open);
                Arc::new(Schema::new(fields.collect::<Vec<_>>()))
            },
            RecordBatch::schema,
        );
        let table = MemTable::try_new(schema, vec![rows]).map_err(|e| bug(name, e))?;
        ctx.register_table(name, Arc::new(table)).map_err(|e| bug(name, e))?;
        Ok(0)
    }
}

/// Tables that were committed, by `subject.table`, with the record of their build.
#[derive(Debug, Default)]
pub struct MemoryTarget {
    committed: Arc<Mutex<BTreeMap<String, Committed>>>,
}

/// One committed table.
#[derive(Debug, Clone)]
pub struct Committed {
    pub buckets: BTreeMap<u32, Vec<RecordBatch>>,
    pub record: BuildRecord,
    pub version: i64,
}

impl MemoryTarget {
    pub fn committed(&self, table: &str) -> Option<Committed> {
        self.committed.lock().ok()?.get(table).cloned()
    }
}

#[async_trait]
impl Target for MemoryTarget {
    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error> {
        Ok(Box::new(MemoryStaging {
            shape: shape.clone(),
            buckets: BTreeMap::new(),
            committed: self.committed.clone(),
        }))
    }
}

struct MemoryStaging {
    shape: Shape,
    buckets: BTreeMap<u32, Vec<RecordBatch>>,
    committed: Arc<Mutex<BTreeMap<String, Committed>>>,
}

#[async_trait]
impl Staging for MemoryStaging {
    async fn add(&mut self, bucket: u32, rows: Vec<RecordBatch>) -> Result<(), Error> {
        let table = &self.shape.table;
        if bucket >= self.shape.buckets || self.buckets.insert(bucket, rows).is_some() {
            let message = format!("table {table}: bucket {bucket} came twice or does not exist");
            return Err(Error::new(ErrorKind::Bug, message));
        }
        Ok(())
    }

    async fn read(&self) -> Result<Arc<dyn TableProvider>, Error> {
        let rows = self.buckets.values().flatten().cloned().collect();
        let table = MemTable::try_new(self.shape.schema.clone(), vec![rows]);
        Ok(Arc::new(table.map_err(|e| bug(&self.shape.table, e))?))
    }

    async fn commit(self: Box<Self>, record: BuildRecord) -> Result<i64, Error> {
        let name = format!("{}.{}", self.shape.subject, self.shape.table);
        let mut tables = self.committed.lock().map_err(|_| {
            Error::new(ErrorKind::Bug, "a thread died while it held the committed tables")
        })?;
        let version = tables.get(&name).map_or(0, |held| held.version + 1);
        tables.insert(name, Committed { buckets: self.buckets, record, version });
        Ok(version)
    }
}

fn bug(table: &str, error: datafusion::error::DataFusionError) -> Error {
    Error::new(ErrorKind::Bug, format!("table {table}: rows in memory do not fit")).because(error)
}
