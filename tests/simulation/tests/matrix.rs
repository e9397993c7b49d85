//! The crash matrix: one small history, and a fault at each of its steps in turn.

use huiliu_simulation::store::{Step, Verb};
use huiliu_simulation::{Fault, Outcome, Wish, run};
use std::collections::BTreeMap;
use std::time::Duration;

/// Its history folds, posts and maintains between its batches.
const SEED: u64 = 7;
/// Of the steps, so many are tried in a usual run; `HUILIU_SIM_MATRIX=1` tries all.
const TRIED: usize = 8;
const FAULTS: [(&str, Fault); 5] = [
    ("crash before", Fault::CrashBefore),
    ("crash after", Fault::CrashAfter),
    ("error", Fault::Error),
    ("answer lost", Fault::AnswerLost),
    ("delay", Fault::Delay(Duration::from_secs(20))),
];

/// What a step is about: verb and table.
fn kind(step: &Step) -> String {
    let path = &step.path;
    let (in_log, is_file) = (path.contains("_delta_log"), path.ends_with(".parquet"));
    let table = path.split('/').take(2).collect::<Vec<_>>().join("/");
    let table = table.replace("/account", "").replace("/meter", "");
    match (step.verb, in_log, is_file) {
        _ if path.starts_with("leases/") => format!("lease: {:?}", step.verb).to_lowercase(),
        _ if path.starts_with("_huiliu/") => "clock of the store".to_owned(),
        (Verb::Create, true, _) => format!("commit to {table}"),
        (Verb::Get, true, _) => format!("read the log of {table}"),
        (Verb::Put, _, true) => format!("stage a file of {table}"),
        (Verb::Get, _, true) => format!("read a file of {table}"),
        (Verb::Delete, ..) => format!("delete in {table}"),
        (Verb::List, ..) => "list".to_owned(),
        (verb, ..) => format!("{verb:?} {table}").to_lowercase(),
    }
}

fn with(fault: Option<(u64, Fault)>, keeps_steps: bool) -> Outcome {
    run(SEED, Wish { only: fault, is_quiet: fault.is_none(), keeps_steps, ..Wish::default() })
}

#[test]
fn a_fault_at_any_step_loses_and_doubles_nothing() {
    let calm = with(None, true);
    assert_eq!(calm.failure, None);
    let steps: Vec<Step> = calm.steps.into_iter().map(|(step, _)| step).collect();
    let steps = &steps[..usize::try_from(calm.figures.steps_until_quiet).expect("a count")];
    let is_whole = std::env::var_os("HUILIU_SIM_MATRIX").is_some();
    let stride = if is_whole { 1 } else { steps.len().div_ceil(TRIED) };
    let mut table: BTreeMap<(String, &str), [u64; 2]> = BTreeMap::new();
    let mut failures = Vec::new();
    for step in steps.iter().step_by(stride) {
        for (name, fault) in FAULTS {
            if fault == Fault::AnswerLost && !matches!(step.verb, Verb::Create | Verb::Put) {
                continue;
            }
            let outcome = with(Some((step.number, fault)), false);
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
