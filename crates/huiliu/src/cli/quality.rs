//! Arguments of `huiliu quality`.

use super::Document;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use huiliu_quality::Period;
use std::path::PathBuf;

/// Both gates of the city and where they fail: what arrived, and how many of its cells are good
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct QualityArgs {
    #[command(subcommand)]
    pub command: Option<QualityCommand>,
    /// Only departments whose code or provider holds this text
    #[arg(long, value_name = "TEXT")]
    pub department: Option<String>,
    /// Only this dataset
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// 2020, 2020-06, 2020-06-30 or 2020-06-01..2020-06-30; the month of --as-of without it
    #[arg(long, value_name = "PERIOD", value_parser = Period::parse)]
    pub period: Option<Period>,
    /// The day from which the period is seen: cycles that end later are not yet due
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<NaiveDate>,
    /// Also ask the tables what only whole tables can tell, and note it in ledger.checks
    #[arg(long)]
    pub assess: bool,
    /// Write the scorecard as a page for people: HTML with its plots, without any other file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Fields and resources in the text, worst first
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub limit: usize,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Subcommand)]
pub enum QualityCommand {
    Diff(DiffArgs),
}

/// What a changed contract would do to the records that are kept, before anyone deploys it
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub struct DiffArgs {
    /// The changed pipeline file; its dataset says which records are tried
    #[arg(long = "with", value_name = "FILE")]
    pub with: PathBuf,
    /// Only changes and rejects since: a date, an instant, or an age such as 36h or 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Records at most, of changes and of quarantine each
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub limit: u64,
    #[command(flatten)]
    pub output: Document,
}

const DIFF_EXAMPLES: &str = "\
Examples:
  huiliu quality diff --with np_person.new.yaml
  huiliu quality diff --with np_person.new.yaml --since 30d --output json

Both contracts run over the same records as they were delivered: rows of changes, with the
delivered texts kept beside them, and rejects as they came. Nothing is written. Values that were
masked or dropped, or sealed without the key, are left out under both.";

const EXAMPLES: &str = "\
Examples:
  huiliu quality
  huiliu quality --period 2020-06 --department 公安 --html scorecard.html
  huiliu quality --dataset le_entity --assess
  huiliu query 'SELECT * FROM ledger.quality ORDER BY day DESC LIMIT 20'

归集率 is the share of owed resources that arrived complete and on time; more than 95 % pass.
字段合格率 is the share of checked cells that were good as delivered; more than 80 % pass.
What a department owes stands in pipelines/responsibilities.csv (department, code, title, items,
cycle, due_days, catalogued, dataset); without it each dataset is owed by its provider.";
