//! How long the refreshes of each table took, as one process has seen them.
//!
//! The estimate of a cost is in rows; what a row takes is another thing in every table, and another
//! one in a build in full than in one by identity. Both paces are kept for each table and follow
//! what is measured. The pace of the way that is not taken drifts towards the other one, so that
//! it is tried again some day. The first refresh by identity is not counted, because it makes the
//! plans that all later ones use.

use huiliu_spec::TableSpec;
use huiliu_subject::{Decision, Rates, Way};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Share of a new measurement in a pace, and of the difference that the other one makes up.
const NEWS: f64 = 0.3;
const DRIFT: f64 = 0.02;
/// What a refresh is taken to last before the first one.
const UNKNOWN: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    /// Seconds for each estimated row, in full and by identity.
    full: Option<f64>,
    incremental: Option<f64>,
    /// Whether one by identity has made its plans.
    planned: bool,
    /// The last refresh, whatever way it went.
    last: Option<Duration>,
}

/// What was measured, by table. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Times(Arc<Mutex<BTreeMap<String, Taken>>>);

impl Times {
    /// Notes a refresh that was done.
    pub fn note(&self, table: &str, decision: &Decision, took: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = known.entry(table.to_owned()).or_default();
        taken.last = Some(took);
        let Some(cost) = decision.cost else { return };
        if decision.way == Way::Incremental && !std::mem::replace(&mut taken.planned, true) {
            return;
        }
        let (rows, this, other) = match decision.way {
            Way::Full => (cost.full, &mut taken.full, &mut taken.incremental),
            Way::Incremental => (cost.incremental, &mut taken.incremental, &mut taken.full),
            Way::Nothing => return,
        };
        let pace = took.as_secs_f64() / rows.max(1.0);
        let pace = this.map_or(pace, |before| before + NEWS * (pace - before));
        *this = Some(pace);
        *other = other.map(|other| other + DRIFT * (pace - other));
    }

    /// What a row costs either way; the same as long as one of them was not measured.
    pub fn rates(&self, table: &str) -> Rates {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(table) {
            Some(Taken { full: Some(full), incremental: Some(incremental), .. }) => {
                Rates { full: *full, incremental: *incremental }
            }
            _ => Rates::default(),
        }
    }

    /// Tables in the order in which they are to be refreshed: first the one that is followed by
    /// most work, counting the tables that read it. `tables` are in build order, and so are these.
    pub fn in_order<'a>(&self, tables: &[&'a TableSpec]) -> Vec<&'a TableSpec> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let took = |name: &str| known.get(name).and_then(|t| t.last).unwrap_or(UNKNOWN);
        // By name, the longest work of a table that reads it.
        let mut after: BTreeMap<&str, Duration> = BTreeMap::new();
        let mut ranked = Vec::with_capacity(tables.len());
        for &table in tables.iter().rev() {
            let name = table.full_name();
            let longest = after.get(name.as_str()).copied().unwrap_or_default();
            // Never nothing: what is read comes before what reads it.
            let work = longest + took(&name).max(Duration::from_micros(1));
            for input in &table.inputs {
                let held = after.entry(&input.name).or_default();
                *held = work.max(*held);
            }
            ranked.push((work, table));
        }
        ranked.reverse();
        ranked.sort_by_key(|(work, _)| std::cmp::Reverse(*work));
        ranked.into_iter().map(|(_, table)| table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::order::tests::{names, tables};
    use huiliu_subject::Cost;

    fn decided(way: Way) -> Decision {
        Decision {
            way,
            why: String::new(),
            changes: Vec::new(),
            identities: None,
            files: None,
            cost: Some(Cost { full: 1_000.0, incremental: 100.0 }),
        }
    }

    #[test]
    fn a_way_that_took_longer_than_estimated_is_rated_dearer() {
        let times = Times::default();
        times.note("s.a", &decided(Way::Incremental), Duration::from_millis(900));
        times.note("s.a", &decided(Way::Incremental), Duration::from_millis(400));
        assert_eq!(times.rates("s.a"), Rates::default(), "there is nothing to compare with");
        times.note("s.a", &decided(Way::Full), Duration::from_millis(200));
        let Rates { full, incremental } = times.rates("s.a");
        // 0.2 s for 1,000 rows; 0.4 s for 100 rows, and a fiftieth of the way to the former.
        assert!((full - 0.0002).abs() < 1e-9, "{full}");
        assert!((incremental - 0.003_924).abs() < 1e-9, "{incremental}");
    }

    #[test]
    fn what_much_work_waits_for_comes_first() {
        let all = tables(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["c"]), ("e", &[])]);
        let all: Vec<&TableSpec> = all.iter().collect();
        let times = Times::default();
        times.note("s.e", &decided(Way::Full), Duration::from_millis(250));
        assert_eq!(names(&times.in_order(&all)), "becad");
    }
}
