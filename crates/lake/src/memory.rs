//! How much memory the lake's own work may take, as shares of the limit of the process.

use crate::room::Room;
use huiliu_model::usage::{Held, Usage};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Where nothing is said: folds and sessions take what they would take at most.
const LIMIT_BYTES: u64 = 4 << 30;
/// Parts of the limit: a fold's, that of the lake's own questions to its tables, a query's.
const FOLD_PART: u64 = 8;
const SESSION_PART: u64 = 4;
const QUERY_PART: u64 = 2;
/// What is kept of the footers of files.
pub(crate) const FOOTER_PART: u64 = 32;
const FOOTER_BYTES_MAX: u64 = 64 << 20;

/// The limit, shared by everything that is opened on one lake.
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Shared>,
    /// For what does not fit.
    pub room: Room,
}

#[derive(Debug)]
struct Shared {
    limit_bytes: AtomicU64,
    /// Where it is counted what folds hold.
    folds: OnceLock<Arc<Usage>>,
}

impl Default for Memory {
    fn default() -> Self {
        let limit_bytes = AtomicU64::new(LIMIT_BYTES);
        let shared = Arc::new(Shared { limit_bytes, folds: OnceLock::new() });
        Self { shared, room: Room::default() }
    }
}

impl Memory {
    pub fn limit_to(&self, bytes: u64) {
        self.shared.limit_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Counts what folds hold from now on; who counts first stays.
    pub fn count_folds(&self, usage: Arc<Usage>) {
        let _ = self.shared.folds.set(usage);
    }

    /// A fold holds these bytes while the guard lives.
    pub fn holding(&self, bytes: usize) -> Held {
        self.shared.folds.get_or_init(Arc::default).holding(bytes)
    }

    /// What a fold may hold.
    pub fn fold_bytes(&self) -> u64 {
        self.shared.limit_bytes.load(Ordering::Relaxed) / FOLD_PART
    }

    /// What footers of files may take that are kept.
    pub fn footer_bytes(&self) -> u64 {
        (self.shared.limit_bytes.load(Ordering::Relaxed) / FOOTER_PART).min(FOOTER_BYTES_MAX)
    }

    /// The pool of the lake's own session that would have `wanted` bytes.
    pub fn session_bytes(&self, wanted: usize) -> usize {
        self.at_most(wanted, SESSION_PART)
    }

    /// The pool of a session of somebody who asks.
    pub fn query_bytes(&self, wanted: usize) -> usize {
        self.at_most(wanted, QUERY_PART)
    }

    fn at_most(&self, wanted: usize, part: u64) -> usize {
        let share = self.shared.limit_bytes.load(Ordering::Relaxed) / part;
        wanted.min(usize::try_from(share).unwrap_or(usize::MAX))
    }
}
