//! The scorecard for people at a terminal.

use super::Answer;
use crate::output::table::{Align, Table};
use crate::output::{Form, terminal_width};
use huiliu_quality::{COLLECTION_GATE, FIELD_GATE, State};
use std::io::{self, Write};

impl Form for Answer {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let card = &self.card;
        let collection = &card.collection;
        writeln!(out, "period {}\n", card.period)?;
        let verdict = |passed: Option<bool>| match passed {
            Some(true) => "passes",
            Some(false) => "FAILS",
            None => "nothing to judge",
        };
        writeln!(
            out,
            "归集率 collection   {:>9}  {} (> {})  {} of {} resources, {} of {} items",
            percent(collection.collection_rate),
            verdict(collection.gate_passed),
            percent(Some(COLLECTION_GATE)),
            collection.collected,
            collection.responsible,
            collection.items_collected,
            collection.items_responsible,
        )?;
        writeln!(
            out,
            "字段合格率 fields   {:>9}  {} (> {})  {} of {} cells as delivered; {} after repair",
            percent(card.field_pass_rate),
            verdict(card.field_gate_passed),
            percent(Some(FIELD_GATE)),
            card.cells.passed_raw,
            card.cells.checked,
            percent(card.field_pass_rate_repaired),
        )?;
        writeln!(
            out,
            "整行合格率 rows     {:>9}  fields at 95 % or more: {}",
            percent(card.row_pass_rate),
            percent(card.field_share),
        )?;
        self.departments(out)?;
        self.fields(out)?;
        self.resources(out)?;
        self.assessed(out)
    }
}

impl Answer {
    fn departments(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = table(&[
            ("department", Align::Left),
            ("cells", Align::Right),
            ("as delivered", Align::Right),
            ("", Align::Left),
            ("repaired", Align::Right),
            ("rows", Align::Right),
            ("gate", Align::Left),
            ("provider", Align::Left),
        ]);
        for held in self.card.departments.iter().take(self.limit) {
            let code = if held.department.is_empty() { "(not named)" } else { &held.department };
            let gate = match held.field_gate_passed {
                Some(true) => "passes",
                Some(false) => "FAILS",
                None => "",
            };
            table.push([
                Some(code.to_owned()),
                Some(held.cells.checked.to_string()),
                Some(percent(held.field_pass_rate)),
                Some(bar(held.field_pass_rate)),
                Some(percent(held.field_pass_rate_repaired)),
                Some(percent(held.row_pass_rate)),
                Some(gate.to_owned()),
                Some(held.title.clone()),
            ]);
        }
        writeln!(out, "\ndepartments, worst first")?;
        let mut out = out;
        table.print(&mut out)
    }

    fn fields(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = table(&[
            ("field", Align::Left),
            ("cells", Align::Right),
            ("as delivered", Align::Right),
            ("repaired", Align::Right),
            ("findings", Align::Left),
            ("title", Align::Left),
        ]);
        for held in self.card.fields.iter().take(self.limit) {
            let findings = held.findings.iter().take(3);
            let findings: Vec<String> = findings.map(|(rule, n)| format!("{rule} {n}")).collect();
            table.push([
                Some(format!("{}.{}", held.dataset, held.field)),
                Some(held.cells.checked.to_string()),
                Some(percent(held.pass_rate)),
                Some(percent(held.pass_rate_repaired)),
                Some(findings.join(", ")),
                Some(held.title.clone()),
            ]);
        }
        writeln!(out, "\nfields, worst first")?;
        let mut out = out;
        table.print(&mut out)
    }

    fn resources(&self, out: &mut dyn Write) -> io::Result<()> {
        let missing = self.card.resources.iter().filter(|held| held.state != State::Collected);
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut table = table(&[
            ("owed by", Align::Left),
            ("resource", Align::Left),
            ("state", Align::Left),
            ("cycles on time", Align::Right),
            ("last delivery", Align::Left),
        ]);
        for held in missing.iter().take(self.limit) {
            let (zh, en) = held.state.names();
            table.push([
                Some(held.department.clone()),
                Some(format!("{} {}", held.code, held.title)),
                Some(format!("{zh} {en}")),
                Some(format!("{} / {}", held.cycles_on_time, held.cycles_due)),
                Some(held.last_delivery.map_or_else(|| "never".to_owned(), |day| day.to_string())),
            ]);
        }
        writeln!(out, "\nresources not collected: {}", missing.len())?;
        let mut out = out;
        table.print(&mut out)
    }

    fn assessed(&self, out: &mut dyn Write) -> io::Result<()> {
        let worth = |line: &&super::checks::Line| line.failed > 0 || line.not_asked.is_some();
        if self.checks.is_empty() {
            return Ok(());
        }
        let mut table = table(&[
            ("dataset", Align::Left),
            ("department", Align::Left),
            ("check", Align::Left),
            ("rows", Align::Right),
            ("failed", Align::Right),
            ("passed", Align::Right),
            ("what", Align::Left),
        ]);
        for line in self.checks.iter().filter(worth).take(self.limit.max(30)) {
            table.push([
                Some(line.dataset.clone()),
                Some(line.department.clone()),
                Some(line.check.to_owned()),
                Some(line.checked.to_string()),
                Some(line.failed.to_string()),
                Some(percent(line.pass_rate)),
                Some(line.not_asked.clone().unwrap_or_else(|| line.name.clone())),
            ]);
        }
        writeln!(out, "\nchecks of whole tables: {} asked", self.checks.len())?;
        let mut out = out;
        table.print(&mut out)
    }
}

fn table(columns: &[(&str, Align)]) -> Table {
    let heads = columns.iter().map(|(name, align)| ((*name).to_owned(), *align));
    Table::new(heads).fit(terminal_width())
}

/// Cut, not rounded: what misses a gate by little must not look as if it passed.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", (share * 1e4).floor() / 1e2))
}

/// Ten places of a bar.
fn bar(share: Option<f64>) -> String {
    let full = share.map_or(0, |share| (share.clamp(0.0, 1.0) * 10.0) as usize);
    format!("{}{}", "█".repeat(full), "░".repeat(10 - full))
}
