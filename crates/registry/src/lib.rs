//! Schemas by id, from a registry that speaks Confluent's API (Karapace and Apicurio do too).
//!
//! The only crate that speaks HTTP to a registry. It keeps what it found, within a bound, and
//! for a short while that an id is unknown. It never guesses: an id is unknown only if a registry
//! says so in its own words; any other answer is an error that may pass. It does not retry: who
//! asks decides how long to wait.

mod answer;
mod cache;
mod client;
mod metrics;
mod settings;

pub use client::Registry;
pub use metrics::Metrics;
pub use settings::Settings;
