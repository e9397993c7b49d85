//! Subject tables on the lake: replaced bucket by bucket, with the versions they were built from.

use crate::commit::{Commit, Step};
use crate::error::query_error;
use crate::lake::Lake;
use crate::log::{Add, Remove};
use crate::merged::ensure_schema;
use crate::scan::PinnedFiles;
use crate::stage::{sort, stage};
use crate::table::{Definition, Table};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, system};
use object_store::path::Path;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Progress app id of builds: a counter, so that of two builders one is superseded.
const BUILD: &str = "build";

/// One build of a subject table: stages buckets, then replaces the whole table in one commit.
pub struct Build {
    table: Table,
    schema: SchemaRef,
    key: Vec<String>,
    adds: Vec<Add>,
    rows: u64,
    started_from: Option<i64>,
}

/// A committed build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub version: i64,
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
        let started_from = table.progress().await?.get(BUILD).copied();
        Ok(Build { table, schema, key: key.to_vec(), adds: Vec::new(), rows: 0, started_from })
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
        let record = state.last_commit.as_ref().and_then(|c| c.get("huiliu").cloned());
        Ok(Some(SubjectStatus {
            subject: subject.to_owned(),
            table: table.to_owned(),
            rows: state.rows(),
            version: state.version,
            committed_at_ms: state.committed_at_ms,
            size_bytes: state.size_bytes(),
            record: record.unwrap_or(Value::Null),
        }))
    }

    pub(crate) async fn register_subject(
        &self,
        ctx: &SessionContext,
        subject: &str,
        table: &str,
    ) -> Result<(), Error> {
        let Some(found) = Table::open(self.shared(), path(subject, table)).await? else {
            return Ok(());
        };
        let state = found.refresh().await?;
        let schema = found.schema().await?;
        let fields: Vec<_> =
            schema.fields().iter().filter(|f| f.name() != system::BUCKET).cloned().collect();
        let files = PinnedFiles::new(found.path(), Arc::new(Schema::new(fields)), &state.files);
        let failed = |e| query_error(&format!("opening {subject}.{table}"), e);
        ensure_schema(ctx, subject).map_err(failed)?;
        let name = format!("lake.\"{subject}\".\"{table}\"");
        ctx.register_table(name.as_str(), Arc::new(files)).map(|_| ()).map_err(failed)
    }
}

impl Build {
    /// Stages the rows of one bucket; no reader sees them yet.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn stage(&mut self, bucket: i32, rows: &[RecordBatch]) -> Result<(), Error> {
        let key: Vec<&str> = self.key.iter().map(String::as_str).collect();
        let sorted = sort(rows, &self.schema, &key)?;
        if sorted.num_rows() == 0 {
            return Ok(());
        }
        self.rows += sorted.num_rows() as u64;
        let partition = Some((system::BUCKET, bucket.to_string()));
        self.adds.push(stage(&self.table, sorted, partition).await?);
        Ok(())
    }

    /// Replaces the table's rows by the staged ones, in one commit.
    ///
    /// # Errors
    /// `Superseded` when another build committed meanwhile.
    pub async fn commit(self, record: Value) -> Result<Replaced, Error> {
        let state = self.table.refresh().await?;
        let now = self.table.now_ms();
        let removes = state
            .files
            .iter()
            .map(|(path, file)| Remove {
                path: path.clone(),
                deletion_timestamp: Some(now),
                data_change: true,
                extended_file_metadata: true,
                partition_values: file.partition_values.clone(),
                size: file.size,
            })
            .collect();
        let files = self.adds.len();
        let commit = Commit {
            operation: "BUILD",
            adds: self.adds,
            removes,
            progress: vec![Step {
                app_id: BUILD.to_owned(),
                from: self.started_from,
                to: self.started_from.unwrap_or(0) + 1,
                or_nothing: false,
            }],
            receipt: json!({"rows": self.rows, "build": record}),
            ..Commit::default()
        };
        let done = self.table.commit(&commit).await?;
        Ok(Replaced { version: done.version, rows: self.rows, files })
    }
}
