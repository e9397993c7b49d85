//! `huiliu plan`: what a deployment of the declared files would change in the lake.

mod readers;
mod report;

use crate::cli::{Global, PlanArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::output::answer;
use huiliu_lake::{ColumnChange, DatasetFound, SubjectFound, Survey, column_changes};
use huiliu_model::Contract;
use huiliu_spec::TableSpec;
use huiliu_spec::settings::Protection;
use huiliu_spec::table::InputKind;
use huiliu_subject::{BuildRecord, query_hash};
use readers::Readers;
pub use report::{ColumnLine, DatasetPlan, LeftLine, Plan, State, TablePlan};
use std::collections::BTreeMap;
use std::path::Path;

/// Exit code of a plan with changes, where it is asked for.
const CHANGES: u8 = 3;
/// Remedy of a dataset that cannot follow its contract.
const DATASET_REMEDY: &str = "set the contract back and add a nullable column beside the old one; \
     or declare a dataset of another name; or build a new lake and replay";
/// Remedy of a subject table whose columns changed.
const TABLE_REMEDY: &str = "a subject table keeps its columns: give the new shape another table \
     name; or turn the subject off, `huiliu subject purge` it, and turn it on again";

/// Prints the plan.
///
/// # Errors
/// As the store answers; exit code 3 for changes, where that is asked for.
pub fn execute(args: &PlanArgs, global: &Global, _: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let plan = runtime()?.block_on(of(&installation))?;
    answer(args.output.form, &plan)?;
    match args.exit_code && plan.changes > 0 {
        true => Err(Failure::Said(CHANGES)),
        false => Ok(()),
    }
}

/// Compares an installation with its lake; writes nothing.
///
/// # Errors
/// As the store answers.
pub async fn of(installation: &Installation) -> Result<Plan, Failure> {
    let location = &installation.settings.lake;
    let is_absent = !location.contains("://") && !Path::new(location).join("changes").is_dir();
    let survey = match is_absent {
        true => None,
        false => {
            let options = installation.settings.store_options();
            let options = options.map_err(|found| Failure::Findings(vec![found]))?;
            Some(Survey::open(location, &options, clock())?)
        }
    };
    let mut looking = Looking { installation, survey, sizes: BTreeMap::new() };
    let readers = Readers::new(installation);
    let said = installation.settings.protection;
    let mut plan = Plan::new(location, said);
    for contract in &installation.project.contracts {
        let planned = looking.dataset(contract, said, &readers).await?;
        plan.datasets.push(planned);
    }
    for spec in installation.project.built_tables() {
        let planned = looking.table(spec, &readers).await?;
        plan.tables.push(planned);
    }
    plan.left = looking.left().await?;
    plan.count();
    Ok(plan)
}

struct Looking<'a> {
    installation: &'a Installation,
    /// None when there is no lake.
    survey: Option<Survey>,
    /// Rows and bytes that a build reads of each input.
    sizes: BTreeMap<String, (i64, i64)>,
}

impl Looking<'_> {
    async fn dataset(
        &mut self,
        contract: &Contract,
        said: Option<Protection>,
        readers: &Readers<'_>,
    ) -> Result<DatasetPlan, Failure> {
        let name = contract.dataset.to_string();
        let mut planned = DatasetPlan::new(&name);
        let Some(survey) = &self.survey else { return Ok(planned) };
        // Who does not say it looks at the lake as it is.
        let protected = said == Some(Protection::Keys);
        let Some(mut found) = survey.dataset(contract, protected).await? else {
            return Ok(planned);
        };
        if said.is_none() && found.protected {
            found = survey.dataset(contract, true).await?.unwrap_or(found);
        }
        self.sizes.insert(name.clone(), (found.current_rows, found.current_bytes));
        (planned.rows, planned.size_bytes) = (Some(found.current_rows), Some(found.size_bytes));
        compare(contract, &found, said, &mut planned);
        if planned.state != State::Unchanged {
            planned.read_by = readers.of(&name);
        }
        if planned.state == State::Breaking {
            planned.remedy = Some(DATASET_REMEDY.to_owned());
            let columns: Vec<&str> =
                planned.columns.iter().filter(|c| c.breaking).map(|c| c.column.as_str()).collect();
            planned.columns_read_by = readers.columns(&name, &columns).await;
        }
        Ok(planned)
    }

    async fn table(
        &mut self,
        spec: &TableSpec,
        readers: &Readers<'_>,
    ) -> Result<TablePlan, Failure> {
        let name = spec.full_name();
        let mut planned = TablePlan::new(&name);
        let inputs = spec.inputs.iter().filter(|input| input.kind != InputKind::Dimension);
        let read: Vec<(i64, i64)> =
            inputs.filter_map(|input| self.sizes.get(&input.name).copied()).collect();
        planned.input_rows = read.iter().map(|(rows, _)| rows).sum();
        planned.input_bytes = read.iter().map(|(_, bytes)| bytes).sum();
        let Some(survey) = &self.survey else { return Ok(planned) };
        let Some(found) = survey.subject(&spec.subject, &spec.table).await? else {
            return Ok(planned);
        };
        self.sizes.insert(name.clone(), (found.rows, found.size_bytes));
        (planned.rows, planned.size_bytes) = (Some(found.rows), Some(found.size_bytes));
        self.compare_table(spec, &found, &mut planned);
        if planned.state != State::Unchanged {
            planned.read_by = readers.of(&name);
        }
        Ok(planned)
    }

    fn compare_table(&self, spec: &TableSpec, found: &SubjectFound, planned: &mut TablePlan) {
        let wanted = huiliu_subject::schema::declared(spec);
        // A table gains no columns, so every difference of them is one too many.
        let changes = column_changes(&found.schema, &wanted);
        if !changes.is_empty() {
            let line = |change| ColumnLine { breaking: true, ..ColumnLine::of(change, "table") };
            planned.columns = changes.iter().map(line).collect();
            planned.state = State::Breaking;
            planned.remedy = Some(TABLE_REMEDY.to_owned());
            return;
        }
        let record = found.record.get("build").and_then(BuildRecord::from_json);
        let Some(record) = record else {
            planned.state = State::Rebuild;
            planned.why = Some("there is no readable record of a build".to_owned());
            return;
        };
        planned.state = State::Unchanged;
        if record.query_xxh3 != query_hash(spec, &self.installation.catalogue) {
            planned.state = State::Rebuild;
            planned.why = Some("the query or its declaration changed".to_owned());
        }
    }

    /// What the lake holds that nothing declares.
    async fn left(&self) -> Result<Vec<LeftLine>, Failure> {
        let Some(survey) = &self.survey else { return Ok(Vec::new()) };
        let project = &self.installation.project;
        let mut left = Vec::new();
        for dataset in survey.datasets().await? {
            if !project.contracts.iter().any(|contract| *contract.dataset == *dataset) {
                let why = "no pipeline declares it; its tables stay as they are".to_owned();
                left.push(LeftLine { name: dataset, kind: "dataset", why });
            }
        }
        for table in survey.subject_tables().await? {
            let subject = table.split('.').next().unwrap_or_default();
            let is_declared = project.tables.iter().any(|spec| spec.full_name() == table);
            let why = match project.off.get(subject) {
                Some(why) => format!("its subject is off: {why}"),
                None if is_declared => continue,
                None => "no folder declares it; it stays at its last version".to_owned(),
            };
            left.push(LeftLine { name: table, kind: "subject table", why });
        }
        Ok(left)
    }
}

/// What of a dataset's tables differs from its contract.
fn compare(
    contract: &Contract,
    found: &DatasetFound,
    said: Option<Protection>,
    planned: &mut DatasetPlan,
) {
    planned.state = State::Unchanged;
    let breaks = |planned: &mut DatasetPlan, what: String| {
        planned.other.push(what);
        planned.state = State::Breaking;
    };
    let word = |protected| if protected { "keys" } else { "plain" };
    let wanted = said.map_or(found.protected, |said| said == Protection::Keys);
    let has_changes = found.tables.iter().any(|t| t.kind == "changes" && t.changes.is_some());
    if has_changes && wanted != found.protected {
        let (from, to) = (word(found.protected), word(wanted));
        breaks(planned, format!("protection: {from} → {to}"));
        return;
    }
    let (key, wanted_key) = (&found.key, contract.key_names());
    let is_keyed = found.tables.iter().any(|t| t.kind == "deleted" && t.changes.is_some());
    let mut sorted = (key.iter().map(String::as_str).collect::<Vec<_>>(), wanted_key.clone());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    let is_other_key = is_keyed && sorted.0 != sorted.1;
    if is_other_key {
        breaks(planned, format!("key: [{}] → [{}]", key.join(", "), wanted_key.join(", ")));
    }
    if let Some(buckets) = found.buckets.as_ref().filter(|b| **b != contract.buckets.to_string()) {
        breaks(planned, format!("buckets: {buckets} → {}", contract.buckets));
    }
    for table in &found.tables {
        let Some(changes) = &table.changes else {
            planned.other.push(format!("table {}.{} is missing", table.kind, contract.dataset));
            planned.grow();
            continue;
        };
        // What differs in the keys of deleted rows is the key.
        if table.kind == "deleted" && is_other_key {
            continue;
        }
        for change in changes {
            planned.note(change, table.kind);
        }
    }
}

impl DatasetPlan {
    fn note(&mut self, change: &ColumnChange, table: &'static str) {
        if change.is_breaking() {
            self.state = State::Breaking;
        } else {
            self.grow();
        }
        let line = ColumnLine::of(change, table);
        match self.columns.iter_mut().find(|held| held.is_same(&line)) {
            Some(held) => held.tables.push(table),
            None => self.columns.push(line),
        }
    }

    fn grow(&mut self) {
        if self.state == State::Unchanged {
            self.state = State::Grows;
        }
    }
}
