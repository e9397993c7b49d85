//! `huiliu quality diff`: the records that are kept, under the contract in force and a changed one.

use crate::cli::DiffArgs;
use crate::commands::quarantine::{Desk, RECORDS_AT_ONCE, portion, since};
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use crate::schemas::{self, Named};
use datafusion::error::DataFusionError;
use futures::StreamExt;
use huiliu_decode::Limits;
use huiliu_ingest::Pipeline;
use huiliu_ingest::what_if::{Differences, Rebuilder, Side, WhatIf};
use huiliu_lake::quarantine::{Selection, State};
use huiliu_model::contract::Format;
use huiliu_model::{Contract, Error, ErrorKind, Score, system};
use huiliu_normalise::Protection;
use huiliu_quality::rate;
use huiliu_spec::Project;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

/// Memory that it takes, where the process may have twice as much.
const MEMORY_BYTES: usize = 1 << 30;

/// What would differ.
#[derive(Debug, Serialize)]
pub struct Diff {
    pub dataset: String,
    /// Records tried: rows of changes, and rejects.
    pub from_changes: u64,
    pub from_quarantine: u64,
    /// Rejects whose bytes are not kept or not readable here.
    pub rejects_unread: u64,
    pub gained: u64,
    pub lost: u64,
    pub changed: u64,
    pub lost_why: Vec<Lost>,
    pub pass_rate: [Option<f64>; 2],
    pub columns: Vec<Column>,
    /// Columns of which what was delivered is gone.
    pub unread_columns: BTreeSet<String>,
    /// `PARTITION:OFFSET` of some records of each kind.
    pub examples: BTreeMap<&'static str, Vec<String>>,
}

/// Why records would be lost.
#[derive(Debug, Serialize)]
pub struct Lost {
    pub reason: &'static str,
    pub field: Option<String>,
    pub records: u64,
}

/// One column under both contracts: null where it has no such column.
#[derive(Debug, Serialize)]
pub struct Column {
    pub column: String,
    pub pass_rate: [Option<f64>; 2],
    pub pass_rate_repaired: [Option<f64>; 2],
    /// Rows accepted by both whose value differs.
    pub changed: u64,
}

/// Tries a changed contract.
///
/// # Errors
/// What is wrong in the new file; otherwise as the lake answers.
pub fn execute(args: &DiffArgs, installation: &Installation) -> Result<(), Failure> {
    let new = changed_contract(args, installation)?;
    let diff = runtime()?.block_on(try_it(args, installation, &new))?;
    answer(args.output.form, &diff)
}

fn changed_contract(
    args: &DiffArgs,
    installation: &Installation,
) -> Result<Arc<Contract>, Failure> {
    let new = Project::load_changed(&args.with).map_err(Failure::Findings)?;
    let old = installation.project.contract(&new.dataset).ok_or_else(|| {
        Failure::usage(format!("there is no dataset `{}` to compare with", new.dataset))
            .help("a new dataset is tried with: huiliu load DATASET FILE --dry-run")
    })?;
    if old.key_names() != new.key_names() {
        let (was, is) = (old.key_names().join("+"), new.key_names().join("+"));
        return Err(Failure::invalid(format!("the key changes from {was} to {is}"))
            .help("tables of another key are another dataset"));
    }
    Ok(new)
}

async fn try_it(
    args: &DiffArgs,
    installation: &Installation,
    new: &Arc<Contract>,
) -> Result<Diff, Failure> {
    let desk = Desk::to_read(installation, &new.dataset).await?;
    let now = desk.clock.now_us();
    let since_us = args.since.as_deref().map(|text| since(text, now)).transpose()?;
    let registry = schemas::for_a_verb(installation)?;
    let pair = |format: Format| -> Result<WhatIf, Failure> {
        Ok(WhatIf::new(
            pipeline(installation, &desk.contract, format, &registry)?,
            pipeline(installation, new, format, &registry)?,
        ))
    };
    let mut delivered = pair(Format::HuiliuJson)?;
    let unread_columns = try_changes(args.limit, &desk, since_us, &mut delivered).await?;
    let mut rejected = pair(desk.contract.format)?;
    let rejects_unread = try_rejects(args.limit, &desk, since_us, &mut rejected).await?;
    Ok(sum(&desk.contract, new, (delivered.found, rejected.found), unread_columns, rejects_unread))
}

/// Without protection: values are compared as they would be before it.
fn pipeline(
    installation: &Installation,
    contract: &Contract,
    format: Format,
    registry: &Named,
) -> Result<Pipeline, Failure> {
    let limits = installation.settings.limits;
    let bounds = Limits { record_bytes: limits.record_bytes_max, nesting: limits.nesting_max };
    let contract = Arc::new(Contract { format, ..contract.clone() });
    let pipeline = Pipeline::new(contract, bounds, Arc::new(Protection::Plain))?;
    Ok(schemas::attach(pipeline, registry))
}

async fn try_changes(
    limit: u64,
    desk: &Desk,
    since_us: Option<i64>,
    what_if: &mut WhatIf,
) -> Result<BTreeSet<String>, Failure> {
    let ctx = desk.lake.query_session(&[], MEMORY_BYTES).await?;
    let since = since_us.map_or_else(String::new, |us| {
        format!(" WHERE {} >= to_timestamp_micros({us})", system::KAFKA_TIME)
    });
    // A change of key is two rows of one record; the second is the row that is there now.
    let sql = format!("SELECT * FROM changes.\"{}\"{since} LIMIT {limit}", desk.dataset());
    let failed =
        |e: DataFusionError| Error::new(ErrorKind::Corrupt, "changes cannot be read").because(e);
    let frame = ctx.sql(&sql).await.map_err(failed)?;
    let mut rows = frame.execute_stream().await.map_err(failed)?;
    let mut rebuilder = Rebuilder::new(&desk.contract, desk.crypto.as_ref());
    while let Some(batch) = rows.next().await {
        let records = rebuilder.records(&batch.map_err(failed)?)?;
        what_if.add(&records, desk.clock.now_us());
    }
    Ok(rebuilder.unread)
}

async fn try_rejects(
    limit: u64,
    desk: &Desk,
    since_us: Option<i64>,
    what_if: &mut WhatIf,
) -> Result<u64, Failure> {
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut chosen = Selection { state: Some(State::Open), since_us, ..Selection::default() };
    let rejects = desk.lake.rejects(desk.dataset()).await?;
    let mut unread = 0;
    while left > 0 {
        chosen.limit = Some(left.min(RECORDS_AT_ONCE));
        let mut found = rejects.list(&chosen).await?;
        let Some(last) = found.last() else { break };
        chosen.after = Some(last.coordinate.clone());
        left -= found.len();
        while !found.is_empty() {
            let mut now: Vec<_> = found.drain(..portion(&found)).collect();
            rejects.load_raw(&mut now).await?;
            let opened = now.iter().map(|reject| (reject, desk.open_raw(reject)));
            let (opened, closed): (Vec<_>, Vec<_>) = opened.partition(|(_, raw)| raw.is_ok());
            unread += closed.len() as u64;
            let opened: Vec<_> =
                opened.into_iter().filter_map(|(reject, raw)| Some((reject, raw.ok()?))).collect();
            let records = desk.records(&opened);
            what_if.resolve(&records).await?;
            what_if.add(&records, desk.clock.now_us());
        }
    }
    Ok(unread)
}

fn sum(
    old: &Contract,
    new: &Contract,
    (delivered, rejected): (Differences, Differences),
    unread_columns: BTreeSet<String>,
    rejects_unread: u64,
) -> Diff {
    let side = |a: &Side, b: &Side| {
        let mut quality = a.quality.clone();
        quality += &b.quality;
        quality.cells()
    };
    let (was, is) = (side(&delivered.old, &rejected.old), side(&delivered.new, &rejected.new));
    let mut lost_why = delivered.lost_why.clone();
    for (why, count) in &rejected.lost_why {
        *lost_why.entry(why.clone()).or_default() += count;
    }
    let mut changed_cells = delivered.changed_cells.clone();
    for (column, count) in &rejected.changed_cells {
        *changed_cells.entry(column.clone()).or_default() += count;
    }
    let lost_why = lost_why.into_iter().map(|((reason, field), records)| Lost {
        reason: reason.label(),
        field,
        records,
    });
    let example = |at: usize| {
        let both = delivered.examples[at].iter().chain(&rejected.examples[at]);
        both.map(|(partition, offset)| format!("{partition}:{offset}")).collect()
    };
    Diff {
        dataset: new.dataset.to_string(),
        from_changes: delivered.records,
        from_quarantine: rejected.records,
        rejects_unread,
        gained: delivered.gained + rejected.gained,
        lost: delivered.lost + rejected.lost,
        changed: delivered.changed + rejected.changed,
        lost_why: lost_why.collect(),
        pass_rate: [total(&was), total(&is)],
        columns: columns(old, new, &was, &is, &changed_cells),
        unread_columns,
        examples: [("gained", example(0)), ("lost", example(1)), ("changed", example(2))].into(),
    }
}

fn total(cells: &[Score]) -> Option<f64> {
    let mut sum = Score::default();
    cells.iter().for_each(|score| sum += *score);
    rate(sum.passed_raw, sum.checked)
}

fn columns(
    old: &Contract,
    new: &Contract,
    was: &[Score],
    is: &[Score],
    changed: &BTreeMap<String, u64>,
) -> Vec<Column> {
    let mut names: Vec<&str> = new.columns.iter().map(|column| column.name.as_str()).collect();
    names.extend(old.columns.iter().map(|c| c.name.as_str()).filter(|n| new.column(n).is_none()));
    let score = |contract: &Contract, cells: &[Score], name: &str| {
        contract.column(name).and_then(|(at, _)| cells.get(at).copied())
    };
    let line = |name: &str| {
        let both = [score(old, was, name), score(new, is, name)];
        Column {
            column: name.to_owned(),
            pass_rate: both.map(|s| s.and_then(|s| rate(s.passed_raw, s.checked))),
            pass_rate_repaired: both.map(|s| s.and_then(|s| rate(s.passed, s.checked))),
            changed: changed.get(name).copied().unwrap_or(0),
        }
    };
    names.into_iter().map(line).collect()
}

impl Form for Diff {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{}: {} records of changes and {} rejects under both contracts\n",
            self.dataset, self.from_changes, self.from_quarantine
        )?;
        let example = |kind| self.examples.get(kind).map(|all| all.join(" ")).unwrap_or_default();
        writeln!(out, "gained   {:>9}  {}", self.gained, example("gained"))?;
        writeln!(out, "lost     {:>9}  {}", self.lost, example("lost"))?;
        writeln!(out, "changed  {:>9}  {}", self.changed, example("changed"))?;
        let [was, is] = self.pass_rate.map(percent);
        writeln!(out, "cells as delivered that pass: {was} -> {is}")?;
        for lost in &self.lost_why {
            let field = lost.field.as_deref().unwrap_or("the record");
            writeln!(out, "  lost by {} of {field}: {}", lost.reason, lost.records)?;
        }
        if !self.unread_columns.is_empty() || self.rejects_unread > 0 {
            let columns: Vec<&str> = self.unread_columns.iter().map(String::as_str).collect();
            let rejects = self.rejects_unread;
            writeln!(out, "not readable: columns {}; {rejects} rejects", columns.join(", "))?;
        }
        let heads = ["column", "passed", "-> new", "repaired", "-> new", "values changed"];
        let mut table =
            Table::new(heads.map(|head| (head.to_owned(), Align::Right))).fit(terminal_width());
        for column in &self.columns {
            let [was, is] = column.pass_rate.map(percent);
            let [was_after, is_after] = column.pass_rate_repaired.map(percent);
            let changed = column.changed.to_string();
            table.push([column.column.clone(), was, is, was_after, is_after, changed].map(Some));
        }
        writeln!(out)?;
        let mut out = out;
        table.print(&mut out)
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", (share * 1e4).floor() / 1e2))
}
