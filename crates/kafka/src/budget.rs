//! The byte budget of a source: what was handed over and is still held.
//!
//! Bytes are taken as records are copied and given back when the holder drops the lease. A
//! single record may pass the limit, or it could never be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit: limit.max(1) })
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.used() >= self.limit
    }

    /// Half is free again: the point where reading goes on, apart from the point where it
    /// stopped so that it does not flutter.
    pub(crate) fn has_recovered(&self) -> bool {
        self.used() <= self.limit / 2
    }

    pub(crate) fn lease(self: &Arc<Self>, bytes: usize) -> Lease {
        Lease { budget: Arc::clone(self), bytes }
    }
}

/// Gives its bytes back when it is dropped. They were taken before.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_at_the_limit_and_goes_on_at_half() {
        let budget = Budget::new(100);
        budget.take(60);
        let first = budget.lease(60);
        budget.take(45);
        let second = budget.lease(45);
        assert!(budget.is_exhausted());
        drop(second);
        assert!(!budget.is_exhausted());
        assert!(!budget.has_recovered(), "60 of 100 are held");
        drop(first);
        assert!(budget.has_recovered());
        assert_eq!(budget.used(), 0);
    }
}
