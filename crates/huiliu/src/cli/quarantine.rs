//! Arguments of `huiliu quarantine` and `huiliu reveal`.

use super::{Document, examples, parameter};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Work off rejected records: count, look, send back, repair, replay, drop
#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::QUARANTINE)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    pub command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Count rejects by dataset, reason, field and rule
    List(ListArgs),
    /// Say why one record failed, with its values masked by grade
    Show(ShowArgs),
    /// Write the return list for the department that sent the records
    Export(ExportArgs),
    /// Set new values for fields of a record, and accept it if it passes then
    Repair(RepairArgs),
    /// Decode and judge records again by today's contract and rules
    Replay(ReplayArgs),
    /// Mark records as not to be repaired; they stay in quarantine
    Drop(DropArgs),
}

/// Which rejects are meant.
#[derive(Debug, Clone, Args)]
pub struct Filter {
    /// Only those rejected for this reason; may be given again
    #[arg(long = "reason", value_name = "REASON")]
    pub reasons: Vec<String>,
    /// Only those rejected for this field
    #[arg(long, value_name = "FIELD")]
    pub field: Option<String>,
    /// Only those sent by this department, as its records name it
    #[arg(long, value_name = "CODE")]
    pub department: Option<String>,
    /// Only those rejected since: a date, an instant, or an age such as 36h or 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
}

/// Who does it, as the ledger names them.
#[derive(Debug, Clone, Args)]
pub struct Actor {
    /// Name in the ledger; without it that of the user of this system
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Kept in the ledger beside it
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::LIST)]
pub struct ListArgs {
    /// One dataset; all without it
    #[arg(value_name = "DATASET")]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub filter: Filter,
    /// Lines per dataset at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::SHOW)]
pub struct ShowArgs {
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// PARTITION:OFFSET in the dataset's kafka_topic, or <kafka_topic>/PARTITION:OFFSET; without
    /// one the first open rejects
    #[arg(value_name = "COORD")]
    pub coordinates: Vec<String>,
    #[command(flatten)]
    pub filter: Filter,
    /// Rejects at most
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub limit: usize,
    /// Show values in the clear; written to the ledger
    #[arg(long, requires_all = ["purpose", "coordinates"])]
    pub reveal: bool,
    /// What the values are needed for
    #[arg(long, value_name = "TEXT", requires = "reveal")]
    pub purpose: Option<String>,
    #[command(flatten)]
    pub actor: Actor,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::EXPORT)]
pub struct ExportArgs {
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// File to write; its ending says the form: .csv, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::REPAIR)]
pub struct RepairArgs {
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// PARTITION:OFFSET, as `show` names it
    #[arg(value_name = "COORD", required_unless_present = "look_up", conflicts_with = "look_up")]
    pub coordinate: Option<String>,
    /// New value of a field; empty for none; `before.FIELD` for the row before a change of key
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = parameter,
          required_unless_present = "look_up", conflicts_with = "look_up")]
    pub set: Vec<(String, String)>,
    /// Replace old registration numbers and organisation codes by the unified social credit
    /// code that current.le_entity has for them
    #[arg(long)]
    pub look_up: bool,
    #[command(flatten)]
    pub actor: Actor,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::REPLAY)]
pub struct ReplayArgs {
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// PARTITION:OFFSET of single records
    #[arg(value_name = "COORD")]
    pub coordinates: Vec<String>,
    #[command(flatten)]
    pub filter: Filter,
    /// Every open reject
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub actor: Actor,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::DROP)]
pub struct DropArgs {
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// PARTITION:OFFSET of the records
    #[arg(value_name = "COORD", required = true)]
    pub coordinates: Vec<String>,
    /// Why they are not to be repaired
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Name in the ledger; without it that of the user of this system
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Document,
}

/// Show the encrypted values of one row to those who hold the key; kept in the ledger
#[derive(Debug, Args)]
#[command(after_help = examples::quarantine::REVEAL)]
pub struct RevealArgs {
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Key columns of the row, in the clear
    #[arg(long = "key", value_name = "COLUMN=VALUE", value_parser = parameter, required = true)]
    pub key: Vec<(String, String)>,
    /// Columns to show; all that are encrypted without it
    #[arg(long = "column", value_name = "COLUMN")]
    pub columns: Vec<String>,
    /// What the values are needed for
    #[arg(long, value_name = "TEXT")]
    pub purpose: String,
    /// Name in the ledger; without it that of the user of this system
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub output: Document,
}
