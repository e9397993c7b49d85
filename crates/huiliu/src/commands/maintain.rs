//! `huiliu maintain`: what is due on the tables, done or only told.

use crate::cli::{Global, Lines, MaintainArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::maintenance::{bounds, hold};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_lake::Lake;
use huiliu_lake::maintain::{Gone, Target, Upkeep};
use huiliu_model::{Error, ErrorKind};
use serde::Serialize;
use std::io::{self, Write};

/// What was done, or would be.
#[derive(Debug, Serialize)]
struct Report {
    dry_run: bool,
    tables: Vec<TableLine>,
    total: Sums,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Sums {
    /// Small files, and those they became.
    joined_files: usize,
    joined_into_files: usize,
    joined_rows: i64,
    /// Old changes.
    dropped_files: usize,
    dropped_rows: i64,
    dropped_bytes: i64,
    /// Files that no kept version names.
    deleted_files: usize,
    deleted_bytes: i64,
    /// Log entries and checkpoints.
    log_files: usize,
    log_bytes: i64,
}

#[derive(Debug, Serialize)]
struct TableLine {
    table: String,
    #[serde(flatten)]
    sums: Sums,
    /// Versions that cannot be opened afterwards, half-open; null when all that could still can.
    unreachable_versions: Option<[i64; 2]>,
    checkpoint_written: bool,
}

impl TableLine {
    fn of(done: &Upkeep) -> Self {
        let Gone { files: log_files, bytes: log_bytes, .. } = done.cleaned;
        let sums = Sums {
            joined_files: done.compacted.files_before,
            joined_into_files: done.compacted.files_after,
            joined_rows: done.compacted.rows,
            dropped_files: done.dropped.files,
            dropped_rows: done.dropped.rows,
            dropped_bytes: done.dropped.bytes,
            deleted_files: done.swept.files,
            deleted_bytes: done.swept.bytes,
            log_files,
            log_bytes,
        };
        let lost = &done.unreachable;
        Self {
            table: done.table.clone(),
            sums,
            unreachable_versions: (!lost.is_empty()).then_some([lost.start, lost.end]),
            checkpoint_written: done.checkpointed,
        }
    }
}

impl Sums {
    fn add(&mut self, more: &Sums) {
        self.joined_files += more.joined_files;
        self.joined_into_files += more.joined_into_files;
        self.joined_rows += more.joined_rows;
        self.dropped_files += more.dropped_files;
        self.dropped_rows += more.dropped_rows;
        self.dropped_bytes += more.dropped_bytes;
        self.deleted_files += more.deleted_files;
        self.deleted_bytes += more.deleted_bytes;
        self.log_files += more.log_files;
        self.log_bytes += more.log_bytes;
    }

    fn cells(&self) -> [String; 6] {
        let joined = match self.joined_files {
            0 => "0".to_owned(),
            files => format!("{files} → {}", self.joined_into_files),
        };
        [
            joined,
            self.dropped_files.to_string(),
            self.dropped_rows.to_string(),
            self.deleted_files.to_string(),
            self.deleted_bytes.to_string(),
            self.log_files.to_string(),
        ]
    }
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = [
            ("table", Align::Left),
            ("files joined", Align::Right),
            ("files dropped", Align::Right),
            ("rows dropped", Align::Right),
            ("files deleted", Align::Right),
            ("bytes deleted", Align::Right),
            ("log entries deleted", Align::Right),
            ("versions lost", Align::Left),
        ];
        let mut table =
            Table::new(columns.map(|(name, align)| (name.to_owned(), align))).fit(terminal_width());
        let row = |name: &str, sums: &Sums, lost: String| {
            let cells = std::iter::once(name.to_owned()).chain(sums.cells()).chain([lost]);
            cells.map(Some).collect::<Vec<_>>()
        };
        for line in &self.tables {
            let lost = line.unreachable_versions.map(|[from, to]| format!("{from}..{to}"));
            table.push(row(&line.table, &line.sums, lost.unwrap_or_default()));
        }
        let name = if self.dry_run { "all (nothing was changed)" } else { "all" };
        table.push(row(name, &self.total, String::new()));
        let mut out = out;
        table.print(&mut out)
    }
}

/// Maintains the tables that are named, or all.
///
/// # Errors
/// 75 while another process maintains the lake; otherwise as the lake answers. Tables that were
/// done stay done.
pub fn execute(args: &MaintainArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        let targets = select(&lake, &args.tables).await?;
        let bounds = bounds(&installation.settings.maintenance);
        let mut lease = match args.dry_run {
            true => None,
            false => Some(hold(&lake, console).await?),
        };
        let mut report =
            Report { dry_run: args.dry_run, tables: Vec::new(), total: Sums::default() };
        for target in &targets {
            let term = match &mut lease {
                Some(lease) => Some(lease.renew().await?),
                None => None,
            };
            let done = lake.maintain(target, &bounds, term).await?;
            if !done.is_nothing() {
                let line = TableLine::of(&done);
                report.total.add(&line.sums);
                report.tables.push(line);
            }
        }
        if let Some(lease) = lease {
            lease.release().await?;
        }
        if report.tables.is_empty() && args.output.form == Lines::Text {
            console.say(format!("nothing is due on {} tables", targets.len()));
            return Ok(());
        }
        answer(args.output.form, &report)
    })
}

/// The tables that are named, or all.
///
/// # Errors
/// `Invalid` for a name that is none.
pub async fn select(lake: &Lake, names: &[String]) -> Result<Vec<Target>, Error> {
    let mut targets = lake.maintained().await?;
    if let Some(unknown) = names.iter().find(|name| !targets.iter().any(|t| t.is_named(name))) {
        let text = format!("the lake has no table, dataset or subject `{unknown}`");
        return Err(Error::new(ErrorKind::Invalid, text).help("`huiliu status` lists the tables"));
    }
    if !names.is_empty() {
        targets.retain(|target| names.iter().any(|name| target.is_named(name)));
    }
    Ok(targets)
}
