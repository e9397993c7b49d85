//! `huiliu quarantine drop`: marks rejects as not to be repaired. They stay in quarantine.

use super::desk::{Desk, actor, not_found, portion, require_text};
use crate::cli::DropArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::output::{Form, answer};
use huiliu_lake::quarantine::{Action, Entry, Outcome, Rejects, Selection, State, StoredReject};
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};

#[derive(Debug, Serialize)]
struct Report {
    dataset: String,
    /// False when it is only said what would happen.
    done: bool,
    dropped: Vec<String>,
    /// Repaired or dropped before: nothing is done about them.
    passed_over: Vec<String>,
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.done { "dropped" } else { "would be dropped" };
        for coordinate in &self.dropped {
            writeln!(out, "{} {coordinate}: {verb}", self.dataset)?;
        }
        for coordinate in &self.passed_over {
            writeln!(out, "{} {coordinate}: not open, passed over", self.dataset)?;
        }
        Ok(())
    }
}

/// Marks records.
///
/// # Errors
/// For coordinates that hold no reject; otherwise as the lake answers.
pub async fn execute(
    args: &DropArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    require_text("--why", &args.why)?;
    let actor = actor(args.name.as_deref())?;
    let desk = Desk::to_read(installation, &args.dataset).await?;
    let mut coordinates = Vec::with_capacity(args.coordinates.len());
    for named in &args.coordinates {
        coordinates.push(desk.coordinate(named)?);
    }
    if !args.dry_run {
        desk.lake.settle_repairs(desk.dataset()).await?;
    }
    let selection = Selection { coordinates: Some(coordinates), ..Selection::default() };
    let pinned = desk.lake.rejects(desk.dataset()).await?;
    let found = pinned.list(&selection).await?;
    let missing = |named: &&String| {
        desk.coordinate(named).is_ok_and(|c| found.iter().all(|r| r.coordinate != c))
    };
    let missing: Vec<String> = args.coordinates.iter().filter(missing).cloned().collect();
    if !missing.is_empty() {
        return Err(not_found(&desk, &missing));
    }
    let (open, closed): (Vec<_>, Vec<_>) = found.into_iter().partition(|r| r.state == State::Open);
    let done = !open.is_empty() && !args.dry_run && agreed(args, open.len(), console)?;
    let names = |some: &[StoredReject]| some.iter().map(|r| desk.name(&r.coordinate)).collect();
    let report = Report {
        dataset: desk.dataset().to_owned(),
        done,
        dropped: names(&open),
        passed_over: names(&closed),
    };
    if done {
        let entries = entries(&desk, &pinned, open, (&actor, &args.why)).await?;
        desk.lake.note_repairs(desk.dataset(), &entries).await?;
    }
    answer(args.output.form, &report)
}

/// Whether it shall be written: `--yes`, or a yes at the terminal.
fn agreed(args: &DropArgs, count: usize, console: &Console) -> Result<bool, Failure> {
    if args.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        console.say("nothing is written without --yes; this is what it would do");
        return Ok(false);
    }
    console.warn(format!("mark {count} rejects of {} as not to be repaired? [y/N]", args.dataset));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// What the ledger is told of each; the records are read for their digests, some at a time.
async fn entries(
    desk: &Desk,
    pinned: &Rejects,
    mut open: Vec<StoredReject>,
    (actor, why): (&str, &str),
) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let rest = open.split_off(portion(&open));
        let mut some = std::mem::replace(&mut open, rest);
        pinned.load_raw(&mut some).await?;
        entries.extend(some.iter().map(|reject| entry(desk, reject, actor, why)));
    }
    Ok(entries)
}

fn entry(desk: &Desk, reject: &StoredReject, actor: &str, why: &str) -> Entry {
    Entry {
        at_us: desk.clock.now_us(),
        kafka_topic: reject.coordinate.partition.kafka_topic.to_string(),
        partition: reject.coordinate.partition.number,
        offset: reject.coordinate.offset,
        action: Action::Drop,
        outcome: Outcome::Accepted,
        reason_before: Some(reject.reason.clone()),
        reason_after: None,
        field: reject.field.clone(),
        value_before: None,
        value_after: None,
        raw_sm3: reject.digest(),
        contract_sm3: None,
        changes_version: None,
        actor: actor.to_owned(),
        note: Some(why.to_owned()),
    }
}
