//! A source that plays a script.

use async_trait::async_trait;
use huiliu_model::port::{Source, SourceEvent};
use huiliu_model::{Error, Partition, Progress, Record, Records};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

/// Hands over its events in order, then ends.
///
/// Records of a paused dataset are kept back. Once it is resumed, they and those that were
/// handed over and not landed are handed over (again) from the progress of the reply on.
pub struct ScriptedSource {
    events: VecDeque<SourceEvent>,
    durable: Arc<Mutex<Progress>>,
    pauses: Arc<Mutex<Pauses>>,
    changed: Arc<Notify>,
    /// Everything of each dataset that came up so far.
    past: BTreeMap<Arc<str>, Vec<Records>>,
    asked: Option<(Arc<str>, oneshot::Receiver<Progress>)>,
    waits: bool,
}

#[derive(Debug, Default)]
struct Pauses {
    held: BTreeSet<String>,
    paused: BTreeSet<String>,
    resumed: VecDeque<String>,
}

impl ScriptedSource {
    pub fn new(events: impl IntoIterator<Item = SourceEvent>) -> Self {
        Self {
            events: events.into_iter().collect(),
            durable: Arc::default(),
            pauses: Arc::default(),
            changed: Arc::default(),
            past: BTreeMap::new(),
            asked: None,
            waits: false,
        }
    }

    /// At the end of the script it waits for paused datasets to be resumed.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }

    /// What it was told to be durable; stays readable after the source is gone.
    pub fn told(&self) -> Arc<Mutex<Progress>> {
        Arc::clone(&self.durable)
    }

    fn pauses(&self) -> MutexGuard<'_, Pauses> {
        self.pauses.lock().expect("no test panics while holding it")
    }

    /// Puts what is not landed of a dataset in front.
    fn rewind(&mut self, dataset: &Arc<str>, progress: &Progress) {
        let past = self.past.remove(dataset).unwrap_or_default();
        let is_left = |records: &Records| {
            records.covers.0.iter().all(|(partition, range)| {
                progress.get(partition).is_none_or(|next| next <= range.start)
            })
        };
        for records in past.into_iter().filter(is_left).rev() {
            self.events.push_front(SourceEvent::Records { records, release: Box::new(()) });
        }
    }
}

#[async_trait]
impl Source for ScriptedSource {
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error> {
        loop {
            if let Some((_, answer)) = &mut self.asked {
                let progress = answer.await.unwrap_or_default();
                if let Some((dataset, _)) = self.asked.take() {
                    self.rewind(&dataset, &progress);
                }
            }
            let resumed = self.pauses().resumed.pop_front();
            if let Some(dataset) = resumed {
                let dataset: Arc<str> = dataset.into();
                let (reply, answer) = oneshot::channel();
                let known = self.past.get(&dataset).into_iter().flatten();
                let partitions: BTreeSet<Partition> =
                    known.flat_map(|records| records.covers.0.keys().cloned()).collect();
                self.asked = Some((dataset, answer));
                let partitions = partitions.into_iter().collect();
                return Ok(Some(SourceEvent::Resumed { partitions, reply }));
            }
            match self.events.pop_front() {
                Some(SourceEvent::Records { records, release }) => {
                    let dataset = Arc::clone(&records.dataset);
                    self.past.entry(dataset).or_default().push(records.clone());
                    if !self.pauses().paused.contains(&*records.dataset) {
                        return Ok(Some(SourceEvent::Records { records, release }));
                    }
                }
                Some(event) => return Ok(Some(event)),
                None if self.waits && !self.pauses().paused.is_empty() => {
                    self.changed.notified().await;
                }
                None => return Ok(None),
            }
        }
    }

    fn durable(&self, progress: &Progress) {
        let mut told = self.durable.lock().expect("no test panics while holding it");
        told.0.extend(progress.0.clone());
    }

    fn pause(&self, dataset: &str) {
        self.pauses().paused.insert(dataset.to_owned());
    }

    /// Only noted: what was read before may still be handed over, and here everything was.
    fn hold(&self, dataset: &str) {
        self.pauses().held.insert(dataset.to_owned());
    }

    fn release(&self, dataset: &str) {
        self.pauses().held.remove(dataset);
    }

    fn resume(&self, dataset: &str) {
        let mut pauses = self.pauses();
        if pauses.paused.remove(dataset) {
            pauses.resumed.push_back(dataset.to_owned());
            self.changed.notify_one();
        }
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
