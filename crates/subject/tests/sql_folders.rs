//! Every table folder of the repository: it validates, and its given/expected cases hold.

use huiliu_spec::Project;
use huiliu_subject::testcase::{cases, run_case};
use huiliu_subject::{Catalogue, Declarations, validate_table};
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load() -> (Project, Catalogue) {
    let root = repository();
    let project = match Project::load_paths(&[root.join("pipelines"), root.join("sql")]) {
        Ok(project) => project,
        Err(found) => {
            let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    };
    let catalogue = Catalogue::read(&root.join("sql")).expect("views and dimensions");
    (project, catalogue.with_functions(huiliu_functions::all()))
}

#[tokio::test]
async fn every_case_of_every_table_holds() {
    let (project, catalogue) = load();
    let (contracts, tables) = (&project.contracts, &project.tables);
    let declared = Declarations { contracts, tables, catalogue: &catalogue };
    let mut failures = Vec::new();
    for spec in &project.tables {
        let cases = cases(spec).expect("folder of tests");
        assert!(!cases.is_empty(), "{} has no test", spec.full_name());
        for case in cases {
            let outcome = match run_case(spec, &case, declared).await {
                Ok(outcome) => outcome,
                Err(error) => panic!("{}: {error} {:?}", case.display(), error.help),
            };
            assert!(outcome.row_count > 0, "{}: yields no row", case.display());
            for difference in &outcome.differences {
                let line = difference.line(&outcome.columns);
                failures.push(format!("{} {}: {line}", spec.full_name(), outcome.name));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[tokio::test]
async fn every_table_validates_with_and_without_keys() {
    let (project, catalogue) = load();
    for spec in &project.tables {
        for protected in [false, true] {
            let found =
                validate_table(spec, &project.contracts, &project.tables, &catalogue, protected)
                    .await;
            assert_eq!(found, [], "{} with protected = {protected}", spec.full_name());
        }
    }
}

/// GB/T 4754-2017 has 20 sections, A to T, and 97 divisions, 01 to 97.
#[test]
fn industry_has_every_section_and_division_once() {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;
    let (_, catalogue) = load();
    let rows = &catalogue.dimension("industry").expect("it ships").rows;
    let text = |name| rows.column_by_name(name).expect("column").as_string::<i32>();
    let level = rows.column_by_name("level").expect("column").as_primitive::<Int32Type>();
    let of_level = |wanted| -> Vec<(String, String)> {
        (0..rows.num_rows())
            .filter(|&row| level.value(row) == wanted)
            .map(|row| (text("code").value(row).into(), text("section").value(row).into()))
            .collect()
    };
    let sections: Vec<_> = ('A'..='T').map(|c| (c.to_string(), c.to_string())).collect();
    assert_eq!(of_level(1), sections);
    let divisions = of_level(2);
    let codes: Vec<_> = divisions.iter().map(|(code, _)| code.clone()).collect();
    assert_eq!(codes, (1..=97).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    // First division of each section, from the standard's table.
    let first = [1, 6, 13, 44, 47, 51, 53, 61, 63, 66, 70, 71, 73, 76, 80, 83, 84, 86, 91, 97];
    for (index, start) in first.iter().enumerate() {
        let before = if index == 0 { None } else { Some(&divisions[start - 2].1) };
        assert_eq!(divisions[start - 1].1, sections[index].0);
        assert_ne!(before, Some(&divisions[start - 1].1), "section begins at {start}");
    }
}

/// The calendar of SQL and the calendar of the function `workdays_between` are one.
#[test]
fn calendar_is_that_of_the_working_day_function() {
    let root = repository();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    assert_eq!(
        read("sql/dimensions/calendar.csv"),
        read("crates/normalise/data/cn_workdays_2018_2026.csv")
    );
    let (_, catalogue) = load();
    // 2018 to 2026: nine years, of which 2020 and 2024 have a 29 February.
    assert_eq!(catalogue.dimension("calendar").expect("it ships").rows.num_rows(), 9 * 365 + 2);
}

/// Counties and their years are those by which ingestion judges; three zones come on top.
#[test]
fn divisions_are_those_of_the_rules_and_the_zones() {
    let root = repository();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    let ours = read("sql/dimensions/division.csv");
    let zones = ours
        .strip_prefix(&read("crates/normalise/data/cq_divisions_history.csv"))
        .expect("the history comes first");
    let codes: Vec<_> = zones.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(codes, ["5001Z1", "5001Z2", "5001Z3"]);
    let (_, catalogue) = load();
    let rows = &catalogue.dimension("division").expect("it ships").rows;
    assert_eq!(rows.num_rows(), ours.lines().count() - 1);
}
