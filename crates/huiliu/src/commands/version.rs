//! `huiliu version`: what binary this is.

use crate::cli::VersionArgs;
use crate::failure::Failure;
use crate::metrics::{REVISION, RUSTC, VERSION};
use crate::output::{Form, answer};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct Version {
    name: &'static str,
    version: &'static str,
    revision: &'static str,
    rustc: &'static str,
    target: String,
}

impl Form for Version {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} {} ({}, {})", self.name, self.version, self.revision, self.rustc)
    }
}

/// Prints version, revision, compiler and target.
///
/// # Errors
/// When standard output cannot be written.
pub fn execute(args: &VersionArgs) -> Result<(), Failure> {
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let version =
        Version { name: "huiliu", version: VERSION, revision: REVISION, rustc: RUSTC, target };
    answer(args.output.form, &version)
}
