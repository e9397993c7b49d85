//! Code lists (GB/T 2261, 3304, 4658 … and the project's own) with their aliases.
//!
//! A list is looked up by name; a text becomes a code if it is one, after its aliases: the names
//! of the codes themselves, the words of `data/code_aliases.csv`, a code that lost its leading
//! zeros or got a `.0` from a spreadsheet. A code is found without allocation.

use crate::id::without_point_zero;
use crate::rule::Outcome;
use crate::text;
use huiliu_model::Reason;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

const LISTS: &str = include_str!("../data/code_lists.csv");
const ALIASES: &str = include_str!("../data/code_aliases.csv");

/// One list of codes.
#[derive(Debug, Default)]
pub struct CodeList {
    /// Codes with their names, by code.
    codes: Vec<(&'static str, &'static str)>,
    /// The codes as numbers, in the same order (see [`key`]).
    keys: Vec<u64>,
    /// Scrubbed upper-case text → code.
    aliases: HashMap<String, &'static str>,
    /// Length of the codes, if they all have the same.
    width: Option<usize>,
}

impl CodeList {
    /// The list of a name (`sex`, `ethnicity`, `entity_status` …).
    pub fn get(name: &str) -> Option<&'static CodeList> {
        all().get(name)
    }

    /// Names of all lists, sorted.
    pub fn names() -> Vec<&'static str> {
        let mut names: Vec<_> = all().keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// The code a text stands for, and whether the text was something else than the code.
    pub fn canonical(&self, text: &str) -> Option<(&'static str, bool)> {
        if let Some(code) = self.code(text) {
            return Some((code, false));
        }
        let clean = text::scrub(text).to_ascii_uppercase();
        self.find(&clean).map(|code| (code, code != text))
    }

    /// The code as an outcome: null tokens are null, what is not in the list is `CODE_UNKNOWN`.
    pub fn apply<'a>(&self, text: &'a str) -> Outcome<'a> {
        match self.canonical(text) {
            Some((_, false)) => Outcome::Ok(Cow::Borrowed(text)),
            Some((code, true)) => Outcome::Ok(Cow::Borrowed(code)),
            None if text::is_null_token(&text::scrub(text)) => Outcome::Null(None),
            None => Outcome::Err(Reason::CodeUnknown),
        }
    }

    /// Codes with their names, by code.
    pub fn codes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.codes.iter().copied()
    }

    /// Name of a code of the list.
    pub fn name(&self, code: &str) -> Option<&'static str> {
        let at = self.keys.binary_search(&key(code)?).ok()?;
        self.codes.get(at).map(|(_, name)| *name)
    }

    fn code(&self, text: &str) -> Option<&'static str> {
        let at = self.keys.binary_search(&key(text)?).ok()?;
        self.codes.get(at).map(|(code, _)| *code)
    }

    fn find(&self, clean: &str) -> Option<&'static str> {
        let known = |text: &str| self.code(text).or_else(|| self.aliases.get(text).copied());
        let number = without_point_zero(Cow::Borrowed(clean));
        let padded = || {
            let width = self.width.filter(|width| number.len() < *width)?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            if digits { self.code(&format!("{number:0>width$}")) } else { None }
        };
        known(clean).or_else(|| known(&number)).or_else(padded)
    }

    /// Names become aliases, those of several codes do not; words of the alias file win.
    fn complete(&mut self) {
        self.codes.sort_unstable();
        self.keys = self.codes.iter().filter_map(|(code, _)| key(code)).collect();
        for (code, name) in &self.codes {
            let is_unique = self.codes.iter().filter(|(_, other)| other == name).count() == 1;
            let alias = text::scrub(name).to_ascii_uppercase();
            if is_unique {
                self.aliases.entry(alias).or_insert(code);
            }
        }
        let width = self.codes.first().map(|(code, _)| code.len());
        self.width = width.filter(|width| self.codes.iter().all(|(code, _)| code.len() == *width));
    }
}

/// A text of one to eight bytes as a number of the same order; no code is longer.
fn key(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let mut key = [0; 8];
    key.get_mut(..bytes.len())?.copy_from_slice(bytes);
    // A text that ends in zero bytes would be taken for the one without them.
    (bytes.last().is_some_and(|b| *b != 0)).then(|| u64::from_be_bytes(key))
}

fn all() -> &'static HashMap<&'static str, CodeList> {
    static LISTS_BY_NAME: OnceLock<HashMap<&'static str, CodeList>> = OnceLock::new();
    LISTS_BY_NAME.get_or_init(read)
}

fn read() -> HashMap<&'static str, CodeList> {
    let mut lists: HashMap<&'static str, CodeList> = HashMap::new();
    for line in LISTS.lines().skip(1) {
        if let [list, code, name, ..] = cells(line)[..] {
            lists.entry(list).or_default().codes.push((code, name));
        }
    }
    for line in ALIASES.lines().skip(1) {
        let [list, alias, code] = cells(line)[..] else { continue };
        if let Some(list) = lists.get_mut(list) {
            let alias = text::scrub(alias).to_ascii_uppercase();
            list.aliases.insert(alias, code);
        }
    }
    lists.values_mut().for_each(CodeList::complete);
    lists
}

/// Cells of a CSV line; a cell in quotation marks may hold commas (none holds a quotation mark).
fn cells(line: &'static str) -> Vec<&'static str> {
    let (mut cells, mut rest) = (Vec::new(), line);
    loop {
        let quoted = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let (cell, after) = match quoted {
            Some((cell, after)) => (cell, after.strip_prefix(',')),
            None => match rest.split_once(',') {
                Some((cell, after)) => (cell, Some(after)),
                None => (rest, None),
            },
        };
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return cells,
        }
    }
}

#[cfg(test)]
mod tests;
