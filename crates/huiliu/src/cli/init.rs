//! Arguments of `huiliu init`.

use super::load::{FileFormat, TextEncoding};
use super::{Document, NAME_HELP};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Begin a project, or propose a pipeline file from sample records
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct InitArgs {
    /// Folder of the new project
    #[arg(
        value_name = "DIR",
        required_unless_present = "from_sample",
        conflicts_with = "from_sample"
    )]
    pub dir: Option<PathBuf>,
    /// Records of the dataset: JSON lines (huiliu, Debezium, plain), CSV, Parquet
    #[arg(long, value_name = "FILE")]
    pub from_sample: Option<PathBuf>,
    #[arg(long, value_name = "NAME", requires = "from_sample", help = NAME_HELP)]
    pub dataset: Option<String>,
    /// Chinese name of the dataset
    #[arg(long, value_name = "TEXT", requires = "from_sample")]
    pub title: Option<String>,
    /// Group of the dataset; without it the folder of --out if it is one, else pool
    #[arg(long, value_name = "GROUP", requires = "from_sample")]
    pub group: Option<GroupName>,
    /// Pipeline file to write; <pipelines>/<group>/<dataset>.yaml without it
    #[arg(long, value_name = "FILE", requires = "from_sample")]
    pub out: Option<PathBuf>,
    /// What the sample is; found out from its first bytes without it
    #[arg(long, value_name = "FORMAT", requires = "from_sample")]
    pub format: Option<FileFormat>,
    /// Encoding of text; found out without it
    #[arg(long, value_name = "NAME", requires = "from_sample")]
    pub encoding: Option<TextEncoding>,
    /// Rows that are looked at
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rows: u32,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GroupName {
    Base,
    Feed,
    Pool,
}

const ABOUT: &str = "\
Begin a project, or propose a pipeline file from sample records

With a folder: settings, pipelines/ and sql/, which `huiliu validate` accepts.

With --from-sample: every rule and code list is tried on the values. The file that is written says
of each column why it has its type, rule and grade; `huiliu validate` accepts it as it is, and the
answer says how many of the sample's cells pass it. It is a proposal: key, grades, title, provider
and kafka_topic are for a person to confirm.";

const EXAMPLES: &str = "\
Examples:
  huiliu init city
  huiliu init --from-sample 用水账单.csv --dataset water_bill_2024 --group feed
  huiliu init --from-sample sample.jsonl --out pipelines/pool/parking.yaml --output json";
