//! Arguments of `huiliu offsets`.

use super::Document;
use clap::{Args, Subcommand};

/// Show recorded progress, or move it past records that are gone for good
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct OffsetsArgs {
    #[command(subcommand)]
    pub command: OffsetsCommand,
}

#[derive(Debug, Subcommand)]
pub enum OffsetsCommand {
    /// Per partition, the first offset that is not in the lake
    Show(Document),
    /// Set the first offset still needed of one partition; stop `huiliu run` first
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The partition: <kafka_topic>/<number>
    #[arg(value_name = "PARTITION")]
    pub partition: String,

    /// The first offset to read next
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    pub to: i64,

    /// Kept with the commit, for those who come later
    #[arg(long, value_name = "TEXT")]
    pub why: String,

    /// Really write it
    #[arg(long)]
    pub yes: bool,

    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu offsets show
  huiliu offsets reset feed.water.bill/0 --to 1200 --why 'retention was 3 days' --dry-run
  huiliu offsets reset feed.water.bill/0 --to 1200 --why 'retention was 3 days' --yes";
