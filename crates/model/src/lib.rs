//! The vocabulary of huiliu: what the rooms hand to each other.
//!
//! Nothing here does I/O, parses text or knows a library of the outside world except Arrow's
//! in-memory types. A word defined here has one meaning everywhere (DESIGN: one word, one
//! meaning); intervals are half-open, `start..end`, always.

pub mod batch;
pub mod binary;
pub mod change;
pub mod civil;
pub mod clock;
pub mod code;
pub mod compute;
pub mod contract;
pub mod drift;
pub mod error;
pub mod port;
pub mod progress;
pub mod quality;
pub mod record;
pub mod reject;
pub mod schemas;
pub mod stop;
pub mod system;
pub mod texts;
pub mod topics;
pub mod traces;
pub mod usage;

pub use batch::{Batch, Tally, Truncate};
pub use binary::{Binary, Value};
pub use change::{Cell, CellKind, Change, Changes, Dialect, Extra, Op, Stranger};
pub use clock::Clock;
pub use compute::{Computed, compute};
pub use contract::{Column, Contract, DataType, Grade, Protect};
pub use drift::{Drift, DriftKind, DriftNote, DriftPolicy, OnDrift};
pub use error::{Error, ErrorKind};
pub use progress::{Covers, Partition, Progress};
pub use quality::{DepartmentQuality, Finding, Quality, Score};
pub use record::{Record, Records};
pub use reject::{Reason, Reject, Stage};
pub use stop::{Standing, Stop, StopReason};
pub use texts::Texts;
pub use topics::{KafkaTopics, TopicPattern};
pub use traces::{TraceContext, Traces};
