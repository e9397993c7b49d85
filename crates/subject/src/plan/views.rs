//! Shared views: none may read itself, however far around.

use super::Finding;
use crate::catalogue::{Catalogue, tables};
use huiliu_spec::table::Severity;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One finding for each circle of views of an `sql` folder.
pub fn view_cycles(catalogue: &Catalogue, folder: &Path) -> Vec<Finding> {
    let reads: BTreeMap<&str, BTreeSet<String>> = catalogue
        .views()
        // A view that is no SQL is told where a table needs it.
        .map(|view| (view.name.as_str(), tables(&view.sql).unwrap_or_default()))
        .collect();
    let mut found: Vec<Finding> = Vec::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in reads.keys().copied() {
        if told.contains(start) {
            continue;
        }
        let Some(circle) = circle(start, &reads) else { continue };
        let names: Vec<String> = circle.iter().map(|name| format!("`{name}`")).collect();
        told.extend(circle);
        let message = format!("views that read each other in a circle: {}", names.join(", "));
        let help = "move what they share into a view that reads datasets only";
        found.push(Finding {
            severity: Severity::Fail,
            file: folder.join("views").join(format!("{start}.sql")),
            line: 0,
            column: 0,
            message,
            help: Some(help.into()),
        });
    }
    found
}

/// The views on a way from `start` back to it.
fn circle<'a>(
    start: &'a str,
    reads: &'a BTreeMap<&'a str, BTreeSet<String>>,
) -> Option<Vec<&'a str>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for next in reads.get(at).into_iter().flatten() {
            if next == start {
                let mut way = vec![at];
                while way.last() != Some(&start) {
                    way.push(from.get(way.last()?)?);
                }
                way.reverse();
                return Some(way);
            }
            if let Some((name, _)) = reads.get_key_value(next.as_str())
                && !from.contains_key(name)
            {
                from.insert(name, at);
                open.push(name);
            }
        }
    }
    None
}
