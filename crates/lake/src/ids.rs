//! Names of files that no other process can choose.

use std::sync::Arc;
use uuid::Uuid;

/// Source of file ids; a test gives its own so that a seed replays a run.
pub type Ids = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// Random ids of the operating system.
#[allow(clippy::disallowed_methods, reason = "this is the one source of file ids")]
pub fn random() -> Ids {
    Arc::new(Uuid::new_v4)
}
