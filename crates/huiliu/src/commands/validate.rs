//! `huiliu validate`: everything that can be said about the files without connecting anywhere.

use crate::cli::{Global, Lines, ValidateArgs};
use crate::console::{Console, Style};
use crate::failure::Failure;
use crate::frame::{self, Finding};
use crate::installation::{runtime, settings};
use crate::output::{Form, answer};
use huiliu_model::ErrorKind;
use huiliu_spec::settings::Protection;
use huiliu_spec::{Project, Settings, TableSpec};
use huiliu_subject::{Catalogue, locality_of, validate_project};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

#[derive(Debug, Default, Serialize)]
struct Report {
    valid: bool,
    datasets: usize,
    tables: usize,
    /// How each table is refreshed; only of tables without findings.
    refresh: Vec<HowRefreshed>,
    diagnostics: Vec<Finding>,
}

/// How a table is refreshed, as its plan allows.
#[derive(Debug, Serialize)]
struct HowRefreshed {
    table: String,
    incremental: bool,
    /// Why the table has to be built in full.
    obstacle: Option<String>,
}

impl Form for Report {
    /// For people, findings are talk and go to standard error.
    fn text(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Checks files and folders, or the whole installation.
///
/// # Errors
/// 78 when there are findings, which are printed by then.
pub fn execute(args: &ValidateArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let (project, found, refresh) = match load(&args.paths, global) {
        Ok((project, settings)) => {
            let (found, refresh) = plan(&project, &settings)?;
            (project, found, refresh)
        }
        Err(Failure::Findings(found)) => {
            (Project::default(), found.into_iter().map(Finding::from).collect(), Vec::new())
        }
        Err(other) => return Err(other),
    };
    let report = Report {
        valid: !found.iter().any(Finding::fails),
        datasets: project.contracts.len(),
        tables: project.tables.len(),
        refresh,
        diagnostics: found,
    };
    answer(args.output.form, &report)?;
    if args.output.form == Lines::Text {
        let text = frame::render(&report.diagnostics, console);
        // When standard error is closed there is nobody left to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }
    if report.valid {
        let good = console.paint("valid", Style::Good);
        let (datasets, tables) = (report.datasets, report.tables);
        console.say(format!("{good}: {datasets} datasets, {tables} subject tables"));
        for table in &report.refresh {
            if let Some(why) = &table.obstacle {
                console.say(format!("{} is always refreshed in full: {why}", table.table));
            }
        }
        return Ok(());
    }
    let files: BTreeSet<_> = report.diagnostics.iter().map(|found| &found.file).collect();
    let (findings, files) = (report.diagnostics.len(), files.len());
    console.say(format!("{} in {}", counted(findings, "finding"), counted(files, "file")));
    Err(Failure::Said(ErrorKind::Invalid.exit_code()))
}

/// The project, and the settings under which it runs.
fn load(paths: &[PathBuf], global: &Global) -> Result<(Project, Settings), Failure> {
    let mut settings = settings(global)?;
    if paths.is_empty() {
        let project = Project::load(&settings).map_err(Failure::Findings)?;
        return Ok((project, settings));
    }
    let project = Project::load_paths(paths).map_err(Failure::Findings)?;
    if let Some(sql) = project.tables.first().and_then(|table| table.dir.ancestors().nth(2)) {
        settings.sql = sql.to_owned();
    }
    Ok((project, settings))
}

/// Plans every table's query and checks, which needs the contracts of its inputs. Where the
/// settings do not say how values are written, a table has to fit both ways.
fn plan(
    project: &Project,
    settings: &Settings,
) -> Result<(Vec<Finding>, Vec<HowRefreshed>), Failure> {
    if project.tables.is_empty() || project.contracts.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let catalogue = Catalogue::read(&settings.sql)?.with_functions(huiliu_functions::all());
    let ways: &[bool] = match settings.protection {
        None => &[false, true],
        Some(Protection::Plain) => &[false],
        Some(Protection::Keys) => &[true],
    };
    let runtime = runtime()?;
    let planning = validate_project(project, &catalogue, &settings.sql, ways);
    let found: Vec<Finding> = runtime.block_on(planning)?.into_iter().map(Finding::from).collect();
    let (contracts, protected) = (&project.contracts, ways.first().copied().unwrap_or(false));
    let mut refresh = Vec::new();
    let is_sound =
        |table: &&TableSpec| !found.iter().any(|finding| finding.file.starts_with(&table.dir));
    for table in project.tables.iter().filter(is_sound) {
        let looking = locality_of(table, contracts, &project.tables, &catalogue, protected);
        let obstacle = runtime.block_on(looking).obstacle;
        let incremental = obstacle.is_none();
        refresh.push(HowRefreshed { table: table.full_name(), incremental, obstacle });
    }
    Ok((found, refresh))
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
