//! Validation of a table without a lake: the query is planned over empty tables.
//!
//! Owns what only the planner can say: columns that do not exist, types that do not fit, an
//! output that is not the declared one, inputs that are declared and not read or read and not
//! declared, `via` queries that do not lead to the identity, functions whose result is not
//! determined by the rows, joins without a key, identifiers that become numbers, and grades below
//! those of the columns a value comes from. All findings of a table are returned at once.

mod determinism;
pub(crate) mod grades;
mod joins;
mod place;
mod types;
mod views;

use crate::bucket::FUNCTION;
use crate::catalogue::{Catalogue, query};
use crate::check::STAGED;
use crate::fault::reason;
use crate::lineage;
use crate::locality::{self, Locality};
use crate::restrict::matched_on;
use crate::schema;
use crate::session::{self, Budget, Sessions};
use crate::testcase::cases;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use huiliu_model::{Contract, Error};
use huiliu_spec::Project;
use huiliu_spec::table::{Input, InputKind, Reach, Severity, TableSpec};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing that is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `fail` stops the table, `warn` does not.
    pub severity: Severity,
    /// The file that has to change.
    pub file: PathBuf,
    /// From 1; 0 is the whole file.
    pub line: u32,
    pub column: u32,
    pub message: String,
    pub help: Option<String>,
}

/// Everything wrong with a table that can be said without its data.
///
/// `protected` says whether the lake has keys, which decides the stored columns. An input that is
/// itself a subject table is looked up in `tables`, by its declared columns.
pub async fn validate_table(
    spec: &TableSpec,
    contracts: &[Arc<Contract>],
    tables: &[TableSpec],
    catalogue: &Catalogue,
    protected: bool,
) -> Vec<Finding> {
    let sessions = match Sessions::new(&Budget::default(), catalogue.functions()) {
        Ok(sessions) => sessions,
        Err(error) => {
            let mut found = Findings { spec, list: Vec::new() };
            found.fail("table.yaml", format!("no session to plan in: {error}"), None);
            return found.list;
        }
    };
    let known = Known { contracts, tables, catalogue, protected };
    let ctx = sessions.open_with_all_functions();
    let mut found = Findings { spec, list: Vec::new() };
    register(&ctx, spec, &known, &mut found).await;
    if let Some(plan) = plan_query(&ctx, spec, &mut found).await {
        compare_inputs(spec, &known, &mut found);
        let yielded = plan.schema().as_arrow().clone();
        for difference in schema::differences(&schema::declared(spec), &yielded) {
            found.fail("query.sql", difference, Some("make table.yaml and query.sql agree".into()));
        }
        compare_parameters(&plan, spec, &mut found);
        determinism::examine(&plan, "query.sql", &mut found);
        let lineage = lineage::of_plan(&plan, spec, &known);
        grades::compare(&lineage, spec, &mut found);
        if let Some(coerced) = types::coerce(&ctx, &plan, spec, ("query.sql", ""), &mut found) {
            types::identifier_casts(&coerced, spec, &known, &mut found);
            joins::examine(&coerced, spec, "query.sql", &mut found);
        }
    }
    for input in &spec.inputs {
        reach(&ctx, spec, input, &known, &mut found).await;
    }
    plan_checks(&ctx, spec, &mut found).await;
    found.list
}

/// What of a table is determined by its identity, as far as its plan tells without its data.
///
/// Of a table that [`validate_table`] finds fault with, it says no more than that.
pub async fn locality_of(
    spec: &TableSpec,
    contracts: &[Arc<Contract>],
    tables: &[TableSpec],
    catalogue: &Catalogue,
    protected: bool,
) -> Locality {
    let fault = |message: String| Locality { obstacle: Some(message), ..Locality::default() };
    let sessions = match Sessions::new(&Budget::default(), catalogue.functions()) {
        Ok(sessions) => sessions,
        Err(error) => return fault(error.message),
    };
    let known = Known { contracts, tables, catalogue, protected };
    let ctx = sessions.open();
    let mut found = Findings { spec, list: Vec::new() };
    register(&ctx, spec, &known, &mut found).await;
    let staged = register_empty(&ctx, STAGED, schema::declared(spec));
    if let Some(finding) = found.list.pop() {
        return fault(finding.message);
    }
    if let Err(error) = staged {
        return fault(reason(&error));
    }
    let keys = spec.inputs.iter().map(|input| (input.name.clone(), known.key(input))).collect();
    locality::examine(&ctx, spec, catalogue, &keys).await
}

/// Everything wrong with the tables of a project, their views and tests, that can be said without
/// data; `ways` are the values of `protected` that have to fit.
///
/// # Errors
/// `Invalid` when a folder of tests cannot be read.
pub async fn validate_project(
    project: &Project,
    catalogue: &Catalogue,
    folder: &Path,
    ways: &[bool],
) -> Result<Vec<Finding>, Error> {
    let mut found = views::view_cycles(catalogue, folder);
    for spec in &project.tables {
        found.extend(untested(spec)?);
        for &protected in ways {
            let (contracts, tables) = (&project.contracts, &project.tables);
            for finding in validate_table(spec, contracts, tables, catalogue, protected).await {
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        }
    }
    Ok(found)
}

fn untested(spec: &TableSpec) -> Result<Option<Finding>, Error> {
    if !cases(spec)?.is_empty() {
        return Ok(None);
    }
    let mut found = Findings { spec, list: Vec::new() };
    let message = format!("table {} has no test", spec.full_name());
    let help = "add tests/<case>/ with case.yaml, given/ and expected.csv, see sql/README.md";
    found.add_at(Severity::Fail, ("table.yaml", (0, 0)), message, Some(help.into()));
    Ok(found.list.pop())
}

/// Declarations that a table may refer to.
pub(crate) struct Known<'a> {
    pub contracts: &'a [Arc<Contract>],
    pub tables: &'a [TableSpec],
    pub catalogue: &'a Catalogue,
    pub protected: bool,
}

impl Known<'_> {
    /// Stored columns of an input.
    pub fn schema(&self, input: &Input) -> Option<SchemaRef> {
        let name = input.name.as_str();
        match input.kind {
            InputKind::Dimension => self.catalogue.dimension(name).map(|d| d.rows.schema()),
            InputKind::Dataset => {
                let contract = self.contracts.iter().find(|c| *c.dataset == *name)?;
                Some(Arc::new(Schema::new(contract.stored_fields(self.protected))))
            }
            InputKind::Table => {
                self.tables.iter().find(|t| t.full_name() == name).map(schema::declared)
            }
        }
    }

    fn key(&self, input: &Input) -> Vec<String> {
        let contract = self.contracts.iter().find(|c| *c.dataset == *input.name);
        let table = self.tables.iter().find(|t| t.full_name() == input.name);
        match (input.kind, contract, table) {
            (InputKind::Dataset, Some(contract), _) => {
                contract.key_names().iter().map(|k| (*k).to_owned()).collect()
            }
            (InputKind::Table, _, Some(table)) => table.key.clone(),
            _ => Vec::new(),
        }
    }
}

pub(crate) struct Findings<'a> {
    spec: &'a TableSpec,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn fail(&mut self, file: &str, message: String, help: Option<String>) {
        self.add(Severity::Fail, file, message, help);
    }

    fn add(&mut self, severity: Severity, file: &str, message: String, help: Option<String>) {
        let at = self.place(file, &message);
        self.add_at(severity, (file, at), message, help);
    }

    /// Where in a file the names of a message stand.
    fn place(&self, file: &str, message: &str) -> place::At {
        match file {
            "query.sql" => place::of_names(file, &self.spec.query, message),
            _ => {
                // A file that cannot be read again has no lines to point at.
                let text = std::fs::read_to_string(self.spec.dir.join(file));
                place::of_names(file, &text.unwrap_or_default(), message)
            }
        }
    }

    fn add_at(
        &mut self,
        severity: Severity,
        (file, (line, column)): (&str, place::At),
        message: String,
        help: Option<String>,
    ) {
        let file = self.spec.dir.join(file);
        let finding = Finding { severity, file, line, column, message, help };
        if !self.list.contains(&finding) {
            self.list.push(finding);
        }
    }
}

async fn register(
    ctx: &SessionContext,
    spec: &TableSpec,
    known: &Known<'_>,
    found: &mut Findings<'_>,
) {
    for input in &spec.inputs {
        let Some(schema) = known.schema(input) else {
            let message = format!("input `{}` is not declared anywhere", input.name);
            found.fail("table.yaml", message, Some(declared_names(known, input.kind)));
            continue;
        };
        if let Err(error) = register_empty(ctx, &input.name, schema) {
            found.fail("table.yaml", format!("input `{}`: {}", input.name, reason(&error)), None);
        }
    }
    if let Err(error) = known.catalogue.register_views(ctx).await {
        found.fail("query.sql", error.message, error.help);
    }
}

pub(crate) fn register_empty(
    ctx: &SessionContext,
    name: &str,
    schema: SchemaRef,
) -> Result<(), DataFusionError> {
    session::register(ctx, name, Arc::new(MemTable::try_new(schema, vec![vec![]])?))
}

fn declared_names(known: &Known<'_>, kind: InputKind) -> String {
    let names: Vec<String> = match kind {
        InputKind::Dataset => known.contracts.iter().map(|c| c.dataset.to_string()).collect(),
        InputKind::Table => known.tables.iter().map(TableSpec::full_name).collect(),
        InputKind::Dimension => {
            known.catalogue.dimensions().map(|dimension| dimension.name.clone()).collect()
        }
    };
    format!("declared are: {}", names.join(", "))
}

async fn plan_query(
    ctx: &SessionContext,
    spec: &TableSpec,
    found: &mut Findings<'_>,
) -> Option<LogicalPlan> {
    match query(ctx, &spec.query).await {
        Ok(rows) => Some(rows.logical_plan().clone()),
        Err(error) => {
            let message = reason(&error);
            let at = place::of_error(&error);
            let at = at.unwrap_or_else(|| place::of_names("query.sql", &spec.query, &message));
            found.add_at(Severity::Fail, ("query.sql", at), message, help(&error));
            None
        }
    }
}

/// What the planner proposes to do.
fn help(error: &DataFusionError) -> Option<String> {
    let said = error.diagnostic()?;
    let notes = said.helps.iter().map(|help| help.message.as_str());
    let notes = notes.chain(said.notes.iter().map(|note| note.message.as_str()));
    notes.map(str::to_owned).reduce(|all, next| format!("{all}; {next}"))
}

fn compare_inputs(spec: &TableSpec, known: &Known<'_>, found: &mut Findings<'_>) {
    let Ok(mut reads) = known.catalogue.reads(&spec.query) else { return };
    for input in &spec.inputs {
        if let Reach::Via { sql } = &input.reach {
            reads.extend(known.catalogue.reads(sql).unwrap_or_default());
        }
    }
    for check in &spec.checks {
        reads.extend(known.catalogue.reads(&check.sql).unwrap_or_default());
    }
    reads.remove(STAGED);
    let declared: BTreeSet<String> = spec.inputs.iter().map(|i| i.name.clone()).collect();
    for name in reads.difference(&declared) {
        let message = format!("the query reads `{name}`, table.yaml does not declare it");
        found.fail("table.yaml", message, Some("declare it under `inputs:`".into()));
    }
    for name in declared.difference(&reads) {
        let message = format!("table.yaml declares input `{name}`, nothing reads it");
        found.fail("table.yaml", message, Some("take it out of `inputs:`".into()));
    }
}

fn compare_parameters(plan: &LogicalPlan, spec: &TableSpec, found: &mut Findings<'_>) {
    let used: BTreeSet<String> = plan
        .get_parameter_names()
        .unwrap_or_default()
        .into_iter()
        .map(|name| name.trim_start_matches('$').to_owned())
        .collect();
    let declared: BTreeSet<String> = spec.parameters.iter().map(|p| p.name.clone()).collect();
    for name in used.difference(&declared) {
        let message = format!("parameter `${name}` is not declared");
        found.fail("table.yaml", message, Some("declare it under `parameters:`".into()));
    }
    for name in declared.difference(&used) {
        let message = format!("parameter `{name}` is declared, the query does not use `${name}`");
        found.fail("table.yaml", message, None);
    }
}

/// Whether a change in the input leads to an identity in the way that is declared.
async fn reach(
    ctx: &SessionContext,
    spec: &TableSpec,
    input: &Input,
    known: &Known<'_>,
    found: &mut Findings<'_>,
) {
    let Some(schema) = known.schema(input) else { return };
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let name = &input.name;
    match &input.reach {
        Reach::All => {}
        Reach::By(by) => {
            if by.len() != spec.identity.len() {
                let message = format!(
                    "input `{name}` is reached by {by:?}, the identity is {:?}",
                    spec.identity
                );
                found.fail("table.yaml", message, Some("name one column for each".into()));
            }
            for column in by.iter().filter(|c| !columns.contains(&c.as_str())) {
                let message = format!("input `{name}` has no column `{column}` to be reached by");
                let help = format!("its stored columns: {}", columns.join(", "));
                found.fail("table.yaml", message, Some(help));
            }
        }
        Reach::Via { sql } => match query(ctx, sql).await {
            Err(error) => {
                found.fail("table.yaml", format!("via of `{name}`: {}", reason(&error)), None);
            }
            Ok(rows) => {
                let plan = rows.logical_plan();
                determinism::examine(plan, "table.yaml", found);
                let what = format!("via of `{name}`: ");
                types::coerce(ctx, plan, spec, ("table.yaml", &what), found);
                let yielded: Vec<String> =
                    rows.schema().fields().iter().map(|f| f.name().clone()).collect();
                if matched_on(&columns, &known.key(input), &yielded, &spec.identity).is_none() {
                    let identity = &spec.identity;
                    let message = format!(
                        "via of `{name}` yields {yielded:?}, not columns of `{name}` and the \
                         identity {identity:?}"
                    );
                    found.fail("table.yaml", message, None);
                }
            }
        },
    }
}

async fn plan_checks(ctx: &SessionContext, spec: &TableSpec, found: &mut Findings<'_>) {
    if let Err(error) = register_empty(ctx, STAGED, schema::declared(spec)) {
        found.fail("checks.sql", format!("`{STAGED}`: {}", reason(&error)), None);
        return;
    }
    for check in &spec.checks {
        match query(ctx, &check.sql).await {
            Err(error) => {
                let message = format!("check `{}`: {}", check.name, reason(&error));
                found.fail("checks.sql", message, None);
            }
            Ok(rows) => {
                let plan = rows.logical_plan();
                determinism::examine(plan, "checks.sql", found);
                let what = format!("check `{}`: ", check.name);
                types::coerce(ctx, plan, spec, ("checks.sql", &what), found);
            }
        }
    }
    if spec.query.to_lowercase().contains(FUNCTION) {
        let message = format!("the query names `{FUNCTION}`, which belongs to the build");
        found.fail("query.sql", message, None);
    }
}

#[cfg(test)]
mod tests;
