//! Partitions of a session that come and go, and what is still held of them.

use super::Loop;
use crate::lane::{Lane, Phase};
use futures::StreamExt;
use huiliu_model::port::{Landing, Source};
use huiliu_model::{Error, ErrorKind, Partition, Progress};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a revoked partition is waited for before its batch is left to the guard.
const REVOKE_WAIT: Duration = Duration::from_secs(15);

impl<L: Landing, S: Source> Loop<'_, L, S> {
    pub(super) async fn assign(
        &mut self,
        partitions: &[Partition],
        reply: oneshot::Sender<Progress>,
    ) -> Result<(), Error> {
        let all = self.recorded(partitions).await?;
        for dataset in self.by_dataset(partitions).into_keys() {
            self.check_standing(&dataset).await?;
        }
        self.session.metrics.assigned(partitions, 1);
        for (partition, next) in &all.0 {
            self.session.metrics.durable(partition, *next, 0);
        }
        tracing::info!(partitions = partitions.len(), recorded = all.0.len(), "assigned");
        let _ = reply.send(all);
        Ok(())
    }

    /// How far the tables have what others read. A dataset that they stopped stands still here too.
    pub(super) async fn elsewhere(
        &mut self,
        partitions: &[Partition],
        reply: oneshot::Sender<Progress>,
    ) -> Result<(), Error> {
        let all = self.recorded(partitions).await?;
        for dataset in self.by_dataset(partitions).into_keys() {
            if matches!(super::lane(&mut self.lanes, &dataset)?.phase, Phase::Going) {
                self.check_standing(&dataset).await?;
            }
        }
        let _ = reply.send(all);
        Ok(())
    }

    /// The progress that the tables have now.
    pub(super) async fn recorded(&self, partitions: &[Partition]) -> Result<Progress, Error> {
        let mut all = Progress::default();
        for (dataset, partitions) in self.by_dataset(partitions) {
            let recorded = self.session.landing.progress(&dataset, &partitions).await?;
            all.0.extend(recorded.0);
        }
        Ok(all)
    }

    /// A dataset that stands still is not read, whoever stopped it. The source is told so before
    /// it has the reply it waits for.
    async fn check_standing(&mut self, dataset: &Arc<str>) -> Result<(), Error> {
        let lane = super::lane(&mut self.lanes, dataset)?;
        match lane.phase {
            // New partitions of a dataset that was resolved begin at their progress.
            Phase::Resuming => lane.phase = Phase::Going,
            Phase::Going => {}
            Phase::Stopping(_) | Phase::Recording(_) | Phase::Stopped { .. } => return Ok(()),
        }
        let standing = self.session.landing.standing(dataset).await?;
        let lane = super::lane(&mut self.lanes, dataset)?;
        lane.sightings.admit(standing.admitted);
        match standing.stop {
            Some(stop) => self.stand_still(stop),
            None => {
                self.session.metrics.going(dataset);
                Ok(())
            }
        }
    }

    pub(super) async fn revoke(&mut self, partitions: &[Partition]) -> Result<(), Error> {
        tracing::info!(partitions = partitions.len(), "revoked; finishing their batches");
        let wanted = partitions.to_vec();
        let late = self.session.clock.sleep(REVOKE_WAIT);
        let finish = self.finish(move |lane| {
            lane.landing > 0 || lane.batcher.holds(&wanted) || lane.waiting.covers(&wanted)
        });
        let finished = tokio::select! {
            biased;
            finished = finish => Some(finished),
            () = late => None,
        };
        self.session.metrics.assigned(partitions, -1);
        match finished {
            Some(finished) => finished,
            // The new owner starts from recorded progress, so what we still hold would be
            // superseded: better to end this session and begin again than to commit it late.
            None => Err(Error::new(
                ErrorKind::Superseded,
                "partitions were revoked before their batches could be committed",
            )),
        }
    }

    /// Prepares what is being prepared, and what waits for schemas in the lanes that `which` names;
    /// what is prepared lands meanwhile.
    async fn prepare_all(&mut self, which: impl Fn(&Lane) -> bool) -> Result<(), Error> {
        loop {
            let is_waiting = self.lanes.values().any(|l| !l.waiting.is_empty() && which(l));
            if is_waiting && self.preparing.is_empty() {
                self.lanes.values_mut().filter(|l| which(l)).for_each(Lane::offer);
            }
            tokio::select! {
                biased;
                Some(outcome) = self.outcomes.recv(), if is_waiting => self.landed(outcome)?,
                Some(chunk) = self.preparing.next() => self.gather(chunk)?,
                Some(done) = self.lookups.next(), if is_waiting => self.looked_up(done)?,
                else => return Ok(()),
            }
        }
    }

    /// Prepares, batches and lands everything held by the lanes that `which` names.
    pub(super) async fn finish(&mut self, which: impl Fn(&Lane) -> bool) -> Result<(), Error> {
        self.prepare_all(&which).await?;
        loop {
            for lane in self.lanes.values_mut().filter(|l| which(l)) {
                lane.offer();
            }
            let waiting =
                self.lanes.values().any(|l| l.landing > 0 || (which(l) && l.batcher.is_open()));
            if !waiting {
                return Ok(());
            }
            let began = self.session.clock.monotonic();
            let Some(outcome) = self.outcomes.recv().await else {
                return Err(Error::new(ErrorKind::Bug, "all landers ended early"));
            };
            let waited = self.session.clock.monotonic().saturating_sub(began);
            self.session.metrics.blocked(waited);
            self.landed(outcome)?;
        }
    }
}
