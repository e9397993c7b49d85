//! The proposal as a pipeline file, with its reasons as comments.

use crate::{Guess, Proposal};
use huiliu_model::contract::{Format, Grade, Group, Mode};
use std::fmt::Write;

pub(crate) fn group(group: Group) -> &'static str {
    match group {
        Group::Base => "base",
        Group::Feed => "feed",
        Group::Pool => "pool",
    }
}

fn format(format: Format) -> &'static str {
    match format {
        Format::HuiliuJson => "huiliu_json",
        Format::DebeziumJson => "debezium_json",
        Format::ConfluentAvro => "confluent_avro",
        Format::DebeziumAvro => "debezium_avro",
        Format::Json => "json",
    }
}

/// The whole file.
pub(crate) fn write(proposal: &Proposal) -> String {
    let ask = &proposal.ask;
    let title = ask.title.as_deref().unwrap_or(&ask.dataset);
    let kafka_topic = match ask.dataset.split_once('_') {
        Some((first, rest)) if ask.group != Group::Pool => {
            format!("{}.{first}.{rest}", group(ask.group))
        }
        _ => format!("{}.{}", group(ask.group), ask.dataset),
    };
    let key: Vec<&str> = proposal.key.iter().map(|i| proposal.columns[*i].name.as_str()).collect();
    let mode = match proposal.mode {
        Mode::Cdc => "cdc",
        Mode::Append => "append",
    };
    let mut text = String::new();
    let rows = proposal.row_count;
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "# yaml-language-server: $schema=../../schema/dataset.schema.json\n\
         # Proposed from {rows} sample rows. Check title, provider, kafka_topic, key and grades.\n\
         dataset: {}\n\
         title: {}\n\
         provider: 待确认  # the department that answers for the data\n\
         group: {}\n\
         source:\n  kafka_topic: {kafka_topic}  # guessed by the name of the dataset\n\
         \x20 format: {}\n\
         mode: {mode}  # {}\n\
         key: [{}]  # {}\n\
         columns:\n",
        ask.dataset,
        scalar(title),
        group(ask.group),
        format(ask.format),
        proposal.mode_why,
        key.join(", "),
        proposal.key_why,
    );
    for column in &proposal.columns {
        write_column(column, &mut text);
    }
    for (header, why) in &proposal.left_out {
        let header: String = header.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(text, "  # left out: field `{header}`: {why}");
    }
    text.push_str(
        "quality:\n  on_reject: quarantine\n  stop_if: {rejects_over: 20%, of_last: 10000}\n\
         land:\n  commit_every: 5s\n  file_target: 128MiB\n  retain: 400d\n",
    );
    text
}

fn write_column(column: &Guess, text: &mut String) {
    let mut why = column.why.join("; ");
    if column.grade < Grade::L3 && !column.examples.is_empty() {
        let examples: Vec<String> = column.examples.iter().map(|e| scalar(&short(e))).collect();
        let separator = if why.is_empty() { "" } else { "; " };
        let _ = write!(why, "{separator}for example {}", examples.join(", "));
    }
    if !why.is_empty() {
        let _ = writeln!(text, "  # {}: {why}", column.name);
    }
    let data_type = column.data_type.to_string();
    let data_type = if data_type.contains('(') { format!("\"{data_type}\"") } else { data_type };
    let _ = write!(text, "  - {{name: {}", column.name);
    if let Some(field) = &column.from {
        let _ = write!(text, ", from: {}", scalar(field));
    }
    let _ = write!(text, ", title: {}, type: {data_type}", scalar(&column.title));
    if column.is_required {
        text.push_str(", required: true");
    }
    match column.rules.as_slice() {
        [] => {}
        [rule] => {
            let _ = write!(text, ", rule: {rule}");
        }
        rules => {
            let _ = write!(text, ", rules: [{}]", rules.join(", "));
        }
    }
    if let Some(unit) = column.unit {
        let _ = write!(text, ", unit: {}", scalar(unit));
    }
    let _ = write!(text, ", grade: {:?}", column.grade);
    if let Some(protect) = &column.protect {
        let _ = write!(text, ", protect: {protect}");
    }
    text.push_str("}\n");
}

/// At most twenty characters of an example, on one line.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(20).collect()
}

/// A text as YAML takes it for one: quoted unless it is made of letters and a few signs.
fn scalar(text: &str) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '(' | ')' | '（' | '）' | '·');
    let starts = text.chars().next().is_some_and(|c| c.is_alphabetic());
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if starts && !is_word && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
