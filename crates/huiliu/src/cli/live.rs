//! Arguments of the verbs that look at what happens now: tap and top.

use super::Document;
use clap::Args;
use std::net::SocketAddr;

/// Show the newest records of a dataset before and after each room; graded values are masked
#[derive(Debug, Args)]
#[command(after_help = TAP)]
pub struct TapArgs {
    /// Dataset
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Records to show, newest first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    #[command(flatten)]
    pub output: Document,
}

/// Show rates, queues and busy rooms of a running process
#[derive(Debug, Args)]
#[command(after_help = TOP)]
pub struct TopArgs {
    /// Admin address of the process; that of the settings without it
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
    /// Seconds over which rates are taken
    #[arg(long, value_name = "SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
    /// Look once and leave; so it is too when standard output is no terminal
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub output: Document,
}

const TAP: &str = "\
Examples:
  huiliu tap water_bill
  huiliu tap water_bill --limit 20 --output ndjson | jq 'select(.reject)'

Reads the newest records that Kafka has, without joining the group and without moving progress.
Values of grade L3 and L4 are masked in every room, personal numbers in every value; of the bytes
only the structure is shown. Tokens and ciphertexts are shown as the lake stores them.";

const TOP: &str = "\
Examples:
  huiliu top
  huiliu top --admin 127.0.0.1:9464 --every 5
  huiliu top --once --output json | jq '.datasets[] | select(.lag_records > 0)'";
