//! `huiliu config fmt`: files in their canonical form.

use crate::cli::{FmtArgs, Global};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::settings;
use crate::output::{Form, answer};
use huiliu_spec::Diagnostic;
use huiliu_spec::format::{FileKind, canonical};
use huiliu_spec::project::files;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize)]
struct Report {
    files: usize,
    /// Files that are not in canonical form, or were not until now.
    changed: Vec<PathBuf>,
    written: bool,
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.changed.iter().try_for_each(|path| writeln!(out, "{}", path.display()))
    }
}

/// Formats files, or says which ones it would.
///
/// # Errors
/// 1 when `--check` finds any; 78 for files that are not YAML or cannot be formatted, after the
/// others were.
pub fn execute(args: &FmtArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let chosen = files(&places(args, global)?).map_err(Failure::Findings)?;
    let mut changed = Vec::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for (kind, path) in &chosen {
        match one(*kind, path, !args.check)? {
            Ok(true) => changed.push(path.clone()),
            Ok(false) => {}
            Err(diagnostics) => found.extend(diagnostics),
        }
    }
    let count = changed.len();
    let report = Report { files: chosen.len(), changed, written: !args.check };
    answer(args.output.form, &report)?;
    if !found.is_empty() {
        return Err(Failure::Findings(found));
    }
    if args.check && count > 0 {
        let message = format!("{count} of {} files are not in canonical form", chosen.len());
        return Err(Failure::Failed { message, help: None }.help("run `huiliu config fmt`"));
    }
    let verb = if args.check { "checked" } else { "formatted" };
    console.say(format!("{} files {verb}, {count} changed", chosen.len()));
    Ok(())
}

/// The paths that were named, or everything that the settings name.
fn places(args: &FmtArgs, global: &Global) -> Result<Vec<PathBuf>, Failure> {
    if !args.paths.is_empty() {
        return Ok(args.paths.clone());
    }
    let settings = settings(global)?;
    let own = settings.file.clone().into_iter();
    let folders = [settings.pipelines, settings.sql];
    Ok(own.chain(folders.into_iter().filter(|folder| folder.is_dir())).collect())
}

/// Whether a file differs from its canonical form, which is written if told so; or what is wrong
/// with the file.
fn one(kind: FileKind, path: &Path, write: bool) -> Result<Result<bool, Vec<Diagnostic>>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::file("cannot read the file", path, e))?;
    let formatted = match canonical(kind, path, &text) {
        Ok(formatted) => formatted,
        Err(found) => return Ok(Err(found)),
    };
    let differs = formatted != text;
    if differs && write {
        std::fs::write(path, formatted)
            .map_err(|e| Failure::file("cannot write the file", path, e))?;
    }
    Ok(Ok(differs))
}
