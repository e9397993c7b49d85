//! Edges between crates, read from the manifests.

use crate::tree::Source;
use crate::{Rule, Violation};

/// Which crates of the workspace a crate may use; `huiliu` may use any. Arrows of DESIGN 7.
const EDGES: [(&str, &[&str]); 16] = [
    ("model", &[]),
    ("spec", &["model"]),
    ("decode", &["model"]),
    ("normalise", &["model"]),
    ("functions", &["model", "normalise"]),
    ("propose", &["model", "normalise"]),
    ("kafka", &["model"]),
    ("files", &["model"]),
    ("registry", &["model"]),
    ("floor", &["model"]),
    ("quality", &["model"]),
    ("lake", &["model", "spec"]),
    ("ingest", &["model", "decode", "normalise"]),
    ("subject", &["model", "spec", "lake"]),
    ("citygen", &["model"]),
    ("testkit", &["model"]),
];

/// Tests may use the memory ports and the conformance suites besides (STYLE 33).
const DEV_EDGES: [(&str, &[&str]); 6] = [
    ("ingest", &["testkit", "citygen", "spec"]),
    ("lake", &["testkit"]),
    ("registry", &["testkit"]),
    ("subject", &["functions"]),
    ("propose", &["spec"]),
    ("files", &["testkit", "ingest", "normalise", "decode"]),
];

/// Libraries that one crate alone may name.
pub const OWNED: [(&str, &str); 6] = [
    ("rdkafka", "kafka"),
    ("rdkafka-sys", "kafka"),
    ("deltalake", "lake"),
    ("deltalake-core", "lake"),
    ("object_store", "lake"),
    ("reqwest", "registry"),
];

/// One dependency of a manifest.
#[derive(Debug, PartialEq, Eq)]
struct Dependency<'a> {
    name: &'a str,
    dev: bool,
    line: usize,
}

/// The dependencies of a manifest, whichever way they are written.
fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    // Some(dev) inside a table of dependencies.
    let mut inside: Option<bool> = None;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            // `target.'cfg(unix)'.dependencies` counts like `dependencies`.
            let at = header.find("dependencies");
            let dev = header.contains("dev-dependencies");
            let after = at.map(|at| &header[at + "dependencies".len()..]);
            inside = after.filter(|rest| rest.is_empty()).map(|_| dev);
            if let Some(name) = after.and_then(|rest| rest.strip_prefix('.')) {
                found.push(Dependency { name, dev, line: number });
            }
        } else if let Some(dev) = inside
            && !line.starts_with('#')
            && let Some((key, _)) = line.split_once('=')
        {
            let name = key.trim().split('.').next().unwrap_or_default();
            found.push(Dependency { name, dev, line: number });
        }
    }
    found
}

/// Checks the edges of one crate. Packages of tests may use any.
pub fn check(manifest: &Source, found: &mut Vec<Violation>) {
    let Some(name) = manifest.package().strip_prefix("crates/") else { return };
    let allowed = |table: &[(&str, &'static [&'static str])]| {
        table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
    };
    let edges = allowed(&EDGES);
    let mut push = |rule, line, message| {
        found.push(Violation { rule, file: manifest.path.clone(), line, message });
    };
    if edges.is_none() && name != "huiliu" {
        push(Rule::Edge, 1, format!("crate `{name}` has no entry in the table of edges"));
    }
    for dependency in dependencies(&manifest.text) {
        let dev_edges = allowed(&DEV_EDGES).filter(|_| dependency.dev).unwrap_or_default();
        if let Some(to) = dependency.name.strip_prefix("huiliu-")
            && let Some(edges) = edges
            && !edges.contains(&to)
            && !dev_edges.contains(&to)
        {
            let message = format!("`{name}` may not use `{to}`");
            push(Rule::Edge, dependency.line, message);
        }
        if let Some((library, owner)) = OWNED.iter().find(|(l, _)| *l == dependency.name)
            && *owner != name
        {
            let message = format!("only `{owner}` names `{library}`");
            push(Rule::OwnedCrate, dependency.line, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&Source { path: path.to_owned(), text: text.to_owned() }, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn edges_that_are_not_in_the_table_are_found_however_they_are_written() {
        let text = "[package]\nname = \"huiliu-ingest\"\n\n[dependencies]\n\
                    huiliu-model.workspace = true\nhuiliu-lake = { path = \"../lake\" }\n\n\
                    [dev-dependencies]\nhuiliu-testkit.workspace = true\n\n\
                    [target.'cfg(unix)'.dependencies.huiliu-kafka]\npath = \"../kafka\"\n";
        assert_eq!(
            found("crates/ingest/Cargo.toml", text),
            [
                "crates/ingest/Cargo.toml:6: edge: `ingest` may not use `lake`",
                "crates/ingest/Cargo.toml:11: edge: `ingest` may not use `kafka`",
            ]
        );
    }

    #[test]
    fn tests_alone_may_use_the_memory_ports() {
        let text = "[dependencies]\nhuiliu-testkit.workspace = true\n";
        assert_eq!(
            found("crates/ingest/Cargo.toml", text),
            ["crates/ingest/Cargo.toml:2: edge: `ingest` may not use `testkit`",]
        );
    }

    #[test]
    fn owned_libraries_are_found_in_the_binary_too() {
        let text = "[dependencies]\nhuiliu-lake.workspace = true\nobject_store.workspace = true\n";
        assert_eq!(
            found("crates/huiliu/Cargo.toml", text),
            ["crates/huiliu/Cargo.toml:3: owned-crate: only `lake` names `object_store`",]
        );
        assert_eq!(found("crates/lake/Cargo.toml", text).len(), 1);
    }

    #[test]
    fn a_crate_without_an_entry_is_found() {
        assert_eq!(
            found("crates/serve/Cargo.toml", ""),
            ["crates/serve/Cargo.toml:1: edge: crate `serve` has no entry in the table of edges",]
        );
    }
}
