//! Waiting for a lake or a registry that does not answer: with back-off, for as long as it takes.
//!
//! Nothing is shed meanwhile; the source is held back by its budget. Any other error is given
//! back at once.

use huiliu_model::{Clock, Error, ErrorKind};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const RETRY_MS_MIN: u64 = 200;
const RETRY_MS_MAX: u64 = 15_000;

/// The waits of one thing that is tried again and again.
pub struct Patience<'a> {
    clock: &'a dyn Clock,
    /// After this is cancelled an unavailable store is no longer waited for.
    give_up: &'a CancellationToken,
    wait_ms: u64,
}

impl<'a> Patience<'a> {
    pub fn new(clock: &'a dyn Clock, give_up: &'a CancellationToken) -> Self {
        Self { clock, give_up, wait_ms: RETRY_MS_MIN }
    }

    /// Waits until it is time to try again; `what` is being done for `dataset`.
    ///
    /// # Errors
    /// The error itself, when it is of another kind or waiting has come to its end.
    pub async fn outlast(&mut self, error: Error, what: &str, dataset: &str) -> Result<(), Error> {
        if error.kind != ErrorKind::Unavailable || self.give_up.is_cancelled() {
            return Err(error);
        }
        let wait_ms = self.wait_ms;
        tracing::warn!(dataset, error = %Chain(&error), wait_ms, what,
            "no answer; waiting");
        // The clock's small digits are jitter enough, and a test's clock makes them repeat.
        let half = wait_ms / 2;
        let jittered = half + u64::from(self.clock.monotonic().subsec_nanos()) % (half + 1);
        tokio::select! {
            biased;
            () = self.clock.sleep(Duration::from_millis(jittered)) => {}
            () = self.give_up.cancelled() => {}
        }
        self.wait_ms = (wait_ms * 2).min(RETRY_MS_MAX);
        Ok(())
    }
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}
