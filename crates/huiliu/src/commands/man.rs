//! `huiliu man`: the manual, made of the same texts as the help.

use crate::cli::{Cli, ManArgs};
use crate::failure::Failure;
use clap::CommandFactory;

/// Writes one page for the program and one for each verb.
///
/// # Errors
/// A folder or page that cannot be written.
pub fn execute(args: &ManArgs) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.dir)
        .map_err(|e| Failure::file("cannot make the folder", &args.dir, e))?;
    clap_mangen::generate_to(Cli::command(), &args.dir)
        .map_err(|e| Failure::file("cannot write the manual in", &args.dir, e))
}
