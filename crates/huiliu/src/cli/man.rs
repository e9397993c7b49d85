//! Arguments of `huiliu man`.

use clap::Args;
use std::path::PathBuf;

/// Write the manual pages: huiliu(1) and one for each verb
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Folder for the pages; it is made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  huiliu man /usr/local/share/man/man1
  huiliu man man && man -l man/huiliu-run.1";
