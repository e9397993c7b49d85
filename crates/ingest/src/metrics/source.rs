//! What is read from Kafka, and what is durable.

use crate::metrics::matched::{ALL, Matched};
use crate::metrics::{Maker, seconds};
use huiliu_model::Partition;
use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Source {
    pub records: IntCounterVec,
    pub bytes: IntCounterVec,
    pub end_offset: IntGaugeVec,
    pub durable_offset: IntGaugeVec,
    pub lag: IntGaugeVec,
    pub durable_time: GaugeVec,
    pub source_commit: GaugeVec,
    pub last_event: Gauge,
    pub unreachable: IntGauge,
    pub assigned: IntGaugeVec,
    pub rebalances: IntCounterVec,
    pub incidents: IntGaugeVec,
    pub matched: Matched,
    /// Partitions that this process reads; only these have series.
    owned: Mutex<BTreeSet<Partition>>,
}

impl Source {
    pub fn register(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let dataset = &["dataset"];
        let part = &["kafka_topic", "partition"];
        Ok(Self {
            records: make.counters(
                "huiliu_source_records_received_total",
                "Records read from Kafka.",
                dataset,
            )?,
            bytes: make.counters(
                "huiliu_source_received_bytes_total",
                "Bytes of keys and values read from Kafka.",
                &["group"],
            )?,
            end_offset: make.gauges(
                "huiliu_source_end_offset",
                "High watermark of the partition.",
                part,
            )?,
            durable_offset: make.gauges(
                "huiliu_source_durable_offset",
                "First offset that is not yet in the lake.",
                part,
            )?,
            lag: make.gauges(
                "huiliu_source_lag_records",
                "Offsets between the high watermark and the durable offset.",
                part,
            )?,
            durable_time: make.float_gauges(
                "huiliu_source_durable_record_timestamp_seconds",
                "Kafka time of the newest durable record.",
                part,
            )?,
            source_commit: make.float_gauges(
                "huiliu_cdc_source_commit_timestamp_seconds",
                "When the source database committed the newest change of a dataset that comes \
                 from Debezium, by its own clock.",
                dataset,
            )?,
            last_event: make.gauge(
                "huiliu_source_last_poll_timestamp_seconds",
                "When the source last handed something over.",
            )?,
            unreachable: make.int_gauge(
                "huiliu_source_unreachable",
                "1 while no broker answers this process: lag is the last one known.",
            )?,
            assigned: make.gauges(
                "huiliu_source_partitions_assigned",
                "Partitions this process reads.",
                &["kafka_topic"],
            )?,
            rebalances: make.counters(
                "huiliu_source_rebalances_total",
                "Assignments and revocations.",
                &["kind"],
            )?,
            incidents: make.gauges(
                "huiliu_source_incident",
                "1 while a partition stands still and a person must decide.",
                &["kafka_topic", "partition", "kind"],
            )?,
            matched: Matched::default(),
            owned: Mutex::default(),
        })
    }

    pub fn own(&self, partition: &Partition) {
        self.owned().insert(partition.clone());
    }

    pub fn owns(&self, partition: &Partition) -> bool {
        self.owned().contains(partition)
    }

    /// Removes the series of a partition that another process reads from now on: their last values
    /// would stay for ever.
    pub fn forget(&self, partition: &Partition) {
        if !self.owned().remove(partition) {
            return;
        }
        let labels = [&*partition.kafka_topic, &partition.number.to_string()];
        // A series that was never set is not there to be removed.
        let _ = self.end_offset.remove_label_values(&labels);
        let _ = self.durable_offset.remove_label_values(&labels);
        let _ = self.lag.remove_label_values(&labels);
        let _ = self.durable_time.remove_label_values(&labels);
    }

    /// Removes those of every partition, as a session begins with none.
    pub fn forget_all(&self) {
        let all: Vec<Partition> = self.owned().iter().cloned().collect();
        all.iter().for_each(|partition| self.forget(partition));
        self.assigned.reset();
    }

    fn owned(&self) -> MutexGuard<'_, BTreeSet<Partition>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the series of a pattern to the sums of its partitions.
    pub fn publish(&self, pattern: &str, newest_ms: i64) {
        let labels = [pattern, ALL];
        let sums = self.matched.sums(pattern);
        self.end_offset.with_label_values(&labels).set(sums.end);
        self.durable_offset.with_label_values(&labels).set(sums.durable);
        self.lag.with_label_values(&labels).set(sums.lag);
        if newest_ms > 0 {
            self.durable_time.with_label_values(&labels).set(seconds(newest_ms * 1_000));
        }
    }
}
