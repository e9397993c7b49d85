//! A refresh of some identities: their rows are built from inputs restricted to them and take
//! the place of the rows that these identities had; all others are left alone.
//!
//! A check whose findings are determined by the identity sees what the build saw; any other
//! sees the whole table and the whole inputs, as after a full build.

use super::{Built, Refresh};
use crate::among::Keys;
use crate::check::{self, CheckOutcome, STAGED};
use crate::fault;
use crate::port::{Scope, Staging};
use crate::record::BuildRecord;
use crate::restrict::Restriction;
use crate::session::register;
use arrow::compute::{SortColumn, take_record_batch};
use arrow::compute::{concat_batches, filter_record_batch, lexsort_to_indices, not};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use huiliu_model::{Error, ErrorKind};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Refresh<'_> {
    pub(super) async fn some(&self, keys: &Arc<Keys>, last: &BuildRecord) -> Result<Built, Error> {
        let build = &self.build;
        let mut staging = self.ports.target.begin(&self.shape).await?;
        let (mut added, mut removed, mut buckets) = (0, 0, 0);
        let mut checks = last.checks.clone();
        if !keys.is_empty() {
            let ctx = build.sessions.open();
            build.register(&ctx, Restriction::Identities(keys)).await?;
            let rows = build.identities(&ctx, keys).await?;
            let touched = self.touched(keys)?;
            buckets = u32::try_from(touched.len()).unwrap_or(u32::MAX);
            for bucket in self.by_bucket(rows.clone(), &touched)? {
                let held = staging.held(bucket.bucket).await?;
                let (kept, gone) = self.without(&held, keys)?;
                removed += gone;
                added += count(&bucket.rows);
                // What is gone and what came may be the same rows; they are written all the same.
                if gone > 0 || !bucket.rows.is_empty() {
                    let rows = self.sorted(kept.into_iter().chain(bucket.rows).collect())?;
                    staging.add(bucket.bucket, rows).await?;
                }
            }
            checks = self.checked(&ctx, rows, (staging.as_ref(), last)).await?;
            self.judge(&checks)?;
        }
        let row_count = (last.row_count + added).saturating_sub(removed);
        let rows = (row_count, Some(keys.len() as u64));
        let record = self.record(rows, checks.clone(), last.locality.clone());
        let versions = record.versions();
        let table_version = staging.commit(Scope::Added, record).await?;
        Ok(Built { row_count, buckets, checks, versions, table_version })
    }

    fn by_bucket(
        &self,
        rows: Vec<RecordBatch>,
        touched: &BTreeSet<u32>,
    ) -> Result<Vec<crate::build::BucketRows>, Error> {
        let split = self.build.split(rows, 0..self.build.spec.buckets)?;
        Ok(split.into_iter().filter(|found| touched.contains(&found.bucket)).collect())
    }

    /// Rows that belong to other identities, and how many do not.
    fn without(&self, held: &[RecordBatch], keys: &Keys) -> Result<(Vec<RecordBatch>, u64), Error> {
        let mut kept = Vec::with_capacity(held.len());
        for batch in held {
            let others = keys.mask(&self.build.identity(batch)?).and_then(|mask| not(&mask));
            let rows = others.and_then(|mask| filter_record_batch(batch, &mask));
            kept.push(rows.map_err(|e| self.broken(e))?);
        }
        let gone = count(held) - count(&kept);
        Ok((kept, gone))
    }

    fn sorted(&self, rows: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, Error> {
        let all = concat_batches(&self.shape.schema, &rows).map_err(|e| self.broken(e))?;
        if all.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let column = |name: &String| {
            let values = all.column_by_name(name).cloned();
            let values = values.ok_or_else(|| {
                ArrowError::SchemaError(format!("key column `{name}` is not among the rows"))
            });
            Ok::<_, ArrowError>(SortColumn { values: values?, options: None })
        };
        let by: Result<Vec<SortColumn>, ArrowError> = self.shape.key.iter().map(column).collect();
        let order = by.and_then(|by| lexsort_to_indices(&by, None));
        let sorted = order.and_then(|order| take_record_batch(&all, &order));
        Ok(vec![sorted.map_err(|e| self.broken(e))?])
    }

    /// Runs every check in the session that it needs.
    async fn checked(
        &self,
        restricted: &SessionContext,
        rows: Vec<RecordBatch>,
        (staging, last): (&dyn Staging, &BuildRecord),
    ) -> Result<Vec<CheckOutcome>, Error> {
        let build = &self.build;
        let fault = |e| fault::planning(&build.name(), e);
        let local = &last.locality.checks;
        let staged = MemTable::try_new(Arc::clone(&self.shape.schema), vec![rows]);
        register(restricted, STAGED, Arc::new(staged.map_err(fault)?)).map_err(fault)?;
        let is_local = |check: &huiliu_spec::table::Check| local.contains(&check.name);
        let mut found = check::run(restricted, build.spec, build.parameters, is_local).await?;
        if found.len() < build.spec.checks.len() {
            let ctx = build.sessions.open();
            build.register(&ctx, Restriction::Whole).await?;
            register(&ctx, STAGED, staging.read(Scope::Added).await?).map_err(fault)?;
            found.extend(check::run(&ctx, build.spec, build.parameters, |c| !is_local(c)).await?);
        }
        let place = |outcome: &CheckOutcome| {
            build.spec.checks.iter().position(|check| check.name == outcome.name)
        };
        found.sort_by_key(place);
        Ok(found)
    }

    fn broken(&self, error: ArrowError) -> Error {
        let message = format!("table {}: its rows do not fit", self.build.name());
        Error::new(ErrorKind::Bug, message).because(error)
    }
}

fn count(rows: &[RecordBatch]) -> u64 {
    rows.iter().map(|batch| batch.num_rows() as u64).sum()
}
