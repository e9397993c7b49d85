//! The kernels of the rules as SQL functions: identifiers, codes, divisions, positions, masks.
//!
//! Owns the list of functions, their arguments and types, and the way from Arrow arrays to the
//! kernels of `normalise` and back. It has no rule of its own, reads no clock and keeps no state:
//! every function is immutable, so subject tables may use all of them. A null gives null. A word
//! that names a rule, a code list or a mask is checked when the query is planned.

mod call;
mod entry;
mod identity;
mod place;
mod position;
mod reference;
mod rule;
mod text;
mod udf;

pub use entry::{Entry, Kind, entries};
pub use reference::reference;

use datafusion::logical_expr::ScalarUDF;

/// Every function, to be registered in a session.
pub fn all() -> Vec<ScalarUDF> {
    entries().map(udf::of).collect()
}
