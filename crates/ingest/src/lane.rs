//! The lane of one dataset: its open batch, and whether it goes on.
//!
//! ```text
//!            limit passed, drift               landed, nothing open          recorded
//!  Going ───────────────────────► Stopping ─────────────────► Recording ─────────────► Stopped
//!    ▲  │                                                                              ▲   │
//!    │  └──── found recorded: at an assignment, or beside a commit ────────────────────┘   │
//!    └──────────── read again from recorded progress ◄──── Resuming ◄──── resolved ────────┘
//! ```
//!
//! Records that come while a lane does not go, and chunks that were being prepared when it
//! stopped, are dropped: progress has not passed them, so they are read again.

use crate::backwards::Backwards;
use crate::batcher::{Batcher, Loaded};
use crate::breaker::Window;
use crate::session::Waiting;
use crate::sightings::Sightings;
use huiliu_model::{Contract, Stop};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a stopped dataset is looked at, to go on soon after it was resolved.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Whether a dataset goes on.
#[derive(Debug)]
pub enum Phase {
    Going,
    /// What was prepared lands before the stop is recorded.
    Stopping(Stop),
    Recording(Stop),
    Stopped {
        stop: Stop,
        /// When its standing was asked for last.
        looked: Duration,
    },
    /// Resolved; the source has yet to say from where it reads.
    Resuming,
}

pub struct Lane {
    pub contract: Arc<Contract>,
    pub batcher: Batcher,
    pub queue: mpsc::Sender<Loaded>,
    /// Batches handed to the lander and not yet reported.
    pub landing: usize,
    pub phase: Phase,
    /// Raised by each stop: chunks of an earlier one are dropped.
    pub generation: u64,
    pub window: Option<Window>,
    pub sightings: Sightings,
    pub waiting: Waiting,
    pub backwards: Backwards,
}

impl Lane {
    pub fn new(contract: Arc<Contract>, queue: mpsc::Sender<Loaded>) -> Self {
        Self {
            batcher: Batcher::new(Arc::clone(&contract)),
            window: contract.stop_if.map(Window::new),
            sightings: Sightings::new(Arc::clone(&contract)),
            waiting: Waiting::default(),
            backwards: Backwards::default(),
            contract,
            queue,
            landing: 0,
            phase: Phase::Going,
            generation: 0,
        }
    }

    pub fn goes(&self) -> bool {
        matches!(self.phase, Phase::Going)
    }

    /// A stop was decided that is not recorded yet.
    pub fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping(_) | Phase::Recording(_))
    }

    /// Gives the open batch to the lander if it is free.
    pub fn offer(&mut self) {
        if self.landing > 0 {
            return;
        }
        if let Some(loaded) = self.batcher.take()
            && self.queue.try_send(loaded).is_ok()
        {
            self.landing += 1;
        }
    }

    /// Leaves what is being prepared behind and takes nothing more.
    pub fn halt(&mut self, phase: Phase) {
        self.generation += 1;
        self.phase = phase;
    }

    /// The stop to record, once everything that was prepared has landed.
    pub fn stop_to_record(&self) -> Option<&Stop> {
        match &self.phase {
            Phase::Stopping(stop) if self.landing == 0 && !self.batcher.is_open() => Some(stop),
            _ => None,
        }
    }

    /// Whether it is time to ask whether a stopped dataset was resolved; then it is asked.
    pub fn look_is_due(&mut self, now: Duration) -> bool {
        match &mut self.phase {
            Phase::Stopped { looked, .. } if now.saturating_sub(*looked) >= LOOK_EVERY => {
                *looked = now;
                true
            }
            _ => false,
        }
    }

    /// Begins anew after a stop: with an empty window.
    pub fn begin_again(&mut self) {
        self.window = self.contract.stop_if.map(Window::new);
        self.phase = Phase::Resuming;
    }
}
