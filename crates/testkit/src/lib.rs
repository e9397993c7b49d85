//! Memory ports and small fixtures for tests of the other crates.
//!
//! Nothing here is reached by the product. A [`MemoryLanding`] keeps the laws of a real one
//! (guarded progress, idempotent batches), so the ingestion loop can be tested in memory.

mod clock;
mod fixture;
mod landing;
mod schemas;
mod source;

pub use clock::HandClock;
pub use fixture::{RowSpec, account_contract, change_rows, change_rows_of};
pub use landing::{Failure, MemoryLanding};
pub use schemas::MemorySchemas;
pub use source::{ScriptedSource, json_record};
