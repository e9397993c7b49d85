//! Datasets that stand still, and records that left their contract.

use crate::metrics::Maker;
use huiliu_model::StopReason;
use prometheus::{IntCounterVec, IntGaugeVec};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Halt {
    pub stopped: IntGaugeVec,
    pub waiting: IntGaugeVec,
    pub drift: IntCounterVec,
    /// The reason under which each stopped dataset is shown.
    reasons: Mutex<BTreeMap<String, StopReason>>,
}

impl Halt {
    pub fn register(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            stopped: make.gauges(
                "huiliu_dataset_stopped",
                "1 while a dataset stands still and a person must decide.",
                &["dataset", "reason"],
            )?,
            waiting: make.gauges(
                "huiliu_dataset_waiting",
                "1 while a dataset waits for schemas from a registry that does not answer.",
                &["dataset"],
            )?,
            drift: make.counters(
                "huiliu_schema_drift_records_total",
                "Records that differ from their contract, by kind and once per field.",
                &["dataset", "kind"],
            )?,
            reasons: Mutex::default(),
        })
    }

    pub fn reasons(&self) -> MutexGuard<'_, BTreeMap<String, StopReason>> {
        // Every change is one step: a panic elsewhere leaves a whole map behind.
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
