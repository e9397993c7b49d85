//! Both ports of a refresh on a lake: what production reads and writes.

mod inputs;
mod target;

pub use inputs::{LakeInputs, Seen};
pub use target::LakeTarget;

use crate::refresh::{Declarations, Ports, Refreshed, Request};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::TableSpec;

/// Refreshes one table of a lake.
///
/// A version older than those that are kept may be swept while it is read. Looked at again it is
/// not there, and the table is built in full.
///
/// # Errors
/// As [`crate::refresh()`].
pub async fn refresh(
    table: &TableSpec,
    declared: Declarations<'_>,
    (inputs, target): (&LakeInputs, &LakeTarget),
    request: &Request,
) -> Result<Refreshed, Error> {
    let ports = Ports { inputs, target };
    match crate::refresh(table, declared, ports, request).await {
        Err(error) if error.kind == ErrorKind::Corrupt => {
            tracing::debug!(table = %table.full_name(), %error, "refreshing once more");
            crate::refresh(table, declared, ports, request).await
        }
        done => done,
    }
}
