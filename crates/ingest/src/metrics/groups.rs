//! The group that each declared dataset belongs to.

use huiliu_model::Contract;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Default)]
pub struct Groups(RwLock<BTreeMap<Arc<str>, &'static str>>);

impl Groups {
    pub fn declare<'a>(&self, contracts: impl Iterator<Item = &'a Contract>) {
        let found = contracts.map(|c| (Arc::clone(&c.dataset), c.group.label())).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// The label of a dataset's group; empty for one that was not declared, which nothing reads.
    pub fn of(&self, dataset: &str) -> &'static str {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(dataset).copied().unwrap_or_default()
    }
}
