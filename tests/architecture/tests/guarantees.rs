//! Every test that `docs/guarantees.md` and `docs/faults.md` name is there.

use huiliu_architecture::Tree;
use std::path::Path;

/// Whether a test `file::name`, or a scenario `name`, is there.
fn is_there(root: &Path, shown: &str) -> bool {
    let (file, test) = shown.split_once("::").unwrap_or(("", shown));
    let files = match file {
        "" => vec!["tests/faults/scenarios.py", "tests/faults/assignments.py"],
        file => vec![file],
    };
    files.into_iter().any(|file| {
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        ["fn ", "def "].iter().any(|word| source.contains(&format!("{word}{test}(")))
    })
}

#[test]
fn every_test_that_a_guarantee_names_exists() {
    let root = Tree::of_workspace().root;
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).expect("the page");
    let named: Vec<&str> = page.split('`').filter(|text| text.contains("::")).collect();
    let missing: Vec<_> = named.iter().filter(|shown| !is_there(&root, shown)).collect();
    assert!(named.len() >= 20, "the page names {} tests", named.len());
    assert!(missing.is_empty(), "not there: {missing:#?}");
    let numbers = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let numbers: Vec<usize> = numbers.filter_map(|number| number.parse().ok()).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "promises are numbered");
}

#[test]
fn every_fault_has_a_row_and_every_row_a_test() {
    let root = Tree::of_workspace().root;
    let page = std::fs::read_to_string(root.join("docs/faults.md")).expect("the page");
    let (_, index) = page.split_once("## Which test shows what").expect("the index");
    let (index, _) = index.split_once("\n## ").expect("what comes after it");
    let mut found = Vec::new();
    for row in index.lines().filter_map(|line| line.strip_prefix("| ")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [number, _, _, shown] = cells[..] else { panic!("a row has four cells: {row}") };
        if number == "#" {
            continue;
        }
        found.push(number.to_owned());
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "row {number} names no test");
        let missing: Vec<_> = named.iter().filter(|shown| !is_there(&root, shown)).collect();
        assert!(missing.is_empty(), "row {number}: not there: {missing:#?}");
    }
    let mut expected: Vec<String> = (1..=57).map(|number: usize| number.to_string()).collect();
    expected.insert(31, "31b".to_owned());
    assert_eq!(found, expected);
}
