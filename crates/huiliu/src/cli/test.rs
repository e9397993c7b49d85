//! Arguments of `huiliu test`.

use super::Document;
use clap::Args;
use std::path::PathBuf;

/// Run the tests of subject tables: given rows, the query, expected rows; no services needed
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TestArgs {
    /// Folder of a subject, a table or a case; every case of the project without one
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write what the queries yield as the expected rows, marked as such; files written by hand
    /// are left alone
    #[arg(long)]
    pub update: bool,
    /// With --update: also over expected rows that were written by hand
    #[arg(long, requires = "update")]
    pub force: bool,
    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu test
  huiliu test sql/enterprise_financing/enterprise_profile
  huiliu test sql/enterprise_financing/enterprise_profile/tests/age_in_full_months
  huiliu test --output json | jq '.cases[] | select(.outcome != \"passed\")'

A case is a folder tests/<case>/ of a table: case.yaml, given/<input>.csv or .json, expected.csv.
Exits 1 when a case fails.";
