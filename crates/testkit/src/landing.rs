//! A landing in memory with the laws of a real one.

use async_trait::async_trait;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, Error, ErrorKind, Partition, Progress};
use std::collections::VecDeque;
use std::sync::Mutex;

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
}

impl MemoryLanding {
    pub fn failing(failures: impl IntoIterator<Item = Option<Failure>>) -> Self {
        let inner = Inner { failures: failures.into_iter().collect(), ..Inner::default() };
        Self { inner: Mutex::new(inner) }
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.inner.lock().expect("no test panics while holding it").batches.clone()
    }

    pub fn recorded(&self) -> Progress {
        self.inner.lock().expect("no test panics while holding it").progress.clone()
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
        let mut inner = self.inner.lock().expect("no test panics while holding it");
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
        Ok(Landed { table_version, file_bytes: 0, already })
    }
}
