//! Checks of datasets: what must hold over the rows of a table, or against another table.
//!
//! A check is judged over the current rows and counted; it never blocks a record or a batch.
//! Columns are indices of the contract that has the check, unless they are names.

use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// Values that another dataset holds (D42); rows with a null among `columns` are not counted.
    Reference { columns: Vec<usize>, to: Target },
    /// The sum of a number per group lies within bounds, both inclusive (D48).
    SumPer { column: usize, by: Vec<usize>, from: f64, to: f64 },
    /// Exactly one row of each group has the value, given as text.
    OnePer { column: usize, value: String, by: Vec<usize> },
    /// In the order of `order` a number does not fall within a group (D40). A fall from above
    /// this share of the register's size, the next power of ten, is a rollover.
    NonDecreasing { column: usize, by: Vec<usize>, order: usize, rollover_over: Option<f64> },
    /// No number above so many times the median of its group (D34, D41).
    Outlier { column: usize, by: Vec<usize>, times_median: f64 },
    /// A position lies near the one that another dataset knows under the key `by` (D32). The
    /// columns of both positions have the same names.
    Near { longitude: usize, latitude: usize, by: Vec<usize>, to: Target, metres: f64 },
}

/// Columns of another dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub dataset: Arc<str>,
    /// Names, one for each column that is compared. A contract that was read without its project
    /// has none where the other's key is meant.
    pub columns: Vec<String>,
}

impl Check {
    /// The word that stands for the check in contracts and counts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "reference",
            Self::SumPer { .. } => "sum_per",
            Self::OnePer { .. } => "one_per",
            Self::NonDecreasing { .. } => "non_decreasing",
            Self::Outlier { .. } => "outlier",
            Self::Near { .. } => "near",
        }
    }

    /// The other dataset that the check reads, if any.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Reference { to, .. } | Self::Near { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The columns by which rows are grouped, or found in the other dataset.
    pub fn by(&self) -> &[usize] {
        match self {
            Self::Reference { columns: by, .. }
            | Self::SumPer { by, .. }
            | Self::OnePer { by, .. }
            | Self::NonDecreasing { by, .. }
            | Self::Outlier { by, .. }
            | Self::Near { by, .. } => by,
        }
    }
}
