//! What the cells of one dataset were found to be, summed over the chunks of a session.
//!
//! Figures and labels only, never values: they go into summaries and reports as they are.

use huiliu_normalise::{ColumnCount, Prepared};
use std::collections::BTreeMap;

/// Counts of one dataset, by contract column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quality {
    /// Cells checked and passed; one entry per contract column once anything was prepared.
    pub columns: Vec<ColumnCount>,
    /// How often a column showed a flag or a reason, by column and label.
    pub findings: BTreeMap<(u16, &'static str), u64>,
}

impl Quality {
    /// Adds what was found in one chunk.
    pub fn add(&mut self, prepared: &Prepared) {
        self.add_columns(&prepared.column_counts);
        for finding in &prepared.findings {
            *self.findings.entry((finding.column, finding.label)).or_default() += finding.count;
        }
    }

    /// Adds what another session found.
    pub fn add_all(&mut self, other: &Self) {
        self.add_columns(&other.columns);
        for (of, count) in &other.findings {
            *self.findings.entry(*of).or_default() += count;
        }
    }

    fn add_columns(&mut self, counts: &[ColumnCount]) {
        let wanted = self.columns.len().max(counts.len());
        self.columns.resize(wanted, ColumnCount::default());
        for (sum, count) in self.columns.iter_mut().zip(counts) {
            sum.checked += count.checked;
            sum.passed_raw += count.passed_raw;
            sum.passed += count.passed;
        }
    }
}
