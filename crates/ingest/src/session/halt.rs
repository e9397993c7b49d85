//! Stops of single datasets within a session: deciding, recording, noticing, going on.

use super::Loop;
use crate::batcher::Chunk;
use crate::clerk::{Errand, Report};
use crate::lane::{Lane, Phase};
use huiliu_model::port::{Landing, Source};
use huiliu_model::{Drift, Error, ErrorKind, Progress, Standing, Stop, StopReason};
use huiliu_model::{OnDrift, Partition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is to be done with a chunk.
pub(super) enum Judged {
    Lands(Chunk),
    /// Its dataset does not go on: it is read again when it does.
    Dropped,
    /// Its rows lack columns and have to go to quarantine for it.
    Refused(Chunk, Vec<u16>),
}

impl<L: Landing, S: Source> Loop<'_, L, S> {
    /// Holds a chunk against what its dataset allows of drift.
    pub(super) fn judge(&mut self, chunk: Chunk, now: Duration) -> Result<Judged, Error> {
        let lane = super::lane(&mut self.lanes, &chunk.dataset)?;
        if !lane.goes() || lane.generation != chunk.generation {
            return Ok(Judged::Dropped);
        }
        if chunk.is_refused {
            return Ok(Judged::Lands(chunk));
        }
        let topic = chunk.covers.0.keys().next().map(|partition| &*partition.kafka_topic);
        let seen = lane.sightings.look(&chunk.prepared.drift, topic.unwrap_or_default(), now);
        for drift in &seen.drifts {
            self.session.metrics.drift(&chunk.dataset, drift);
        }
        if let Some(drift) = seen.stop {
            let stop = self.drifted(&chunk, &drift);
            self.halt(stop)?;
            return Ok(Judged::Dropped);
        }
        let wants = lane.contract.drift.dropped == OnDrift::Quarantine;
        if wants && !seen.refused.is_empty() {
            return Ok(Judged::Refused(chunk, seen.refused));
        }
        Ok(Judged::Lands(chunk))
    }

    fn drifted(&self, chunk: &Chunk, drift: &Drift) -> Stop {
        let topic = chunk.covers.0.keys().next().map(|p| Arc::clone(&p.kafka_topic));
        let at = topic.map(|t| (Partition::new(t, drift.partition).to_string(), drift.offset));
        Stop {
            reason: StopReason::Drift(drift.kind),
            count: drift.count,
            field: Some(drift.field.to_string()),
            at,
            at_ms: self.session.clock.now_us() / 1_000,
            ..Stop::unknown(Arc::clone(&chunk.dataset))
        }
    }

    /// Counts a chunk that lands against the dataset's limit of rejects.
    pub(super) fn count(&mut self, dataset: &Arc<str>, chunk: &ChunkFate) -> Result<(), Error> {
        let lane = super::lane(&mut self.lanes, dataset)?;
        let Some(window) = &mut lane.window else { return Ok(()) };
        let passed = window.add(chunk.records, &chunk.rejected, &chunk.reasons);
        let Some(passed) = passed else { return Ok(()) };
        let stop = Stop {
            reason: StopReason::Rejects,
            count: passed.rejected,
            window: passed.records,
            limit: window.limit().rejects_over,
            reasons: window.reasons(),
            at_ms: self.session.clock.now_us() / 1_000,
            ..Stop::unknown(Arc::clone(dataset))
        };
        self.halt(stop)
    }

    /// Stops a dataset: nothing more of it is read, and what was prepared lands.
    fn halt(&mut self, stop: Stop) -> Result<(), Error> {
        let lane = super::lane(&mut self.lanes, &stop.dataset)?;
        lane.halt(Phase::Stopping(stop.clone()));
        lane.offer();
        self.source.pause(&stop.dataset);
        self.tell(stop);
        self.run_errands();
        Ok(())
    }

    /// Takes over a stop that is recorded already.
    pub(super) fn stand_still(&mut self, stop: Stop) -> Result<(), Error> {
        let looked = self.session.clock.monotonic();
        let lane = super::lane(&mut self.lanes, &stop.dataset)?;
        lane.halt(Phase::Stopped { stop: stop.clone(), looked });
        self.source.pause(&stop.dataset);
        self.tell(stop);
        Ok(())
    }

    fn tell(&mut self, stop: Stop) {
        tracing::error!(dataset = %stop.dataset, reason = stop.reason.label(),
            share = stop.share(), window = stop.window, field = stop.field.as_deref(),
            help = %stop.remedy(), "{stop}");
        self.session.metrics.stopped(&stop);
        self.summary.stopped.insert(Arc::clone(&stop.dataset), stop);
    }

    /// Asks the clerk for what is due: stops to record, standings to look at, drifts to note.
    pub(super) fn run_errands(&mut self) {
        let now = self.session.clock.monotonic();
        let is_ending = self.is_ending;
        for (dataset, lane) in &mut self.lanes {
            // A full queue is tried again at the next tick.
            let Ok(permit) = self.errands.try_reserve() else { return };
            if let Some(stop) = lane.stop_to_record().cloned() {
                permit.send(Errand::Stop(stop.clone()));
                lane.phase = Phase::Recording(stop);
                self.errands_open += 1;
            } else if !is_ending && lane.look_is_due(now) {
                permit.send(Errand::Look(Arc::clone(dataset)));
                self.errands_open += 1;
            } else {
                let notes = lane.sightings.due(now, is_ending);
                if !notes.is_empty() {
                    permit.send(Errand::Note(notes));
                    self.errands_open += 1;
                }
            }
        }
    }

    /// Asks how a dataset stands, whose table says that it was stopped elsewhere.
    pub(super) fn look_at(&mut self, dataset: &Arc<str>) {
        if self.errands.try_send(Errand::Look(Arc::clone(dataset))).is_ok() {
            self.errands_open += 1;
        }
    }

    pub(super) fn reported(&mut self, report: Report) -> Result<(), Error> {
        self.errands_open -= 1;
        match report {
            Report::Stopped(dataset, result) => {
                result?;
                let looked = self.session.clock.monotonic();
                let lane = super::lane(&mut self.lanes, &dataset)?;
                if let Phase::Recording(stop) = &lane.phase {
                    lane.phase = Phase::Stopped { stop: stop.clone(), looked };
                }
                Ok(())
            }
            Report::Noted(Ok(())) => Ok(()),
            Report::Noted(Err(error)) => {
                // The records are right without their note, and the metric has counted them.
                tracing::error!(%error, "drift could not be noted in the ledger");
                self.session.metrics.failed("note", "", error.kind);
                Ok(())
            }
            Report::Standing(dataset, Err(e)) if e.kind == ErrorKind::Unavailable => {
                tracing::warn!(%dataset, error = %e, "the standing is not known; asking again");
                Ok(())
            }
            Report::Standing(dataset, standing) => self.stands(&dataset, standing?),
        }
    }

    fn stands(&mut self, dataset: &Arc<str>, standing: Standing) -> Result<(), Error> {
        let lane = super::lane(&mut self.lanes, dataset)?;
        lane.sightings.admit(standing.admitted);
        match (&lane.phase, standing.stop) {
            (Phase::Going, Some(stop)) => self.stand_still(stop),
            (Phase::Stopped { stop, .. }, None) => {
                tracing::info!(%dataset, reason = stop.reason.label(), "resolved; going on");
                self.session.metrics.going(dataset);
                self.summary.stopped.remove(dataset);
                lane.begin_again();
                self.source.resume(dataset);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Answers a source that is about to read resumed partitions.
    pub(super) async fn resumed(
        &mut self,
        partitions: &[Partition],
        reply: oneshot::Sender<Progress>,
    ) -> Result<(), Error> {
        let all = self.recorded(partitions).await?;
        for dataset in self.by_dataset(partitions).into_keys() {
            let lane = super::lane(&mut self.lanes, &dataset)?;
            if matches!(lane.phase, Phase::Resuming) {
                lane.phase = Phase::Going;
            }
        }
        // A source that is gone reads nothing anyway.
        let _ = reply.send(all);
        Ok(())
    }

    /// Partitions by the dataset that they belong to.
    pub(super) fn by_dataset(
        &self,
        partitions: &[Partition],
    ) -> BTreeMap<Arc<str>, Vec<Partition>> {
        let mut by_dataset: BTreeMap<Arc<str>, Vec<Partition>> = BTreeMap::new();
        for partition in partitions {
            let found = self.topics.iter().find(|(of, _)| of.contains(&partition.kafka_topic));
            if let Some((_, dataset)) = found {
                by_dataset.entry(Arc::clone(dataset)).or_default().push(partition.clone());
            }
        }
        by_dataset
    }

    /// Waits until every stop is recorded and every drift noted: the session ends.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        self.is_ending = true;
        loop {
            self.run_errands();
            if self.errands_open == 0 && !self.lanes.values().any(Lane::is_stopping) {
                return Ok(());
            }
            let Some(report) = self.reports.recv().await else {
                return Err(Error::new(ErrorKind::Bug, "the clerk ended early"));
            };
            self.reported(report)?;
        }
    }
}

/// What the limit of rejects needs to know of a chunk.
pub(super) struct ChunkFate {
    pub records: u32,
    pub rejected: Vec<u32>,
    pub reasons: Vec<(huiliu_model::Stage, huiliu_model::Reason, u64)>,
}
