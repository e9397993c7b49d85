//! A source that plays a script.

use async_trait::async_trait;
use huiliu_model::port::{Source, SourceEvent};
use huiliu_model::{Error, Partition, Progress, Record, Records};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Hands over its events in order, then ends.
pub struct ScriptedSource {
    events: VecDeque<SourceEvent>,
    durable: Arc<Mutex<Progress>>,
}

impl ScriptedSource {
    pub fn new(events: impl IntoIterator<Item = SourceEvent>) -> Self {
        Self { events: events.into_iter().collect(), durable: Arc::default() }
    }

    /// What it was told to be durable; stays readable after the source is gone.
    pub fn told(&self) -> Arc<Mutex<Progress>> {
        Arc::clone(&self.durable)
    }
}

#[async_trait]
impl Source for ScriptedSource {
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error> {
        Ok(self.events.pop_front())
    }

    fn durable(&self, progress: &Progress) {
        let mut told = self.durable.lock().expect("no test panics while holding it");
        told.0.extend(progress.0.clone());
    }
}

/// Records of partition 0 from `first` on, one per value; `None` is a tombstone.
pub fn json_record(
    dataset: &str,
    kafka_topic: &str,
    first: i64,
    values: &[Option<&str>],
) -> SourceEvent {
    let mut records = Records::new(dataset.into(), kafka_topic.into());
    let mut offset = first;
    for value in values {
        let value = value.map(|v| records.store(v.as_bytes()));
        records.entries.push(Record { partition: 0, offset, timestamp_ms: 1, key: None, value });
        offset += 1;
    }
    records.covers.0.insert(Partition::new(kafka_topic, 0), first..offset);
    SourceEvent::Records { records, release: Box::new(()) }
}
