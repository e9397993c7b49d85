//! Work that keeps a CPU busy, beside tasks that wait.
//!
//! It goes to a thread of its own, so that the tasks of the runtime go on meanwhile. A runtime of
//! one thread was chosen for its order: there the work is done at once, in place, so that a seed
//! replays a run.

use std::future::Future;
use std::pin::Pin;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, spawn_blocking};

/// The result of some work, once it is done.
pub type Computed<T> = Pin<Box<dyn Future<Output = Result<T, JoinError>> + Send>>;

/// Begins the work now, whether the result is waited for or not.
///
/// # Panics
/// Outside a runtime; on a runtime of one thread also where the work panics.
pub fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Computed<T> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        let done = work();
        return Box::pin(std::future::ready(Ok(done)));
    }
    Box::pin(spawn_blocking(work))
}
