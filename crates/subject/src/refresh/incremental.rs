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
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use huiliu_model::Error;
use huiliu_spec::table::Check;
use std::sync::Arc;

impl Refresh<'_> {
    pub(super) async fn some(&self, keys: &Arc<Keys>, last: &BuildRecord) -> Result<Built, Error> {
        let build = &self.build;
        let mut staging = self.ports.target.begin(&self.shape).await?;
        let (mut added, mut removed) = (0, 0);
        let mut checks = last.checks.clone();
        if !keys.is_empty() {
            let ctx = build.sessions.open();
            let mut statements = vec![build.spec.query.as_str()];
            statements.extend(self.checks(|check| last.locality.checks.contains(&check.name)));
            build.register(&ctx, Restriction::Identities(keys), &statements).await?;
            let rows = build.identities(&ctx, keys).await?;
            added = rows.iter().map(|batch| batch.num_rows() as u64).sum();
            removed = staging.replace(keys, rows.clone()).await?;
            checks = self.checked(&ctx, rows, (staging.as_mut(), last)).await?;
            self.judge(&checks)?;
        }
        let row_count = (last.row_count + added).saturating_sub(removed);
        let rows = (row_count, Some(keys.len() as u64), last.distinct);
        let record = self.record(rows, checks.clone(), last.locality.clone());
        let versions = record.versions();
        let table_version = staging.commit(Scope::Replaced, record).await?;
        Ok(Built { row_count, checks, versions, table_version })
    }

    /// The statements of some checks.
    pub(super) fn checks(&self, wanted: impl Fn(&Check) -> bool) -> impl Iterator<Item = &str> {
        let checks = self.build.spec.checks.iter().filter(move |check| wanted(check));
        checks.map(|check| check.sql.as_str())
    }

    /// Runs every check in the session that it needs.
    async fn checked(
        &self,
        restricted: &SessionContext,
        rows: Vec<RecordBatch>,
        (staging, last): (&mut dyn Staging, &BuildRecord),
    ) -> Result<Vec<CheckOutcome>, Error> {
        let build = &self.build;
        let fault = |e| fault::planning(&build.name(), e);
        let local = &last.locality.checks;
        let staged = MemTable::try_new(Arc::clone(&self.shape.schema), vec![rows]);
        register(restricted, STAGED, Arc::new(staged.map_err(fault)?)).map_err(fault)?;
        let is_local = |check: &Check| local.contains(&check.name);
        let session = (restricted, build.catalogue);
        let mut found = check::run(session, build.spec, build.parameters, is_local).await?;
        if found.len() < build.spec.checks.len() {
            let ctx = build.sessions.open();
            let statements = self.checks(|check| !is_local(check)).collect::<Vec<_>>();
            build.register(&ctx, Restriction::Whole, &statements).await?;
            let staged = staging.read(Scope::Replaced, &ctx).await?;
            register(&ctx, STAGED, staged).map_err(fault)?;
            let session = (&ctx, build.catalogue);
            let others = |check: &Check| !is_local(check);
            found.extend(check::run(session, build.spec, build.parameters, others).await?);
        }
        let place = |outcome: &CheckOutcome| {
            build.spec.checks.iter().position(|check| check.name == outcome.name)
        };
        found.sort_by_key(place);
        Ok(found)
    }
}
