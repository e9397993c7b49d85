//! A refresh in full: every row is built, some buckets of identities at a time, and replaces what
//! was there.

use super::{Built, Mode, Refresh};
use crate::build::Build;
use crate::check::{self, CheckOutcome, STAGED, Seen};
use crate::fault;
use crate::locality::{self, Locality};
use crate::port::{Scope, Staging};
use crate::prepared::{Held, Tables};
use crate::restrict::Restriction;
use crate::session::register;
use datafusion::datasource::MemTable;
use huiliu_model::Error;
use huiliu_spec::table::Reach;
use std::sync::Arc;

/// Rows that were staged, distinct identities of them, and what checks found.
type Staged = (u64, u64, Vec<CheckOutcome>);

impl Refresh<'_> {
    pub(super) async fn all(&self) -> Result<Built, Error> {
        let build = &self.build;
        let mut staging = self.ports.target.begin(&self.shape).await?;
        let (row_count, distinct, checks) = match self.few().await? {
            Some(tables) => self.at_once(tables, staging.as_mut()).await?,
            None => self.in_passes(staging.as_mut()).await?,
        };
        self.judge(&checks)?;

        let locality = match build.catalogue.locality(&build.name(), &self.hash) {
            Some(known) => known,
            None => self.locality().await?,
        };
        let record = self.record((row_count, None, Some(distinct)), checks.clone(), locality);
        let versions = record.versions();
        let table_version = staging.commit(Scope::Whole, record).await?;
        Ok(Built { row_count, checks, versions, table_version })
    }

    /// Every row of the inputs, where one pass takes them and they are few. What was asked for is
    /// planned afresh all the same: it is what refreshes are held against.
    async fn few(&self) -> Result<Option<Tables<'_>>, Error> {
        let build = &self.build;
        let in_one = self.request.budget.buckets_per_pass >= build.spec.buckets;
        if !in_one || self.request.mode == Mode::Full {
            return Ok(None);
        }
        let statements = self.checks(|_| true).chain([build.spec.query.as_str()]);
        let statements = statements.collect::<Vec<_>>();
        build.sources.gathered_whole(build.runner(), build.spec, &statements).await
    }

    async fn at_once(
        &self,
        mut tables: Tables<'_>,
        staging: &mut dyn Staging,
    ) -> Result<Staged, Error> {
        let build = &self.build;
        let rows = build.over(&tables).await?;
        let row_count = rows.iter().map(|batch| batch.num_rows() as u64).sum();
        let distinct = build.distinct(&rows)?;
        staging.add(rows.clone()).await?;
        tables.insert(STAGED.to_owned(), Held::Rows(Arc::clone(&self.shape.schema), rows));
        let seen = Seen::Gathered(build.runner(), &tables);
        let checks = check::run(seen, build.spec, build.parameters, |_| true).await?;
        Ok((row_count, distinct, checks))
    }

    async fn in_passes(&self, staging: &mut dyn Staging) -> Result<Staged, Error> {
        let build = &self.build;
        let (mut row_count, mut distinct) = (0, 0);
        for range in build.passes(self.request.budget.buckets_per_pass) {
            let rows = build.pass(range).await?;
            row_count += rows.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
            // Identities of one pass come in no other.
            distinct += build.distinct(&rows)?;
            staging.add(rows).await?;
        }

        let ctx = build.sessions.open();
        let statements = self.checks(|_| true).collect::<Vec<_>>();
        build.register(&ctx, Restriction::Whole, &statements).await?;
        let staged = staging.read(Scope::Whole, &ctx).await?;
        register(&ctx, STAGED, staged).map_err(|e| fault::planning(&build.name(), e))?;
        let seen = Seen::Session(&ctx, build.catalogue);
        let checks = check::run(seen, build.spec, build.parameters, |_| true).await?;
        Ok((row_count, distinct, checks))
    }

    /// What the plans say, over inputs that are scanned by name.
    async fn locality(&self) -> Result<Locality, Error> {
        let Build { spec, catalogue, sources, sessions, .. } = self.build;
        let ctx = sessions.open();
        let vias = spec.inputs.iter().filter_map(|input| match &input.reach {
            Reach::Via { sql } => Some(sql.as_str()),
            _ => None,
        });
        let statements = vias.chain([spec.query.as_str()]).chain(self.checks(|_| true));
        let statements = statements.collect::<Vec<_>>();
        sources.register_for_lookups(&ctx, catalogue, &statements).await?;
        let staged = MemTable::try_new(self.shape.schema.clone(), vec![Vec::new()]);
        staged
            .and_then(|staged| register(&ctx, STAGED, Arc::new(staged)))
            .map_err(|e| fault::planning(&self.build.name(), e))?;
        let found = locality::examine(&ctx, spec, catalogue, &sources.keys()).await;
        catalogue.keep_locality(&self.build.name(), &self.hash, &found);
        Ok(found)
    }
}
