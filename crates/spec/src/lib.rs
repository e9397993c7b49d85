//! Text to validated values: pipeline files, table folders and `huiliu.yaml`.
//!
//! Owns the shape of every file a user writes, and all that can be said about them without
//! connecting anywhere. It reads the files it is pointed at (and, for secrets, what a reference
//! names) and does no other I/O. All findings of all files are returned at once, each with its
//! file, line and column; a value is handed out only when nothing was found against it.

pub mod code_lists;
pub mod diagnostic;
pub mod format;
pub mod pipeline;
pub mod project;
mod read;
pub mod schema;
pub mod secret;
pub mod settings;
pub mod subject;
pub mod table;
mod tree;
pub mod units;

pub use diagnostic::{Code, Diagnostic, did_you_mean};
pub use project::{Project, Sources, TableSources};
pub use schema::json_schemas;
pub use settings::Settings;
pub use subject::SubjectSpec;
pub use table::TableSpec;
