//! The lake: Delta tables on object storage, and the only crate that names deltalake and
//! object_store.
//!
//! It owns staging (Parquet that no reader sees yet), commits (one log entry, guarded by recorded
//! progress), the fold of `changes` into `current`, and scans of pinned versions. It refuses to
//! commit what it does not own: before every attempt the progress recorded in the log must equal
//! the start of what the commit covers. Everything it knows is in the tables; a lake opened
//! anywhere goes on from there.
//!
//! | folder | table |
//! |---|---|
//! | `changes/<dataset>` | every accepted change, append only |
//! | `quarantine/<dataset>` | rejected records |
//! | `current/<dataset>` | newest row per key, by bucket |
//! | `deleted/<dataset>` | keys deleted in the last 30 days, by bucket |
//! | `subjects/<subject>/<table>` | subject tables |
//! | `ledger/<name>` | what was done to the lake, append only |
//!
//! Beside the tables, `leases/<name>` says which process does a piece of work ([`Lease`]).

pub mod audit;
mod bounded;
mod build;
mod chain;
mod commit;
mod completed;
mod dataset;
mod drift;
mod error;
mod evolve;
mod examine;
mod file;
pub mod fold;
mod footers;
mod ids;
mod kept;
mod lake;
mod landing;
mod layout;
mod lease;
mod ledger;
mod log;
mod looked;
mod lookup;
pub mod maintain;
mod memory;
mod merged;
mod metrics;
mod opened;
mod origin;
mod pages;
mod past;
mod pool;
pub mod posting;
mod purge;
pub mod quarantine;
mod ranges;
pub mod receipt;
mod reset;
mod room;
mod row_index;
mod scan;
mod schema;
mod shape;
mod spill;
mod stage;
mod stats;
mod stop;
mod store;
mod subject;
mod survey;
mod table;
mod traffic;
mod truncate;

pub use build::{Build, Order, Replaced};
pub use chain::{Chain, Fault};
pub use commit::{Commit, Committed, Step};
pub use dataset::{Dataset, DatasetStatus};
pub use examine::{Examined, examine};
pub use ids::Ids;
pub use lake::{Lake, Place};
pub use layout::Layout;
pub use lease::{Lease, Standing};
pub use ledger::Ledger;
pub use log::{Add, FileMeta, Remove, TableState};
pub use lookup::Wanted;
pub use merged::Pinned;
pub use metrics::{Metrics, Passed};
pub use origin::{Origin, Origins};
pub use past::{BucketsOf, Versions};
pub use pool::CappedPool;
pub use purge::Remains;
pub use reset::Reset;
pub use room::{Room, spilling};
pub use scan::{PinnedFiles, batch_rows, frugal, session};
pub use shape::Shape;
pub use subject::{SubjectPinned, SubjectStatus, Touched, Written};
pub use survey::{ColumnChange, DatasetFound, SubjectFound, Survey, TableFound, column_changes};
pub use table::Table;
