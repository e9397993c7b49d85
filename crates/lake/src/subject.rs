//! Subject tables on the lake: replaced bucket by bucket, with the versions they were built from.

use crate::commit::Commit;
use crate::error::{arrow_error, query_error};
use crate::lake::Lake;
use crate::log::{Add, FileMeta, Remove, TableState, read_commit};
use crate::lookup::{Wanted, columns_of, wanted_in};
use crate::merged::ensure_schema;
use crate::past::{files_in, past};
use crate::scan::PinnedFiles;
use crate::stage::{sort, stage};
use crate::table::{Definition, Table};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, system};
use object_store::path::Path;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Progress app id of builds: a counter, so that of two builders one is superseded.
const BUILD: &str = "build";
/// Versions between two checkpoints of a table's log.
const CHECKPOINT_EVERY: i64 = 50;
/// Versions that are looked through for the record of the last build.
const LOOKED_THROUGH_MAX: i64 = 100;

/// One build of a subject table: stages buckets, then replaces rows of the table in one commit.
pub struct Build {
    table: Table,
    /// The table when the build began.
    state: TableState,
    schema: SchemaRef,
    key: Vec<String>,
    adds: Vec<Add>,
    staged: BTreeSet<i32>,
    rows: u64,
}

/// A committed build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub version: i64,
    /// Rows and files that were written.
    pub rows: u64,
    pub files: usize,
}

/// What `status` shows of a subject table.
#[derive(Debug, Clone)]
pub struct SubjectStatus {
    pub subject: String,
    pub table: String,
    pub rows: i64,
    pub version: i64,
    pub committed_at_ms: i64,
    pub size_bytes: i64,
    /// The build's record: input versions, parameters, checks.
    pub record: Value,
}

/// The commit that wrote the files of a bucket.
#[derive(Debug, Clone)]
pub struct Written {
    pub version: i64,
    pub committed_at_ms: i64,
    /// The build's record: input versions, parameters, checks.
    pub record: Value,
}

/// A subject table at one version.
pub struct SubjectPinned {
    table: Arc<Table>,
    state: TableState,
    schema: SchemaRef,
}

/// Folder of a subject's tables.
pub(crate) fn folder(subject: &str) -> Path {
    Path::from("subjects").join(subject)
}

fn path(subject: &str, table: &str) -> Path {
    folder(subject).join(table)
}

impl Lake {
    /// Begins a build. `schema` is that of the result; `key` orders its files.
    ///
    /// # Errors
    /// As the store answers; `Invalid` when the table that is there has other columns.
    pub async fn build_subject(
        &self,
        (subject, table): (&str, &str),
        title: &str,
        schema: SchemaRef,
        key: &[String],
    ) -> Result<Build, Error> {
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(Field::new(system::BUCKET, DataType::Int32, false));
        let name = format!("{subject}.{table}");
        let full = Schema::new(fields);
        let definition = Definition {
            name: &name,
            description: title,
            schema: &full,
            partition_by: &[system::BUCKET],
            properties: BTreeMap::new(),
            grows: false,
        };
        let table = Table::open_or_create(self.shared(), path(subject, table), &definition).await?;
        let state = table.refresh().await?;
        let (adds, staged) = (Vec::new(), BTreeSet::new());
        Ok(Build { table, state, schema, key: key.to_vec(), adds, staged, rows: 0 })
    }

    /// Status of one subject table; `None` before its first build.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn subject_status(
        &self,
        subject: &str,
        table: &str,
    ) -> Result<Option<SubjectStatus>, Error> {
        let Some(found) = Table::open(self.shared(), path(subject, table)).await? else {
            return Ok(None);
        };
        let state = found.refresh().await?;
        if !state.txns.contains_key(BUILD) {
            return Ok(None);
        }
        let record = receipt(&found, &state).await?;
        Ok(Some(SubjectStatus {
            subject: subject.to_owned(),
            table: table.to_owned(),
            rows: state.rows(),
            version: state.version,
            committed_at_ms: state.committed_at_ms,
            size_bytes: state.size_bytes(),
            record,
        }))
    }

    /// Pins a subject table at its newest version; `None` before its first build.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn pin_subject(
        &self,
        subject: &str,
        table: &str,
    ) -> Result<Option<SubjectPinned>, Error> {
        let Some(table) = Table::open(self.shared(), path(subject, table)).await? else {
            return Ok(None);
        };
        let state = table.refresh().await?;
        if !state.txns.contains_key(BUILD) {
            return Ok(None);
        }
        let all = table.schema().await?;
        let fields: Vec<_> =
            all.fields().iter().filter(|f| f.name() != system::BUCKET).cloned().collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(Some(SubjectPinned { table: Arc::new(table), state, schema }))
    }

    pub(crate) async fn register_subject(
        &self,
        ctx: &SessionContext,
        subject: &str,
        table: &str,
    ) -> Result<(), Error> {
        let Some(found) = self.pin_subject(subject, table).await? else { return Ok(()) };
        let failed = |e| query_error(&format!("opening {subject}.{table}"), e);
        ensure_schema(ctx, subject).map_err(failed)?;
        let name = format!("lake.\"{subject}\".\"{table}\"");
        ctx.register_table(name.as_str(), found.provider()).map(|_| ()).map_err(failed)
    }
}

/// What the newest build kept in its commit. A checkpoint holds no receipts, and a commit that
/// only rewrote files has none of a build: then commits before it are looked at.
async fn receipt(table: &Table, state: &TableState) -> Result<Value, Error> {
    if let Some(found) = state.last_commit.as_ref().and_then(built) {
        return Ok(found);
    }
    Ok(newest_build(table, state).await?.map_or(Value::Null, |(_, receipt)| receipt))
}

fn built(info: &Value) -> Option<Value> {
    info.get("huiliu").filter(|r| r.get("build").is_some()).cloned()
}

/// Version of the newest build, if the log still has it.
pub(crate) async fn built_at(table: &Table, state: &TableState) -> Result<Option<i64>, Error> {
    Ok(newest_build(table, state).await?.map(|(version, _)| version))
}

async fn newest_build(table: &Table, state: &TableState) -> Result<Option<(i64, Value)>, Error> {
    for version in (state.version.saturating_sub(LOOKED_THROUGH_MAX)..=state.version).rev() {
        let store = table.store().as_ref();
        let Some(text) = read_commit(store, table.path(), version).await? else { break };
        let mut one = TableState::default();
        one.apply(version, &text)?;
        if let Some(found) = one.last_commit.as_ref().and_then(built) {
            return Ok(Some((version, found)));
        }
    }
    Ok(None)
}

impl SubjectPinned {
    pub fn version(&self) -> i64 {
        self.state.version
    }

    pub fn rows_about(&self) -> u64 {
        u64::try_from(self.state.rows()).unwrap_or(0)
    }

    /// All rows, in the declared columns.
    pub fn provider(&self) -> Arc<dyn TableProvider> {
        let schema = Arc::clone(&self.schema);
        Arc::new(PinnedFiles::new(self.table.path(), schema, &self.state.files))
    }

    /// The table at an earlier version; `None` when the log no longer tells.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn earlier(&self, version: i64) -> Result<Option<SubjectPinned>, Error> {
        let state = past(&self.table, &self.state, version).await?;
        Ok(state.map(|state| SubjectPinned {
            table: Arc::clone(&self.table),
            state,
            schema: Arc::clone(&self.schema),
        }))
    }

    /// The commit that wrote what a bucket holds now; `None` when its log entry is gone, or
    /// further back than is looked.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn written(&self, bucket: i32) -> Result<Option<Written>, Error> {
        let files = files_in(&self.state, Some(&BTreeSet::from([bucket])));
        let paths: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        let earliest = self.state.version.saturating_sub(LOOKED_THROUGH_MAX).max(0);
        for version in (earliest..=self.state.version).rev() {
            let store = self.table.store().as_ref();
            let Some(text) = read_commit(store, self.table.path(), version).await? else { break };
            let mut one = TableState::default();
            one.apply(version, &text)?;
            if one.files.keys().any(|path| paths.contains(path.as_str())) {
                let committed_at_ms = one.committed_at_ms;
                let record = one.last_commit.and_then(|info| info.get("huiliu").cloned());
                let record = record.unwrap_or(Value::Null);
                return Ok(Some(Written { version, committed_at_ms, record }));
            }
        }
        Ok(None)
    }

    /// Rows whose columns are among those of `wanted`; `buckets` narrows down where they lie.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn matching(
        &self,
        wanted: &Arc<Wanted>,
        buckets: Option<&BTreeSet<i32>>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let files = files_in(&self.state, buckets);
        wanted_in(&self.table, &self.schema, files, wanted).await
    }

    /// Columns of the rows of all files that only one of two versions has; `None` when the log
    /// no longer tells.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn differing(
        &self,
        version: i64,
        columns: &[&str],
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let Some(older) = self.earlier(version).await? else { return Ok(None) };
        let only = |these: &TableState, those: &TableState| -> Vec<(String, FileMeta)> {
            let files = these.files.iter().filter(|(path, _)| !those.files.contains_key(*path));
            files.map(|(path, file)| (path.clone(), file.clone())).collect()
        };
        let mut files = only(&older.state, &self.state);
        files.extend(only(&self.state, &older.state));
        columns_of(&self.table, files, columns).await.map(Some)
    }
}

impl Build {
    /// Rows that a bucket holds now.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn held(&self, bucket: i32) -> Result<Vec<RecordBatch>, Error> {
        let files = files_in(&self.state, Some(&[bucket].into()));
        let names: Vec<&str> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        let rows = columns_of(&self.table, files, &names).await?;
        let aligned = |batch: RecordBatch| {
            let columns = crate::stage::named(&batch, &names)?;
            RecordBatch::try_new(Arc::clone(&self.schema), columns)
                .map_err(|e| arrow_error("reading a bucket", e))
        };
        rows.into_iter().map(aligned).collect()
    }

    /// All rows of the buckets that were not staged.
    pub fn untouched(&self) -> Arc<dyn TableProvider> {
        let files = self.state.files.iter().filter(|(_, file)| !self.is_staged(file));
        Arc::new(PinnedFiles::new(self.table.path(), Arc::clone(&self.schema), files))
    }

    fn is_staged(&self, file: &FileMeta) -> bool {
        let bucket = file.partition_values.get(system::BUCKET).and_then(Option::as_deref);
        let bucket = bucket.and_then(|text| text.parse::<i32>().ok());
        bucket.is_some_and(|bucket| self.staged.contains(&bucket))
    }

    /// Stages the rows of one bucket; no reader sees them yet.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn stage(&mut self, bucket: i32, rows: &[RecordBatch]) -> Result<(), Error> {
        let key: Vec<&str> = self.key.iter().map(String::as_str).collect();
        let sorted = sort(rows, &self.schema, &key)?;
        self.staged.insert(bucket);
        if sorted.num_rows() == 0 {
            return Ok(());
        }
        self.rows += sorted.num_rows() as u64;
        let partition = Some((system::BUCKET, bucket.to_string()));
        self.adds.push(stage(&self.table, sorted, partition).await?);
        Ok(())
    }

    /// Replaces all rows of the table by the staged ones, or those of the staged buckets, in one
    /// commit.
    ///
    /// # Errors
    /// `Superseded` when another build committed meanwhile.
    pub async fn commit(self, whole: bool, record: Value) -> Result<Replaced, Error> {
        let now = self.table.now_ms();
        let gone = self.state.files.iter().filter(|(_, file)| whole || self.is_staged(file));
        let removes = gone.map(|(path, file)| Remove::of(path, file, now)).collect();
        let files = self.adds.len();
        let commit = Commit {
            operation: "BUILD",
            removes,
            adds: self.adds,
            progress: vec![self.table.turn(BUILD, self.state.txns.get(BUILD).copied())],
            receipt: json!({"rows": self.rows, "build": record}),
            ..Commit::default()
        };
        let done = self.table.commit(&commit).await?;
        if let Err(e) = self.table.checkpoint_if_due(CHECKPOINT_EVERY).await {
            tracing::warn!(table = %self.table.path(), error = %e, "no checkpoint");
        }
        Ok(Replaced { version: done.version, rows: self.rows, files })
    }
}
