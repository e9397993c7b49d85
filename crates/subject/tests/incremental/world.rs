//! Inputs and tables in memory, moved along a history; the two ways of a refresh compared.

use crate::history::{Cells, History, Op};
use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use huiliu_model::{Contract, Error};
use huiliu_spec::table::{InputKind, TableSpec};
use huiliu_subject::{
    Budget, Catalogue, Declarations, MemoryInputs, MemoryTarget, Mode, Ports, Request, Way, refresh,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The tables, contracts, views and dimensions of the repository.
pub struct Project {
    project: huiliu_spec::Project,
    catalogue: Catalogue,
}

impl Project {
    pub fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let project = huiliu_spec::Project::load_paths(&[root.join("pipelines"), root.join("sql")])
            .expect("pipelines and tables are valid");
        let catalogue = Catalogue::read(&root.join("sql")).expect("views and dimensions");
        Self { project, catalogue: catalogue.with_functions(huiliu_functions::all()) }
    }

    pub fn tables(&self) -> &[TableSpec] {
        &self.project.tables
    }

    fn declared(&self) -> Declarations<'_> {
        let (contracts, tables) = (&self.project.contracts, &self.project.tables);
        Declarations { contracts, tables, catalogue: &self.catalogue }
    }

    /// The table, and the tables it is built on, inputs first.
    fn closure<'a>(&'a self, table: &'a TableSpec) -> Vec<&'a TableSpec> {
        let mut wanted: BTreeSet<String> = [table.full_name()].into();
        let mut found = Vec::new();
        for candidate in self.project.tables.iter().rev() {
            if wanted.contains(&candidate.full_name()) {
                // The table under test may be declared otherwise than that of the project.
                let candidate =
                    if candidate.full_name() == table.full_name() { table } else { candidate };
                let inputs = candidate.inputs.iter().filter(|i| i.kind == InputKind::Table);
                wanted.extend(inputs.map(|i| i.name.clone()));
                found.push(candidate);
            }
        }
        found.reverse();
        found
    }

    /// Contracts of all datasets that the table is built on.
    pub fn datasets_of(&self, table: &TableSpec) -> Vec<&Contract> {
        let tables = self.closure(table);
        let names: BTreeSet<&str> = tables
            .iter()
            .flat_map(|table| &table.inputs)
            .filter(|input| input.kind == InputKind::Dataset)
            .map(|input| input.name.as_str())
            .collect();
        names
            .into_iter()
            .filter_map(|name| self.project.contract(name))
            .map(AsRef::as_ref)
            .collect()
    }

    /// Every query that the table is built with.
    pub fn sql_of(&self, table: &TableSpec) -> Vec<String> {
        let views = self.catalogue.views().map(|view| view.sql.clone());
        views.chain(self.closure(table).iter().map(|table| table.query.clone())).collect()
    }
}

/// What one step came to.
#[derive(Debug)]
pub enum Outcome {
    Incremental {
        identities: u64,
        rows: u64,
    },
    /// The table may not be refreshed incrementally.
    Full {
        rows: u64,
    },
    /// The query fails on these values, both ways.
    Unrunnable(String),
    /// The rows differ, one line for each.
    Different(String),
}

type State = BTreeMap<String, BTreeMap<Vec<Option<String>>, Cells>>;

/// Moves along a history and compares after each step.
pub async fn check(project: &Project, table: &TableSpec, history: &History) -> Vec<Outcome> {
    let mut world = World {
        project,
        tables: project.closure(table),
        state: State::new(),
        inputs: MemoryInputs::default(),
        target: MemoryTarget::default(),
    };
    let mut outcomes = Vec::new();
    for (number, step) in history.steps.iter().enumerate() {
        world.apply(step, number == 0);
        match world.step().await {
            Ok(_) if number == 0 => {}
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => outcomes.push(Outcome::Unrunnable(error.to_string())),
        }
        if matches!(outcomes.last(), Some(Outcome::Unrunnable(_) | Outcome::Different(_))) {
            break;
        }
    }
    outcomes
}

struct World<'a> {
    project: &'a Project,
    tables: Vec<&'a TableSpec>,
    state: State,
    inputs: MemoryInputs,
    target: MemoryTarget,
}

impl World<'_> {
    /// Changes the state; every dataset that was told of has a new version then.
    fn apply(&mut self, step: &[Op], all: bool) {
        let mut told = BTreeSet::new();
        for op in step {
            match op {
                Op::Put { dataset, cells } => {
                    let contract = self.project.project.contract(dataset).expect("declared");
                    let fields = contract.stored_fields(false);
                    let at = |k: &&str| fields.iter().position(|f| f.name() == k).expect("stored");
                    let key = contract.key_names().iter().map(|k| cells[at(k)].clone()).collect();
                    let rows = self.state.entry(dataset.clone()).or_default();
                    rows.insert(key, cells.clone());
                    told.insert(dataset.clone());
                }
                Op::Delete { dataset, key } => {
                    self.state.entry(dataset.clone()).or_default().remove(key);
                    told.insert(dataset.clone());
                }
                Op::Again { dataset } => {
                    told.insert(dataset.clone());
                }
            }
        }
        for contract in &self.project.project.contracts {
            let dataset = contract.dataset.to_string();
            if told.contains(&dataset) || all {
                let rows = self.state.get(&dataset).into_iter().flat_map(BTreeMap::values);
                self.inputs.insert(&dataset, vec![batch(contract, &rows.collect::<Vec<_>>())]);
            }
        }
    }

    /// Refreshes every table; compares the last one, which is under test, with a full build.
    async fn step(&mut self) -> Result<Outcome, Error> {
        let mut read = self.tables.clone();
        let table = read.pop().expect("the table under test is among those it is built on");
        for table in read {
            self.refresh_held(table).await?;
        }
        let once = MemoryTarget::default();
        let full = self.refresh(table, &once, Mode::Full).await?;
        let done = self.refresh_held(table).await?;
        let name = table.full_name();
        let (wanted, found) = (printed(&held(&once, &name)), printed(&held(&self.target, &name)));
        if wanted != found {
            return Ok(Outcome::Different(difference(&name, &wanted, &found)));
        }
        let rows = full.built.map_or(0, |built| built.row_count);
        Ok(match done.decision.way {
            Way::Incremental => {
                Outcome::Incremental { identities: done.decision.identities.unwrap_or(0), rows }
            }
            Way::Nothing => Outcome::Incremental { identities: 0, rows },
            Way::Full => Outcome::Full { rows },
        })
    }

    /// Brings a table up to its inputs, and its rows to the tables that read it.
    async fn refresh_held(
        &mut self,
        table: &TableSpec,
    ) -> Result<huiliu_subject::Refreshed, Error> {
        let done = self.refresh(table, &self.target, Mode::Incremental).await?;
        if done.built.is_some() {
            let name = table.full_name();
            self.inputs.insert(&name, held(&self.target, &name));
        }
        Ok(done)
    }

    async fn refresh(
        &self,
        table: &TableSpec,
        target: &MemoryTarget,
        mode: Mode,
    ) -> Result<huiliu_subject::Refreshed, Error> {
        // Random rows break checks; what they find is another matter.
        let table = &TableSpec { checks: Vec::new(), ..table.clone() };
        let known = |name: &str| match name {
            "as_of" => Some("2020-04-07".to_owned()),
            _ => None,
        };
        let given = table.parameters.iter();
        let parameters = given.filter_map(|p| Some((p.name.clone(), known(&p.name)?))).collect();
        let budget = Budget { buckets_per_pass: u32::MAX, partitions: 1, ..Budget::default() };
        let request = Request { parameters, mode, budget, explain: false, ..Request::default() };
        let ports = Ports { inputs: &self.inputs, target };
        refresh(table, self.project.declared(), ports, &request).await
    }
}

/// Rows of a dataset in the types of its contract.
fn batch(contract: &Contract, rows: &[&Cells]) -> RecordBatch {
    let fields = contract.stored_fields(false);
    let column = |(at, field): (usize, &Field)| -> ArrayRef {
        let texts: Vec<Option<&str>> = rows.iter().map(|row| row[at].as_deref()).collect();
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        cast(&texts, field.data_type()).expect("texts of this type")
    };
    let columns = fields.iter().enumerate().map(column).collect();
    let open = |field: &Field| field.clone().with_nullable(true);
    let schema = Schema::new(fields.iter().map(open).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns).expect("one length")
}

/// Rows of a table that was committed.
fn held(target: &MemoryTarget, name: &str) -> Vec<RecordBatch> {
    target.committed(name).map(|held| held.rows).unwrap_or_default()
}

fn printed(rows: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("null");
    let mut lines = Vec::new();
    for batch in rows {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("printable"))
            .collect();
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|c| c.value(row).to_string());
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
    }
    lines.sort();
    lines
}

fn difference(table: &str, wanted: &[String], found: &[String]) -> String {
    let mut lines = vec![format!("  {table}")];
    lines
        .extend(wanted.iter().filter(|l| !found.contains(l)).map(|l| format!("  full        {l}")));
    lines
        .extend(found.iter().filter(|l| !wanted.contains(l)).map(|l| format!("  incremental {l}")));
    lines.join("\n")
}
