//! Inputs of a table: whole, or restricted to buckets of its identity or to some identities.
//!
//! | reach | rows of the input that belong to an identity |
//! |---|---|
//! | `by` columns | those whose columns, in the order of the identity, are it |
//! | `via` query | those that match a row of the query with this identity |
//! | `all` | every row |
//!
//! A `via` query yields columns of the input, under their names, and the identity. It reads the
//! inputs as restricted so far: `by` and `all` inputs first, then `via` inputs in the order of
//! table.yaml, and the input itself whole. The rows are matched on the input's key where the
//! query yields it, else on all shared columns, by a semi-join: no row is doubled or changed.

use crate::among::{Keys, column_of};
use crate::bucket;
use crate::catalogue::{Catalogue, query};
use crate::fault;
use crate::lookup::Lookup;
use crate::port::{Declared, Inputs, Pin, Snapshot};
use crate::refresh::Declarations;
use crate::session::register;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::JoinType;
use datafusion::datasource::MemTable;
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::{Input, InputKind, Reach, TableSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Inputs of one table, opened once and pinned.
pub(crate) struct Sources {
    tables: BTreeMap<String, Source>,
    /// Where each dataset and each subject table stands.
    pub pins: BTreeMap<String, Pin>,
}

pub(crate) struct Source {
    /// All rows, once somebody asked for them: planning them is not free.
    rows: Mutex<Option<Arc<dyn TableProvider>>>,
    schema: SchemaRef,
    key: Vec<String>,
    /// Absent for a dimension.
    pub snapshot: Option<Arc<dyn Snapshot>>,
}

/// Which rows of the inputs a build sees.
#[derive(Clone, Copy)]
pub(crate) enum Restriction<'a> {
    Whole,
    Buckets(&'a Range<u32>),
    Identities(&'a Arc<Keys>),
}

impl Sources {
    /// Opens every input of `spec` at its newest version.
    pub async fn open(
        spec: &TableSpec,
        declared: Declarations<'_>,
        inputs: &dyn Inputs,
    ) -> Result<Self, Error> {
        let mut sources = Self { tables: BTreeMap::new(), pins: BTreeMap::new() };
        for input in &spec.inputs {
            let snapshot = match declared.of(spec, input)? {
                Some(declared) => Some((declared.key(), inputs.open(declared).await?)),
                None => None,
            };
            sources.add(declared.catalogue, input, snapshot)?;
        }
        Ok(sources)
    }

    /// Opens every input where a record says it stood; what is wrong when one cannot be.
    pub async fn reopen(
        spec: &TableSpec,
        declared: Declarations<'_>,
        inputs: &dyn Inputs,
        pins: &BTreeMap<String, Pin>,
    ) -> Result<Result<Self, String>, Error> {
        let mut sources = Self { tables: BTreeMap::new(), pins: BTreeMap::new() };
        for input in &spec.inputs {
            let name = &input.name;
            let snapshot = match declared.of(spec, input)? {
                Some(declared) => {
                    let Some(pin) = pins.get(name) else {
                        return Ok(Err(format!("the last refresh did not read `{name}`")));
                    };
                    let Some(snapshot) = inputs.reopen(declared, pin).await? else {
                        let version = pin.version;
                        return Ok(Err(format!("`{name}` can no longer be read at {version}")));
                    };
                    Some((declared.key(), snapshot))
                }
                None => None,
            };
            sources.add(declared.catalogue, input, snapshot)?;
        }
        Ok(Ok(sources))
    }

    fn add(
        &mut self,
        catalogue: &Catalogue,
        input: &Input,
        snapshot: Option<(Vec<String>, Arc<dyn Snapshot>)>,
    ) -> Result<(), Error> {
        let name = input.name.as_str();
        let source = match snapshot {
            Some((key, snapshot)) => {
                self.pins.insert(name.to_owned(), snapshot.pin());
                let schema = snapshot.schema();
                Source { rows: Mutex::default(), schema, key, snapshot: Some(snapshot) }
            }
            None => {
                let rows = dimension(catalogue, name)?;
                let (schema, key) = (rows.schema(), Vec::new());
                Source { rows: Mutex::new(Some(rows)), schema, key, snapshot: None }
            }
        };
        self.tables.insert(name.to_owned(), source);
        Ok(())
    }

    pub fn source(&self, name: &str) -> Result<&Source, Error> {
        self.tables
            .get(name)
            .ok_or_else(|| Error::new(ErrorKind::Bug, format!("input `{name}` was not opened")))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Source)> {
        self.tables.iter()
    }

    /// Key columns of every input.
    pub fn keys(&self) -> BTreeMap<String, Vec<String>> {
        self.tables.iter().map(|(name, source)| (name.clone(), source.key.clone())).collect()
    }

    /// About how many rows all inputs have.
    pub fn row_count(&self) -> u64 {
        self.tables.values().map(Source::row_count).sum()
    }

    /// Registers in a session the inputs that some statements name, restricted, those that
    /// restricting them takes, and the views over them.
    pub async fn register(
        &self,
        ctx: &SessionContext,
        (spec, catalogue): (&TableSpec, &Catalogue),
        restriction: Restriction<'_>,
        statements: &[&str],
    ) -> Result<(), Error> {
        let restricted = !matches!(restriction, Restriction::Whole);
        let named = self.needed(spec, catalogue, restricted, statements)?;
        for input in in_order(spec).filter(|input| named.contains(&input.name)) {
            let source = self.source(&input.name)?;
            let rows = source.restrict(ctx, spec, input, restriction).await?;
            register(ctx, &input.name, rows)
                .map_err(|e| fault::planning(&format!("input {}", input.name), e))?;
        }
        catalogue.register_named(ctx, &named).await
    }

    /// Inputs and views that some statements name, and those that restricting them takes.
    pub fn needed(
        &self,
        spec: &TableSpec,
        catalogue: &Catalogue,
        restricted: bool,
        statements: &[&str],
    ) -> Result<BTreeSet<String>, Error> {
        let mut named = names_in(catalogue, statements)?;
        // A `via` query reads inputs that are restricted before its own.
        for input in in_order(spec).collect::<Vec<_>>().into_iter().rev() {
            if let Reach::Via { sql } = &input.reach
                && restricted
                && named.contains(&input.name)
            {
                named.extend(names_in(catalogue, &[sql])?);
            }
        }
        Ok(named)
    }

    /// Registers the inputs that some statements name whole, each so that a filter for keys reads
    /// only these, and the views.
    pub async fn register_for_lookups(
        &self,
        ctx: &SessionContext,
        catalogue: &Catalogue,
        statements: &[&str],
    ) -> Result<(), Error> {
        let named = names_in(catalogue, statements)?;
        for (name, source) in self.tables.iter().filter(|(name, _)| named.contains(*name)) {
            register(ctx, name, source.for_lookups(ctx).await?)
                .map_err(|e| fault::planning(&format!("input {name}"), e))?;
        }
        catalogue.register_named(ctx, &named).await
    }
}

/// Inputs and views that some statements name, through views too.
fn names_in(catalogue: &Catalogue, statements: &[&str]) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    for sql in statements {
        found.extend(catalogue.named(sql).map_err(|e| fault::planning("a statement", e))?);
    }
    Ok(found)
}

/// Inputs in the order in which they are restricted: a `via` query reads those before it.
pub(crate) fn in_order(spec: &TableSpec) -> impl Iterator<Item = &Input> {
    let late = |input: &&Input| matches!(input.reach, Reach::Via { .. });
    spec.inputs.iter().filter(move |i| !late(i)).chain(spec.inputs.iter().filter(late))
}

fn dimension(catalogue: &Catalogue, name: &str) -> Result<Arc<dyn TableProvider>, Error> {
    let dimension = catalogue.dimension(name).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, format!("dimension `{name}` does not ship with the project"))
    })?;
    let rows = vec![vec![dimension.rows.clone()]];
    let table = MemTable::try_new(dimension.rows.schema(), rows)
        .map_err(|e| fault::running(&format!("dimension {name}"), e))?;
    Ok(Arc::new(table))
}

impl Declarations<'_> {
    /// What an input is declared as; `None` for a dimension.
    pub(crate) fn of(
        &self,
        spec: &TableSpec,
        input: &Input,
    ) -> Result<Option<Declared<'_>>, Error> {
        let name = input.name.as_str();
        let found = match input.kind {
            InputKind::Dimension => return Ok(None),
            InputKind::Dataset => {
                let contract = self.contracts.iter().find(|c| *c.dataset == *name);
                contract.map(|contract| Declared::Dataset(contract))
            }
            InputKind::Table => {
                self.tables.iter().find(|t| t.full_name() == name).map(Declared::Table)
            }
        };
        found.map(Some).ok_or_else(|| {
            let message = format!("table {}: input `{name}` is not declared", spec.full_name());
            Error::new(ErrorKind::Invalid, message)
        })
    }
}

impl Source {
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// The input at its version.
    pub fn snapshot(&self) -> Result<&Arc<dyn Snapshot>, Error> {
        let absent = || Error::new(ErrorKind::Bug, "an input without a version");
        self.snapshot.as_ref().ok_or_else(absent)
    }

    /// About how many rows there are; a dimension is small.
    pub fn row_count(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.row_count())
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub async fn for_lookups(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        let rows = self.whole(ctx).await?;
        Ok(match &self.snapshot {
            Some(snapshot) => Arc::new(Lookup::new(rows, snapshot.clone())),
            None => rows,
        })
    }

    async fn restrict(
        &self,
        ctx: &SessionContext,
        spec: &TableSpec,
        input: &Input,
        restriction: Restriction<'_>,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let what = format!("table {}, input {}", spec.full_name(), input.name);
        match (&input.reach, restriction) {
            (Reach::All, _) | (_, Restriction::Whole) => self.whole(ctx).await,
            (Reach::By(columns), Restriction::Buckets(range)) => {
                let fault = |e| fault::planning(&what, e);
                let Some(filter) = bucket::within(columns, spec.buckets, range) else {
                    return self.whole(ctx).await;
                };
                let rows = ctx.read_table(self.whole(ctx).await?).map_err(fault)?;
                Ok(rows.filter(filter).map_err(fault)?.into_view())
            }
            (Reach::Via { sql }, Restriction::Buckets(range)) => {
                let Some(filter) = bucket::within(&spec.identity, spec.buckets, range) else {
                    return self.whole(ctx).await;
                };
                let (mapping, shared) = self.mapping(ctx, spec, input, sql).await?;
                self.semi_joined(&what, ctx, (mapping, &shared), filter).await
            }
            (_, Restriction::Identities(keys)) => {
                match self.reached(ctx, spec, input, keys).await? {
                    Some((columns, keys)) => self.matching(&what, ctx, &columns, &keys).await,
                    None => self.whole(ctx).await,
                }
            }
        }
    }

    /// The columns by which the rows of an input belong to some identities, and their values;
    /// `None` when every row does.
    pub async fn reached(
        &self,
        ctx: &SessionContext,
        spec: &TableSpec,
        input: &Input,
        keys: &Arc<Keys>,
    ) -> Result<Option<(Vec<String>, Arc<Keys>)>, Error> {
        match &input.reach {
            Reach::All => Ok(None),
            Reach::By(columns) => Ok(Some((columns.clone(), Arc::clone(keys)))),
            Reach::Via { sql } => {
                let what = format!("table {}, input {}", spec.full_name(), input.name);
                let (mapping, shared) = self.mapping(ctx, spec, input, sql).await?;
                let mapping = mapping.filter(keys.contain(&spec.identity));
                let found = self.keys_in(&what, mapping, &shared).await?;
                Ok(Some((shared, Arc::new(found))))
            }
        }
    }

    /// The rows of a `via` query, and the columns on which rows of the input match them.
    pub async fn mapping(
        &self,
        ctx: &SessionContext,
        spec: &TableSpec,
        input: &Input,
        sql: &str,
    ) -> Result<(DataFrame, Vec<String>), Error> {
        let what = format!("table {}, via of input {}", spec.full_name(), input.name);
        let fault = |e| fault::planning(&what, e);
        register(ctx, &input.name, self.for_lookups(ctx).await?).map_err(fault)?;
        let mapping = query(ctx, sql).await.map_err(fault)?;
        ctx.deregister_table(input.name.as_str()).map_err(fault)?;
        let yielded: Vec<String> =
            mapping.schema().fields().iter().map(|f| f.name().clone()).collect();
        let schema = &self.schema;
        let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let shared = matched_on(&columns, &self.key, &yielded, &spec.identity)
            .ok_or_else(|| unmatched(&what, &spec.identity, &yielded))?;
        Ok((mapping, shared))
    }

    async fn semi_joined(
        &self,
        what: &str,
        ctx: &SessionContext,
        (mapping, shared): (DataFrame, &[String]),
        filter: Expr,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let fault = |e| fault::planning(what, e);
        let renamed: Vec<String> = shared.iter().map(|c| format!("via_{c}")).collect();
        let columns: Vec<Expr> =
            shared.iter().zip(&renamed).map(|(c, to)| ident(c).alias(to)).collect();
        let mapping = mapping.filter(filter).and_then(|m| m.select(columns)).map_err(fault)?;
        let left: Vec<&str> = shared.iter().map(String::as_str).collect();
        let right: Vec<&str> = renamed.iter().map(String::as_str).collect();
        let rows = ctx.read_table(self.whole(ctx).await?).map_err(fault)?;
        let rows = rows.join(mapping, JoinType::LeftSemi, &left, &right, None);
        Ok(rows.map_err(fault)?.into_view())
    }

    /// The shared columns of a mapping, as keys of the input's own types.
    async fn keys_in(
        &self,
        what: &str,
        mapping: datafusion::error::Result<DataFrame>,
        shared: &[String],
    ) -> Result<Keys, Error> {
        let columns = shared.iter().map(ident).collect::<Vec<_>>();
        let mapping = mapping.and_then(|m| m.select(columns));
        let mapping = mapping.map_err(|e| fault::planning(what, e))?;
        let found = mapping.collect().await.map_err(|e| fault::running(what, e))?;
        self.keys_of(&found, shared).map_err(|e| fault::running(what, e.into()))
    }

    /// Columns of some rows, as keys of the input's own types.
    pub fn keys_of(
        &self,
        rows: &[RecordBatch],
        columns: &[String],
    ) -> Result<Keys, arrow::error::ArrowError> {
        let schema = &self.schema;
        let kind = |name: &String| schema.field_with_name(name).map(|f| f.data_type().clone());
        let mut keys = Keys::new(columns.iter().map(kind).collect::<Result<_, _>>()?)?;
        if !rows.is_empty() {
            let columns = columns.iter().map(|name| column_of(rows, name));
            keys.insert(&columns.collect::<Result<Vec<_>, _>>()?)?;
        }
        Ok(keys)
    }

    /// Rows whose columns are among the keys, in memory.
    async fn matching(
        &self,
        what: &str,
        ctx: &SessionContext,
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let rows = self.found(ctx, what, columns, keys).await?;
        let schema = rows.first().map_or_else(|| self.schema(), RecordBatch::schema);
        let table = MemTable::try_new(schema, vec![rows]).map_err(|e| fault::planning(what, e))?;
        Ok(Arc::new(table))
    }

    /// Rows whose columns are among the keys.
    pub async fn found(
        &self,
        ctx: &SessionContext,
        what: &str,
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        if let Some(snapshot) = &self.snapshot {
            return snapshot.matching(columns, keys).await;
        }
        let rows = ctx.read_table(self.whole(ctx).await?);
        let rows = rows.and_then(|rows| rows.filter(keys.contain(columns)));
        let rows = rows.map_err(|e| fault::planning(what, e))?;
        rows.collect().await.map_err(|e| fault::running(what, e))
    }

    /// All rows.
    pub async fn whole(&self, ctx: &SessionContext) -> Result<Arc<dyn TableProvider>, Error> {
        let known = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (None, Some(snapshot)) = (&known, &self.snapshot) else {
            let absent = || Error::new(ErrorKind::Bug, "an input without rows");
            return known.ok_or_else(absent);
        };
        let rows = snapshot.rows(ctx).await?;
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&rows));
        Ok(rows)
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
