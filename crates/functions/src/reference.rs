//! The reference of the functions, as `docs/functions.md` holds it.

use crate::entry::{Kind, entries};
use std::collections::BTreeMap;
use std::fmt::Write;

const HEAD: &str = "\
# SQL functions

Beside DataFusion's own, these functions work in `huiliu query`, in the queries and checks of
subject tables, and in their tests. They are the rules of ingestion: what a pipeline accepts, they
accept. A null gives null. Every function is immutable, so `huiliu validate` lets subject tables
use it. Dates may be written as text (`'2020-12-31'`).

| function | gives | |
|---|---|---|
";

/// The whole page in Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let cell = |text: &str| text.replace('|', "\\|");
    // Writing to a string does not fail.
    for entry in entries() {
        let (call, result) = entry.example;
        let (signature, kind) = (entry.signature(), entry.returns.label());
        let says = cell(entry.says);
        let _ = writeln!(page, "| `{signature}` | {kind} | {says}. `{call}` → `{result}` |");
    }
    page.push_str("\nA position has two fields: `gcj02_to_wgs84(x, y)['longitude']`.\n");
    let mut words = BTreeMap::new();
    for (name, kind) in entries().flat_map(|entry| entry.arguments) {
        if let Some(list) = kind.words() {
            words.entry(label(*kind)).or_insert((name, list));
        }
    }
    for (title, (_, list)) in words {
        let _ = write!(page, "\n## {title}\n\n");
        page.push_str(&wrapped(&list));
    }
    page
}

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Rule => "Rules",
        Kind::List => "Code lists",
        _ => "Masks",
    }
}

/// Words in code type, in lines of at most a hundred columns.
fn wrapped(words: &[&str]) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for (index, word) in words.iter().enumerate() {
        let end = if index + 1 == words.len() { ".\n" } else { "," };
        let part = format!("`{word}`{end}");
        if width + part.len() + 1 > 99 {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        width += part.len();
        text.push_str(&part);
    }
    text
}
