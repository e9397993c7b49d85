//! `huiliu apply`: the safe part of a plan.

use crate::cli::{ApplyArgs, Global, Lines};
use crate::commands::plan::{self, Plan, State, TablePlan};
use crate::commands::rule::today;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime, shape};
use crate::output::{Form, answer};
use crate::subjects::Refresher;
use huiliu_lake::Lake;
use huiliu_model::{Contract, Error, ErrorKind, code};
use huiliu_spec::TableSpec;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

#[derive(Debug, Serialize)]
struct Applied {
    #[serde(flatten)]
    plan: Plan,
    dry_run: bool,
    /// Datasets whose tables are made or gain columns.
    datasets_done: Vec<String>,
    /// Subject tables that are built.
    tables_done: Vec<String>,
    /// Subject tables that are not built, for what they read is breaking.
    held_back: Vec<String>,
}

impl Form for Applied {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.plan.text(out)?;
        let verb = if self.dry_run { "would be" } else { "were" };
        let (datasets, tables) = (self.datasets_done.len(), self.tables_done.len());
        writeln!(out, "{datasets} datasets {verb} made or extended, {tables} tables {verb} built")?;
        match self.held_back.is_empty() {
            true => Ok(()),
            false => writeln!(out, "held back: {}", self.held_back.join(", ")),
        }
    }
}

/// Applies the plan of this moment.
///
/// # Errors
/// 78 when a change is breaking and only the safe part is not asked for: nothing is done then.
pub fn execute(args: &ApplyArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let runtime = runtime()?;
    let plan = runtime.block_on(plan::of(&installation))?;
    if plan.breaking > 0 && !args.only_safe {
        let message = format!("{} changes are breaking; nothing was done", plan.breaking);
        answer(args.output.form, &plan)?;
        let error = Error::new(ErrorKind::Invalid, message).coded(code::TABLE_DIFFERS);
        return Err(
            Failure::from(error).help("follow the remedies above, or do the rest with --only-safe")
        );
    }
    let mut work = Work::of(&installation, &plan, args.no_refresh);
    if !args.dry_run {
        runtime.block_on(work.done(&installation, args, console))?;
    }
    let names = |tables: &[&TableSpec]| tables.iter().map(|table| table.full_name()).collect();
    let applied = Applied {
        dry_run: args.dry_run,
        datasets_done: work.changing.clone(),
        tables_done: names(&work.tables),
        held_back: names(&work.held_back),
        plan,
    };
    answer(args.output.form, &applied)
}

/// Names of the tables to build: those that changed, those of which there are rows, and what these
/// read and was never built. A table of nothing is left to `huiliu run`.
fn wanted(installation: &Installation, plan: &Plan) -> BTreeSet<String> {
    let is_wanted = |planned: &&TablePlan| match planned.state {
        State::Rebuild => true,
        State::New => planned.input_rows > 0,
        _ => false,
    };
    let chosen = plan.tables.iter().filter(is_wanted);
    let mut wanted: BTreeSet<String> = chosen.map(|planned| planned.table.clone()).collect();
    let is_new = |name: &str| {
        plan.tables.iter().any(|planned| planned.table == name && planned.state == State::New)
    };
    // What a table reads stands before it.
    let tables: Vec<&TableSpec> = installation.project.built_tables().collect();
    for spec in tables.into_iter().rev() {
        if wanted.contains(&spec.full_name()) {
            let unbuilt = spec.inputs.iter().filter(|input| is_new(&input.name));
            wanted.extend(unbuilt.map(|input| input.name.clone()));
        }
    }
    wanted
}

/// What is done of a plan.
struct Work<'a> {
    /// Datasets that are opened; those that change are among them.
    contracts: Vec<Arc<Contract>>,
    changing: Vec<String>,
    tables: Vec<&'a TableSpec>,
    held_back: Vec<&'a TableSpec>,
}

impl<'a> Work<'a> {
    fn of(installation: &'a Installation, plan: &Plan, no_refresh: bool) -> Self {
        let project = &installation.project;
        let breaking_datasets = plan.datasets.iter().filter(|d| d.state == State::Breaking);
        let breaking_tables = plan.tables.iter().filter(|t| t.state == State::Breaking);
        let mut broken: BTreeSet<String> = breaking_datasets.map(|d| d.dataset.clone()).collect();
        broken.extend(breaking_tables.map(|t| t.table.clone()));
        let changing =
            plan.datasets.iter().filter(|d| matches!(d.state, State::New | State::Grows));
        let changing = changing.map(|d| d.dataset.clone()).collect();
        let sound = project.contracts.iter().filter(|c| !broken.contains(&*c.dataset));
        let contracts = sound.cloned().collect();
        let (mut tables, mut held_back) = (Vec::new(), Vec::new());
        let wanted = wanted(installation, plan);
        for spec in project.built_tables().filter(|_| !no_refresh) {
            let wanted = wanted.contains(&spec.full_name());
            let is_broken = spec.inputs.iter().any(|input| broken.contains(&input.name));
            if is_broken {
                broken.insert(spec.full_name());
            }
            match (wanted, is_broken) {
                (true, true) => held_back.push(spec),
                (true, false) => tables.push(spec),
                (false, _) => {}
            }
        }
        Self { contracts, changing, tables, held_back }
    }

    async fn done(
        &mut self,
        installation: &Installation,
        args: &ApplyArgs,
        console: &Console,
    ) -> Result<(), Failure> {
        if self.changing.is_empty() && self.tables.is_empty() {
            return Ok(());
        }
        let shape = shape(&installation.protection()?);
        let options = installation.settings.store_options();
        let options = options.map_err(|found| Failure::Findings(vec![found]))?;
        let location = &installation.settings.lake;
        let lake = Lake::open(location, &options, &self.contracts, shape, clock()).await?;
        if self.tables.is_empty() {
            return Ok(());
        }
        let as_of = args.as_of.unwrap_or_else(today);
        let refresher = Refresher::new(installation, &lake, as_of);
        let told = |table: &TableSpec, done: &huiliu_subject::Refreshed| {
            if args.output.form == Lines::Text {
                console.say(format!("{}: {} rows", table.full_name(), done.row_count));
            }
        };
        refresher.refresh(&self.tables, told).await
    }
}
