//! The two ports of a build: where its inputs come from and where its rows land.
//!
//! The lake implements both in production, [`crate::memory`] in tests. A build reads through
//! [`Inputs`] once, pinned, and writes through one [`Staging`]; nothing it staged is visible
//! before [`Staging::commit`], and dropping the staging leaves the last good version in place.

use crate::check::CheckOutcome;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use huiliu_model::{Contract, Error};
use huiliu_spec::table::Severity;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Current state of datasets, pinned to one vector of versions.
#[async_trait]
pub trait Inputs: Send + Sync {
    /// Registers the newest row per key of a dataset under `name`, with at least its stored
    /// columns, and returns the version of `changes` it is pinned to. Every call of one value
    /// answers at the same version.
    ///
    /// # Errors
    /// `Unavailable`, `Denied` or `Corrupt`.
    async fn register(
        &self,
        ctx: &SessionContext,
        contract: &Contract,
        name: &str,
    ) -> Result<i64, Error>;
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
    pub buckets: u32,
}

/// Where subject tables are kept.
#[async_trait]
pub trait Target: Send + Sync {
    /// Begins a full replacement of a table.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`, or `Superseded` when another process owns the table.
    async fn begin(&self, shape: &Shape) -> Result<Box<dyn Staging>, Error>;
}

/// Rows of one build that no reader sees yet.
#[async_trait]
pub trait Staging: Send + Sync {
    /// Adds all rows of one bucket, sorted by key; each bucket comes exactly once.
    ///
    /// # Errors
    /// `Unavailable` or `Denied`.
    async fn add(&mut self, bucket: u32, rows: Vec<RecordBatch>) -> Result<(), Error>;

    /// The staged rows as a table, for the checks.
    ///
    /// # Errors
    /// `Unavailable` or `Bug`.
    async fn read(&self) -> Result<Arc<dyn TableProvider>, Error>;

    /// Makes the staged rows the table, with the record of how they came to be; returns the
    /// version of the table.
    ///
    /// # Errors
    /// `Superseded` when the table changed since [`Target::begin`]; `Unavailable`.
    async fn commit(self: Box<Self>, record: BuildRecord) -> Result<i64, Error>;
}

/// How the rows of one version came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRecord {
    /// Version of `changes` of each input.
    pub inputs: BTreeMap<String, i64>,
    /// Parameters as given.
    pub parameters: BTreeMap<String, String>,
    /// xxh3-64 of the query with the views it may use, hexadecimal.
    pub query_xxh3: String,
    pub checks: Vec<CheckOutcome>,
    pub row_count: u64,
}

impl BuildRecord {
    /// The record as it stands in a commit.
    pub fn to_json(&self) -> serde_json::Value {
        let check = |outcome: &CheckOutcome| {
            let severity = match outcome.severity {
                Severity::Fail => "fail",
                Severity::Warn => "warn",
            };
            json!({
                "name": outcome.name,
                "severity": severity,
                "offending_count": outcome.offending_count,
            })
        };
        json!({
            "inputs": self.inputs,
            "parameters": self.parameters,
            "query_xxh3": self.query_xxh3,
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "row_count": self.row_count,
        })
    }
}
