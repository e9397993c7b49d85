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
use crate::prepared::ROWS_MAX;
use serde_json::{Value, json};

/// How much dearer a row is that is looked up than one that is scanned. Measured: processor time of
/// each further looked-up row beside that of each row of a build in full, 1.6 to 6.7 in two runs of
/// three tables, median 3.7 (docs/benchmark.md, refreshes).
const LOOKUP: f64 = 4.0;
/// Rows that one commit is worth.
const FIXED: f64 = 2_000.0;
/// Rows that planning a build in full is worth: beyond [`ROWS_MAX`] it is planned each time, which
/// statements over fewer rows are not (measured, docs/benchmark.md).
const PLANNED: f64 = 20_000.0;

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

/// What a row of an estimate took lately, for one table; only how they compare is of matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    pub full: f64,
    pub incremental: f64,
}

impl Default for Rates {
    /// Nothing was measured.
    fn default() -> Self {
        Self { full: 1.0, incremental: 1.0 }
    }
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
    /// Distinct identities of the table: an identity may have many rows, such as the months of a
    /// county.
    pub of_identities: u64,
    /// Rows of the files that may hold them.
    pub rewritten: u64,
}

impl Sizes {
    #[allow(clippy::cast_precision_loss, reason = "an estimate needs no exact counts")]
    pub fn cost(&self) -> Cost {
        let [restricted, whole, table, rewritten] =
            [self.restricted, self.whole, self.table, self.rewritten].map(|count| count as f64);
        let [identities, of_identities] =
            [self.identities, self.of_identities].map(|count| count as f64);
        // An identity that is touched may be one that the table does not have.
        let share = identities / of_identities.max(identities).max(1.0);
        let planned = match restricted + whole > ROWS_MAX as f64 {
            true => PLANNED,
            false => 0.0,
        };
        Cost {
            full: FIXED + planned + restricted + whole + table,
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
        Sizes { restricted, whole, table, identities, of_identities: table, rewritten }
    }

    #[test]
    fn a_few_identities_are_cheaper_than_all_and_half_of_them_are_not() {
        let few = sizes(10, 156_250).cost();
        // 2,000 + 4 * 100 + 100 + 2 * 156,250 against 2,000 + 20,000 + 11,000,100.
        assert_eq!(few.incremental.round(), 315_000.0);
        assert_eq!(few.full.round(), 11_022_100.0);
        let half = sizes(500_000, 1_000_000).cost();
        assert!(half.incremental > half.full, "{half:?}");
    }

    #[test]
    fn all_counties_are_the_whole_of_a_table_that_has_a_row_for_each_month_of_them() {
        let counties = |of_identities| Sizes {
            restricted: 208_000,
            whole: 0,
            table: 480,
            identities: 40,
            of_identities,
            rewritten: 480,
        };
        let cost = counties(40).cost();
        assert!(cost.incremental > cost.full, "{cost:?}");
        // By rows they were a twelfth of it.
        let cost = counties(480).cost();
        assert!(cost.incremental < cost.full, "{cost:?}");
    }

    #[test]
    fn an_empty_table_is_built_in_full() {
        let empty = Sizes { table: 0, of_identities: 0, ..sizes(5, 5) };
        assert!(empty.cost().incremental > empty.cost().full);
    }
}
