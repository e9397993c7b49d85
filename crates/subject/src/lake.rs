//! Both ports of a refresh on a lake: what production reads and writes.

mod inputs;
mod target;

pub use inputs::{LakeInputs, Seen};
pub use target::LakeTarget;

use crate::refresh::{Declarations, Ports, Refreshed, Request};
use crate::session::Budget;
use huiliu_model::{Error, ErrorKind, code};
use huiliu_spec::TableSpec;

/// Rows of a batch in a build that ran out of memory before: this part of what they were.
const BATCH_PART: usize = 8;

/// Refreshes one table of a lake.
///
/// What fails for a reason that the next try does not meet is tried once more. A version older
/// than those that are kept may be swept while it is read, or since this process saw it: what was
/// seen is forgotten, the lake says that it is not there, and the table is built in full. Where
/// memory runs out, less of it is used ([`frugal`]).
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
            inputs.forget();
            crate::refresh(table, declared, ports, request).await
        }
        Err(error) if error.code() == code::NO_MEMORY => {
            tracing::debug!(table = %table.full_name(), %error, "joins have to spill");
            let budget = frugal(&request.budget);
            crate::refresh(table, declared, ports, &Request { budget, ..request.clone() }).await
        }
        done => done,
    }
}

/// A budget under which more of a plan can spill. With one partition joins are hash joins, which
/// cannot; with two they are merge joins of sorts. Sorts that spill early leave room for each
/// other, and a sort is merged from a batch of each of its runs, which smaller batches make small.
fn frugal(budget: &Budget) -> Budget {
    Budget {
        partitions: budget.partitions.max(2),
        batch_rows: (budget.batch_rows / BATCH_PART).max(1),
        spill_early: true,
        ..budget.clone()
    }
}
