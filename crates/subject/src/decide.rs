//! Whether a table is refreshed, and whether in full or only where its inputs changed.
//!
//! Both ways give the same rows; this is about cost alone, counted in rows that are read or
//! written. The estimate is rough on purpose: what it has to tell apart differs by orders of
//! magnitude.
//!
//! ```text
//! full         every input once, the table once
//! incremental  the share of each input that belongs to the identities, dearer by LOOKUP than
//!              in a scan; the files of the table that may hold them, read and written
//! ```

use crate::affected::InputChange;
use serde_json::{Value, json};

/// How much dearer a row is that is looked up than one that is scanned: an estimate, not measured.
const LOOKUP: f64 = 4.0;
/// Rows that planning and one commit are worth.
const FIXED: f64 = 2_000.0;

/// What a refresh does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The inputs stand where they stood.
    Nothing,
    /// Every row is built again.
    Full,
    /// The rows of the affected identities are built again.
    Incremental,
}

impl Way {
    pub fn label(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

/// A decision with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub way: Way,
    pub why: String,
    /// Inputs that moved, as far as they were looked at.
    pub changes: Vec<InputChange>,
    /// Identities whose rows may change; `None` when it was not looked.
    pub identities: Option<u64>,
    /// Files of the table that may hold them, of how many.
    pub files: Option<(u64, u64)>,
    /// Estimated rows of either way; `None` when there was no choice.
    pub cost: Option<Cost>,
}

/// Estimated rows read and written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    pub full: f64,
    pub incremental: f64,
}

/// What the estimate is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Rows of all inputs that are restricted, and of those that are not.
    pub restricted: u64,
    pub whole: u64,
    /// Rows of the table.
    pub table: u64,
    pub identities: u64,
    /// Rows of the files that may hold them.
    pub rewritten: u64,
}

impl Sizes {
    #[allow(clippy::cast_precision_loss, reason = "an estimate needs no exact counts")]
    pub fn cost(&self) -> Cost {
        let [restricted, whole, table, identities, rewritten] =
            [self.restricted, self.whole, self.table, self.identities, self.rewritten]
                .map(|count| count as f64);
        // A table has no more identities than rows, and none is known to be without a row.
        let share = (identities / table.max(identities).max(1.0)).min(1.0);
        Cost {
            full: FIXED + restricted + whole + table,
            incremental: FIXED + LOOKUP * share * restricted + whole + 2.0 * rewritten,
        }
    }
}

impl Decision {
    pub(crate) fn of(way: Way, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { way, why, changes: Vec::new(), identities: None, files: None, cost: None }
    }

    /// For programs.
    pub fn document(&self) -> Value {
        let change = |c: &InputChange| {
            json!({
                "input": c.name,
                "from": c.from,
                "to": c.to,
                "rows": c.row_count,
                "identities": c.identities,
            })
        };
        json!({
            "way": self.way.label(),
            "why": self.why,
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "identities": self.identities,
            "files": self.files.map(|(touched, all)| json!({"touched": touched, "all": all})),
            "cost_rows": self.cost.map(|c| json!({
                "full": c.full.round(),
                "incremental": c.incremental.round(),
            })),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(identities: u64, rewritten: u64) -> Sizes {
        let (restricted, whole, table) = (10_000_000, 100, 1_000_000);
        Sizes { restricted, whole, table, identities, rewritten }
    }

    #[test]
    fn a_few_identities_are_cheaper_than_all_and_half_of_them_are_not() {
        let few = sizes(10, 156_250).cost();
        // 2,000 + 4 * 100 + 100 + 2 * 156,250 against 2,000 + 11,000,100.
        assert_eq!(few.incremental.round(), 315_000.0);
        assert_eq!(few.full.round(), 11_002_100.0);
        let half = sizes(500_000, 1_000_000).cost();
        assert!(half.incremental > half.full, "{half:?}");
    }

    #[test]
    fn an_empty_table_is_built_in_full() {
        let empty = Sizes { table: 0, ..sizes(5, 5) };
        assert!(empty.cost().incremental > empty.cost().full);
    }
}
