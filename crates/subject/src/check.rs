//! Checks between staging and commit.
//!
//! A check is a query that yields the rows that offend. Owns running all of them on the staged
//! rows and the verdict: one failing `fail` check and nothing is committed. Reports counts only;
//! rows may hold what nobody should read in a log.

use crate::catalogue::Catalogue;
use crate::fault;
use crate::parameters::Bound;
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

/// Runs those checks of a table that `wanted` names, in a session that knows [`STAGED`] and the
/// inputs.
///
/// # Errors
/// `Invalid` for a check that does not run; a check that finds rows is an outcome.
pub async fn run(
    (ctx, catalogue): (&SessionContext, &Catalogue),
    spec: &TableSpec,
    parameters: &Bound,
    wanted: impl Fn(&Check) -> bool,
) -> Result<Vec<CheckOutcome>, Error> {
    let mut outcomes = Vec::with_capacity(spec.checks.len());
    for check in spec.checks.iter().filter(|check| wanted(check)) {
        let what = format!("table {}, check {}", spec.full_name(), check.name);
        let planning = |e| fault::planning(&what, e);
        let rows = catalogue.query(ctx, &check.sql).await.map_err(planning)?;
        let rows = rows.with_param_values(parameters.values()).map_err(planning)?;
        let count = rows.count().await.map_err(|e| fault::running(&what, e))?;
        outcomes.push(CheckOutcome {
            name: check.name.clone(),
            severity: check.severity,
            offending_count: u64::try_from(count).unwrap_or(u64::MAX),
        });
    }
    Ok(outcomes)
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
