//! A landing in memory with the laws of a real one.

use async_trait::async_trait;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, DriftNote, Error, ErrorKind, Partition, Progress};
use huiliu_model::{Standing, Stop, StopReason};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

/// What happens to one attempt to land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is stored.
    Unavailable,
    /// The batch is stored but the answer is lost.
    AnswerLost,
    /// Someone else moved the progress on.
    Superseded,
}

/// Keeps batches and progress; fails as told, one entry per attempt.
#[derive(Debug, Default)]
pub struct MemoryLanding {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    progress: Progress,
    batches: Vec<Batch>,
    failures: VecDeque<Option<Failure>>,
    standings: BTreeMap<String, Standing>,
    notes: Vec<DriftNote>,
}

impl MemoryLanding {
    pub fn failing(failures: impl IntoIterator<Item = Option<Failure>>) -> Self {
        let inner = Inner { failures: failures.into_iter().collect(), ..Inner::default() };
        Self { inner: Mutex::new(inner) }
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.inner().batches.clone()
    }

    pub fn recorded(&self) -> Progress {
        self.inner().progress.clone()
    }

    /// Drifts that were noted, in order.
    pub fn notes(&self) -> Vec<DriftNote> {
        self.inner().notes.clone()
    }

    /// What a person does: the dataset goes on, and the drift that stopped it is admitted.
    pub fn resolve(&self, dataset: &str) {
        let mut inner = self.inner();
        let standing = inner.standings.entry(dataset.to_owned()).or_default();
        if let Some(Stop { reason: StopReason::Drift(kind), field: Some(field), .. }) =
            standing.stop.take()
        {
            standing.admitted.insert((kind, field));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while holding it")
    }
}

#[async_trait]
impl Landing for MemoryLanding {
    async fn progress(&self, _: &str, partitions: &[Partition]) -> Result<Progress, Error> {
        let all = self.recorded();
        let known = partitions.iter().filter_map(|p| Some((p.clone(), all.get(p)?)));
        Ok(Progress(known.collect()))
    }

    async fn land(&self, batch: &Batch) -> Result<Landed, Error> {
        batch.check_balance().map_err(|why| Error::new(ErrorKind::Bug, why))?;
        let mut inner = self.inner();
        let failure = inner.failures.pop_front().flatten();
        match failure {
            Some(Failure::Unavailable) => {
                return Err(Error::new(ErrorKind::Unavailable, "scripted"));
            }
            Some(Failure::Superseded) => {
                return Err(Error::new(ErrorKind::Superseded, "scripted"));
            }
            Some(Failure::AnswerLost) | None => {}
        }
        let recorded = |p: &Partition| inner.progress.get(p);
        let already = batch.covers.0.iter().all(|(p, r)| recorded(p) == Some(r.end));
        if !already {
            let ours = |(p, r): (&Partition, &std::ops::Range<i64>)| {
                recorded(p).is_none_or(|n| n == r.start)
            };
            if !batch.covers.0.iter().all(ours) {
                return Err(Error::new(ErrorKind::Superseded, "progress is elsewhere"));
            }
            for (partition, range) in &batch.covers.0 {
                inner.progress.set(partition.clone(), range.end);
            }
            inner.batches.push(batch.clone());
        }
        if failure == Some(Failure::AnswerLost) {
            return Err(Error::new(ErrorKind::Unavailable, "answer lost"));
        }
        let table_version = i64::try_from(inner.batches.len()).unwrap_or(i64::MAX);
        let stopped = inner.standings.get(&*batch.dataset).is_some_and(|s| s.stop.is_some());
        Ok(Landed { table_version, file_bytes: 0, already, stopped })
    }

    async fn standing(&self, dataset: &str) -> Result<Standing, Error> {
        Ok(self.inner().standings.get(dataset).cloned().unwrap_or_default())
    }

    async fn stop(&self, stop: &Stop) -> Result<(), Error> {
        let mut inner = self.inner();
        let standing = inner.standings.entry(stop.dataset.to_string()).or_default();
        standing.stop.get_or_insert_with(|| stop.clone());
        Ok(())
    }

    async fn note_drift(&self, notes: &[DriftNote]) -> Result<(), Error> {
        self.inner().notes.extend_from_slice(notes);
        Ok(())
    }
}
