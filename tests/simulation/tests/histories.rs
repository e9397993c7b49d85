//! Random histories with faults; see docs/simulation.md.

use huiliu_simulation::{Wish, run};
use std::time::{Duration, Instant};

/// Random seeds of one test run, and the longest that they may take.
const SEEDS: u64 = 400;
const LONGEST: Duration = Duration::from_secs(60);

fn said(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// A seed that nobody has chosen: the time of day.
#[allow(clippy::disallowed_methods, reason = "new seeds in every run are the point")]
fn fresh() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos() % (1 << 60)).unwrap_or(0))
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test itself has a time limit")]
fn nothing_is_lost_or_doubled_in_random_histories() {
    if let Some(seed) = said("HUILIU_SIM_SEED") {
        let outcome = run(seed, Wish { keeps_steps: true, ..Wish::default() });
        for (step, fault) in &outcome.steps {
            println!("{:5} {} {:?} {} {fault:?}", step.number, step.process, step.verb, step.path);
        }
        assert_eq!(outcome.failure, None, "seed {seed}");
        return;
    }
    let (first, count) = (fresh(), said("HUILIU_SIM_SEEDS"));
    let (began, mut done, mut failed) = (Instant::now(), 0, Vec::new());
    let (mut steps, mut deaths, mut incidents, mut offsets) = (0, 0, 0, 0);
    println!("first seed {first}");
    for seed in first..first + count.unwrap_or(SEEDS) {
        let outcome = run(seed, Wish::default());
        done += 1;
        steps += outcome.trace.0;
        deaths += outcome.figures.deaths;
        incidents += outcome.figures.incidents;
        offsets += outcome.figures.offsets;
        if let Some(failure) = outcome.failure {
            println!("HUILIU_SIM_SEED={seed}: {failure}");
            failed.push(seed);
        }
        if done % 1_000 == 0 {
            println!(
                "{done} seeds in {:.0} s, {} failed",
                began.elapsed().as_secs_f64(),
                failed.len()
            );
        }
        if failed.len() >= 10 || (count.is_none() && began.elapsed() > LONGEST) {
            break;
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{done} seeds from {first} in {took:.1} s: {steps} calls to the store, {deaths} deaths, \
         {incidents} partitions that stood still, {offsets} offsets"
    );
    assert!(failed.is_empty(), "failing seeds: {failed:?}");
}

/// Runs a seed again and compares every call of every process, in order.
#[test]
fn a_seed_replays_call_by_call() {
    let wish = Wish { keeps_steps: true, ..Wish::default() };
    for seed in 1..9 {
        let (one, two) = (run(seed, wish), run(seed, wish));
        assert!(one.steps.len() > 100, "seed {seed} calls the store {} times", one.steps.len());
        let differ = one.steps.iter().zip(&two.steps).find(|(one, two)| one != two);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(one.trace, two.trace, "seed {seed}");
    }
    assert_ne!(run(1, wish).trace, run(2, wish).trace);
}
