//! Codes of errors, their pages and the source agree; `explain-error` shows what is there.

use huiliu_model::code;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Code of what the planner finds; it is the binary's own.
const PLANNING: &str = "HUILIU-SQL-0001";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

fn codes() -> BTreeSet<String> {
    let classes = code::CLASSES.iter().map(|class| class.code);
    let own = code::OWN.iter().copied().chain([code::BUG, PLANNING]);
    let files = huiliu_spec::Code::ALL.iter().map(|code| code.as_str());
    classes.chain(own).chain(files).map(str::to_owned).collect()
}

fn explain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiliu"));
    command.arg("explain-error").args(arguments).env("NO_COLOR", "1");
    // Offline, and outside of any project.
    command.current_dir(std::env::temp_dir()).output().expect("the binary runs")
}

/// Sources of a crate without white space, its tests left out.
fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&source(&path));
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let read = std::fs::read_to_string(&path).expect("a source");
            let product = read.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            text.extend(product.chars().filter(|c| !c.is_whitespace()));
        }
    }
    text
}

/// Kinds of which a crate makes errors, by name.
fn made(text: &str) -> BTreeSet<&str> {
    let starts = ["Error::new(ErrorKind::", "=>ErrorKind::", "=>{ErrorKind::", "=>(ErrorKind::"];
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let after = |start: &'static str| text.split(start).skip(1);
    let kinds = starts.into_iter().flat_map(after);
    kinds.map(|rest| rest.split(ends).next().unwrap_or_default()).collect()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let folder = root().join("docs/errors");
    let entries = std::fs::read_dir(&folder).expect("docs/errors");
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let pages: BTreeSet<String> =
        entries.filter_map(|entry| stem(entry.expect("an entry").path())).collect();
    assert_eq!(pages, codes());
    for code in pages {
        let text = std::fs::read_to_string(folder.join(format!("{code}.md"))).expect("a page");
        assert!(text.starts_with(&format!("# {code}: ")), "{code}: its heading");
        for part in ["\nExit code ", "\n## Meaning\n", "\n## Typical causes\n", "\n## Remedy\n"] {
            assert!(text.contains(part), "{code} lacks {part:?}");
        }
    }
}

#[test]
fn every_class_is_made_in_its_room_and_every_room_has_its_classes() {
    let crates = root().join("crates");
    for room in ["huiliu", "kafka", "registry", "files", "normalise", "ingest", "lake", "subject"] {
        let text = source(&crates.join(room).join("src"));
        let mut made: BTreeSet<String> = made(&text).into_iter().map(str::to_owned).collect();
        // Bugs have one code in every room.
        made.remove("Bug");
        let listed = code::CLASSES.iter().filter(|class| class.room == room);
        let listed: BTreeSet<String> = listed.map(|class| format!("{:?}", class.kind)).collect();
        assert_eq!(made, listed, "{room}: made in the source, listed in the catalogue");
    }
}

#[test]
fn codes_that_errors_say_themselves_are_said_somewhere() {
    let crates = root().join("crates");
    let rooms = ["huiliu", "kafka", "lake", "subject"];
    let text: String = rooms.iter().map(|room| source(&crates.join(room).join("src"))).collect();
    let catalogue = source(&crates.join("model/src"));
    for own in code::OWN {
        let (before, _) = catalogue.split_once(&format!(":&str=\"{own}\"")).expect("a constant");
        let name = before.rsplit("const").next().unwrap_or_default();
        assert!(text.contains(&format!("code::{name}")), "{own} ({name}) is never said");
    }
    let spec = source(&crates.join("spec/src"));
    for code in huiliu_spec::Code::ALL {
        assert!(spec.contains(&format!("Code::{code:?}")), "{code} is never found");
    }
}

#[test]
fn a_code_is_explained_offline_and_all_are_listed() {
    let shown = explain(&["kafka-0001"]);
    assert!(shown.status.success());
    let page = root().join("docs/errors/HUILIU-KAFKA-0001.md");
    assert_eq!(shown.stdout, std::fs::read(page).expect("a page"));
    let listed = explain(&["--output", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["format_version"], "1.0");
    assert_eq!(listed["codes"].as_array().map(Vec::len), Some(codes().len()));
    let unknown = explain(&["HUILIU-KAFKA-0007"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).expect("text");
    assert!(said.starts_with("error[HUILIU-CLI-0010]: "), "{said}");
    assert!(said.contains("did you mean `HUILIU-KAFKA-000"), "{said}");
}

#[test]
fn an_error_is_printed_with_the_code_of_its_room() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiliu"));
    command.args(["status", "--lake", "nowhere/at/all"]).current_dir(root());
    let said = command.env("NO_COLOR", "1").output().expect("the binary runs").stderr;
    let said = String::from_utf8(said).expect("text");
    assert!(said.starts_with("error[HUILIU-CLI-0101]: there is no lake"), "{said}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiliu"));
    let misuse = command.args(["status", "--ofline"]).output().expect("the binary runs").stderr;
    let said = String::from_utf8(misuse).expect("text");
    assert!(said.starts_with("error[HUILIU-CLI-0010]: unexpected argument"), "{said}");
}
