//! Columns of a table against those of its contract: what may grow, and what is refused.
//!
//! | the contract | then |
//! |---|---|
//! | has one column more, nullable | the table gains it; older files read as null |
//! | names its columns in another order | the table takes the order |
//! | lets a column be null that could not be | the table says so too |
//! | forbids a column to be null that could be | the table goes on allowing it |
//! | lacks a column of the table, or gives it another type | refused |
//! | has one more column in the key | refused |
//!
//! Growing and relaxing are commits of metadata alone. Two processes that do it at once are told
//! apart by a counter, as every guarded commit is; who comes second looks again.

use crate::commit::Commit;
use crate::schema::{from_delta, to_delta};
use crate::table::Table;
use arrow::datatypes::{Field, Schema};
use huiliu_model::{Error, ErrorKind, code};
use serde_json::{Value, json};
use std::sync::Arc;

/// App id that counts the changes of a table's columns.
const SCHEMA: &str = "schema";
/// Other processes that may come first before one gives up.
const OVERTAKEN_MAX: u32 = 20;

/// What is between a table and its contract.
#[derive(Debug, PartialEq, Eq)]
enum Gap {
    None,
    /// Names of the columns to add; empty when only the order differs.
    Grows(Vec<String>),
    /// Names of the columns, otherwise the same, that may be null from now on.
    Relaxes(Vec<String>),
    /// The column that cannot be reconciled.
    Differs(String),
}

fn gap(have: &Schema, want: &Schema) -> Gap {
    let shown = |f: &Field| format!("`{}` {}", f.name(), f.data_type());
    let same = |a: &Field, b: &Field| a.name() == b.name() && a.data_type() == b.data_type();
    let (have, want) = (have.fields(), want.fields());
    if have.len() == want.len() && have.iter().zip(want).all(|(a, b)| same(a, b)) {
        let is_relaxed = |have: &Field, want: &Field| want.is_nullable() && !have.is_nullable();
        let pairs = have.iter().zip(want).filter(|(have, want)| is_relaxed(have, want));
        let relaxed: Vec<String> = pairs.map(|(_, field)| field.name().clone()).collect();
        return if relaxed.is_empty() { Gap::None } else { Gap::Relaxes(relaxed) };
    }
    if let Some(lost) = have.iter().find(|field| !want.iter().any(|other| same(field, other))) {
        let wanted = want.iter().find(|other| other.name() == lost.name());
        return Gap::Differs(shown(wanted.unwrap_or(lost)));
    }
    let is_new = |field: &&Arc<Field>| !have.iter().any(|o| o.name() == field.name());
    let new: Vec<_> = want.iter().filter(is_new).collect();
    match new.iter().find(|field| !field.is_nullable()) {
        Some(field) => Gap::Differs(shown(field)),
        None => Gap::Grows(new.iter().map(|field| field.name().clone()).collect()),
    }
}

/// The columns that are wanted; those that may be null in the files there are may go on being so.
fn reconciled(have: &Schema, want: &Schema) -> Schema {
    let field = |field: &Arc<Field>| {
        let was_nullable = have.field_with_name(field.name()).is_ok_and(Field::is_nullable);
        field.as_ref().clone().with_nullable(was_nullable || field.is_nullable())
    };
    Schema::new(want.fields().iter().map(field).collect::<Vec<_>>())
}

impl Table {
    /// Makes sure that the table has these columns, adding and relaxing some if it may grow.
    ///
    /// # Errors
    /// `Invalid` when it cannot; as the store answers.
    pub(crate) async fn suit(&self, wanted: &Schema, grows: bool) -> Result<(), Error> {
        for _ in 0..OVERTAKEN_MAX {
            let (operation, change) = match gap(&*self.schema().await?, wanted) {
                Gap::None => return Ok(()),
                // Whoever makes such a table anew says then what may be null.
                Gap::Relaxes(_) if !grows => return Ok(()),
                Gap::Relaxes(relaxed) => ("CHANGE COLUMN", json!({"may_be_null": relaxed})),
                Gap::Grows(added) if grows => ("ADD COLUMNS", json!({"added": added})),
                Gap::Grows(added) => {
                    return Err(self.differs(&format!("`{}`", added.join("`, `"))));
                }
                Gap::Differs(what) => return Err(self.differs(&what)),
            };
            match self.grow(wanted, operation, change).await {
                Err(e) if e.kind == ErrorKind::Superseded => {}
                other => return other,
            }
        }
        let text = format!("table `{}` changes its columns again and again", self.path());
        Err(Error::new(ErrorKind::Superseded, text)
            .help("processes with different contracts write it; start all with the same"))
    }

    async fn grow(
        &self,
        wanted: &Schema,
        operation: &'static str,
        change: Value,
    ) -> Result<(), Error> {
        let state = self.refresh().await?;
        let Some(mut metadata) = state.metadata else {
            let text = format!("table `{}` has no metadata", self.path());
            return Err(Error::new(ErrorKind::Corrupt, text));
        };
        // The columns may have changed since they were compared.
        let have = from_delta(&metadata.schema_string)?;
        if !matches!(gap(&have, wanted), Gap::Grows(_) | Gap::Relaxes(_)) {
            return Err(Error::new(ErrorKind::Superseded, "the columns changed meanwhile"));
        }
        metadata.schema_string = to_delta(&reconciled(&have, wanted))?;
        let commit = Commit {
            operation,
            progress: vec![self.turn(SCHEMA, state.txns.get(SCHEMA).copied())],
            receipt: json!({"columns": &change}),
            metadata: Some(metadata),
            ..Commit::default()
        };
        self.commit(&commit).await?;
        // Someone else may have come right after it.
        match gap(&*self.schema().await?, wanted) {
            Gap::None => {
                tracing::info!(table = %self.path(), %change, "the table's columns changed");
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::Superseded, "the columns changed meanwhile")),
        }
    }

    fn differs(&self, what: &str) -> Error {
        let text = format!("table `{}` and its contract differ in {what}", self.path());
        Error::new(ErrorKind::Invalid, text).coded(code::TABLE_DIFFERS).help(
            "a contract may gain nullable columns; it can neither lose one nor change its type, \
             key or protection once its tables exist. Set it back, or use a new lake",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    fn schema(fields: &[(&str, DataType, bool)]) -> Schema {
        let field =
            |(name, kind, null): &(&str, DataType, bool)| Field::new(*name, kind.clone(), *null);
        Schema::new(fields.iter().map(field).collect::<Vec<_>>())
    }

    #[test]
    fn only_nullable_columns_and_another_order_can_be_reconciled() {
        let (text, long) = (DataType::Utf8, DataType::Int64);
        let have = schema(&[("a", text.clone(), false), ("b", long.clone(), true)]);
        let check = |want: &[(&str, DataType, bool)], expected: Gap| {
            assert_eq!(gap(&have, &schema(want)), expected, "{want:?}");
        };
        let (a, b) = (("a", text.clone(), false), ("b", long.clone(), true));
        check(&[a.clone(), b.clone()], Gap::None);
        check(&[b.clone(), a.clone()], Gap::Grows(vec![]));
        let c = ("c", text.clone(), true);
        check(&[a.clone(), c, b.clone()], Gap::Grows(vec!["c".to_owned()]));
        let key = ("k", text.clone(), false);
        check(&[a.clone(), key, b.clone()], Gap::Differs("`k` Utf8".to_owned()));
        check(&[a.clone()], Gap::Differs("`b` Int64".to_owned()));
        check(&[a.clone(), ("b", text.clone(), true)], Gap::Differs("`b` Utf8".to_owned()));
        // What was never null may become so; what may be null stays so.
        let relaxed = ("a", text, true);
        check(&[relaxed.clone(), b.clone()], Gap::Relaxes(vec!["a".to_owned()]));
        check(&[b, relaxed], Gap::Grows(vec![]));
        check(&[a, ("b", long, false)], Gap::None);
    }
}
