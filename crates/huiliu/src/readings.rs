//! What the metrics of this process say, read back for its own status and readiness.
//!
//! The series are the one account of what goes on; a second one would drift from it.

use crate::obstacle::{Code, Obstacle};
use prometheus::Registry;
use prometheus::proto::{Metric, MetricFamily};
use std::collections::{BTreeMap, BTreeSet};

/// One look at the registry.
pub struct Readings(Vec<MetricFamily>);

/// What ingestion says of the partitions of one `kafka_topic` that this process reads.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TopicReading {
    pub lag_records: i64,
    /// Kafka time of the newest durable record of the partition that is furthest behind, among
    /// those where something waits; seconds of the epoch.
    pub waiting_after: Option<f64>,
}

/// How many cells were checked and passed, as delivered and after repair.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cells {
    pub checked: f64,
    pub passed_raw: f64,
    pub passed_repaired: f64,
}

impl Readings {
    pub fn take(registry: &Registry) -> Self {
        Self(registry.gather())
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Metric, f64)> {
        let families = self.0.iter().filter(move |family| family.name() == name);
        families.flat_map(|family| family.get_metric()).map(|metric| {
            // A series is a counter or a gauge; the other one is zero.
            let value = metric.get_counter().get_value() + metric.get_gauge().get_value();
            (metric, value)
        })
    }

    fn by(&self, name: &str, key: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (metric, value) in self.of(name) {
            *sums.entry(label(metric, key)).or_insert(0.0) += value;
        }
        sums
    }

    /// Records received by dataset, since the process began.
    pub fn received(&self) -> BTreeMap<String, f64> {
        self.by("huiliu_source_records_received_total", "dataset")
    }

    /// Cells by dataset, since the process began.
    pub fn cells(&self) -> BTreeMap<String, Cells> {
        let mut cells: BTreeMap<String, Cells> = BTreeMap::new();
        for (dataset, checked) in self.by("huiliu_quality_cells_checked_total", "dataset") {
            cells.entry(dataset).or_default().checked = checked;
        }
        for (metric, value) in self.of("huiliu_quality_cells_passed_total") {
            let of_dataset = cells.entry(label(metric, "dataset")).or_default();
            match label(metric, "outcome").as_str() {
                "raw" => of_dataset.passed_raw = value,
                _ => of_dataset.passed_repaired = value,
            }
        }
        cells
    }

    /// What waits in each `kafka_topic` of which this process reads a partition.
    pub fn topics(&self) -> BTreeMap<String, TopicReading> {
        let mut topics: BTreeMap<String, TopicReading> = BTreeMap::new();
        let mut waits = BTreeSet::new();
        for (metric, lag) in self.of("huiliu_source_lag_records") {
            let topic = label(metric, "kafka_topic");
            if lag > 0.0 {
                waits.insert((topic.clone(), label(metric, "partition")));
            }
            #[allow(clippy::cast_possible_truncation, reason = "an integer gauge")]
            let lag = lag as i64;
            topics.entry(topic).or_default().lag_records += lag;
        }
        for (metric, at) in self.of("huiliu_source_durable_record_timestamp_seconds") {
            let partition = (label(metric, "kafka_topic"), label(metric, "partition"));
            if waits.contains(&partition) {
                let topic = topics.entry(partition.0).or_default();
                topic.waiting_after = Some(topic.waiting_after.map_or(at, |other| other.min(at)));
            }
        }
        topics
    }

    /// Partitions that this process reads; `None` before the group has answered.
    pub fn partitions(&self) -> Option<u64> {
        let answered = self.by("huiliu_source_rebalances_total", "kind");
        if answered.get("assigned").is_none_or(|count| *count < 1.0) {
            return None;
        }
        let count: f64 = self.of("huiliu_source_partitions_assigned").map(|(_, n)| n).sum();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = count.max(0.0) as u64;
        Some(count)
    }

    /// Partitions that stand still and the kind of incident.
    pub fn stuck_partitions(&self) -> BTreeMap<String, String> {
        let of = self.of("huiliu_source_incident").filter(|(_, value)| *value > 0.0);
        let told = |(metric, _): (&Metric, f64)| {
            let (topic, number) = (label(metric, "kafka_topic"), label(metric, "partition"));
            (format!("{topic}/{number}"), label(metric, "kind"))
        };
        of.map(told).collect()
    }

    /// Datasets that wait for the schema registry.
    pub fn waiting_for_schemas(&self) -> BTreeSet<String> {
        let of = self.of("huiliu_dataset_waiting").filter(|(_, value)| *value > 0.0);
        of.map(|(metric, _)| label(metric, "dataset")).collect()
    }

    /// What stands still and why: reasons not to be ready.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let stuck = self.stuck_partitions().into_iter();
        let mut found: Vec<Obstacle> =
            stuck.map(|(what, kind)| Obstacle::incident(what, &kind, kind.clone())).collect();
        if self.of("huiliu_source_unreachable").any(|(_, value)| value > 0.0) {
            let why = "no broker answers; lag is the last one known, the log has the reason";
            found.push(Obstacle::new("kafka", Code::KafkaUnavailable, why));
        }
        for (metric, value) in self.of("huiliu_dataset_stopped") {
            if value > 0.0 {
                let reason = label(metric, "reason");
                let why = format!("stopped: {reason}");
                found.push(Obstacle::incident(label(metric, "dataset"), &reason, why));
            }
        }
        found.extend(self.waiting_for_schemas().into_iter().map(|dataset| {
            let why = "waits for the schema registry".to_owned();
            Obstacle::incident(dataset, "schema_registry", why)
        }));
        found.sort_by(|a, b| a.what.cmp(&b.what));
        found
    }
}

fn label(metric: &Metric, name: &str) -> String {
    let pair = metric.get_label().iter().find(|pair| pair.name() == name);
    pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts};

    fn gauges(registry: &Registry, name: &str, labels: &[&str], set: &[(&[&str], i64)]) {
        let made = IntGaugeVec::new(Opts::new(name, "x"), labels).expect("valid names");
        registry.register(Box::new(made.clone())).expect("a new name");
        set.iter().for_each(|(values, value)| made.with_label_values(values).set(*value));
    }

    #[test]
    fn what_stands_still_is_a_reason_not_to_be_ready() {
        let registry = Registry::new();
        let labels = ["kafka_topic", "partition", "kind"];
        let stuck: &[(&[&str], i64)] = &[
            (&["feed.water.bill", "3", "offset_expired"], 1),
            (&["feed.gas.bill", "0", "offset_expired"], 0),
        ];
        gauges(&registry, "huiliu_source_incident", &labels, stuck);
        let stopped: &[(&[&str], i64)] = &[(&["gas_bill", "rejects"], 1), (&["heat", "x"], 0)];
        gauges(&registry, "huiliu_dataset_stopped", &["dataset", "reason"], stopped);
        let waiting: &[(&[&str], i64)] = &[(&["avro_bill"], 1), (&["heat"], 0)];
        gauges(&registry, "huiliu_dataset_waiting", &["dataset"], waiting);
        gauges(&registry, "huiliu_source_unreachable", &[], &[(&[], 1)]);
        let unreachable = "no broker answers; lag is the last one known, the log has the reason";
        let expected = [
            ("avro_bill", "schema_registry", "waits for the schema registry"),
            ("feed.water.bill/3", "offset_expired", "offset_expired"),
            ("gas_bill", "rejects", "stopped: rejects"),
            ("kafka", "kafka_unavailable", unreachable),
        ];
        let found = Readings::take(&registry).obstacles();
        let found: Vec<_> =
            found.iter().map(|o| (o.what.as_str(), o.code.label(), o.why.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_partition_that_is_furthest_behind_speaks_for_its_topic() {
        let registry = Registry::new();
        let labels = ["kafka_topic", "partition"];
        let lag: &[(&[&str], i64)] = &[(&["t", "0"], 5), (&["t", "1"], 7), (&["t", "2"], 0)];
        gauges(&registry, "huiliu_source_lag_records", &labels, lag);
        let name = "huiliu_source_durable_record_timestamp_seconds";
        let times = GaugeVec::new(Opts::new(name, "x"), &labels).expect("valid names");
        registry.register(Box::new(times.clone())).expect("a new name");
        for (partition, at) in [("0", 300.0), ("1", 200.0), ("2", 100.0)] {
            times.with_label_values(&["t", partition]).set(at);
        }
        let expected = TopicReading { lag_records: 12, waiting_after: Some(200.0) };
        assert_eq!(Readings::take(&registry).topics(), [("t".to_owned(), expected)].into());
    }

    #[test]
    fn an_empty_assignment_is_an_answer_and_silence_is_none() {
        let registry = Registry::new();
        let name = "huiliu_source_rebalances_total";
        let answers = IntCounterVec::new(Opts::new(name, "x"), &["kind"]).expect("valid names");
        registry.register(Box::new(answers.clone())).expect("a new name");
        assert_eq!(Readings::take(&registry).partitions(), None);
        answers.with_label_values(&["assigned"]).inc();
        assert_eq!(Readings::take(&registry).partitions(), Some(0));
        let labels = ["kafka_topic"];
        gauges(&registry, "huiliu_source_partitions_assigned", &labels, &[(&["t"], 4)]);
        assert_eq!(Readings::take(&registry).partitions(), Some(4));
    }
}
