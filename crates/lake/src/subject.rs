//! Subject tables on the lake: their status, their rows at a version, and where these lie.

use crate::error::query_error;
use crate::lake::Lake;
use crate::layout::Layout;
use crate::log::{FileMeta, TableState, read_commit};
use crate::lookup::{Wanted, all_in, columns_of, wanted_in};
use crate::merged::ensure_schema;
use crate::past::{SMALL_STORED_BYTES, files_in, past};
use crate::ranges::Narrowing;
use crate::scan::PinnedFiles;
use crate::table::Table;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use huiliu_model::Error;
use object_store::path::Path;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Progress app id of builds: a counter, so that of two builders one is superseded.
pub(crate) const BUILD: &str = "build";
/// Versions that are looked through for the record of the last build.
const LOOKED_THROUGH_MAX: i64 = 100;

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
    pub layout: Layout,
}

/// The commit that wrote a file.
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

/// Files of a table that may hold some values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    pub files: u64,
    /// Files of the table.
    pub of_files: u64,
    /// Rows of the touched files.
    pub rows: u64,
}

/// Folder of a subject's tables.
pub(crate) fn folder(subject: &str) -> Path {
    Path::from("subjects").join(subject)
}

pub(crate) fn path(subject: &str, table: &str) -> Path {
    folder(subject).join(table)
}

impl Lake {
    /// Status of one subject table; `None` before its first build.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn subject_status(
        &self,
        subject: &str,
        table: &str,
    ) -> Result<Option<SubjectStatus>, Error> {
        let Some((found, state)) = self.opened(&path(subject, table)).await? else {
            return Ok(None);
        };
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
            layout: Layout::of(&state),
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
        let Some((table, state)) = self.opened(&path(subject, table)).await? else {
            return Ok(None);
        };
        if !state.txns.contains_key(BUILD) {
            return Ok(None);
        }
        let schema = table.schema().await?;
        Ok(Some(SubjectPinned { table, state, schema }))
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
pub(crate) async fn receipt(table: &Table, state: &TableState) -> Result<Value, Error> {
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

    /// The declared columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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

    /// The commit that wrote the newest file that may hold these values; `None` when its log entry
    /// is gone, or further back than is looked.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn written(
        &self,
        columns: &[String],
        tuples: &[ArrayRef],
    ) -> Result<Option<Written>, Error> {
        let narrowing = Narrowing::new(columns, tuples)?;
        let files = self.state.files.iter().filter(|(_, file)| narrowing.may_hold(file));
        let paths: BTreeSet<&str> = files.map(|(path, _)| path.as_str()).collect();
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

    /// Rows whose columns are among those of `wanted`, which hold `tuples`.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn matching(
        &self,
        wanted: &Arc<Wanted>,
        tuples: &[ArrayRef],
    ) -> Result<Vec<RecordBatch>, Error> {
        let narrowing = Narrowing::new(wanted.columns(), tuples)?;
        let files = self.state.files.iter().filter(|(_, file)| narrowing.may_hold(file));
        let files = files.map(|(path, file)| (path.clone(), file.clone())).collect();
        wanted_in(&self.table, &self.schema, files, wanted).await
    }

    /// All rows; `None` where they are more than `rows_max`, or not small.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn all(&self, rows_max: u64) -> Result<Option<Vec<RecordBatch>>, Error> {
        if self.rows_about() > rows_max || self.state.size_bytes() > SMALL_STORED_BYTES {
            return Ok(None);
        }
        let files = files_in(&self.state, None);
        all_in(&self.table, &self.schema, files).await.map(Some)
    }

    /// What a build would write again to replace rows with these values.
    ///
    /// # Errors
    /// `Bug` for values that cannot be compared.
    pub fn touched(&self, columns: &[String], tuples: &[ArrayRef]) -> Result<Touched, Error> {
        let narrowing = Narrowing::new(columns, tuples)?;
        let held: Vec<&FileMeta> =
            self.state.files.values().filter(|file| narrowing.may_hold(file)).collect();
        let rows: i64 = held.iter().filter_map(|file| file.rows).sum();
        Ok(Touched {
            files: held.len() as u64,
            of_files: self.state.files.len() as u64,
            rows: u64::try_from(rows).unwrap_or(0),
        })
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
