//! Arguments of `huiliu load`.

use super::Document;
use chrono::{DateTime, FixedOffset};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Load files that departments deliver: JSON lines, CSV, Parquet
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct LoadArgs {
    /// Dataset the rows belong to, as its pipeline names it
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Files, in the order they are loaded; `-` is standard input; .gz and .zst are unpacked
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// What the files are; found out from their first bytes without it
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FileFormat>,
    /// Encoding of text; found out without it
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<TextEncoding>,
    /// Sequence of plain rows: of two states of one key the one with the higher sequence wins
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seq: i64,
    /// What plain rows are: states that were read, or changes
    #[arg(long, value_name = "OP", default_value = "read")]
    pub op: PlainOp,
    /// When plain rows were true at the source, for example 2020-12-31T00:00:00+08:00
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub event_time: Option<DateTime<FixedOffset>>,
    /// Prepare every row and say what would become of it; needs no lake and writes nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// One JSON object a line, plain or in the contract's envelope
    Jsonl,
    /// Comma, semicolon or tab, with a header of names or titles
    Csv,
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextEncoding {
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    /// Also GBK and GB 2312
    #[value(alias = "gbk", alias = "gb2312")]
    Gb18030,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlainOp {
    /// A snapshot: fills in, and never beats a change of the same sequence
    Read,
    /// A change: beats states of the same sequence that were read
    Upsert,
}

fn instant(text: &str) -> Result<DateTime<FixedOffset>, String> {
    DateTime::parse_from_rfc3339(text)
        .map_err(|_| format!("`{text}` is no instant like 2020-12-31T00:00:00+08:00"))
}

const EXAMPLES: &str = "\
Examples:
  huiliu load water_bill bills.csv --dry-run       try a contract on a sample
  huiliu load water_bill bills.csv
  huiliu load np_person 2020-*.parquet --seq 20201231
  zcat export.jsonl.gz | huiliu load le_entity -";

const ABOUT: &str = "\
Load files that departments deliver: JSON lines, CSV, Parquet

Rows:
  JSON lines in the envelope of the contract go as they are, with their own operation and
  sequence. Plain rows (JSON objects, CSV, Parquet) take --op and --seq; among equals the later
  row of the file wins. The default, read at sequence 0, never beats what a stream has brought.

Columns of CSV and Parquet are found by name (account_no) or title (户号). Others are ignored.
An empty field of CSV is null, \"\" an empty text. A row that does not fall into fields goes to
quarantine with its row number (sys_offset, from 0) and does not stop the others.

A file is known by the SM3 of its bytes: loading it again changes nothing, and a load that was
stopped or killed goes on from its last commit when the same command is given again. The same
bytes under another --seq are the same file.";
