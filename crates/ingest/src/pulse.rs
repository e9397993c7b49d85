//! Whether ingestion makes turns, for whoever watches over the process.
//!
//! The loop of a session beats at each turn, a lander before each attempt: a store that is away
//! for an hour is waited for and does not silence it. Between sessions it rests, which is no
//! silence either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When ingestion last did something.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Milliseconds of the monotonic clock plus one; 0 while no session is open.
    beaten_at: AtomicU64,
}

impl Pulse {
    pub(crate) fn beat(&self, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1);
        self.beaten_at.store(millis + 1, Ordering::Relaxed);
    }

    pub(crate) fn rest(&self) {
        self.beaten_at.store(0, Ordering::Relaxed);
    }

    /// How long an open session has made no turn; zero while none is open.
    pub fn silent_for(&self, now: Duration) -> Duration {
        match self.beaten_at.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            at => now.saturating_sub(Duration::from_millis(at - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_last_beat_and_only_while_a_session_is_open() {
        let (pulse, at) = (Pulse::default(), Duration::from_secs);
        assert_eq!(pulse.silent_for(at(90)), Duration::ZERO);
        pulse.beat(Duration::ZERO);
        assert_eq!(pulse.silent_for(at(90)), at(90));
        pulse.beat(at(100));
        assert_eq!(pulse.silent_for(at(90)), Duration::ZERO, "a clock that was read before");
        pulse.rest();
        assert_eq!(pulse.silent_for(at(900)), Duration::ZERO);
    }
}
