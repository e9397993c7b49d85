//! From the changes of every input to the identities whose rows they can touch.
//!
//! A row that changed stood in one place before and in another afterwards, so both are asked: the
//! old row leads to its old identity through the inputs as they were, the new row through the
//! inputs as they are. That an owner changed is nothing special then. Too many identities are
//! harmless, one too few is a wrong table.

use crate::among::{Keys, column_of};
use crate::catalogue::Catalogue;
use crate::gather::via;
use crate::memory::without_by;
use crate::prepared::{Finish, Runner};
use crate::restrict::{Source, Sources};
use crate::schema;
use crate::session::Sessions;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::{and, filter, is_not_null};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use huiliu_model::{Error, ErrorKind, system};
use huiliu_spec::table::{Input, Reach, TableSpec};
use std::sync::Arc;

/// What happened to one input since the last refresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputChange {
    pub name: String,
    pub from: i64,
    pub to: i64,
    /// Rows that differ, old and new ones counted apart.
    pub row_count: u64,
    /// Identities that these rows lead to.
    pub identities: u64,
}

/// What all changes together can touch.
pub(crate) enum Affected {
    Identities {
        keys: Keys,
        changes: Vec<InputChange>,
    },
    /// Anything, and why.
    Anything {
        why: String,
        changes: Vec<InputChange>,
    },
}

/// Looks for the identities that the changes from `old` to `new` can touch.
pub(crate) struct Search<'a> {
    pub spec: &'a TableSpec,
    pub catalogue: &'a Catalogue,
    pub sessions: &'a Sessions,
    pub old: &'a Sources,
    pub new: &'a Sources,
}

impl Search<'_> {
    /// # Errors
    /// As the inputs answer; `Invalid` for a `via` query that does not run.
    pub async fn run(&self) -> Result<Affected, Error> {
        let declared = schema::declared(self.spec);
        let kind = |name: &String| declared.field_with_name(name).map(|f| f.data_type().clone());
        let types = self.spec.identity.iter().map(kind).collect::<Result<_, _>>();
        let mut keys = types.and_then(Keys::new).map_err(|e| self.broken(e))?;
        let (mut changes, mut anything) = (Vec::new(), None);
        for input in &self.spec.inputs {
            let Some(change) = self.of_input(input, &mut keys, &mut anything).await? else {
                continue;
            };
            changes.push(change);
            if anything.is_some() {
                break;
            }
        }
        Ok(match anything {
            Some(why) => Affected::Anything { why, changes },
            None => Affected::Identities { keys, changes },
        })
    }

    /// `None` for an input that stands where it stood.
    async fn of_input(
        &self,
        input: &Input,
        keys: &mut Keys,
        anything: &mut Option<String>,
    ) -> Result<Option<InputChange>, Error> {
        let name = &input.name;
        let (Some(from), Some(to)) = (self.old.pins.get(name), self.new.pins.get(name)) else {
            return Ok(None);
        };
        let mut change = InputChange {
            name: name.clone(),
            from: from.version,
            to: to.version,
            ..InputChange::default()
        };
        if from.version == to.version {
            return Ok(None);
        }
        let (old, new) = (self.old.source(name)?, self.new.source(name)?);
        let Some((before, after)) = self.differing(input, old, new).await? else {
            *anything =
                Some(format!("the changes of `{name}` since {} are not known", from.version));
            return Ok(Some(change));
        };
        let count = |rows: &[RecordBatch]| rows.iter().map(|b| b.num_rows() as u64).sum::<u64>();
        change.row_count = count(&before) + count(&after);
        if change.row_count == 0 {
            return Ok(Some(change));
        }
        let known = keys.len();
        match &input.reach {
            Reach::All => {
                *anything = Some(format!("`{name}` changed, which belongs to every identity"));
            }
            Reach::By(columns) => {
                for rows in [&before, &after] {
                    self.add(keys, rows, columns).map_err(|e| self.broken(e))?;
                }
            }
            Reach::Via { sql } => {
                self.through(input, sql, keys, (&before, self.old)).await?;
                self.through(input, sql, keys, (&after, self.new)).await?;
            }
        }
        change.identities = (keys.len() - known) as u64;
        Ok(Some(change))
    }

    /// Rows of an input that differ: as they were, and as they are.
    async fn differing(
        &self,
        input: &Input,
        old: &Source,
        new: &Source,
    ) -> Result<Option<(Vec<RecordBatch>, Vec<RecordBatch>)>, Error> {
        let (Some(then), Some(now)) = (&old.snapshot, &new.snapshot) else {
            return Ok(Some((Vec::new(), Vec::new())));
        };
        let Some(touched) = now.touched(&then.pin()).await? else { return Ok(None) };
        let key = new.key();
        let keys = new.keys_of(&touched, key).map_err(|e| self.broken(e))?;
        if keys.is_empty() {
            return Ok(Some((Vec::new(), Vec::new())));
        }
        let keys = Arc::new(keys);
        let before = then.matching(key, &keys).await?;
        let after = now.matching(key, &keys).await?;
        let Some(first) = before.first().or(after.first()) else {
            return Ok(Some((before, after)));
        };
        let schema = first.schema();
        let names = schema.fields().iter().map(|f| f.name().clone());
        let names: Vec<String> = names.filter(|name| self.matters(input, name)).collect();
        let only_before = without_by(&before, &after, &names).map_err(|e| self.broken(e))?;
        let only_after = without_by(&after, &before, &names).map_err(|e| self.broken(e))?;
        Ok(Some((only_before, only_after)))
    }

    /// A system column matters where a query names it: a replay moves offsets and nothing else.
    fn matters(&self, input: &Input, name: &str) -> bool {
        let named = |sql: &str| sql.contains(name);
        let via = match &input.reach {
            Reach::Via { sql } => named(sql),
            _ => false,
        };
        !name.starts_with(system::PREFIX)
            || via
            || named(&self.spec.query)
            || self.catalogue.views().any(|view| named(&view.sql))
    }

    /// Identities that rows of a `via` input belong to, in one state of all inputs.
    async fn through(
        &self,
        input: &Input,
        sql: &str,
        keys: &mut Keys,
        (rows, state): (&[RecordBatch], &Sources),
    ) -> Result<(), Error> {
        if rows.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(());
        }
        let runner = Runner { catalogue: self.catalogue, sessions: self.sessions };
        let (source, tables) = (state.source(&input.name)?, state.for_keys(self.catalogue));
        let shared = source.shared(runner, (self.spec, input), sql, &tables).await?;
        let wanted = source.keys_of(rows, &shared).map_err(|e| self.broken(e))?;
        let finish = Finish::Among { by: shared, columns: self.spec.identity.clone() };
        let statement = via(self.spec, input, sql, finish);
        let (_, found) = runner.run(&statement, &tables, Some(&Arc::new(wanted))).await?;
        self.add(keys, &found, &self.spec.identity).map_err(|e| self.broken(e))
    }

    /// Adds the identities in some columns. One that is null where the key may not be has no row.
    fn add(
        &self,
        keys: &mut Keys,
        rows: &[RecordBatch],
        columns: &[String],
    ) -> Result<(), ArrowError> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns: Vec<ArrayRef> =
            columns.iter().map(|name| column_of(rows, name)).collect::<Result<_, _>>()?;
        let mut can_be = BooleanArray::from(vec![true; columns.first().map_or(0, |c| c.len())]);
        for (name, column) in self.spec.identity.iter().zip(&columns) {
            if self.spec.key.contains(name) {
                can_be = and(&can_be, &is_not_null(column)?)?;
            }
        }
        let columns: Vec<ArrayRef> =
            columns.iter().map(|c| filter(c, &can_be)).collect::<Result<_, _>>()?;
        keys.insert(&columns)
    }

    fn broken(&self, error: ArrowError) -> Error {
        let message = format!("table {}: changes of its inputs do not fit", self.spec.full_name());
        Error::new(ErrorKind::Bug, message).because(DataFusionError::from(error))
    }
}
