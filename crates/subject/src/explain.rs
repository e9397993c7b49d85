//! Why a row is what it is: the input rows it was made of, at the versions it was made from.
//!
//! The rows of an input that belong to the row's identity are found as an incremental refresh
//! finds them, by [`crate::restrict`], at the versions that the table's last commit records. From
//! these rows the row is built again and compared with the one that is stored, so that the
//! explanation is not only told but tried.
//!
//! - Of an input with `by` or `via`: the rows of the identity; of these, those of the row's own
//!   group, where a key column beyond the identity is a column of the input.
//! - Of an input with `all`: the rows that the query joins with those, where it joins the input
//!   itself; else it is the whole table.

mod expression;
mod group;
mod partners;
#[cfg(test)]
mod tests;

pub use expression::{Expression, expressions};

use crate::among::Keys;
use crate::build::Build;
use crate::catalogue::query;
use crate::fault;
use crate::parameters::{Bound, typed};
use crate::port::Declared;
use crate::record::BuildRecord;
use crate::refresh::{Declarations, Ports, hash_of, shape};
use crate::restrict::{Sources, in_order};
use crate::schema;
use crate::session::{Budget, Sessions, register};
use arrow::array::ArrayRef;
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::{Input, Reach, TableSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One row of a table and what it was made of.
#[derive(Debug)]
pub struct Explained {
    /// Version of the table that was read.
    pub table_version: i64,
    /// How that version came to be.
    pub record: BuildRecord,
    /// Whether the query that is declared now is the one of the record.
    pub is_same_query: bool,
    /// Why the inputs are shown as they are now; `None` when as the record says.
    pub not_as_read: Option<String>,
    /// The row as it is stored; `None` when the table has no such row.
    pub row: Option<RecordBatch>,
    /// The identity of the row, one row; `None` when only the row could tell it.
    pub identity: Option<RecordBatch>,
    /// What a build from these inputs gives; `None` when it was not tried.
    pub rebuilt: Option<Rebuilt>,
    /// In the order of table.yaml; none without an identity.
    pub inputs: Vec<InputRows>,
}

/// What a build of the identity from the inputs gives, compared with the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuilt {
    /// The row as it is stored, or no row where none is.
    Equal,
    /// Another value in these columns.
    Differs(Vec<String>),
    /// No such row, and the table has one.
    Gone,
    /// Such a row, and the table has none.
    Missing,
}

/// Rows of one input.
#[derive(Debug)]
pub struct InputRows {
    pub input: Input,
    pub key: Vec<String>,
    /// Version of `changes` of a dataset, version of a subject table; none of a dimension.
    pub version: Option<i64>,
    /// By which columns and values the rows were found; `None` when all rows belong to all.
    pub reached: Option<(Vec<String>, Arc<Keys>)>,
    /// Columns that narrow the rows down to the row's own group, with the key columns they are.
    pub narrowed: Vec<(String, String)>,
    pub extent: Extent,
}

/// How much of an input a row is made of.
#[derive(Debug)]
pub enum Extent {
    /// These rows, sorted by key.
    Rows(RecordBatch),
    /// The whole input, of about so many rows.
    Whole(u64),
}

/// Explains the row of a key, which is given as text by column.
///
/// # Errors
/// `Invalid` for a table that was never built or a value of another type; else what the ports
/// report.
pub async fn explain(
    spec: &TableSpec,
    declared: Declarations<'_>,
    ports: Ports<'_>,
    key: &BTreeMap<String, String>,
    budget: &Budget,
) -> Result<Explained, Error> {
    let name = spec.full_name();
    let table = ports.inputs.open(Declared::Table(spec)).await?;
    let record = ports.target.last(&shape(spec)).await?.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, format!("table {name} has no record of a build"))
            .help(format!("build it again: huiliu refresh {name}"))
    })?;
    let wanted = values(spec, &spec.key, key)?;
    let found = table.matching(&spec.key, &Arc::new(wanted)).await?;
    let row = found.into_iter().find(|batch| batch.num_rows() > 0).map(|batch| batch.slice(0, 1));
    let identity = identity(spec, key, row.as_ref())?;
    let mut explained = Explained {
        table_version: table.pin().version,
        is_same_query: record.query_xxh3 == hash_of(spec, declared.catalogue),
        record,
        not_as_read: None,
        row,
        identity: None,
        rebuilt: None,
        inputs: Vec::new(),
    };
    let Some(identity) = identity else { return Ok(explained) };
    let broken = |e: ArrowError| broken(&name, e);
    explained.identity = Some(identity.batch(&spec.identity).map_err(broken)?);

    let sessions = Sessions::new(budget, declared.catalogue.functions())?;
    let ctx = sessions.open();
    let pins = &explained.record.inputs;
    let sources = match Sources::reopen(spec, declared, ports.inputs, pins).await? {
        Ok(sources) => sources,
        Err(why) => {
            explained.not_as_read = Some(why);
            Sources::open(spec, declared, ports.inputs).await?
        }
    };
    let search = Search { spec, declared, ctx: &ctx, sources: &sources };
    let identity = Arc::new(identity);
    let mut inputs = search.restricted(&identity).await?;
    declared.catalogue.register_views(&ctx).await?;
    // Parameters of another query need not be those of this one.
    if let Ok(parameters) = Bound::new(spec, &explained.record.parameters) {
        let build = Build {
            spec,
            catalogue: declared.catalogue,
            sources: &sources,
            sessions: &sessions,
            parameters: &parameters,
        };
        search.refine(&mut inputs, &build, explained.row.as_ref()).await?;
        let can_be_tried = explained.is_same_query
            && explained.not_as_read.is_none()
            && explained.record.locality.obstacle.is_none();
        if can_be_tried {
            let rows = build.identities(&ctx, &identity).await?;
            let wanted = values(spec, &spec.key, key)?;
            explained.rebuilt = Some(compare(spec, &rows, &wanted, explained.row.as_ref())?);
        }
    }
    explained.inputs = inputs;
    Ok(explained)
}

/// Whether the texts of a key fit the types of its columns.
///
/// # Errors
/// `Invalid` with the first column that is missing or does not fit.
pub fn check_key(spec: &TableSpec, key: &BTreeMap<String, String>) -> Result<(), Error> {
    values(spec, &spec.key, key).map(|_| ())
}

/// The values of some columns as one tuple of their declared types.
fn values(
    spec: &TableSpec,
    columns: &[String],
    given: &BTreeMap<String, String>,
) -> Result<Keys, Error> {
    let name = spec.full_name();
    let value = |column: &String| -> Result<ArrayRef, Error> {
        let declared = spec.columns.iter().find(|c| c.name == *column);
        let kind = declared.map_or("string", |c| c.data_type.as_str());
        let value = given.get(column).and_then(|text| typed(text, kind));
        let value = value.ok_or_else(|| {
            let message = format!("table {name}: `{column}` is to be a {kind}");
            Error::new(ErrorKind::Invalid, message)
        })?;
        value.to_array().map_err(|e| fault::planning(&name, e))
    };
    let values = columns.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    let types = values.iter().map(|v| v.data_type().clone()).collect();
    let mut keys = Keys::new(types).map_err(|e| broken(&name, e))?;
    keys.insert(&values).map_err(|e| broken(&name, e))?;
    Ok(keys)
}

/// The identity of a row, or of a key that holds it.
fn identity(
    spec: &TableSpec,
    key: &BTreeMap<String, String>,
    row: Option<&RecordBatch>,
) -> Result<Option<Keys>, Error> {
    let Some(row) = row else {
        let is_told = spec.identity.iter().all(|column| key.contains_key(column));
        return is_told.then(|| values(spec, &spec.identity, key)).transpose();
    };
    let name = spec.full_name();
    let column = |name: &String| row.column_by_name(name).cloned();
    let Some(columns) = spec.identity.iter().map(column).collect::<Option<Vec<_>>>() else {
        let message = format!("table {name} lacks a column of its identity");
        return Err(Error::new(ErrorKind::Corrupt, message));
    };
    let types = columns.iter().map(|c| c.data_type().clone()).collect();
    let mut keys = Keys::new(types).map_err(|e| broken(&name, e))?;
    keys.insert(&columns).map_err(|e| broken(&name, e))?;
    Ok(Some(keys))
}

/// What a search for the rows of one identity reads.
struct Search<'a> {
    spec: &'a TableSpec,
    declared: Declarations<'a>,
    ctx: &'a SessionContext,
    sources: &'a Sources,
}

impl Search<'_> {
    /// The rows of every input, which the session then knows so restricted.
    async fn restricted(&self, identity: &Arc<Keys>) -> Result<Vec<InputRows>, Error> {
        let mut found = Vec::with_capacity(self.spec.inputs.len());
        for input in in_order(self.spec) {
            found.push(self.of_input(input, identity).await?);
        }
        let place = |rows: &InputRows| self.spec.inputs.iter().position(|i| *i == rows.input);
        found.sort_by_key(place);
        Ok(found)
    }

    async fn of_input(&self, input: &Input, identity: &Arc<Keys>) -> Result<InputRows, Error> {
        let what = format!("table {}, input {}", self.spec.full_name(), input.name);
        let source = self.sources.source(&input.name)?;
        let reached = source.reached(self.ctx, self.spec, input, identity).await?;
        let key = source.key().to_vec();
        let extent = match &reached {
            None => {
                register(self.ctx, &input.name, source.whole(self.ctx).await?)
                    .map_err(|e| fault::planning(&what, e))?;
                let rows = self.declared.catalogue.dimension(&input.name).map(|d| &d.rows);
                Extent::Whole(rows.map_or_else(|| source.row_count(), |r| r.num_rows() as u64))
            }
            Some((columns, keys)) => {
                let rows = source.found(self.ctx, &what, columns, keys).await?;
                let schema = rows.first().map_or_else(|| source.schema(), RecordBatch::schema);
                let all = concat_batches(&schema, &rows).map_err(|e| broken(&what, e))?;
                let all = sorted(&all, &key).map_err(|e| broken(&what, e))?;
                let table = MemTable::try_new(schema, vec![vec![all.clone()]])
                    .map_err(|e| fault::planning(&what, e))?;
                register(self.ctx, &input.name, Arc::new(table))
                    .map_err(|e| fault::planning(&what, e))?;
                Extent::Rows(all)
            }
        };
        let version = self.sources.pins.get(&input.name).map(|pin| pin.version);
        Ok(InputRows { input: input.clone(), key, version, reached, narrowed: Vec::new(), extent })
    }

    /// Narrows rows down to the row's group, and finds what is joined of inputs of all.
    async fn refine(
        &self,
        inputs: &mut [InputRows],
        build: &Build<'_>,
        row: Option<&RecordBatch>,
    ) -> Result<(), Error> {
        let name = self.spec.full_name();
        let Ok(rows) = query(self.ctx, &self.spec.query).await else { return Ok(()) };
        let Ok(rows) = rows.with_param_values(build.parameters.values()) else { return Ok(()) };
        let plan = rows.logical_plan();
        for rows in inputs.iter_mut() {
            if rows.input.reach == Reach::All {
                if let Some(joined) = self.joined(plan, &rows.input.name).await? {
                    let joined = sorted(&joined, &rows.key).map_err(|e| broken(&name, e))?;
                    rows.extent = Extent::Rows(joined);
                }
            } else if let (Some(row), Extent::Rows(all)) = (row, &rows.extent) {
                let narrowed = group::columns(plan, self.spec, &rows.input.name);
                let kept = narrow(all, row, &narrowed).map_err(|e| broken(&name, e))?;
                rows.extent = Extent::Rows(kept);
                rows.narrowed = narrowed;
            }
        }
        Ok(())
    }

    /// Rows of an input of all identities that the query joins with the others.
    async fn joined(&self, plan: &LogicalPlan, name: &str) -> Result<Option<RecordBatch>, Error> {
        let what = format!("table {}, input {name}", self.spec.full_name());
        let Some(plan) = partners::of(plan, name).map_err(|e| fault::planning(&what, e))? else {
            return Ok(None);
        };
        let state = self.ctx.state();
        let rows = datafusion::dataframe::DataFrame::new(state, plan);
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let found = rows.collect().await.map_err(|e| fault::running(&what, e))?;
        concat_batches(&schema, &found).map(Some).map_err(|e| broken(&what, e))
    }
}

/// Rows that agree with `row` in pairs of a column and a key column.
fn narrow(
    rows: &RecordBatch,
    row: &RecordBatch,
    pairs: &[(String, String)],
) -> Result<RecordBatch, ArrowError> {
    let mut kept = rows.clone();
    for (column, key) in pairs {
        let (Some(value), Some(column)) = (row.column_by_name(key), kept.column_by_name(column))
        else {
            continue;
        };
        let mut wanted = Keys::new(vec![column.data_type().clone()])?;
        wanted.insert(std::slice::from_ref(value))?;
        let mask = wanted.mask(std::slice::from_ref(column))?;
        kept = filter_record_batch(&kept, &mask)?;
    }
    Ok(kept)
}

fn sorted(rows: &RecordBatch, key: &[String]) -> Result<RecordBatch, ArrowError> {
    let column = |name: &String| {
        rows.column_by_name(name).map(|c| SortColumn { values: Arc::clone(c), options: None })
    };
    let by: Vec<SortColumn> = key.iter().filter_map(column).collect();
    if by.is_empty() || rows.num_rows() < 2 {
        return Ok(rows.clone());
    }
    take_record_batch(rows, &lexsort_to_indices(&by, None)?)
}

/// Compares the row of a key among built rows with the one that is stored.
fn compare(
    spec: &TableSpec,
    built: &[RecordBatch],
    wanted: &Keys,
    stored: Option<&RecordBatch>,
) -> Result<Rebuilt, Error> {
    let broken = |e| broken(&spec.full_name(), e);
    let all = concat_batches(&schema::declared(spec), built).map_err(broken)?;
    let key: Option<Vec<ArrayRef>> =
        spec.key.iter().map(|name| all.column_by_name(name).cloned()).collect();
    let mask = wanted.mask(&key.unwrap_or_default()).map_err(broken)?;
    let built = filter_record_batch(&all, &mask).map_err(broken)?;
    Ok(match (stored, built.num_rows()) {
        (None, 0) => Rebuilt::Equal,
        (None, _) => Rebuilt::Missing,
        (Some(_), 0) => Rebuilt::Gone,
        (Some(stored), _) => {
            let differs = |name: &&String| {
                let built = built.column_by_name(name).map(|c| c.slice(0, 1));
                stored.column_by_name(name).map(|c| c.to_data()) != built.map(|c| c.to_data())
            };
            let names = spec.columns.iter().map(|column| &column.name);
            let differing: Vec<String> = names.filter(differs).cloned().collect();
            match differing.is_empty() {
                true => Rebuilt::Equal,
                false => Rebuilt::Differs(differing),
            }
        }
    })
}

fn broken(what: &str, error: ArrowError) -> Error {
    Error::new(ErrorKind::Bug, format!("{what}: its rows do not fit")).because(error)
}
