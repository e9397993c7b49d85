//! A refresh of some identities: their rows are built from inputs restricted to them and take
//! the place of the rows that these identities had; all others are left alone.
//!
//! A check whose findings are determined by the identity sees what the build saw; any other
//! sees the whole table and the whole inputs, as after a full build.

use super::{Built, Refresh};
use crate::among::Keys;
use crate::check::{self, CheckOutcome, STAGED, Seen};
use crate::fault;
use crate::port::{Scope, Staging};
use crate::prepared::{Held, Tables};
use crate::record::BuildRecord;
use crate::restrict::Restriction;
use crate::session::register;
use arrow::record_batch::RecordBatch;
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
            let mut statements = vec![build.spec.query.as_str()];
            statements.extend(self.checks(|check| last.locality.checks.contains(&check.name)));
            let (sources, spec, runner) = (build.sources, build.spec, build.runner());
            let tables = sources.gathered(runner, spec, keys, &statements).await?;
            let rows = build.identities_of(&tables, keys).await?;
            added = rows.iter().map(|batch| batch.num_rows() as u64).sum();
            removed = staging.replace(keys, rows.clone()).await?;
            checks = self.checked(tables, rows, (staging.as_mut(), last)).await?;
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

    /// Runs every check over what it needs: the gathered rows, or all.
    async fn checked(
        &self,
        mut tables: Tables<'_>,
        rows: Vec<RecordBatch>,
        (staging, last): (&mut dyn Staging, &BuildRecord),
    ) -> Result<Vec<CheckOutcome>, Error> {
        let build = &self.build;
        let fault = |e| fault::planning(&build.name(), e);
        let local = &last.locality.checks;
        tables.insert(STAGED.to_owned(), Held::Rows(Arc::clone(&self.shape.schema), rows));
        let is_local = |check: &Check| local.contains(&check.name);
        let seen = Seen::Gathered(build.runner(), &tables);
        let mut found = check::run(seen, build.spec, build.parameters, is_local).await?;
        if found.len() < build.spec.checks.len() {
            let ctx = build.sessions.open();
            let statements = self.checks(|check| !is_local(check)).collect::<Vec<_>>();
            build.register(&ctx, Restriction::Whole, &statements).await?;
            let staged = staging.read(Scope::Replaced, &ctx).await?;
            register(&ctx, STAGED, staged).map_err(fault)?;
            let seen = Seen::Session(&ctx, build.catalogue);
            let others = |check: &Check| !is_local(check);
            found.extend(check::run(seen, build.spec, build.parameters, others).await?);
        }
        let place = |outcome: &CheckOutcome| {
            build.spec.checks.iter().position(|check| check.name == outcome.name)
        };
        found.sort_by_key(place);
        Ok(found)
    }
}
