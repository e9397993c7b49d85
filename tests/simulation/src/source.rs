//! The port `Source` on the broker in memory.

use crate::broker::{Broker, Entry, Errand};
use crate::chance::Chance;
use crate::life::Life;
use crate::records::dataset_of;
use async_trait::async_trait;
use huiliu_model::port::{Incident, IncidentKind, Source, SourceEvent};
use huiliu_model::{Error, Partition, Progress, Record, Records};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Milliseconds between two records of a partition.
const RECORD_MS: i64 = 1_000;

/// How a source is made.
#[derive(Clone)]
pub struct Membership {
    pub broker: Arc<Broker>,
    pub group: u64,
    pub life: Arc<Life>,
    pub chance: Chance,
    pub is_eager: bool,
    /// Ends when everything is read; else it waits for more.
    pub until_end: bool,
    pub stop: CancellationToken,
    /// The members that this process is or was.
    pub joined: Arc<Mutex<Vec<u64>>>,
}

enum Awaited {
    Start(Vec<Partition>, oneshot::Receiver<Progress>),
    GivenUp(Vec<Partition>, oneshot::Receiver<()>),
}

#[derive(Debug, Clone, Copy)]
struct Position {
    next: i64,
    stands_still: bool,
}

pub struct MemorySource {
    membership: Membership,
    member: u64,
    positions: BTreeMap<Partition, Position>,
    awaited: Option<Awaited>,
    incidents: Vec<Incident>,
}

impl MemorySource {
    pub fn new(membership: Membership) -> Self {
        let mut source = Self {
            membership,
            member: 0,
            positions: BTreeMap::new(),
            awaited: None,
            incidents: Vec::new(),
        };
        source.join();
        source
    }

    fn join(&mut self) {
        let Membership { broker, group, is_eager, joined, .. } = &self.membership;
        self.member = broker.join(*group, *is_eager);
        joined.lock().unwrap_or_else(PoisonError::into_inner).push(self.member);
    }

    /// Where a partition begins, by recorded progress; see `crates/kafka/src/assignment.rs`.
    fn begin(&mut self, partition: Partition, recorded: Option<i64>) {
        let available = self.membership.broker.available(&partition);
        let next = recorded.unwrap_or(available.start);
        self.positions.insert(partition, Position { next, stands_still: false });
    }

    async fn settle(&mut self) {
        match &mut self.awaited {
            None => return,
            Some(Awaited::Start(partitions, reply)) => {
                let (partitions, progress) = (partitions.clone(), reply.await.unwrap_or_default());
                for partition in partitions {
                    let recorded = progress.get(&partition);
                    self.begin(partition, recorded);
                }
            }
            Some(Awaited::GivenUp(partitions, reply)) => {
                // A reply that is dropped says "discarded".
                let (partitions, _) = (partitions.clone(), reply.await);
                self.positions.retain(|partition, _| !partitions.contains(partition));
                let Membership { broker, group, .. } = &self.membership;
                broker.given_up(*group, self.member, &partitions);
            }
        }
        self.awaited = None;
    }

    fn give_up(&mut self, partitions: Vec<Partition>) -> SourceEvent {
        let (reply, answer) = oneshot::channel();
        self.awaited = Some(Awaited::GivenUp(partitions.clone(), answer));
        SourceEvent::Revoked { partitions, reply }
    }

    fn turn(&mut self) -> Option<SourceEvent> {
        let held: BTreeSet<Partition> = self.positions.keys().cloned().collect();
        let Membership { broker, group, .. } = &self.membership;
        match broker.errand(*group, self.member, &held) {
            Errand::Nothing => None,
            Errand::GiveUp(partitions) => Some(self.give_up(partitions)),
            Errand::Take(partitions) => {
                let (reply, answer) = oneshot::channel();
                self.awaited = Some(Awaited::Start(partitions.clone(), answer));
                Some(SourceEvent::Assigned { partitions, reply })
            }
            Errand::Expelled => {
                self.join();
                let lost: Vec<Partition> = held.into_iter().collect();
                (!lost.is_empty()).then(|| self.give_up(lost))
            }
        }
    }

    /// Partitions that cannot be read where they stand, stand still.
    fn check(&mut self) {
        for (partition, position) in self.positions.iter_mut().filter(|(_, p)| !p.stands_still) {
            let available = self.membership.broker.available(partition);
            let kind = match position.next {
                next if next < available.start => IncidentKind::OffsetExpired,
                next if next > available.end => IncidentKind::OffsetBeyondEnd,
                _ => continue,
            };
            position.stands_still = true;
            let (partition, recorded) = (partition.clone(), position.next);
            self.incidents.push(Incident { partition, kind, recorded, available });
        }
    }

    fn read(&mut self) -> Option<SourceEvent> {
        let broker = &self.membership.broker;
        let is_ready = |(partition, position): &(&Partition, &Position)| {
            !position.stands_still && position.next < broker.available(partition).end
        };
        let ready: Vec<Partition> =
            self.positions.iter().filter(is_ready).map(|(p, _)| p.clone()).collect();
        let partition = self.membership.chance.of(&ready)?.clone();
        let count = usize::try_from(self.membership.chance.within(1..4)).expect("a small number");
        let position = self.positions.get_mut(&partition)?;
        let entries = broker.read(&partition, position.next, count);
        let topic = Arc::clone(&partition.kafka_topic);
        let dataset = dataset_of(&topic).into();
        let mut records = Records::new(dataset, topic);
        let begin = position.next;
        for entry in entries {
            if let Entry::Record(value, _) = entry {
                let value = value.map(|text| records.store(text.as_bytes()));
                let timestamp_ms = crate::time::BEGIN_US / 1_000 + position.next * RECORD_MS;
                let (offset, partition) = (position.next, partition.number);
                records.entries.push(Record { partition, offset, timestamp_ms, key: None, value });
            }
            position.next += 1;
        }
        records.covers.0.insert(partition, begin..position.next);
        Some(SourceEvent::Records { records, release: Box::new(()) })
    }

    fn is_over(&self) -> bool {
        let Membership { broker, group, until_end, .. } = &self.membership;
        *until_end && broker.has_all(*group, self.member)
    }
}

#[async_trait]
impl Source for MemorySource {
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error> {
        let broker = Arc::clone(&self.membership.broker);
        loop {
            self.membership.life.gate().await;
            self.settle().await;
            if self.membership.stop.is_cancelled() {
                return Ok(None);
            }
            let changed = broker.changed();
            if let Some(event) = self.turn() {
                return Ok(Some(event));
            }
            self.check();
            if let Some(incident) = self.incidents.pop() {
                return Ok(Some(SourceEvent::Incident(incident)));
            }
            if let Some(event) = self.read() {
                return Ok(Some(event));
            }
            if self.is_over() {
                return Ok(None);
            }
            tokio::select! {
                biased;
                () = self.membership.stop.cancelled() => {}
                () = changed => {}
            }
        }
    }

    fn durable(&self, _: &Progress) {}

    fn pause(&self, _: &str) {}

    fn hold(&self, _: &str) {}

    fn release(&self, _: &str) {}

    fn resume(&self, _: &str) {}
}

impl Drop for MemorySource {
    /// A session that ends leaves the group; a process that dies is expelled by the history.
    fn drop(&mut self) {
        let Membership { broker, group, is_eager, life, .. } = &self.membership;
        if life.state() == crate::life::State::Running {
            broker.remove(*group, self.member, *is_eager);
        }
    }
}
