//! Ingestion, fold, refresh, ledger and maintenance on ports in memory, under a seed.
//!
//! One seed is one history. Everything runs on one thread and in virtual time, so a seed replays
//! its history call by call. The processes run the product's own code; what they meet — broker,
//! object store, clocks, chance — is made here and fails in every way that [`plan::Fault`] and
//! [`history`] know. Afterwards [`oracle`] looks at what is left, with code of its own.

pub mod broker;
pub mod chance;
pub mod history;
pub mod life;
pub mod logs;
pub mod oracle;
pub mod plan;
pub mod process;
pub mod records;
pub mod source;
pub mod store;
pub mod subjects;
pub mod time;

pub use history::{Figures, Outcome, Wish, run};
pub use plan::{Fault, Lie};
