//! The clerk: what is written and read beside the batches, so that no loop waits for it.
//!
//! Stops and notes are written as batches are: an unavailable store is waited for. A look at a
//! standing is read once; who asked asks again later.

use crate::patience::Patience;
use huiliu_model::port::Landing;
use huiliu_model::{Clock, DriftNote, Error, Standing, Stop};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// One thing to do.
#[derive(Debug)]
pub enum Errand {
    Stop(Stop),
    Note(Vec<DriftNote>),
    Look(Arc<str>),
}

/// What became of it.
#[derive(Debug)]
pub enum Report {
    Stopped(Arc<str>, Result<(), Error>),
    Noted(Result<(), Error>),
    Standing(Arc<str>, Result<Standing, Error>),
}

pub struct Clerk<L> {
    pub landing: Arc<L>,
    pub clock: Arc<dyn Clock>,
    pub give_up: CancellationToken,
}

impl<L: Landing> Clerk<L> {
    /// Does what comes, one after the other, until nobody asks any more.
    pub async fn run(self, mut errands: mpsc::Receiver<Errand>, done: mpsc::Sender<Report>) {
        while let Some(errand) = errands.recv().await {
            let report = self.run_errand(errand).await;
            if done.send(report).await.is_err() {
                return;
            }
        }
    }

    async fn run_errand(&self, errand: Errand) -> Report {
        match errand {
            Errand::Stop(stop) => {
                let result = self.stop(&stop).await;
                Report::Stopped(Arc::clone(&stop.dataset), result)
            }
            Errand::Note(notes) => Report::Noted(self.note(&notes).await),
            Errand::Look(dataset) => {
                let standing = self.landing.standing(&dataset).await;
                Report::Standing(dataset, standing)
            }
        }
    }

    async fn stop(&self, stop: &Stop) -> Result<(), Error> {
        let mut patience = Patience::new(self.clock.as_ref(), &self.give_up);
        loop {
            match self.landing.stop(stop).await {
                Err(e) => patience.outlast(e, "recording a stop", &stop.dataset).await?,
                done => return done,
            }
        }
    }

    async fn note(&self, notes: &[DriftNote]) -> Result<(), Error> {
        let dataset = notes.first().map_or("", |note| &*note.dataset);
        let mut patience = Patience::new(self.clock.as_ref(), &self.give_up);
        loop {
            match self.landing.note_drift(notes).await {
                Err(e) => patience.outlast(e, "noting drift", dataset).await?,
                done => return done,
            }
        }
    }
}
