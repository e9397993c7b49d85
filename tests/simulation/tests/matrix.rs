//! The crash matrix: one small history, and a fault at each of its steps in turn.

use huiliu_simulation::store::{Step, Verb};
use huiliu_simulation::{Fault, Outcome, Wish, run};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Its history folds, refreshes, posts and maintains between its batches, over some days.
/// `HUILIU_SIM_MATRIX=1` tries every step of it, a usual run one of each kind, and
/// `HUILIU_SIM_STEP=1284` that step, with every call of its histories.
const SEED: u64 = 7;
/// The longest that a usual run may take: it tries as many of its faults as there is time for.
const LONGEST: Duration = Duration::from_secs(45);
const FAULTS: [(&str, Fault); 5] = [
    ("crash before", Fault::CrashBefore),
    ("crash after", Fault::CrashAfter),
    ("error", Fault::Error),
    ("answer lost", Fault::AnswerLost),
    ("delay", Fault::Delay(Duration::from_secs(20))),
];

/// Kinds of steps that the history must have: one that lost them would show nothing of them.
const NAMED: [&str; 22] = [
    "stage a file of changes",
    "commit to changes",
    "stage a file of quarantine",
    "commit to quarantine",
    "stage a file of current",
    "commit to current",
    "commit to deleted",
    "stage a file of subjects",
    "commit to subjects",
    "stage a file of ledger",
    "commit to ledger",
    "write a checkpoint of changes",
    "name a checkpoint of changes",
    "write a checkpoint of ledger",
    "name a checkpoint of ledger",
    "read a checkpoint",
    "sweep a file of current",
    "sweep a file of subjects",
    "cut the log of changes",
    "cut the log of ledger",
    "take the lease",
    "list",
];

/// What a step is about: verb and kind of table.
fn kind(step: &Step) -> String {
    let path = &step.path;
    let table = path.split('/').next().unwrap_or_default();
    let is_checkpoint = path.ends_with(".checkpoint.parquet");
    let is_hint = path.ends_with("/_last_checkpoint");
    let in_log = path.contains("/_delta_log/");
    match step.verb {
        Verb::List => "list".to_owned(),
        Verb::Get if path.starts_with("leases/") => "look at the lease".to_owned(),
        _ if path.starts_with("leases/") => "take the lease".to_owned(),
        _ if path.starts_with("_huiliu/") => "ask for the store's time".to_owned(),
        Verb::Create if is_checkpoint => format!("write a checkpoint of {table}"),
        Verb::Put if is_hint => format!("name a checkpoint of {table}"),
        Verb::Get if is_hint => "look for a checkpoint".to_owned(),
        Verb::Get if is_checkpoint => "read a checkpoint".to_owned(),
        Verb::Delete if in_log => format!("cut the log of {table}"),
        Verb::Delete => format!("sweep a file of {table}"),
        Verb::Create => format!("commit to {table}"),
        Verb::Put => format!("stage a file of {table}"),
        Verb::Get if in_log => "read a log".to_owned(),
        Verb::Get => "read a file".to_owned(),
    }
}

/// The steps that are tried: all, or of each kind one in the middle of the history, or one.
fn tried(steps: &[Step]) -> Vec<&Step> {
    if let Ok(text) = std::env::var("HUILIU_SIM_STEP") {
        let number: u64 = text.parse().expect("HUILIU_SIM_STEP is a number");
        return steps.iter().filter(|step| step.number == number).collect();
    }
    if std::env::var_os("HUILIU_SIM_MATRIX").is_some() {
        return steps.iter().collect();
    }
    let mut kinds: BTreeMap<String, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        kinds.entry(kind(step)).or_default().push(step);
    }
    kinds.into_values().filter_map(|of| of.get(of.len() / 2).copied()).collect()
}

fn with(fault: Option<(u64, Fault)>, keeps_steps: bool) -> Outcome {
    run(SEED, Wish { only: fault, is_quiet: fault.is_none(), keeps_steps, ..Wish::default() })
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test itself has a time limit")]
fn a_fault_at_any_step_loses_and_doubles_nothing() {
    let calm = with(None, true);
    assert_eq!(calm.failure, None);
    let steps: Vec<Step> = calm.steps.into_iter().map(|(step, _)| step).collect();
    let steps = &steps[..usize::try_from(calm.figures.steps_until_quiet).expect("a count")];
    let kinds: BTreeSet<String> = steps.iter().map(kind).collect();
    println!("{} steps of {} kinds", steps.len(), kinds.len());
    let missing: Vec<_> = NAMED.iter().filter(|name| !kinds.contains(**name)).collect();
    assert!(missing.is_empty(), "the history lacks {missing:?}; it has {kinds:?}");
    let is_said = |name| std::env::var_os(name).is_some();
    let is_one = is_said("HUILIU_SIM_STEP");
    let is_whole = is_one || is_said("HUILIU_SIM_MATRIX");
    let mut table: BTreeMap<(String, &str), [u64; 2]> = BTreeMap::new();
    let mut failures = Vec::new();
    let chosen = tried(steps);
    let began = Instant::now();
    for round in 0..FAULTS.len() {
        for (at, step) in chosen.iter().enumerate() {
            // Each step has met one fault before any meets two.
            let (name, fault) = FAULTS[(at + round) % FAULTS.len()];
            if fault == Fault::AnswerLost && !matches!(step.verb, Verb::Create | Verb::Put) {
                continue;
            }
            if !is_whole && began.elapsed() > LONGEST {
                break;
            }
            let outcome = with(Some((step.number, fault)), is_one);
            for (step, fault) in &outcome.steps {
                let Step { number, process, verb, path } = step;
                println!("{number:5} {process} {verb:?} {path} {fault:?}");
            }
            let cell = table.entry((kind(step), name)).or_default();
            cell[0] += 1;
            match outcome.failure {
                None => cell[1] += 1,
                Some(why) => {
                    println!("step {} {name}: {why}", step.number);
                    failures.push(format!("step {} {name}: {why}", step.number));
                }
            }
        }
    }
    println!("| step | fault | tried | passed |\n|---|---|---:|---:|");
    for ((kind, fault), [tried, passed]) in &table {
        println!("| {kind} | {fault} | {tried} | {passed} |");
    }
    assert!(steps.len() > 100, "the history has only {} steps", steps.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
