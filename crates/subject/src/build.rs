//! The build of a table: some buckets at a time, or only some identities.
//!
//! Owns the run of `query.sql` on restricted inputs. Each pass yields the rows of its buckets or
//! identities, sorted by key, in the declared schema. Refuses rows whose identity lies outside the
//! pass: a query that invents them would build differently in another number of passes. Memory is
//! that of one pass.

use crate::among::Keys;
use crate::bucket;
use crate::catalogue::{Catalogue, query};
use crate::fault;
use crate::parameters::Bound;
use crate::restrict::{Restriction, Sources};
use crate::schema;
use crate::session::Sessions;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::{SessionContext, ident};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::TableSpec;
use std::ops::Range;
use std::sync::Arc;

const FOREIGN: &str = "an input reaches the identity by other columns than `by` or `via` say";

/// Rows of one bucket, sorted by key.
#[derive(Debug, Clone)]
pub struct BucketRows {
    pub bucket: u32,
    pub rows: Vec<RecordBatch>,
}

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

    /// Rows of `range` of the buckets, every bucket once, empty ones too.
    pub async fn pass(&self, range: Range<u32>) -> Result<Vec<BucketRows>, Error> {
        let ctx = self.sessions.open();
        self.register(&ctx, Restriction::Buckets(&range)).await?;
        let rows = self.run(&ctx).await?;
        self.split(rows, range)
    }

    /// All rows in one piece, from inputs that are not restricted.
    pub async fn whole(&self) -> Result<Vec<RecordBatch>, Error> {
        let ctx = self.sessions.open();
        self.register(&ctx, Restriction::Whole).await?;
        self.run(&ctx).await
    }

    /// Rows of some identities, by the query in a session whose inputs are restricted to them.
    pub async fn identities(
        &self,
        ctx: &SessionContext,
        keys: &Arc<Keys>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let rows = self.run(ctx).await?;
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

    /// Registers inputs and views as this build restricts them.
    pub async fn register(
        &self,
        ctx: &SessionContext,
        restriction: Restriction<'_>,
    ) -> Result<(), Error> {
        self.sources.register(ctx, self.spec, self.catalogue, restriction).await
    }

    async fn run(&self, ctx: &SessionContext) -> Result<Vec<RecordBatch>, Error> {
        let table = self.name();
        let what = format!("table {table}, query.sql");
        let planning = |e| fault::planning(&what, e);
        let rows = query(ctx, &self.spec.query).await.map_err(planning)?;
        let rows = rows.with_param_values(self.parameters.values()).map_err(planning)?;
        schema::verify(self.spec, rows.schema().as_arrow())?;
        let by_key = self.spec.key.iter().map(|k| ident(k).sort(true, true)).collect();
        let rows = rows.sort(by_key).map_err(planning)?;
        let rows = rows.collect().await.map_err(|e| fault::running(&what, e))?;
        let declared = schema::declared(self.spec);
        rows.iter().map(|batch| schema::conform(&table, &declared, batch)).collect()
    }

    /// Sorts rows of some buckets into them; a bucket without rows comes too.
    pub fn split(
        &self,
        rows: Vec<RecordBatch>,
        range: Range<u32>,
    ) -> Result<Vec<BucketRows>, Error> {
        let mut split: Vec<BucketRows> =
            range.clone().map(|bucket| BucketRows { bucket, rows: Vec::new() }).collect();
        for batch in rows {
            let mut places = vec![Vec::new(); split.len()];
            for (row, bucket) in (0_u32..).zip(self.buckets(&batch)?) {
                let place = usize::try_from(i64::from(bucket) - i64::from(range.start)).ok();
                let Some(rows) = place.and_then(|p| places.get_mut(p)) else {
                    return Err(self.foreign(bucket, &range));
                };
                rows.push(row);
            }
            for (held, rows) in split.iter_mut().zip(places).filter(|(_, rows)| !rows.is_empty()) {
                if rows.len() == batch.num_rows() {
                    held.rows.push(batch.clone());
                    continue;
                }
                let taken = take_record_batch(&batch, &UInt32Array::from(rows))
                    .map_err(|e| fault::running(&self.name(), e.into()))?;
                held.rows.push(taken);
            }
        }
        Ok(split)
    }

    fn buckets(&self, batch: &RecordBatch) -> Result<Vec<i32>, Error> {
        let buckets = bucket::buckets_of(&self.identity(batch)?, self.spec.buckets)
            .map_err(|e| fault::planning(&self.name(), e))?;
        Ok(buckets.values().to_vec())
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
