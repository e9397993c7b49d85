//! A broker in memory: topics with partitions, and consumer groups that rebalance.
//!
//! A partition is a list of entries from offset 0 on, of which retention takes the oldest away. A
//! group deals its partitions out to its members. Eagerly, a change makes every member give up all
//! it has; cooperatively, only what another is to have. A partition goes to its next owner when
//! the last one has given it up, or was expelled.

use crate::plan::Lie;
use huiliu_model::Partition;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// What lies at an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The bytes, and what they are meant to be.
    Record(Option<String>, Meaning),
    /// A control record, or one that compaction took.
    Gap,
}

/// What whoever wrote a record meant by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    Change {
        op: char,
        seq: i64,
        key: String,
        /// The key before, where an update changes it.
        key_before: Option<String>,
        status: String,
    },
    Bad,
    Tombstone,
}

/// One partition.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Everything ever written, also what retention took away.
    pub entries: Vec<Entry>,
    /// The first offset that can be read.
    pub start: i64,
    /// Every value that `start` had.
    pub starts: Vec<i64>,
    /// The topic was made anew, empty: none of the entries can be read.
    pub is_made_anew: bool,
}

impl Log {
    pub fn end(&self) -> i64 {
        if self.is_made_anew { 0 } else { self.written() }
    }

    pub fn written(&self) -> i64 {
        i64::try_from(self.entries.len()).expect("few entries")
    }

    pub fn available(&self) -> Range<i64> {
        if self.is_made_anew { 0..0 } else { self.start..self.end() }
    }
}

#[derive(Debug, Default)]
struct Group {
    /// Members in the order in which they joined.
    members: Vec<u64>,
    owners: BTreeMap<Partition, u64>,
    /// Generation of the group, and that of each member that gave everything up for it.
    generation: u64,
    seen: BTreeMap<u64, u64>,
    is_eager: bool,
    /// Moves the deal on.
    turn: usize,
}

impl Group {
    fn target(&self, partitions: &[Partition]) -> BTreeMap<Partition, u64> {
        let count = self.members.len();
        let dealt = partitions.iter().enumerate();
        dealt
            .filter_map(|(at, partition)| {
                let to = (at + self.turn).checked_rem(count)?;
                Some((partition.clone(), *self.members.get(to)?))
            })
            .collect()
    }

    fn change(&mut self, is_eager: bool) {
        self.is_eager = is_eager;
        if is_eager {
            self.generation += 1;
        }
    }
}

#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<Partition, Log>,
    groups: BTreeMap<u64, Group>,
    members: u64,
}

/// What a member has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Errand {
    GiveUp(Vec<Partition>),
    Take(Vec<Partition>),
    /// The group goes on without this member.
    Expelled,
    Nothing,
}

#[derive(Debug, Default)]
pub struct Broker {
    state: Mutex<State>,
    changed: Notify,
    lie: Option<Lie>,
    delivered: AtomicU64,
}

impl Broker {
    pub fn new(lie: Option<Lie>) -> Self {
        Self { lie, ..Self::default() }
    }

    /// An entry as it is delivered.
    fn deliver(&self, entry: &Entry) -> Entry {
        let (Some(lie), Entry::Record(Some(text), meaning @ Meaning::Change { .. })) =
            (self.lie, entry)
        else {
            return entry.clone();
        };
        let number = self.delivered.fetch_add(1, Ordering::Relaxed) + 1;
        match lie {
            Lie::RecordLost(every) if number.is_multiple_of(every) => Entry::Gap,
            Lie::RecordAltered(every) if number.is_multiple_of(every) => {
                let text = text.replace(r#""status":"s"#, r#""status":"x"#);
                Entry::Record(Some(text), meaning.clone())
            }
            _ => entry.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.notify_waiters();
    }

    /// Becomes ready when anything changes from now on.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub fn add_partition(&self, partition: Partition) {
        let mut state = self.state();
        state.logs.entry(partition).or_default();
        state.groups.values_mut().for_each(|group| group.change(false));
        drop(state);
        self.tell();
    }

    /// Appends an entry; one that was made anew takes none.
    pub fn append(&self, partition: &Partition, entry: Entry) {
        if let Some(log) = self.state().logs.get_mut(partition).filter(|l| !l.is_made_anew) {
            log.entries.push(entry);
        }
        self.tell();
    }

    /// Retention takes everything before this offset away.
    pub fn expire(&self, partition: &Partition, before: i64) {
        if let Some(log) = self.state().logs.get_mut(partition) {
            log.start = log.start.max(before.min(log.written()));
            log.starts.push(log.start);
        }
        self.tell();
    }

    pub fn make_anew(&self, partition: &Partition) {
        if let Some(log) = self.state().logs.get_mut(partition) {
            log.is_made_anew = true;
        }
        self.tell();
    }

    pub fn logs(&self) -> BTreeMap<Partition, Log> {
        self.state().logs.clone()
    }

    pub fn available(&self, partition: &Partition) -> Range<i64> {
        self.state().logs.get(partition).map_or(0..0, Log::available)
    }

    /// Entries from an offset on, at most so many.
    pub fn read(&self, partition: &Partition, from: i64, count: usize) -> Vec<Entry> {
        let state = self.state();
        let Some(log) = state.logs.get(partition) else { return Vec::new() };
        let from = usize::try_from(from).expect("offsets are not negative");
        log.entries.iter().skip(from).take(count).map(|entry| self.deliver(entry)).collect()
    }

    pub fn join(&self, group: u64, is_eager: bool) -> u64 {
        let mut state = self.state();
        state.members += 1;
        let member = state.members;
        let group = state.groups.entry(group).or_default();
        group.members.push(member);
        group.change(is_eager);
        drop(state);
        self.tell();
        member
    }

    /// A member leaves in good order, or is expelled: what it has is free.
    pub fn remove(&self, group: u64, member: u64, is_eager: bool) {
        let mut state = self.state();
        if let Some(group) = state.groups.get_mut(&group)
            && group.members.contains(&member)
        {
            group.members.retain(|other| *other != member);
            group.owners.retain(|_, owner| *owner != member);
            group.change(is_eager);
        }
        drop(state);
        self.tell();
    }

    /// Deals the partitions out anew.
    pub fn rebalance(&self, group: u64, is_eager: bool) {
        let mut state = self.state();
        if let Some(group) = state.groups.get_mut(&group) {
            group.turn += 1;
            group.change(is_eager);
        }
        drop(state);
        self.tell();
    }

    pub fn members(&self, group: u64) -> Vec<u64> {
        self.state().groups.get(&group).map(|group| group.members.clone()).unwrap_or_default()
    }

    /// What the member, which holds these partitions, has to do.
    pub fn errand(&self, group: u64, member: u64, held: &BTreeSet<Partition>) -> Errand {
        let mut state = self.state();
        let partitions: Vec<Partition> = state.logs.keys().cloned().collect();
        let Some(group) = state.groups.get_mut(&group) else { return Errand::Expelled };
        if !group.members.contains(&member) {
            return Errand::Expelled;
        }
        let target = group.target(&partitions);
        let mine = |partition: &Partition| target.get(partition) == Some(&member);
        let behind = group.seen.get(&member).is_none_or(|seen| *seen < group.generation);
        let gives: Vec<Partition> = held.iter().filter(|p| behind || !mine(p)).cloned().collect();
        if !gives.is_empty() {
            return Errand::GiveUp(gives);
        }
        group.seen.insert(member, group.generation);
        let free = |p: &Partition| group.owners.get(p).is_none_or(|owner| *owner == member);
        let takes: Vec<Partition> =
            partitions.into_iter().filter(|p| mine(p) && !held.contains(p) && free(p)).collect();
        if takes.is_empty() {
            return Errand::Nothing;
        }
        group.owners.extend(takes.iter().map(|p| (p.clone(), member)));
        Errand::Take(takes)
    }

    /// The member has given these up.
    pub fn given_up(&self, group: u64, member: u64, partitions: &[Partition]) {
        let mut state = self.state();
        if let Some(group) = state.groups.get_mut(&group) {
            for partition in partitions {
                if group.owners.get(partition) == Some(&member) {
                    group.owners.remove(partition);
                }
            }
        }
        drop(state);
        self.tell();
    }

    /// Whether this member has every partition.
    pub fn has_all(&self, group: u64, member: u64) -> bool {
        let state = self.state();
        let Some(group) = state.groups.get(&group) else { return false };
        state.logs.keys().all(|p| group.owners.get(p) == Some(&member))
    }
}
