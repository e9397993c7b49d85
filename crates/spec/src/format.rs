//! The canonical form of the files: what `huiliu config fmt` writes.
//!
//! | what | form |
//! |---|---|
//! | keys of the top level | in the order of the schema, each with the comments above it |
//! | spaces | none at line ends; one after `,`, none inside `{ }` and `[ ]`; two before a comment |
//! | blank lines | none at the ends, one at most in a row; line ends are LF |
//! | comments | `# text`; all are kept; what stands above the first key stays on top |
//!
//! It works on lines, not on a printed tree, so comments and one-line columns stay as people laid
//! them out. The result is read again: a file is refused whose values would differ, or that would
//! lose a comment.

mod line;

use crate::diagnostic::{Code, Diagnostic, Findings};
use crate::schema::json_schemas;
use crate::tree::{self, Node, Value};
use line::{Line, Scanner};
use std::path::Path;

/// What kind of file a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Settings,
    Dataset,
    Table,
    Subject,
}

impl FileKind {
    fn schema(self) -> &'static str {
        match self {
            Self::Settings => "huiliu.schema.json",
            Self::Dataset => "dataset.schema.json",
            Self::Table => "table.schema.json",
            Self::Subject => "subject.schema.json",
        }
    }

    /// Keys of the top level, in the order of the schema.
    fn keys(self) -> Vec<String> {
        let schemas = json_schemas();
        let text = schemas.iter().find(|(name, _)| *name == self.schema()).map(|(_, text)| text);
        let parsed = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let keys = parsed.as_ref().and_then(|schema| schema["properties"].as_object());
        keys.map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
    }
}

/// The canonical form of a text.
///
/// # Errors
/// That it is not YAML, or would not be the same afterwards.
pub fn canonical(kind: FileKind, path: &Path, text: &str) -> Result<String, Vec<Diagnostic>> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let before = parse(path, &text)?;
    let lines = Scanner::default().lines(&text);
    let comments = comments(&lines);
    let formatted = arrange(lines, &kind.keys());
    let kept = Scanner::default().lines(&formatted);
    let after = parse(path, &formatted);
    if after.is_ok_and(|after| same(&before, &after)) && self::comments(&kept) == comments {
        return Ok(formatted);
    }
    let message = "formatting would change what the file says, or lose a comment";
    Err(vec![Diagnostic::of_file(Code::Unformattable, path, message)])
}

fn parse(path: &Path, text: &str) -> Result<Node, Vec<Diagnostic>> {
    let findings = Findings::new(path);
    let node = tree::parse(text, &findings);
    let found = findings.into_sorted();
    match node {
        Some(node) if found.is_empty() => Ok(node),
        _ => Err(found),
    }
}

/// The comments, sorted: blocks may change places.
fn comments(lines: &[Line]) -> Vec<String> {
    let mut found: Vec<String> = lines.iter().filter_map(|line| line.comment.clone()).collect();
    found.sort_unstable();
    found
}

/// One key of the top level, with the comments above it and all lines below it.
#[derive(Default)]
struct Block {
    key: Option<String>,
    /// Each with whether it is inside of a text over several lines.
    lines: Vec<(String, bool)>,
}

/// Lines in the order of the keys. Keys that the schema does not have keep their order, behind.
fn arrange(lines: Vec<Line>, keys: &[String]) -> String {
    let mut head = Block::default();
    let mut blocks: Vec<Block> = Vec::new();
    let mut above = Vec::new();
    for line in lines {
        let shown = (line.to_string(), line.is_inside);
        let open = blocks.last_mut();
        match (&line.key, open) {
            (Some(key), _) => {
                let mut block = Block { key: Some(key.clone()), lines: Vec::new() };
                block.lines.append(&mut above);
                block.lines.push(shown);
                blocks.push(block);
            }
            (None, None) => head.lines.push(shown),
            // Comments at the margin, and the blank lines among them, belong to what follows.
            (None, Some(_)) if line.is_marginal() => above.push(shown),
            (None, Some(block)) => {
                block.lines.append(&mut above);
                block.lines.push(shown);
            }
        }
    }
    let rank = |block: &Block| {
        let at = block.key.as_ref().and_then(|key| keys.iter().position(|known| known == key));
        at.unwrap_or(keys.len())
    };
    blocks.sort_by_key(rank);
    let tail = Block { key: None, lines: above };
    let all = std::iter::once(head).chain(blocks).chain([tail]);
    let mut text = String::new();
    let mut blank = true;
    for (line, is_inside) in all.flat_map(|block| block.lines) {
        if line.is_empty() && blank && !is_inside {
            continue;
        }
        blank = line.is_empty();
        text.push_str(&line);
        text.push('\n');
    }
    let end = text.trim_end_matches('\n').len();
    text.truncate(end);
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Whether two trees say the same; the order of keys at the top says nothing.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|x| b.iter().any(|y| x.key == y.key && same(&x.node, &y.node)))
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
