//! Which queries can be refreshed one identity at a time.
//!
//! The rows of some identities, built from inputs restricted to these identities, must be those
//! of a full build. The plan says whether that is so: what belongs to an identity may only be
//! joined, grouped and ordered with what belongs to the same one, or with what belongs to all.
//! [`bond`] has the rules. Whatever the rules do not reach is built in full, which is always
//! right; the answer says what stands in the way.
//!
//! One thing is believed and not derived: that a `via` query finds every identity with which the
//! query joins a row. That the partner of such a join is a table that the `via` query reads, is
//! checked; the law "incremental equals full" is tested on random histories besides.

mod bond;
mod walk;

use crate::catalogue::{Catalogue, query};
use crate::check::STAGED;
use crate::fault::reason;
use crate::restrict::matched_on;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use huiliu_spec::table::{Input, Reach, TableSpec};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use walk::{Origin, Through, Walk};

/// What of a table is determined by its identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locality {
    /// Why the query has to be built in full; `None` when it has not.
    pub obstacle: Option<String>,
    /// Checks that need no more than the rows of the identities they are asked about.
    pub checks: BTreeSet<String>,
}

impl Locality {
    pub fn to_json(&self) -> Value {
        json!({"obstacle": self.obstacle, "checks": self.checks})
    }

    pub fn from_json(value: &Value) -> Option<Self> {
        let obstacle = value.get("obstacle")?;
        let checks = value.get("checks")?.as_array()?.iter();
        Some(Self {
            obstacle: obstacle.as_str().map(str::to_owned),
            checks: checks.map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        })
    }
}

/// Key columns of inputs, by name; a dimension may be absent.
pub(crate) type KeysOf = BTreeMap<String, Vec<String>>;

/// Examines the query and the checks of a table.
///
/// The session knows every input under its name, the views, and [`STAGED`].
pub(crate) async fn examine(
    ctx: &SessionContext,
    spec: &TableSpec,
    catalogue: &Catalogue,
    keys: &KeysOf,
) -> Locality {
    let looked = Looked { ctx, spec, catalogue, keys };
    let origins = match looked.origins().await {
        Ok(origins) => origins,
        Err(why) => return Locality { obstacle: Some(why), checks: BTreeSet::new() },
    };
    let obstacle = match planned(ctx, &spec.query).await {
        Ok(plan) => Walk::new(&origins).ends_in(&plan, &spec.identity).err(),
        Err(why) => Some(why),
    };
    let mut checks = BTreeSet::new();
    for check in &spec.checks {
        // A check finds rows, whatever their columns: each has to belong to one identity.
        if let Ok(plan) = planned(ctx, &check.sql).await
            && Walk::new(&origins).is_split(&plan)
        {
            checks.insert(check.name.clone());
        }
    }
    Locality { obstacle, checks }
}

/// The optimised plan: subqueries have become joins there.
async fn planned(ctx: &SessionContext, sql: &str) -> Result<LogicalPlan, String> {
    let plan = query(ctx, sql).await.map_err(|e| reason(&e))?.logical_plan().clone();
    ctx.state().optimize(&plan).map_err(|e| reason(&e))
}

/// What the origins of rows are told by.
struct Looked<'a> {
    ctx: &'a SessionContext,
    spec: &'a TableSpec,
    catalogue: &'a Catalogue,
    keys: &'a KeysOf,
}

impl Looked<'_> {
    /// How the rows of every table that a query may name belong to identities.
    async fn origins(&self) -> Result<BTreeMap<String, Origin>, String> {
        let mut origins: BTreeMap<String, Origin> =
            [(STAGED.to_owned(), Origin::By(self.spec.identity.clone()))].into();
        for input in &self.spec.inputs {
            let origin = match &input.reach {
                Reach::All => Origin::All,
                Reach::By(columns) => Origin::By(columns.clone()),
                Reach::Via { sql } => self.via(input, sql).await?,
            };
            origins.insert(input.name.clone(), origin);
        }
        Ok(origins)
    }

    async fn via(&self, input: &Input, sql: &str) -> Result<Origin, String> {
        let (name, identity) = (&input.name, &self.spec.identity);
        let plan = planned(self.ctx, sql).await?;
        let reads = self.catalogue.reads(sql).map_err(|e| reason(&e))?;
        if reads.iter().all(|read| read == name) {
            let exprs = Walk::new(&BTreeMap::new()).in_terms_of(&plan, identity);
            return exprs.map(Origin::Own).ok_or_else(|| {
                format!("the `via` query of `{name}` does more than compute the identity")
            });
        }
        let yielded: Vec<String> =
            plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        let provider = self.ctx.table_provider(name.as_str()).await.map_err(|e| reason(&e))?;
        let schema = provider.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let key = self.keys.get(name).map_or(&[][..], Vec::as_slice);
        let shared = matched_on(&columns, key, &yielded, identity)
            .ok_or_else(|| format!("the `via` query of `{name}` shares no column with it"))?;
        let partners = reads.into_iter().filter(|read| read != name).collect();
        Ok(Origin::Via(Through { shared, partners }))
    }
}

#[cfg(test)]
mod tests;
