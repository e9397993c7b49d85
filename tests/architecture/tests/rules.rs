//! The rules of the house hold in this workspace. One test per rule; each lists every violation.

use huiliu_architecture::exceptions::{self, Exception};
use huiliu_architecture::{Rule, Tree, Violation, violations};
use std::sync::OnceLock;

fn all() -> &'static [Violation] {
    static ALL: OnceLock<Vec<Violation>> = OnceLock::new();
    ALL.get_or_init(|| violations(&Tree::of_workspace()))
}

fn excused() -> Vec<Exception> {
    let text = include_str!("../exceptions.txt");
    exceptions::parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")))
}

fn holds(rule: Rule) {
    let excused = excused();
    let found: Vec<String> = all()
        .iter()
        .filter(|violation| violation.rule == rule)
        .filter(|violation| !excused.iter().any(|exception| exception.excuses(violation)))
        .map(ToString::to_string)
        .collect();
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_tree_is_read() {
    let tree = Tree::of_workspace();
    let has = |path: &str| tree.sources.iter().any(|source| source.path == path);
    assert!(has("crates/model/src/clock.rs") && has("tests/architecture/src/lib.rs"));
    assert!(tree.manifests.len() >= 12, "{} manifests", tree.manifests.len());
}

#[test]
fn crates_use_only_those_they_may() {
    holds(Rule::Edge);
}

#[test]
fn kafka_and_delta_libraries_are_named_by_one_crate_each() {
    holds(Rule::OwnedCrate);
}

#[test]
fn files_stop_at_500_lines() {
    holds(Rule::FileLines);
}

#[test]
fn functions_stop_at_70_lines() {
    holds(Rule::FunctionLines);
}

#[test]
fn lines_stop_at_100_columns() {
    holds(Rule::LineColumns);
}

#[test]
fn modules_are_named_after_their_concept() {
    holds(Rule::ModuleName);
}

#[test]
fn modules_begin_with_their_documentation() {
    holds(Rule::ModuleDoc);
}

#[test]
fn time_ids_and_tasks_come_from_their_one_place() {
    holds(Rule::BannedCall);
}

#[test]
fn every_file_is_rust() {
    holds(Rule::Unparsed);
}

#[test]
fn every_exception_excuses_something() {
    let idle: Vec<String> = excused()
        .iter()
        .filter(|exception| !all().iter().any(|violation| exception.excuses(violation)))
        .map(|e| format!("exceptions.txt:{}: {} {} excuses nothing", e.line, e.rule.name(), e.file))
        .collect();
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}
