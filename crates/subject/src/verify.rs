//! Whether a table is what a full build of its own inputs gives.
//!
//! The build is done again at the versions and with the parameters that the table's last commit
//! records, for all rows or for a sample of identities, and compared row by row. Nothing is
//! written. A sample is spread over the identities of the table and of the inputs that carry
//! them, so that a row that is missing can be found as well as one that is wrong.

use crate::among::{Keys, column_of};
use crate::bucket;
use crate::build::Build;
use crate::fault;
use crate::memory::without;
use crate::parameters::Bound;
use crate::port::{Declared, Snapshot};
use crate::record::BuildRecord;
use crate::refresh::{Declarations, Ports, hash_of, shape};
use crate::restrict::{Restriction, Sources};
use crate::schema;
use crate::session::{Budget, Sessions};
use arrow::array::ArrayRef;
use arrow::compute::{and, filter, is_not_null};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionContext, ident};
use huiliu_model::{Error, ErrorKind, Grade};
use huiliu_spec::table::{Reach, TableSpec};
use std::sync::Arc;

/// Keys that are named of rows that differ.
const NAMED_MAX: usize = 5;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Identities that were compared; `None` when all were.
    pub identities: Option<u64>,
    /// Rows of the table that were compared.
    pub row_count: u64,
    /// Rows that a full build gives and the table has not, or not so.
    pub missing: u64,
    /// Rows that the table has and a full build does not give, or not so.
    pub unexpected: u64,
    /// Keys of the first rows that differ; none where the key is of grade L3 or L4.
    pub named: Vec<String>,
}

impl Verified {
    pub fn is_equal(&self) -> bool {
        self.missing == 0 && self.unexpected == 0
    }
}

/// Compares a table with a full build at its recorded versions.
///
/// # Errors
/// `Invalid` for a table that was never built, or by another query; `Unavailable` when its inputs
/// can no longer be read as they were; else what the ports report.
pub async fn verify(
    spec: &TableSpec,
    declared: Declarations<'_>,
    ports: Ports<'_>,
    sample: Option<usize>,
    budget: &Budget,
) -> Result<Verified, Error> {
    let name = spec.full_name();
    let invalid = |message: String| {
        Error::new(ErrorKind::Invalid, message).help(format!("run huiliu refresh {name} first"))
    };
    let table = ports.inputs.open(Declared::Table(spec)).await?;
    let last = ports.target.last(&shape(spec)).await?;
    let last = last.ok_or_else(|| invalid(format!("table {name} has no record of a build")))?;
    if last.query_xxh3 != hash_of(spec, declared.catalogue) {
        return Err(invalid(format!("table {name} was built by another query than it has now")));
    }
    let catalogue = declared.catalogue;
    let parameters = Bound::new(spec, &last.parameters)?;
    let sessions = Sessions::new(budget, catalogue.functions())?;
    let ctx = sessions.open();
    let sources = Sources::reopen(spec, declared, ports.inputs, &last.inputs).await?;
    let sources = sources.map_err(|why| {
        Error::new(ErrorKind::Unavailable, format!("table {name} cannot be verified: {why}"))
    })?;
    let build =
        Build { spec, catalogue, sources: &sources, sessions: &sessions, parameters: &parameters };
    let comparison = Comparison { build: &build, table: table.as_ref(), ctx: &ctx };
    match sample.filter(|_| last.locality.obstacle.is_none()) {
        Some(count) => comparison.of_sample(count).await,
        None => comparison.of_all(budget.buckets_per_pass, &last).await,
    }
}

struct Comparison<'a> {
    build: &'a Build<'a>,
    table: &'a dyn Snapshot,
    ctx: &'a SessionContext,
}

impl Comparison<'_> {
    async fn of_all(&self, buckets_per_pass: u32, last: &BuildRecord) -> Result<Verified, Error> {
        let spec = self.build.spec;
        let fault = |e| fault::planning(&self.build.name(), e);
        let rows = self.table.rows(self.ctx).await?;
        let mut found = Verified::default();
        for range in self.build.passes(buckets_per_pass) {
            let held = self.ctx.read_table(rows.clone()).map_err(fault)?;
            let held = match bucket::within(&spec.identity, spec.buckets, &range) {
                Some(filter) => held.filter(filter).map_err(fault)?,
                None => held,
            };
            let held = held.collect().await.map_err(|e| fault::running(&self.build.name(), e))?;
            let built = self.build.pass(range).await?;
            self.compare(&built, &held, &mut found)?;
        }
        if found.row_count != last.row_count {
            let (row_count, recorded) = (found.row_count, last.row_count);
            tracing::warn!(row_count, recorded, "the record counts other rows than there are");
        }
        Ok(found)
    }

    async fn of_sample(&self, count: usize) -> Result<Verified, Error> {
        let keys = self.sample(count).await?;
        let identities = Some(keys.len() as u64);
        let mut found = Verified { identities, ..Verified::default() };
        if keys.is_empty() {
            return Ok(found);
        }
        let keys = Arc::new(keys);
        let ctx = self.build.sessions.open();
        let query = self.build.spec.query.as_str();
        self.build.register(&ctx, Restriction::Identities(&keys), &[query]).await?;
        let built = self.build.identities(&ctx, &keys).await?;
        let held = self.table.matching(&self.build.spec.identity, &keys).await?;
        self.compare(&built, &held, &mut found)?;
        Ok(found)
    }

    /// Half of the sample from the table, half from the inputs that carry the identity.
    async fn sample(&self, count: usize) -> Result<Keys, Error> {
        let spec = self.build.spec;
        let declared = schema::declared(spec);
        let kind = |name: &String| declared.field_with_name(name).map(|f| f.data_type().clone());
        let types: Result<Vec<_>, _> = spec.identity.iter().map(kind).collect();
        let types = types.map_err(|e| self.broken(e))?;
        let empty = || Keys::new(types.clone()).map_err(|e| self.broken(e));
        let (mut of_table, mut of_inputs) = (empty()?, empty()?);
        self.take(self.table, &spec.identity, &mut of_table).await?;
        for input in &spec.inputs {
            let source = self.build.sources.source(&input.name)?;
            if let (Reach::By(columns), Some(snapshot)) = (&input.reach, &source.snapshot) {
                self.take(snapshot.as_ref(), columns, &mut of_inputs).await?;
            }
        }
        let half = count.div_ceil(2);
        let mut keys = of_table.thinned(half).map_err(|e| self.broken(e))?;
        let more = of_inputs.thinned(count - half.min(count)).map_err(|e| self.broken(e))?;
        let more = more.batch(&spec.identity).map_err(|e| self.broken(e))?;
        if count > half {
            keys.insert(more.columns()).map_err(|e| self.broken(e))?;
        }
        Ok(keys)
    }

    async fn take(
        &self,
        snapshot: &dyn Snapshot,
        columns: &[String],
        keys: &mut Keys,
    ) -> Result<(), Error> {
        let what = self.build.name();
        let rows = self.ctx.read_table(snapshot.rows(self.ctx).await?);
        let rows = rows.and_then(|rows| rows.select(columns.iter().map(ident).collect::<Vec<_>>()));
        let rows = rows.map_err(|e| fault::planning(&what, e))?;
        let rows = rows.collect().await.map_err(|e| fault::running(&what, e))?;
        if rows.is_empty() {
            return Ok(());
        }
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            columns.iter().map(|name| column_of(&rows, name)).collect();
        let complete = columns.and_then(|columns| complete(&columns));
        complete.and_then(|columns| keys.insert(&columns)).map_err(|e| self.broken(e))
    }

    fn compare(
        &self,
        built: &[RecordBatch],
        held: &[RecordBatch],
        found: &mut Verified,
    ) -> Result<(), Error> {
        let count = |rows: &[RecordBatch]| rows.iter().map(|b| b.num_rows() as u64).sum::<u64>();
        let missing = without(built, held).map_err(|e| self.broken(e))?;
        let unexpected = without(held, built).map_err(|e| self.broken(e))?;
        found.row_count += count(held);
        found.missing += count(&missing);
        found.unexpected += count(&unexpected);
        // Rows are unique by key; where they are not, they still have to be as many.
        let (built, held) = (count(built) - count(&missing), count(held) - count(&unexpected));
        found.missing += built.saturating_sub(held);
        found.unexpected += held.saturating_sub(built);
        for batch in missing.iter().chain(&unexpected) {
            self.name(batch, &mut found.named).map_err(|e| self.broken(e))?;
        }
        Ok(())
    }

    fn name(&self, rows: &RecordBatch, named: &mut Vec<String>) -> Result<(), ArrowError> {
        let spec = self.build.spec;
        let is_open = |name: &String| {
            let column = spec.columns.iter().find(|c| c.name == *name);
            column.is_some_and(|c| matches!(c.grade, Grade::L1 | Grade::L2))
        };
        if !spec.key.iter().all(is_open) {
            return Ok(());
        }
        let options = FormatOptions::new().with_null("null");
        for row in 0..rows.num_rows() {
            if named.len() >= NAMED_MAX {
                break;
            }
            let mut parts = Vec::with_capacity(spec.key.len());
            for name in &spec.key {
                let column = column_of(std::slice::from_ref(rows), name)?;
                let value = ArrayFormatter::try_new(column.as_ref(), &options)?;
                parts.push(format!("{name}={}", value.value(row).try_to_string()?));
            }
            let text = parts.join(" ");
            if !named.contains(&text) {
                named.push(text);
            }
        }
        Ok(())
    }

    fn broken(&self, error: ArrowError) -> Error {
        let message = format!("table {}: its rows cannot be compared", self.build.name());
        Error::new(ErrorKind::Bug, message).because(error)
    }
}

/// Tuples without a null.
fn complete(columns: &[ArrayRef]) -> Result<Vec<ArrayRef>, ArrowError> {
    let Some(first) = columns.first() else { return Ok(Vec::new()) };
    let mut kept = is_not_null(first)?;
    for column in &columns[1..] {
        kept = and(&kept, &is_not_null(column)?)?;
    }
    columns.iter().map(|column| filter(column, &kept)).collect()
}

#[cfg(test)]
mod tests;
