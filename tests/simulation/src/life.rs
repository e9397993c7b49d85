//! Whether a process runs, stands still or is dead.

use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    /// As after SIGSTOP: nothing ends until it is woken.
    Frozen,
    /// As after SIGKILL: nothing ends any more.
    Dead,
}

/// The life of one process. What crosses a port passes [`Life::gate`] before and after.
#[derive(Debug)]
pub struct Life {
    state: Mutex<State>,
    /// Wakes in the order of waiting; a watch channel wakes by chance, and no run repeats.
    woken: Notify,
}

impl Default for Life {
    fn default() -> Self {
        Self { state: Mutex::new(State::Running), woken: Notify::new() }
    }
}

impl Life {
    pub fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, state: State) {
        // The dead stay dead.
        if self.state() != State::Dead {
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
            self.woken.notify_waiters();
        }
    }

    /// Ends at once while the process runs, when it is woken, or never.
    pub async fn gate(&self) {
        loop {
            let woken = self.woken.notified();
            if self.state() == State::Running {
                return;
            }
            woken.await;
        }
    }
}
