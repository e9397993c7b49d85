//! `huiliu explain-error`: the pages of `docs/errors`, as the binary carries them.

use crate::cli::ExplainErrorArgs;
use crate::embedded::ERROR_PAGES;
use crate::failure::Failure;
use crate::output::{Form, answer};
use huiliu_spec::did_you_mean;
use serde::Serialize;
use std::io::{self, Write};

/// What precedes every code.
const PREFIX: &str = "HUILIU-";

#[derive(Debug, Serialize)]
struct Page {
    code: &'static str,
    title: &'static str,
    /// The page in Markdown.
    text: &'static str,
}

#[derive(Debug, Serialize)]
struct Line {
    code: &'static str,
    title: &'static str,
}

#[derive(Debug, Serialize)]
struct List {
    codes: Vec<Line>,
}

impl Form for Page {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }
}

impl Form for List {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.codes.iter().map(|line| line.code.len()).max().unwrap_or(0);
        for Line { code, title } in &self.codes {
            writeln!(out, "{code:width$}  {title}")?;
        }
        Ok(())
    }
}

/// Prints the page of a code, or the list of all.
///
/// # Errors
/// Usage, for a code that does not exist.
pub fn execute(args: &ExplainErrorArgs) -> Result<(), Failure> {
    let pages = ERROR_PAGES.iter().map(|(code, text)| (*code, title(text), *text));
    let Some(wanted) = &args.code else {
        let codes = pages.map(|(code, title, _)| Line { code, title }).collect();
        return answer(args.output.form, &List { codes });
    };
    let wanted = full(wanted);
    match pages.clone().find(|(code, ..)| *code == wanted) {
        Some((code, title, text)) => answer(args.output.form, &Page { code, title, text }),
        None => {
            let near = did_you_mean(&wanted, ERROR_PAGES.iter().map(|(code, _)| *code));
            let near = near.unwrap_or_else(|| "`huiliu explain-error` lists all".to_owned());
            Err(Failure::usage(format!("there is no code `{wanted}`")).help(near))
        }
    }
}

/// The code as pages are named: `error[HUILIU-CFG-0003]:`, `cfg-0003` and the like are taken.
fn full(wanted: &str) -> String {
    let inner = wanted.trim().trim_end_matches(':');
    let inner = inner.split_once('[').map_or(inner, |(_, rest)| rest.trim_end_matches(']'));
    let upper = inner.to_ascii_uppercase();
    if upper.starts_with(PREFIX) { upper } else { format!("{PREFIX}{upper}") }
}

/// What stands behind the code in the page's heading.
fn title(text: &'static str) -> &'static str {
    let heading = text.lines().next().unwrap_or_default();
    heading.split_once(": ").map_or(heading, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_as_it_was_printed_and_as_it_is_typed() {
        for typed in ["HUILIU-CFG-0003", "cfg-0003", "error[HUILIU-CFG-0003]:", " huiliu-cfg-0003"]
        {
            assert_eq!(full(typed), "HUILIU-CFG-0003", "{typed}");
        }
    }
}
