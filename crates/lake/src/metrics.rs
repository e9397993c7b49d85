//! Metrics of the store, and how much went through it: one count per request, never per byte.

use object_store::Error as StoreError;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use std::time::Duration;

/// Bucket edges of requests, seconds: from a disk beside us to a store that is tried again.
const SECONDS: [f64; 9] = [0.002, 0.01, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];
/// Operations that every process uses: their series begin at 0, so that a first failure shows.
const USUAL: [&str; 5] = ["put", "get", "head", "list", "delete"];

/// What became of a request; the store's client has tried again by itself before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    NotFound,
    /// A conditional put that another writer won: no fault.
    Exists,
    Denied,
    Failed,
    /// Nobody waited for the answer any more.
    Abandoned,
}

impl Outcome {
    pub fn of<T>(result: &Result<T, StoreError>) -> Self {
        result.as_ref().map_or_else(Self::of_error, |_| Self::Ok)
    }

    pub fn of_error(error: &StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotFound,
            StoreError::AlreadyExists { .. }
            | StoreError::Precondition { .. }
            | StoreError::NotModified { .. } => Self::Exists,
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
                Self::Denied
            }
            _ => Self::Failed,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Counters of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    read: IntCounter,
    written: IntCounter,
}

/// What went through a store up to one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    pub requests: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, about: &str| {
            let counter = IntCounter::new(name, about)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let requests = IntCounterVec::new(
            Opts::new(
                "huiliu_object_store_requests_total",
                "Requests to the store, by what became of them after its client's own retries.",
            ),
            &["operation", "outcome"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "huiliu_object_store_request_duration_seconds",
                "Time until the store answered, retries included; of a listing until its end.",
            )
            .buckets(SECONDS.to_vec()),
            &["operation"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        for operation in USUAL {
            for outcome in [Outcome::Ok, Outcome::Denied, Outcome::Failed] {
                requests.with_label_values(&[operation, outcome.label()]);
            }
        }
        Ok(Self {
            requests,
            seconds,
            read: counter(
                "huiliu_object_store_read_bytes_total",
                "Bytes of bodies that were asked for, whether read to their end or not.",
            )?,
            written: counter(
                "huiliu_object_store_written_bytes_total",
                "Bytes of bodies that were sent.",
            )?,
        })
    }

    /// What went through the store so far.
    pub fn passed(&self) -> Passed {
        use prometheus::core::Collector;
        let families = self.requests.collect();
        let counts = families.iter().flat_map(|family| family.get_metric());
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter is a whole number that is not negative"
        )]
        let requests = counts.map(|metric| metric.get_counter().get_value() as u64).sum();
        Passed { requests, read_bytes: self.read.get(), written_bytes: self.written.get() }
    }

    pub(crate) fn asked(&self, operation: &str, outcome: Outcome, took: Duration) {
        self.requests.with_label_values(&[operation, outcome.label()]).inc();
        self.seconds.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.read.inc_by(bytes);
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.inc_by(bytes as u64);
    }
}

impl Passed {
    /// What passed since an earlier moment.
    pub fn since(self, earlier: Passed) -> Passed {
        Passed {
            requests: self.requests - earlier.requests,
            read_bytes: self.read_bytes - earlier.read_bytes,
            written_bytes: self.written_bytes - earlier.written_bytes,
        }
    }
}
