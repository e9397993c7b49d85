//! Arguments of `huiliu maintain`.

use super::Document;
use clap::Args;

/// Join small files, drop old changes, delete files that no kept version names, cut old logs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MaintainArgs {
    /// Tables as queries name them, datasets or subjects; without them the whole lake
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,

    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu maintain --dry-run
  huiliu maintain water_bill
  huiliu maintain changes.water_bill enterprise_financing ledger.receipts --output json

How long what is kept: `maintenance:` in huiliu.yaml, see docs/maintenance.md.";
