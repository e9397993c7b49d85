//! `subject.yaml`: a subject that is off, why, and what the settings say over it.

use huiliu_spec::{Project, Settings};
use std::fs;
use std::path::Path;

const DATASET: &str = "dataset: le_entity\ntitle: 法人\nprovider: 市市场监管局\ngroup: base\n\
source: {kafka_topic: base.le.entity, format: huiliu_json}\nmode: cdc\nkey: [uscc]\n\
columns:\n  - {name: uscc, title: 代码, type: string, required: true, rule: uscc, grade: L1}\n";
const TABLE: &str = "title: 画像\ntitle_en: Profile\ngrain: one row per uscc\nkey: [uscc]\n\
inputs:\n  - {dataset: le_entity, by: uscc}\n\
columns:\n  - {name: uscc, type: string, title: 代码, title_en: Code, grade: L1}\n";
const OFF: &str =
    "title: 防控\ntitle_en: Watch\nenabled: false\nwhy: an emergency alone allows it\n";

/// A project of the subjects `watch` and `credit`, with this file for `watch`.
fn project(subject: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("pipelines/base/le_entity.yaml", DATASET);
    for name in ["watch", "credit"] {
        write(&format!("sql/{name}/profile/table.yaml"), TABLE);
        write(&format!("sql/{name}/profile/query.sql"), "SELECT uscc FROM le_entity\n");
    }
    write("sql/watch/subject.yaml", subject);
    folder
}

fn load(folder: &Path, settings: &str) -> Result<Project, Vec<String>> {
    let settings = Settings::parse(&folder.join("huiliu.yaml"), settings).expect("sound settings");
    Project::load(&settings).map_err(|found| {
        let line = |d: &huiliu_spec::Diagnostic| {
            let file = d.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let code = d.code.as_str().replace("HUILIU-CFG-", "");
            format!("{file}:{}:{} {code} {}", d.line, d.column, d.message)
        };
        found.iter().map(line).collect()
    })
}

/// Tables that are built, and the reasons of those that are not.
fn built(folder: &Path, settings: &str) -> (Vec<String>, Vec<(String, String)>) {
    let project = load(folder, settings).expect("a sound project");
    let all: Vec<_> = project.tables.iter().map(|t| t.full_name()).collect();
    assert_eq!(all, ["credit.profile", "watch.profile"], "all are read and planned");
    (project.built_tables().map(|t| t.full_name()).collect(), project.off.into_iter().collect())
}

fn pair(subject: &str, why: &str) -> (String, String) {
    (subject.to_owned(), why.to_owned())
}

#[test]
fn a_subject_is_off_by_its_own_file_until_the_settings_turn_it_on() {
    let folder = project(OFF);
    let (tables, off) = built(folder.path(), "protection: plain\n");
    assert_eq!(tables, ["credit.profile"]);
    assert_eq!(off, [pair("watch", "an emergency alone allows it")]);
    let (tables, off) = built(folder.path(), "subjects: {watch: {enabled: true}}\n");
    assert_eq!(tables, ["credit.profile", "watch.profile"]);
    assert_eq!(off, []);
}

#[test]
fn the_settings_turn_off_what_is_on_and_keep_the_reason_of_what_is_off() {
    let folder = project(OFF);
    let settings = "subjects: {watch: {enabled: false}, credit: {enabled: false}}\n";
    let (tables, off) = built(folder.path(), settings);
    assert_eq!(tables, Vec::<String>::new());
    let credit = pair("credit", "the settings turn it off");
    assert_eq!(off, [credit, pair("watch", "an emergency alone allows it")]);
}

#[test]
fn a_file_without_a_word_leaves_the_subject_on() {
    let folder = project("title: 防控\ntitle_en: Watch\n");
    let project = load(folder.path(), "protection: plain\n").expect("a sound project");
    assert_eq!(project.built_tables().count(), 2);
    assert_eq!(project.subjects[0].title_en, "Watch");
}

#[test]
fn off_without_a_reason_and_a_reason_without_off_are_found() {
    let found = |subject: &str| {
        let folder = project(subject);
        load(folder.path(), "protection: plain\n").expect_err("something is wrong")
    };
    let head = "title: 防控\ntitle_en: Watch\n";
    assert_eq!(
        found(&format!("{head}enabled: false\n")),
        ["subject.yaml:3:10 0005 a subject that is off says why"]
    );
    assert_eq!(
        found(&format!("{head}why: so\n")),
        ["subject.yaml:3:6 0023 `why` belongs to a subject with `enabled: false`"]
    );
    assert_eq!(found("title: 防控\n"), ["subject.yaml:1:1 0005 subject has no `title_en`"]);
}

#[test]
fn settings_that_name_no_subject_are_found() {
    let folder = project(OFF);
    let found = load(folder.path(), "subjects: {wach: {enabled: true}}\n").expect_err("misspelt");
    assert_eq!(found, ["huiliu.yaml:0:0 0007 `subjects` names `wach`, which has no table"]);
}
