//! Time that passes only when nobody has anything to do.
//!
//! The runtime has one thread. When it is about to park, [`VirtualTime::pass`] fires the next
//! timer instead, so a minute of waiting takes no time and the order of events is that of the
//! seed.

use crate::life::Life;
use huiliu_model::Clock;
use huiliu_model::clock::Sleep;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// When a history begins, microseconds since 1970 UTC: 2020-09-13T12:26:40Z.
pub const BEGIN_US: i64 = 1_600_000_000_000_000;

#[derive(Debug, Default)]
pub struct VirtualTime(Mutex<Timers>);

#[derive(Debug, Default)]
struct Timers {
    now_us: i64,
    /// Time that passed in leaps, in which nobody did anything.
    leaped_us: i64,
    next: u64,
    waiting: BTreeMap<(i64, u64), Waker>,
}

impl VirtualTime {
    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since 1970 UTC.
    pub fn now_us(&self) -> i64 {
        let timers = self.timers();
        BEGIN_US + timers.now_us + timers.leaped_us
    }

    /// So much time passes at once, as if every machine had slept.
    pub fn leap(&self, span: Duration) {
        self.timers().leaped_us += i64::try_from(span.as_micros()).unwrap_or(0);
    }

    /// Fires the next timer.
    ///
    /// # Panics
    /// When there is none: nothing could ever go on.
    pub fn pass(&self) {
        let waker = {
            let mut timers = self.timers();
            let next = timers.waiting.pop_first();
            let ((at, _), waker) = next.expect("somebody waits for time to pass");
            timers.now_us = timers.now_us.max(at);
            waker
        };
        waker.wake();
    }

    pub fn sleep(self: &Arc<Self>, span: Duration) -> Timer {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4);
        let until_us = self.timers().now_us.saturating_add(span);
        Timer { time: Arc::clone(self), until_us, place: None }
    }
}

/// Ends when its time has come.
#[derive(Debug)]
pub struct Timer {
    time: Arc<VirtualTime>,
    until_us: i64,
    place: Option<(i64, u64)>,
}

impl Timer {
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.time.timers().waiting.remove(&place);
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.leave();
        let time = Arc::clone(&self.time);
        let mut timers = time.timers();
        if timers.now_us >= self.until_us {
            return Poll::Ready(());
        }
        let place = (self.until_us, timers.next);
        timers.next += 1;
        timers.waiting.insert(place, context.waker().clone());
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The clock of one process: its wall clock may be wrong, and nothing ends while it is frozen.
#[derive(Debug)]
pub struct ProcessClock {
    pub time: Arc<VirtualTime>,
    pub life: Arc<Life>,
    pub wrong_by_us: AtomicI64,
}

impl Clock for ProcessClock {
    fn now_us(&self) -> i64 {
        self.time.now_us() + self.wrong_by_us.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.time.now_us().unsigned_abs())
    }

    fn sleep(&self, span: Duration) -> Sleep {
        let (timer, life) = (self.time.sleep(span), Arc::clone(&self.life));
        Box::pin(async move {
            timer.await;
            life.gate().await;
        })
    }
}
