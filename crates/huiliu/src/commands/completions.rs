//! `huiliu completions`: the shell's knowledge of our arguments.

use crate::cli::{Cli, CompletionsArgs};
use crate::failure::Failure;
use clap::CommandFactory;
use std::io::{self, Write};

/// Prints the completion script of a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn execute(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "huiliu", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}
