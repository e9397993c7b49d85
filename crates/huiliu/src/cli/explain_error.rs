//! Arguments of `huiliu explain-error`.

use super::Document;
use clap::Args;

/// Say what an error's code means, what causes it and what to do; offline
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainErrorArgs {
    /// The code as printed, with or without `HUILIU-`; all codes are listed without one
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
    #[command(flatten)]
    pub output: Document,
}

const EXAMPLES: &str = "\
Examples:
  huiliu explain-error HUILIU-KAFKA-0001
  huiliu explain-error cfg-0003
  huiliu explain-error --output json | jq -r '.codes[] | \"\\(.code) \\(.title)\"'

A code is HUILIU-<ROOM>-<NUMBER>. The rooms are those of the program (CLI, KAFKA, REGISTRY, FILES,
INGEST, NORMALISE, LAKE, SUBJECT), and CFG and SQL for findings in files. In every room 0001 is a
dependency that does not answer, 0002 one that refuses, 0003 our own configuration, 0004 data that
breaks its contract, 0005 another process that was first, 0006 stored data that contradicts
itself.";
