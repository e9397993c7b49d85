//! Files to records: what departments deliver as JSON lines, CSV or Parquet.
//!
//! The second implementation of the port `Source`. A file takes the way of a Kafka partition: its
//! name is the SM3 of its bytes, its offsets are its rows from 0, and recorded progress says what
//! is durable. So a file loaded twice changes nothing, and a load that was killed goes on from
//! its last commit.
//!
//! ```text
//! examine (once through: SM3, encoding, form, header) ─► read (thread) ─[byte budget]─► session
//! ```
//!
//! - JSON lines in the contract's envelope go as they are, plain ones too.
//! - A row of CSV or Parquet becomes one JSON object in the arena, its columns found by name or
//!   by title. Every value keeps all its digits; nothing is judged here.
//! - A row that does not fall into fields is a fault of that row, never of the file.
//!
//! It refuses a file of which no row could be accepted (empty, a header without the key, a
//! workbook) before anything is read.

mod chunk;
mod csv;
mod encoding;
mod error;
mod examine;
mod header;
mod json;
mod kind;
mod lines;
mod rows;
mod source;
mod stream;
mod table;
mod window;

pub use encoding::Encoding;
pub use examine::{Ask, Delivery, STANDARD_INPUT, Sampled, examine, first_rows, sample};
pub use header::Header;
pub use kind::{Form, Kind};
pub use source::{FileSource, Meter};
