//! Metrics of ingestion, recorded per batch, never per record.
//!
//! Labels are closed sets: declared datasets and their topics, stages, reasons, outcomes. A series
//! is kept for a dataset where an operator acts on that dataset; what tells how the process does is
//! kept for its group, so that thousands of datasets stay a few dozen series of each kind. The
//! ledger has the detail.

mod groups;
mod halt;
mod matched;
mod source;
mod stage;
mod table;

use crate::pulse::Pulse;
use groups::Groups;
use halt::Halt;
use huiliu_model::port::{Incident, Landed};
use huiliu_model::{Batch, Contract, Drift, ErrorKind, Partition, Score, Stop};
use huiliu_normalise::Prepared;
use matched::ALL;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};
use source::Source;
use stage::Stage;
use std::collections::BTreeMap;
use std::time::Duration;
use table::Table;

/// Counters and gauges of one process.
pub struct Metrics {
    source: Source,
    stage: Stage,
    table: Table,
    halt: Halt,
    groups: Groups,
    pulse: Pulse,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Maker { registry };
        Ok(Self {
            source: Source::register(&make)?,
            stage: Stage::register(&make)?,
            table: Table::register(&make)?,
            halt: Halt::register(&make)?,
            groups: Groups::default(),
            pulse: Pulse::default(),
        })
    }

    /// Whether ingestion makes turns.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    pub(crate) fn received(&self, dataset: &str, records: usize, bytes: usize, now_us: i64) {
        let group = self.groups.of(dataset);
        self.source.records.with_label_values(&[dataset]).inc_by(records as u64);
        self.source.bytes.with_label_values(&[group]).inc_by(bytes as u64);
        self.source.last_event.set(seconds(now_us));
    }

    /// Notes whether the source answers, and says whether that is new.
    pub(crate) fn source_answers(&self, answers: bool) -> bool {
        let unreachable = i64::from(!answers);
        let is_new = self.source.unreachable.get() != unreachable;
        self.source.unreachable.set(unreachable);
        is_new
    }

    pub(crate) fn busy(&self, took: Duration) {
        self.stage.worked("prepare", took);
    }

    pub(crate) fn prepared(&self, dataset: &str, records: usize, made: &Prepared) {
        let group = self.groups.of(dataset);
        let rows = made.rows.as_ref().map_or(0, arrow::array::RecordBatch::num_rows);
        self.stage.passed(group, "prepare", records as u64, rows as u64);
        for (op, count) in made.rows.iter().flat_map(stage::operations) {
            self.stage.changes.with_label_values(&[group, op]).inc_by(count);
        }
        for (stage, reason, count) in &made.reject_counts {
            self.stage
                .rejects
                .with_label_values(&[dataset, stage.label(), reason.label()])
                .inc_by(*count);
        }
        let newest = made.rows.as_ref().filter(|_| self.groups.is_log(dataset));
        if let Some(newest) = newest.and_then(stage::newest_event_us) {
            let gauge = self.source.source_commit.with_label_values(&[dataset]);
            gauge.set(gauge.get().max(seconds(newest)));
        }
        let tally = &made.tally;
        let kinds =
            [("tombstone", tally.tombstones), ("control", tally.control), ("gap", tally.gaps)];
        for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            self.stage.skipped.with_label_values(&[group, kind]).inc_by(count);
        }
        for finding in made.quality.findings() {
            self.stage.findings.with_label_values(&[group, finding.label]).inc_by(finding.count);
        }
        let mut cells = Score::default();
        made.quality.cells().into_iter().for_each(|score| cells += score);
        self.stage.cells.with_label_values(&[dataset]).inc_by(cells.checked);
        self.stage.cells_passed.with_label_values(&[dataset, "raw"]).inc_by(cells.passed_raw);
        self.stage.cells_passed.with_label_values(&[dataset, "repaired"]).inc_by(cells.passed);
    }

    pub(crate) fn landed(&self, batch: &Batch, landed: &Landed, took: Duration, now_us: i64) {
        let (group, rows) = (self.groups.of(&batch.dataset), batch.row_count() as u64);
        let table = format!("changes.{}", batch.dataset);
        let outcome = if landed.already { "already_done" } else { "ok" };
        self.stage.worked("land", took);
        self.stage.passed(group, "land", batch.tally.offsets(), rows);
        self.table.commits.with_label_values(&[group, outcome]).inc();
        self.table.commit_seconds.with_label_values(&[group]).observe(took.as_secs_f64());
        self.table.rows_written.with_label_values(&[&table]).inc_by(rows);
        self.table.bytes_written.with_label_values(&[group]).inc_by(landed.file_bytes);
        self.table.last_commit.with_label_values(&[&table]).set(seconds(now_us));
        if let Some(oldest) = batch.oldest_event_us {
            let latency = seconds(now_us.saturating_sub(oldest)).max(0.0);
            self.table.latency.with_label_values(&[group]).observe(latency);
        }
    }

    /// Says what is read from where, and how many bytes of it may be held. Topics that match a
    /// pattern share one series under its text, for their names are no closed set.
    pub(crate) fn declare<'a>(
        &self,
        contracts: impl Iterator<Item = &'a Contract> + Clone,
        held_bytes_max: usize,
    ) {
        self.groups.declare(contracts.clone());
        self.source.forget_all();
        self.source.matched.declare(contracts.map(|contract| &contract.kafka_topics));
        #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
        self.stage.held_max.set(held_bytes_max as f64);
    }

    pub(crate) fn durable(&self, partition: &Partition, next_offset: i64, newest_ms: i64) {
        if let Some(pattern) = self.source.matched.durable(partition, next_offset) {
            return self.source.publish(&pattern, newest_ms);
        }
        if !self.source.owns(partition) {
            return;
        }
        let labels = [&*partition.kafka_topic, &partition.number.to_string()];
        self.source.durable_offset.with_label_values(&labels).set(next_offset);
        if newest_ms > 0 {
            self.source.durable_time.with_label_values(&labels).set(seconds(newest_ms * 1_000));
        }
        let end = self.source.end_offset.with_label_values(&labels).get();
        self.source.lag.with_label_values(&labels).set((end - next_offset).max(0));
    }

    pub(crate) fn end_offsets(&self, ends: &BTreeMap<Partition, i64>) {
        for pattern in self.source.matched.ends(ends) {
            self.source.publish(&pattern, 0);
        }
        let named = ends
            .iter()
            .filter(|(p, _)| self.source.matched.pattern(p).is_none() && self.source.owns(p));
        for (partition, end) in named {
            let labels = [&*partition.kafka_topic, &partition.number.to_string()];
            self.source.end_offset.with_label_values(&labels).set(*end);
            let durable = self.source.durable_offset.with_label_values(&labels).get();
            self.source.lag.with_label_values(&labels).set((end - durable).max(0));
        }
    }

    pub(crate) fn assigned(&self, partitions: &[Partition], change: i64) {
        let kind = if change > 0 { "assigned" } else { "revoked" };
        self.source.rebalances.with_label_values(&[kind]).inc();
        for partition in partitions {
            let pattern = self.source.matched.pattern(partition);
            let label = pattern.as_deref().unwrap_or(&partition.kafka_topic);
            self.source.assigned.with_label_values(&[label]).add(change);
            match change > 0 {
                true => self.source.own(partition),
                false => self.source.forget(partition),
            }
            if let Some(pattern) = pattern.filter(|_| change < 0) {
                self.source.matched.forget(partition);
                self.source.publish(&pattern, 0);
            }
        }
    }

    pub(crate) fn incident(&self, incident: &Incident) {
        let partition = &incident.partition;
        let kind = incident.kind.label();
        let labels = match self.source.matched.pattern(partition) {
            Some(pattern) => [pattern.to_string(), ALL.to_owned()],
            None => [partition.kafka_topic.to_string(), partition.number.to_string()],
        };
        self.source.incidents.with_label_values(&[labels[0].as_str(), &labels[1], kind]).set(1);
    }

    /// The dataset stands still.
    pub(crate) fn stopped(&self, stop: &Stop) {
        self.going(&stop.dataset);
        let labels = [&*stop.dataset, stop.reason.label()];
        self.halt.stopped.with_label_values(&labels).set(1);
        self.halt.reasons().insert(stop.dataset.to_string(), stop.reason);
    }

    /// The dataset goes on.
    pub(crate) fn going(&self, dataset: &str) {
        if let Some(reason) = self.halt.reasons().remove(dataset) {
            self.halt.stopped.with_label_values(&[dataset, reason.label()]).set(0);
        }
    }

    /// Whether the dataset waits for schemas.
    pub(crate) fn waiting(&self, dataset: &str, is_waiting: bool) {
        self.halt.waiting.with_label_values(&[dataset]).set(i64::from(is_waiting));
    }

    pub(crate) fn drift(&self, dataset: &str, drift: &Drift) {
        self.halt.drift.with_label_values(&[dataset, drift.kind.label()]).inc_by(drift.count);
    }

    pub(crate) fn failed(&self, stage: &str, dataset: &str, kind: ErrorKind) {
        self.stage.errors.with_label_values(&[stage, dataset, kind.label()]).inc();
    }

    pub(crate) fn held(&self, bytes: usize) {
        #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
        self.stage.held.set(bytes as f64);
    }

    pub(crate) fn blocked(&self, time: Duration) {
        self.stage.blocked.inc_by(time.as_secs_f64());
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

struct Maker<'a> {
    registry: &'a Registry,
}

macro_rules! maker {
    ($name:ident, $kind:ty, $make:expr) => {
        fn $name(
            &self,
            name: &str,
            help: &str,
            labels: &[&str],
        ) -> Result<$kind, prometheus::Error> {
            let made: $kind = $make(Opts::new(name, help), labels)?;
            self.registry.register(Box::new(made.clone()))?;
            Ok(made)
        }
    };
}

impl Maker<'_> {
    maker!(counters, IntCounterVec, IntCounterVec::new);
    maker!(float_counters, CounterVec, CounterVec::new);
    maker!(gauges, IntGaugeVec, IntGaugeVec::new);
    maker!(float_gauges, GaugeVec, GaugeVec::new);

    fn gauge(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        let made = Gauge::new(name, help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn int_gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let made = IntGauge::new(name, help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn float_counter(&self, name: &str, help: &str) -> Result<Counter, prometheus::Error> {
        let made = Counter::new(name, help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        edges: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(edges.to_vec());
        let made = HistogramVec::new(options, labels)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }
}
