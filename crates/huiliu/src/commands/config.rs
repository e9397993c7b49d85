//! `huiliu config`: settings as they apply, schemas of the files, and their canonical form.

mod fmt;
mod render;

use crate::cli::{ConfigArgs, ConfigCommand, Global, SchemaArgs};
use crate::console::Console;
use crate::failure::Failure;
use huiliu_model::{Error, ErrorKind};
use std::io::{self, Write};

/// Does what the sub-command says.
///
/// # Errors
/// What is wrong in the files; 1 when `fmt --check` finds a file to format.
pub fn execute(args: &ConfigArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    match &args.command {
        ConfigCommand::Render(args) => render::execute(args, global),
        ConfigCommand::Schema(args) => schema(args),
        ConfigCommand::Fmt(args) => fmt::execute(args, global, console),
    }
}

fn schema(args: &SchemaArgs) -> Result<(), Failure> {
    let schemas = huiliu_spec::json_schemas();
    let found = schemas.iter().find(|(name, _)| *name == args.kind.file());
    let (_, text) =
        found.ok_or_else(|| Error::new(ErrorKind::Bug, "a kind of file has no schema"))?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
