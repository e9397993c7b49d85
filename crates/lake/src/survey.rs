//! What a lake holds, looked at without making or changing anything, beside what contracts want.
//!
//! The truth about what can be reconciled is [`crate::evolve`]; here the same comparison is
//! spelled out column by column, for who decides before it is done.

use crate::dataset::{BUCKETS, Wanted, pending, wanted};
use crate::error::store_error;
use crate::log::TableState;
use crate::store::{Opened, open};
use crate::subject::{path as subject_path, receipt};
use crate::table::{Shared, Table};
use arrow::datatypes::{Field, Schema};
use huiliu_model::{Clock, Contract, Error, system};
use object_store::ObjectStore;
use object_store::path::Path;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A lake that is looked at.
pub struct Survey {
    shared: Shared,
}

/// What a table has and what it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnChange {
    /// `is_breaking`: rows that are there already would lack it, and it may not be null.
    Added {
        name: String,
        data_type: String,
        is_breaking: bool,
    },
    Removed {
        name: String,
        data_type: String,
    },
    Retyped {
        name: String,
        from: String,
        to: String,
    },
}

impl ColumnChange {
    /// Whether the table cannot follow.
    pub fn is_breaking(&self) -> bool {
        !matches!(self, Self::Added { is_breaking: false, .. })
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Added { name, .. } | Self::Removed { name, .. } | Self::Retyped { name, .. } => {
                name
            }
        }
    }
}

/// Differences of columns, in the order of the table, then of what is wanted. The order of
/// columns says nothing, and whether a column that is there may be null neither.
pub fn column_changes(have: &Schema, want: &Schema) -> Vec<ColumnChange> {
    let shown = |field: &Field| field.data_type().to_string();
    let in_both = |schema: &Schema, name: &str| schema.field_with_name(name).ok().cloned();
    let mut changes = Vec::new();
    for field in have.fields() {
        let name = field.name().clone();
        match in_both(want, &name) {
            None => changes.push(ColumnChange::Removed { name, data_type: shown(field) }),
            Some(other) if other.data_type() != field.data_type() => {
                changes.push(ColumnChange::Retyped { name, from: shown(field), to: shown(&other) });
            }
            Some(_) => {}
        }
    }
    let new = want.fields().iter().filter(|field| in_both(have, field.name()).is_none());
    changes.extend(new.map(|field| ColumnChange::Added {
        name: field.name().clone(),
        data_type: shown(field),
        is_breaking: !field.is_nullable(),
    }));
    changes
}

/// One table beside what is wanted of it.
#[derive(Debug, Clone)]
pub struct TableFound {
    /// `changes`, `current`, `deleted` or `quarantine`.
    pub kind: &'static str,
    /// None when the table is not there.
    pub changes: Option<Vec<ColumnChange>>,
}

/// A dataset that the lake holds at least one table of.
#[derive(Debug, Clone)]
pub struct DatasetFound {
    pub tables: Vec<TableFound>,
    /// Rows of `changes`, rows of `current` with those that are not folded yet, bytes of all four
    /// tables.
    pub changes_rows: i64,
    pub current_rows: i64,
    pub size_bytes: i64,
    pub current_bytes: i64,
    /// Whether its columns are those of a lake that protects.
    pub protected: bool,
    /// Key columns of the rows it remembers as deleted.
    pub key: Vec<String>,
    pub buckets: Option<String>,
}

/// A subject table that the lake holds.
#[derive(Debug, Clone)]
pub struct SubjectFound {
    pub schema: Arc<Schema>,
    pub rows: i64,
    pub size_bytes: i64,
    pub version: i64,
    /// The record of the newest build; null before the first.
    pub record: Value,
}

impl Survey {
    /// Looks at a lake. A directory has to exist.
    ///
    /// # Errors
    /// As the store answers.
    pub fn open(
        location: &str,
        options: &BTreeMap<String, String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let Opened { store, folder } = open(location, options)?;
        Ok(Self { shared: Shared::new(store, folder, clock, crate::ids::random()) })
    }

    /// A dataset's tables beside its contract; `None` when there is none of them.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn dataset(
        &self,
        contract: &Contract,
        protected: bool,
    ) -> Result<Option<DatasetFound>, Error> {
        let mut found = DatasetFound {
            tables: Vec::new(),
            changes_rows: 0,
            current_rows: 0,
            size_bytes: 0,
            current_bytes: 0,
            protected: false,
            key: Vec::new(),
            buckets: None,
        };
        let looking = wanted(contract, protected).into_iter().map(async |wanted: Wanted| {
            let path = Path::from(wanted.kind).join(contract.dataset.as_ref());
            let table = Table::open(&self.shared, path).await?;
            Ok::<_, Error>((wanted, table))
        });
        let mut history = TableState::default();
        for (wanted, table) in futures::future::try_join_all(looking).await? {
            let mut changes = None;
            if let Some(table) = table {
                let (state, have) = (table.refresh().await?, table.schema().await?);
                found.size_bytes += state.size_bytes();
                match wanted.kind {
                    "changes" => {
                        found.changes_rows = state.rows();
                        history = state;
                        found.protected = have.field_with_name(system::RAW_SEALED).is_ok();
                    }
                    "current" => {
                        found.current_rows = state.rows() + pending(&history, &state).1;
                        found.current_bytes = state.size_bytes();
                        found.buckets = table.property(BUCKETS).await;
                    }
                    "deleted" => found.key = own_columns(&have),
                    _ => {}
                }
                changes = Some(column_changes(&have, &wanted.schema));
            }
            found.tables.push(TableFound { kind: wanted.kind, changes });
        }
        Ok(found.tables.iter().any(|table| table.changes.is_some()).then_some(found))
    }

    /// A subject table; `None` when it is not there.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn subject(&self, subject: &str, table: &str) -> Result<Option<SubjectFound>, Error> {
        let path = subject_path(subject, table);
        let Some(table) = Table::open(&self.shared, path).await? else { return Ok(None) };
        let state = table.refresh().await?;
        Ok(Some(SubjectFound {
            schema: table.schema().await?,
            rows: state.rows(),
            size_bytes: state.size_bytes(),
            version: state.version,
            record: receipt(&table, &state).await?,
        }))
    }

    /// Names of all datasets of which there are changes.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn datasets(&self) -> Result<Vec<String>, Error> {
        self.below(&Path::from("changes")).await
    }

    /// Names of all subject tables, as `subject.table`.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn subject_tables(&self) -> Result<Vec<String>, Error> {
        let root = Path::from("subjects");
        let mut names = Vec::new();
        for subject in self.below(&root).await? {
            let tables = self.below(&root.clone().join(subject.as_str())).await?;
            names.extend(tables.into_iter().map(|table| format!("{subject}.{table}")));
        }
        Ok(names)
    }

    async fn below(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let listed = self.shared.store.list_with_delimiter(Some(folder)).await;
        let listed = listed.map_err(|e| store_error(&format!("listing `{folder}`"), e))?;
        let name = |path: Path| path.filename().map(str::to_owned);
        Ok(listed.common_prefixes.into_iter().filter_map(name).collect())
    }
}

/// Columns that are not of the system.
fn own_columns(schema: &Schema) -> Vec<String> {
    let names = schema.fields().iter().map(|field| field.name());
    names.filter(|name| !name.starts_with(system::PREFIX)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    #[test]
    fn differences_are_told_column_by_column_with_what_cannot_follow() {
        let field = |name: &str, kind: DataType, null| Field::new(name, kind, null);
        let (text, long) = (DataType::Utf8, DataType::Int64);
        let have = Schema::new(vec![
            field("a", text.clone(), false),
            field("b", long.clone(), true),
            field("c", text.clone(), true),
        ]);
        let want = Schema::new(vec![
            field("c", long.clone(), true),
            field("d", text.clone(), true),
            field("a", text.clone(), true),
            field("e", text, false),
        ]);
        let added = |name: &str, is_breaking| ColumnChange::Added {
            name: name.into(),
            data_type: "Utf8".into(),
            is_breaking,
        };
        let expected = [
            ColumnChange::Removed { name: "b".into(), data_type: "Int64".into() },
            ColumnChange::Retyped { name: "c".into(), from: "Utf8".into(), to: "Int64".into() },
            added("d", false),
            added("e", true),
        ];
        assert_eq!(column_changes(&have, &want), expected);
        assert_eq!(expected.map(|change| change.is_breaking()), [true, true, false, true]);
        assert_eq!(column_changes(&have, &have), []);
    }
}
