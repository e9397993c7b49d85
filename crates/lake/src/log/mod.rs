//! The Delta log: its actions, and the state of a table at a version.
//!
//! We read and write the log ourselves because a commit must be a compare-and-swap: one `PUT` that
//! creates version n+1 and can only succeed against the state at version n that the guard was
//! checked on. Checkpoints are ours too, so that they fail under a seed like all else. Only what
//! our tables use is understood: reader version 1, writer version 2; anything newer is refused by
//! name.

mod action;
mod checkpoint;
mod reader;
mod replay;
mod state;

pub use action::{Add, Line, MetaData, Protocol, Remove, Txn};
pub use checkpoint::{WHOLE, checkpoint_at, write_checkpoint};
pub use reader::{commit_path, hinted_checkpoint, load, load_at, read_commit, tail, versions};
pub use state::{FileMeta, MAINTENANCE, ORDERED_BY, TableState};
