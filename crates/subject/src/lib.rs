//! Subject tables: what is built from the current state, how, and whether it may be shown.
//!
//! Owns the session in which subject SQL runs, the build of a table bucket by bucket or of some of
//! its identities, the way from changes of inputs to these identities, the checks between staging
//! and commit, the validation of a table without a lake, and the runner of its given/expected
//! tests. Knows inputs and targets only as the two ports of [`port`], which [`lake`] implements.
//! Refuses functions whose result depends on the clock or on chance, parameters pasted into text,
//! and a commit after a failing check. Keeps the law that a build is a function of input versions,
//! parameters and query text.

mod affected;
pub mod among;
pub mod bucket;
pub mod build;
pub mod catalogue;
pub mod check;
pub mod decide;
pub mod explain;
mod fault;
mod gather;
pub mod lake;
pub mod lineage;
pub mod locality;
mod lookup;
pub mod memory;
pub mod parameters;
pub mod plan;
pub mod port;
mod prepared;
pub mod record;
pub mod refresh;
mod restrict;
mod rows;
pub mod schema;
pub mod session;
pub mod testcase;
#[cfg(test)]
mod testing;
pub mod verify;

pub use affected::InputChange;
pub use among::Keys;
pub use catalogue::{Catalogue, Dimension, View};
pub use check::CheckOutcome;
pub use decide::{Cost, Decision, Rates, Way};
pub use explain::{Explained, Extent, InputRows, Rebuilt, explain};
pub use lineage::{ColumnLineage, Source, TableLineage, lineage};
pub use locality::Locality;
pub use memory::{MemoryInputs, MemoryTarget};
pub use plan::grades::word as grade_word;
pub use plan::{Finding, locality_of, validate_project, validate_table};
pub use port::{Declared, Inputs, Pin, Scope, Shape, Snapshot, Staging, Target, Touched};
pub use record::BuildRecord;
pub use refresh::hash_of as query_hash;
pub use refresh::{Built, Declarations, Mode, Ports, Refreshed, Request, refresh};
pub use session::{Budget, Sessions};
pub use verify::{Verified, verify};
