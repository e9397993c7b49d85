//! A reader that does what ingestion does with events, and remembers what it saw.

#![allow(dead_code, reason = "each test binary uses its own part")]

use huiliu_kafka::{KafkaSource, MockBroker, Publisher, Route, Settings, Until};
use huiliu_model::clock::SystemClock;
use huiliu_model::port::{Incident, Source, SourceEvent};
use huiliu_model::{Covers, Error, KafkaTopics, Partition, Progress, TopicPattern};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// No test waits longer for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub fn broker(topics: &[(&str, i32)]) -> MockBroker {
    let topics: Vec<_> = topics.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    MockBroker::start(&topics).expect("the mock broker starts")
}

pub fn publisher(broker: &MockBroker) -> Publisher {
    Publisher::connect(broker.bootstrap_servers(), &BTreeMap::new()).expect("a publisher")
}

/// Publishes `count` records `from..from + count` to one partition and waits for the broker.
pub fn publish(broker: &MockBroker, topic: &str, partition: i32, from: i64, count: i64) {
    let mut publisher = publisher(broker);
    for n in from..from + count {
        let (key, value) = (format!("k{n}"), format!("{topic}/{partition}/{n}"));
        publisher
            .publish(topic, Some(partition), key.as_bytes(), Some(value.as_bytes()), 1_000 + n)
            .expect("published");
    }
    publisher.flush(PATIENCE).expect("delivered");
}

pub fn settings(broker: &MockBroker, group: &str) -> Settings {
    let mut settings = Settings::new(broker.bootstrap_servers(), group);
    // The mock broker lets every rebalance take a whole session time-out.
    settings.properties.insert("session.timeout.ms".into(), "6000".into());
    settings.properties.insert("heartbeat.interval.ms".into(), "500".into());
    settings
}

/// Each topic, or pattern from `^` to `$`, is read as the dataset `ds_<topic>`.
pub fn routes(topics: &[&str]) -> Vec<Route> {
    let route = |topic: &&str| Route {
        dataset: format!("ds_{topic}").into(),
        kafka_topics: match topic.starts_with('^') {
            true => KafkaTopics::Matching(TopicPattern::parse(topic).expect("a pattern")),
            false => KafkaTopics::from(*topic),
        },
    };
    topics.iter().map(route).collect()
}

pub async fn start(
    settings: &Settings,
    topics: &[&str],
    until: Until,
    stop: &CancellationToken,
) -> Result<KafkaSource, Error> {
    let clock = Arc::new(SystemClock::default());
    KafkaSource::start(settings, routes(topics), until, stop.clone(), clock).await
}

/// What became known about the records of a source.
#[derive(Default)]
pub struct Seen {
    /// Progress recorded "in the tables"; answers every assignment.
    pub recorded: Progress,
    pub covers: Covers,
    /// Offsets delivered, per partition, in order.
    pub offsets: BTreeMap<Partition, Vec<i64>>,
    pub values: Vec<String>,
    pub datasets: BTreeSet<String>,
    pub assigned: BTreeSet<Partition>,
    pub revoked: Vec<Partition>,
    pub resumed: Vec<Partition>,
    pub incidents: Vec<Incident>,
    /// What the source asked about partitions of others, in order.
    pub asked_elsewhere: Vec<Vec<Partition>>,
    pub ends: BTreeMap<Partition, i64>,
    /// Why nobody answered, as often as that was said.
    pub silences: Vec<String>,
    pub is_over: bool,
}

impl Seen {
    pub fn record_count(&self) -> usize {
        self.offsets.values().map(Vec::len).sum()
    }

    pub fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Assigned { partitions, reply } => {
                self.assigned.extend(partitions.iter().cloned());
                for partition in &partitions {
                    self.covers.0.remove(partition);
                }
                let told = reply.send(self.recorded.clone());
                assert!(told.is_ok() || partitions.is_empty(), "the source waits");
            }
            SourceEvent::Resumed { partitions, reply } => {
                for partition in &partitions {
                    self.covers.0.remove(partition);
                    self.offsets.remove(partition);
                }
                self.resumed.extend(partitions);
                reply.send(self.recorded.clone()).expect("the source waits");
            }
            SourceEvent::Elsewhere { partitions, reply } => {
                self.asked_elsewhere.push(partitions);
                reply.send(self.recorded.clone()).expect("the source waits");
            }
            SourceEvent::Revoked { partitions, reply } => {
                for partition in &partitions {
                    self.assigned.remove(partition);
                }
                self.revoked.extend(partitions);
                reply.send(()).expect("the source waits");
            }
            SourceEvent::Records { records, release } => {
                self.covers.append(&records.covers).expect("covers touch");
                self.datasets.insert(records.dataset.to_string());
                for entry in &records.entries {
                    let partition = Partition::new(records.kafka_topic.clone(), entry.partition);
                    let covered = &records.covers.0[&partition];
                    assert!(covered.contains(&entry.offset), "{partition} {}", entry.offset);
                    self.offsets.entry(partition).or_default().push(entry.offset);
                    if let Some(value) = records.value(entry) {
                        self.values.push(String::from_utf8_lossy(value).into_owned());
                    }
                }
                for (partition, range) in &records.covers.0 {
                    self.recorded.set(partition.clone(), range.end);
                }
                drop(release);
            }
            SourceEvent::EndOffsets(ends) => self.ends.extend(ends),
            SourceEvent::Unreachable(why) => self.silences.push(why),
            SourceEvent::Incident(incident) => self.incidents.push(incident),
        }
    }

    /// Takes events until the condition holds or the stream ends.
    pub async fn read_until(&mut self, source: &mut KafkaSource, done: impl Fn(&Self) -> bool) {
        let reading = async {
            while !done(self) {
                match source.next().await.expect("no error") {
                    Some(event) => self.take(event),
                    None => {
                        self.is_over = true;
                        return;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("it happens in time");
    }

    pub async fn read_to_end(&mut self, source: &mut KafkaSource) {
        self.read_until(source, |_| false).await;
        assert!(self.is_over);
    }
}
