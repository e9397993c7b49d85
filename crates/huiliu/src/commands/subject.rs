//! `huiliu subject`: what is done to a subject database as a whole.

mod versions;

use super::quarantine::{actor, require_text};
use crate::cli::{Global, PurgeArgs, SubjectArgs, SubjectCommand};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::{Form, answer};
use huiliu_lake::Remains;
use serde::Serialize;
use std::io::{self, Write};

/// One table that was, or would be, removed.
#[derive(Debug, Serialize)]
struct PurgedTable {
    table: String,
    /// Rows of its newest version; null when its log is gone.
    rows: Option<i64>,
    files: usize,
    size_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Purged {
    subject: String,
    tables: Vec<PurgedTable>,
    done: bool,
}

impl Form for Purged {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let subject = &self.subject;
        if self.tables.is_empty() {
            return writeln!(out, "the lake holds nothing of subject `{subject}`");
        }
        for line in &self.tables {
            let rows = line.rows.map_or_else(String::new, |rows| format!("{rows} rows, "));
            let (files, bytes) = (line.files, line.size_bytes);
            writeln!(out, "{subject}.{}: {rows}{files} files, {bytes} bytes", line.table)?;
        }
        let count = self.tables.len();
        match self.done {
            true => writeln!(out, "{count} tables are removed; `ledger.purges` says who and why"),
            false => writeln!(out, "{count} tables would be removed"),
        }
    }
}

/// Does what is asked with a subject database.
///
/// # Errors
/// Usage for a subject that is on; otherwise as the lake answers.
pub fn execute(args: &SubjectArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    match &args.command {
        SubjectCommand::Purge(args) => purge(args, global),
        SubjectCommand::Versions(args) => versions::execute(args, global, console),
    }
}

fn purge(args: &PurgeArgs, global: &Global) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let subject = &args.subject;
    may_go(&installation, subject)?;
    runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        let removed = if args.dry_run {
            lake.subject_remains(subject).await?
        } else {
            let why = args.why.as_deref().unwrap_or_default();
            require_text("--why", why)?;
            lake.purge_subject(subject, &actor(args.name.as_deref())?, why).await?
        };
        let tables = removed.into_iter().map(line).collect();
        answer(args.output.form, &Purged { subject: subject.clone(), tables, done: !args.dry_run })
    })
}

/// What is on is not removed: a running process would build it again at once.
fn may_go(installation: &Installation, subject: &str) -> Result<(), Failure> {
    if installation.project.built_tables().all(|table| table.subject != subject) {
        return Ok(());
    }
    let how = format!("`subjects: {{{subject}: {{enabled: false}}}}` in huiliu.yaml");
    Err(Failure::usage(format!("subject `{subject}` is on")).help(format!("turn it off: {how}")))
}

fn line(remains: Remains) -> PurgedTable {
    let Remains { table, rows, file_count, size_bytes } = remains;
    PurgedTable { table, rows, files: file_count, size_bytes }
}
