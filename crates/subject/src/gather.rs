//! The rows of some identities in every input, or all of few, in memory.
//!
//! They are what [`crate::restrict`] registers in a session, for statements that are planned once.

use crate::among::Keys;
use crate::catalogue::Catalogue;
use crate::fault;
use crate::memory::select;
use crate::prepared::{Finish, Held, ROWS_MAX, Runner, Statement, Tables};
use crate::restrict::{Source, Sources, in_order, matched_on, unmatched};
use arrow::array::RecordBatch;
use huiliu_model::Error;
use huiliu_spec::table::{Input, Reach, TableSpec};
use std::sync::Arc;

/// Rows up to which an input is held that belongs to every identity.
const WHOLE_ROWS_MAX: u64 = 16_384;

impl Sources {
    /// The rows of some identities in the inputs that some statements name, and in those that
    /// finding them takes.
    ///
    /// # Errors
    /// As the inputs answer; `Invalid` for a `via` query that does not run.
    pub async fn gathered(
        &self,
        runner: Runner<'_>,
        spec: &TableSpec,
        keys: &Arc<Keys>,
        statements: &[&str],
    ) -> Result<Tables<'_>, Error> {
        let named = self.needed(spec, runner.catalogue, true, statements)?;
        let mut tables = Tables::new();
        for input in in_order(spec).filter(|input| named.contains(&input.name)) {
            let source = self.source(&input.name)?;
            let held = match &input.reach {
                Reach::All => source.all(runner, &input.name).await?,
                Reach::By(columns) => source.held(runner, (spec, input), columns, keys).await?,
                Reach::Via { sql } => {
                    let (columns, keys) =
                        source.led(runner, (spec, input), sql, (&tables, keys)).await?;
                    source.held(runner, (spec, input), &columns, &keys).await?
                }
            };
            tables.insert(input.name.clone(), held);
        }
        Ok(tables)
    }

    /// Every row of the inputs that some statements name; `None` where they are not few.
    ///
    /// # Errors
    /// As the inputs answer.
    pub async fn gathered_whole(
        &self,
        runner: Runner<'_>,
        spec: &TableSpec,
        statements: &[&str],
    ) -> Result<Option<Tables<'_>>, Error> {
        if self.row_count() > ROWS_MAX as u64 {
            return Ok(None);
        }
        let named = self.needed(spec, runner.catalogue, false, statements)?;
        let mut tables = Tables::new();
        for input in spec.inputs.iter().filter(|input| named.contains(&input.name)) {
            let held = self.source(&input.name)?.all(runner, &input.name).await?;
            if matches!(held, Held::Whole(_)) {
                return Ok(None);
            }
            tables.insert(input.name.clone(), held);
        }
        Ok(Some(tables))
    }

    /// Every input, to be looked up by the keys that a statement asks for.
    pub fn for_keys(&self, catalogue: &Catalogue) -> Tables<'_> {
        self.iter().map(|(name, source)| (name.clone(), source.for_keys(catalogue, name))).collect()
    }
}

/// The `via` query of an input of a table.
pub(crate) fn via<'a>(
    spec: &TableSpec,
    input: &Input,
    sql: &'a str,
    finish: Finish,
) -> Statement<'a> {
    let what = format!("table {}, via of input {}", spec.full_name(), input.name);
    Statement { what, sql, parameters: None, finish }
}

impl Source {
    fn for_keys(&self, catalogue: &Catalogue, name: &str) -> Held<'_> {
        match self.dimension(catalogue, name) {
            Some(rows) => Held::of_rows(vec![rows], || self.schema()),
            None => Held::Lookup(self),
        }
    }

    /// The rows of a dimension.
    fn dimension(&self, catalogue: &Catalogue, name: &str) -> Option<RecordBatch> {
        let found = catalogue.dimension(name).filter(|_| self.snapshot.is_none());
        found.map(|dimension| dimension.rows.clone())
    }

    /// Every row.
    async fn all(&self, runner: Runner<'_>, name: &str) -> Result<Held<'_>, Error> {
        if let Some(rows) = self.dimension(runner.catalogue, name) {
            return Ok(Held::of_rows(vec![rows], || self.schema()));
        }
        let rows = self.snapshot()?.all(WHOLE_ROWS_MAX).await?;
        Ok(rows.map_or(Held::Whole(self), |rows| Held::of_rows(rows, || self.schema())))
    }

    /// Rows whose columns are among the keys.
    async fn held(
        &self,
        runner: Runner<'_>,
        (spec, input): (&TableSpec, &Input),
        columns: &[String],
        keys: &Arc<Keys>,
    ) -> Result<Held<'_>, Error> {
        let rows = match self.dimension(runner.catalogue, &input.name) {
            Some(rows) => select(&[rows], columns, keys).map_err(|e| {
                fault::planning(
                    &format!("table {}, input {}", spec.full_name(), input.name),
                    e.into(),
                )
            })?,
            None => self.snapshot()?.matching(columns, keys).await?,
        };
        Ok(Held::of_rows(rows, || self.schema()))
    }

    /// The columns by which the rows of an input belong to some identities, and their values, by a
    /// `via` query over what is gathered so far.
    async fn led(
        &self,
        runner: Runner<'_>,
        (spec, input): (&TableSpec, &Input),
        sql: &str,
        (tables, keys): (&Tables<'_>, &Arc<Keys>),
    ) -> Result<(Vec<String>, Arc<Keys>), Error> {
        let mut tables = tables.clone();
        tables.insert(input.name.clone(), self.for_keys(runner.catalogue, &input.name));
        let shared = self.shared(runner, (spec, input), sql, &tables).await?;
        let finish = Finish::Among { by: spec.identity.clone(), columns: shared.clone() };
        let statement = via(spec, input, sql, finish);
        let (_, found) = runner.run(&statement, &tables, Some(keys)).await?;
        let found = self.keys_of(&found, &shared);
        let found = found.map_err(|e| fault::running(&statement.what, e.into()))?;
        Ok((shared, Arc::new(found)))
    }

    /// Columns on which rows of the input match those of its `via` query.
    pub async fn shared(
        &self,
        runner: Runner<'_>,
        (spec, input): (&TableSpec, &Input),
        sql: &str,
        tables: &Tables<'_>,
    ) -> Result<Vec<String>, Error> {
        let statement = via(spec, input, sql, Finish::Counted);
        let yielded = runner.yields(&statement, tables).await?;
        let schema = self.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        matched_on(&columns, self.key(), &yielded, &spec.identity)
            .ok_or_else(|| unmatched(&statement.what, &spec.identity, &yielded))
    }
}
