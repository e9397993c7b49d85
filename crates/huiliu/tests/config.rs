//! `huiliu config`: what applies and who says so, and files in their canonical form.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiliu"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    for name in ["HUILIU_CONFIG", "HUILIU_LAKE", "HUILIU_HOME", "HUILIU_PROTECTION"] {
        command.env_remove(name);
    }
    command.env("HUILIU_BOOTSTRAP_SERVERS", "kafka:9092").output().expect("the binary runs")
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("huiliu-config-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

#[test]
fn every_setting_tells_who_says_it_and_secrets_are_hidden() {
    let folder = folder("render");
    let text = "memory: {limit: 64MiB}\nprotection: keys\nkeys:\n  id: k1\n  token: {secret: \
                env:TOKEN}\n  encrypt: {secret: file:/nowhere}\n";
    std::fs::write(folder.join("huiliu.yaml"), text).expect("settings");
    let done = run(&folder, &["config", "render", "--lake", "s3://a/b", "--output", "json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let shown: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let of = |key: &str| {
        let all = shown["settings"].as_array().expect("a list");
        let found = all.iter().find(|entry| entry["key"] == key).expect("the setting");
        let part = |name: &str| found[name].as_str().unwrap_or("-").to_owned();
        [part("value"), part("reference"), part("from")]
    };
    assert_eq!(shown["format_version"], "1.0");
    assert_eq!(of("lake"), ["s3://a/b", "-", "flag --lake"]);
    let by_variable = ["kafka:9092", "-", "environment HUILIU_BOOTSTRAP_SERVERS"];
    assert_eq!(of("kafka.bootstrap_servers"), by_variable);
    assert_eq!(of("memory.limit"), ["64MiB", "-", "huiliu.yaml:1"]);
    assert_eq!(of("keys.token"), ["***", "env:TOKEN", "huiliu.yaml:5"]);
    assert_eq!(of("limits.nesting"), ["32", "-", "default"]);
    std::fs::remove_dir_all(folder).expect("it goes");
}

#[test]
fn the_files_of_the_project_are_in_canonical_form() {
    let done = run(&root(), &["config", "fmt", "--check"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!((done.status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn check_names_a_file_and_writes_nothing_and_without_it_the_file_is_written() {
    let folder = folder("fmt");
    let path = folder.join("huiliu.yaml");
    let text = "protection: plain # says all\nlake: l\n";
    std::fs::write(&path, text).expect("settings");
    let checked = run(&folder, &["config", "fmt", "--check", "huiliu.yaml"]);
    assert_eq!((checked.status.code(), &*checked.stdout), (Some(1), &b"huiliu.yaml\n"[..]));
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), text);
    let written = run(&folder, &["config", "fmt", "huiliu.yaml"]);
    assert_eq!(written.status.code(), Some(0));
    let expected = "lake: l\nprotection: plain  # says all\n";
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), expected);
    std::fs::remove_dir_all(folder).expect("it goes");
}

#[test]
fn the_schemas_that_are_printed_are_the_committed_ones() {
    for kind in ["huiliu", "dataset", "table", "subject"] {
        let done = run(&root(), &["config", "schema", kind]);
        let committed = std::fs::read(root().join(format!("schema/{kind}.schema.json")));
        assert_eq!(done.stdout, committed.expect("a schema"), "{kind}");
    }
}

#[test]
fn the_manual_has_a_page_for_the_program_and_for_each_verb() {
    let folder = folder("man");
    let done = run(&folder, &["man", "man1"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for (page, word) in
        [("huiliu.1", "Exit codes"), ("huiliu-run.1", "once"), ("huiliu-config-fmt.1", "canonical")]
    {
        let text = std::fs::read_to_string(folder.join("man1").join(page)).expect("a page");
        assert!(text.contains(".TH") && text.contains(word), "{page}");
    }
    std::fs::remove_dir_all(folder).expect("it goes");
}
