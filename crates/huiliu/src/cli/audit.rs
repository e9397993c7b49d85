//! Arguments of `huiliu audit`.

use super::Document;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Hold the receipts of all commits against each other, the tables and exported checkpoints
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the chain of receipts, count the rows again, name the first thing that is wrong
    Verify(AuditVerifyArgs),
    /// Write a checkpoint of all chains to a file, to be kept where operators cannot change it
    Export(AuditExportArgs),
}

#[derive(Debug, Args)]
pub struct AuditVerifyArgs {
    /// Tables as queries name them, datasets or subjects; without them the whole lake
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,

    /// A checkpoint that `huiliu audit export` wrote: the chains must go through it
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,

    /// Count the records again that Kafka still has
    #[arg(long)]
    pub kafka: bool,

    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Args)]
pub struct AuditExportArgs {
    /// File to write; it must not exist
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  huiliu audit verify
  huiliu audit verify water_bill --output json
  huiliu audit verify --kafka
  huiliu audit export /mnt/worm/chain-2020-12-31.json
  huiliu audit verify --checkpoint /mnt/worm/chain-2020-12-31.json

Exits 65 when something does not add up.";
