//! YAML as a tree in which every key and value knows its line and column.
//!
//! Refuses several documents in a file and merge keys; leaves codes alone (`010` is text, `no` is
//! text, `1_000` is text). Duplicate keys are kept, so that they can be reported with all else.

use crate::diagnostic::{Code, Findings};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use std::fmt;

/// A position in a file; both count from 1, and 0 stands for the file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub at: At,
    pub value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub at: At,
    pub node: Node,
}

/// Parses a file; a syntax error is one finding and no tree.
pub(crate) fn parse(text: &str, findings: &Findings) -> Option<Node> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        legacy_octal_numbers: false,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(node) => {
            report_duplicate_keys(&node, findings);
            Some(node)
        }
        Err(error) => {
            let location = error.location();
            let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
            let at = location.map_or(At { line: 1, column: 1 }, |l| At {
                line: number(l.line()),
                column: number(l.column()),
            });
            findings.add(Code::Syntax, at, format!("not YAML: {}", first_line(&error)));
            None
        }
    }
}

/// The library's message without its own rendering of the position.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_start_matches("YAML parse error: ").trim_end_matches('.').to_owned()
}

fn report_duplicate_keys(node: &Node, findings: &Findings) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| report_duplicate_keys(item, findings)),
        Value::Map(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                if let Some(first) = entries[..index].iter().find(|e| e.key == entry.key) {
                    let message = format!(
                        "key `{}` is written twice, first on line {}",
                        entry.key, first.at.line
                    );
                    findings.add(Code::DuplicateKey, entry.at, message);
                }
                report_duplicate_keys(&entry.node, findings);
            }
        }
        _ => {}
    }
}

impl Node {
    /// How a message names the value; the content of text is not repeated.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(_) => "text".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { at: position(&spanned), value: spanned.value })
    }
}

fn position<T>(spanned: &Spanned<T>) -> At {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let location = spanned.referenced;
    At { line: number(location.line()), column: number(location.column()) }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Integer).map_err(|_| E::custom("number beyond 64 bits"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = position(&key);
            entries.push(Entry { key: key.value, at, node: map.next_value()? });
        }
        Ok(Value::Map(entries))
    }
}
