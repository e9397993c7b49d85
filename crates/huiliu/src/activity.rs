//! What a process does at this moment, and how its subject tables follow, for the status page.
//!
//! Nothing here decides anything: workers say what they begin, and a guard takes it back when they
//! end or are dropped. The bound is the number of workers and of declared tables.

use huiliu_model::Clock;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Kind of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Fold,
    Refresh,
    Maintain,
}

/// A piece of work under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doing {
    pub work: Work,
    /// The dataset or table.
    pub what: String,
    pub seconds: u64,
}

/// How a subject table follows its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Following {
    /// It shows everything that has landed.
    Current,
    /// Something landed that it does not show, seen first at this monotonic time.
    Behind { since: Duration },
    /// It keeps an old version, and why.
    Failed { since: Duration, outcome: &'static str, why: String },
}

/// The notes of one process. Cheap to clone.
#[derive(Clone)]
pub struct Activity {
    clock: Arc<dyn Clock>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    next: u64,
    doing: BTreeMap<u64, (Work, String, Duration)>,
    tables: BTreeMap<String, Following>,
}

/// Takes a piece of work back when it is dropped.
pub struct Guard {
    activity: Activity,
    number: u64,
}

impl Activity {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, notes: Arc::default() }
    }

    /// Notes a piece of work for as long as the guard lives.
    pub fn begin(&self, work: Work, what: impl Into<String>) -> Guard {
        let (what, now) = (what.into(), self.clock.monotonic());
        let number = self.with(|notes| {
            notes.next += 1;
            notes.doing.insert(notes.next, (work, what, now));
            notes.next
        });
        Guard { activity: self.clone(), number }
    }

    /// Notes whether a table shows everything that has landed. A failure stays until it does.
    pub fn follows(&self, table: &str, is_current: bool) {
        let now = self.clock.monotonic();
        self.with(|notes| {
            if is_current {
                notes.tables.insert(table.to_owned(), Following::Current);
                return;
            }
            let entry = notes.tables.entry(table.to_owned()).or_insert(Following::Current);
            if *entry == Following::Current {
                *entry = Following::Behind { since: now };
            }
        });
    }

    /// Notes that a table keeps an old version.
    pub fn failed(&self, table: &str, outcome: &'static str, why: String) {
        let now = self.clock.monotonic();
        self.with(|notes| {
            let since = match notes.tables.get(table) {
                Some(Following::Behind { since } | Following::Failed { since, .. }) => *since,
                _ => now,
            };
            notes.tables.insert(table.to_owned(), Following::Failed { since, outcome, why });
        });
    }

    /// Forgets the tables: another process refreshes them.
    pub fn leave_tables(&self) {
        self.with(|notes| notes.tables.clear());
    }

    /// What is under way, the oldest first.
    pub fn doing(&self) -> Vec<Doing> {
        let now = self.clock.monotonic();
        self.with(|notes| {
            let told = |(work, what, since): &(Work, String, Duration)| Doing {
                work: *work,
                what: what.clone(),
                seconds: now.saturating_sub(*since).as_secs(),
            };
            notes.doing.values().map(told).collect()
        })
    }

    /// How each table follows, as far as this process knows.
    pub fn tables(&self) -> BTreeMap<String, Following> {
        self.with(|notes| notes.tables.clone())
    }

    /// This process' monotonic time, by which the notes are dated.
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Notes) -> T) -> T {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.activity.with(|notes| notes.doing.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installation::clock;

    #[test]
    fn work_is_there_while_its_guard_lives() {
        let activity = Activity::new(clock());
        let fold = activity.begin(Work::Fold, "water_bill");
        let refresh = activity.begin(Work::Refresh, "a.b");
        drop(fold);
        let doing = activity.doing();
        assert_eq!(doing.len(), 1);
        assert_eq!((doing[0].work, doing[0].what.as_str()), (Work::Refresh, "a.b"));
        drop(refresh);
        assert_eq!(activity.doing(), []);
    }

    #[test]
    fn a_failure_stays_until_the_table_is_current() {
        let activity = Activity::new(clock());
        activity.follows("a.b", false);
        activity.failed("a.b", "check_failed", "3 rows".into());
        activity.follows("a.b", false);
        assert!(matches!(activity.tables()["a.b"], Following::Failed { .. }));
        activity.follows("a.b", true);
        assert_eq!(activity.tables()["a.b"], Following::Current);
    }
}
