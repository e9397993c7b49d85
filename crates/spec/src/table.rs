//! Table folders: `sql/<subject>/<table>/{table.yaml, query.sql, checks.sql}` to [`TableSpec`].
//!
//! Owns what can be said without planning SQL: shape, names, keys, units, sections of checks,
//! declared parameters. Whether the query yields the declared columns is the planner's to say.

mod file;
mod sql;

pub(crate) use file::TableFile;

use crate::diagnostic::{Code, Diagnostic, Findings, did_you_mean};
use crate::pipeline::{BUCKETS, check_name, freshness, in_range, optional, text};
use crate::project::TableSources;
use crate::read::{self, Read};
use crate::tree::{self, At};
use file::{InputFile, ParameterFile, TableColumnFile};
use huiliu_model::Grade;
use huiliu_model::contract::Freshness;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Buckets of a table that does not say; a subject table is smaller than its inputs.
const BUCKETS_DEFAULT: u32 = 8;

/// One table of a subject database.
#[derive(Debug, Clone)]
pub struct TableSpec {
    pub subject: String,
    pub table: String,
    pub title: String,
    pub title_en: String,
    /// What one row is.
    pub grain: String,
    pub key: Vec<String>,
    /// Columns whose value decides which rows a change can touch.
    pub identity: Vec<String>,
    pub buckets: u32,
    pub inputs: Vec<Input>,
    pub parameters: Vec<Parameter>,
    pub freshness: Freshness,
    pub columns: Vec<TableColumn>,
    /// Columns below the grade of what they come from.
    pub declassify: Vec<Declassify>,
    /// Text of `query.sql`.
    pub query: String,
    pub checks: Vec<Check>,
    /// Folder of the table.
    pub dir: PathBuf,
}

impl TableSpec {
    /// `subject.table`, by which other tables name it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.subject, self.table)
    }
}

/// One thing the query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// A dataset, `subject.table`, or a dimension, as `kind` says.
    pub name: String,
    pub kind: InputKind,
    pub reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    Dataset,
    Table,
    Dimension,
}

/// How a change in an input reaches an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// These columns of the input carry the identity, in the identity's order.
    By(Vec<String>),
    /// The query finds the identities through other inputs.
    Via { sql: String },
    /// Any change rebuilds the table.
    All,
}

/// A named parameter, written `$name` in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub data_type: String,
    pub default: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    /// string, int32, int64, double, boolean, date, timestamp or `decimal(18, 4)`.
    pub data_type: String,
    pub title: String,
    pub title_en: String,
    pub unit: Option<String>,
    pub grade: Grade,
}

/// A column that is less sensitive than what it comes from, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declassify {
    pub column: String,
    pub by: Step,
    pub why: String,
}

/// What lowers the grade of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A figure over so many rows that none can be told from it.
    Aggregate,
    /// Only values that are public by themselves are left, such as codes of organisations.
    Select,
    /// What is left does not tell the value.
    Mask,
    /// A name without meaning in place of the value.
    Token,
}

impl Step {
    pub fn label(self) -> &'static str {
        match self {
            Self::Aggregate => "aggregate",
            Self::Select => "select",
            Self::Mask => "mask",
            Self::Token => "token",
        }
    }
}

/// A query that returns the offending rows; no rows is a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub severity: Severity,
    pub sql: String,
}

/// What a check with rows does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The last good version stays in place.
    Fail,
    /// The finding is recorded.
    Warn,
}

/// An input with the position of its name and of its columns, for the checks across files.
#[derive(Debug)]
pub(crate) struct DraftInput {
    pub input: Input,
    pub at: At,
}

/// What a table folder declares, as far as it could be read.
#[derive(Debug)]
pub(crate) struct Draft {
    pub file: PathBuf,
    pub full_name: String,
    pub inputs: Vec<DraftInput>,
    pub identity_count: usize,
    pub spec: Option<TableSpec>,
}

/// Reads one table folder and appends what is wrong in its files.
pub(crate) fn draft(sources: &TableSources, found: &mut Vec<Diagnostic>) -> Draft {
    let file = sources.dir.join("table.yaml");
    let part = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_default()
    };
    let (subject, table) = (part(sources.dir.parent()), part(Some(&sources.dir)));
    let mut draft = Draft {
        full_name: format!("{subject}.{table}"),
        file: file.clone(),
        inputs: Vec::new(),
        identity_count: 0,
        spec: None,
    };
    let findings = Findings::new(&file);
    for (name, what) in [(&subject, "subject"), (&table, "table")] {
        check_name(name, At::default(), what, &findings);
    }
    let node = tree::parse(&sources.table_yaml, &findings);
    let shape = node.as_ref().and_then(|n| read::read::<TableFile>(n, &findings).value);
    let mut spec = shape.and_then(|shape| {
        check_place(&shape, &subject, &table, &findings);
        draft.inputs = inputs(&shape.inputs, &findings);
        build(&shape, &findings, &mut draft)
    });
    if let Some(spec) = &mut spec {
        (spec.subject, spec.table) = (subject, table);
    }
    let sql_clean = read_sql(sources, spec.as_mut(), found);
    let yaml_clean = findings.is_empty();
    found.extend(findings.into_sorted());
    draft.spec = spec.filter(|_| yaml_clean && sql_clean);
    draft
}

/// Reads the two SQL files; true when nothing was found in them.
fn read_sql(
    sources: &TableSources,
    spec: Option<&mut TableSpec>,
    found: &mut Vec<Diagnostic>,
) -> bool {
    let query = Findings::new(&sources.dir.join("query.sql"));
    let checks = Findings::new(&sources.dir.join("checks.sql"));
    match &sources.query {
        None => query.add(Code::Unreadable, At::default(), "the table has no `query.sql`"),
        Some(text) if text.lines().all(sql::is_blank) => {
            query.add(Code::Empty, At::default(), "the query is empty");
        }
        Some(_) => {}
    }
    let list = sources.checks.as_deref().map(|text| sql::checks(text, &checks));
    if let Some(spec) = spec {
        let declared: Vec<_> = spec.parameters.iter().map(|p| p.name.as_str()).collect();
        for (text, findings) in [(&sources.query, &query), (&sources.checks, &checks)] {
            sql::check_parameters(text.as_deref().unwrap_or_default(), &declared, findings);
        }
        spec.query = sources.query.clone().unwrap_or_default();
        spec.checks = list.unwrap_or_default();
        spec.dir = sources.dir.clone();
    }
    let clean = query.is_empty() && checks.is_empty();
    found.extend(query.into_sorted());
    found.extend(checks.into_sorted());
    clean
}

fn check_place(file: &TableFile, subject: &str, table: &str, findings: &Findings) {
    for (read, folder, what) in [(&file.subject, subject, "subject"), (&file.table, table, "table")]
    {
        let Some(read) = read else { continue };
        let Some(name) = read.text() else { continue };
        if name != folder {
            let message = format!("{what} `{name}` lies in folder `{folder}`");
            findings.add(Code::Misplaced, read.at, message);
        }
    }
}

fn build(file: &TableFile, findings: &Findings, draft: &mut Draft) -> Option<TableSpec> {
    let columns = columns(&file.columns, findings);
    let key = column_names(&file.key, "key", file, findings);
    let identity = match &file.identity {
        Some(read) => column_names(read, "identity", file, findings),
        None => key.clone(),
    };
    draft.identity_count = identity.len();
    let [title, title_en, grain] =
        [(&file.title, "title"), (&file.title_en, "English title"), (&file.grain, "grain")]
            .map(|(read, what)| text(read, what, findings));
    let default = Freshness {
        // A subject table follows its inputs within minutes; an hour behind is worth a look.
        warn_after: Duration::from_secs(3_600),
        page_after: Duration::from_secs(86_400),
    };
    Some(TableSpec {
        subject: String::new(),
        table: String::new(),
        buckets: in_range(file.buckets.as_ref(), BUCKETS, BUCKETS_DEFAULT, "buckets", findings),
        inputs: draft.inputs.iter().map(|draft| draft.input.clone()).collect(),
        parameters: parameters(file.parameters.as_ref(), findings),
        freshness: freshness(file.freshness.as_ref(), default, findings),
        title: title?,
        title_en: title_en?,
        grain: grain?,
        key,
        identity,
        columns: columns?,
        declassify: declassify(file, findings),
        query: String::new(),
        checks: Vec::new(),
        dir: PathBuf::new(),
    })
}

fn columns(
    read: &Read<Vec<Read<TableColumnFile>>>,
    findings: &Findings,
) -> Option<Vec<TableColumn>> {
    let list = read.get()?;
    if list.is_empty() {
        findings.add(Code::Empty, read.at, "the table has no columns");
    }
    let mut names: Vec<&str> = Vec::new();
    let mut columns = Vec::with_capacity(list.len());
    for file in list.iter().filter_map(Read::get) {
        if let Some(name) = file.name.text() {
            check_name(name, file.name.at, "column", findings);
            if names.contains(&name) {
                let message = format!("column `{name}` is declared twice");
                findings.add(Code::Duplicate, file.name.at, message);
            }
            names.push(name);
        }
        columns.push(column(file, findings));
    }
    columns.into_iter().collect()
}

fn column(file: &TableColumnFile, findings: &Findings) -> Option<TableColumn> {
    for (read, what) in [(&file.title, "title"), (&file.title_en, "English title")] {
        if read.text().is_some_and(|text| text.trim().is_empty()) {
            findings.add(Code::NoMeaning, read.at, format!("the {what} of the column is empty"));
        }
    }
    let data_type = file.data_type.get();
    let name = file.name.text();
    let unit = optional(file.unit.as_ref()).map(|unit| unit.trim()).filter(|u| !u.is_empty());
    if let (Some(name), Some(data_type), None) = (name, data_type, unit)
        && data_type.is_number()
    {
        let message = format!("column `{name}` of type {} has no unit", data_type.0);
        let help = "a count has the unit \"1\"";
        findings.add_with_help(Code::NoMeaning, file.name.at, message, help);
    }
    Some(TableColumn {
        name: name?.to_owned(),
        data_type: data_type?.0.clone(),
        title: file.title.text()?.trim().to_owned(),
        title_en: file.title_en.text()?.trim().to_owned(),
        unit: unit.map(str::to_owned),
        grade: file.grade.get()?.meaning(),
    })
}

fn declassify(file: &TableFile, findings: &Findings) -> Vec<Declassify> {
    let columns = file.columns.get().map(Vec::as_slice).unwrap_or_default();
    let known: Vec<_> =
        columns.iter().filter_map(|c| c.get()).filter_map(|c| c.name.text()).collect();
    let mut steps: Vec<Declassify> = Vec::new();
    for step in optional(file.declassify.as_ref()).into_iter().flatten().filter_map(Read::get) {
        let (Some(column), Some(by)) = (step.column.text(), step.by.get()) else { continue };
        let Some(why) = text(&step.why, "reason", findings) else { continue };
        if !known.contains(&column) {
            let message = format!("declassified column `{column}` is not among the columns");
            let help = did_you_mean(column, known.iter().copied());
            findings.push(Code::UnknownColumn, step.column.at, message, help);
        } else if steps.iter().any(|s| s.column == column) {
            let message = format!("column `{column}` is declassified twice");
            findings.add(Code::Duplicate, step.column.at, message);
        }
        steps.push(Declassify { column: column.to_owned(), by: by.meaning(), why });
    }
    steps
}

fn column_names(
    read: &Read<Vec<Read<String>>>,
    what: &str,
    file: &TableFile,
    findings: &Findings,
) -> Vec<String> {
    let Some(names) = read.get() else { return Vec::new() };
    if names.is_empty() {
        findings.add(Code::BadKey, read.at, format!("the {what} has no columns"));
    }
    let columns = file.columns.get().map(Vec::as_slice).unwrap_or_default();
    let known: Vec<_> =
        columns.iter().filter_map(|c| c.get()).filter_map(|c| c.name.text()).collect();
    let mut found: Vec<String> = Vec::with_capacity(names.len());
    for read in names {
        let Some(name) = read.text() else { continue };
        if !known.contains(&name) {
            let message = format!("{what} column `{name}` is not among the columns");
            let help = did_you_mean(name, known.iter().copied());
            findings.push(Code::BadKey, read.at, message, help);
        } else if found.iter().any(|f| f == name) {
            findings.add(Code::BadKey, read.at, format!("{what} column `{name}` is named twice"));
        }
        found.push(name.to_owned());
    }
    found
}

fn parameters(
    read: Option<&Read<Vec<Read<ParameterFile>>>>,
    findings: &Findings,
) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for file in optional(read).into_iter().flatten().filter_map(Read::get) {
        let (Some(name), Some(data_type)) = (file.name.text(), file.data_type.get()) else {
            continue;
        };
        check_name(name, file.name.at, "parameter", findings);
        if parameters.iter().any(|p| p.name == name) {
            let message = format!("parameter `{name}` is declared twice");
            findings.add(Code::Duplicate, file.name.at, message);
        }
        let default = optional(file.default.as_ref()).map(|scalar| scalar.0.clone());
        let (name, data_type) = (name.to_owned(), data_type.0.clone());
        parameters.push(Parameter { name, data_type, default });
    }
    parameters
}

fn inputs(read: &Read<Vec<Read<InputFile>>>, findings: &Findings) -> Vec<DraftInput> {
    let Some(list) = read.get() else { return Vec::new() };
    if list.is_empty() {
        findings.add(Code::Empty, read.at, "the table has no inputs");
    }
    let mut inputs: Vec<DraftInput> = Vec::new();
    for read in list {
        let Some(file) = read.get() else { continue };
        let named = name_of(file, read.at, findings);
        let reach = reach_of(file, read.at, findings);
        let (Some((name, kind, at)), Some(reach)) = (named, reach) else { continue };
        if inputs.iter().any(|i| i.input.name == name && i.input.kind == kind) {
            findings.add(Code::Duplicate, at, format!("input `{name}` is declared twice"));
        }
        inputs.push(DraftInput { input: Input { name, kind, reach }, at });
    }
    inputs
}

fn name_of(file: &InputFile, at: At, findings: &Findings) -> Option<(String, InputKind, At)> {
    let kinds = [
        (&file.dataset, InputKind::Dataset),
        (&file.table, InputKind::Table),
        (&file.dimension, InputKind::Dimension),
    ];
    let mut said = kinds.iter().filter_map(|(read, kind)| Some((read.as_ref()?, *kind)));
    match (said.next(), said.next()) {
        (Some((read, kind)), None) => Some((read.text()?.to_owned(), kind, read.at)),
        (first, _) => {
            let count = if first.is_none() { "none" } else { "several" };
            let message = format!("an input is one dataset, table or dimension, here {count}");
            findings.add(Code::Conflict, at, message);
            None
        }
    }
}

fn reach_of(file: &InputFile, at: At, findings: &Findings) -> Option<Reach> {
    match (&file.by, &file.via, &file.all) {
        (Some(by), None, None) => {
            let names = &by.get()?.0;
            if names.is_empty() {
                findings.add(Code::Empty, by.at, "`by` names no column");
            }
            Some(Reach::By(names.iter().filter_map(|name| name.value.clone()).collect()))
        }
        (None, Some(via), None) => text(via, "query `via`", findings).map(|sql| Reach::Via { sql }),
        (None, None, Some(all)) if all.value != Some(false) => Some(Reach::All),
        _ => {
            let message = "an input has one of `by`, `via` and `all: true`";
            let help = "say how a change there finds the rows it touches";
            findings.add_with_help(Code::Conflict, at, message, help);
            None
        }
    }
}
