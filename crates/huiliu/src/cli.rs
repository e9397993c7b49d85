//! Arguments: what a user can type, and nothing about what happens then.
//!
//! Owns names, defaults and help texts of flags. Values that need a file or another crate to be
//! judged (rules, subjects, dates of a run) are parsed here as far as text alone can tell.

mod bench;
mod incidents;
mod offsets;
mod quarantine;

pub use bench::{BenchArgs, BenchPart, BenchRefreshArgs, BenchWay, BenchWhat};
pub use incidents::{IncidentListArgs, IncidentsArgs, IncidentsCommand, ResolveArgs};
pub use offsets::{OffsetsArgs, OffsetsCommand, ResetArgs};
pub use quarantine::{
    DropArgs, ExportArgs, Filter, ListArgs, QuarantineArgs, QuarantineCommand, RepairArgs,
    ReplayArgs, RevealArgs, ShowArgs,
};

use crate::otlp::Endpoint;
use crate::output::Format;
use chrono::NaiveDate;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;

mod audit;
mod config;
mod doctor;
mod explain;
mod explain_error;
mod init;
mod lineage;
mod live;
mod load;
mod maintain;
mod man;
mod plan;
mod quality;
mod subject;
mod subjects;
mod test;
pub use audit::{AuditArgs, AuditCommand, AuditExportArgs, AuditVerifyArgs};
pub use config::{ConfigArgs, ConfigCommand, FmtArgs, RenderArgs, SchemaArgs};
pub use doctor::DoctorArgs;
pub use explain::ExplainArgs;
pub use explain_error::ExplainErrorArgs;
pub use init::{GroupName, InitArgs};
pub use lineage::{LineageArgs, LineageFormat};
pub use live::{TapArgs, TopArgs};
pub use load::{FileFormat, LoadArgs, PlainOp, TextEncoding};
pub use maintain::MaintainArgs;
pub use man::ManArgs;
pub use plan::{ApplyArgs, PlanArgs};
pub use quality::{DiffArgs, QualityArgs, QualityCommand};
pub use subject::{PurgeArgs, SubjectArgs, SubjectCommand, VersionsArgs};
pub use subjects::{RefreshArgs, VerifyArgs};
pub use test::TestArgs;

/// Carries a city's records from Kafka to tables that people can query.
#[derive(Debug, Parser)]
#[command(
    name = "huiliu",
    version,
    about,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done or drained; 1 ran and failed; 2 usage; 65 data breaks its \
contract; 69 a dependency does not answer; 70 internal error; 75 temporary, try again; \
77 permission; 78 configuration.",
    after_long_help = examples::ROOT
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every verb takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Settings file; without it ./huiliu.yaml is used when present
    #[arg(long, global = true, value_name = "FILE", env = "HUILIU_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the tables are: a directory, or s3://, az:// or gs:// with a path
    #[arg(long, global = true, value_name = "URL", env = "HUILIU_LAKE")]
    pub lake: Option<String>,
    /// Kafka brokers, host:port separated by commas
    #[arg(long, global = true, value_name = "LIST", env = "HUILIU_BOOTSTRAP_SERVERS")]
    pub bootstrap_servers: Option<String>,
    /// How graded values are written: with keys, or plain (has to be said)
    #[arg(long, global = true, value_name = "HOW", env = "HUILIU_PROTECTION")]
    pub protection: Option<Protection>,
    /// Memory of the process, such as 512MiB; else `memory.limit`, else that of the control group
    #[arg(long, global = true, value_name = "SIZE", env = "HUILIU_MEMORY_LIMIT")]
    #[arg(value_parser = memory_limit)]
    pub memory_limit: Option<u64>,
    /// Colour on standard error and in tables
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Only errors and warnings on standard error, no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// More log lines; twice for still more
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Form of the log lines on standard error
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub log_format: LogFormat,
}

fn memory_limit(text: &str) -> Result<u64, String> {
    match huiliu_spec::units::parse_bytes(text) {
        Some(bytes) if bytes >= huiliu_spec::settings::MEMORY_BYTES_MIN => Ok(bytes),
        Some(_) => Err("below 32MiB nothing makes progress".to_owned()),
        None => Err("a size has a number and a unit, such as 512MiB".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protection {
    /// Values are written as they came
    Plain,
    /// Masks, tokens and encryption by grade, with the configured keys
    Keys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(DemoArgs),
    Init(InitArgs),
    Doctor(DoctorArgs),
    Validate(ValidateArgs),
    Test(TestArgs),
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Run(RunArgs),
    Load(LoadArgs),
    Refresh(RefreshArgs),
    Verify(VerifyArgs),
    Subject(SubjectArgs),
    Maintain(MaintainArgs),
    Audit(AuditArgs),
    Lineage(LineageArgs),
    Explain(ExplainArgs),
    Query(QueryArgs),
    Status(StatusArgs),
    Tap(TapArgs),
    Top(TopArgs),
    Offsets(OffsetsArgs),
    Incidents(IncidentsArgs),
    Quarantine(QuarantineArgs),
    Reveal(RevealArgs),
    Quality(QualityArgs),
    Rule(RuleArgs),
    Generate(GenerateArgs),
    Bench(BenchArgs),
    Config(ConfigArgs),
    ExplainError(ExplainErrorArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    Version(VersionArgs),
}

/// Show the whole path on one machine: a city, a broker, tables and a subject database
#[derive(Debug, Args)]
#[command(after_help = examples::DEMO)]
pub struct DemoArgs {
    /// Records to publish
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(100..=50_000_000))]
    pub records: u64,
    /// Seed of the city; the same seed gives the same records
    #[arg(long, value_name = "N", default_value_t = 2020)]
    pub seed: u64,
    /// Directory for the lake, the settings and the keys; a new temporary one without it
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Address of /metrics, /healthz, /readyz and /statusz
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    pub admin: SocketAddr,
}

/// Check pipelines, subject tables and settings offline; every finding at once
#[derive(Debug, Args)]
#[command(after_help = examples::VALIDATE)]
pub struct ValidateArgs {
    /// Files or folders; without them the project that the settings name
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub output: Document,
}

/// Read Kafka into the tables, and keep current state, subject tables and metrics up to date
#[derive(Debug, Args)]
#[command(after_help = examples::RUN)]
pub struct RunArgs {
    /// Read to the end offsets seen at the start, fold, refresh, and leave
    #[arg(long)]
    pub once: bool,
    /// Address of /metrics and its companions, or `off`; --once serves none unless told
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    pub admin: Option<AdminAddress>,
    /// Date that the subject tables count from; today, day by day, without it
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<NaiveDate>,
    /// Never refresh subject tables; of several processes without it one does, by a lease
    #[arg(long, conflicts_with = "once")]
    pub no_refresh: bool,
    /// Take safe changes of pipeline files over when they appear; SIGHUP does so at any time
    #[arg(long, conflicts_with = "once")]
    pub watch: bool,
    /// Send a span of every batch, fold and refresh to this OTLP collector, as http://host:4318
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT",
          value_parser = crate::otlp::endpoint)]
    pub otlp: Option<Endpoint>,
}

/// Ask the tables in SQL: changes.*, current.*, quarantine.* and the subject databases
#[derive(Debug, Args)]
#[command(after_help = examples::QUERY)]
pub struct QueryArgs {
    /// One SELECT; `-` reads it from standard input
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Form of the rows
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    pub output: Format,
    /// Write to this file in place of standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Rows at most, 0 for all; text shows 100 unless told
    #[arg(long, value_name = "N")]
    pub max_rows: Option<usize>,
}

/// Show, per table: progress, lag, rows, last commit, freshness and rejects
#[derive(Debug, Args)]
#[command(after_help = examples::STATUS)]
pub struct StatusArgs {
    #[command(flatten)]
    pub output: Document,
    /// Do not ask Kafka for end offsets
    #[arg(long)]
    pub offline: bool,
}

/// Apply one normalisation and validation rule to values, or to lines of standard input
#[derive(Debug, Args)]
#[command(after_help = examples::RULE)]
pub struct RuleArgs {
    /// Name of the rule; see --list
    #[arg(value_name = "RULE", required_unless_present = "list")]
    pub rule: Option<String>,
    /// Values (after `--` if they begin with a hyphen); without one, or with `-`, lines of standard
    /// input
    #[arg(value_name = "VALUE")]
    pub values: Vec<String>,
    /// Judge the lines of standard input, one object per line
    #[arg(long, conflicts_with_all = ["values", "list"])]
    pub stdin: bool,
    /// Name the rules and what each accepts
    #[arg(long, conflicts_with_all = ["values", "event_date"])]
    pub list: bool,
    /// Date that birth dates and dates in the future are judged against; today without it
    #[arg(long, value_name = "DATE")]
    pub event_date: Option<NaiveDate>,
    /// Form of the findings; text without it, ndjson with --stdin or `-`
    #[arg(long, short, value_name = "FORM")]
    pub output: Option<Lines>,
}

/// Publish a seeded city to Kafka, or print it
#[derive(Debug, Args)]
#[command(after_help = examples::GENERATE)]
pub struct GenerateArgs {
    /// Records to make
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub records: u64,
    /// Seed; the same seed gives the same records
    #[arg(long, value_name = "N", default_value_t = 2020)]
    pub seed: u64,
    /// Partitions of the Kafka topics that are made
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub partitions: i32,
    /// How dirty: 1 for the usual rate of every kind of defect, 0 for a clean city
    #[arg(long, value_name = "SCALE", default_value = "1", value_parser = scale)]
    pub defects: f64,
    /// Day the city stands at; nothing happens later
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<NaiveDate>,
    /// Make Kafka topics that do not exist
    #[arg(long)]
    pub create_topics: bool,
    /// CSV file for what was done to the records on purpose: one line per defect
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Where the records go
    #[arg(long, short, value_name = "WHERE", default_value = "kafka")]
    pub output: Target,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = examples::COMPLETIONS)]
pub struct CompletionsArgs {
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Print the version
#[derive(Debug, Args)]
#[command(after_help = examples::VERSION)]
pub struct VersionArgs {
    #[command(flatten)]
    pub output: Document,
}

/// Form of an answer that is one document.
#[derive(Debug, Clone, Copy, Args)]
pub struct Document {
    /// Form of the answer
    #[arg(long = "output", short = 'o', value_name = "FORM", default_value = "text")]
    pub form: Lines,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lines {
    Text,
    Json,
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Publish to the brokers
    Kafka,
    /// One object per record on standard output
    Ndjson,
}

/// Help of a dataset's name where a command may find it out.
const NAME_HELP: &str = "Name of the dataset; that in the records, or of the file, without it";

/// Where the admin port listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminAddress {
    Off,
    At(SocketAddr),
}

fn admin(text: &str) -> Result<AdminAddress, String> {
    if text == "off" {
        return Ok(AdminAddress::Off);
    }
    let address =
        text.parse().map_err(|_| format!("`{text}` is neither address:port nor `off`"))?;
    Ok(AdminAddress::At(address))
}

fn scale(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..=SCALE_MAX).contains(&value) {
        return Ok(value);
    }
    Err(format!("`{text}` is not between 0 and {SCALE_MAX}"))
}

/// At 20 times the usual rates every second record has a defect.
const SCALE_MAX: f64 = 20.0;

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

mod examples {
    pub mod quarantine;

    pub const ROOT: &str = "\
Examples:
  huiliu demo                                    the whole path on this machine
  huiliu validate                                check pipelines/ and sql/
  huiliu run --once                              read what Kafka has, then leave
  huiliu query 'SELECT * FROM current.le_entity LIMIT 5'

Exit codes:
   0  done, or drained after SIGTERM or Ctrl-C (a second signal: 143, 130)
   1  ran and failed
   2  usage
  65  data breaks its contract            69  a dependency does not answer
  70  internal error                      75  temporary, try again
  77  permission                          78  configuration";
    pub const DEMO: &str = "\
Examples:
  huiliu demo
  huiliu demo --records 1000000 --seed 7 --keep city";
    pub const VALIDATE: &str = "\
Examples:
  huiliu validate
  huiliu validate pipelines/feed/water_bill.yaml
  huiliu validate --output json | jq .diagnostics

Exits 78 when something is wrong.";
    pub const RUN: &str = "\
Examples:
  huiliu run
  huiliu run --once --as-of 2020-12-31
  huiliu run --bootstrap-servers kafka:9092 --lake s3://city/lake --log-format json

SIGTERM or Ctrl-C commits what was read and leaves with 0; a second one leaves at once.";
    pub const QUERY: &str = "\
Examples:
  huiliu query 'SELECT count(*) FROM current.le_entity'
  huiliu query 'SELECT reason, count(*) AS n FROM quarantine.water_bill GROUP BY reason'
  huiliu query 'SELECT * FROM enterprise_financing.enterprise_profile' -o parquet --to out.parquet
  huiliu query - -o csv < question.sql

Beside the engine's functions there are those of the rules: uscc_valid, id_age, division_name,
mask, gcj02_to_wgs84 and more, see docs/functions.md.

Forms: text (a table), json (an array of objects), ndjson, csv, parquet. In JSON, whole numbers
and doubles are numbers; decimals are strings, so that no digit is lost; dates are ISO 8601 and
instants RFC 3339 in UTC; bytes are hexadecimal.";
    pub const STATUS: &str = "\
Examples:
  huiliu status
  huiliu status --output json | jq '.tables[] | {table, rows}'";
    pub const RULE: &str = "\
Examples:
  huiliu rule --list
  huiliu rule uscc 91500000MA5U0XXX3A
  huiliu rule resident_id --event-date 2020-12-31 --stdin < ids.txt

One object per value with ndjson:
  {\"input\",\"outcome\":\"ok|warn|error|null\",\"value\",\"flags\",\"reason\"[,\"suggestion\"]}
Exits 0 whatever the findings are.";
    pub const GENERATE: &str = "\
Examples:
  huiliu generate --records 1000000 --create-topics --bootstrap-servers localhost:9092
  huiliu generate --records 10 --output ndjson | jq .value";
    pub const COMPLETIONS: &str = "\
Examples:
  huiliu completions bash > /etc/bash_completion.d/huiliu
  huiliu completions zsh > ~/.zfunc/_huiliu";
    pub const VERSION: &str = "\
Examples:
  huiliu version
  huiliu version --output json";
}

#[cfg(test)]
mod tests;
