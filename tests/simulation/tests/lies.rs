//! The checks find what no store and no broker may do; see docs/simulation.md.

use huiliu_simulation::{Lie, Wish, run};

/// Histories in which a lie has to be found.
const SEEDS: u64 = 40;

/// What the first history that finds the lie says.
fn found(lie: Lie) -> String {
    let wish = Wish { lie: Some(lie), ..Wish::default() };
    let failure = (1..=SEEDS).find_map(|seed| Some((seed, run(seed, wish).failure?)));
    let (seed, failure) = failure.unwrap_or_else(|| panic!("{SEEDS} histories hide {lie:?}"));
    println!("{lie:?}: seed {seed}: {failure}");
    failure
}

#[test]
fn a_creation_that_replaces_is_found() {
    found(Lie::CreateReplaces);
}

#[test]
fn a_write_that_is_confirmed_and_lost_is_found() {
    found(Lie::WriteLost(37));
}

#[test]
fn a_change_that_is_passed_over_is_found() {
    let failure = found(Lie::RecordLost(11));
    assert!(failure.contains("a receipt of changes/"), "{failure}");
}

#[test]
fn a_change_that_was_altered_is_found() {
    let failure = found(Lie::RecordAltered(11));
    assert!(failure.starts_with("current/"), "{failure}");
}
