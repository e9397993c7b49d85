//! Whether a process runs, stands still or is dead.

use tokio::sync::watch;

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
    state: watch::Sender<State>,
}

impl Default for Life {
    fn default() -> Self {
        Self { state: watch::Sender::new(State::Running) }
    }
}

impl Life {
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    pub fn set(&self, state: State) {
        // The dead stay dead.
        if self.state() != State::Dead {
            self.state.send_replace(state);
        }
    }

    /// Ends at once while the process runs, when it is woken, or never.
    pub async fn gate(&self) {
        let mut state = self.state.subscribe();
        // The sender is ours, so the channel is open.
        let _ = state.wait_for(|state| *state == State::Running).await;
    }
}
