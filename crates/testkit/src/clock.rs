//! A clock that a test sets.

use huiliu_model::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Stands still until it is moved.
#[derive(Debug, Default)]
pub struct HandClock {
    micros: AtomicI64,
}

impl HandClock {
    pub fn at(micros: i64) -> Self {
        Self { micros: AtomicI64::new(micros) }
    }

    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now_us(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.now_us().unsigned_abs())
    }
}
