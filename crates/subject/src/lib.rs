//! Subject tables: what is built from the current state, how, and whether it may be shown.
//!
//! Owns the session in which subject SQL runs, the build of a table bucket by bucket, the checks
//! between staging and commit, the validation of a table without a lake, and the runner of its
//! given/expected tests. Knows inputs and targets only as the two ports of [`port`]. Refuses
//! functions whose result depends on the clock or on chance, parameters pasted into text, and
//! a commit after a failing check. Keeps the law that a build is a function of input versions,
//! parameters and query text.

pub mod bucket;
pub mod build;
pub mod catalogue;
pub mod check;
mod fault;
pub mod lineage;
pub mod memory;
pub mod parameters;
pub mod plan;
pub mod port;
pub mod refresh;
mod restrict;
mod rows;
pub mod schema;
pub mod session;
pub mod testcase;
#[cfg(test)]
mod testing;

pub use catalogue::{Catalogue, Dimension, View};
pub use check::CheckOutcome;
pub use lineage::{ColumnLineage, Source, TableLineage, lineage};
pub use memory::{MemoryInputs, MemoryTarget};
pub use plan::grades::word as grade_word;
pub use plan::{Finding, validate_project, validate_table};
pub use port::{BuildRecord, Inputs, Shape, Staging, Target};
pub use refresh::{Built, Declarations, Ports, refresh};
pub use session::{Budget, Sessions};
