//! Time as an input, so that a test can set it and a seed replays a run.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wait; it may be dropped before its end.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Source of wall-clock and monotonic time, and of waits.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since 1970 UTC, for stamps in tables.
    fn now_us(&self) -> i64;
    /// Time since an arbitrary fixed point; never goes back. Ages and time-outs use this.
    fn monotonic(&self) -> Duration;
    /// Ends when this much time has passed. By the machine's own time, unless a clock has another.
    fn sleep(&self, span: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(span))
    }
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
