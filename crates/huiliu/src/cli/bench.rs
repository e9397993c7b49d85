//! Arguments of `huiliu bench`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measure this machine: Kafka to `changes`, beside the costs it cannot go below
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// What else is measured
    #[command(subcommand)]
    pub what: Option<BenchWhat>,

    /// Records to measure with; the broker inside the process keeps no more
    #[arg(long, value_name = "N", default_value_t = 300_000,
          value_parser = clap::value_parser!(u64).range(1_000..=600_000))]
    pub records: u64,

    /// Seed of the city
    #[arg(long, value_name = "N", default_value_t = 2020)]
    pub seed: u64,

    /// One part alone, as the measuring process calls it
    #[arg(long, hide = true)]
    pub part: Option<BenchPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchPart {
    Floors,
    Pipeline,
}

#[derive(Debug, Subcommand)]
pub enum BenchWhat {
    Refresh(BenchRefreshArgs),
}

/// Measure refreshes: table sizes times numbers of changed identities
#[derive(Debug, Args)]
#[command(after_help = REFRESH_EXAMPLES)]
pub struct BenchRefreshArgs {
    /// Firms, accounts and projects at size 1, each with its licences, bills or months
    #[arg(long, value_name = "N", default_value_t = 25_000,
          value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    pub identities: u32,
    /// Sizes, as factors
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,4,16")]
    pub sizes: Vec<u32>,
    /// Numbers of identities that change; what a size does not have is left out
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10,1000,100000")]
    pub changed: Vec<u32>,
    /// Refreshes of each kind; the median counts
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// Which way is taken
    #[arg(long, value_name = "WAY", default_value = "cheapest")]
    pub way: BenchWay,
    /// Directory in which the lakes stay; a temporary one without it
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchWay {
    /// What a refresh decides
    Cheapest,
    /// By identity, whatever it costs
    Incremental,
    /// In full
    Full,
}

const EXAMPLES: &str = "\
Examples:
  huiliu bench
  huiliu bench --records 500000 > benchmark.md
  huiliu bench refresh --help";

const REFRESH_EXAMPLES: &str = "\
Examples:
  huiliu bench refresh
  huiliu bench refresh --identities 2000 --sizes 1,4 --changed 10,1000
  huiliu bench refresh --way incremental --keep lakes

Needs pipelines and sql (HUILIU_HOME or the working directory), no Kafka. Prints a Markdown table.";
