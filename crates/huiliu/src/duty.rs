//! A piece of work that one of several processes on a lake does, as long as it has the lease.
//!
//! The lease is kept by a task of its own, so that work that takes longer than the lease lasts
//! does not lose it. Who works asks [`Duty::is_ours`] before each step and stops when it is not;
//! it is told by this process' clock alone, so a process that was stopped and wakes knows at once.

use huiliu_lake::{Lake, Lease, Standing};
use huiliu_model::Clock;
use prometheus::{IntGaugeVec, Opts, Registry};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a silent process keeps the work from the others. Shorter, and a process that is busy
/// or a store that is slow loses the lease for nothing.
const LASTS: Duration = Duration::from_secs(15);
/// How often the holder renews and the others look.
const LOOK: Duration = Duration::from_secs(3);
/// How long giving back may take; a lease that is not given back runs out.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is told of leases.
#[derive(Clone)]
pub struct Metrics {
    held: IntGaugeVec,
    term: IntGaugeVec,
}

impl Metrics {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, about: &str| IntGaugeVec::new(Opts::new(name, about), &["lease"]);
        let held = gauge(
            "huiliu_lease_held",
            "1 where this process has the lease of a piece of work that one process does.",
        )?;
        let term = gauge(
            "huiliu_lease_term",
            "Term of the lease as this process last saw it; it rises with every new holder.",
        )?;
        registry.register(Box::new(held.clone()))?;
        registry.register(Box::new(term.clone()))?;
        Ok(Self { held, term })
    }
}

/// Whether the work is this process' to do.
pub struct Duty {
    clock: Arc<dyn Clock>,
    until: Mutex<Option<Duration>>,
}

impl Duty {
    pub fn is_ours(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| self.clock.monotonic() < until)
    }

    fn set(&self, until: Option<Duration>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Keeps the lease of a piece of work.
pub struct Keeper {
    name: &'static str,
    lease: Lease,
    duty: Arc<Duty>,
    metrics: Metrics,
}

impl Keeper {
    /// The keeper of a lease by its name, and what it says.
    pub fn new(
        lake: &Lake,
        name: &'static str,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> (Self, Arc<Duty>) {
        let duty = Arc::new(Duty { clock, until: Mutex::default() });
        metrics.held.with_label_values(&[name]).set(0);
        let lease = lake.lease(name, LASTS);
        (Self { name, lease, duty: Arc::clone(&duty), metrics }, duty)
    }

    /// Takes the lease when nobody has it and keeps it until it is over; gives it back then.
    pub async fn go_on(mut self, over: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                () = self.attend() => {}
            }
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.duty.set(None);
        let given_back = tokio::time::timeout(FAREWELL, self.lease.release()).await;
        if !matches!(given_back, Ok(Ok(()))) {
            tracing::debug!(lease = self.name, "not given back; it runs out");
        }
    }

    async fn attend(&mut self) {
        let had = self.duty.is_ours();
        let name = self.name;
        let term = match self.lease.attend().await {
            Ok(Standing::Here { term, until }) => {
                self.duty.set(Some(until));
                if !had {
                    tracing::info!(lease = name, term, "this process has the lease");
                }
                Some(term)
            }
            Ok(Standing::Elsewhere { term, holder }) => {
                self.duty.set(None);
                tracing::debug!(lease = name, term, holder, "another process has the lease");
                Some(term)
            }
            // What was ours stays so until it runs out.
            Err(error) => {
                tracing::warn!(lease = name, %error, "the lease waits for the lake");
                None
            }
        };
        let held = self.duty.is_ours();
        self.metrics.held.with_label_values(&[name]).set(i64::from(held));
        if let Some(term) = term.and_then(|term| i64::try_from(term).ok()) {
            self.metrics.term.with_label_values(&[name]).set(term);
        }
    }
}
