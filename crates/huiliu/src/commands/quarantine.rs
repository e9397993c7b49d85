//! `huiliu quarantine`: rejected records are counted, looked at, sent back, repaired, replayed or
//! dropped. One module per verb; what was done is kept in `ledger.repairs`.

mod desk;
mod drop;
mod export;
mod job;
mod list;
mod look_up;
mod repair;
mod replay;
mod show;
pub mod words;

pub use desk::{Desk, RECORDS_AT_ONCE, actor, portion, require_text, since};

use crate::cli::{Global, QuarantineArgs, QuarantineCommand};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};

/// Does what the verb says.
///
/// # Errors
/// As the lake answers; 65 when a repaired record fails again.
pub fn execute(args: &QuarantineArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    runtime()?.block_on(async {
        match &args.command {
            QuarantineCommand::List(args) => list::execute(args, &installation).await,
            QuarantineCommand::Show(args) => show::execute(args, &installation).await,
            QuarantineCommand::Export(args) => export::execute(args, &installation, console).await,
            QuarantineCommand::Repair(args) => repair::execute(args, &installation, console).await,
            QuarantineCommand::Replay(args) => replay::execute(args, &installation, console).await,
            QuarantineCommand::Drop(args) => drop::execute(args, &installation, console).await,
        }
    })
}
