//! One refresh of one table: open, decide, build, check, commit.
//!
//! Inputs are opened once; every pass and every check reads the same versions. The commit carries
//! those versions, the parameters, the query's hash and what the checks found, so the same rows
//! can be built again, and the next refresh knows from where to look for changes.

mod full;
mod hash;
mod incremental;

pub use hash::of as hash_of;

use crate::affected::{Affected, Search};
use crate::among::Keys;
use crate::build::Build;
use crate::catalogue::Catalogue;
use crate::check::{self, CheckOutcome};
use crate::decide::{Decision, Rates, Sizes, Way};
use crate::locality::Locality;
use crate::parameters::Bound;
use crate::port::{Inputs, Shape, Target};
use crate::record::BuildRecord;
use crate::restrict::Sources;
use crate::schema;
use crate::session::{Budget, Sessions};
use huiliu_model::{Contract, Error};
use huiliu_spec::table::{Reach, Severity, TableSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A table that was built and committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Rows of the table.
    pub row_count: u64,
    pub checks: Vec<CheckOutcome>,
    /// Version of each input.
    pub versions: BTreeMap<String, i64>,
    /// Version of the subject table.
    pub table_version: i64,
}

/// What was decided, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refreshed {
    pub decision: Decision,
    /// `None` when there was nothing to do, or when it was only asked.
    pub built: Option<Built>,
    /// Rows of the table afterwards.
    pub row_count: u64,
}

/// Declarations that a refresh reads: the same for every table of a project.
#[derive(Debug, Clone, Copy)]
pub struct Declarations<'a> {
    pub contracts: &'a [Arc<Contract>],
    pub tables: &'a [TableSpec],
    pub catalogue: &'a Catalogue,
}

/// Where a refresh reads from and writes to.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    pub inputs: &'a dyn Inputs,
    pub target: &'a dyn Target,
}

/// Which way a refresh may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The cheaper one.
    #[default]
    Cheapest,
    /// In full, even when nothing changed.
    Full,
    /// Incremental wherever it is allowed, whatever it costs.
    Incremental,
}

/// How one refresh is to be done.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub parameters: BTreeMap<String, String>,
    pub mode: Mode,
    pub budget: Budget,
    pub rates: Rates,
    /// Only decide.
    pub explain: bool,
}

/// Everything that one refresh holds.
struct Refresh<'a> {
    build: Build<'a>,
    declared: Declarations<'a>,
    ports: Ports<'a>,
    request: &'a Request,
    shape: Shape,
    hash: String,
}

/// Brings a table up to the versions `inputs` answers with, checks it and commits it.
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
    request: &Request,
) -> Result<Refreshed, Error> {
    let bound = Bound::new(spec, &request.parameters)?;
    let catalogue = declared.catalogue;
    let sessions = Sessions::new(&request.budget, catalogue.functions())?;
    let sources = Sources::open(spec, declared, ports.inputs).await?;
    let build =
        Build { spec, catalogue, sources: &sources, sessions: &sessions, parameters: &bound };
    let refresh = Refresh {
        shape: shape(spec),
        hash: hash_of(spec, catalogue),
        build,
        declared,
        ports,
        request,
    };
    refresh.run().await
}

impl Refresh<'_> {
    async fn run(&self) -> Result<Refreshed, Error> {
        let last = self.ports.target.last(&self.shape).await?;
        let (decision, keys) = self.decide(last.as_ref()).await?;
        let table = self.build.name();
        let (way, why) = (decision.way.label(), decision.why.as_str());
        tracing::debug!(table, way, why, "decided");
        let held = last.as_ref().map_or(0, |last| last.row_count);
        if self.request.explain || decision.way == Way::Nothing {
            return Ok(Refreshed { decision, built: None, row_count: held });
        }
        let built = match (decision.way, keys, last) {
            (Way::Incremental, Some(keys), Some(last)) => self.some(&keys, &last).await?,
            _ => self.all().await?,
        };
        let (row_count, table_version) = (built.row_count, built.table_version);
        tracing::info!(table, way, row_count, table_version, "subject table refreshed");
        Ok(Refreshed { decision, built: Some(built), row_count })
    }

    /// The way to go and, for an incremental one, the identities.
    async fn decide(
        &self,
        last: Option<&BuildRecord>,
    ) -> Result<(Decision, Option<Arc<Keys>>), Error> {
        let full = |why: String| Ok((Decision::of(Way::Full, why), None));
        let Some(last) = last else { return full("the table was never built".into()) };
        if self.request.mode == Mode::Full {
            return full("it was asked for".into());
        }
        if last.query_xxh3 != self.hash {
            return full("the query or its declaration changed".into());
        }
        if let Some(name) = moved(&last.parameters, self.build.parameters.texts()) {
            return full(format!("parameter `{name}` moved"));
        }
        if last.versions() == self.versions() {
            return Ok((Decision::of(Way::Nothing, "no input moved"), None));
        }
        if let Some(why) = &last.locality.obstacle {
            return full(why.clone());
        }
        let (spec, inputs) = (self.build.spec, self.ports.inputs);
        // Whatever the inputs were, the rows of a full build are right.
        let old = Sources::reopen(spec, self.declared, inputs, &last.inputs).await?;
        match old {
            Err(why) => full(why),
            Ok(old) => self.weigh(&old, last).await,
        }
    }

    async fn weigh(
        &self,
        old: &Sources,
        last: &BuildRecord,
    ) -> Result<(Decision, Option<Arc<Keys>>), Error> {
        let Build { spec, catalogue, sources, sessions, .. } = self.build;
        let search = Search { spec, catalogue, sessions, old, new: sources };
        let (keys, changes) = match search.run().await? {
            Affected::Anything { why, changes } => {
                return Ok((Decision { changes, ..Decision::of(Way::Full, why) }, None));
            }
            Affected::Identities { keys, changes } => (keys, changes),
        };
        let touched = self.ports.target.touched(&self.shape, &keys).await?;
        let whole = spec.inputs.iter().filter(|input| input.reach == Reach::All);
        let whole = whole.map(|input| sources.source(&input.name).map(|s| s.row_count()));
        let whole = whole.sum::<Result<u64, Error>>()?;
        let sizes = Sizes {
            restricted: sources.row_count().saturating_sub(whole),
            whole,
            table: last.row_count,
            identities: keys.len() as u64,
            of_identities: last.distinct.unwrap_or(last.row_count),
            rewritten: touched.rows,
        };
        let cost = sizes.cost();
        let rates = self.request.rates;
        let (incremental, full) = (cost.incremental * rates.incremental, cost.full * rates.full);
        let cheaper = incremental < full || keys.is_empty();
        let forced = self.request.mode == Mode::Incremental;
        let (way, why) = match (cheaper, forced) {
            (true, _) => (Way::Incremental, "it is cheaper than a full build"),
            (false, true) => (Way::Incremental, "it was asked for"),
            (false, false) => (Way::Full, "it is cheaper than an incremental one"),
        };
        let decision = Decision {
            changes,
            identities: Some(sizes.identities),
            files: Some((touched.files, touched.of_files)),
            cost: Some(cost),
            ..Decision::of(way, why)
        };
        Ok((decision, (way == Way::Incremental).then(|| Arc::new(keys))))
    }

    fn versions(&self) -> BTreeMap<String, i64> {
        let pins = self.build.sources.pins.iter();
        pins.map(|(name, pin)| (name.clone(), pin.version)).collect()
    }

    /// The record of a refresh: rows of the table, identities that were replaced, distinct ones.
    fn record(
        &self,
        rows: (u64, Option<u64>, Option<u64>),
        checks: Vec<CheckOutcome>,
        locality: Locality,
    ) -> BuildRecord {
        let (row_count, identities, distinct) = rows;
        BuildRecord {
            inputs: self.build.sources.pins.clone(),
            parameters: self.build.parameters.texts().clone(),
            query_xxh3: self.hash.clone(),
            checks,
            row_count,
            identities,
            distinct,
            locality,
        }
    }

    /// Tells of checks that warn, and refuses what a check fails.
    fn judge(&self, checks: &[CheckOutcome]) -> Result<(), Error> {
        let table = self.build.name();
        let warns = |c: &&CheckOutcome| c.severity == Severity::Warn && c.offending_count > 0;
        for found in checks.iter().filter(warns) {
            let (check, offending_count) = (found.name.as_str(), found.offending_count);
            tracing::warn!(table, check, offending_count, "check finds rows");
        }
        check::verdict(self.build.spec, checks)
    }
}

/// A parameter that has another value than it had.
fn moved(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<String> {
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    names.into_iter().find(|name| then.get(*name) != now.get(*name)).cloned()
}

/// What a table looks like to its store.
pub(crate) fn shape(spec: &TableSpec) -> Shape {
    Shape {
        subject: spec.subject.clone(),
        table: spec.table.clone(),
        title: spec.title.clone(),
        schema: schema::declared(spec),
        key: spec.key.clone(),
        identity: spec.identity.clone(),
    }
}

#[cfg(test)]
mod tests;
