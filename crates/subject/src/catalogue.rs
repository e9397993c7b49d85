//! What every table may use besides its inputs: shared views, dimensions and functions.
//!
//! Owns `sql/views/*.sql` (plain SELECTs over datasets) and `sql/dimensions/*.csv` with their
//! column descriptions. A view is registered where everything it reads is there, so a table that
//! uses no bills need not declare them. Functions are handed in: which there are is not decided
//! here.

use crate::locality::Locality;
use crate::prepared::Plans;
use crate::rows;
use crate::schema::arrow_type;
use crate::session::parser;
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use datafusion::common::TableReference;
use datafusion::error::Result as EngineResult;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;
use huiliu_model::{Error, ErrorKind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A shared step: a query with a name, without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub name: String,
    pub sql: String,
}

/// A code list that ships with the project.
#[derive(Debug, Clone)]
pub struct Dimension {
    pub name: String,
    pub rows: RecordBatch,
}

/// All views and dimensions of an `sql` folder.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    views: BTreeMap<String, View>,
    dimensions: BTreeMap<String, Dimension>,
    functions: Vec<ScalarUDF>,
    /// Statements that were parsed before, by their text: those of the project, a few hundred.
    parsed: Arc<Mutex<BTreeMap<String, Arc<Parsed>>>>,
    /// What the plans of tables say, with the hash of each table.
    localities: Arc<Mutex<BTreeMap<String, (String, Locality)>>>,
    /// Plans that were made before; they are of these views and functions.
    plans: Arc<Plans>,
}

/// A statement, and the tables that it names without its own steps.
#[derive(Debug)]
struct Parsed {
    statement: Statement,
    tables: BTreeSet<String>,
}

impl Catalogue {
    pub fn new(views: Vec<View>, dimensions: Vec<Dimension>) -> Self {
        Self {
            views: views.into_iter().map(|v| (v.name.clone(), v)).collect(),
            dimensions: dimensions.into_iter().map(|d| (d.name.clone(), d)).collect(),
            functions: Vec::new(),
            parsed: Arc::default(),
            localities: Arc::default(),
            plans: Arc::default(),
        }
    }

    /// Adds functions beside those of the engine; they have to be immutable to be built with.
    #[must_use]
    pub fn with_functions(mut self, functions: Vec<ScalarUDF>) -> Self {
        self.functions = functions;
        self.plans = Arc::default();
        self
    }

    pub fn functions(&self) -> &[ScalarUDF] {
        &self.functions
    }

    /// Reads `views/*.sql` and `dimensions/*.{csv,yaml}` below an `sql` folder; either may be
    /// absent.
    ///
    /// # Errors
    /// `Invalid` with the file, for what cannot be read or does not fit its description.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let views = files(&folder.join("views"), "sql")?
            .into_iter()
            .map(|(name, path)| Ok(View { name, sql: text(&path)? }))
            .collect::<Result<_, Error>>()?;
        let dimensions = files(&folder.join("dimensions"), "csv")?
            .into_iter()
            .map(|(name, path)| dimension(name, &path))
            .collect::<Result<_, Error>>()?;
        Ok(Self::new(views, dimensions))
    }

    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.get(name)
    }

    /// Puts other rows in the place of a dimension's own, for a test case.
    pub(crate) fn replace_dimension(&mut self, name: &str, rows: RecordBatch) {
        let name = name.to_owned();
        self.dimensions.insert(name.clone(), Dimension { name, rows });
    }

    pub fn dimensions(&self) -> impl Iterator<Item = &Dimension> {
        self.dimensions.values()
    }

    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.views.values()
    }

    /// Datasets and dimensions that a statement reads, through views too.
    pub(crate) fn reads(&self, sql: &str) -> EngineResult<BTreeSet<String>> {
        let named = self.named(sql)?;
        Ok(named.into_iter().filter(|name| !self.views.contains_key(name)).collect())
    }

    /// Datasets, dimensions and views that a statement names, through views too.
    pub(crate) fn named(&self, sql: &str) -> EngineResult<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let mut pending = vec![sql];
        while let Some(sql) = pending.pop() {
            for name in &self.parsed(sql)?.tables {
                if found.insert(name.clone())
                    && let Some(view) = self.views.get(name)
                {
                    pending.push(&view.sql);
                }
            }
        }
        Ok(found)
    }

    fn parsed(&self, sql: &str) -> EngineResult<Arc<Parsed>> {
        let known = self.parsed.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let parsed = Arc::new(parse(sql)?);
        let mut known = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(sql.to_owned(), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// What is known of the plans of a table, by the hash of all that decides its rows.
    pub(crate) fn locality(&self, table: &str, hash: &str) -> Option<Locality> {
        let known = self.localities.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(table).filter(|(of, _)| of == hash).map(|(_, found)| found.clone())
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(crate) fn keep_locality(&self, table: &str, hash: &str, found: &Locality) {
        let mut known = self.localities.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(table.to_owned(), (hash.to_owned(), found.clone()));
    }

    /// As [`query`], for a statement of the project, which is parsed once.
    pub(crate) async fn query(&self, ctx: &SessionContext, sql: &str) -> EngineResult<DataFrame> {
        let parsed = self.parsed(sql)?;
        let plan = ctx.state().statement_to_plan(parsed.statement.clone()).await?;
        only_reading().verify_plan(&plan)?;
        ctx.execute_logical_plan(plan).await
    }

    /// Registers every view whose tables are registered.
    ///
    /// # Errors
    /// `Invalid` with the view that does not plan.
    pub(crate) async fn register_views(&self, ctx: &SessionContext) -> Result<(), Error> {
        self.register_these(ctx, self.views.values().collect()).await
    }

    /// Registers those of these names that are views and whose tables are registered.
    ///
    /// # Errors
    /// `Invalid` with the view that does not plan.
    pub(crate) async fn register_named(
        &self,
        ctx: &SessionContext,
        names: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let views = self.views.values().filter(|view| names.contains(&view.name));
        self.register_these(ctx, views.collect()).await
    }

    async fn register_these(
        &self,
        ctx: &SessionContext,
        mut pending: Vec<&View>,
    ) -> Result<(), Error> {
        let fault = |view: &View, e| crate::fault::planning(&format!("view {}", view.name), e);
        loop {
            let before = pending.len();
            let mut waiting = Vec::new();
            for view in pending {
                let parsed = self.parsed(&view.sql).map_err(|e| fault(view, e))?;
                let mut ready = true;
                for name in &parsed.tables {
                    ready &= ctx.table_exist(name.as_str()).map_err(|e| fault(view, e))?;
                }
                if ready {
                    let rows = self.query(ctx, &view.sql).await.map_err(|e| fault(view, e))?;
                    ctx.register_table(view.name.as_str(), rows.into_view())
                        .map_err(|e| fault(view, e))?;
                } else {
                    waiting.push(view);
                }
            }
            if waiting.is_empty() || waiting.len() == before {
                return Ok(());
            }
            pending = waiting;
        }
    }
}

/// Plans one statement that only reads.
pub(crate) async fn query(ctx: &SessionContext, sql: &str) -> EngineResult<DataFrame> {
    ctx.sql_with_options(sql, only_reading()).await
}

fn only_reading() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

/// Tables that a statement names, without its own steps.
pub(crate) fn tables(sql: &str) -> EngineResult<BTreeSet<String>> {
    Ok(parse(sql)?.tables)
}

fn parse(sql: &str) -> EngineResult<Parsed> {
    let state = parser();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect)?;
    let references = state.resolve_table_references(&statement)?;
    let tables = references.iter().map(TableReference::to_string).collect();
    Ok(Parsed { statement, tables })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "title_en")]
    _title_en: String,
    key: Vec<String>,
    columns: Vec<DescribedColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedColumn {
    name: String,
    #[serde(rename = "type")]
    type_name: String,
    title: String,
    #[serde(rename = "title_en")]
    _title_en: String,
    #[serde(default, rename = "unit")]
    _unit: Option<String>,
}

fn dimension(name: String, csv: &Path) -> Result<Dimension, Error> {
    let yaml = csv.with_extension("yaml");
    let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
    let described: Description = serde_saphyr::from_str(&text(&yaml)?).map_err(|e| {
        invalid(format!("{}: not a description of columns", yaml.display())).because(e)
    })?;
    let field = |column: &DescribedColumn| {
        let data_type = arrow_type(&column.type_name).ok_or_else(|| {
            let at = yaml.display();
            invalid(format!(
                "{at}: column `{}` has unknown type `{}`",
                column.name, column.type_name
            ))
        })?;
        Ok(Field::new(&column.name, data_type, true)
            .with_metadata([("comment".to_owned(), column.title.clone())].into()))
    };
    let fields = described.columns.iter().map(field).collect::<Result<Vec<_>, Error>>()?;
    if let Some(key) = described.key.iter().find(|k| fields.iter().all(|f| f.name() != *k)) {
        return Err(invalid(format!("{}: key column `{key}` is not described", yaml.display())));
    }
    let rows = rows::from_csv(&text(csv)?, &fields, &csv.display().to_string())?;
    Ok(Dimension { name, rows })
}

/// Files of one kind in a folder, by stem, in the order of their names.
fn files(folder: &Path, extension: &str) -> Result<Vec<(String, std::path::PathBuf)>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let unreadable = |e| unreadable(folder, e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|e| e == extension)
            && let Some(stem) = path.file_stem().and_then(|s| s.to_str())
        {
            found.push((stem.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|e| unreadable(path, e))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("{}: cannot be read", path.display())).because(error)
}
