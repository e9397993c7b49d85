//! The two ports of a refresh: where its inputs come from and where its rows land.
//!
//! The lake implements both in production, [`crate::memory`] in tests. A refresh reads each input
//! through one [`Snapshot`], pinned, and through another one at the version that the table was
//! last brought up to; it writes through one [`Staging`]. Nothing it staged is visible before
//! [`Staging::commit`], and dropping the staging leaves the last good version in place.

use crate::among::Keys;
use crate::record::BuildRecord;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use huiliu_model::{Contract, Error};
use huiliu_spec::table::TableSpec;
use std::fmt::Debug;
use std::sync::Arc;

/// What an input is declared as.
#[derive(Debug, Clone, Copy)]
pub enum Declared<'a> {
    Dataset(&'a Contract),
    Table(&'a TableSpec),
}

impl Declared<'_> {
    /// The name under which tables declare it.
    pub fn name(&self) -> String {
        match self {
            Self::Dataset(contract) => contract.dataset.to_string(),
            Self::Table(spec) => spec.full_name(),
        }
    }

    /// Key columns, in order.
    pub fn key(&self) -> Vec<String> {
        match self {
            Self::Dataset(contract) => {
                contract.key_names().into_iter().map(str::to_owned).collect()
            }
            Self::Table(spec) => spec.key.clone(),
        }
    }
}

/// Where an input stands, so that it can be read there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Version of `changes` of a dataset, version of a subject table.
    pub version: i64,
    /// What else the store has to know; opaque to a refresh, kept in the commit.
    pub place: serde_json::Value,
}

/// Datasets and subject tables, pinned to one vector of versions.
#[async_trait]
pub trait Inputs: Send + Sync {
    /// The newest rows of an input. Every call of one value answers at the same version.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`; `Invalid` for a subject table that was never built.
    async fn open(&self, input: Declared<'_>) -> Result<Arc<dyn Snapshot>, Error>;

    /// The input as it stood at `pin`; `None` when that can no longer be read.
    ///
    /// # Errors
    /// As [`Inputs::open`].
    async fn reopen(
        &self,
        input: Declared<'_>,
        pin: &Pin,
    ) -> Result<Option<Arc<dyn Snapshot>>, Error>;
}

/// One input at one version.
#[async_trait]
pub trait Snapshot: Debug + Send + Sync {
    fn pin(&self) -> Pin;

    /// About how many rows there are.
    fn row_count(&self) -> u64;

    /// Columns of the rows; whether one may be null is not told.
    fn schema(&self) -> SchemaRef;

    /// All rows, with at least the stored columns.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`.
    async fn rows(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error>;

    /// All rows in memory, with the columns of [`Snapshot::rows`]; `None` where they are more than
    /// `rows_max`, or too large to be held.
    ///
    /// # Errors
    /// As [`Snapshot::rows`].
    async fn all(&self, rows_max: u64) -> Result<Option<Vec<RecordBatch>>, Error>;

    /// Rows whose `columns` are among `keys`; they have the columns of [`Snapshot::rows`].
    ///
    /// # Errors
    /// As [`Snapshot::rows`].
    async fn matching(
        &self,
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error>;

    /// Keys of all rows that differ from those at `since`, and maybe of some that do not; `None`
    /// when that can no longer be told. Batches have the key columns, among others.
    ///
    /// # Errors
    /// As [`Snapshot::rows`].
    async fn touched(&self, since: &Pin) -> Result<Option<Vec<RecordBatch>>, Error>;
}

/// What a subject table looks like to its store.
#[derive(Debug, Clone)]
pub struct Shape {
    pub subject: String,
    pub table: String,
    pub title: String,
    /// Declared columns; key columns are not null; titles are the metadata key `comment`.
    pub schema: SchemaRef,
    pub key: Vec<String>,
    pub identity: Vec<String>,
}

impl Shape {
    /// `subject.table`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.subject, self.table)
    }
}

/// Which rows a commit replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole table.
    Whole,
    /// Those of the identities that were replaced; all others stay as they are.
    Replaced,
}

/// What a store has to write again to replace the rows of some identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touched {
    /// Files that may hold such rows, and files of the table.
    pub files: u64,
    pub of_files: u64,
    /// About how many rows the former hold.
    pub rows: u64,
}

/// Where subject tables are kept.
#[async_trait]
pub trait Target: Send + Sync {
    /// How the newest version of a table came to be; `None` before the first.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`.
    async fn last(&self, shape: &Shape) -> Result<Option<BuildRecord>, Error>;

    /// What replacing the rows of these identities touches.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`.
    async fn touched(&self, shape: &Shape, keys: &Keys) -> Result<Touched, Error>;

    /// Begins to replace rows of a table.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`, or `Superseded` when another process owns the table.
    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error>;
}

/// Rows of one refresh that no reader sees yet.
#[async_trait]
pub trait Staging: Send + Sync {
    /// Adds rows of a build in full; identities of one call come in no other.
    ///
    /// # Errors
    /// `Unavailable` or `Denied`.
    async fn add(&mut self, rows: Vec<RecordBatch>) -> Result<(), Error>;

    /// Puts rows of these identities in the place of those they have; returns how many they had.
    /// Comes once at most, and not beside [`Staging::add`].
    ///
    /// # Errors
    /// `Unavailable` or `Denied`.
    async fn replace(&mut self, keys: &Keys, rows: Vec<RecordBatch>) -> Result<u64, Error>;

    /// The table as a commit would leave it, for the checks in this session. Comes after the last
    /// row.
    ///
    /// # Errors
    /// `Unavailable` or `Bug`.
    async fn read(
        &mut self,
        scope: Scope,
        ctx: &SessionContext,
    ) -> Result<Arc<dyn TableProvider>, Error>;

    /// Makes the staged rows those of the table, with the record of how they came to be; returns
    /// the version of the table.
    ///
    /// # Errors
    /// `Superseded` when the table changed since [`Target::begin`]; `Unavailable`.
    async fn commit(self: Box<Self>, scope: Scope, record: BuildRecord) -> Result<i64, Error>;
}
