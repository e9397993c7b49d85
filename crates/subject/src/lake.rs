//! Both ports of a refresh on a lake: what production reads and writes.

mod inputs;
mod target;

pub use inputs::{LakeInputs, Seen};
pub use target::LakeTarget;

use crate::refresh::{Declarations, Ports, Refreshed, Request};
use crate::session::Budget;
use huiliu_model::{Error, ErrorKind, code};
use huiliu_spec::TableSpec;

/// Refreshes one table of a lake.
///
/// What fails for a reason that the next try does not meet is tried once more. A version older
/// than those that are kept may be swept while it is read: then it is not there, and the table is
/// built in full. With one partition joins are hash joins, which cannot spill; with two they can,
/// and sorts that spill early leave them room.
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
        Err(error) if error.code() == code::NO_MEMORY => {
            tracing::debug!(table = %table.full_name(), %error, "joins have to spill");
            let partitions = request.budget.partitions.max(2);
            let budget = Budget { partitions, spill_early: true, ..request.budget.clone() };
            crate::refresh(table, declared, ports, &Request { budget, ..request.clone() }).await
        }
        done => done,
    }
}
