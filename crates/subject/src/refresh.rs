//! One refresh of one table: open, build, check, commit.
//!
//! Inputs are opened once; every pass and every check reads the same versions. The commit carries
//! those versions, the parameters, the query's hash and what the checks found, so the same rows
//! can be built again.

use crate::build::Build;
use crate::catalogue::Catalogue;
use crate::check::{self, CheckOutcome, STAGED};
use crate::fault;
use crate::parameters::Bound;
use crate::port::{BuildRecord, Inputs, Shape, Target};
use crate::restrict::Sources;
use crate::session::{Budget, Sessions};
use huiliu_model::{Contract, Error};
use huiliu_spec::table::{Severity, TableSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A table that was built and committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    pub row_count: u64,
    pub buckets: u32,
    pub checks: Vec<CheckOutcome>,
    /// Version of `changes` of each input.
    pub versions: BTreeMap<String, i64>,
    /// Version of the subject table.
    pub table_version: i64,
}

/// Declarations that a refresh reads: the same for every table of a declared.
#[derive(Debug, Clone, Copy)]
pub struct Declarations<'a> {
    pub contracts: &'a [Arc<Contract>],
    pub catalogue: &'a Catalogue,
}

/// Where a refresh reads from and writes to.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    pub inputs: &'a dyn Inputs,
    pub target: &'a dyn Target,
}

/// Builds a table in full at the versions `inputs` answers with, checks it and commits it.
///
/// Dropping the future before it ends leaves the last good version in place.
///
/// # Errors
/// `Invalid` for a query, parameter or declaration that does not fit; `Contract` when a `fail`
/// check finds rows; else what the ports report. Nothing is committed then.
pub async fn refresh(
    spec: &TableSpec,
    declared: Declarations<'_>,
    ports: Ports<'_>,
    parameters: &BTreeMap<String, String>,
    budget: &Budget,
) -> Result<Built, Error> {
    let bound = Bound::new(spec, parameters)?;
    let catalogue = declared.catalogue;
    let sessions = Sessions::new(budget, catalogue.functions())?;
    let ctx = sessions.open();
    let sources = Sources::open(&ctx, spec, declared.contracts, catalogue, ports.inputs).await?;
    let build =
        Build { spec, catalogue, sources: &sources, sessions: &sessions, parameters: &bound };

    let mut staging = ports.target.begin(&shape(&build)).await?;
    let mut row_count = 0;
    for range in build.passes(budget.buckets_per_pass) {
        for bucket in build.pass(range).await? {
            row_count += bucket.rows.iter().map(|b| b.num_rows() as u64).sum::<u64>();
            staging.add(bucket.bucket, bucket.rows).await?;
        }
    }

    catalogue.register_views(&ctx).await?;
    ctx.register_table(STAGED, staging.read().await?)
        .map_err(|e| fault::planning(&build.name(), e))?;
    let checks = check::run(&ctx, spec, &bound).await?;
    warn(&build.name(), &checks);
    check::verdict(spec, &checks)?;

    let record = BuildRecord {
        inputs: sources.versions.clone(),
        parameters: bound.texts().clone(),
        query_xxh3: query_hash(spec, catalogue),
        checks: checks.clone(),
        row_count,
    };
    let table_version = staging.commit(record).await?;
    let table = build.name();
    tracing::info!(table, row_count, table_version, "subject table refreshed");
    let (buckets, versions) = (spec.buckets, sources.versions);
    Ok(Built { row_count, buckets, checks, versions, table_version })
}

fn shape(build: &Build<'_>) -> Shape {
    Shape {
        subject: build.spec.subject.clone(),
        table: build.spec.table.clone(),
        title: build.spec.title.clone(),
        schema: build.schema(),
        key: build.spec.key.clone(),
        identity: build.spec.identity.clone(),
        buckets: build.spec.buckets,
    }
}

fn warn(table: &str, checks: &[CheckOutcome]) {
    for found in checks.iter().filter(|c| c.severity == Severity::Warn && c.offending_count > 0) {
        let (check, offending_count) = (found.name.as_str(), found.offending_count);
        tracing::warn!(table, check, offending_count, "check finds rows");
    }
}

fn query_hash(spec: &TableSpec, catalogue: &Catalogue) -> String {
    let mut text = spec.query.clone();
    for view in catalogue.views() {
        text.push('\u{1f}');
        text.push_str(&view.name);
        text.push('\u{1f}');
        text.push_str(&view.sql);
    }
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

#[cfg(test)]
mod tests;
