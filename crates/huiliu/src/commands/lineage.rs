//! `huiliu lineage`: columns to columns, with grades, as the planned queries say.

mod draw;
mod events;

use crate::cli::{Global, LineageArgs, LineageFormat, Lines};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_spec::TableSpec;
use huiliu_subject::{ColumnLineage, TableLineage, grade_word, lineage};
use serde::Serialize;
use std::io::{self, Write};

/// Lineage of one table, with what its files say of it.
pub struct Traced<'a> {
    pub spec: &'a TableSpec,
    pub lineage: TableLineage,
}

/// Prints the lineage of tables.
///
/// # Errors
/// Usage, for a table that is not declared; 78 when a query does not plan.
pub fn execute(args: &LineageArgs, global: &Global) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let chosen = choose(&installation, args.table.as_deref())?;
    let project = &installation.project;
    let traced = runtime()?.block_on(async {
        let mut traced = Vec::with_capacity(chosen.len());
        for spec in chosen {
            let (contracts, tables) = (&project.contracts, &project.tables);
            let lineage = lineage(spec, contracts, tables, &installation.catalogue).await?;
            traced.push(Traced { spec, lineage });
        }
        Ok::<_, Failure>(traced)
    })?;
    let mut out = io::stdout().lock();
    match args.format {
        LineageFormat::Text => text(&traced, &mut out)?,
        LineageFormat::Json => {
            drop(out);
            return answer(Lines::Json, &Report::new(&traced));
        }
        LineageFormat::Dot => draw::dot(&traced, &mut out)?,
        LineageFormat::Svg => draw::svg(&traced, &mut out)?,
        LineageFormat::Openlineage => events::print(&traced, clock().now_us(), &mut out)?,
    }
    out.flush()?;
    Ok(())
}

fn choose<'a>(
    installation: &'a Installation,
    wanted: Option<&str>,
) -> Result<Vec<&'a TableSpec>, Failure> {
    let tables = &installation.project.tables;
    let is = |table: &&TableSpec| {
        wanted.is_none_or(|name| table.full_name() == name || table.subject == name)
    };
    let chosen: Vec<&TableSpec> = tables.iter().filter(is).collect();
    match wanted {
        Some(name) if chosen.is_empty() => {
            let known: Vec<String> = tables.iter().map(TableSpec::full_name).collect();
            Err(Failure::usage(format!("there is no subject table `{name}`"))
                .help(format!("declared are {}", known.join(", "))))
        }
        _ => Ok(chosen),
    }
}

/// How the grade of a column was lowered, as its table declares it.
fn lowered(spec: &TableSpec, column: &ColumnLineage) -> Option<&'static str> {
    let step = spec.declassify.iter().find(|step| step.column == column.column)?;
    Some(step.by.label())
}

fn text(traced: &[Traced<'_>], out: &mut impl Write) -> io::Result<()> {
    for (at, Traced { spec, lineage }) in traced.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        writeln!(out, "{gap}{}", lineage.table)?;
        let heads = ["column", "grade", "lowered by", "from", "grade"];
        let heads = heads.map(|head| (head.to_owned(), Align::Left));
        let mut table = Table::new(heads).fit(terminal_width());
        for column in &lineage.columns {
            let grade = grade_word(column.grade);
            let by = lowered(spec, column).unwrap_or_default();
            if column.sources.is_empty() {
                let cells = [column.column.as_str(), grade, by, "", ""];
                table.push(cells.map(|cell| Some(cell.to_owned())));
            }
            for (index, (source, from_grade)) in column.sources.iter().enumerate() {
                let from = format!("{}.{}", source.input, source.column);
                let own = if index == 0 { [&*column.column, grade, by] } else { [""; 3] };
                let cells = own.into_iter().chain([&*from, grade_word(*from_grade)]);
                table.push(cells.map(|cell| Some(cell.to_owned())));
            }
        }
        table.print(out)?;
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Report {
    tables: Vec<TableLine>,
}

#[derive(Debug, Serialize)]
struct TableLine {
    table: String,
    columns: Vec<ColumnLine>,
}

#[derive(Debug, Serialize)]
struct ColumnLine {
    column: String,
    grade: &'static str,
    /// The highest grade among its sources.
    derived: &'static str,
    lowered_by: Option<&'static str>,
    sources: Vec<SourceLine>,
}

#[derive(Debug, Serialize)]
struct SourceLine {
    input: String,
    column: String,
    grade: &'static str,
}

impl Report {
    fn new(traced: &[Traced<'_>]) -> Self {
        let column = |spec: &TableSpec, column: &ColumnLineage| ColumnLine {
            column: column.column.clone(),
            grade: grade_word(column.grade),
            derived: grade_word(column.derived()),
            lowered_by: lowered(spec, column),
            sources: column
                .sources
                .iter()
                .map(|(source, grade)| SourceLine {
                    input: source.input.clone(),
                    column: source.column.clone(),
                    grade: grade_word(*grade),
                })
                .collect(),
        };
        let tables = traced.iter().map(|Traced { spec, lineage }| TableLine {
            table: lineage.table.clone(),
            columns: lineage.columns.iter().map(|c| column(spec, c)).collect(),
        });
        Self { tables: tables.collect() }
    }
}

impl Form for Report {
    /// People are shown a table instead.
    fn text(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
