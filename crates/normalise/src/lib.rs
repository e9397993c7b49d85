//! Changes to Arrow: typed columns, rules, flags and protection.
//!
//! The rooms of one chunk of records, composed by [`Normaliser::prepare`]:
//!
//! ```text
//! changes ─► cast ─► judge ─► protect ─► rows (`changes.<dataset>`), findings, tally
//!   cells    typed   rules    by grade
//!               └──────┴─ rejects ─────► `quarantine.<dataset>`
//! ```
//!
//! Everything here is total, synchronous and free of I/O: bad data becomes a flag or a reject,
//! never an error and never a panic. Work goes column by column; a clean cell allocates nothing.
//! The same records give the same bytes, whenever they are prepared.

pub mod bucket;
mod cast;
pub mod columns;
pub mod crypto;
pub mod date;
pub mod disclose;
mod flags;
pub mod geo;
pub mod id;
mod judge;
pub mod lists;
pub mod mask;
pub mod number;
pub mod prepare;
pub mod protect;
pub mod rule;
pub mod text;
pub mod workday;

pub use bucket::{bucket, bucket_of_texts};
pub use crypto::{Crypto, Keys};
pub use prepare::{ChunkDrift, Extent, Normaliser, Prepared};
pub use protect::Protection;
