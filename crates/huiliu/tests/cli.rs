//! The binary as scripts meet it, for the verbs that need neither broker nor lake.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The project's own folder.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

/// A folder of one test, gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("huiliu-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiliu"));
    command.args(arguments).current_dir(project()).env("NO_COLOR", "1");
    for name in ["HUILIU_CONFIG", "HUILIU_LAKE", "HUILIU_HOME", "HUILIU_PROTECTION"] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        // A verb that reads no input closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("the binary ends");
    feed.join().expect("feeding ends");
    output
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

#[test]
fn rule_answers_with_one_object_per_value() {
    // Printed in GB 32100-2015; the second has another check character.
    let values = ["91350100M000100Y43", "91350100m000100y4-3", "91350100M000100Y44"];
    let mut arguments = vec!["rule", "uscc", "--output", "ndjson"];
    arguments.extend(values);
    let output = run(&arguments, b"");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).expect("json")).collect();
    let fields = |i: usize| (&found[i]["outcome"], &found[i]["value"], &found[i]["reason"]);
    let code = serde_json::json!("91350100M000100Y43");
    assert_eq!(fields(0), (&"ok".into(), &code, &serde_json::Value::Null));
    assert_eq!(fields(1).1, &code);
    assert_eq!(fields(2), (&"error".into(), &serde_json::Value::Null, &"CHECKSUM".into()));
    assert!(found.iter().zip(values).all(|(object, value)| object["input"] == value));
}

#[test]
fn rule_streams_standard_input() {
    let lines = "91350100M000100Y43\n".repeat(200_000);
    let output = run(&["rule", "uscc", "--output", "ndjson"], lines.as_bytes());
    assert_eq!(stdout(&output).lines().count(), 200_000);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = command(&["rule", "text", "--output", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("piped");
    let _ = stdin.write_all("x\n".repeat(100_000).as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[test]
fn an_unknown_rule_is_a_usage_error_that_names_a_near_one() {
    let output = run(&["rule", "resident"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("resident_id"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

#[test]
fn the_rules_of_the_domain_are_listed() {
    let output = run(&["rule", "--list"], b"");
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let listed: Vec<String> = stdout(&output).lines().filter_map(first).collect();
    for name in ["uscc", "org_code", "business_reg_no", "resident_id", "elicence_id"] {
        assert!(listed.iter().any(|listed| listed == name), "{name}");
    }
}

#[test]
fn event_dates_decide_whether_a_birth_lies_in_the_future() {
    // Printed in GB 11643-1999: born on 1949-12-31.
    let judged = |date| {
        let id = "11010519491231002X";
        let output =
            run(&["rule", "resident_id", id, "--event-date", date, "--output", "ndjson"], b"");
        let found: serde_json::Value = serde_json::from_str(stdout(&output)).expect("json");
        found["reason"].clone()
    };
    assert_eq!(judged("2020-12-31"), serde_json::Value::Null);
    assert_eq!(judged("1949-12-30"), "BIRTH_FUTURE");
}

#[test]
fn version_is_a_document_for_programs() {
    let output = run(&["version", "--output", "json"], b"");
    let version: serde_json::Value = serde_json::from_str(stdout(&output)).expect("json");
    assert_eq!(version["format_version"], "1.0");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(stdout(&run(&["version"], b"")).starts_with("huiliu "));
}

#[test]
fn completions_name_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell], b"");
        for verb in ["demo", "validate", "run", "refresh", "query", "status", "rule", "generate"] {
            assert!(stdout(&output).contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn misuse_leaves_with_2_and_says_nothing_on_standard_output() {
    for arguments in [&["refesh"][..], &["run", "--onec"], &[], &["refresh", "--as-of", "now"]] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_project_is_valid() {
    let output = run(&["validate", "--output", "json"], b"");
    let report: serde_json::Value = serde_json::from_str(stdout(&output)).expect("json");
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["valid"], true);
    assert!(report["datasets"].as_u64() >= Some(11), "{report:#}");
    assert!(report["tables"].as_u64() >= Some(2), "{report:#}");
}

#[test]
fn a_bad_file_is_shown_with_its_line_and_leaves_with_78() {
    let folder = Folder::new("bad-file");
    let good = std::fs::read_to_string(project().join("pipelines/feed/water_bill.yaml"));
    let bad = good.expect("the pipeline").replace("\nkey:", "\nkye:");
    let path = folder.0.join("water_bill.yaml");
    std::fs::write(&path, &bad).expect("written");
    let line = bad.lines().position(|l| l.starts_with("kye:")).expect("replaced") + 1;

    let output = run(&["validate", &path.to_string_lossy()], b"");
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(stdout(&output), "");
    let said = stderr(&output);
    for part in [&format!("water_bill.yaml:{line}:1"), "| kye: [account_no", "help: did you mean"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }

    let output = run(&["validate", &path.to_string_lossy(), "--output", "json"], b"");
    assert_eq!(output.status.code(), Some(78));
    let report: serde_json::Value = serde_json::from_str(stdout(&output)).expect("json");
    assert_eq!(report["valid"], false);
    assert!(
        report["diagnostics"].as_array().expect("a list").iter().any(|d| d["line"] == line),
        "{report:#}"
    );
}

#[test]
fn a_lake_that_is_not_there_is_named_and_not_made() {
    let folder = Folder::new("no-lake");
    let lake = folder.0.join("no-such-lake");
    let output = run(&["query", "SELECT 1", "--lake", &lake.to_string_lossy()], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("no-such-lake"), "{}", stderr(&output));
    assert!(!lake.exists());
}

#[test]
fn a_run_without_a_broker_or_protection_says_what_is_missing() {
    let output = run(&["run", "--once"], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("protection"), "{}", stderr(&output));
    let output = run(&["run", "--once", "--protection", "plain"], b"");
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("--bootstrap-servers"), "{}", stderr(&output));
}
