//! `huiliu quarantine list`: how many rejects there are, of what kind, and what became of them.

use super::desk::{contract, instant, selection};
use super::words;
use crate::cli::ListArgs;
use crate::failure::Failure;
use crate::installation::{Installation, clock};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_lake::quarantine::{RejectCount, Selection};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct List {
    open: i64,
    repaired: i64,
    dropped: i64,
    rejects: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    dataset: String,
    stage: String,
    reason: String,
    reason_zh: &'static str,
    reason_en: &'static str,
    field: Option<String>,
    rule: Option<String>,
    open: i64,
    repaired: i64,
    dropped: i64,
    oldest: String,
    newest: String,
}

impl Form for List {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = out;
        let (open, repaired, dropped) = (self.open, self.repaired, self.dropped);
        writeln!(out, "{open} open, {repaired} repaired, {dropped} dropped")?;
        if self.rejects.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let columns = [
            ("dataset", Align::Left),
            ("stage", Align::Left),
            ("reason", Align::Left),
            ("field", Align::Left),
            ("rule", Align::Left),
            ("open", Align::Right),
            ("repaired", Align::Right),
            ("dropped", Align::Right),
            ("oldest", Align::Left),
            ("newest", Align::Left),
            ("原因", Align::Left),
        ];
        let mut table =
            Table::new(columns.map(|(name, align)| (name.to_owned(), align))).fit(terminal_width());
        for line in &self.rejects {
            table.push([
                Some(line.dataset.clone()),
                Some(line.stage.clone()),
                Some(line.reason.clone()),
                Some(line.field.clone().unwrap_or_default()),
                Some(line.rule.clone().unwrap_or_default()),
                Some(line.open.to_string()),
                Some(line.repaired.to_string()),
                Some(line.dropped.to_string()),
                Some(line.oldest.clone()),
                Some(line.newest.clone()),
                Some(line.reason_zh.to_owned()),
            ]);
        }
        table.print(&mut out)
    }
}

/// Counts the rejects of one dataset or of all.
///
/// # Errors
/// As the lake answers.
pub async fn execute(args: &ListArgs, installation: &Installation) -> Result<(), Failure> {
    let names: Vec<String> = match &args.dataset {
        Some(name) => vec![contract(installation, name)?.dataset.to_string()],
        None => installation.project.contracts.iter().map(|c| c.dataset.to_string()).collect(),
    };
    let lake = installation.existing_lake().await?;
    let chosen = selection(&args.filter, clock().now_us())?;
    let mut list = List { open: 0, repaired: 0, dropped: 0, rejects: Vec::new() };
    for name in names {
        let rejects = lake.rejects(&name).await?;
        let counts = rejects.counts(&Selection { limit: None, ..chosen.clone() }).await?;
        for count in &counts {
            list.open += count.open;
            list.repaired += count.repaired;
            list.dropped += count.dropped;
        }
        list.rejects.extend(counts.into_iter().take(args.limit).map(|count| line(&name, count)));
    }
    answer(args.output.form, &list)
}

fn line(dataset: &str, count: RejectCount) -> Line {
    let words = words::of(&count.reason);
    Line {
        dataset: dataset.to_owned(),
        stage: count.stage,
        reason_zh: words.zh,
        reason_en: words.en,
        reason: count.reason,
        field: count.field,
        rule: count.rule,
        open: count.open,
        repaired: count.repaired,
        dropped: count.dropped,
        oldest: instant(count.oldest_us),
        newest: instant(count.newest_us),
    }
}
