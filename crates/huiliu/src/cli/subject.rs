//! Arguments of `huiliu subject`.

use super::Document;
use clap::{Args, Subcommand};

/// Look after subject databases as wholes: versions that belong together, removal of one
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SubjectArgs {
    #[command(subcommand)]
    pub command: SubjectCommand,
}

#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    /// Remove every table of a subject that is off from the lake, files and history
    Purge(PurgeArgs),
    Versions(VersionsArgs),
}

/// Show which versions of a subject database's tables belong together
#[derive(Debug, Args)]
#[command(after_help = VERSIONS)]
pub struct VersionsArgs {
    /// Subject database
    #[arg(value_name = "SUBJECT")]
    pub subject: String,
    /// Sets to show, newest first
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub last: usize,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// The subject database; it has to be off
    #[arg(value_name = "SUBJECT")]
    pub subject: String,

    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,

    /// Name in the ledger; without it and without --dry-run nothing is removed
    #[arg(long = "as", value_name = "NAME", required_unless_present = "dry_run")]
    pub name: Option<String>,

    /// Kept in the ledger, for those who come later
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub why: Option<String>,

    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu subject purge epidemic_prevention --dry-run
  huiliu subject purge epidemic_prevention --as 'Li Na' --why 'the emergency measure ended'
  huiliu query 'SELECT * FROM ledger.purges'

A subject is turned on and off under `subjects:` in huiliu.yaml. A purge takes its tables from the
lake; the datasets they were built from have a retention of their own.";

const VERSIONS: &str = "\
Examples:
  huiliu subject versions enterprise_financing
  huiliu subject versions enterprise_financing --last 10 --output json
  huiliu query 'SELECT * FROM ledger.subject_versions'";
