//! Inputs of a refresh on a lake: datasets pinned together, subject tables as they come to be.
//!
//! All tables of one refresh read one vector of dataset versions, pinned before the first of
//! them. What a process has read once it keeps for the next refresh, which begins by comparing
//! with it; another process finds the same in the logs.

use crate::among::Keys;
use crate::bucket::buckets_of;
use crate::port::{Declared, Inputs, Pin, Snapshot};
use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use async_trait::async_trait;
use datafusion::catalog::{MemoryCatalogProvider, TableProvider};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use huiliu_lake::{Lake, Pinned, SubjectPinned, Versions, Wanted};
use huiliu_model::{Error, ErrorKind, system};
use huiliu_spec::TableSpec;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// URL under which the lake's files are known to a session.
const LAKE_URL: &str = "huiliu://lake";
/// Rows of all datasets up to which a table is built in one pass instead of bucket by bucket.
const ONE_PASS_ROWS: u64 = 2_000_000;
/// Versions of one dataset that are kept for comparison.
const KEPT: usize = 4;

/// Datasets as a process has seen them: by name, then by version of `changes`.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeMap<String, BTreeMap<i64, Arc<Dataset>>>>>);

impl Seen {
    fn at(&self, name: &str, place: &Value, version: i64) -> Option<Arc<Dataset>> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = seen.get(name)?.get(&version)?;
        (found.pin().place == *place).then(|| Arc::clone(found))
    }

    fn keep(&self, name: &str, dataset: &Arc<Dataset>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = seen.entry(name.to_owned()).or_default();
        versions.insert(dataset.pinned.version(), Arc::clone(dataset));
        while versions.len() > KEPT {
            versions.pop_first();
        }
    }
}

/// The newest state of some datasets, pinned, and of the subject tables that are asked for.
pub struct LakeInputs {
    lake: Lake,
    datasets: BTreeMap<String, Arc<Dataset>>,
    tables: tokio::sync::Mutex<BTreeMap<String, Arc<SubjectPinned>>>,
    seen: Seen,
}

impl LakeInputs {
    /// # Errors
    /// As the store answers.
    pub async fn pin(lake: &Lake, names: &[&str], seen: &Seen) -> Result<Self, Error> {
        let mut datasets = BTreeMap::new();
        for pinned in lake.pin(names).await? {
            let name = pinned.name().to_owned();
            let dataset = Arc::new(Dataset::new(lake, pinned));
            seen.keep(&name, &dataset);
            datasets.insert(name, dataset);
        }
        let (lake, seen) = (lake.clone(), seen.clone());
        Ok(Self { lake, datasets, tables: tokio::sync::Mutex::default(), seen })
    }

    /// Forgets how the datasets were, but not how they are: their files may be swept by now.
    pub fn forget(&self) {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Version of `changes` of every dataset.
    pub fn versions(&self) -> BTreeMap<String, i64> {
        self.datasets.iter().map(|(name, d)| (name.clone(), d.pinned.version())).collect()
    }

    /// Rows of the widest dataset that a plan may work on at once within a pool.
    pub fn batch_rows(&self, memory_bytes: usize) -> usize {
        huiliu_lake::batch_rows(memory_bytes, self.datasets.values().map(|d| &d.pinned))
    }

    /// Whether all datasets together are so small that a table is built in one pass.
    pub fn are_small(&self) -> bool {
        self.datasets.values().map(|d| d.pinned.rows_about()).sum::<u64>() <= ONE_PASS_ROWS
    }

    /// Kafka times of the changes of a dataset after a version; none where the log no longer
    /// tells.
    pub async fn kafka_times_us(&self, name: &str, since: i64) -> Vec<i64> {
        let Some(dataset) = self.datasets.get(name) else { return Vec::new() };
        if dataset.pinned.version() == since {
            return Vec::new();
        }
        let since = Pin { version: since, place: Value::Null };
        let Ok(Some(touched)) = dataset.touched(&since).await else { return Vec::new() };
        let times = |batch: &RecordBatch| {
            let column = batch.column_by_name(system::KAFKA_TIME)?;
            Some(column.as_primitive_opt::<TimestampMicrosecondType>()?.values().to_vec())
        };
        touched.iter().filter_map(times).flatten().collect()
    }

    fn dataset(&self, name: &str) -> Result<&Arc<Dataset>, Error> {
        self.datasets
            .get(name)
            .ok_or_else(|| Error::new(ErrorKind::Bug, format!("dataset `{name}` was not pinned")))
    }

    async fn table(&self, spec: &TableSpec) -> Result<Arc<SubjectPinned>, Error> {
        let name = spec.full_name();
        let mut tables = self.tables.lock().await;
        if let Some(found) = tables.get(&name) {
            return Ok(Arc::clone(found));
        }
        let pinned = self.lake.pin_subject(&spec.subject, &spec.table).await?;
        let pinned = pinned.map(Arc::new).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("table {name} was never built"))
                .help(format!("build it first: huiliu refresh {name}"))
        })?;
        tables.insert(name, Arc::clone(&pinned));
        Ok(pinned)
    }
}

#[async_trait]
impl Inputs for LakeInputs {
    async fn open(&self, input: Declared<'_>) -> Result<Arc<dyn Snapshot>, Error> {
        match input {
            Declared::Dataset(contract) => {
                Ok(Arc::clone(self.dataset(&contract.dataset)?) as Arc<dyn Snapshot>)
            }
            Declared::Table(spec) => {
                let pinned = self.table(spec).await?;
                Ok(Arc::new(Subject::new(&self.lake, spec, pinned)))
            }
        }
    }

    async fn reopen(
        &self,
        input: Declared<'_>,
        pin: &Pin,
    ) -> Result<Option<Arc<dyn Snapshot>>, Error> {
        match input {
            Declared::Dataset(contract) => {
                let name = &*contract.dataset;
                let Some(versions) = versions(pin) else { return Ok(None) };
                let pinned = &self.dataset(name)?.pinned;
                // What was seen long ago may be swept since: a table that could not be refreshed
                // for a day would be compared with files that are gone, for ever.
                if let Some(known) = self.seen.at(name, &pin.place, pin.version)
                    && pinned.keeps(versions)
                {
                    return Ok(Some(known));
                }
                let earlier = pinned.earlier(versions).await?;
                Ok(earlier.map(|pinned| {
                    let dataset = Arc::new(Dataset::new(&self.lake, pinned));
                    self.seen.keep(name, &dataset);
                    dataset as Arc<dyn Snapshot>
                }))
            }
            Declared::Table(spec) => {
                let earlier = self.table(spec).await?.earlier(pin.version).await?;
                Ok(earlier.map(|pinned| {
                    Arc::new(Subject::new(&self.lake, spec, Arc::new(pinned))) as Arc<dyn Snapshot>
                }))
            }
        }
    }
}

fn versions(pin: &Pin) -> Option<Versions> {
    let of = |name: &str| pin.place.get(name)?.as_i64();
    Some(Versions { changes: pin.version, current: of("current")?, deleted: of("deleted")? })
}

/// A dataset at one version.
pub struct Dataset {
    lake: Lake,
    pinned: Pinned,
    /// What was found to have changed, by the version since when.
    touched: Mutex<BTreeMap<i64, Vec<RecordBatch>>>,
}

impl Dataset {
    fn new(lake: &Lake, pinned: Pinned) -> Self {
        Self { lake: lake.clone(), pinned, touched: Mutex::default() }
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.pinned.name(), self.pinned.versions())
    }
}

#[async_trait]
impl Snapshot for Dataset {
    fn pin(&self) -> Pin {
        let Versions { changes, current, deleted } = self.pinned.versions();
        Pin { version: changes, place: json!({"current": current, "deleted": deleted}) }
    }

    fn row_count(&self) -> u64 {
        self.pinned.rows_about()
    }

    fn schema(&self) -> SchemaRef {
        self.pinned.schema()
    }

    async fn rows(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        attach(&self.lake, ctx)?;
        self.pinned.provider(ctx).await
    }

    async fn all(&self, rows_max: u64) -> Result<Option<Vec<RecordBatch>>, Error> {
        self.pinned.all(rows_max).await
    }

    async fn matching(
        &self,
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let (wanted, tuples) = wanted(columns, keys)?;
        self.pinned.matching(&wanted, &tuples, buckets).await
    }

    async fn touched(&self, since: &Pin) -> Result<Option<Vec<RecordBatch>>, Error> {
        let known =
            |touched: &BTreeMap<i64, Vec<RecordBatch>>| touched.get(&since.version).cloned();
        if let Some(known) = known(&self.touched.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(Some(known));
        }
        let found = self.pinned.changed_since(since.version).await?;
        if let Some(found) = &found {
            let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
            touched.insert(since.version, found.clone());
        }
        Ok(found)
    }
}

/// A subject table at one version.
struct Subject {
    lake: Lake,
    pinned: Arc<SubjectPinned>,
    name: String,
    key: Vec<String>,
}

impl Subject {
    fn new(lake: &Lake, spec: &TableSpec, pinned: Arc<SubjectPinned>) -> Self {
        Self { lake: lake.clone(), pinned, name: spec.full_name(), key: spec.key.clone() }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.pinned.version())
    }
}

#[async_trait]
impl Snapshot for Subject {
    fn pin(&self) -> Pin {
        Pin { version: self.pinned.version(), place: Value::Null }
    }

    fn row_count(&self) -> u64 {
        self.pinned.rows_about()
    }

    fn schema(&self) -> SchemaRef {
        self.pinned.schema()
    }

    async fn rows(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        attach(&self.lake, ctx)?;
        Ok(self.pinned.provider())
    }

    async fn all(&self, rows_max: u64) -> Result<Option<Vec<RecordBatch>>, Error> {
        self.pinned.all(rows_max).await
    }

    async fn matching(
        &self,
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let (wanted, tuples) = wanted(columns, keys)?;
        self.pinned.matching(&wanted, &tuples).await
    }

    async fn touched(&self, since: &Pin) -> Result<Option<Vec<RecordBatch>>, Error> {
        let key: Vec<&str> = self.key.iter().map(String::as_str).collect();
        self.pinned.differing(since.version, &key).await
    }
}

pub(super) fn wanted(
    columns: &[String],
    keys: &Keys,
) -> Result<(Arc<Wanted>, Vec<ArrayRef>), Error> {
    let failed = |e| Error::new(ErrorKind::Bug, "keys that do not fit their columns").because(e);
    let tuples = keys.batch(columns).map_err(failed)?.columns().to_vec();
    Ok((Arc::new(Wanted::new(columns, &tuples).map_err(failed)?), tuples))
}

fn buckets(columns: &[ArrayRef], count: u32) -> Result<Int32Array, Error> {
    buckets_of(columns, count)
        .map_err(|e| Error::new(ErrorKind::Bug, "keys without a bucket").because(e))
}

/// Makes a session able to read the lake's files.
pub fn attach(lake: &Lake, ctx: &SessionContext) -> Result<(), Error> {
    if ctx.catalog("lake").is_none() {
        ctx.register_catalog("lake", Arc::new(MemoryCatalogProvider::new()));
    }
    let url = ObjectStoreUrl::parse(LAKE_URL)
        .map_err(|e| Error::new(ErrorKind::Bug, "the lake's URL is no URL").because(e))?;
    ctx.register_object_store(url.as_ref(), Arc::clone(lake.store()));
    Ok(())
}
