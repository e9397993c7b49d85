//! Metrics of the registry's client: one count per question, never per record.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry as Prometheus};
use std::time::Duration;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Found,
    Unknown,
    Failed,
    Denied,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Found, Self::Unknown, Self::Failed, Self::Denied];

    fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// Counters of one process.
pub struct Metrics {
    requests: IntCounterVec,
    seconds: Histogram,
    schemas: IntGauge,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// When the registry of metrics holds one of these names already.
    pub fn register(registry: &Prometheus) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "huiliu_schema_registry_requests_total",
                "Questions put to the schema registry, by what became of them.",
            ),
            &["outcome"],
        )?;
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "huiliu_schema_registry_request_seconds",
                "Time a question to the schema registry took, answered or not.",
            )
            .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
        )?;
        let schemas = IntGauge::new(
            "huiliu_schema_registry_schemas",
            "Schemas of the registry that are kept in memory.",
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(schemas.clone()))?;
        for outcome in Outcome::ALL {
            requests.with_label_values(&[outcome.label()]);
        }
        Ok(Self { requests, seconds, schemas })
    }

    pub(crate) fn asked(&self, outcome: Outcome, took: Duration) {
        self.requests.with_label_values(&[outcome.label()]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn held(&self, count: usize) {
        self.schemas.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
