//! Banned calls and borrowed crates, found in the tokens, so that macros hide nothing.
//!
//! Code that is compiled for tests only may read the machine's clock: a deadline in a test is
//! not behaviour of the product.

use crate::manifest::OWNED;
use crate::source::Parsed;
use crate::tree::Source;
use crate::{Rule, Violation};
use proc_macro2::{TokenStream, TokenTree};
use std::str::FromStr;

/// The one module that reads the machine's clock.
const CLOCK: &str = "crates/model/src/clock.rs";

/// Ends of paths that are refused, and what to do instead.
const BANNED: [(&[&str], &str); 9] = [
    (&["SystemTime", "now"], "time comes from model::Clock"),
    (&["Instant", "now"], "time comes from model::Clock"),
    (&["Utc", "now"], "time comes from model::Clock"),
    (&["Local", "now"], "time comes from model::Clock"),
    (&["Uuid", "new_v4"], "ids come from one injected source"),
    (&["rand", "rng"], "randomness comes from one injected seed"),
    (&["rand", "random"], "randomness comes from one injected seed"),
    (&["tokio", "spawn"], "tasks are spawned in a JoinSet or by the run helper"),
    (&["task", "spawn"], "tasks are spawned in a JoinSet or by the run helper"),
];

/// A path in the source, `a::b::c`, with the line of its last segment.
struct Path {
    segments: Vec<String>,
    line: usize,
}

pub fn check(source: &Source, parsed: &Parsed, found: &mut Vec<Violation>) {
    let Ok(stream) = TokenStream::from_str(&source.text) else { return };
    let mut paths = Vec::new();
    collect(stream, &mut paths);
    let package = source.package().strip_prefix("crates/");
    for path in &paths {
        let mut push = |rule, message| {
            let (file, line) = (source.path.clone(), path.line);
            found.push(Violation { rule, file, line, message });
        };
        if let (Some(package), Some(first)) = (package, path.segments.first())
            && let Some((library, owner)) =
                OWNED.iter().find(|(library, _)| library.replace('-', "_") == *first)
            && *owner != package
            && path.segments.len() > 1
        {
            push(Rule::OwnedCrate, format!("only `{owner}` names `{library}`"));
        }
        let in_test = source.is_test() || parsed.test_lines.iter().any(|r| r.contains(&path.line));
        if in_test || source.path == CLOCK {
            continue;
        }
        for (end, instead) in BANNED {
            let tail = path.segments.len().checked_sub(end.len()).map(|at| &path.segments[at..]);
            if tail.is_some_and(|tail| tail == end) {
                push(Rule::BannedCall, format!("`{}`: {instead}", end.join("::")));
            }
        }
    }
}

/// Collects every path of the stream, and of the groups in it.
fn collect(stream: TokenStream, paths: &mut Vec<Path>) {
    let mut segments: Vec<String> = Vec::new();
    let mut line = 0;
    // 0 after an identifier, then the colons seen since.
    let mut colons = 0;
    let mut close = |segments: &mut Vec<String>, line: usize| {
        if segments.len() > 1 {
            paths.push(Path { segments: std::mem::take(segments), line });
        }
        segments.clear();
    };
    let mut groups = Vec::new();
    for token in stream {
        match token {
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    close(&mut segments, line);
                }
                segments.push(ident.to_string());
                line = ident.span().start().line;
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' && !segments.is_empty() => {
                colons += 1;
            }
            TokenTree::Group(group) => {
                // `use rdkafka::{…}` names the crate before a brace.
                if colons == 2 {
                    segments.push("{}".to_owned());
                }
                close(&mut segments, line);
                colons = 0;
                groups.push(group);
            }
            _ => {
                close(&mut segments, line);
                colons = 0;
            }
        }
    }
    close(&mut segments, line);
    for group in groups {
        collect(group.stream(), paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        let parsed = crate::source::parse(&source).unwrap_or_else(|v| panic!("{v}"));
        let mut found = Vec::new();
        check(&source, &parsed, &mut found);
        found.iter().map(|v| format!("{} {} {}", v.line, v.rule.name(), v.message)).collect()
    }

    const TEXT: &str = "use rdkafka::{consumer::Consumer, Message};\n\
        fn a() {\n    let t = std::time::Instant::now();\n    \
        select! { _ = x => { tokio::spawn(b()) } }\n}\n\
        // tokio::spawn in a comment\nconst S: &str = \"SystemTime::now\";\n\
        #[cfg(test)]\nmod tests {\n    fn c() { Instant::now(); }\n}\n";

    #[test]
    fn calls_are_found_in_macros_and_not_in_comments_text_or_tests() {
        assert_eq!(
            found("crates/ingest/src/run.rs", TEXT),
            [
                "1 owned-crate only `kafka` names `rdkafka`",
                "3 banned-call `Instant::now`: time comes from model::Clock",
                "4 banned-call `tokio::spawn`: tasks are spawned in a JoinSet or by the run helper",
            ]
        );
        assert_eq!(found("crates/kafka/src/run.rs", TEXT).len(), 2);
        assert_eq!(found("crates/kafka/tests/run.rs", TEXT).len(), 0);
        assert_eq!(found(CLOCK, "fn a() { Instant::now(); }").len(), 0);
    }

    #[test]
    fn types_after_a_single_colon_are_no_paths() {
        let text = "struct A { object_store: Store, b: object_store::path::Path }";
        assert_eq!(
            found("crates/subject/src/a.rs", text),
            ["1 owned-crate only `lake` names `object_store`",]
        );
    }
}
