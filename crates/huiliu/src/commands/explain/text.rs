//! The answer for people: the row, the commit, then input by input what it was made of.

use super::report::{CellLine, InputLine, RejectsLine, Report, RowLine};
use crate::console::Style;
use crate::output::table::{Align, Table};
use crate::output::terminal_width;
use serde_json::Value;
use std::io::{self, Write};

/// Widest cell; longer ones end in an ellipsis.
const CELL_WIDTH_MAX: usize = 48;
/// Digits of the digest of a file that are shown.
const DIGEST_DIGITS: usize = 8;

/// Prints an answer.
///
/// # Errors
/// When the output cannot be written.
pub fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let strong = |text: &str| report.console.paint_out(text, Style::Strong);
    let key: Vec<String> = report.key.iter().map(|(k, v)| format!("{k}={v}")).collect();
    writeln!(out, "{}  {}", strong(&report.table), report.title)?;
    writeln!(out, "{}", key.join(", "))?;
    row(report, out)?;
    commit(report, out)?;
    column(report, out)?;
    for input in &report.inputs {
        writeln!(out)?;
        of_input(report, input, out)?;
    }
    Ok(())
}

fn row(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Some(Value::Object(values)) = &report.row else {
        let warning = report.console.paint_out("no such row", Style::Warning);
        return writeln!(out, "{warning}");
    };
    writeln!(out)?;
    let mut table = table(["column", "value", "title"]);
    for (name, title) in &report.columns {
        if let Some(value) = values.get(name) {
            table.push([Some(name.clone()), shown(value), Some(title.clone())]);
        }
    }
    table.print(&mut &mut *out)
}

fn commit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (console, build) = (&report.console, &report.build);
    let at = build.committed_at.as_ref().map_or_else(String::new, |at| format!(" of {at}"));
    let force = if build.query_is_in_force { "in force" } else { "declared otherwise now" };
    let (version, query) = (build.version, &build.query_xxh3);
    writeln!(out)?;
    writeln!(out, "commit     version {version}{at}, query {query} ({force})")?;
    let parameters: Vec<String> =
        build.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !parameters.is_empty() {
        writeln!(out, "parameters {}", parameters.join(", "))?;
    }
    if let Some(written) = report.written.as_ref().filter(|w| w.version != version) {
        let (version, at) = (written.version, &written.committed_at);
        writeln!(out, "written    by version {version} of {at}; nothing of it moved since")?;
    }
    for check in build.checks.iter().filter(|check| check.offending_count > 0) {
        writeln!(out, "check      {} finds {} rows", check.name, check.offending_count)?;
    }
    if let Some(why) = &report.not_as_read {
        let warning = console.paint_out("inputs     as they are now", Style::Warning);
        writeln!(out, "{warning}: {why}")?;
    }
    let (said, style) = match report.rebuilt {
        None => return Ok(()),
        Some("equal") if report.found => ("gives this row", Style::Good),
        Some("equal") => ("gives no such row either", Style::Good),
        Some("gone") => ("gives no such row", Style::Error),
        Some("missing") => ("gives such a row", Style::Error),
        Some(_) => ("gives other values", Style::Error),
    };
    let said = console.paint_out(said, style);
    let columns = report.differing.join(", ");
    let of = if columns.is_empty() { String::new() } else { format!(" of {columns}") };
    writeln!(out, "tried      a build from the rows below {said}{of}")
}

fn column(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Some(column) = &report.column else { return Ok(()) };
    let name = report.console.paint_out(&column.name, Style::Strong);
    writeln!(out)?;
    writeln!(out, "{name}  {}, grade {}", column.title, column.grade)?;
    for expression in &column.expressions {
        let place = report.console.paint_out(&format!("{}:", expression.place), Style::Faint);
        writeln!(out, "  {place} {} = {}", expression.column, expression.sql)?;
    }
    if column.sources.is_empty() {
        return writeln!(out, "no column of an input is in its value; all inputs are shown");
    }
    writeln!(out, "from       {}", column.sources.join(", "))
}

fn of_input(report: &Report, input: &InputLine, out: &mut dyn Write) -> io::Result<()> {
    let console = &report.console;
    let mut head = vec![format!("{} {}", input.kind, input.reach)];
    if !input.matched_on.is_empty() {
        head.push(format!("found by {}", input.matched_on.join(", ")));
    }
    for (column, key) in &input.narrowed {
        head.push(format!("{column} is {key}"));
    }
    head.extend(input.version.map(|version| format!("version {version}")));
    head.push(match (input.whole, input.rows) {
        (true, rows) => format!("the whole table is an input, about {}", rows_of(rows)),
        (false, rows) => rows_of(rows),
    });
    let name = console.paint_out(&input.name, Style::Strong);
    let title = if input.title.is_empty() { "" } else { "  " };
    writeln!(out, "{name}{title}{}: {}", input.title, head.join(", "))?;
    if !input.shown.is_empty() {
        rows(input, out)?;
    }
    let rest = input.rows.saturating_sub(input.shown.len() as u64);
    if !input.whole && rest > 0 {
        let said = format!("  … and {} more; --limit shows them", rows_of(rest));
        writeln!(out, "{}", console.paint_out(&said, Style::Faint))?;
    }
    for row in &input.shown {
        if row.delivered_is_sealed {
            let said = "cells were repaired or cleared; what was delivered is sealed in `changes`";
            writeln!(out, "  {} {said}", coordinate(row, input))?;
        }
        for cell in &row.cells {
            writeln!(out, "  {} {}", coordinate(row, input), remark(cell))?;
        }
        for repair in &row.repairs {
            let field = repair.field.as_ref().map_or_else(String::new, |f| format!(" {f}"));
            let (at, action, by) = (&repair.at, repair.action, &repair.actor);
            let coordinate = coordinate(row, input);
            writeln!(out, "  {coordinate} {action}{field} {} by {by} at {at}", repair.outcome)?;
        }
        if let Some(command) = &row.explain {
            writeln!(out, "  {}", console.paint_out(command, Style::Faint))?;
        }
    }
    match &input.rejects {
        Some(rejects) => of_rejects(report, rejects, out),
        None => Ok(()),
    }
}

fn rows(input: &InputLine, out: &mut dyn Write) -> io::Result<()> {
    let is_traced = input.shown.iter().any(|row| row.kafka.is_some());
    let mut heads: Vec<(String, Align)> = Vec::new();
    if is_traced {
        heads.push(("record".to_owned(), Align::Left));
        heads.push(("sequence".to_owned(), Align::Right));
        heads.push(("sent".to_owned(), Align::Left));
    }
    heads.extend(input.heads.iter().map(|name| (name.clone(), Align::Left)));
    let mut table = Table::new(heads).cell_width_max(CELL_WIDTH_MAX).fit(terminal_width());
    for row in &input.shown {
        let mut cells = Vec::new();
        if is_traced {
            let sequence = row.sequence.as_ref().map(|s| match s.epoch {
                0 => s.seq.to_string(),
                epoch => format!("{epoch}/{}", s.seq),
            });
            let sent = row.kafka.as_ref().and_then(|kafka| shown(&kafka.timestamp));
            cells.extend([Some(coordinate(row, input)), sequence, sent]);
        }
        cells.extend(input.heads.iter().map(|name| row.values.get(name).and_then(shown)));
        table.push(cells);
    }
    table.print(&mut &mut *out)
}

/// `topic/partition:offset`; of a file only the beginning of its digest.
fn coordinate(row: &RowLine, input: &InputLine) -> String {
    let Some(kafka) = &row.kafka else { return input.name.clone() };
    let topic = match kafka.kafka_topic.as_deref() {
        None => "?".to_owned(),
        Some(topic) => {
            match topic.strip_prefix("file/").map(|digest| digest.get(..DIGEST_DIGITS)) {
                Some(Some(digits)) => format!("file/{digits}…"),
                _ => topic.to_owned(),
            }
        }
    };
    format!("{topic}/{}:{}", kafka.partition, kafka.offset)
}

fn remark(cell: &CellLine) -> String {
    let mut text = format!("{}:", cell.column);
    let mut parts = Vec::new();
    if let Some(delivered) = &cell.delivered {
        let stored = shown(&cell.stored).unwrap_or_else(|| "∅".to_owned());
        let delivered = shown(delivered).unwrap_or_else(|| "∅".to_owned());
        parts.push(format!("delivered as `{}`, stored as `{stored}`", delivered.escape_debug()));
    }
    if let Some(from) = &cell.carried_from {
        parts.push(format!("the value is carried from {from}"));
    }
    if !cell.flags.is_empty() {
        parts.push(cell.flags.join(", "));
    }
    if !cell.rules.is_empty() {
        parts.push(format!("by {}", cell.rules.join(", ")));
    }
    text.push(' ');
    text.push_str(&parts.join("; "));
    text
}

fn of_rejects(report: &Report, rejects: &RejectsLine, out: &mut dyn Write) -> io::Result<()> {
    let columns = rejects.matched_on.join(", ");
    if rejects.count > 0 {
        let said = format!("  {} rejected with the same {columns}:", records_of(rejects.count));
        writeln!(out, "{}", report.console.paint_out(&said, Style::Warning))?;
        let mut table = table(["record", "state", "sent", "reason", "field"]);
        for reject in &rejects.shown {
            let cells = [&*reject.coordinate, reject.state, &reject.timestamp, &reject.reason];
            let cells = cells.map(|cell| Some(cell.to_owned()));
            table.push(cells.into_iter().chain([reject.field.clone()]));
        }
        table.print(&mut &mut *out)?;
    }
    if rejects.unreadable > 0 || rejects.more {
        let (looked, unreadable) = (rejects.looked_through, rejects.unreadable);
        let more = if rejects.more { ", and there are more" } else { "" };
        let said = format!("  of {looked} rejects {unreadable} could not be read{more}");
        writeln!(out, "{}", report.console.paint_out(&said, Style::Faint))?;
    }
    Ok(())
}

fn table<const N: usize>(heads: [&str; N]) -> Table {
    let heads = heads.map(|head| (head.to_owned(), Align::Left));
    Table::new(heads).cell_width_max(CELL_WIDTH_MAX).fit(terminal_width())
}

fn rows_of(count: u64) -> String {
    format!("{count} row{}", if count == 1 { "" } else { "s" })
}

fn records_of(count: u64) -> String {
    format!("{count} record{}", if count == 1 { "" } else { "s" })
}

/// A value for people; `None` is null.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
