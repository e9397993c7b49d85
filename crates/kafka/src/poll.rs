//! The poll thread: reads the partitions in turn and hands chunks over.
//!
//! Every partition has its own librdkafka queue, so that end-of-partition and out-of-range
//! events are known to be this partition's, and so that holding back is simply not to read:
//! librdkafka stops to fetch a partition whose queue is full, while the main queue is polled
//! on, which keeps the group membership alive. (Pausing would throw prefetched records away; it
//! is kept for datasets that stand still.)
//!
//! Covers of consecutive chunks touch, per partition; a record that would break that is a bug
//! and ends the source.

use crate::budget::Budget;
use crate::chunk::{Chunk, ENTRY_BYTES};
use crate::context::Context;
use crate::elsewhere::Elsewhere;
use crate::failure::{Verdict, judge};
use crate::settings::{Route, Settings};
use crate::source::{Item, Shared};
use crate::stats::SourceStats;
use huiliu_model::port::SourceEvent;
use huiliu_model::{Clock, Error, ErrorKind, Partition, Traces, traces};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Records read from one partition before the next has its turn.
const SLICE_RECORDS: usize = 1_024;
/// Wait between two turns that found nothing, once more per thousand partitions.
const IDLE_MIN: Duration = Duration::from_millis(5);
/// How often group offsets are written.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

pub(crate) struct Poller {
    pub(crate) consumer: Arc<BaseConsumer<Context>>,
    pub(crate) feed: Feed,
    pub(crate) routes: Vec<Route>,
    /// One per Kafka topic of which a partition was ever assigned.
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) slots: Vec<Slot>,
    /// Where each partition ends, if the source does.
    pub(crate) targets: Option<BTreeMap<Partition, i64>>,
    pub(crate) assigned_at: Option<Duration>,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) budget: Arc<Budget>,
    pub(crate) stats: Arc<SourceStats>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    /// Partitions that librdkafka's queues are sized for.
    pub(crate) sized_for: usize,
    pub(crate) next_slot: usize,
    pub(crate) is_throttled: bool,
    pub(crate) is_queue_full: bool,
    pub(crate) is_idle: bool,
    pub(crate) committed_at: Duration,
}

/// One assigned partition.
pub(crate) struct Slot {
    pub(crate) partition: Partition,
    /// Index of the topic's chunk.
    pub(crate) chunk: usize,
    pub(crate) queue: PartitionQueue<Context>,
    /// The first offset not yet in a chunk.
    pub(crate) next: i64,
    pub(crate) target: Option<i64>,
    pub(crate) state: SlotState,
    /// No progress is recorded and nothing was read: the beginning may still move.
    pub(crate) is_fresh: bool,
    pub(crate) restarts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotState {
    Reading,
    /// Reached its target.
    Done,
    /// Not read until ingestion says so.
    Paused,
    /// Stands still until a person decides.
    Blocked,
}

impl Slot {
    pub(crate) fn note_target(&mut self) {
        if self.state == SlotState::Reading && self.target.is_some_and(|end| self.next >= end) {
            self.state = SlotState::Done;
        }
    }
}

/// Why the poll thread stops reading.
pub(crate) enum End {
    /// Told to, or nobody listens any more.
    Stopped,
    /// Every partition reached its target.
    Reached,
    Failed(Error),
}

impl Poller {
    /// Reads until the end, then keeps the membership until the source is closed.
    pub(crate) fn run(mut self) {
        let last = loop {
            match self.turn() {
                Ok(()) => {}
                Err(End::Failed(error)) => break Item::Failed(error),
                Err(End::Stopped | End::Reached) => break Item::End,
            }
        };
        self.feed.last(last);
        self.linger();
        self.consumer.context().close();
        // The queues hold the consumer; without them the drop below closes it.
        self.slots.clear();
        drop(self.consumer);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.feed.stop.is_cancelled() || self.shared.is_closed()
    }

    fn turn(&mut self) -> Result<(), End> {
        if self.is_stopped() {
            return Err(End::Stopped);
        }
        let now = self.clock.monotonic();
        self.stats.polled(now);
        self.serve()?;
        self.heed_pauses()?;
        let has_read = self.read(now)?;
        self.is_idle = !has_read;
        self.hand_over_due(now);
        self.commit(now);
        if self.has_reached(now)? {
            self.hand_over_all()?;
            return Err(End::Reached);
        }
        Ok(())
    }

    /// Serves the main queue: rebalances, errors, and the proof that this member is alive.
    fn serve(&mut self) -> Result<(), End> {
        let per_thousand = u32::try_from(self.slots.len() / 1_000).unwrap_or(u32::MAX);
        let idle = IDLE_MIN.saturating_mul(1 + per_thousand).min(10 * IDLE_MIN);
        let wait = if self.is_idle { idle } else { Duration::ZERO };
        match self.consumer.poll(wait) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Ok(message)) => {
                let (kafka_topic, number) = (message.topic(), message.partition());
                let message = format!("a record of {kafka_topic}/{number} came past its queue");
                return Err(End::Failed(Error::new(ErrorKind::Bug, message)));
            }
            Some(Err(error)) => self.judge(&error)?,
        }
        while let Some(rebalance) = self.consumer.context().next_rebalance() {
            self.rebalance(rebalance)?;
        }
        Ok(())
    }

    fn judge(&self, error: &KafkaError) -> Result<(), End> {
        let reason = self.consumer.context().reason();
        match judge(error, &reason, &self.settings.bootstrap_servers) {
            Verdict::Stop(error) => Err(End::Failed(error)),
            Verdict::GoOn => {
                tracing::debug!(%error, reason, "kafka reports");
                Ok(())
            }
        }
    }

    /// Gives every partition its turn, while there is room. True when something was read.
    fn read(&mut self, now: Duration) -> Result<bool, End> {
        if self.is_throttled && self.budget.has_recovered() {
            self.is_throttled = false;
        }
        if self.is_throttled || self.is_queue_full {
            return Ok(false);
        }
        let (count, mut has_read) = (self.slots.len(), false);
        for _ in 0..count {
            self.next_slot = (self.next_slot + 1) % count;
            has_read |= self.read_slot(self.next_slot, now)?;
            if self.budget.is_exhausted() {
                self.is_throttled = true;
                self.stats.add_throttle();
            }
            if self.is_throttled || self.is_queue_full {
                break;
            }
        }
        Ok(has_read)
    }

    fn read_slot(&mut self, index: usize, now: Duration) -> Result<bool, End> {
        let slot = &mut self.slots[index];
        let is_held = self.shared.pauses.is_held(self.chunks[slot.chunk].dataset());
        if slot.state != SlotState::Reading || is_held {
            return Ok(false);
        }
        let (at, start) = (slot.chunk, slot.next);
        let chunk = &mut self.chunks[at];
        let (mut records, mut bytes, mut event) = (0, 0, None);
        while records < SLICE_RECORDS && !chunk.is_full(self.settings.chunk_bytes) {
            match slot.queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) if message.offset() < slot.next => {
                    return Err(End::Failed(backwards(
                        &slot.partition,
                        slot.next,
                        message.offset(),
                    )));
                }
                Some(Ok(message)) => {
                    bytes += chunk.push(&message);
                    if let Some(traces) = &self.settings.traces {
                        note(traces, &slot.partition, &message);
                    }
                    slot.next = message.offset() + 1;
                    records += 1;
                }
                Some(Err(error)) => {
                    event = Some(error);
                    break;
                }
            }
        }
        chunk.cover(&slot.partition, start..slot.next, now);
        slot.is_fresh &= records == 0;
        slot.note_target();
        let (is_full, route) = (chunk.is_full(self.settings.chunk_bytes), chunk.route());
        self.budget.take(bytes + records * ENTRY_BYTES);
        self.stats.add_records(route, records as u64, bytes as u64);
        if let Some(error) = event {
            self.heed(index, &error, now)?;
        }
        if is_full {
            self.hand_over(at);
        }
        Ok(records > 0)
    }

    /// Acts on an event of one partition.
    fn heed(&mut self, index: usize, error: &KafkaError, now: Duration) -> Result<(), End> {
        if matches!(error, KafkaError::PartitionEOF(_)) {
            let slot = &mut self.slots[index];
            // Without the offset in its text the event still says: at least the end that was
            // there when the source started has been reached.
            let end = self.consumer.context().end_offset().or(slot.target).unwrap_or(slot.next);
            if end > slot.next {
                self.chunks[slot.chunk].cover(&slot.partition, slot.next..end, now);
                slot.next = end;
            }
            slot.note_target();
            return Ok(());
        }
        if error.rdkafka_error_code() == Some(Code::AutoOffsetReset) {
            return self.out_of_range(index);
        }
        self.judge(error)
    }

    /// Hands over chunks that are old, or everything that is there when reading stands still.
    fn hand_over_due(&mut self, now: Duration) {
        let all = self.is_throttled || self.is_queue_full;
        self.is_queue_full = false;
        for at in 0..self.chunks.len() {
            let chunk = &self.chunks[at];
            if !chunk.is_empty() && (all || chunk.is_older_than(self.settings.chunk_age, now)) {
                self.hand_over(at);
            }
            if self.is_queue_full {
                return;
            }
        }
    }

    fn hand_over(&mut self, at: usize) {
        match self.feed.events.try_reserve() {
            Ok(permit) => {
                let (records, bytes) = self.chunks[at].take();
                let release = Box::new(self.budget.lease(bytes));
                permit.send(Item::Event(SourceEvent::Records { records, release }));
            }
            Err(_) => self.is_queue_full = true,
        }
    }

    /// Hands over everything, waiting for room.
    pub(crate) fn hand_over_all(&mut self) -> Result<(), End> {
        for chunk in self.chunks.iter_mut().filter(|chunk| !chunk.is_empty()) {
            let (records, bytes) = chunk.take();
            let release = Box::new(self.budget.lease(bytes));
            self.feed.send(SourceEvent::Records { records, release })?;
        }
        Ok(())
    }

    /// Writes what is durable as group offsets, for tools that watch the group.
    fn commit(&mut self, now: Duration) {
        if now.saturating_sub(self.committed_at) < COMMIT_EVERY {
            return;
        }
        self.committed_at = now;
        for _ in 0..self.consumer.context().take_failed_commits() {
            self.stats.add_failed_commit();
        }
        let durable = self.shared.take_durable();
        let mut offsets = TopicPartitionList::new();
        for slot in &self.slots {
            if let Some(next) = durable.get(&slot.partition) {
                let Partition { kafka_topic, number } = &slot.partition;
                let mut element = offsets.add_partition(kafka_topic, *number);
                if element.set_offset(Offset::Offset(next)).is_err() {
                    self.stats.add_failed_commit();
                }
            }
        }
        if offsets.count() > 0 && self.consumer.commit(&offsets, CommitMode::Async).is_err() {
            self.stats.add_failed_commit();
        }
    }

    /// Stays in the group, reading nothing, until the source is closed: what was handed over
    /// may still be on its way into the tables.
    fn linger(&mut self) {
        while !self.shared.is_closed() {
            // Errors and stray records no longer matter: the stream has ended.
            let _ = self.consumer.poll(10 * IDLE_MIN);
            while let Some(rebalance) = self.consumer.context().next_rebalance() {
                self.rebalance_idly(rebalance);
            }
            self.commit(self.clock.monotonic());
        }
        self.committed_at = Duration::ZERO;
        self.commit(self.clock.monotonic());
    }
}

/// The way to ingestion, for a thread that may wait.
pub(crate) struct Feed {
    pub(crate) events: mpsc::Sender<Item>,
    pub(crate) runtime: Handle,
    pub(crate) stop: CancellationToken,
}

/// What became of a question.
pub(crate) enum Answer<T> {
    Given(T),
    /// Whoever should have answered is gone.
    Dropped,
    Late,
}

impl Feed {
    /// Sends an event, waiting for room.
    pub(crate) fn send(&self, event: SourceEvent) -> Result<(), End> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => Err(End::Stopped),
                sent = self.events.send(Item::Event(event)) => sent.map_err(|_| End::Stopped),
            }
        })
    }

    /// Waits for a reply, but not longer than `patience` and not beyond the stop.
    pub(crate) fn wait<T>(
        &self,
        reply: oneshot::Receiver<T>,
        patience: Duration,
    ) -> Result<Answer<T>, End> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                given = reply => Ok(given.map_or(Answer::Dropped, Answer::Given)),
                () = self.stop.cancelled() => Err(End::Stopped),
                () = tokio::time::sleep(patience) => Ok(Answer::Late),
            }
        })
    }

    /// The last word, after which nothing is sent.
    fn last(&self, item: Item) {
        // A receiver that is gone needs no last word.
        let _ = self.runtime.block_on(self.events.send(item));
    }
}

fn backwards(partition: &Partition, next: i64, offset: i64) -> Error {
    let message = format!("{partition}: expected offset {next} or later, kafka delivers {offset}");
    Error::new(ErrorKind::Bug, message)
}

/// Notes the trace context that a record brings along.
fn note(traces: &Traces, partition: &Partition, message: &BorrowedMessage<'_>) {
    let mut headers = message.headers().into_iter().flat_map(Headers::iter);
    if let Some(value) = headers.find(|h| h.key == traces::HEADER).and_then(|h| h.value) {
        traces.note(partition, message.offset(), value);
    }
}
