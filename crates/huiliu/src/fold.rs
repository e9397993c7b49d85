//! The fold beside ingestion: `current` follows `changes`, receipts are posted, logs get their
//! checkpoints. A lake that does not answer is waited for; a dataset that another process folds
//! is left to it.

use crate::activity::{Activity, Work};
use crate::otlp::Tracer;
use huiliu_lake::Lake;
use huiliu_lake::fold::{Folded, Policy};
use huiliu_model::{Clock, Error, ErrorKind};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is asked whether a fold is due.
const LOOK: Duration = Duration::from_secs(2);
/// How often receipts are posted to the ledger.
const POST_EVERY: Duration = Duration::from_secs(30);
/// Versions of a table between two checkpoints of its log.
pub const CHECKPOINT_EVERY: i64 = 50;
/// Bucket edges of one fold, seconds.
const SECONDS: [f64; 8] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];

/// What is told of folds.
#[derive(Clone)]
pub struct Metrics {
    changes: IntCounterVec,
    seconds: Histogram,
    succeeded_at: IntGauge,
    failures: IntCounter,
}

impl Metrics {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let changes = IntCounterVec::new(
            Opts::new(
                "huiliu_fold_changes_total",
                "Changes folded into current: applied, or stale against a higher sequence.",
            ),
            &["outcome"],
        )?;
        let about = "Time of one fold of a dataset that had changes.";
        let seconds = Histogram::with_opts(
            HistogramOpts::new("huiliu_fold_duration_seconds", about).buckets(SECONDS.to_vec()),
        )?;
        let succeeded_at = IntGauge::new(
            "huiliu_fold_last_success_timestamp_seconds",
            "When a round over all datasets last ended without a failure.",
        )?;
        let failures = IntCounter::new(
            "huiliu_fold_failures_total",
            "Folds for which the lake did not answer; they are tried again.",
        )?;
        for outcome in ["applied", "stale"] {
            changes.with_label_values(&[outcome]);
        }
        registry.register(Box::new(changes.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(succeeded_at.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        Ok(Self { changes, seconds, succeeded_at, failures })
    }

    fn count(&self, folded: &Folded, took: Duration) {
        self.changes.with_label_values(&["applied"]).inc_by(folded.applied);
        self.changes.with_label_values(&["stale"]).inc_by(folded.stale);
        if folded.changes > 0 {
            self.seconds.observe(took.as_secs_f64());
        }
    }
}

/// The fold beside ingestion.
pub struct Fold {
    pub lake: Lake,
    pub clock: Arc<dyn Clock>,
    pub activity: Activity,
    pub policy: Policy,
    pub metrics: Metrics,
    pub tracer: Option<Tracer>,
    pub over: CancellationToken,
}

impl Fold {
    /// Goes on until it is over.
    ///
    /// # Errors
    /// What no later attempt mends.
    pub async fn go_on(self) -> Result<(), Error> {
        let mut posted = self.clock.monotonic();
        loop {
            tokio::select! {
                biased;
                () = self.over.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
            let mut failed = false;
            for dataset in self.lake.datasets() {
                if self.over.is_cancelled() {
                    return Ok(());
                }
                match self.once(dataset).await {
                    Err(e) if e.kind == ErrorKind::Superseded => {
                        tracing::debug!(dataset = %dataset.contract.dataset, "folded elsewhere");
                    }
                    Err(e) if e.kind == ErrorKind::Unavailable => {
                        failed = true;
                        self.metrics.failures.inc();
                        tracing::warn!(dataset = %dataset.contract.dataset, error = %e,
                            "the fold waits for the lake");
                    }
                    other => other?,
                }
            }
            if !failed {
                self.metrics.succeeded_at.set(self.clock.now_us() / 1_000_000);
            }
            if self.clock.monotonic().saturating_sub(posted) >= POST_EVERY {
                posted = self.clock.monotonic();
                self.post().await?;
            }
            self.lake.checkpoint(CHECKPOINT_EVERY).await;
        }
    }

    /// Posts receipts to the ledger; what cannot be posted now is posted next time.
    async fn post(&self) -> Result<(), Error> {
        match self.lake.post_ledger().await {
            Err(e) if e.kind == ErrorKind::Unavailable => {
                tracing::warn!(error = %e, "the ledger waits for the lake");
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }

    async fn once(&self, dataset: &huiliu_lake::Dataset) -> Result<(), Error> {
        if !dataset.fold_is_due(&self.policy, self.clock.now_us() / 1_000).await? {
            return Ok(());
        }
        let _under_way = self.activity.begin(Work::Fold, &*dataset.contract.dataset);
        let (began, began_us) = (self.clock.monotonic(), self.clock.now_us());
        let result = dataset.fold().await;
        if let Some(tracer) = &self.tracer {
            let name = &dataset.contract.dataset;
            match &result {
                Ok(Some(folded)) => tracer.folded(name, began_us, Ok(folded)),
                Ok(None) => {}
                Err(error) => tracer.folded(name, began_us, Err(error)),
            }
        }
        if let Some(folded) = result? {
            self.metrics.count(&folded, self.clock.monotonic().saturating_sub(began));
            tell(&dataset.contract.dataset, &folded);
        }
        Ok(())
    }
}

/// Says what a fold did.
pub fn tell(dataset: &str, folded: &Folded) {
    if folded.changes > 0 {
        tracing::info!(
            dataset,
            changes = folded.changes,
            applied = folded.applied,
            stale = folded.stale,
            buckets = folded.buckets,
            to_version = folded.to_version,
            "folded"
        );
    }
}
