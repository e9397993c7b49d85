//! Arguments of `huiliu incidents`.

use super::Document;
use clap::{Args, Subcommand};

/// Show what stands still until a person decides, and let a stopped dataset go on
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct IncidentsArgs {
    #[command(subcommand)]
    pub command: IncidentsCommand,
}

#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// Datasets that stopped, and partitions whose records Kafka no longer has
    List(IncidentListArgs),
    /// Let a stopped dataset go on from where it stands; a running process notices by itself
    Resolve(ResolveArgs),
}

#[derive(Debug, Args)]
pub struct IncidentListArgs {
    #[command(flatten)]
    pub output: Document,
    /// Do not ask Kafka which offsets it has
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// The dataset that stopped
    #[arg(value_name = "DATASET")]
    pub dataset: String,

    /// Kept with the commit, for those who come later
    #[arg(long, value_name = "TEXT")]
    pub why: String,

    /// Really write it
    #[arg(long)]
    pub yes: bool,

    /// Only say what would go on
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu incidents list
  huiliu incidents list --output json | jq '.stopped[].dataset'
  huiliu incidents resolve water_bill --why 'the utility sends JSON again' --dry-run
  huiliu incidents resolve water_bill --why 'the utility sends JSON again' --yes

A dataset that went on begins with an empty window. A drift that stopped it stops it no more.";
