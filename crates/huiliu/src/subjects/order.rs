//! Which tables one round of refreshes takes, so that a long build holds up no other table.
//!
//! A table whose last refresh built it in full and took long is slow. A round refreshes every
//! table that waits and is not slow, then one slow table, with the tables that read it. The next
//! round begins anew: a table that waits and is not slow comes after one long build at most,
//! however many slow ones there are. Slow tables take turns. Inputs come before what reads them,
//! as in the order of all tables.

use huiliu_spec::TableSpec;
use huiliu_subject::Way;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// From here on a build in full is long: a fifth of the freshness that is aimed at.
const LONG: Duration = Duration::from_secs(1);

/// Slow tables, and in which turn each was refreshed last.
#[derive(Default)]
pub struct Slow {
    turns: BTreeMap<String, u64>,
    turn: u64,
}

impl Slow {
    /// Notes how a refresh went.
    pub fn note(&mut self, table: &str, way: Way, took: Duration) {
        self.turn += 1;
        if way == Way::Full && took >= LONG {
            self.turns.insert(table.to_owned(), self.turn);
        } else {
            self.turns.remove(table);
        }
    }

    /// Tables of one round among those that wait, in build order; whether any is put off.
    pub fn round<'a>(&self, waiting: &[&'a TableSpec]) -> (Vec<&'a TableSpec>, bool) {
        let (mut round, mut put_off): (Vec<&TableSpec>, Vec<&TableSpec>) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        for table in waiting {
            if self.turns.contains_key(&table.full_name()) || reads(table, &names) {
                names.insert(table.full_name());
                put_off.push(table);
            } else {
                round.push(table);
            }
        }
        let first = put_off.iter().filter(|table| !reads(table, &names));
        let next = first.min_by_key(|table| self.turns.get(&table.full_name()));
        let Some(next) = next.copied() else { return (round, false) };
        let mut taken = BTreeSet::new();
        for table in &put_off {
            let name = table.full_name();
            let left: BTreeSet<String> = names.difference(&taken).cloned().collect();
            if name == next.full_name() || reads(table, &taken) && !reads(table, &left) {
                taken.insert(name);
                round.push(table);
            }
        }
        (round, taken.len() < put_off.len())
    }
}

/// Tables of a round that are not begun, and those that are not finished. What reads an unfinished
/// table has to wait.
pub struct Queue<'a> {
    waiting: Vec<&'a TableSpec>,
    unfinished: BTreeSet<String>,
}

impl<'a> Queue<'a> {
    /// `round` in the order in which tables are begun, as far as they can be.
    pub fn new(round: Vec<&'a TableSpec>) -> Self {
        let unfinished = round.iter().map(|table| table.full_name()).collect();
        Self { waiting: round, unfinished }
    }

    /// The next table that can be begun; `None` when all others wait for one that is not finished.
    pub fn next(&mut self) -> Option<&'a TableSpec> {
        let at = self.waiting.iter().position(|table| !reads(table, &self.unfinished))?;
        Some(self.waiting.remove(at))
    }

    /// A table is finished, well or not.
    pub fn finished(&mut self, table: &str) {
        self.unfinished.remove(table);
    }
}

fn reads(table: &TableSpec, names: &BTreeSet<String>) -> bool {
    table.inputs.iter().any(|input| names.contains(&input.name))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use huiliu_spec::Settings;

    /// Tables of these names, each with inputs of these names; all else is of no matter here.
    pub(crate) fn tables(reading: &[(&str, &[&str])]) -> Vec<TableSpec> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let settings = Settings {
            pipelines: root.join("pipelines"),
            sql: root.join("sql"),
            ..Settings::default()
        };
        let project = huiliu_spec::Project::load(&settings).expect("the project is valid");
        let of = |(name, inputs): &(&str, &[&str])| {
            let mut table = project.tables[0].clone();
            table.subject = "s".to_owned();
            table.table = (*name).to_owned();
            let mut input = table.inputs[0].clone();
            table.inputs.clear();
            for name in *inputs {
                input.name = format!("s.{name}");
                table.inputs.push(input.clone());
            }
            table
        };
        reading.iter().map(of).collect()
    }

    pub(crate) fn names(round: &[&TableSpec]) -> String {
        round.iter().map(|table| table.table.as_str()).collect()
    }

    #[test]
    fn slow_tables_come_last_one_in_a_round_and_in_turns() {
        let all = tables(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])]);
        let all: Vec<&TableSpec> = all.iter().collect();
        let mut slow = Slow::default();
        for name in ["s.a", "s.c"] {
            slow.note(name, Way::Full, LONG);
        }
        slow.note("s.b", Way::Full, LONG / 2);
        slow.note("s.d", Way::Incremental, LONG);
        let (round, more) = slow.round(&all);
        assert_eq!((names(&round).as_str(), more), ("bda", true));
        slow.note("s.a", Way::Full, LONG);
        assert_eq!(names(&slow.round(&all).0), "bdc", "the other one's turn");
        slow.note("s.c", Way::Incremental, LONG);
        let (round, more) = slow.round(&all);
        assert_eq!((names(&round).as_str(), more), ("bcda", false), "c is not slow any more");
    }

    #[test]
    fn what_reads_an_unfinished_table_waits_and_lets_others_pass() {
        let all = tables(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
        let mut queue = Queue::new(all.iter().collect());
        let next = |queue: &mut Queue<'_>| queue.next().map(|table| table.table.clone());
        assert_eq!(next(&mut queue).as_deref(), Some("a"));
        assert_eq!(next(&mut queue).as_deref(), Some("d"));
        assert_eq!(next(&mut queue), None);
        queue.finished("s.a");
        assert_eq!(next(&mut queue).as_deref(), Some("b"));
        assert_eq!(next(&mut queue), None);
    }

    #[test]
    fn what_reads_a_slow_table_comes_after_it_in_the_same_round() {
        let all = tables(&[("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &["b"]), ("e", &["c"])]);
        let all: Vec<&TableSpec> = all.iter().collect();
        let mut slow = Slow::default();
        slow.note("s.a", Way::Full, LONG);
        assert_eq!(names(&slow.round(&all).0), "ceabd");
        slow.note("s.c", Way::Full, LONG);
        assert_eq!(names(&slow.round(&all).0), "abd");
        slow.note("s.a", Way::Full, LONG);
        assert_eq!(names(&slow.round(&all).0), "ce");
    }
}
