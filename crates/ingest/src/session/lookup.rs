//! Schemas that records name and nobody here knows yet: looked up before the records are prepared.
//!
//! Records of one dataset wait in their lane, in order, and the source is asked to read no more of
//! the dataset; all other datasets go on. An id that its registry does not know ends the wait
//! like one that it knows: decoding rejects those records. A registry that does not answer is
//! waited for, for as long as it takes.

use super::{Loop, Work};
use crate::patience::Patience;
use crate::pipeline::Pipeline;
use crate::session::Session;
use huiliu_model::port::{Landing, Source};
use huiliu_model::schemas::SchemaId;
use huiliu_model::{Error, ErrorKind};
use std::collections::VecDeque;
use std::sync::Arc;

/// Records of one lane that wait for schemas.
#[derive(Default)]
pub(crate) struct Waiting {
    queue: VecDeque<Work>,
    /// The look-up that goes on is for so many of them, from the front; 0: none goes on.
    looked_for: usize,
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn covers(&self, partitions: &[huiliu_model::Partition]) -> bool {
        let mut covers = self.queue.iter().map(|work| &work.records.covers.0);
        covers.any(|covers| partitions.iter().any(|wanted| covers.contains_key(wanted)))
    }
}

/// A look-up that ended.
pub(super) struct LookedUp {
    dataset: Arc<str>,
    result: Result<(), Error>,
}

impl<L: Landing, S: Source> Loop<'_, L, S> {
    /// Prepares records at once, or lets them wait until their schemas are known.
    pub(super) fn prepare_or_wait(&mut self, work: Work) -> Result<(), Error> {
        let dataset = Arc::clone(&work.records.dataset);
        let lane = super::lane(&mut self.lanes, &dataset)?;
        if lane.waiting.is_empty() && work.pipeline.unknown_schemas(&work.records).is_empty() {
            let task = self.spawn(work);
            self.preparing.push_back(task);
            return Ok(());
        }
        lane.waiting.queue.push_back(work);
        self.look_up(&dataset)
    }

    /// Begins a look-up for everything that waits, unless one goes on.
    fn look_up(&mut self, dataset: &Arc<str>) -> Result<(), Error> {
        let session = self.session;
        let lane = super::lane(&mut self.lanes, dataset)?;
        let Waiting { queue, looked_for } = &mut lane.waiting;
        let Some(first) = queue.front().filter(|_| *looked_for == 0) else { return Ok(()) };
        let pipeline = Arc::clone(&first.pipeline);
        *looked_for = queue.len();
        let mut ids: Vec<SchemaId> =
            queue.iter().flat_map(|work| work.pipeline.unknown_schemas(&work.records)).collect();
        ids.sort_unstable();
        ids.dedup();
        self.source.hold(dataset);
        let dataset = Arc::clone(dataset);
        self.lookups.push(Box::pin(async move {
            let result = patiently(session, &pipeline, &ids).await;
            LookedUp { dataset, result }
        }));
        Ok(())
    }

    /// Prepares what waited for this look-up, and goes on with what came meanwhile.
    pub(super) fn looked_up(&mut self, done: LookedUp) -> Result<(), Error> {
        let LookedUp { dataset, result } = done;
        let lane = super::lane(&mut self.lanes, &dataset)?;
        if let Err(error) = result {
            // Nobody waits any more: progress has not passed these records.
            lane.waiting = Waiting::default();
            self.given_up.get_or_insert(error);
            return Ok(());
        }
        let count = std::mem::take(&mut lane.waiting.looked_for);
        let ready: Vec<Work> = lane.waiting.queue.drain(..count).collect();
        let is_over = lane.waiting.is_empty();
        for work in ready {
            let task = self.spawn(work);
            self.preparing.push_back(task);
        }
        if is_over {
            self.source.release(&dataset);
            return Ok(());
        }
        self.look_up(&dataset)
    }
}

async fn patiently<L: Landing>(
    session: &Session<L>,
    pipeline: &Pipeline,
    ids: &[SchemaId],
) -> Result<(), Error> {
    let dataset = &pipeline.contract().dataset;
    let mut patience = Patience::new(session.clock.as_ref(), &session.give_up);
    let mut has_waited = false;
    loop {
        let Err(error) = pipeline.learn(ids).await else { break };
        session.metrics.failed("lookup", dataset, error.kind);
        session.metrics.waiting(dataset, true);
        has_waited = true;
        // Credentials that are refused now may be let in later; nothing is lost by asking again.
        let error = match error.kind {
            ErrorKind::Denied => error.as_kind(ErrorKind::Unavailable),
            _ => error,
        };
        patience.outlast(error, "looking up schemas", dataset).await?;
    }
    session.metrics.waiting(dataset, false);
    if has_waited {
        tracing::info!(%dataset, "the schemas are known; going on");
    }
    Ok(())
}
