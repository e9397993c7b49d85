//! Verbs: one module each. This one sends a parsed command to its verb.

mod completions;
mod version;

use crate::cli::{Cli, Command};
use crate::console::Console;
use crate::failure::Failure;

/// Does what the command says.
///
/// # Errors
/// The verb's failure, which is not yet printed.
pub fn execute(cli: Cli, console: &Console) -> Result<(), Failure> {
    match cli.command {
        Command::Completions(args) => completions::execute(&args),
        Command::Version(args) => version::execute(&args),
        _ => Err(Failure::usage("not wired")),
    }
}
