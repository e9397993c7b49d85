//! Both ports in memory: for test cases, unit tests and staging of small tables.

use crate::among::{Keys, column_of};
use crate::port::{Declared, Inputs, Pin, Scope, Shape, Snapshot, Staging, Target, Touched};
use crate::record::BuildRecord;
use crate::schema;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, ErrorKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Rows = Arc<Vec<RecordBatch>>;

/// Inputs as batches, every version of them; one that was not given is empty.
#[derive(Debug, Clone, Default)]
pub struct MemoryInputs {
    tables: BTreeMap<String, Vec<Rows>>,
}

impl MemoryInputs {
    /// Adds the next version of an input; its versions count from 0.
    pub fn insert(&mut self, name: &str, rows: Vec<RecordBatch>) {
        self.tables.entry(name.to_owned()).or_default().push(Arc::new(rows));
    }

    fn at(&self, input: Declared<'_>, version: Option<i64>) -> Option<MemorySnapshot> {
        let name = input.name();
        let versions = self.tables.get(&name).cloned().unwrap_or_default();
        let newest = i64::try_from(versions.len()).ok()?.saturating_sub(1).max(0);
        let version = version.unwrap_or(newest);
        let key = input.key();
        (0..=newest).contains(&version).then(|| MemorySnapshot {
            schema: empty_schema(input),
            name,
            key,
            version,
            versions,
        })
    }
}

fn empty_schema(input: Declared<'_>) -> SchemaRef {
    let open = |field: Field| field.with_nullable(true);
    let fields: Vec<Field> = match input {
        Declared::Dataset(contract) => contract.stored_fields(false),
        Declared::Table(spec) => {
            schema::declared(spec).fields().iter().map(|f| f.as_ref().clone()).collect()
        }
    };
    Arc::new(Schema::new(fields.into_iter().map(open).collect::<Vec<_>>()))
}

#[async_trait]
impl Inputs for MemoryInputs {
    async fn open(&self, input: Declared<'_>) -> Result<Arc<dyn Snapshot>, Error> {
        self.reopened(input, None)?.ok_or_else(|| {
            Error::new(ErrorKind::Bug, format!("input `{}` has no newest version", input.name()))
        })
    }

    async fn reopen(
        &self,
        input: Declared<'_>,
        pin: &Pin,
    ) -> Result<Option<Arc<dyn Snapshot>>, Error> {
        self.reopened(input, Some(pin.version))
    }
}

impl MemoryInputs {
    fn reopened(
        &self,
        input: Declared<'_>,
        version: Option<i64>,
    ) -> Result<Option<Arc<dyn Snapshot>>, Error> {
        Ok(self.at(input, version).map(|found| Arc::new(found) as Arc<dyn Snapshot>))
    }
}

#[derive(Debug)]
struct MemorySnapshot {
    name: String,
    key: Vec<String>,
    version: i64,
    versions: Vec<Rows>,
    /// Columns where no rows say them.
    schema: SchemaRef,
}

impl MemorySnapshot {
    fn of(&self, version: i64) -> Rows {
        let index = usize::try_from(version).ok();
        index.and_then(|index| self.versions.get(index)).cloned().unwrap_or_default()
    }

    fn select(&self, columns: &[String], keys: &Keys) -> Result<Vec<RecordBatch>, ArrowError> {
        select(&self.of(self.version), columns, keys)
    }

    fn differing(&self, since: i64) -> Result<Vec<RecordBatch>, ArrowError> {
        let (old, new) = (self.of(since), self.of(self.version));
        let keys_only = |rows: &Rows| -> Result<Vec<RecordBatch>, ArrowError> {
            let project = |batch: &RecordBatch| {
                let at = self.key.iter().map(|k| batch.schema().index_of(k));
                batch.project(&at.collect::<Result<Vec<_>, _>>()?)
            };
            rows.iter().map(project).collect()
        };
        let mut found = keys_only(&Arc::new(without(&old, &new)?))?;
        found.extend(keys_only(&Arc::new(without(&new, &old)?))?);
        Ok(found)
    }
}

/// Rows whose columns are among the keys.
pub(crate) fn select(
    rows: &[RecordBatch],
    columns: &[String],
    keys: &Keys,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut found = Vec::new();
    for batch in rows {
        let one = std::slice::from_ref(batch);
        let columns =
            columns.iter().map(|name| column_of(one, name)).collect::<Result<Vec<_>, _>>()?;
        let kept = filter_record_batch(batch, &keys.mask(&columns)?)?;
        if kept.num_rows() > 0 {
            found.push(kept);
        }
    }
    Ok(found)
}

/// Rows whose columns are not among the keys.
fn others(
    rows: &[RecordBatch],
    columns: &[String],
    keys: &Keys,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let of = |batch: &RecordBatch| {
        let one = std::slice::from_ref(batch);
        let columns = columns.iter().map(|n| column_of(one, n)).collect::<Result<Vec<_>, _>>()?;
        filter_record_batch(batch, &arrow::compute::not(&keys.mask(&columns)?)?)
    };
    rows.iter().map(of).filter(|rows| rows.as_ref().map_or(true, |r| r.num_rows() > 0)).collect()
}

/// Rows of `left` that are not in `right`.
pub(crate) fn without(
    left: &[RecordBatch],
    right: &[RecordBatch],
) -> Result<Vec<RecordBatch>, ArrowError> {
    let Some(first) = left.first() else { return Ok(Vec::new()) };
    let names: Vec<String> = first.schema().fields().iter().map(|f| f.name().clone()).collect();
    without_by(left, right, &names)
}

/// Rows of `left` that, by these columns, are not in `right`.
pub(crate) fn without_by(
    left: &[RecordBatch],
    right: &[RecordBatch],
    names: &[String],
) -> Result<Vec<RecordBatch>, ArrowError> {
    let Some(first) = left.first() else { return Ok(Vec::new()) };
    let kind = |name: &String| -> Result<DataType, ArrowError> {
        Ok(first.schema().field_with_name(name)?.data_type().clone())
    };
    let mut held = Keys::new(names.iter().map(kind).collect::<Result<_, _>>()?)?;
    for batch in right {
        let one = std::slice::from_ref(batch);
        held.insert(&names.iter().map(|n| column_of(one, n)).collect::<Result<Vec<_>, _>>()?)?;
    }
    let mut found = Vec::new();
    for batch in left {
        let one = std::slice::from_ref(batch);
        let columns = names.iter().map(|n| column_of(one, n)).collect::<Result<Vec<_>, _>>()?;
        let strange = arrow::compute::not(&held.mask(&columns)?)?;
        found.push(filter_record_batch(batch, &strange)?);
    }
    Ok(found)
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    fn pin(&self) -> Pin {
        Pin { version: self.version, place: Value::Null }
    }

    fn row_count(&self) -> u64 {
        self.of(self.version).iter().map(|batch| batch.num_rows() as u64).sum()
    }

    fn schema(&self) -> SchemaRef {
        let rows = self.of(self.version);
        rows.first().map_or_else(|| self.schema.clone(), RecordBatch::schema)
    }

    async fn rows(&self, _: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        let rows = self.of(self.version);
        let schema = self.schema();
        let table =
            MemTable::try_new(schema, vec![rows.to_vec()]).map_err(|e| bug(&self.name, e))?;
        Ok(Arc::new(table))
    }

    async fn all(&self, rows_max: u64) -> Result<Option<Vec<RecordBatch>>, Error> {
        Ok((self.row_count() <= rows_max).then(|| self.of(self.version).to_vec()))
    }

    async fn matching(
        &self,
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        self.select(columns, keys).map_err(|e| bug(&self.name, e.into()))
    }

    async fn touched(&self, since: &Pin) -> Result<Option<Vec<RecordBatch>>, Error> {
        self.differing(since.version).map(Some).map_err(|e| bug(&self.name, e.into()))
    }
}

/// Tables that were committed, by `subject.table`, with the record of their build.
#[derive(Debug, Clone, Default)]
pub struct MemoryTarget {
    committed: Arc<Mutex<BTreeMap<String, Committed>>>,
}

/// One committed table.
#[derive(Debug, Clone)]
pub struct Committed {
    pub rows: Vec<RecordBatch>,
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
    async fn last(&self, shape: &Shape) -> Result<Option<BuildRecord>, Error> {
        Ok(self.committed(&shape.full_name()).map(|held| held.record))
    }

    async fn touched(&self, shape: &Shape, keys: &Keys) -> Result<Touched, Error> {
        let held = self.committed(&shape.full_name()).map(|held| held.rows).unwrap_or_default();
        let found =
            select(&held, &shape.identity, keys).map_err(|e| bug(&shape.table, e.into()))?;
        let rows = found.iter().map(|batch| batch.num_rows() as u64).sum();
        let (files, of_files) = (found.len() as u64, held.len() as u64);
        Ok(Touched { files, of_files, rows })
    }

    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error> {
        Ok(Box::new(MemoryStaging {
            shape: shape.clone(),
            rows: Vec::new(),
            stays: None,
            held: self.committed(&shape.full_name()),
            committed: self.committed.clone(),
        }))
    }
}

struct MemoryStaging {
    shape: Shape,
    rows: Vec<RecordBatch>,
    /// What the table keeps beside the rows of replaced identities.
    stays: Option<Vec<RecordBatch>>,
    held: Option<Committed>,
    committed: Arc<Mutex<BTreeMap<String, Committed>>>,
}

impl MemoryStaging {
    fn after(&self, scope: Scope) -> Vec<RecordBatch> {
        let held = || self.held.as_ref().map(|held| held.rows.clone()).unwrap_or_default();
        let mut rows = match scope {
            Scope::Whole => Vec::new(),
            Scope::Replaced => self.stays.clone().unwrap_or_else(held),
        };
        rows.extend(self.rows.iter().cloned());
        rows
    }
}

#[async_trait]
impl Staging for MemoryStaging {
    async fn add(&mut self, rows: Vec<RecordBatch>) -> Result<(), Error> {
        self.rows.extend(rows);
        Ok(())
    }

    async fn replace(&mut self, keys: &Keys, rows: Vec<RecordBatch>) -> Result<u64, Error> {
        let held = self.held.as_ref().map(|held| held.rows.clone()).unwrap_or_default();
        let stays = others(&held, &self.shape.identity, keys);
        let stays = stays.map_err(|e| bug(&self.shape.table, e.into()))?;
        let count = |rows: &[RecordBatch]| rows.iter().map(|b| b.num_rows() as u64).sum::<u64>();
        let removed = count(&held) - count(&stays);
        self.stays = Some(stays);
        self.rows.extend(rows);
        Ok(removed)
    }

    async fn read(
        &mut self,
        scope: Scope,
        _: &SessionContext,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let table = MemTable::try_new(self.shape.schema.clone(), vec![self.after(scope)]);
        Ok(Arc::new(table.map_err(|e| bug(&self.shape.table, e))?))
    }

    async fn commit(self: Box<Self>, scope: Scope, record: BuildRecord) -> Result<i64, Error> {
        let name = self.shape.full_name();
        let mut tables = self.committed.lock().map_err(|_| {
            Error::new(ErrorKind::Bug, "a thread died while it held the committed tables")
        })?;
        let found = tables.get(&name).map(|held| held.version);
        if found != self.held.as_ref().map(|held| held.version) {
            let message = format!("table {name} was committed by another refresh");
            return Err(Error::new(ErrorKind::Superseded, message));
        }
        let version = found.map_or(0, |version| version + 1);
        tables.insert(name, Committed { rows: self.after(scope), record, version });
        Ok(version)
    }
}

fn bug(table: &str, error: DataFusionError) -> Error {
    Error::new(ErrorKind::Bug, format!("table {table}: rows in memory do not fit")).because(error)
}
