//! Checks between staging and commit.
//!
//! A check is a query that yields the rows that offend. Owns running all of them on the staged
//! rows and the verdict: one failing `fail` check and nothing is committed. Reports counts only;
//! rows may hold what nobody should read in a log.

use crate::catalogue::Catalogue;
use crate::fault;
use crate::parameters::Bound;
use crate::prepared::{Finish, Runner, Statement, Tables};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, ErrorKind, code};
use huiliu_spec::table::{Check, Severity, TableSpec};

/// Name under which checks see the rows that are about to be committed.
pub const STAGED: &str = "staged";

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    pub name: String,
    pub severity: Severity,
    pub offending_count: u64,
}

/// What checks see: [`STAGED`] and the inputs.
#[derive(Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// As a session knows them.
    Session(&'a SessionContext, &'a Catalogue),
    /// As they were gathered.
    Gathered(Runner<'a>, &'a Tables<'a>),
}

/// Runs those checks of a table that `wanted` names.
///
/// # Errors
/// `Invalid` for a check that does not run; a check that finds rows is an outcome.
pub(crate) async fn run(
    seen: Seen<'_>,
    spec: &TableSpec,
    parameters: &Bound,
    wanted: impl Fn(&Check) -> bool,
) -> Result<Vec<CheckOutcome>, Error> {
    let mut outcomes = Vec::with_capacity(spec.checks.len());
    for check in spec.checks.iter().filter(|check| wanted(check)) {
        let what = format!("table {}, check {}", spec.full_name(), check.name);
        let (name, severity) = (check.name.clone(), check.severity);
        let offending_count = seen.count(what, check, parameters).await?;
        outcomes.push(CheckOutcome { name, severity, offending_count });
    }
    Ok(outcomes)
}

impl Seen<'_> {
    async fn count(self, what: String, check: &Check, parameters: &Bound) -> Result<u64, Error> {
        match self {
            Self::Session(ctx, catalogue) => {
                let planning = |e| fault::planning(&what, e);
                let rows = catalogue.query(ctx, &check.sql).await.map_err(planning)?;
                let rows = rows.with_param_values(parameters.values()).map_err(planning)?;
                let count = rows.count().await.map_err(|e| fault::running(&what, e))?;
                Ok(u64::try_from(count).unwrap_or(u64::MAX))
            }
            Self::Gathered(runner, tables) => {
                let (sql, finish) = (check.sql.as_str(), Finish::Counted);
                let statement = Statement { what, sql, parameters: Some(parameters), finish };
                let (_, counts) = runner.run(&statement, tables, None).await?;
                let counts = counts.iter().filter_map(|rows| rows.columns().first());
                let counts = counts.filter_map(|c| c.as_primitive_opt::<Int64Type>());
                let count: i64 = counts.flat_map(|c| c.values().to_vec()).sum();
                Ok(u64::try_from(count).unwrap_or(u64::MAX))
            }
        }
    }
}

/// Whether the rows may be committed.
///
/// # Errors
/// `Contract`, naming every `fail` check that found rows, with their count.
pub fn verdict(spec: &TableSpec, outcomes: &[CheckOutcome]) -> Result<(), Error> {
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|o| o.severity == Severity::Fail && o.offending_count > 0)
        .map(|o| format!("check `{}` finds {} rows", o.name, o.offending_count))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let table = spec.full_name();
    Err(Error::new(
        ErrorKind::Contract,
        format!("table {table} is not committed: {}", failed.join(", ")),
    )
    .coded(code::CHECK_FAILED)
    .help("the last good version stays; correct the inputs or the query, then refresh again"))
}
