//! Drift of one dataset as this process has seen it: which columns came once, what is new.
//!
//! Each kind and field is told and noted once; the metric goes on counting. What was seen lives
//! in memory, so a column that vanished while no process ran is not known to have been there.

use huiliu_model::{Contract, Drift, DriftKind, DriftNote, OnDrift};
use huiliu_normalise::ChunkDrift;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Rows a chunk must have before an absent column means that the source dropped it: a handful of
/// sparse rows proves nothing.
const IMAGES_MIN: u64 = 100;
/// How long sightings are gathered before they are noted, so that the count says something.
const NOTE_AFTER: Duration = Duration::from_secs(5);
/// Fields remembered per dataset; names beyond are counted and neither told nor noted.
const FIELDS_MAX: usize = 1_000;

pub struct Sightings {
    contract: Arc<Contract>,
    /// By contract column: some row had it.
    seen: Vec<bool>,
    /// Drifts that do not stop the dataset any more.
    admitted: BTreeSet<(DriftKind, String)>,
    held: BTreeMap<(DriftKind, Box<str>), Held>,
    /// When the oldest that is not noted was seen.
    since: Option<Duration>,
}

struct Held {
    /// Where it was seen first.
    kafka_topic: Arc<str>,
    drift: Drift,
    is_noted: bool,
}

/// What one chunk means.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every drift of the chunk, the absence of columns included.
    pub drifts: Vec<Drift>,
    /// The drift for which the dataset has to stop.
    pub stop: Option<Drift>,
    /// Columns whose absence sends the chunk's rows to quarantine.
    pub refused: Vec<u16>,
}

impl Sightings {
    pub fn new(contract: Arc<Contract>) -> Self {
        let seen = vec![false; contract.columns.len()];
        let (admitted, held) = (BTreeSet::new(), BTreeMap::new());
        Self { contract, seen, admitted, held, since: None }
    }

    /// Sets which drifts a person has let pass.
    pub fn admit(&mut self, admitted: BTreeSet<(DriftKind, String)>) {
        self.admitted = admitted;
    }

    /// Judges a chunk of a kafka_topic against what came before it.
    pub fn look(&mut self, chunk: &ChunkDrift, kafka_topic: &str, now: Duration) -> Seen {
        let policy = self.contract.drift;
        let mut seen = Seen { drifts: chunk.found.clone(), ..Seen::default() };
        for &column in &chunk.absent {
            let Some(dropped) = self.dropped(column, chunk) else { continue };
            seen.drifts.push(dropped);
            if policy.dropped == OnDrift::Quarantine {
                seen.refused.push(column);
            }
        }
        let is_stop = |drift: &&Drift| {
            let key = (drift.kind, drift.field.to_string());
            policy.of(drift.kind) == OnDrift::Stop && !self.admitted.contains(&key)
        };
        seen.stop = seen.drifts.iter().find(is_stop).cloned();
        if seen.stop.is_none() && chunk.images > 0 {
            for (column, was_seen) in self.seen.iter_mut().enumerate() {
                *was_seen |= !chunk.absent.iter().any(|absent| usize::from(*absent) == column);
            }
        }
        for drift in &seen.drifts {
            self.hold(drift, kafka_topic, now);
        }
        seen
    }

    fn dropped(&self, column: u16, chunk: &ChunkDrift) -> Option<Drift> {
        let extent = chunk.extent.filter(|_| chunk.images >= IMAGES_MIN)?;
        let index = usize::from(column);
        let name = &self.contract.columns.get(index)?.name;
        self.seen.get(index).copied().unwrap_or(false).then(|| Drift {
            kind: DriftKind::Dropped,
            field: name.as_str().into(),
            count: chunk.images,
            partition: extent.partition,
            offset: extent.offset,
            first_ms: extent.first_ms,
            last_ms: extent.last_ms,
        })
    }

    fn hold(&mut self, drift: &Drift, kafka_topic: &str, now: Duration) {
        let key = (drift.kind, drift.field.clone());
        if let Some(held) = self.held.get_mut(&key) {
            held.drift.extend(drift);
            return;
        }
        if self.held.len() >= FIELDS_MAX {
            return;
        }
        let (dataset, policy) = (&self.contract.dataset, self.contract.drift.of(drift.kind));
        tracing::warn!(%dataset, kind = drift.kind.label(), field = %drift.field,
            policy = policy.label(), kafka_topic, partition = drift.partition,
            offset = drift.offset, "the source differs from its contract");
        let (kafka_topic, drift) = (kafka_topic.into(), drift.clone());
        self.held.insert(key, Held { kafka_topic, drift, is_noted: false });
        self.since.get_or_insert(now);
    }

    /// Drifts to be noted now; each is given once. `all`: without waiting for more of them.
    pub fn due(&mut self, now: Duration, all: bool) -> Vec<DriftNote> {
        let is_due = self.since.is_some_and(|since| all || now.saturating_sub(since) >= NOTE_AFTER);
        if !is_due {
            return Vec::new();
        }
        self.since = None;
        let contract = &self.contract;
        let mut notes = Vec::new();
        for held in self.held.values_mut().filter(|held| !held.is_noted) {
            held.is_noted = true;
            notes.push(DriftNote {
                dataset: Arc::clone(&contract.dataset),
                kafka_topic: Arc::clone(&held.kafka_topic),
                policy: contract.drift.of(held.drift.kind),
                drift: held.drift.clone(),
            });
        }
        notes
    }
}
