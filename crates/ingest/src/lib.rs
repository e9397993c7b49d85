//! The loop from a source to a landing: prepare, batch, land, and tell the source what is durable.
//!
//! It owns order and back-pressure. It is generic over both ports, so it runs in memory under a
//! seed as it runs in production. It keeps five things:
//!
//! - offsets of a batch are contiguous, and each is accounted for exactly once;
//! - a source is told that a partition may go only after everything read from it is durable or
//!   discarded;
//! - the schemas that records name are known before the records are decoded: while a registry is
//!   away its datasets wait, alone;
//! - a dataset that stops, by its limit of rejects or by drift, stops alone, in the data, and
//!   goes on from recorded progress once a person has resolved it;
//! - bytes are bounded: the source's budget is given back when a batch has landed, not before.
//!
//! ```text
//! source ─► prepare (CPU threads, in order) ─► batcher per dataset ─► lander per dataset ─► table
//!   ▲                                                                      │
//!   └───────────────────────── durable progress ◄──────────────────────────┘
//! ```

mod backwards;
mod batcher;
mod breaker;
mod clerk;
mod lander;
mod lane;
mod metrics;
mod patience;
mod pipeline;
mod pulse;
mod replay;
mod schemas;
mod session;
mod sightings;
mod supervise;
pub mod what_if;

pub use metrics::Metrics;
pub use pipeline::Pipeline;
pub use pulse::Pulse;
pub use replay::{Decoded, Image, Patch};
pub use session::{Limits, Session, Summary};
pub use supervise::supervise;
