//! Pipeline files: `pipelines/<group>/<dataset>.yaml` to [`Contract`].
//!
//! Owns the shape of the file and every rule about a single one of them. What concerns several
//! files (two datasets of one name) is the project's.

mod checks;
mod columns;
mod encoding;
mod file;
mod rules;
mod types;

pub(crate) use columns::check_name;
pub(crate) use file::{DatasetFile, FreshnessFile, GradeWord};

use crate::diagnostic::{Code, Diagnostic, Findings};
use crate::read::{self, Read};
use crate::tree::{self, At};
use columns::Known;
use file::{DriftFile, LandFile, OnDriftWord, QualityFile, SourceFile};
use huiliu_model::contract::{Contract, Freshness, Land, StopIf};
use huiliu_model::topics::KAFKA_TOPIC_CHARS_MAX;
use huiliu_model::{DriftPolicy, KafkaTopics, OnDrift, TopicPattern};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

/// Buckets of a dataset that does not say: 35 million rows are 2 million a bucket.
const BUCKETS_DEFAULT: u32 = 16;
/// A bucket is a directory and a unit of work; more than this costs more than it saves.
pub(crate) const BUCKETS: RangeInclusive<u32> = 1..=4096;

/// What a pipeline file declares, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub dataset: Option<(String, At)>,
    pub kafka_topics: Option<(KafkaTopics, At)>,
    pub contract: Option<Contract>,
    /// For each check of the contract, where it names another dataset and its columns.
    pub check_places: Vec<(At, At)>,
}

/// Parses one pipeline file. The path is for messages and for the names it must agree with.
///
/// # Errors
/// All that is wrong in the file.
pub fn parse(path: &Path, text: &str) -> Result<Contract, Vec<Diagnostic>> {
    let findings = Findings::new(path);
    let draft = draft(text, &findings);
    let found = findings.into_sorted();
    match draft.contract {
        Some(contract) if found.is_empty() => Ok(contract),
        _ => Err(found),
    }
}

/// Reads a file as far as it goes; there is a contract only when nothing was found.
pub(crate) fn draft(text: &str, findings: &Findings) -> Draft {
    let Some(node) = tree::parse(text, findings) else { return Draft::default() };
    let Some(file) = read::read::<DatasetFile>(&node, findings).value else {
        return Draft::default();
    };
    let declared = |read: &Read<String>| read.value.clone().map(|text| (text, read.at));
    let kafka_topics = file.source.get().and_then(|s| kafka_topics(s, file.source.at, findings));
    let (contract, check_places) = build(&file, kafka_topics.as_ref(), findings)
        .filter(|_| findings.is_empty())
        .map_or((None, Vec::new()), |(contract, places)| (Some(contract), places));
    Draft { check_places, dataset: declared(&file.dataset), kafka_topics, contract }
}

/// The contract, and the places of its checks.
fn build(
    file: &DatasetFile,
    kafka_topics: Option<&(KafkaTopics, At)>,
    findings: &Findings,
) -> Option<(Contract, Vec<(At, At)>)> {
    check_place(file, findings);
    let known = match file.columns.get() {
        Some(columns) => columns::survey(columns, findings),
        None => Vec::new(),
    };
    if known.is_empty() && file.columns.value.is_some() {
        findings.add(Code::Empty, file.columns.at, "the dataset has no columns");
    }
    let key = key_columns(&file.key, &known, findings);
    let bucket_by = bucket_columns(file, &key, &known, findings);
    let mut columns: Vec<_> = (0..known.len())
        .map(|index| columns::build(index, &known, key.contains(&index), findings))
        .collect();
    check_stored_names(&columns, &known, findings);
    encoding::fields_once(&columns, &known, findings);
    if let Some(source) = file.source.get() {
        encoding::of_source(source, &mut columns, findings);
    }
    let checks = checks::build(file.checks.as_ref(), &known, findings);
    let places = checks.iter().map(|placed| (placed.to, placed.columns)).collect();
    let source = file.source.get();
    let title = text(&file.title, "title", findings);
    let provider = text(&file.provider, "provider", findings);
    let buckets = in_range(file.buckets.as_ref(), BUCKETS, BUCKETS_DEFAULT, "buckets", findings);
    let stop_if = optional(file.quality.as_ref()).and_then(|q| stop_if(q, findings));
    let land = optional(file.land.as_ref()).map_or_else(Land::default, |l| land(l, findings));
    let freshness = freshness(file.freshness.as_ref(), Freshness::default(), findings);
    let contract = Contract {
        dataset: file.dataset.text()?.into(),
        title: title?,
        provider: provider?,
        group: file.group.get()?.meaning(),
        cycle: optional(file.cycle.as_ref()).cloned(),
        kafka_topics: kafka_topics?.0.clone(),
        format: source?.format.get()?.meaning(),
        epoch: optional(source?.epoch.as_ref()).copied().unwrap_or_default(),
        mode: file.mode.get()?.meaning(),
        columns: columns.into_iter().collect::<Option<_>>()?,
        key,
        bucket_by,
        buckets,
        checks: checks.into_iter().map(|placed| placed.check).collect(),
        stop_if,
        drift: optional(file.drift.as_ref()).map_or_else(DriftPolicy::default, drift),
        land,
        freshness,
    };
    Some((contract, places))
}

/// The value of a key that may be left out.
pub(crate) fn optional<T>(read: Option<&Read<T>>) -> Option<&T> {
    read.and_then(Read::get)
}

/// Text that must not be empty.
pub(crate) fn text(read: &Read<String>, what: &str, findings: &Findings) -> Option<String> {
    let text = read.text()?.trim();
    if text.is_empty() {
        findings.add(Code::Empty, read.at, format!("the {what} is empty"));
        return None;
    }
    Some(text.to_owned())
}

/// A number within bounds, or its default.
pub(crate) fn in_range(
    read: Option<&Read<u32>>,
    range: RangeInclusive<u32>,
    default: u32,
    what: &str,
    findings: &Findings,
) -> u32 {
    let Some(read) = read else { return default };
    let Some(&value) = read.get() else { return default };
    if !range.contains(&value) {
        let message = format!("{what} is {value}, outside {} to {}", range.start(), range.end());
        findings.add(Code::OutOfRange, read.at, message);
    }
    value
}

fn check_place(file: &DatasetFile, findings: &Findings) {
    if let Some(dataset) = file.dataset.text() {
        check_name(dataset, file.dataset.at, "dataset", findings);
        if !findings.is_placed {
            return;
        }
        let stem = findings.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        if let Some(stem) = stem.filter(|stem| stem != dataset) {
            let message = format!("dataset `{dataset}` is in a file named `{stem}`");
            let help = format!("name the file `{dataset}.yaml`");
            findings.add_with_help(Code::Misplaced, file.dataset.at, message, help);
        }
    }
    let Some(group) = file.group.get().map(|group| group.text()) else { return };
    let folder = findings.file.parent().and_then(Path::file_name);
    let folder = folder.map(|folder| folder.to_string_lossy().into_owned());
    if let Some(folder) = folder.filter(|folder| folder != group) {
        let message = format!("the dataset is of group `{group}` but lies in folder `{folder}`");
        findings.add(Code::Misplaced, file.group.at, message);
    }
}

/// What the dataset is read from, and where it says so.
fn kafka_topics(source: &SourceFile, at: At, findings: &Findings) -> Option<(KafkaTopics, At)> {
    match (&source.kafka_topic, &source.kafka_topic_pattern) {
        (None, None) => {
            let help = "name one, or all that match with `kafka_topic_pattern`";
            findings.add_with_help(Code::MissingKey, at, "source has no `kafka_topic`", help);
            None
        }
        (Some(_), Some(pattern)) => {
            let message = "source has both `kafka_topic` and `kafka_topic_pattern`";
            findings.add_with_help(Code::Conflict, pattern.at, message, "remove one of them");
            None
        }
        (Some(name), None) => kafka_topic(name, findings),
        (None, Some(pattern)) => kafka_topic_pattern(pattern, findings),
    }
}

fn kafka_topic(read: &Read<String>, findings: &Findings) -> Option<(KafkaTopics, At)> {
    let name = read.text()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=KAFKA_TOPIC_CHARS_MAX).contains(&name.len()) && name.chars().all(legal);
    if !fits || name == "." || name == ".." {
        let message = format!("`{name}` is no name of a Kafka topic");
        let help = match name.starts_with('^') {
            true => "a pattern is written as `kafka_topic_pattern`",
            false => "up to 249 of `a-z A-Z 0-9 . _ -`",
        };
        findings.add_with_help(Code::BadName, read.at, message, help);
    }
    Some((name.into(), read.at))
}

fn kafka_topic_pattern(read: &Read<String>, findings: &Findings) -> Option<(KafkaTopics, At)> {
    let text = read.text()?;
    match TopicPattern::parse(text) {
        Ok(pattern) => Some((KafkaTopics::Matching(pattern), read.at)),
        Err(why) => {
            let message = format!("kafka_topic_pattern `{text}` {why}");
            let help = r"for example '^feed\.water\.bill(\.[a-z]+)?$', in single quotes";
            findings.add_with_help(Code::BadPattern, read.at, message, help);
            None
        }
    }
}

fn key_columns(
    key: &Read<Vec<Read<String>>>,
    known: &[Known<'_>],
    findings: &Findings,
) -> Vec<usize> {
    let Some(names) = key.get() else { return Vec::new() };
    if names.is_empty() {
        findings.add(Code::BadKey, key.at, "the key has no columns");
    }
    let mut indices = Vec::with_capacity(names.len());
    for read in names {
        let Some(name) = read.text() else { continue };
        let Some(index) = known.iter().position(|column| column.name == name) else {
            let message = format!("key column `{name}` is not among the columns");
            let names = known.iter().map(|column| column.name);
            let help = crate::diagnostic::did_you_mean(name, names);
            findings.push(Code::BadKey, read.at, message, help);
            continue;
        };
        if indices.contains(&index) {
            findings.add(Code::BadKey, read.at, format!("key column `{name}` is named twice"));
            continue;
        }
        if !known[index].required {
            let message = format!("key column `{name}` is not required");
            let help = format!("add `required: true` to column `{name}`");
            findings.add_with_help(Code::BadKey, read.at, message, help);
        }
        indices.push(index);
    }
    indices
}

fn bucket_columns(
    file: &DatasetFile,
    key: &[usize],
    known: &[Known<'_>],
    findings: &Findings,
) -> Vec<usize> {
    let Some(read) = &file.bucket_by else { return key.to_vec() };
    let Some(names) = read.get() else { return key.to_vec() };
    if names.is_empty() {
        findings.add(Code::BadKey, read.at, "`bucket_by` has no columns");
    }
    let mut indices = Vec::with_capacity(names.len());
    for read in names {
        let Some(name) = read.text() else { continue };
        match key.iter().find(|index| known[**index].name == name) {
            Some(index) if indices.contains(index) => {
                let message = format!("bucket column `{name}` is named twice");
                findings.add(Code::BadKey, read.at, message);
            }
            Some(index) => indices.push(*index),
            None => {
                let message = format!("bucket column `{name}` is not in the key");
                let help = "a row must never move between buckets";
                findings.add_with_help(Code::BadKey, read.at, message, help);
            }
        }
    }
    indices
}

/// Refuses a column that bears the name under which another's encrypted value is stored.
fn check_stored_names(
    columns: &[Option<huiliu_model::Column>],
    known: &[Known<'_>],
    findings: &Findings,
) {
    use huiliu_model::Protect;
    for column in columns.iter().flatten() {
        if !matches!(column.protect, Protect::Token { .. } | Protect::Encrypt) {
            continue;
        }
        let stored = format!("{}_enc", column.name);
        if let Some(other) = known.iter().find(|other| other.name == stored) {
            let message =
                format!("column `{stored}` has the name of the encrypted `{}`", column.name);
            findings.add(Code::Duplicate, other.at, message);
        }
    }
}

fn stop_if(quality: &QualityFile, findings: &Findings) -> Option<StopIf> {
    let file = optional(quality.stop_if.as_ref())?;
    let of_last = *file.of_last.get()?;
    if of_last == 0 || of_last > StopIf::OF_LAST_MAX {
        let message =
            format!("`of_last` is {of_last} records, outside 1 to {}", StopIf::OF_LAST_MAX);
        findings.add(Code::OutOfRange, file.of_last.at, message);
    }
    Some(StopIf { rejects_over: file.rejects_over.get()?.0, of_last })
}

fn drift(file: &DriftFile) -> DriftPolicy {
    let word = |read: Option<&Read<OnDriftWord>>| {
        optional(read).map_or(OnDrift::Ignore, |word| word.meaning())
    };
    DriftPolicy {
        added: optional(file.added.as_ref()).map_or(OnDrift::Ignore, |word| word.meaning()),
        dropped: word(file.dropped.as_ref()),
        retyped: word(file.retyped.as_ref()),
        widened: word(file.widened.as_ref()),
    }
}

fn land(file: &LandFile, findings: &Findings) -> Land {
    let default = Land::default();
    let day = Duration::from_secs(86_400);
    let span = |read: Option<&Read<crate::units::Span>>, least, most, default, what| {
        let Some(read) = read else { return default };
        let Some(span) = read.get() else { return default };
        if span.0 < least || span.0 > most {
            let message = format!("`{what}` is {:?}, outside {least:?} to {most:?}", span.0);
            findings.add(Code::OutOfRange, read.at, message);
        }
        span.0
    };
    let count = |at: At, value: u64, least: u64, what: &str| {
        if value < least {
            findings.add(Code::OutOfRange, at, format!("`{what}` is {value}, below {least}"));
        }
        value
    };
    let bytes = |read: Option<&Read<crate::units::Bytes>>, least, what: &str| {
        let read = read?;
        read.get().map(|bytes| count(read.at, bytes.0, least, what))
    };
    let rows = file
        .commit_rows
        .as_ref()
        .and_then(|read| read.get().map(|rows| count(read.at, *rows, 1, "commit_rows")));
    let memory = bytes(file.commit_bytes.as_ref(), 64 << 10, "commit_bytes");
    Land {
        // A commit a tenth of a second apart already makes 864,000 log entries a day.
        commit_every: span(
            file.commit_every.as_ref(),
            Duration::from_millis(100),
            day,
            default.commit_every,
            "commit_every",
        ),
        commit_rows: rows.map_or(default.commit_rows, to_usize),
        commit_bytes: memory.map_or(default.commit_bytes, to_usize),
        file_target_bytes: bytes(file.file_target.as_ref(), 1 << 20, "file_target")
            .unwrap_or(default.file_target_bytes),
        // A late bill may come a year after its month; a day is the least a reader may lag.
        retain: span(file.retain.as_ref(), day, day * 36_500, default.retain, "retain"),
    }
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The freshness as declared, over a default.
pub(crate) fn freshness(
    read: Option<&Read<FreshnessFile>>,
    default: Freshness,
    findings: &Findings,
) -> Freshness {
    let Some(read) = read else { return default };
    let Some(file) = read.get() else { return default };
    let warn_after = optional(file.warn_after.as_ref()).map_or(default.warn_after, |span| span.0);
    let page_after = optional(file.page_after.as_ref())
        .map_or_else(|| default.page_after.max(warn_after), |span| span.0);
    if page_after < warn_after {
        let message = format!("pages after {page_after:?} but warns after {warn_after:?}");
        findings.add(Code::OutOfRange, read.at, message);
    }
    Freshness { warn_after, page_after }
}
