//! Arguments of `huiliu plan` and `huiliu apply`.

use super::Document;
use chrono::NaiveDate;
use clap::Args;

/// Compare what is declared with what the lake holds: what is new, what changes, what breaks
#[derive(Debug, Args)]
#[command(after_help = PLAN)]
pub struct PlanArgs {
    /// Exit 3 when there are changes
    #[arg(long, visible_alias = "detailed-exitcode")]
    pub exit_code: bool,
    #[command(flatten)]
    pub output: Document,
}

/// Do what the plan says: make tables, add columns, build what changed; what breaks is refused
#[derive(Debug, Args)]
#[command(after_help = APPLY)]
pub struct ApplyArgs {
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do the rest although some changes are breaking and stay undone
    #[arg(long)]
    pub only_safe: bool,
    /// Make and extend tables, build nothing
    #[arg(long)]
    pub no_refresh: bool,
    /// Date that the subject tables count from; today without it
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<NaiveDate>,
    #[command(flatten)]
    pub output: Document,
}

const PLAN: &str = "\
Examples:
  huiliu plan
  huiliu plan --exit-code || echo 'there are changes'
  huiliu plan --output json | jq '.datasets[] | select(.state == \"breaking\")'

Nothing is written, and a lake that does not exist is not made. Exits 0, and with --exit-code 3
when there are changes (2 is misuse of the command line).";

const APPLY: &str = "\
Examples:
  huiliu apply --dry-run
  huiliu apply --protection plain --as-of 2020-12-31
  huiliu apply --only-safe --no-refresh

The plan is made anew, so that nothing is applied that was not looked at now. With breaking changes
nothing is done, unless --only-safe asks for the rest. Nothing is ever removed.";
