//! Datasets that are not read for a while, and how they are read again.
//!
//! Ingestion asks from its own thread; the poll thread acts between serving rebalances and
//! reading, so that nothing of a paused dataset is read after a rebalance was answered. One that
//! was paused and resumed before the poll thread had a turn is paused and resumed all the
//! same: ingestion has dropped what came meanwhile.
//!
//! A dataset that is held is something else: its partitions are passed over in reading and keep
//! their places, and its end is not reached before it is released.

use crate::assignment::{Start, decide, incident, list, stopped};
use crate::poll::{End, Poller, SlotState};
use huiliu_model::Partition;
use huiliu_model::port::SourceEvent;
use rdkafka::consumer::Consumer;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What ingestion asked for.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    asked: Mutex<Asked>,
    /// Something was asked since the last turn.
    has_changed: AtomicBool,
    /// Something is held.
    has_held: AtomicBool,
}

#[derive(Debug, Default)]
struct Asked {
    held: BTreeSet<String>,
    paused: BTreeSet<String>,
    /// Asked for since the last turn, one way or the other.
    touched: BTreeSet<String>,
}

impl Pauses {
    pub(crate) fn pause(&self, dataset: &str) {
        let mut asked = self.asked();
        asked.paused.insert(dataset.to_owned());
        asked.touched.insert(dataset.to_owned());
        self.has_changed.store(true, Ordering::Release);
    }

    pub(crate) fn resume(&self, dataset: &str) {
        let mut asked = self.asked();
        if asked.paused.remove(dataset) {
            asked.touched.insert(dataset.to_owned());
            self.has_changed.store(true, Ordering::Release);
        }
    }

    pub(crate) fn hold(&self, dataset: &str) {
        let mut asked = self.asked();
        asked.held.insert(dataset.to_owned());
        self.has_held.store(true, Ordering::Release);
    }

    pub(crate) fn release(&self, dataset: &str) {
        let mut asked = self.asked();
        asked.held.remove(dataset);
        self.has_held.store(!asked.held.is_empty(), Ordering::Release);
    }

    /// Whether nothing of a dataset is to be read for now; its partitions stay where they are.
    pub(crate) fn is_held(&self, dataset: &str) -> bool {
        self.has_held.load(Ordering::Acquire) && self.asked().held.contains(dataset)
    }

    pub(crate) fn is_paused(&self, dataset: &str) -> bool {
        self.asked().paused.contains(dataset)
    }

    /// Datasets to pause, and those of them or of earlier ones to resume, since the last call.
    fn take(&self) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
        if !self.has_changed.swap(false, Ordering::AcqRel) {
            return None;
        }
        let mut asked = self.asked();
        let touched = std::mem::take(&mut asked.touched);
        let resumed = touched.difference(&asked.paused).cloned().collect();
        Some((touched, resumed))
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Poller {
    /// Does what was asked for since the last turn.
    pub(crate) fn heed_pauses(&mut self) -> Result<(), End> {
        let Some((paused, resumed)) = self.shared.pauses.take() else { return Ok(()) };
        self.pause(&paused)?;
        if resumed.is_empty() { Ok(()) } else { self.resume(&resumed) }
    }

    /// Reads nothing more of these datasets; what is not handed over is dropped.
    fn pause(&mut self, datasets: &BTreeSet<String>) -> Result<(), End> {
        let mut paused = Vec::new();
        for slot in &mut self.slots {
            let is_asked = datasets.contains(&**self.chunks[slot.chunk].dataset());
            if is_asked && matches!(slot.state, SlotState::Reading | SlotState::Done) {
                slot.state = SlotState::Paused;
                paused.push(slot.partition.clone());
            }
        }
        for chunk in &mut self.chunks {
            if datasets.contains(&**chunk.dataset()) && !chunk.is_empty() {
                let (_, bytes) = chunk.take();
                drop(self.budget.lease(bytes));
            }
        }
        if paused.is_empty() {
            return Ok(());
        }
        tracing::info!(partition_count = paused.len(), "partitions paused");
        self.consumer.pause(&listed(&paused)).map_err(|e| stopped("pausing partitions", e))
    }

    /// Reads the assigned partitions of these datasets again, from recorded progress on.
    fn resume(&mut self, datasets: &BTreeSet<String>) -> Result<(), End> {
        let is_asked = |slot: &&crate::poll::Slot| {
            slot.state == SlotState::Paused
                && datasets.contains(&**self.chunks[slot.chunk].dataset())
        };
        let partitions: Vec<Partition> =
            self.slots.iter().filter(is_asked).map(|slot| slot.partition.clone()).collect();
        if partitions.is_empty() {
            return Ok(());
        }
        tracing::info!(partition_count = partitions.len(), "partitions resumed");
        let progress =
            self.ask(&partitions, |partitions, reply| SourceEvent::Resumed { partitions, reply })?;
        let available = self.available(&partitions, "reading the offsets of resumed partitions")?;
        self.consumer
            .resume(&listed(&partitions))
            .map_err(|e| stopped("resuming partitions", e))?;
        for partition in &partitions {
            let (recorded, held) = (progress.get(partition), &available[partition]);
            let Some(index) = self.slots.iter().position(|s| s.partition == *partition) else {
                continue;
            };
            match decide(recorded, held) {
                Start::At(offset) => {
                    let slot = &mut self.slots[index];
                    (slot.next, slot.is_fresh) = (offset, recorded.is_none());
                    slot.state = SlotState::Reading;
                    slot.note_target();
                    self.restart(index)?;
                    self.slots[index].restarts = 0;
                }
                Start::Never(kind) => {
                    self.slots[index].state = SlotState::Blocked;
                    let found = incident(partition, kind, recorded.unwrap_or(0), held);
                    self.feed.send(SourceEvent::Incident(found))?;
                }
            }
        }
        Ok(())
    }
}

fn listed(partitions: &[Partition]) -> rdkafka::TopicPartitionList {
    list(partitions.iter().map(|p| (&*p.kafka_topic, p.number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn what_was_asked_is_told_once() {
        let pauses = Pauses::default();
        assert_eq!(pauses.take(), None);
        pauses.pause("a");
        assert_eq!(pauses.take(), Some((names(["a"]), names([]))));
        assert_eq!(pauses.take(), None);
        assert!(pauses.is_paused("a") && !pauses.is_paused("b"));
    }

    #[test]
    fn a_held_dataset_is_not_paused_and_only_it_is_held() {
        let pauses = Pauses::default();
        pauses.hold("a");
        pauses.hold("b");
        pauses.release("b");
        assert!(pauses.is_held("a") && !pauses.is_held("b") && !pauses.is_paused("a"));
        assert_eq!(pauses.take(), None);
        pauses.release("a");
        assert!(!pauses.is_held("a"));
    }

    #[test]
    fn a_dataset_resumed_before_its_pause_was_seen_is_paused_all_the_same() {
        let pauses = Pauses::default();
        pauses.pause("a");
        pauses.pause("b");
        pauses.resume("a");
        assert_eq!(pauses.take(), Some((names(["a", "b"]), names(["a"]))));
        pauses.resume("a");
        assert_eq!(pauses.take(), None, "it was not paused");
    }
}
