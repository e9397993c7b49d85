//! Arguments about subject tables: refresh and verify.

use super::Document;
use chrono::NaiveDate;
use clap::Args;

/// Bring subject tables up to their inputs
#[derive(Debug, Args)]
#[command(after_help = REFRESH)]
pub struct RefreshArgs {
    /// Subject databases or tables (`enterprise_financing`,
    /// `enterprise_financing.enterprise_profile`); all without one
    #[arg(value_name = "SUBJECT")]
    pub subjects: Vec<String>,
    /// Date that the tables count from
    #[arg(long, value_name = "DATE")]
    pub as_of: NaiveDate,
    /// Other parameters of the queries
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::parameter)]
    pub parameters: Vec<(String, String)>,
    /// Build in full, even when nothing changed
    #[arg(long)]
    pub full: bool,
    /// Say which way would be gone and why, with the numbers, and do nothing
    #[arg(long)]
    pub explain: bool,
    #[command(flatten)]
    pub output: Document,
}

/// Compare subject tables with a full build at the versions they record
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub struct VerifyArgs {
    /// Subject databases or tables; all without one
    #[arg(value_name = "TABLE")]
    pub subjects: Vec<String>,
    /// Compare about so many identities of each table in place of all rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    #[command(flatten)]
    pub output: Document,
}

const REFRESH: &str = "\
Examples:
  huiliu refresh --as-of 2020-12-31
  huiliu refresh enterprise_financing.enterprise_profile --as-of 2020-12-31
  huiliu refresh enterprise_financing --as-of 2020-12-31 --explain
  huiliu refresh enterprise_financing --as-of 2020-12-31 --full

Only rows that changes of the inputs can touch are built again, where that is cheaper than all of
them and the query allows it; the rows are the same either way. See docs/refresh.md.";

const VERIFY: &str = "\
Examples:
  huiliu verify
  huiliu verify enterprise_financing.enterprise_profile
  huiliu verify enterprise_financing --sample 500 --output json

Exits 1 when a row differs. Keys of differing rows are named where their grade is L1 or L2.";
