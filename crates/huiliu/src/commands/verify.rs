//! `huiliu verify`: subject tables compared with full builds of their own inputs.

use crate::cli::{Global, Lines, VerifyArgs};
use crate::commands::refresh::select;
use crate::console::{Console, Style};
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::{Form, answer};
use crate::subjects::{Refresher, declarations};
use chrono::NaiveDate;
use huiliu_spec::TableSpec;
use huiliu_subject::{Ports, Verified};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

#[derive(Debug, Default, Serialize)]
struct Report {
    equal: bool,
    tables: Vec<Value>,
}

impl Form for Report {
    /// For people, what was found is told line by line on standard error.
    fn text(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Verifies the tables that are named, or all.
///
/// # Errors
/// 1 when a row differs; otherwise as a table cannot be compared.
pub fn execute(args: &VerifyArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let tables = select(&installation, &args.subjects)?;
    let sample = args.sample.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let mut report = Report { equal: true, tables: Vec::new() };
    let mut differing = Vec::new();
    runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        // The parameters are those that each table records.
        let refresher = Refresher::new(&installation, &lake, NaiveDate::MIN);
        let inputs = refresher.pin(&tables).await?;
        let target = refresher.target();
        let budget = refresher.budget(&inputs, inputs.are_small());
        for table in &tables {
            let ports = Ports { inputs: &inputs, target: &target };
            let declared = declarations(&installation);
            let found = huiliu_subject::verify(table, declared, ports, sample, &budget).await?;
            console.say(line(table, &found, console));
            if !found.is_equal() {
                differing.push(table.full_name());
            }
            report.tables.push(document(table, &found));
        }
        Ok::<(), Failure>(())
    })?;
    report.equal = differing.is_empty();
    if args.output.form != Lines::Text {
        answer(args.output.form, &report)?;
    }
    if report.equal {
        return Ok(());
    }
    let message = format!("not what a full build gives: {}", differing.join(", "));
    let help = "build them again with `huiliu refresh --full`, and keep the differing rows: the \
                law that both ways give the same rows is broken";
    Err(Failure::Failed { message, help: Some(help.to_owned()) })
}

fn line(table: &TableSpec, found: &Verified, console: &Console) -> String {
    let name = console.paint(&table.full_name(), Style::Strong);
    let looked = match found.identities {
        Some(identities) => format!("{} rows of {identities} identities", found.row_count),
        None => format!("{} rows", found.row_count),
    };
    if found.is_equal() {
        return format!("{name}: {looked}, equal");
    }
    let (missing, unexpected) = (found.missing, found.unexpected);
    let mut text = format!("{name}: {looked}, {missing} missing, {unexpected} unexpected");
    for key in &found.named {
        text.push_str(&format!("\n  {key}"));
    }
    text
}

fn document(table: &TableSpec, found: &Verified) -> Value {
    json!({
        "table": table.full_name(),
        "equal": found.is_equal(),
        "rows": found.row_count,
        "identities": found.identities,
        "missing": found.missing,
        "unexpected": found.unexpected,
        "keys": found.named,
    })
}
