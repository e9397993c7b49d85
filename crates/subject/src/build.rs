//! The build of a table: some buckets at a time, or only some identities.
//!
//! Owns the run of `query.sql` on restricted inputs. Each pass yields the rows of its buckets or
//! identities, sorted by key, in the declared schema. Refuses rows whose identity lies outside the
//! pass: a query that invents them would build differently in another number of passes. Memory is
//! that of one pass.

use crate::among::Keys;
use crate::bucket;
use crate::catalogue::Catalogue;
use crate::fault;
use crate::parameters::Bound;
use crate::prepared::{Finish, Runner, Statement, Tables};
use crate::restrict::{Restriction, Sources};
use crate::schema;
use crate::session::Sessions;
use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::{SessionContext, ident};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::TableSpec;
use std::ops::Range;
use std::sync::Arc;

const FOREIGN: &str = "an input reaches the identity by other columns than `by` or `via` say";

/// Everything that one build of one table is a function of.
pub(crate) struct Build<'a> {
    pub spec: &'a TableSpec,
    pub catalogue: &'a Catalogue,
    pub sources: &'a Sources,
    pub sessions: &'a Sessions,
    pub parameters: &'a Bound,
}

impl Build<'_> {
    /// The passes of a build: half-open ranges of buckets that touch.
    pub fn passes(&self, buckets_per_pass: u32) -> impl Iterator<Item = Range<u32>> + use<> {
        let (step, end) = (buckets_per_pass.max(1), self.spec.buckets);
        (0..end)
            .step_by(usize::try_from(step).expect("u32 fits in usize"))
            .map(move |start| start..start.saturating_add(step).min(end))
    }

    /// Rows of `range` of the buckets.
    pub async fn pass(&self, range: Range<u32>) -> Result<Vec<RecordBatch>, Error> {
        let ctx = self.sessions.open();
        self.register(&ctx, Restriction::Buckets(&range), &[&self.spec.query]).await?;
        let rows = self.run(&ctx).await?;
        for batch in &rows {
            let within = |bucket: &i32| u32::try_from(*bucket).is_ok_and(|b| range.contains(&b));
            if let Some(bucket) = self.buckets(batch)?.into_iter().find(|found| !within(found)) {
                return Err(self.foreign(bucket, &range));
            }
        }
        Ok(rows)
    }

    /// All rows in one piece, from inputs that are not restricted.
    pub async fn whole(&self) -> Result<Vec<RecordBatch>, Error> {
        let ctx = self.sessions.open();
        self.register(&ctx, Restriction::Whole, &[&self.spec.query]).await?;
        self.run(&ctx).await
    }

    /// Rows of some identities, by the query in a session whose inputs are restricted to them.
    pub async fn identities(
        &self,
        ctx: &SessionContext,
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        self.own(self.run(ctx).await?, keys)
    }

    /// As [`Build::identities`], over rows of the inputs that were gathered for them.
    pub async fn identities_of(
        &self,
        tables: &Tables<'_>,
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        self.own(self.over(tables).await?, keys)
    }

    /// The rows that gathered rows of the inputs yield.
    pub async fn over(&self, tables: &Tables<'_>) -> Result<Vec<RecordBatch>, Error> {
        let (spec, sql) = (self.spec, self.spec.query.as_str());
        let what = format!("table {}, query.sql", self.name());
        let (parameters, finish) = (Some(self.parameters), Finish::Sorted(spec.key.clone()));
        let statement = Statement { what, sql, parameters, finish };
        let (schema, rows) = self.runner().run(&statement, tables, None).await?;
        schema::verify(spec, &schema)?;
        let (table, declared) = (self.name(), schema::declared(spec));
        rows.iter().map(|batch| schema::conform(&table, &declared, batch)).collect()
    }

    pub fn runner(&self) -> Runner<'_> {
        Runner { catalogue: self.catalogue, sessions: self.sessions }
    }

    /// Rows, if all of them are of these identities.
    fn own(&self, rows: Vec<RecordBatch>, keys: &Arc<Keys>) -> Result<Vec<RecordBatch>, Error> {
        for batch in &rows {
            let known = keys.mask(&self.identity(batch)?);
            let known = known.map_err(|e| fault::planning(&self.name(), e.into()))?;
            if known.true_count() < batch.num_rows() {
                let message = format!(
                    "table {}: a refresh of {} identities yields a row of another one",
                    self.name(),
                    keys.len()
                );
                return Err(Error::new(ErrorKind::Invalid, message).help(FOREIGN));
            }
        }
        Ok(rows)
    }

    /// Registers the inputs and views that some statements name, as this build restricts them.
    pub async fn register(
        &self,
        ctx: &SessionContext,
        restriction: Restriction<'_>,
        statements: &[&str],
    ) -> Result<(), Error> {
        let (spec, catalogue) = (self.spec, self.catalogue);
        self.sources.register(ctx, (spec, catalogue), restriction, statements).await
    }

    async fn run(&self, ctx: &SessionContext) -> Result<Vec<RecordBatch>, Error> {
        let table = self.name();
        let what = format!("table {table}, query.sql");
        let planning = |e| fault::planning(&what, e);
        let rows = self.catalogue.query(ctx, &self.spec.query).await.map_err(planning)?;
        let rows = rows.with_param_values(self.parameters.values()).map_err(planning)?;
        schema::verify(self.spec, rows.schema().as_arrow())?;
        let by_key = self.spec.key.iter().map(|k| ident(k).sort(true, true)).collect();
        let rows = rows.sort(by_key).map_err(planning)?;
        let rows = rows.collect().await.map_err(|e| fault::running(&what, e))?;
        let declared = schema::declared(self.spec);
        rows.iter().map(|batch| schema::conform(&table, &declared, batch)).collect()
    }

    fn buckets(&self, batch: &RecordBatch) -> Result<Vec<i32>, Error> {
        let buckets = bucket::buckets_of(&self.identity(batch)?, self.spec.buckets)
            .map_err(|e| fault::planning(&self.name(), e))?;
        Ok(buckets.values().to_vec())
    }

    /// Distinct identities among some rows.
    pub fn distinct(&self, rows: &[RecordBatch]) -> Result<u64, Error> {
        let Some(first) = rows.first() else { return Ok(0) };
        let failed = |e: ArrowError| fault::planning(&self.name(), e.into());
        let types = self.identity(first)?.iter().map(|c| c.data_type().clone()).collect();
        let mut found = Keys::new(types).map_err(failed)?;
        for batch in rows {
            found.insert(&self.identity(batch)?).map_err(failed)?;
        }
        Ok(found.len() as u64)
    }

    /// Identity columns of some rows.
    pub fn identity(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, Error> {
        let column = |name: &String| -> Result<ArrayRef, Error> {
            batch.column_by_name(name).cloned().ok_or_else(|| {
                let table = self.name();
                Error::new(
                    ErrorKind::Invalid,
                    format!("table {table}: identity column `{name}` is not among its columns"),
                )
            })
        };
        self.spec.identity.iter().map(column).collect()
    }

    fn foreign(&self, bucket: i32, range: &Range<u32>) -> Error {
        Error::new(
            ErrorKind::Invalid,
            format!(
                "table {}: buckets {}..{} yield a row whose identity is of bucket {bucket}",
                self.name(),
                range.start,
                range.end
            ),
        )
        .help(FOREIGN)
    }

    pub fn name(&self) -> String {
        self.spec.full_name()
    }
}
