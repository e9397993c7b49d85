//! A refresh in full: every row is built, some buckets of identities at a time, and replaces what
//! was there.

use super::{Built, Refresh};
use crate::build::Build;
use crate::check::{self, STAGED};
use crate::fault;
use crate::locality::{self, Locality};
use crate::port::Scope;
use crate::restrict::Restriction;
use crate::session::register;
use datafusion::datasource::MemTable;
use huiliu_model::Error;
use std::sync::Arc;

impl Refresh<'_> {
    pub(super) async fn all(&self) -> Result<Built, Error> {
        let build = &self.build;
        let mut staging = self.ports.target.begin(&self.shape).await?;
        let mut row_count = 0;
        for range in build.passes(self.request.budget.buckets_per_pass) {
            let rows = build.pass(range).await?;
            row_count += rows.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
            staging.add(rows).await?;
        }

        let ctx = build.sessions.open();
        build.register(&ctx, Restriction::Whole).await?;
        let staged = staging.read(Scope::Whole, &ctx).await?;
        register(&ctx, STAGED, staged).map_err(|e| fault::planning(&build.name(), e))?;
        let checks = check::run(&ctx, build.spec, build.parameters, |_| true).await?;
        self.judge(&checks)?;

        let locality = self.locality().await?;
        let record = self.record((row_count, None), checks.clone(), locality);
        let versions = record.versions();
        let table_version = staging.commit(Scope::Whole, record).await?;
        Ok(Built { row_count, checks, versions, table_version })
    }

    /// What the plans say, over inputs that are scanned by name.
    async fn locality(&self) -> Result<Locality, Error> {
        let Build { spec, catalogue, sources, sessions, .. } = self.build;
        let ctx = sessions.open();
        sources.register_for_lookups(&ctx, catalogue).await?;
        let staged = MemTable::try_new(self.shape.schema.clone(), vec![Vec::new()]);
        staged
            .and_then(|staged| register(&ctx, STAGED, Arc::new(staged)))
            .map_err(|e| fault::planning(&self.build.name(), e))?;
        Ok(locality::examine(&ctx, spec, catalogue, &sources.keys()).await)
    }
}
