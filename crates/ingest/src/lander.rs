//! Landing batches of one dataset, one after the other, with retries.
//!
//! An unavailable store is waited for, for as long as it takes: nothing is shed, the source is
//! held back by its budget. Any other error ends the session.

use crate::batcher::Loaded;
use crate::metrics::Metrics;
use crate::patience::Patience;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, Clock, Error};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

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
        let mut patience = Patience::new(self.clock.as_ref(), &self.give_up);
        loop {
            let began = self.clock.monotonic();
            self.metrics.pulse().beat(began);
            let result = self.landing.land(batch).await;
            let took = self.clock.monotonic().saturating_sub(began);
            match result {
                Ok(landed) => {
                    self.metrics.landed(batch, &landed, took, self.clock.now_us());
                    return Ok(landed);
                }
                Err(e) => {
                    self.metrics.failed("land", &batch.dataset, e.kind);
                    patience.outlast(e, "landing", &batch.dataset).await?;
                }
            }
        }
    }
}
