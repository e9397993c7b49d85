//! What a piece of the process holds of its share of the memory, and what it wrote to disk because
//! that was too little. Counted here, told elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that everything of one kind shares: all refreshes, all folds.
#[derive(Debug, Default)]
pub struct Usage {
    held_bytes: AtomicU64,
    spilled_bytes: AtomicU64,
}

impl Usage {
    /// Memory was taken; [`Usage::release`] takes it back.
    pub fn hold(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn release(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Takes memory for as long as the guard lives.
    pub fn holding(self: &Arc<Self>, bytes: usize) -> Held {
        self.hold(bytes);
        Held { usage: Arc::clone(self), bytes }
    }

    /// Bytes were written to disk for want of memory.
    pub fn spilled(&self, bytes: usize) {
        self.spilled_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes held now.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// Bytes written to disk so far.
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled_bytes.load(Ordering::Relaxed)
    }
}

/// Gives memory back when it is dropped.
#[derive(Debug)]
pub struct Held {
    usage: Arc<Usage>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.usage.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guard_holds_is_given_back_and_what_was_spilled_adds_up() {
        let usage = Arc::new(Usage::default());
        let first = usage.holding(70);
        let second = usage.holding(30);
        assert_eq!(usage.held_bytes(), 100);
        drop(first);
        assert_eq!(usage.held_bytes(), 30);
        drop(second);
        usage.spilled(5);
        usage.spilled(6);
        assert_eq!((usage.held_bytes(), usage.spilled_bytes()), (0, 11));
    }
}
