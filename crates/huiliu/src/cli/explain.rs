//! Arguments of `huiliu explain`.

use super::Document;
use clap::Args;

/// Show what one row of a subject table was made of: input rows, where in Kafka they lie, repairs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// Subject table
    #[arg(value_name = "SUBJECT.TABLE")]
    pub table: String,
    /// Key of the row: values in the key's order or NAME=VALUE, separated by commas, or one
    /// argument each
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Only what leads to this column of the table, and its SQL
    #[arg(long, value_name = "NAME")]
    pub column: Option<String>,
    /// Rows shown of each input, and of its rejects; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu explain enterprise_financing.enterprise_profile 91350100M000100Y43
  huiliu explain enterprise_financing.enterprise_profile 91350100M000100Y43 --column age_months
  huiliu explain investment_project.division_month 500103,2020-05-01
  huiliu explain investment_project.division_month stat_month=2020-05-01,division_code=500103
  huiliu explain public_credit.repair_candidate 'doc,with comma' 11500000MB0000001X -o json

The inputs are read at the versions that the table's last commit records. Values are shown as the
lake holds them: a token stays a token, in KEY too. Exits 1 when there is no such row.";
