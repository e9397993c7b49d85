//! End offsets of the assigned partitions, about every second, for lag.
//!
//! A thread of its own asks, because the question blocks and the poll thread must not. An
//! answer that finds the queue full is dropped: the next one is as good.

use crate::offsets;
use crate::probe::Probe;
use crate::source::{Item, Shared};
use huiliu_model::port::SourceEvent;
use std::time::Duration;
use tokio::sync::mpsc;

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until the poll thread has ended and unparked this one.
pub(crate) fn watch(probe: &Probe, shared: &Shared, events: &mpsc::Sender<Item>) {
    loop {
        std::thread::park_timeout(EVERY);
        if shared.has_ended() {
            return;
        }
        probe.serve();
        let partitions = shared.assigned();
        match offsets::ends(&probe.client, &partitions, PATIENCE) {
            Ok(ends) if !ends.is_empty() => {
                if events.try_send(Item::Event(SourceEvent::EndOffsets(ends))).is_err() {
                    tracing::trace!("end offsets were dropped: the queue is full");
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "end offsets are not known"),
        }
    }
}
