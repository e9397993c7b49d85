//! Arguments of `huiliu doctor`.

use super::Document;
use clap::Args;

/// Try, before it matters, everything that a running process needs: Kafka, store, clock, machine
#[derive(Debug, Args)]
#[command(after_help = DOCTOR)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub output: Document,
}

const DOCTOR: &str = "\
Examples:
  huiliu doctor
  huiliu doctor --lake s3://city/lake --bootstrap-servers kafka:9092
  huiliu doctor --output json | jq '.checks[] | select(.outcome != \"ok\")'

Joins no group and commits nothing. In the store it writes a few objects under _huiliu/ and deletes
them. Exits with the code of the first check that fails (69, 77, 78), 0 when there are warnings
only.";
