//! Lines of YAML as the formatter sees them: what is said, the comment behind it, and whether a
//! key of the top level begins there.
//!
//! It knows quotes, flow collections and block texts as far as telling them apart needs; what it
//! takes wrongly is found out when the result is read again.

use std::fmt;

/// One line, spaces put right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// What is said, with its indentation; empty for a line that says nothing.
    said: String,
    /// The comment with its `#`.
    pub comment: Option<String>,
    /// Spaces before a comment that stands alone, or behind what is said.
    gap: usize,
    /// The key of the top level that begins here.
    pub key: Option<String>,
    /// It is inside of a text over several lines.
    pub is_inside: bool,
}

impl Line {
    /// A comment at the margin, or nothing at all.
    pub fn is_marginal(&self) -> bool {
        !self.is_inside && self.said.is_empty() && (self.comment.is_none() || self.gap == 0)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)?;
        match &self.comment {
            Some(comment) => write!(f, "{:gap$}{comment}", "", gap = self.gap),
            None => Ok(()),
        }
    }
}

/// What a line begins inside of.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Open braces and brackets.
    depth: usize,
    quote: Option<char>,
    /// Indentation of the line that opened a block text (`|`, `>`).
    block: Option<usize>,
}

/// Least spaces between what is said and the comment behind it.
const GAP_MIN: usize = 2;

impl Scanner {
    pub fn lines(mut self, text: &str) -> Vec<Line> {
        text.lines().map(|line| self.line(line)).collect()
    }

    fn line(&mut self, line: &str) -> Line {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if let Some(opened) = self.block {
            if line.trim().is_empty() || indent > opened {
                return Line { said: line.to_owned(), is_inside: true, ..Line::default() };
            }
            self.block = None;
        }
        if self.quote.is_some() {
            // The inside of a text over several lines is left alone.
            let end = self.closing(line);
            let (inside, rest) = line.split_at(end);
            if rest.is_empty() {
                return Line { said: inside.to_owned(), is_inside: true, ..Line::default() };
            }
            let mut behind = self.scan(rest);
            behind.said.insert_str(0, inside);
            return behind;
        }
        let fresh = self.depth == 0;
        let mut found = self.scan(line);
        if found.said.trim().is_empty() {
            let gap = if found.comment.is_some() { indent } else { 0 };
            return Line { said: String::new(), gap, ..found };
        }
        if fresh && indent == 0 {
            found.key = top_key(&found.said);
        }
        let last = found.said.rsplit(' ').next().unwrap_or_default();
        if self.depth == 0 && self.quote.is_none() && is_block_mark(last) {
            self.block = Some(indent);
        }
        found
    }

    /// Bytes up to and with the closing quote; all of them when it does not close.
    fn closing(&mut self, line: &str) -> usize {
        let Some(quote) = self.quote else { return 0 };
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if quote == '"' => {
                    chars.next();
                }
                '\'' if quote == '\'' && chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                    chars.next();
                }
                c if c == quote => {
                    self.quote = None;
                    return at + c.len_utf8();
                }
                _ => {}
            }
        }
        line.len()
    }

    /// Reads a line, or the rest of one, outside of a quoted text.
    fn scan(&mut self, text: &str) -> Line {
        let mut said = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let width = c.len_utf8();
            let before = said.chars().next_back();
            let begins = before.is_none_or(|b| matches!(b, ' ' | '{' | '[' | ','));
            match c {
                '#' if before.is_none_or(|b| b == ' ') => {
                    return with_comment(said, &text[at..]);
                }
                '"' | '\'' if begins => {
                    self.quote = Some(c);
                    let end = at + width + self.closing(&text[at + width..]);
                    said.push_str(&text[at..end]);
                    at = end;
                    continue;
                }
                '{' | '[' if begins => {
                    self.depth += 1;
                    said.push(c);
                    at += width;
                    at += spaces(&text[at..]);
                    continue;
                }
                '}' | ']' if self.depth > 0 => {
                    self.depth -= 1;
                    if !said.trim_end().is_empty() && !said.trim_end().ends_with(',') {
                        said.truncate(said.trim_end().len());
                    }
                    said.push(c);
                }
                ',' if self.depth > 0 => {
                    said.truncate(said.trim_end().len());
                    said.push(c);
                    at += width;
                    let gap = spaces(&text[at..]);
                    at += gap;
                    let is_comment = text[at..].starts_with('#');
                    if is_comment && gap > 0 {
                        said.push_str(&" ".repeat(gap));
                    } else if at < text.len() {
                        said.push(' ');
                    }
                    continue;
                }
                _ => said.push(c),
            }
            at += width;
        }
        said.truncate(said.trim_end().len());
        Line { said, ..Line::default() }
    }
}

fn with_comment(said: String, comment: &str) -> Line {
    let held = said.trim_end().len();
    let gap = if held == 0 { said.len() } else { (said.len() - held).max(GAP_MIN) };
    let comment = comment.trim_end();
    let text = comment.trim_start_matches('#');
    let marks = &comment[..comment.len() - text.len()];
    let tight = text.is_empty() || text.starts_with([' ', '!']);
    let comment = if tight { comment.to_owned() } else { format!("{marks} {text}") };
    Line { said: said[..held].to_owned(), comment: Some(comment), gap, ..Line::default() }
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// `key:` at the margin.
fn top_key(said: &str) -> Option<String> {
    let (key, rest) = said.split_once(':')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let sound = !key.is_empty() && key.chars().all(is_name);
    (sound && (rest.is_empty() || rest.starts_with(' '))).then(|| key.to_owned())
}

/// `|`, `>`, and these with `+`, `-` or an indentation.
fn is_block_mark(word: &str) -> bool {
    let mut chars = word.chars();
    matches!(chars.next(), Some('|' | '>'))
        && chars.all(|c| matches!(c, '+' | '-') || c.is_ascii_digit())
}
