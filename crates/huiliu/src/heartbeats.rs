//! Heartbeats of Debezium's connectors as metrics, where a dataset comes from Debezium.

use huiliu_model::Contract;
use prometheus::{GaugeVec, Opts, Registry};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What is told of connectors.
#[derive(Clone)]
pub struct Metrics {
    at: GaugeVec,
}

impl Metrics {
    /// # Errors
    /// When the registry holds the name already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let at = GaugeVec::new(
            Opts::new(
                "huiliu_cdc_heartbeat_timestamp_seconds",
                "Kafka time of the newest heartbeat of a Debezium connector, by its topic.prefix.",
            ),
            &["connector"],
        )?;
        registry.register(Box::new(at.clone()))?;
        Ok(Self { at })
    }

    #[allow(clippy::cast_precision_loss, reason = "milliseconds of this century fit a double")]
    fn beat(&self, connector: &str, at_ms: i64) {
        let gauge = self.at.with_label_values(&[connector]);
        gauge.set(gauge.get().max(at_ms as f64 / 1e3));
    }
}

/// Whether heartbeats tell something about these datasets.
pub fn are_wanted(contracts: &[Arc<Contract>]) -> bool {
    contracts.iter().any(|contract| contract.format.is_debezium())
}

/// Listens until it is over. Blocking.
pub fn listen(settings: &huiliu_kafka::Settings, metrics: &Metrics, over: &CancellationToken) {
    let told = |connector: &str, at_ms| metrics.beat(connector, at_ms);
    if let Err(error) = huiliu_kafka::heartbeats(settings, over, told) {
        tracing::warn!(%error, "heartbeats of connectors are not seen");
    }
}
