//! The group that each declared dataset belongs to, and whether it comes from a database's log.

use huiliu_model::Contract;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Default)]
pub struct Groups(RwLock<BTreeMap<Arc<str>, (&'static str, bool)>>);

impl Groups {
    pub fn declare<'a>(&self, contracts: impl Iterator<Item = &'a Contract>) {
        let told = |c: &Contract| (c.group.label(), c.format.is_debezium());
        let found = contracts.map(|c| (Arc::clone(&c.dataset), told(c))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// The label of a dataset's group; empty for one that was not declared, which nothing reads.
    pub fn of(&self, dataset: &str) -> &'static str {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(dataset).map(|(group, _)| *group).unwrap_or_default()
    }

    /// Whether the dataset's records come from the log of a database, by Debezium.
    pub fn is_log(&self, dataset: &str) -> bool {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(dataset).is_some_and(|(_, is_log)| *is_log)
    }
}
