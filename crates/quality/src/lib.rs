//! Ledger figures to scorecards: the two gates of the city, where they fail, and a page that can
//! be handed to a department.
//!
//! Pure: figures in, scorecards out; no lake, no clock. The formulas are those of the domain
//! specification, 4.3 and 4.4:
//!
//! | gate | is | must be |
//! |---|---|---|
//! | 归集率, collection rate | owed resources that came complete, on time / owed ones | > 95 % |
//! | 字段合格率, field pass rate | cells passed as delivered / cells checked | > 80 % |
//!
//! The field pass rate counts cells as they were delivered: what a repair mended is shown beside
//! it and does not lift the gate.

mod assess;
mod collection;
mod dimension;
mod figure;
mod page;
mod scorecard;

pub use assess::{Assessment, assessments};
pub use collection::{Collected, Cycle, Delivery, Resource, State, collect};
pub use dimension::Dimension;
pub use figure::{Figure, Period};
pub use page::page;
pub use scorecard::scorecard;
pub use scorecard::{Cells, CollectionGate, DepartmentCard, FieldCard, Scorecard, Titles};

/// The field pass rate must be above this (letter of the city, 0868).
pub const FIELD_GATE: f64 = 0.80;
/// The collection rate must be above this (letter of the city, 0868).
pub const COLLECTION_GATE: f64 = 0.95;
/// A field counts for the secondary share when its own rate is at least this.
pub const FIELD_SHARE_AT: f64 = 0.95;

/// A share; none without anything to share.
pub fn rate(part: u64, whole: u64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "counts of cells are far below 2^53")]
    (whole > 0).then(|| part as f64 / whole as f64)
}
