//! Every test that `docs/guarantees.md` names is there.

use huiliu_architecture::Tree;

#[test]
fn every_test_that_a_guarantee_names_exists() {
    let root = Tree::of_workspace().root;
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).expect("the page");
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
