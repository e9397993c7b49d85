//! Inputs of a table, whole or restricted to some buckets of its identity.
//!
//! | reach | rows of the input that belong to a bucket |
//! |---|---|
//! | `by` columns | those whose columns, in the order of the identity, hash into it |
//! | `via` query | those that match a row of the query whose identity hashes into it |
//! | `all` | every row, in every bucket |
//!
//! A `via` query yields columns of the input, under their names, and the identity. It reads the
//! inputs as restricted so far: `by` and `all` inputs first, then `via` inputs in the order of
//! table.yaml, and the input itself whole. The rows are matched on the input's key where the
//! query yields it, else on all shared columns, by a semi-join: no row is doubled or changed.

use crate::bucket;
use crate::catalogue::{Catalogue, query};
use crate::fault;
use crate::port::Inputs;
use datafusion::catalog::TableProvider;
use datafusion::common::JoinType;
use datafusion::datasource::MemTable;
use datafusion::prelude::{Expr, SessionContext, ident};
use huiliu_model::{Contract, Error, ErrorKind};
use huiliu_spec::table::{Input, InputKind, Reach, TableSpec};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Inputs of one table, opened once and pinned.
pub(crate) struct Sources {
    tables: BTreeMap<String, Source>,
    /// Version of `changes` of each dataset.
    pub versions: BTreeMap<String, i64>,
}

struct Source {
    rows: Arc<dyn TableProvider>,
    key: Vec<String>,
}

impl Sources {
    /// Opens every input of `spec` in `ctx`, where they are registered whole.
    pub async fn open(
        ctx: &SessionContext,
        spec: &TableSpec,
        contracts: &[Arc<Contract>],
        catalogue: &Catalogue,
        inputs: &dyn Inputs,
    ) -> Result<Self, Error> {
        let mut sources = Self { tables: BTreeMap::new(), versions: BTreeMap::new() };
        for input in &spec.inputs {
            let name = input.name.as_str();
            let dimension = match input.kind {
                InputKind::Dimension => catalogue.dimension(name),
                InputKind::Dataset | InputKind::Table => None,
            };
            let source = if let Some(dimension) = dimension {
                let rows = vec![vec![dimension.rows.clone()]];
                let table = MemTable::try_new(dimension.rows.schema(), rows)
                    .map_err(|e| fault::running(&format!("dimension {name}"), e))?;
                ctx.register_table(name, Arc::new(table))
                    .map_err(|e| fault::planning(&format!("dimension {name}"), e))?;
                Source { rows: provider(ctx, name).await?, key: Vec::new() }
            } else {
                let contract = contracts.iter().find(|c| *c.dataset == *name).ok_or_else(|| {
                    let table = spec.full_name();
                    Error::new(
                        ErrorKind::Invalid,
                        format!("table {table}: input `{name}` is no dataset and no dimension"),
                    )
                })?;
                let version = inputs.register(ctx, contract, name).await?;
                sources.versions.insert(name.to_owned(), version);
                let key = contract.key_names().into_iter().map(str::to_owned).collect();
                Source { rows: provider(ctx, name).await?, key }
            };
            sources.tables.insert(name.to_owned(), source);
        }
        Ok(sources)
    }

    /// Registers the inputs in another session, restricted to `range` of the table's buckets, or
    /// whole, and the views over them.
    pub async fn register(
        &self,
        ctx: &SessionContext,
        spec: &TableSpec,
        catalogue: &Catalogue,
        range: Option<&Range<u32>>,
    ) -> Result<(), Error> {
        let late = |input: &&Input| matches!(input.reach, Reach::Via { .. });
        let first = spec.inputs.iter().filter(|i| !late(i));
        for input in first.chain(spec.inputs.iter().filter(late)) {
            let source = self.tables.get(&input.name).ok_or_else(|| {
                Error::new(ErrorKind::Bug, format!("input `{}` was not opened", input.name))
            })?;
            let rows = match range {
                None => source.rows.clone(),
                Some(range) => source.restrict(ctx, spec, input, range).await?,
            };
            ctx.register_table(input.name.as_str(), rows)
                .map_err(|e| fault::planning(&format!("input {}", input.name), e))?;
        }
        catalogue.register_views(ctx).await
    }
}

impl Source {
    async fn restrict(
        &self,
        ctx: &SessionContext,
        spec: &TableSpec,
        input: &Input,
        range: &Range<u32>,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let what = format!("table {}, input {}", spec.full_name(), input.name);
        let fault = |e| fault::planning(&what, e);
        match &input.reach {
            Reach::All => Ok(self.rows.clone()),
            Reach::By(columns) => {
                let Some(filter) = bucket::within(columns, spec.buckets, range) else {
                    return Ok(self.rows.clone());
                };
                let rows = ctx.read_table(self.rows.clone()).map_err(fault)?;
                Ok(rows.filter(filter).map_err(fault)?.into_view())
            }
            Reach::Via { sql } => {
                let Some(filter) = bucket::within(&spec.identity, spec.buckets, range) else {
                    return Ok(self.rows.clone());
                };
                let name = input.name.as_str();
                ctx.register_table(name, self.rows.clone()).map_err(fault)?;
                let mapping = query(ctx, sql).await.map_err(fault)?;
                ctx.deregister_table(name).map_err(fault)?;
                let yielded: Vec<String> =
                    mapping.schema().fields().iter().map(|f| f.name().clone()).collect();
                let shared = self
                    .matched_on(&yielded, &spec.identity)
                    .ok_or_else(|| unmatched(&what, &spec.identity, &yielded))?;
                let renamed: Vec<String> = shared.iter().map(|c| format!("via_{c}")).collect();
                let columns: Vec<Expr> =
                    shared.iter().zip(&renamed).map(|(c, to)| ident(c).alias(to)).collect();
                let mapping =
                    mapping.filter(filter).and_then(|m| m.select(columns)).map_err(fault)?;
                let left: Vec<&str> = shared.iter().map(String::as_str).collect();
                let right: Vec<&str> = renamed.iter().map(String::as_str).collect();
                let rows = ctx.read_table(self.rows.clone()).map_err(fault)?;
                let rows = rows.join(mapping, JoinType::LeftSemi, &left, &right, None);
                Ok(rows.map_err(fault)?.into_view())
            }
        }
    }

    fn matched_on(&self, yielded: &[String], identity: &[String]) -> Option<Vec<String>> {
        let schema = self.rows.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        matched_on(&columns, &self.key, yielded, identity)
    }
}

/// Columns on which the rows of an input match those its `via` query yields; `None` when the
/// query lacks the identity or shares no column.
pub(crate) fn matched_on(
    columns: &[&str],
    key: &[String],
    yielded: &[String],
    identity: &[String],
) -> Option<Vec<String>> {
    if !identity.iter().all(|i| yielded.contains(i)) {
        return None;
    }
    if !key.is_empty() && key.iter().all(|k| yielded.contains(k)) {
        return Some(key.to_vec());
    }
    let shares = |c: &&String| columns.contains(&c.as_str()) && !identity.contains(c);
    let shared: Vec<String> = yielded.iter().filter(shares).cloned().collect();
    (!shared.is_empty()).then_some(shared)
}

pub(crate) fn unmatched(what: &str, identity: &[String], yielded: &[String]) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "{what}: a via query yields columns of its input and the identity {identity:?}, \
             this one yields {yielded:?}"
        ),
    )
}

async fn provider(ctx: &SessionContext, name: &str) -> Result<Arc<dyn TableProvider>, Error> {
    ctx.table_provider(name).await.map_err(|e| fault::planning(&format!("input {name}"), e))
}
