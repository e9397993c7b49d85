//! Every test that `docs/guarantees.md` names is there, and every promise has a number of its own.

use huiliu_architecture::Tree;

fn page() -> String {
    let path = Tree::of_workspace().root.join("docs/guarantees.md");
    std::fs::read_to_string(path).expect("the page")
}

#[test]
fn every_test_that_a_guarantee_names_exists() {
    let root = Tree::of_workspace().root;
    let page = page();
    let named = page.split('`').filter_map(|text| text.split_once("::"));
    let mut count = 0;
    let missing: Vec<String> = named
        .inspect(|_| count += 1)
        .filter(|(file, test)| {
            let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            !["fn ", "def "].iter().any(|word| source.contains(&format!("{word}{test}(")))
        })
        .map(|(file, test)| format!("{file}::{test}"))
        .collect();
    assert!(count >= 20, "the page names {count} tests");
    assert!(missing.is_empty(), "not there:\n{}", missing.join("\n"));
}

#[test]
fn promises_are_numbered_one_after_another() {
    let first_cell = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse::<usize>().ok();
    let numbers: Vec<usize> = page().lines().filter_map(first_cell).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() >= 20, "{} promises", numbers.len());
}
