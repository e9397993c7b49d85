//! The pipelines of the product: they load, and say what the domain specification says.
//!
//! `data/fields.csv` and `data/datasets.csv` are the domain's own lists. `data/rules.csv` is a
//! second reading of the domain's rules, beside the contracts; where it goes beyond the domain's
//! words it says why.

mod columns;
mod listing;
mod protection;
mod rules;

use huiliu_spec::{Project, Settings};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load() -> Project {
    Project::load_paths(&[root().join("pipelines")]).unwrap_or_else(|found| {
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(load)
}

/// Records of a CSV file with quoted fields, without its header.
fn records(text: &str) -> Vec<Vec<String>> {
    let record = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().expect("there is a field").push(c),
            }
        }
        fields
    };
    text.lines().skip(1).map(record).collect()
}

#[test]
fn every_pipeline_of_the_product_loads() {
    assert_eq!(load().contracts.len(), 48);
}

#[test]
fn the_tables_of_the_product_fit_its_pipelines() {
    let settings = Settings {
        pipelines: root().join("pipelines"),
        sql: root().join("sql"),
        ..Settings::default()
    };
    let found = Project::load(&settings).err().unwrap_or_default();
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn every_pipeline_names_its_schema_first() {
    let mut files = 0;
    for group in ["base", "feed", "pool"] {
        let folder = root().join("pipelines").join(group);
        for entry in std::fs::read_dir(folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            let text = std::fs::read_to_string(&path).expect("the file is readable");
            let modeline = "# yaml-language-server: $schema=../../schema/dataset.schema.json";
            assert_eq!(text.lines().next(), Some(modeline), "{}", path.display());
            files += 1;
        }
    }
    assert_eq!(files, 48);
}
