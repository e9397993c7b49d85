//! Arguments of `huiliu config`.

use super::Document;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Show the settings that apply, the schemas of the files, and bring files into canonical form
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Render(RenderArgs),
    Schema(SchemaArgs),
    Fmt(FmtArgs),
}

/// Show every setting that applies, secrets hidden, and where each value came from
#[derive(Debug, Args)]
pub struct RenderArgs {
    #[command(flatten)]
    pub output: Document,
}

/// Print the JSON Schema of one kind of file
#[derive(Debug, Args)]
pub struct SchemaArgs {
    #[arg(value_name = "KIND")]
    pub kind: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// huiliu.yaml
    Huiliu,
    /// A pipeline: pipelines/<group>/<dataset>.yaml
    Dataset,
    /// sql/<subject>/<table>/table.yaml
    Table,
    /// sql/<subject>/subject.yaml
    Subject,
}

impl SchemaKind {
    /// Name of the schema's file in `schema/`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Huiliu => "huiliu.schema.json",
            Self::Dataset => "dataset.schema.json",
            Self::Table => "table.schema.json",
            Self::Subject => "subject.schema.json",
        }
    }
}

/// Bring files into canonical form: order of the top keys, spaces, blank lines; comments are kept
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Files or folders; without them huiliu.yaml and the project that it names
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write nothing; exit 1 when a file is not in canonical form
    #[arg(long, visible_alias = "dry-run")]
    pub check: bool,
    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu config render
  huiliu config render --output json | jq '.settings[] | select(.from != \"default\")'
  huiliu config schema dataset > dataset.schema.json
  huiliu config fmt --check
  huiliu config fmt pipelines/feed/water_bill.yaml

A file is written only when it means the same after formatting and every comment is still there.";
