//! Rebalances: where each partition starts, and giving it up in good order.
//!
//! | recorded progress | broker holds `low..high` | then |
//! |---|---|---|
//! | none | any | read from `low` |
//! | `low ≤ p ≤ high` | | read from `p` |
//! | `p < low` | | incident `OffsetExpired`, the partition stands still |
//! | `p > high` | | incident `OffsetBeyondEnd`, the partition stands still |
//!
//! A partition of a paused dataset is taken and not read, see `pauses`.
//!
//! A partition that stands still stays assigned and paused, so that no one else runs into the
//! same wall, and the others go on. Nothing ever jumps.

use crate::chunk::Chunk;
use crate::context::{Rebalance, give, take_away};
use crate::failure::{failed, is_away};
use crate::offsets;
use crate::poll::{Answer, End, Poller, Slot, SlotState};
use huiliu_model::port::{Incident, IncidentKind, SourceEvent};
use huiliu_model::{Error, ErrorKind, Partition, Progress};
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use tokio::sync::oneshot;

/// Recorded progress may have to be read from a slow object store. Below librdkafka's
/// `max.poll.interval.ms` (5 minutes by default), after which the member is expelled.
const PROGRESS_PATIENCE: Duration = Duration::from_secs(120);
/// What is in flight may be committed before a partition goes. Below the default session
/// time-out of the group (45 s).
const REVOKE_PATIENCE: Duration = Duration::from_secs(20);
/// Brokers may be away for as long while partitions are assigned: the restart of one takes less.
/// Together with [`PROGRESS_PATIENCE`] below `max.poll.interval.ms`.
const AWAY_PATIENCE: Duration = Duration::from_secs(60);
/// One question to brokers; there are two before a stop is looked for.
const QUESTION_PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);
/// Out-of-range events about an offset that is in range after all: stale, at most this many.
const RESTARTS_MAX: u32 = 3;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    At(i64),
    Never(IncidentKind),
}

pub(crate) fn decide(recorded: Option<i64>, available: &Range<i64>) -> Start {
    match recorded {
        None => Start::At(available.start),
        Some(next) if next < available.start => Start::Never(IncidentKind::OffsetExpired),
        Some(next) if next > available.end => Start::Never(IncidentKind::OffsetBeyondEnd),
        Some(next) => Start::At(next),
    }
}

impl Poller {
    pub(crate) fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), End> {
        self.stats.add_rebalance();
        let answered = match rebalance {
            Rebalance::Assign(listed) => self.assign(listed),
            Rebalance::Revoke(listed) => self.revoke(&listed),
        };
        let assigned = self.slots.iter().map(|slot| slot.partition.clone()).collect();
        self.shared.set_assigned(assigned);
        answered
    }

    /// After the end of the stream: partitions come and go unread.
    pub(crate) fn rebalance_idly(&mut self, rebalance: Rebalance) {
        let answered = match rebalance {
            Rebalance::Assign(listed) => {
                let mut partitions = list(listed.iter().map(|(t, p)| (t.as_str(), *p)));
                let positioned = partitions.set_all_offsets(Offset::End);
                positioned.and_then(|()| give(&self.consumer, &partitions))
            }
            Rebalance::Revoke(listed) => {
                self.drop_slots(&listed);
                take_away(&self.consumer, &list(listed.iter().map(|(t, p)| (t.as_str(), *p))))
            }
        };
        if let Err(error) = answered {
            tracing::debug!(%error, "a rebalance after the end was not answered");
        }
    }

    fn assign(&mut self, listed: Vec<(String, i32)>) -> Result<(), End> {
        self.assigned_at = Some(self.clock.monotonic());
        if listed.is_empty() {
            // Told all the same: a member without partitions is one that waits in good order. There
            // is no progress to wait for.
            let (reply, _) = oneshot::channel();
            self.feed.send(SourceEvent::Assigned { partitions: Vec::new(), reply })?;
            let answered = give(&self.consumer, &TopicPartitionList::new());
            return answered.map_err(|error| stopped("taking an empty assignment", error));
        }
        let partitions = self.named(&listed)?;
        tracing::info!(partition_count = partitions.len(), "partitions assigned");
        let progress =
            self.ask(&partitions, |partitions, reply| SourceEvent::Assigned { partitions, reply })?;
        let available =
            self.available(&partitions, "reading the offsets of assigned partitions")?;

        let mut starts = TopicPartitionList::with_capacity(partitions.len());
        let mut paused = TopicPartitionList::new();
        let mut incidents = Vec::new();
        for partition in partitions {
            let (recorded, held) = (progress.get(&partition), &available[&partition]);
            let start = decide(recorded, held);
            let mut element = starts.add_partition(&partition.kafka_topic, partition.number);
            let at = match start {
                Start::At(offset) => offset,
                Start::Never(kind) => {
                    paused.add_partition(&partition.kafka_topic, partition.number);
                    incidents.push(incident(&partition, kind, recorded.unwrap_or(0), held));
                    held.end
                }
            };
            element
                .set_offset(Offset::Offset(at))
                .map_err(|error| stopped("setting the first offset", error))?;
            let state = match start {
                Start::Never(_) => SlotState::Blocked,
                Start::At(_) if self.is_paused(&partition.kafka_topic)? => {
                    paused.add_partition(&partition.kafka_topic, partition.number);
                    SlotState::Paused
                }
                Start::At(_) => SlotState::Reading,
            };
            self.add_slot(partition, at, state, recorded.is_none())?;
        }
        give(&self.consumer, &starts).map_err(|error| stopped("taking an assignment", error))?;
        if paused.count() > 0 {
            let answered = self.consumer.pause(&paused);
            answered.map_err(|error| stopped("pausing partitions", error))?;
        }
        self.check_size()?;
        incidents.into_iter().try_for_each(|found| self.feed.send(SourceEvent::Incident(found)))
    }

    /// Ends the source when so many partitions came that their queues pass the memory budget: it
    /// is opened again with smaller ones.
    fn check_size(&self) -> Result<(), End> {
        let (sized_for, count) = (self.sized_for, self.slots.len());
        if !self.settings.outgrows(sized_for, count) {
            return Ok(());
        }
        let message =
            format!("{count} partitions are assigned, the queues were made for {sized_for}");
        Err(End::Failed(Error::new(ErrorKind::Superseded, message)))
    }

    pub(crate) fn is_paused(&mut self, kafka_topic: &str) -> Result<bool, End> {
        let chunk = self.chunk_of(kafka_topic)?;
        Ok(self.shared.pauses.is_paused(self.chunks[chunk].dataset()))
    }

    /// Asks for the recorded progress of partitions, and waits for it.
    pub(crate) fn ask(
        &self,
        partitions: &[Partition],
        question: impl FnOnce(Vec<Partition>, oneshot::Sender<Progress>) -> SourceEvent,
    ) -> Result<Progress, End> {
        let (reply, answer) = oneshot::channel();
        self.feed.send(question(partitions.to_vec(), reply))?;
        let count = partitions.len();
        let silent = |how: &str| {
            let message = format!("recorded progress of {count} partitions was {how}");
            End::Failed(Error::new(ErrorKind::Unavailable, message))
        };
        match self.feed.wait(answer, PROGRESS_PATIENCE)? {
            Answer::Given(progress) => Ok(progress),
            Answer::Dropped => Err(silent("not given")),
            Answer::Late => Err(silent("not given in time")),
        }
    }

    /// The offsets that partitions still have. While brokers are away they are asked again.
    pub(crate) fn available(
        &self,
        partitions: &[Partition],
        what: &str,
    ) -> Result<BTreeMap<Partition, Range<i64>>, End> {
        let given_up_at = self.clock.monotonic() + AWAY_PATIENCE;
        loop {
            match offsets::available(&self.consumer, partitions, QUESTION_PATIENCE) {
                Ok(available) => return Ok(available),
                Err(_) if self.is_stopped() => return Err(End::Stopped),
                Err(error) if is_away(&error) && self.clock.monotonic() < given_up_at => {
                    tracing::warn!(%error, "{what} failed, it is tried again");
                    // Nobody answers: only the stop ends this wait early.
                    let (_silent, never) = oneshot::channel::<()>();
                    self.feed.wait(never, BETWEEN_QUESTIONS)?;
                }
                Err(error) => return Err(stopped(what, error)),
            }
        }
    }

    fn add_slot(
        &mut self,
        partition: Partition,
        next: i64,
        state: SlotState,
        is_fresh: bool,
    ) -> Result<(), End> {
        let queue = self.split(&partition)?;
        let chunk = self.chunk_of(&partition.kafka_topic)?;
        // A partition that was not there at the start has no end to reach.
        let end = |targets: &BTreeMap<_, _>| targets.get(&partition).copied().unwrap_or(0);
        let target = self.targets.as_ref().map(end);
        let mut slot = Slot { partition, chunk, queue, next, target, state, is_fresh, restarts: 0 };
        slot.note_target();
        self.slots.push(slot);
        Ok(())
    }

    /// The partition's own queue. It is taken before the partition is assigned, so that nothing
    /// of it ever reaches the main queue.
    fn split(&self, partition: &Partition) -> Result<PartitionQueue<crate::context::Context>, End> {
        let queue = self.consumer.split_partition_queue(&partition.kafka_topic, partition.number);
        queue.ok_or_else(|| {
            let message = format!("{partition}: the client gives no queue for it");
            End::Failed(Error::new(ErrorKind::Bug, message))
        })
    }

    fn revoke(&mut self, listed: &[(String, i32)]) -> Result<(), End> {
        if self.consumer.assignment_lost() {
            self.stats.add_lost_assignment();
            tracing::warn!(partition_count = listed.len(), "partitions were lost to others");
        }
        // What was read goes before the notice, so that it can still be committed.
        self.hand_over_all()?;
        let partitions = self.named(listed)?;
        self.drop_slots(listed);
        if !partitions.is_empty() {
            tracing::info!(partition_count = partitions.len(), "partitions revoked");
            let (reply, answer) = oneshot::channel();
            self.feed.send(SourceEvent::Revoked { partitions, reply })?;
            if let Answer::Late = self.feed.wait(answer, REVOKE_PATIENCE)? {
                tracing::warn!("revoked partitions go before their records were settled");
            }
        }
        let given_back = list(listed.iter().map(|(topic, number)| (topic.as_str(), *number)));
        take_away(&self.consumer, &given_back)
            .map_err(|error| stopped("giving partitions back", error))
    }

    fn drop_slots(&mut self, listed: &[(String, i32)]) {
        self.slots.retain(|slot| {
            let Partition { kafka_topic, number } = &slot.partition;
            !listed.iter().any(|(topic, n)| n == number && **topic == **kafka_topic)
        });
    }

    /// The broker no longer has the offset that a partition needs.
    pub(crate) fn out_of_range(&mut self, index: usize) -> Result<(), End> {
        let reason = self.consumer.context().reason();
        let partition = self.slots[index].partition.clone();
        let asked = std::slice::from_ref(&partition);
        let available = self.available(asked, "reading the offsets of a partition")?;
        let held = &available[&partition];
        let slot = &mut self.slots[index];
        if slot.is_fresh {
            slot.next = held.start;
            return self.restart(index);
        }
        let truncated = reason.contains("truncat") || slot.restarts >= RESTARTS_MAX;
        let kind = match decide(Some(slot.next), held) {
            Start::Never(kind) => kind,
            Start::At(_) if truncated => IncidentKind::OffsetBeyondEnd,
            Start::At(_) => return self.restart(index),
        };
        slot.state = SlotState::Blocked;
        let found = incident(&partition, kind, slot.next, held);
        self.feed.send(SourceEvent::Incident(found))
    }

    /// Assigns one partition anew at its next offset.
    pub(crate) fn restart(&mut self, index: usize) -> Result<(), End> {
        let partition = self.slots[index].partition.clone();
        let mut one = list([(&*partition.kafka_topic, partition.number)]);
        let taken = self.consumer.incremental_unassign(&one);
        taken.map_err(|error| stopped("restarting a partition", error))?;
        let queue = self.split(&partition)?;
        let slot = &mut self.slots[index];
        (slot.queue, slot.restarts) = (queue, slot.restarts + 1);
        one.set_all_offsets(Offset::Offset(slot.next))
            .and_then(|()| self.consumer.incremental_assign(&one))
            .map_err(|error| stopped("restarting a partition", error))
    }

    fn named(&mut self, listed: &[(String, i32)]) -> Result<Vec<Partition>, End> {
        let mut partitions = Vec::with_capacity(listed.len());
        for (kafka_topic, number) in listed {
            let chunk = self.chunk_of(kafka_topic)?;
            partitions.push(Partition::new(self.chunks[chunk].kafka_topic().clone(), *number));
        }
        Ok(partitions)
    }

    /// Index of a topic's chunk, made when the topic is new.
    fn chunk_of(&mut self, kafka_topic: &str) -> Result<usize, End> {
        if let Some(held) = self.chunks.iter().position(|c| **c.kafka_topic() == *kafka_topic) {
            return Ok(held);
        }
        let route = self.routes.iter().position(|r| r.kafka_topics.contains(kafka_topic));
        let route = route.ok_or_else(|| {
            let message = format!("the group assigns kafka_topic `{kafka_topic}` to us unasked");
            End::Failed(Error::new(ErrorKind::Bug, message))
        })?;
        let dataset = self.routes[route].dataset.clone();
        if self.routes[route].kafka_topics.name().is_none() {
            tracing::info!(%dataset, kafka_topic, "a kafka_topic matches the pattern");
        }
        self.chunks.push(Chunk::new(dataset, kafka_topic.into(), route));
        Ok(self.chunks.len() - 1)
    }
}

pub(crate) fn list<'a>(partitions: impl IntoIterator<Item = (&'a str, i32)>) -> TopicPartitionList {
    let mut listed = TopicPartitionList::new();
    for (kafka_topic, number) in partitions {
        listed.add_partition(kafka_topic, number);
    }
    listed
}

pub(crate) fn incident(
    partition: &Partition,
    kind: IncidentKind,
    recorded: i64,
    held: &Range<i64>,
) -> Incident {
    Incident { partition: partition.clone(), kind, recorded, available: held.clone() }
}

pub(crate) fn stopped(what: &str, error: rdkafka::error::KafkaError) -> End {
    End::Failed(failed(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_progress_decides_where_a_partition_starts() {
        assert_eq!(decide(None, &(5..9)), Start::At(5));
        assert_eq!(decide(Some(5), &(5..9)), Start::At(5));
        assert_eq!(decide(Some(9), &(5..9)), Start::At(9));
        assert_eq!(decide(Some(4), &(5..9)), Start::Never(IncidentKind::OffsetExpired));
        assert_eq!(decide(Some(10), &(5..9)), Start::Never(IncidentKind::OffsetBeyondEnd));
        assert_eq!(decide(Some(0), &(0..0)), Start::At(0));
    }
}
