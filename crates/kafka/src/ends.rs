//! End offsets of the assigned partitions, about every second, for lag; and whether anybody
//! answers.
//!
//! A thread of its own asks, because the question blocks and the poll thread must not. The client
//! that reads says nothing when its brokers are away: it tries again, and keeps its partitions
//! until its session has ended. An answer that finds the queue full is dropped: the next one is as
//! good.

use crate::failure::is_away;
use crate::offsets;
use crate::probe::Probe;
use crate::source::{Item, Shared};
use huiliu_model::Partition;
use huiliu_model::port::SourceEvent;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions without an answer until that is told: three seconds where connections are refused,
/// eighteen where nothing comes back. A broker that is started anew is not told.
const UNANSWERED_MAX: u32 = 3;

/// Runs until the poll thread has ended and unparked this one.
pub(crate) fn watch(probe: &Probe, shared: &Shared, events: &mpsc::Sender<Item>) {
    let mut unanswered = 0;
    loop {
        std::thread::park_timeout(EVERY);
        if shared.has_ended() {
            return;
        }
        probe.serve();
        let event = match ask(probe, &shared.assigned()) {
            Ok(ends) => {
                // Ends of nothing still tell that somebody answers.
                let was_told = std::mem::take(&mut unanswered) >= UNANSWERED_MAX;
                (was_told || !ends.is_empty()).then_some(SourceEvent::EndOffsets(ends))
            }
            Err(error) => {
                tracing::debug!(%error, "end offsets are not known");
                unanswered = if is_away(&error) { unanswered + 1 } else { 0 };
                let why = || match probe.client.context().reason() {
                    said if said.is_empty() => error.to_string(),
                    said => said,
                };
                (unanswered >= UNANSWERED_MAX).then(|| SourceEvent::Unreachable(why()))
            }
        };
        if let Some(event) = event
            && events.try_send(Item::Event(event)).is_err()
        {
            tracing::trace!("end offsets were dropped: the queue is full");
        }
    }
}

/// The ends of the partitions; who has none asks for a topic, to hear whether anybody answers.
fn ask(probe: &Probe, partitions: &[Partition]) -> KafkaResult<BTreeMap<Partition, i64>> {
    if partitions.is_empty()
        && let Some(kafka_topic) = &probe.known_topic
    {
        probe.client.fetch_metadata(Some(kafka_topic), PATIENCE)?;
    }
    offsets::ends(&probe.client, partitions, PATIENCE)
}
