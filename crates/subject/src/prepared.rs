//! Statements that are planned once and run over the few rows of each refresh.
//!
//! A refresh of some identities runs the statements of the refresh before it on other rows, and
//! planning them costs many times what the rows do. Where all that a statement reads is in memory
//! or looked up by keys, it is planned over [`Slot`]s, which find rows and keys in the context of
//! each run, and the plan is kept beside the [`Terms`] it was made on: on any other terms the
//! statement is planned again. Slots have no statistics, so sides of joins stay as they are
//! written: many rows are planned for afresh. So is a statement that reads an input whole, or one
//! whose filter for keys cannot be moved down to an input.

mod slot;

use crate::among::Keys;
use crate::catalogue::Catalogue;
use crate::fault;
use crate::parameters::Bound;
use crate::restrict::Source;
use crate::session::{Sessions, register};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::MemTable;
use datafusion::error::Result as EngineResult;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{LogicalPlan, lit};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, ident};
use huiliu_model::Error;
use slot::{Brought, Slot, open};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows in memory, and keys, up to which a statement is run without knowing how many they are.
pub(crate) const ROWS_MAX: usize = 65_536;
/// Plans of one statement that are kept: one for each set of terms that was met lately.
const VARIANTS: usize = 4;

/// What becomes of the rows of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// They are sorted by these columns.
    Sorted(Vec<String>),
    /// They are counted: one row of one column.
    Counted,
    /// Those whose columns `by` are among the keys are kept, with some of their columns.
    Among { by: Vec<String>, columns: Vec<String> },
}

/// A statement of a table.
pub(crate) struct Statement<'a> {
    /// Which one it is, for errors and plans.
    pub what: String,
    pub sql: &'a str,
    pub parameters: Option<&'a Bound>,
    pub finish: Finish,
}

/// What a statement may read, by name.
pub(crate) type Tables<'a> = BTreeMap<String, Held<'a>>;

#[derive(Clone)]
pub(crate) enum Held<'a> {
    Rows(SchemaRef, Vec<RecordBatch>),
    /// Rows of an input that are looked up by the keys a statement asks for.
    Lookup(&'a Source),
    /// All rows of an input, which are too many to be held.
    Whole(&'a Source),
}

/// All that a plan depends on beside the views and functions of its catalogue.
#[derive(Debug, Clone, PartialEq)]
struct Terms {
    sql: String,
    tables: Vec<Slot>,
    parameters: BTreeMap<String, String>,
    finish: Finish,
    partitions: usize,
}

/// A plan while nobody runs it.
#[derive(Debug)]
struct Kept {
    terms: Terms,
    /// `None` while it runs, and for ever where the statement does not fit.
    plan: Option<Arc<dyn ExecutionPlan>>,
    fits: bool,
}

/// The names of the columns that a statement yields over some tables.
#[derive(Debug)]
struct Yielded {
    sql: String,
    tables: Vec<Slot>,
    names: Vec<String>,
}

/// Plans by the name of their statement.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    kept: Mutex<BTreeMap<String, Vec<Kept>>>,
    yielded: Mutex<BTreeMap<String, Yielded>>,
}

/// What is known of a plan on some terms.
enum Known {
    Ready(Arc<dyn ExecutionPlan>),
    /// Nobody made one, or another run has it.
    Missing,
    Unfit,
}

impl Plans {
    fn take(&self, what: &str, terms: &Terms) -> Known {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get_mut(what).and_then(|all| all.iter_mut().find(|k| k.terms == *terms));
        match found {
            Some(Kept { fits: false, .. }) => Known::Unfit,
            Some(Kept { plan, .. }) => plan.take().map_or(Known::Missing, Known::Ready),
            None => Known::Missing,
        }
    }

    fn keep(&self, what: &str, terms: Terms, plan: Option<Arc<dyn ExecutionPlan>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let all = kept.entry(what.to_owned()).or_default();
        all.retain(|kept| kept.terms != terms);
        if all.len() >= VARIANTS {
            all.remove(0);
        }
        all.push(Kept { terms, fits: plan.is_some(), plan });
    }
}

impl Plans {
    fn yielded(&self, what: &str, (sql, tables): (&str, &[Slot])) -> Option<Vec<String>> {
        let known = self.yielded.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(what).filter(|y| y.sql == sql && y.tables == tables)?;
        Some(found.names.clone())
    }

    fn keep_yielded(&self, what: &str, yielded: Yielded) {
        let mut known = self.yielded.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(what.to_owned(), yielded);
    }
}

/// Runs the statements of one refresh.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub catalogue: &'a Catalogue,
    pub sessions: &'a Sessions,
}

impl Runner<'_> {
    /// Rows of a statement, and their columns; `keys` are those that its [`Finish`] asks for.
    ///
    /// # Errors
    /// `Invalid` for a statement that does not plan; else as the inputs answer.
    pub async fn run(
        &self,
        statement: &Statement<'_>,
        tables: &Tables<'_>,
        keys: Option<&Arc<Keys>>,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
        let (what, read) = (&statement.what, self.read(statement, tables)?);
        if let Some(brought) = brought(&read, keys)
            && let Some((terms, plan)) = self.plan(statement, &read).await
        {
            let running = |e| fault::running(what, e);
            let plan = reset_plan_states(plan).map_err(running)?;
            let context = self.sessions.task(Arc::new(brought));
            let rows = collect(Arc::clone(&plan), context).await.map_err(running)?;
            let schema = plan.schema();
            self.catalogue.plans().keep(what, terms, Some(plan));
            return Ok((schema, rows));
        }
        let planning = |e| fault::planning(what, e);
        let ctx = self.sessions.open();
        for (name, held) in &read {
            let rows = held.provider(&ctx).await?;
            register(&ctx, name, rows).map_err(planning)?;
        }
        let filter = |by: &[String]| keys.map(|keys| keys.contain(by));
        let rows = self.frame(&ctx, statement, filter).await?;
        let schema = Arc::clone(rows.schema().inner());
        let rows = rows.collect().await.map_err(|e| fault::running(what, e))?;
        Ok((schema, rows))
    }

    /// Names of the columns that a statement yields, before its finish.
    ///
    /// # Errors
    /// `Invalid` for a statement that does not plan.
    pub async fn yields(
        &self,
        statement: &Statement<'_>,
        tables: &Tables<'_>,
    ) -> Result<Vec<String>, Error> {
        let (what, tables) = (&statement.what, slots(&self.read(statement, tables)?));
        if let Some(names) = self.catalogue.plans().yielded(what, (statement.sql, &tables)) {
            return Ok(names);
        }
        let planning = |e| fault::planning(what, e);
        let ctx = self.over(&tables).map_err(planning)?;
        self.views(&ctx, statement).await?;
        let rows = self.catalogue.query(&ctx, statement.sql).await.map_err(planning)?;
        let names: Vec<String> = rows.schema().fields().iter().map(|f| f.name().clone()).collect();
        let yielded = Yielded { sql: statement.sql.to_owned(), tables, names: names.clone() };
        self.catalogue.plans().keep_yielded(what, yielded);
        Ok(names)
    }

    /// The tables that a statement names, through views too.
    fn read<'t>(
        &self,
        statement: &Statement<'_>,
        tables: &'t Tables<'t>,
    ) -> Result<Vec<(&'t str, &'t Held<'t>)>, Error> {
        let named = self.named(statement)?;
        let read = tables.iter().filter(|(name, _)| named.contains(*name));
        Ok(read.map(|(name, held)| (name.as_str(), held)).collect())
    }

    fn named(&self, statement: &Statement<'_>) -> Result<BTreeSet<String>, Error> {
        let named = self.catalogue.named(statement.sql);
        named.map_err(|e| fault::planning(&statement.what, e))
    }

    /// A session over empty places.
    fn over(&self, tables: &[Slot]) -> EngineResult<SessionContext> {
        let ctx = self.sessions.open();
        for slot in tables {
            register(&ctx, slot.name(), Arc::new(slot.clone()))?;
        }
        Ok(ctx)
    }

    async fn views(&self, ctx: &SessionContext, statement: &Statement<'_>) -> Result<(), Error> {
        self.catalogue.register_named(ctx, &self.named(statement)?).await
    }

    /// The rows of a statement as a plan that is not optimised.
    async fn frame(
        &self,
        ctx: &SessionContext,
        statement: &Statement<'_>,
        filter: impl Fn(&[String]) -> Option<datafusion::logical_expr::Expr>,
    ) -> Result<DataFrame, Error> {
        let planning = |e| fault::planning(&statement.what, e);
        self.views(ctx, statement).await?;
        let mut rows = self.catalogue.query(ctx, statement.sql).await.map_err(planning)?;
        if let Some(parameters) = statement.parameters {
            rows = rows.with_param_values(parameters.values()).map_err(planning)?;
        }
        let finished = match &statement.finish {
            Finish::Sorted(by) => rows.sort(by.iter().map(|c| ident(c).sort(true, true)).collect()),
            Finish::Counted => rows.aggregate(Vec::new(), vec![count(lit(1))]),
            Finish::Among { by, columns } => match filter(by) {
                Some(filter) => rows.filter(filter),
                None => Ok(rows),
            }
            .and_then(|rows| rows.select(columns.iter().map(ident).collect::<Vec<_>>())),
        };
        finished.map_err(planning)
    }

    /// A plan that nobody else runs, and its terms; `None` where the statement does not fit. What
    /// is wrong with it is told by planning it afresh.
    async fn plan(
        &self,
        statement: &Statement<'_>,
        read: &[(&str, &Held<'_>)],
    ) -> Option<(Terms, Arc<dyn ExecutionPlan>)> {
        let parameters = statement.parameters.map(|p| p.texts().clone()).unwrap_or_default();
        let terms = Terms {
            sql: statement.sql.to_owned(),
            tables: slots(read),
            parameters,
            finish: statement.finish.clone(),
            partitions: self.sessions.partitions(),
        };
        match self.catalogue.plans().take(&statement.what, &terms) {
            Known::Ready(plan) => return Some((terms, plan)),
            Known::Unfit => return None,
            Known::Missing => {}
        }
        let made = self.prepare(statement, &terms.tables).await;
        let made = made.unwrap_or_else(|error| {
            tracing::debug!(statement = statement.what, %error, "planned for each run");
            None
        });
        let Some(plan) = made else {
            self.catalogue.plans().keep(&statement.what, terms, None);
            return None;
        };
        Some((terms, plan))
    }

    async fn prepare(
        &self,
        statement: &Statement<'_>,
        tables: &[Slot],
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, Error> {
        let planning = |e| fault::planning(&statement.what, e);
        let ctx = self.over(tables).map_err(planning)?;
        // A filter that is made while a plan runs would be left in it for the next run.
        let state = ctx.state_ref();
        let off = |config: &mut SessionConfig| {
            config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
        };
        off(state.write().config_mut());
        let rows = self.frame(&ctx, statement, |by| Some(Keys::contain_later(by))).await?;
        let (state, plan) = rows.into_parts();
        let plan = state.optimize(&plan).map_err(planning)?;
        if !fits(&plan).map_err(planning)? {
            return Ok(None);
        }
        let planner = Arc::clone(state.query_planner());
        planner.create_physical_plan(&plan, &state).await.map(Some).map_err(planning)
    }
}

/// Whether a plan finds its keys where it reads its tables, and only there.
fn fits(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut fits = true;
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(_) => {}
            LogicalPlan::RecursiveQuery(_) => fits = false,
            _ => {
                node.apply_expressions(|expression| {
                    fits &= !expression.exists(|e| Ok(crate::among::is_later(e)))?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(fits)
}

fn slots(read: &[(&str, &Held<'_>)]) -> Vec<Slot> {
    let slot = |(name, held): &(&str, &Held<'_>)| match held {
        Held::Rows(schema, _) => Slot::new(name, open(schema), false),
        Held::Lookup(source) | Held::Whole(source) => Slot::new(name, open(&source.schema()), true),
    };
    read.iter().map(slot).collect()
}

/// What a run brings along; `None` where that is too much, or not all in memory.
fn brought(read: &[(&str, &Held<'_>)], keys: Option<&Arc<Keys>>) -> Option<Brought> {
    let mut brought = Brought { keys: keys.cloned(), ..Brought::default() };
    let mut count = keys.map_or(0, |keys| keys.len());
    for (name, held) in read {
        match held {
            Held::Rows(_, rows) => {
                count += rows.iter().map(RecordBatch::num_rows).sum::<usize>();
                brought.rows.insert((*name).to_owned(), rows.clone());
            }
            Held::Lookup(source) => {
                let snapshot = Arc::clone(source.snapshot.as_ref()?);
                brought.lookups.insert((*name).to_owned(), snapshot);
            }
            Held::Whole(_) => return None,
        }
    }
    (count <= ROWS_MAX).then_some(brought)
}

impl Held<'_> {
    pub fn of_rows(rows: Vec<RecordBatch>, otherwise: impl FnOnce() -> SchemaRef) -> Self {
        Self::Rows(rows.first().map_or_else(otherwise, RecordBatch::schema), rows)
    }

    async fn provider(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        match self {
            Self::Rows(schema, rows) => {
                let table = MemTable::try_new(Arc::clone(schema), vec![rows.clone()]);
                Ok(Arc::new(table.map_err(|e| fault::planning("rows in memory", e))?))
            }
            Self::Lookup(source) => source.for_lookups(ctx).await,
            Self::Whole(source) => source.whole(ctx).await,
        }
    }
}

#[cfg(test)]
mod tests;
