//! The subject tables of `sql/`: the columns that were agreed on, and the list of `docs/`.
//!
//! After a change of a table,
//! `HUILIU_WRITE_SUBJECTS=1 cargo test -p huiliu-spec --test subject_tables` rewrites
//! `docs/subjects.md`; review the difference like code.

use huiliu_spec::Project;
use huiliu_spec::table::{Input, Reach, TableSpec};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn project() -> Project {
    match Project::load_paths(&[root().join("pipelines"), root().join("sql")]) {
        Ok(project) => project,
        Err(found) => {
            let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

/// Names and types of the columns, from the domain specification.
fn agreed() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in include_str!("data/subject_tables.csv").lines().skip(1) {
        let mut cells = line.splitn(3, ';');
        let mut cell = || cells.next().expect("three cells");
        let (table, column, data_type) = (cell(), cell(), cell());
        tables.entry(table).or_default().push((column, data_type));
    }
    tables
}

#[test]
fn tables_have_the_columns_that_were_agreed_on() {
    let (agreed, project) = (agreed(), project());
    assert_eq!(agreed.len(), 29);
    let mut checked = 0;
    for table in &project.tables {
        let Some(columns) = agreed.get(table.full_name().as_str()) else { continue };
        let declared: Vec<_> =
            table.columns.iter().map(|c| (c.name.as_str(), c.data_type.as_str())).collect();
        assert_eq!(declared, *columns, "{}", table.full_name());
        checked += 1;
    }
    assert_eq!(checked, agreed.len(), "tables that were agreed on and are there");
}

const HEAD: &str = "\
# Subject tables

One line per folder in `sql/`: what a row is, its key, how many columns, and what it reads; `→` says
that a change there finds its rows through another input, `*` that it is a list of which any change
rebuilds the table. What each column means stands in `table.yaml`. A test keeps this list equal to
the declarations.

";

fn input(input: &Input) -> String {
    match input.reach {
        Reach::By(_) => input.name.clone(),
        Reach::Via { .. } => format!("→{}", input.name),
        Reach::All => format!("{}*", input.name),
    }
}

fn line(table: &TableSpec) -> String {
    let (subject, name) = (&table.subject, &table.table);
    let cells = [
        format!("[{name}](../sql/{subject}/{name}/table.yaml)"),
        table.title.clone(),
        table.grain.clone(),
        table.key.join(", "),
        table.columns.len().to_string(),
        table.columns.iter().map(|c| c.grade).max().map_or(String::new(), |g| format!("{g:?}")),
        table.inputs.iter().map(input).collect::<Vec<_>>().join(", "),
    ];
    format!("| {} |", cells.join(" | "))
}

fn list() -> String {
    let project = project();
    let mut subjects: BTreeMap<&str, Vec<&TableSpec>> = BTreeMap::new();
    for table in &project.tables {
        subjects.entry(&table.subject).or_default().push(table);
    }
    let mut text = HEAD.to_owned();
    for (subject, mut tables) in subjects {
        tables.sort_by_key(|table| &table.table);
        let heads = ["table", "title", "grain", "key", "columns", "grade", "inputs"];
        writeln!(text, "## {subject}: {} tables\n", tables.len()).expect("text takes text");
        writeln!(text, "| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len()))
            .expect("text takes text");
        for table in tables {
            writeln!(text, "{}", line(table)).expect("text takes text");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

#[test]
fn the_list_of_subject_tables_is_that_of_the_declarations() {
    let path = root().join("docs/subjects.md");
    let expected = list();
    if std::env::var_os("HUILIU_WRITE_SUBJECTS").is_some() {
        std::fs::write(&path, &expected).expect("the list is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the list is committed");
    assert!(committed == expected, "docs/subjects.md differs; see the head of this test");
}
