//! Arguments of `huiliu quality`.

use super::Document;
use chrono::NaiveDate;
use clap::Args;
use huiliu_quality::Period;
use std::path::PathBuf;

/// Both gates of the city and where they fail: what arrived, and how many of its cells are good
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct QualityArgs {
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
