//! Maintenance beside ingestion, and the lease that gives it one owner.
//!
//! One table after the other, each with a bounded number of files, with a pause in between; then
//! it rests until the next round. The lease is given back after a round, so that
//! `huiliu maintain` and other processes have their turn. What fails is told, counted and tried
//! again in the next round; ingestion never waits for it.

use crate::activity::{Activity, Work};
use crate::console::Console;
use huiliu_lake::maintain::{Bounds, LEASE, LEASE_LASTS, Upkeep};
use huiliu_lake::{Lake, Lease, Standing};
use huiliu_model::{Clock, Error, ErrorKind};
use huiliu_spec::settings::Maintenance;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause between two tables.
const PAUSE: Duration = Duration::from_millis(200);
/// Files of one table that are joined or deleted in a round beside ingestion.
const FILES_MAX: usize = 1_000;

/// Bucket edges of the maintenance of one table, seconds.
const SECONDS: [f64; 7] = [0.1, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0];

/// The bounds of a round by the settings.
pub fn bounds(said: &Maintenance) -> Bounds {
    Bounds {
        keep_versions: said.keep_versions,
        longest_reader: said.longest_reader,
        keep_log: said.keep_log,
        ..Bounds::default()
    }
}

/// The lease, while it is ours.
pub struct Owner(Lease);

impl Owner {
    /// Renews the lease; the term in which it is ours.
    ///
    /// # Errors
    /// `Superseded` when another process took it.
    pub async fn renew(&mut self) -> Result<u64, Error> {
        match self.0.attend().await? {
            Standing::Here { term, .. } => Ok(term),
            Standing::Elsewhere { holder, .. } => Err(elsewhere(&holder)),
        }
    }

    /// # Errors
    /// As the store answers; the lease runs out then.
    pub async fn release(self) -> Result<(), Error> {
        self.0.release().await
    }
}

fn elsewhere(holder: &str) -> Error {
    let text = format!("process {holder} maintains this lake");
    Error::new(ErrorKind::Superseded, text).help("try again when its round is over")
}

/// Waits for the lease: an owner that lives ends its round, one that died lets it run out.
///
/// # Errors
/// `Superseded` when another owner goes on for longer than twice the lease.
pub async fn hold(lake: &Lake, console: &Console) -> Result<Owner, Error> {
    let mut lease = lake.lease(LEASE, LEASE_LASTS);
    let looks = 2 * LEASE_LASTS.as_secs();
    for look in 0..=looks {
        match lease.attend().await? {
            Standing::Here { .. } => return Ok(Owner(lease)),
            Standing::Elsewhere { holder, .. } if look == looks => return Err(elsewhere(&holder)),
            Standing::Elsewhere { holder, .. } if look == 0 => {
                console.say(format!("waiting for process {holder}, which maintains this lake"));
            }
            Standing::Elsewhere { .. } => {}
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(elsewhere("another"))
}

/// What is told of maintenance.
#[derive(Clone)]
pub struct Metrics {
    succeeded_at: IntGauge,
    files: IntCounterVec,
    bytes: IntCounterVec,
    failures: IntCounter,
    seconds: Histogram,
}

impl Metrics {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, about: &str| {
            let counters = IntCounterVec::new(Opts::new(name, about), &["step"])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let succeeded_at = IntGauge::new(
            "huiliu_maintenance_last_success_timestamp_seconds",
            "When this process last ended a round of maintenance over all tables without failure.",
        )?;
        registry.register(Box::new(succeeded_at.clone()))?;
        let failures = IntCounter::new(
            "huiliu_maintenance_failures_total",
            "Tables whose maintenance failed; they are tried again in the next round.",
        )?;
        registry.register(Box::new(failures.clone()))?;
        let about = "Time that the maintenance of one table took.";
        let name = "huiliu_maintenance_duration_seconds";
        let seconds =
            Histogram::with_opts(HistogramOpts::new(name, about).buckets(SECONDS.to_vec()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            succeeded_at,
            files: counters(
                "huiliu_maintenance_files_removed_total",
                "Files removed from tables or the store, by step: compact, drop, sweep, log.",
            )?,
            bytes: counters(
                "huiliu_maintenance_bytes_removed_total",
                "Bytes of these files; of joined ones what they were larger than the new file.",
            )?,
            failures,
            seconds,
        })
    }

    fn count(&self, done: &Upkeep) {
        let joined = &done.compacted;
        let steps = [
            ("compact", joined.files_before, joined.bytes_before - joined.bytes_after),
            ("drop", done.dropped.files, done.dropped.bytes),
            ("sweep", done.swept.files, done.swept.bytes),
            ("log", done.cleaned.files, done.cleaned.bytes),
        ];
        for (step, files, bytes) in steps {
            let bytes = u64::try_from(bytes).unwrap_or(0);
            self.files.with_label_values(&[step]).inc_by(files as u64);
            self.bytes.with_label_values(&[step]).inc_by(bytes);
        }
    }
}

/// What maintaining beside ingestion needs.
pub struct Maintain {
    pub lake: Lake,
    pub clock: Arc<dyn Clock>,
    pub said: Maintenance,
    pub metrics: Metrics,
    pub activity: Activity,
    pub over: CancellationToken,
}

impl Maintain {
    /// Goes on until it is over. A step under way is dropped then: a commit is there or not, and
    /// what was not deleted is deleted in a later round.
    pub async fn go_on(self) {
        let mut lease = self.lake.lease(LEASE, LEASE_LASTS);
        loop {
            tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                () = tokio::time::sleep(self.said.every) => {}
            }
            let round = async {
                if let Err(error) = self.round(&mut lease).await {
                    tracing::warn!(%error, "maintenance waits for the lake");
                    self.metrics.failures.inc();
                }
            };
            let was_ours = tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                () = round => lease.term().is_some(),
            };
            if was_ours {
                let ended = std::mem::replace(&mut lease, self.lake.lease(LEASE, LEASE_LASTS));
                if let Err(error) = ended.release().await {
                    tracing::debug!(%error, "the lease of maintenance runs out");
                }
            }
        }
    }

    async fn round(&self, lease: &mut Lease) -> Result<(), Error> {
        let bounds = Bounds { files_max: FILES_MAX, ..bounds(&self.said) };
        let mut failed = false;
        for target in self.lake.maintained().await? {
            let Standing::Here { term, .. } = lease.attend().await? else { return Ok(()) };
            let under_way = self.activity.begin(Work::Maintain, &target.name);
            let began = self.clock.monotonic();
            let done = self.lake.maintain(&target, &bounds, Some(term)).await;
            let took = self.clock.monotonic().saturating_sub(began);
            self.metrics.seconds.observe(took.as_secs_f64());
            drop(under_way);
            match done {
                Ok(done) => {
                    self.metrics.count(&done);
                    if !done.is_nothing() {
                        tracing::info!(table = %done.table, joined = done.compacted.files_before,
                            dropped = done.dropped.files, deleted = done.swept.files,
                            log_entries = done.cleaned.files, "maintained");
                    }
                }
                Err(error) if error.kind == ErrorKind::Superseded => {
                    tracing::debug!(table = %target.name, %error, "maintained elsewhere");
                }
                Err(error) => {
                    failed = true;
                    self.metrics.failures.inc();
                    tracing::warn!(table = %target.name, %error, "maintenance failed");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        if !failed {
            self.metrics.succeeded_at.set(self.clock.now_us() / 1_000_000);
        }
        Ok(())
    }
}
