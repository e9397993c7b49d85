//! `huiliu explain`: one row of a subject table and what it was made of.
//!
//! `subject` finds the input rows; here they meet what the lake knows of them: where in Kafka
//! they lie, what was repaired, and which records of the same key were rejected. Nothing is
//! written and no value is decrypted.

mod key;
mod rejects;
mod report;
mod text;
mod trace;

use crate::cli::{ExplainArgs, Global};
use crate::commands::quarantine::Desk;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, off, runtime};
use crate::output::answer;
use crate::subjects::{Refresher, declarations};
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use datafusion::prelude::SessionContext;
use huiliu_lake::{Lake, Written};
use huiliu_model::system;
use huiliu_spec::did_you_mean;
use huiliu_spec::table::{InputKind, Reach, TableSpec};
use huiliu_subject::explain::{check_key, expressions};
use huiliu_subject::{
    BuildRecord, Explained, Extent, InputRows, Ports, Rebuilt, TableLineage, grade_word, lineage,
};
use report::{
    BuildLine, CheckLine, ColumnLine, ExpressionLine, InputLine, Report, RowLine, WrittenLine,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use trace::{Tracer, objects, rfc3339};

/// Memory that it takes, where the process may have twice as much.
const MEMORY_BYTES: usize = 1 << 30;

/// Explains a row.
///
/// # Errors
/// Usage for a table, key or column that is none; 1 when there is no such row; otherwise as the
/// lake answers.
pub fn execute(args: &ExplainArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let table = table(&installation, &args.table)?;
    let key = key::parse(table, &args.key)?;
    check_key(table, &key).map_err(|error| Failure::usage(error.message))?;
    let column = args.column.as_deref();
    check_column(table, column)?;
    let report = runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        let teller = Teller { installation: &installation, lake, table, limit: args.limit, column };
        teller.report(key, console).await
    })?;
    answer(args.output.form, &report)?;
    if report.found { Ok(()) } else { Err(missing(&report)) }
}

/// The table of a name.
fn table<'a>(installation: &'a Installation, name: &str) -> Result<&'a TableSpec, Failure> {
    let project = &installation.project;
    if let Some(found) = project.table(name) {
        return match project.off.get(&found.subject) {
            Some(why) => {
                let (message, how) = off(&found.subject, why);
                Err(Failure::usage(message).help(how))
            }
            None => Ok(found),
        };
    }
    let known: Vec<String> = project.tables.iter().map(TableSpec::full_name).collect();
    let same_name = project.tables.iter().find(|table| table.table == name);
    let near = match same_name {
        Some(table) => Some(format!("did you mean `{}`?", table.full_name())),
        None => did_you_mean(name, known.iter().map(String::as_str)),
    };
    let help = near.unwrap_or_else(|| format!("declared are {}", known.join(", ")));
    Err(Failure::usage(format!("there is no subject table `{name}`")).help(help))
}

fn check_column(table: &TableSpec, column: Option<&str>) -> Result<(), Failure> {
    let Some(name) = column.filter(|name| table.columns.iter().all(|c| c.name != *name)) else {
        return Ok(());
    };
    let known: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let help = did_you_mean(name, known.iter().copied());
    let help = help.unwrap_or_else(|| format!("it has {}", known.join(", ")));
    Err(Failure::usage(format!("{} has no column `{name}`", table.full_name())).help(help))
}

/// That there is no such row, and why.
fn missing(report: &Report) -> Failure {
    let empty: Vec<&str> = report
        .inputs
        .iter()
        .filter(|input| input.rows == 0 && !input.whole)
        .map(|input| input.name.as_str())
        .collect();
    let help = match (&report.identity, report.rebuilt) {
        (None, _) => "the key does not tell the identity, so its inputs are not known; look the \
                      row up with `huiliu query`"
            .to_owned(),
        (_, Some("missing")) => format!(
            "a build would give it: the table is not what its inputs give; run `huiliu verify {0}` \
             and `huiliu refresh {0} --full`",
            report.table
        ),
        (_, _) if empty.is_empty() => {
            "every input has rows of this identity; the query leaves it out".to_owned()
        }
        (_, Some(_)) => {
            format!("a build would not give it either; no rows in {}", empty.join(", "))
        }
        (_, None) => format!("no rows in {}", empty.join(", ")),
    };
    let message = format!("{} has no such row", report.table);
    Failure::Failed { message, help: Some(help) }
}

/// What the answer is told from.
struct Teller<'a> {
    installation: &'a Installation,
    lake: Lake,
    table: &'a TableSpec,
    limit: usize,
    column: Option<&'a str>,
}

impl Teller<'_> {
    async fn report(
        &self,
        key: BTreeMap<String, String>,
        console: &Console,
    ) -> Result<Report, Failure> {
        // The parameters are those that the table records.
        let refresher = Refresher::new(self.installation, &self.lake, NaiveDate::MIN);
        let inputs = refresher.pin(&[self.table]).await?;
        let target = refresher.target();
        let ports = Ports { inputs: &inputs, target: &target };
        let declared = declarations(self.installation);
        let budget = refresher.budget(&inputs, true);
        let explained = huiliu_subject::explain(self.table, declared, ports, &key, &budget).await?;
        let lineage = match self.column {
            Some(_) => Some(self.lineage().await?),
            None => None,
        };
        let (rebuilt, differing) = match &explained.rebuilt {
            None => (None, Vec::new()),
            Some(Rebuilt::Equal) => (Some("equal"), Vec::new()),
            Some(Rebuilt::Gone) => (Some("gone"), Vec::new()),
            Some(Rebuilt::Missing) => (Some("missing"), Vec::new()),
            Some(Rebuilt::Differs(columns)) => (Some("differs"), columns.clone()),
        };
        Ok(Report {
            table: self.table.full_name(),
            title: self.table.title.clone(),
            grain: self.table.grain.clone(),
            key,
            found: explained.row.is_some(),
            row: explained.row.as_ref().map(one).transpose()?,
            identity: explained.identity.as_ref().map(one).transpose()?,
            as_of: explained.record.parameters.get("as_of").cloned(),
            build: self.build(&explained).await?,
            written: self.written(&explained).await?,
            not_as_read: explained.not_as_read.clone(),
            rebuilt,
            differing,
            column: self.column_line(lineage.as_ref()),
            inputs: self.inputs(&explained, lineage.as_ref()).await?,
            columns: self.table.columns.iter().map(titled).collect(),
            console: console.clone(),
        })
    }

    async fn build(&self, explained: &Explained) -> Result<BuildLine, Failure> {
        let status = self.lake.subject_status(&self.table.subject, &self.table.table).await?;
        let status = status.filter(|status| status.version == explained.table_version);
        let record = &explained.record;
        let check = |check: &huiliu_subject::CheckOutcome| CheckLine {
            name: check.name.clone(),
            offending_count: check.offending_count,
        };
        Ok(BuildLine {
            version: explained.table_version,
            committed_at: status.map(|status| rfc3339(status.committed_at_ms * 1_000)),
            parameters: record.parameters.clone(),
            query_xxh3: record.query_xxh3.clone(),
            query_is_in_force: explained.is_same_query,
            inputs: record.versions(),
            checks: record.checks.iter().map(check).collect(),
        })
    }

    /// The commit that wrote the row's file.
    async fn written(&self, explained: &Explained) -> Result<Option<WrittenLine>, Failure> {
        let (Some(_), Some(identity)) = (&explained.row, &explained.identity) else {
            return Ok(None);
        };
        let pinned = self.lake.pin_subject(&self.table.subject, &self.table.table).await?;
        let Some(pinned) = pinned.filter(|p| p.version() == explained.table_version) else {
            return Ok(None);
        };
        let schema = identity.schema();
        let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let line = |written: Written| {
            let build = written.record.get("build").and_then(BuildRecord::from_json);
            WrittenLine {
                version: written.version,
                committed_at: rfc3339(written.committed_at_ms * 1_000),
                query_xxh3: build.as_ref().map(|build| build.query_xxh3.clone()),
                inputs: build.map(|build| build.versions()).unwrap_or_default(),
            }
        };
        Ok(pinned.written(&names, identity.columns()).await?.map(line))
    }

    async fn lineage(&self) -> Result<TableLineage, Failure> {
        let project = &self.installation.project;
        let (contracts, tables) = (&project.contracts, &project.tables);
        Ok(lineage(self.table, contracts, tables, &self.installation.catalogue).await?)
    }

    /// Columns of inputs that lead to the column that is asked about, by input.
    fn leading(&self, lineage: Option<&TableLineage>) -> Option<BTreeMap<String, Vec<String>>> {
        let name = self.column?;
        let column = lineage?.columns.iter().find(|column| column.column == name)?;
        let mut leading: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (source, _) in &column.sources {
            leading.entry(source.input.clone()).or_default().push(source.column.clone());
        }
        // A count is of rows, whatever their columns: then every input may lead to it.
        (!leading.is_empty()).then_some(leading)
    }

    fn column_line(&self, lineage: Option<&TableLineage>) -> Option<ColumnLine> {
        let name = self.column?;
        let spec = self.table.columns.iter().find(|column| column.name == name)?;
        let found = expressions(self.table, &self.installation.catalogue, name);
        let sources = self.leading(lineage).unwrap_or_default();
        let sources = sources.iter().flat_map(|(input, columns)| {
            columns.iter().map(move |column| format!("{input}.{column}"))
        });
        Some(ColumnLine {
            name: name.to_owned(),
            title: spec.title.clone(),
            grade: grade_word(spec.grade),
            expressions: found
                .into_iter()
                .map(|e| ExpressionLine { place: e.place, column: e.column, sql: e.sql })
                .collect(),
            sources: sources.collect(),
        })
    }

    async fn inputs(
        &self,
        explained: &Explained,
        lineage: Option<&TableLineage>,
    ) -> Result<Vec<InputLine>, Failure> {
        let ctx = self.lake.query_session(&[], MEMORY_BYTES).await?;
        let leading = self.leading(lineage);
        let mut lines = Vec::with_capacity(explained.inputs.len());
        for rows in &explained.inputs {
            let only = match &leading {
                None => None,
                Some(leading) => match leading.get(&rows.input.name) {
                    Some(columns) => Some(columns.as_slice()),
                    None => continue,
                },
            };
            lines.push(self.input(rows, only, &ctx).await?);
        }
        Ok(lines)
    }

    /// One input; `only` of its columns, beside the key.
    async fn input(
        &self,
        rows: &InputRows,
        only: Option<&[String]>,
        ctx: &SessionContext,
    ) -> Result<InputLine, Failure> {
        let (whole, count, first) = match &rows.extent {
            Extent::Whole(about) => (true, *about, None),
            Extent::Rows(all) => {
                let first = all.slice(0, self.limit.min(all.num_rows()));
                (false, all.num_rows() as u64, Some(first))
            }
        };
        let mut line = InputLine {
            name: rows.input.name.clone(),
            kind: "dimension",
            title: String::new(),
            reach: match &rows.input.reach {
                Reach::By(_) => "by",
                Reach::Via { .. } => "via",
                Reach::All => "all",
            },
            matched_on: rows.reached.as_ref().map(|(c, _)| c.clone()).unwrap_or_default(),
            narrowed: rows.narrowed.iter().cloned().collect(),
            version: rows.version,
            whole,
            rows: count,
            shown: Vec::new(),
            rejects: None,
            heads: heads(rows, only),
        };
        let first = first.as_ref();
        match rows.input.kind {
            InputKind::Dataset => self.of_dataset(&mut line, rows, first, ctx).await?,
            InputKind::Table => self.of_table(&mut line, first)?,
            InputKind::Dimension => {
                line.shown = first.map(plain).transpose()?.unwrap_or_default();
            }
        }
        if line.heads.is_empty() {
            line.heads = line.shown.first().map_or_else(Vec::new, names);
        }
        // A code list has no key that is told: its rows stay whole.
        if let Some(only) = only.filter(|_| !rows.key.is_empty()) {
            let kept: BTreeSet<&str> = only.iter().chain(&rows.key).map(String::as_str).collect();
            for row in &mut line.shown {
                row.values.retain(|name, _| kept.contains(name.as_str()));
                row.cells.retain(|cell| kept.contains(cell.column.as_str()));
            }
        }
        Ok(line)
    }

    async fn of_dataset(
        &self,
        line: &mut InputLine,
        rows: &InputRows,
        first: Option<&RecordBatch>,
        ctx: &SessionContext,
    ) -> Result<(), Failure> {
        line.kind = "dataset";
        let name = &rows.input.name;
        let protection = self.installation.protection().ok();
        let desk = Desk::on(self.lake.clone(), self.installation, name, protection)?;
        line.title.clone_from(&desk.contract.title);
        let rejects = self.lake.rejects(name).await?;
        if let Some(first) = first {
            let tracer = Tracer {
                lake: &self.lake,
                ctx,
                contract: &desk.contract,
                entries: &rejects.entries,
            };
            line.shown = tracer.of(first).await?;
        }
        if let Some((columns, keys)) = &rows.reached {
            let keys = (columns.as_slice(), keys.as_ref());
            line.rejects = rejects::of_keys(&desk, &rejects, keys, self.limit).await?;
        }
        Ok(())
    }

    fn of_table(&self, line: &mut InputLine, first: Option<&RecordBatch>) -> Result<(), Failure> {
        line.kind = "table";
        let Some(spec) = self.installation.project.table(&line.name) else { return Ok(()) };
        line.title.clone_from(&spec.title);
        line.shown = first.map(plain).transpose()?.unwrap_or_default();
        for row in &mut line.shown {
            let key = spec.key.iter().map(|name| match row.values.get(name) {
                Some(Value::String(text)) => format!("'{name}={text}'"),
                Some(other) => format!("'{name}={other}'"),
                None => name.clone(),
            });
            let key: Vec<String> = key.collect();
            row.explain = Some(format!("huiliu explain {} {}", line.name, key.join(" ")));
        }
        Ok(())
    }
}

/// Columns of an input that are shown to people: key, what narrows, and what is asked about.
fn heads(rows: &InputRows, only: Option<&[String]>) -> Vec<String> {
    let mut heads = rows.key.clone();
    let reached = rows.reached.iter().flat_map(|(columns, _)| columns);
    let narrowed = rows.narrowed.iter().map(|(column, _)| column);
    for name in reached.chain(narrowed).chain(only.into_iter().flatten()) {
        if !heads.contains(name) {
            heads.push(name.clone());
        }
    }
    if rows.key.is_empty() { Vec::new() } else { heads }
}

fn names(row: &RowLine) -> Vec<String> {
    row.values.keys().cloned().collect()
}

fn plain(rows: &RecordBatch) -> Result<Vec<RowLine>, Failure> {
    let line = |values| RowLine { values, ..RowLine::default() };
    Ok(objects(rows)?.into_iter().map(line).collect())
}

/// The first row as an object, without system columns.
fn one(rows: &RecordBatch) -> Result<Value, Failure> {
    let object = objects(rows)?.into_iter().next().unwrap_or_default();
    let own = object.into_iter().filter(|(name, _)| !name.starts_with(system::PREFIX));
    Ok(Value::Object(own.collect()))
}

fn titled(column: &huiliu_spec::table::TableColumn) -> (String, String) {
    let unit = column.unit.as_ref().map_or_else(String::new, |unit| format!(" ({unit})"));
    (column.name.clone(), format!("{}{unit}", column.title))
}
