//! `huiliu subject versions`: which versions of a subject's tables belong together.

use crate::cli::{Global, VersionsArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use crate::subjects::sets::{self, Set};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct Report {
    subject: String,
    sets: Vec<Set>,
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for set in &self.sets {
            writeln!(out, "set {} noted at {}", set.set_id, set.noted_at)?;
            let columns =
                [("table", Align::Left), ("version", Align::Right), ("rows", Align::Right)];
            let columns = columns.map(|(name, align)| (name.to_owned(), align));
            let mut table = Table::new(columns).fit(terminal_width());
            for member in &set.tables {
                let (version, rows) = (member.version.to_string(), member.rows.to_string());
                table.push([member.table.clone(), version, rows].map(Some));
            }
            table.print(&mut &mut *out)?;
        }
        Ok(())
    }
}

/// Shows the newest complete sets of a subject database.
///
/// # Errors
/// 2 for a subject that is not declared; otherwise as the lake answers.
pub fn execute(args: &VersionsArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let subject = &args.subject;
    if !installation.project.tables.iter().any(|table| table.subject == *subject) {
        return Err(Failure::usage(format!("there is no subject database `{subject}`")));
    }
    let sets = runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        Ok::<_, Failure>(sets::read(&lake, subject).await?)
    })?;
    if sets.is_empty() {
        console
            .say(format!("no complete set of {subject} was noted; run huiliu refresh {subject}"));
    }
    let sets = sets.into_iter().take(args.last).collect();
    answer(args.output.form, &Report { subject: subject.clone(), sets })
}
