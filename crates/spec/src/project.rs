//! A project: all datasets and all subject tables, and what holds between them.
//!
//! Owns the checks across files: names used once, inputs that exist, no table built from itself.
//! Files are found, read and checked in the order of their paths, so findings are stable.

mod find;
mod lookups;
mod references;

pub use find::files;
pub(crate) use find::read_file;

use crate::diagnostic::{Code, Diagnostic, Findings, did_you_mean};
use crate::settings::Settings;
use crate::subject::{self, SubjectSpec};
use crate::table::{self, InputKind, Reach, TableSpec};
use crate::tree::At;
use crate::{diagnostic, pipeline};
use find::Kind;
use huiliu_model::Contract;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that is declared, checked.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// In order of their files.
    pub contracts: Vec<Arc<Contract>>,
    /// Inputs before what is built from them.
    pub tables: Vec<TableSpec>,
    /// Subjects with a file of their own.
    pub subjects: Vec<SubjectSpec>,
    /// Subjects that are not built under the settings the project was loaded with, and why.
    pub off: BTreeMap<String, String>,
}

/// The text of the files of a project, wherever it came from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub pipelines: Vec<(PathBuf, String)>,
    pub tables: Vec<TableSources>,
    /// The files `subject.yaml`.
    pub subjects: Vec<(PathBuf, String)>,
    /// Names of the dimensions, the tables of `dimensions/`; when there are none, inputs that are
    /// dimensions are not checked.
    pub dimensions: BTreeSet<String>,
}

/// The text of one table folder.
#[derive(Debug, Clone, Default)]
pub struct TableSources {
    /// `…/<subject>/<table>`.
    pub dir: PathBuf,
    pub table_yaml: String,
    pub query: Option<String>,
    pub checks: Option<String>,
}

impl Project {
    /// Loads the pipelines and tables of an installation.
    ///
    /// # Errors
    /// All that is wrong in all files.
    pub fn load(settings: &Settings) -> Result<Self, Vec<Diagnostic>> {
        let mut places = vec![(settings.pipelines.clone(), Kind::Pipelines)];
        if settings.sql_named || settings.sql.exists() {
            places.push((settings.sql.clone(), Kind::Tables));
        }
        let (sources, unreadable) = find::find(&places);
        let mut project = Self::check(&sources, true, unreadable)?;
        let mut found = Vec::new();
        let known = project.tables.iter().map(|table| table.subject.as_str()).collect();
        subject::check_names(settings, &known, &mut found);
        found.extend(no_registry(settings, &project.contracts));
        if !found.is_empty() {
            return Err(found);
        }
        project.off = subject::off(&project.subjects, settings);
        Ok(project)
    }

    /// Loads files and directories: pipeline files, table folders, or a directory that holds
    /// `pipelines/` and `sql/`. Whether inputs of tables are declared is checked only when a
    /// pipeline is among the paths; whether datasets that checks read are declared, only when the
    /// folders of their groups are.
    ///
    /// # Errors
    /// All that is wrong in all files.
    pub fn load_paths(paths: &[PathBuf]) -> Result<Self, Vec<Diagnostic>> {
        let places: Vec<_> = paths.iter().map(|path| (path.clone(), Kind::Unknown)).collect();
        let (sources, unreadable) = find::find(&places);
        let complete = paths.iter().any(|path| find::holds_groups(path));
        Self::check(&sources, complete, unreadable)
    }

    /// Checks texts, such as those a program carries with it.
    ///
    /// # Errors
    /// All that is wrong in all of them.
    pub fn from_sources(sources: &Sources) -> Result<Self, Vec<Diagnostic>> {
        Self::check(sources, true, Vec::new())
    }

    /// Loads one pipeline file that is not in its place: a changed contract that is only tried.
    ///
    /// # Errors
    /// All that is wrong in it, but for its name and folder.
    pub fn load_changed(path: &Path) -> Result<Arc<Contract>, Vec<Diagnostic>> {
        let text = read_file(path).map_err(|found| vec![found])?;
        let findings = Findings::anywhere(path);
        let draft = pipeline::draft(&text, &findings);
        let mut found = findings.into_sorted();
        let mut drafts = vec![(path, draft)];
        references::resolve(&mut drafts, false, &mut found);
        let contract = drafts.pop().and_then(|(_, draft)| draft.contract);
        match contract.filter(|_| found.is_empty()) {
            Some(contract) => Ok(Arc::new(contract)),
            None => Err(found),
        }
    }

    fn check(
        sources: &Sources,
        complete: bool,
        mut found: Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut drafts = pipelines(&sources.pipelines, &mut found);
        references::resolve(&mut drafts, complete, &mut found);
        let tables: Vec<_> =
            sources.tables.iter().map(|sources| table::draft(sources, &mut found)).collect();
        check_tables(&tables, &drafts, &sources.dimensions, &mut found);
        let subjects = subject::subjects(&sources.subjects, &mut found);
        if !found.is_empty() {
            return Err(found);
        }
        let contracts: Vec<_> =
            drafts.into_iter().filter_map(|(_, draft)| draft.contract).map(Arc::new).collect();
        let tables = tables.into_iter().filter_map(|draft| draft.spec).collect();
        let tables = in_build_order(tables)?;
        Ok(Self { contracts, tables, subjects, off: BTreeMap::new() })
    }

    pub fn contract(&self, dataset: &str) -> Option<&Arc<Contract>> {
        self.contracts.iter().find(|contract| &*contract.dataset == dataset)
    }

    /// Tables of the subjects that are built, inputs before what is built from them.
    pub fn built_tables(&self) -> impl Iterator<Item = &TableSpec> {
        self.tables.iter().filter(|table| !self.off.contains_key(&table.subject))
    }

    /// A table by `subject.table`.
    pub fn table(&self, full_name: &str) -> Option<&TableSpec> {
        self.tables.iter().find(|table| table.full_name() == full_name)
    }
}

/// Reports the first dataset in Avro of an installation that names no schema registry.
fn no_registry(settings: &Settings, contracts: &[Arc<Contract>]) -> Option<Diagnostic> {
    if settings.schema_registry.is_some() {
        return None;
    }
    let contract = contracts.iter().find(|contract| contract.format.is_avro())?;
    let file = settings.file.clone().unwrap_or_else(|| PathBuf::from("huiliu.yaml"));
    let message =
        format!("dataset `{}` is Avro and `schema_registry` is not said", contract.dataset);
    let help = "add `schema_registry: {url: \"http://host:8081\"}`";
    Some(Diagnostic::of_file(Code::NotSaid, &file, message).help(help))
}

type Drafts<'a> = Vec<(&'a Path, pipeline::Draft)>;

fn pipelines<'a>(sources: &'a [(PathBuf, String)], found: &mut Vec<Diagnostic>) -> Drafts<'a> {
    let mut drafts: Drafts<'a> = Vec::with_capacity(sources.len());
    for (path, text) in sources {
        let findings = Findings::new(path);
        let mut draft = pipeline::draft(text, &findings);
        report_twice("dataset", &draft.dataset, &drafts, |d| &d.dataset, &findings);
        report_shared(&draft, &drafts, &findings);
        if !findings.is_empty() {
            draft.contract = None;
        }
        found.extend(findings.into_sorted());
        drafts.push((path, draft));
    }
    drafts
}

/// Reports a Kafka topic that an earlier file takes as well, or could.
fn report_shared(draft: &pipeline::Draft, earlier: &Drafts<'_>, findings: &diagnostic::Findings) {
    let Some((topics, at)) = &draft.kafka_topics else { return };
    for (path, other) in earlier {
        let Some((theirs, _)) = &other.kafka_topics else { continue };
        let Some(name) = topics.shared_with(theirs) else { continue };
        let place = path.display();
        let message = match (topics.name(), theirs.name()) {
            (Some(_), Some(_)) => format!("kafka_topic `{name}` is also in {place}"),
            (Some(_), None) => format!("kafka_topic `{name}` matches `{theirs}` in {place}"),
            (None, Some(_)) => format!("`{topics}` matches kafka_topic `{name}` of {place}"),
            (None, None) => format!("`{topics}` and `{theirs}` of {place} both match `{name}`"),
        };
        let help = "a kafka_topic belongs to one dataset: narrow one of the two";
        findings.add_with_help(Code::Duplicate, *at, message, help);
        return;
    }
}

/// Reports a name that an earlier file has already.
fn report_twice(
    what: &str,
    name: &Option<(String, At)>,
    earlier: &Drafts<'_>,
    of: impl Fn(&pipeline::Draft) -> &Option<(String, At)>,
    findings: &diagnostic::Findings,
) {
    let Some((name, at)) = name else { return };
    let same = |draft: &pipeline::Draft| of(draft).as_ref().is_some_and(|(other, _)| other == name);
    if let Some((first, _)) = earlier.iter().find(|(_, draft)| same(draft)) {
        let message = format!("{what} `{name}` is also in {}", first.display());
        findings.add(Code::Duplicate, *at, message);
    }
}

fn check_tables(
    tables: &[table::Draft],
    drafts: &Drafts<'_>,
    dimensions: &BTreeSet<String>,
    found: &mut Vec<Diagnostic>,
) {
    let declared = Declared { tables, drafts, dimensions };
    for (index, draft) in tables.iter().enumerate() {
        let findings = Findings::new(&draft.file);
        if let Some(first) = tables[..index].iter().find(|t| t.full_name == draft.full_name) {
            let message =
                format!("table `{}` is also in {}", draft.full_name, first.file.display());
            findings.add(Code::Duplicate, At::default(), message);
        }
        for input in &draft.inputs {
            if let Reach::By(columns) = &input.input.reach
                && columns.len() != draft.identity_count
            {
                let message = format!(
                    "input `{}` reaches by {} columns, the identity has {}",
                    input.input.name,
                    columns.len(),
                    draft.identity_count
                );
                findings.add(Code::BadKey, input.at, message);
            }
            declared.check(input, &findings);
        }
        found.extend(findings.into_sorted());
    }
}

/// What inputs may name.
struct Declared<'a> {
    tables: &'a [table::Draft],
    drafts: &'a Drafts<'a>,
    dimensions: &'a BTreeSet<String>,
}

/// What is known of a named input.
enum Named<'a> {
    /// It has these columns.
    Columns(Vec<&'a str>),
    /// It cannot be compared, or what is wrong with it has been reported there.
    Unchecked,
    /// It is not declared; these are.
    Absent(Vec<&'a str>),
}

impl Declared<'_> {
    /// Checks that an input is declared and has the columns by which it is reached.
    fn check(&self, draft: &table::DraftInput, findings: &Findings) {
        let input = &draft.input;
        let (what, named) = match input.kind {
            InputKind::Dataset => ("dataset", self.dataset(&input.name)),
            InputKind::Table => ("table", self.table(&input.name)),
            InputKind::Dimension => ("dimension", self.dimension(&input.name)),
        };
        match named {
            Named::Unchecked => {}
            Named::Absent(known) => {
                let message = format!("input `{}` is no {what} of this project", input.name);
                let help = did_you_mean(&input.name, known);
                findings.push(Code::UnknownInput, draft.at, message, help);
            }
            Named::Columns(columns) => {
                let Reach::By(by) = &input.reach else { return };
                for name in by.iter().filter(|name| !columns.contains(&name.as_str())) {
                    let message = format!("input `{}` has no column `{name}`", input.name);
                    let help = did_you_mean(name, columns.iter().copied());
                    findings.push(Code::UnknownColumn, draft.at, message, help);
                }
            }
        }
    }

    fn dataset(&self, name: &str) -> Named<'_> {
        if self.drafts.is_empty() {
            return Named::Unchecked;
        }
        let names = self.drafts.iter().map(|(_, d)| d.dataset.as_ref().map(|(n, _)| n.as_str()));
        let Some(index) = names.clone().position(|known| known == Some(name)) else {
            return Named::Absent(names.flatten().collect());
        };
        self.drafts[index].1.contract.as_ref().map_or(Named::Unchecked, |contract| {
            Named::Columns(contract.columns.iter().map(|column| column.name.as_str()).collect())
        })
    }

    fn table(&self, name: &str) -> Named<'_> {
        // A table looked at alone is not compared either.
        if self.drafts.is_empty() {
            return Named::Unchecked;
        }
        let Some(draft) = self.tables.iter().find(|table| table.full_name == name) else {
            return Named::Absent(self.tables.iter().map(|t| t.full_name.as_str()).collect());
        };
        draft.spec.as_ref().map_or(Named::Unchecked, |spec| {
            Named::Columns(spec.columns.iter().map(|column| column.name.as_str()).collect())
        })
    }

    fn dimension(&self, name: &str) -> Named<'_> {
        if self.dimensions.is_empty() || self.dimensions.contains(name) {
            return Named::Unchecked;
        }
        Named::Absent(self.dimensions.iter().map(String::as_str).collect())
    }
}

/// Sorts tables so that inputs come before what is built from them.
fn in_build_order(tables: Vec<TableSpec>) -> Result<Vec<TableSpec>, Vec<Diagnostic>> {
    let mut waiting: BTreeMap<String, TableSpec> =
        tables.into_iter().map(|table| (table.full_name(), table)).collect();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let reads_waiting = |table: &TableSpec| {
            let mut inputs = table.inputs.iter();
            inputs.any(|i| i.kind == InputKind::Table && waiting.contains_key(&i.name))
        };
        let ready: Vec<String> = waiting
            .iter()
            .filter(|(_, table)| !reads_waiting(table))
            .map(|(name, _)| name.clone())
            .collect();
        if ready.is_empty() {
            let names: Vec<_> = waiting.keys().map(|name| format!("`{name}`")).collect();
            let message = format!("built from each other in a circle: {}", names.join(", "));
            let file = waiting.values().next().map(|t| t.dir.join("table.yaml"));
            let file = file.unwrap_or_default();
            return Err(vec![Diagnostic::of_file(Code::Cycle, &file, message)]);
        }
        ordered.extend(ready.iter().filter_map(|name| waiting.remove(name)));
    }
    Ok(ordered)
}
