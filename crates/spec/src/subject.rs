//! `sql/<subject>/subject.yaml`: what a subject database is for, and whether it is built unless
//! the settings say otherwise. A subject without this file is built.
//!
//! A subject that is off has to say why: whoever misses its tables is told. Its tables are read
//! and planned all the same, so that they are sound on the day they are needed.

use crate::diagnostic::{Code, Diagnostic, Findings, did_you_mean};
use crate::pipeline::{optional, text};
use crate::read::{self, Read};
use crate::settings::Settings;
use crate::tree::{self, At};
use schemars::JsonSchema;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The file in the folder of a subject.
pub(crate) const SUBJECT_FILE: &str = "subject.yaml";
/// Why a subject is off that its own file leaves on.
const BY_SETTINGS: &str = "the settings turn it off";

/// One subject database: its names, and whether it is built.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "subject", deny_unknown_fields)]
pub(crate) struct SubjectFile {
    /// Meaning of the subject in Chinese.
    pub title: Read<String>,
    /// Meaning of the subject in English.
    pub title_en: Read<String>,
    /// Whether its tables are built unless `subjects:` of huiliu.yaml says otherwise. Default true.
    pub enabled: Option<Read<bool>>,
    /// Why it is off unless the settings turn it on; told to whoever asks for its tables.
    pub why: Option<Read<String>>,
}

/// A subject database that has a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectSpec {
    pub name: String,
    pub title: String,
    pub title_en: String,
    /// Why it is off unless the settings turn it on; none for a subject that is on.
    pub off: Option<String>,
}

/// Reads the subject files and appends what is wrong in them.
pub(crate) fn subjects(
    files: &[(PathBuf, String)],
    found: &mut Vec<Diagnostic>,
) -> Vec<SubjectSpec> {
    let mut subjects = Vec::new();
    for (path, text) in files {
        let findings = Findings::new(path);
        let spec = tree::parse(text, &findings)
            .and_then(|node| read::read::<SubjectFile>(&node, &findings).value)
            .and_then(|file| spec(&file, path, &findings));
        let findings = findings.into_sorted();
        subjects.extend(spec.filter(|_| findings.is_empty()));
        found.extend(findings);
    }
    subjects
}

fn spec(file: &SubjectFile, path: &Path, findings: &Findings) -> Option<SubjectSpec> {
    let name = path.parent().and_then(Path::file_name)?.to_string_lossy().into_owned();
    let why = file.why.as_ref().and_then(|why| text(why, "reason", findings));
    let off = match (optional(file.enabled.as_ref()), why) {
        (Some(false), Some(why)) => Some(why),
        (Some(false), None) => {
            let at = file.enabled.as_ref().map_or(At::default(), |enabled| enabled.at);
            let help = "add `why:`; whoever asks for its tables is told";
            findings.add_with_help(Code::MissingKey, at, "a subject that is off says why", help);
            None
        }
        (_, Some(_)) => {
            let at = file.why.as_ref().map_or(At::default(), |why| why.at);
            findings.add(Code::Conflict, at, "`why` belongs to a subject with `enabled: false`");
            None
        }
        (_, None) => None,
    };
    let title = text(&file.title, "title", findings)?;
    let title_en = text(&file.title_en, "English title", findings)?;
    Some(SubjectSpec { name, title, title_en, off })
}

/// Subjects that are not built under these settings, and why.
pub(crate) fn off(specs: &[SubjectSpec], settings: &Settings) -> BTreeMap<String, String> {
    let mut off: BTreeMap<String, String> =
        specs.iter().filter_map(|spec| Some((spec.name.clone(), spec.off.clone()?))).collect();
    for (name, enabled) in &settings.subjects {
        if *enabled {
            off.remove(name);
        } else {
            off.entry(name.clone()).or_insert_with(|| BY_SETTINGS.to_owned());
        }
    }
    off
}

/// Reports subjects of the settings that have no table.
pub(crate) fn check_names(
    settings: &Settings,
    known: &BTreeSet<&str>,
    found: &mut Vec<Diagnostic>,
) {
    let file = settings.file.clone().unwrap_or_else(|| PathBuf::from("huiliu.yaml"));
    for name in settings.subjects.keys().filter(|name| !known.contains(name.as_str())) {
        let message = format!("`subjects` names `{name}`, which has no table");
        let mut finding = Diagnostic::of_file(Code::UnknownWord, &file, message);
        finding.help = did_you_mean(name, known.iter().copied());
        found.push(finding);
    }
}
