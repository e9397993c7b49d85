//! Landing batches of one dataset, one after the other, with retries.
//!
//! An unavailable store is waited for, for as long as it takes: nothing is shed, the source is
//! held back by its budget. Any other error ends the session.

use crate::batcher::Loaded;
use crate::metrics::Metrics;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, Clock, Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const RETRY_MS_MIN: u64 = 200;
const RETRY_MS_MAX: u64 = 15_000;

/// What became of one batch.
pub struct Outcome {
    /// The batch without its rows: covers, tally and times are what is still needed.
    pub batch: Batch,
    pub result: Result<Landed, Error>,
}

/// Everything a lander needs.
pub struct Lander<L> {
    pub landing: Arc<L>,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    /// After this is cancelled an unavailable store is no longer waited for.
    pub give_up: CancellationToken,
}

impl<L: Landing> Lander<L> {
    /// Lands what comes until the queue is closed, and reports each batch.
    pub async fn run(self, mut queue: mpsc::Receiver<Loaded>, done: mpsc::Sender<Outcome>) {
        while let Some(loaded) = queue.recv().await {
            let result = self.land(&loaded.batch).await;
            let failed = result.is_err();
            let Loaded { mut batch, releases } = loaded;
            batch.rows.clear();
            batch.rejects.clear();
            drop(releases);
            if done.send(Outcome { batch, result }).await.is_err() || failed {
                return;
            }
        }
    }

    async fn land(&self, batch: &Batch) -> Result<Landed, Error> {
        let mut wait_ms = RETRY_MS_MIN;
        loop {
            let began = self.clock.monotonic();
            let result = self.landing.land(batch).await;
            let took = self.clock.monotonic().saturating_sub(began);
            match &result {
                Ok(landed) => {
                    self.metrics.landed(batch, landed, took, self.clock.now_us());
                    return result;
                }
                Err(e) => self.metrics.failed("land", &batch.dataset, e.kind),
            }
            match result {
                Err(e) if e.kind == ErrorKind::Unavailable && !self.give_up.is_cancelled() => {
                    tracing::warn!(dataset = %batch.dataset, error = %Chain(&e), wait_ms,
                        "the lake does not answer; waiting");
                    self.wait(wait_ms).await;
                    wait_ms = (wait_ms * 2).min(RETRY_MS_MAX);
                }
                other => return other,
            }
        }
    }

    async fn wait(&self, wait_ms: u64) {
        // The clock's small digits are jitter enough, and a test's clock makes them repeat.
        let half = wait_ms / 2;
        let jittered = half + u64::from(self.clock.monotonic().subsec_nanos()) % (half + 1);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(jittered)) => {}
            () = self.give_up.cancelled() => {}
        }
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
