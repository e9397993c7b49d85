//! Arguments of `huiliu lineage`.

use clap::{Args, ValueEnum};

/// Show which columns of which inputs each column of a subject table comes from, with grades
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LineageArgs {
    /// Subject database or table; all without one
    #[arg(value_name = "SUBJECT.TABLE")]
    pub table: Option<String>,
    /// Form of the answer
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    pub format: LineageFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LineageFormat {
    /// A table for people
    Text,
    /// One document for programs
    Json,
    /// A graph for Graphviz
    Dot,
    /// OpenLineage job events with column lineage, one a line
    Openlineage,
    /// A picture
    Svg,
}

const EXAMPLES: &str = "\
Examples:
  huiliu lineage enterprise_financing.enterprise_profile
  huiliu lineage --format dot | dot -Tpdf > lineage.pdf
  huiliu lineage enterprise_financing --format openlineage > events.ndjson

Nothing but the files is read: the lineage is that of the planned query, through views and steps.
Conditions that only decide which rows there are do not count.";
