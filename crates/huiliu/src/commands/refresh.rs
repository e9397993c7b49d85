//! `huiliu refresh`: subject tables brought up to their inputs.

use crate::cli::{Global, Lines, RefreshArgs};
use crate::console::{Console, Style};
use crate::failure::Failure;
use crate::installation::{Installation, off, runtime, say_off};
use crate::output::{Form, answer};
use crate::subjects::{Refresher, document};
use huiliu_spec::TableSpec;
use huiliu_spec::table::InputKind;
use huiliu_subject::{Decision, Mode, Refreshed};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

#[derive(Debug, Default, Serialize)]
struct Report {
    tables: Vec<Value>,
    /// Subjects that are not built, and why.
    off: BTreeMap<String, String>,
}

impl Form for Report {
    /// For people, what was built is told line by line on standard error.
    fn text(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Brings the tables that are named, or all, up to their inputs, and the tables they read before
/// them.
///
/// # Errors
/// 65 when a check fails; the last good version of the table stays in place then.
pub fn execute(args: &RefreshArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let tables = with_read(&installation, select(&installation, &args.subjects)?)?;
    let parameters: BTreeMap<String, String> = args.parameters.iter().cloned().collect();
    check_names(&tables, &parameters)?;
    let mut report = Report::default();
    if args.subjects.is_empty() {
        say_off(&installation.project, console);
        report.off.clone_from(&installation.project.off);
    }
    let result = runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        let mut refresher = Refresher::new(&installation, &lake, args.as_of);
        refresher.parameters.extend(parameters);
        refresher.mode = if args.full { Mode::Full } else { Mode::Cheapest };
        refresher.explain = args.explain;
        let told = |table: &TableSpec, done: &Refreshed| {
            console.say(line(table, done, console));
            if args.explain {
                console.say(explained(&done.decision));
            }
            report.tables.push(document(table, done));
        };
        refresher.refresh(&tables, told).await
    });
    if result.is_ok() || args.output.form != Lines::Text {
        answer(args.output.form, &report)?;
    }
    result
}

fn line(table: &TableSpec, done: &Refreshed, console: &Console) -> String {
    let name = console.paint(&table.full_name(), Style::Strong);
    let Refreshed { decision, built, row_count } = done;
    let (way, why) = (decision.way.label(), &decision.why);
    match built {
        Some(built) => {
            format!("{name}: {row_count} rows, version {}, {way}: {why}", built.table_version)
        }
        None => format!("{name}: {way}: {why}"),
    }
}

/// The numbers behind a decision, one line for each input that moved.
fn explained(decision: &Decision) -> String {
    let mut lines = Vec::new();
    for change in &decision.changes {
        lines.push(format!(
            "  {}: versions {}..{}, {} rows differ, {} new identities",
            change.name, change.from, change.to, change.row_count, change.identities
        ));
    }
    if let (Some(identities), Some((touched, all))) = (decision.identities, decision.files) {
        lines.push(format!("  {identities} identities in {touched} of {all} files"));
    }
    if let Some(cost) = decision.cost {
        let (full, incremental) = (cost.full.round(), cost.incremental.round());
        lines.push(format!("  estimated rows: {incremental} incremental, {full} full"));
    }
    if lines.is_empty() { "  nothing was weighed".to_owned() } else { lines.join("\n") }
}

/// Tables by their full name or by their subject database, in build order; of all, those of the
/// subjects that are on.
///
/// # Errors
/// 2 for a name that none has.
pub fn select<'a>(
    installation: &'a Installation,
    wanted: &[String],
) -> Result<Vec<&'a TableSpec>, Failure> {
    let tables = &installation.project.tables;
    let is =
        |table: &TableSpec, name: &String| table.full_name() == *name || table.subject == *name;
    for name in wanted {
        if !tables.iter().any(|table| is(table, name)) {
            let known: Vec<String> = tables.iter().map(TableSpec::full_name).collect();
            return Err(Failure::usage(format!("there is no subject table `{name}`"))
                .help(format!("declared are {}", known.join(", "))));
        }
        let subject = name.split('.').next().unwrap_or(name);
        if let Some(why) = installation.project.off.get(subject) {
            let (message, how) = off(subject, why);
            return Err(Failure::usage(message).help(how));
        }
    }
    let chosen = |table: &&TableSpec| wanted.is_empty() || wanted.iter().any(|n| is(table, n));
    Ok(installation.project.built_tables().filter(chosen).collect())
}

/// The tables and those that they are built on, in build order: all count from one date then.
///
/// # Errors
/// 2 for a table of a subject that is off.
fn with_read<'a>(
    installation: &'a Installation,
    tables: Vec<&'a TableSpec>,
) -> Result<Vec<&'a TableSpec>, Failure> {
    let project = &installation.project;
    let mut wanted: BTreeSet<String> = tables.iter().map(|table| table.full_name()).collect();
    // What a table reads stands before it.
    for table in project.tables.iter().rev() {
        if wanted.contains(&table.full_name()) {
            let read = table.inputs.iter().filter(|input| input.kind == InputKind::Table);
            wanted.extend(read.map(|input| input.name.clone()));
        }
    }
    let found = project.tables.iter().filter(|table| wanted.contains(&table.full_name()));
    found
        .map(|table| match project.off.get(&table.subject) {
            Some(why) => {
                let (message, how) = off(&table.subject, why);
                Err(Failure::usage(message).help(how))
            }
            None => Ok(table),
        })
        .collect()
}

fn check_names(tables: &[&TableSpec], given: &BTreeMap<String, String>) -> Result<(), Failure> {
    for name in given.keys() {
        let declared = |table: &&TableSpec| table.parameters.iter().any(|p| p.name == *name);
        if !tables.iter().any(|table| declared(&table)) {
            return Err(Failure::usage(format!("none of these tables has a parameter `{name}`")));
        }
    }
    Ok(())
}
