//! Membership of the consumer group: joined by a session, left in good order after it.
//!
//! A session only drops its source. Leaving the group takes a moment; a process that ended
//! without it would keep its partitions from the next one until the broker's session time-out.
//! So a dropped source comes back here and is closed before the next one is opened, and before
//! the process goes on.

use async_trait::async_trait;
use huiliu_kafka::KafkaSource;
use huiliu_model::port::{Source, SourceEvent};
use huiliu_model::{Error, Progress};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// A source that comes back when it is dropped.
pub struct Member {
    /// Present until the drop.
    source: Option<KafkaSource>,
    back: Sender<KafkaSource>,
}

/// Where dropped sources come back to.
pub struct Door {
    sender: Sender<KafkaSource>,
    returned: Receiver<KafkaSource>,
}

impl Default for Door {
    /// Sessions follow one another, so no more than one source is on its way back.
    fn default() -> Self {
        let (sender, returned) = mpsc::channel(1);
        Self { sender, returned }
    }
}

impl Door {
    /// Lends a source to a session.
    pub fn lend(&self, source: KafkaSource) -> Member {
        Member { source: Some(source), back: self.sender.clone() }
    }

    /// Closes what has come back, and waits until the group is left.
    pub async fn close(&mut self) {
        while let Ok(source) = self.returned.try_recv() {
            source.close().await;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            // Nobody waits any more: dropping the source leaves the group as well, only later.
            let _ = self.back.try_send(source);
        }
    }
}

#[async_trait]
impl Source for Member {
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error> {
        match &mut self.source {
            Some(source) => source.next().await,
            None => Ok(None),
        }
    }

    fn durable(&self, progress: &Progress) {
        if let Some(source) = &self.source {
            source.durable(progress);
        }
    }

    fn pause(&self, dataset: &str) {
        if let Some(source) = &self.source {
            source.pause(dataset);
        }
    }

    fn hold(&self, dataset: &str) {
        if let Some(source) = &self.source {
            source.hold(dataset);
        }
    }

    fn release(&self, dataset: &str) {
        if let Some(source) = &self.source {
            source.release(dataset);
        }
    }

    fn resume(&self, dataset: &str) {
        if let Some(source) = &self.source {
            source.resume(dataset);
        }
    }
}
