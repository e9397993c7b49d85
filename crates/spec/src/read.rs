//! Reading a YAML tree into the shapes of files, without stopping at the first finding.
//!
//! Shapes are plain structs with derived `Deserialize` and `JsonSchema`, so the struct is the one
//! description of a file. Their fields are [`Read`] (must be there) or `Option<Read>`. Reading a
//! [`Read`] never fails: what is wrong goes to the findings, with its position, and the value is
//! absent. Unknown keys and words are reported with the nearest known one.

mod access;
mod wrap;

pub(crate) use wrap::{Either, OneOrMany, Read, Scalar};

use crate::diagnostic::{Code, Findings, did_you_mean, one_of};
use crate::tree::{At, Node, Value};
use access::{Elements, Fields, Located, Variant};
use serde::de::{self, Deserialize, Deserializer, Expected, Visitor};
use std::fmt;

/// Names of the wrappers that the reader treats itself.
const READ: &str = "$read";
const EITHER: &str = "$either";
const ONE_OR_MANY: &str = "$one_or_many";

/// Reads a whole file into its shape.
pub(crate) fn read<'a, T: Deserialize<'a>>(node: &'a Node, findings: &'a Findings) -> Read<T> {
    Read::deserialize(Reader { place: Place::Node(node), findings })
        .unwrap_or(Read { at: node.at, value: None })
}

/// Why a value could not be read; reported at the nearest [`Read`] around it.
#[derive(Debug)]
enum Stop {
    Reported,
    Found { code: Code, message: String, help: Option<String> },
}

impl Stop {
    fn new(code: Code, message: String, help: Option<String>) -> Self {
        Self::Found { code, message, help }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("reported"),
            Self::Found { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Code::Malformed, message.to_string(), None)
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("the number does not fit: expected {}", named(expected));
        Self::new(Code::OutOfRange, message, None)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(Code::UnknownWord, format!("`{word}` is not known"), Some(one_of(word, known)))
    }
}

/// Serde's names of what it expects, in words of the files.
fn named(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a string" => "text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        _ => text,
    }
}

/// What is being read: a node, or a key that is not there.
#[derive(Clone, Copy)]
enum Place<'a> {
    Node(&'a Node),
    Absent { key: &'static str, owner: &'static str, at: At },
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    place: Place<'a>,
    findings: &'a Findings,
}

impl<'a> Reader<'a> {
    fn at(&self) -> At {
        match self.place {
            Place::Node(node) => node.at,
            Place::Absent { at, .. } => at,
        }
    }

    fn node(&self) -> Result<&'a Node, Stop> {
        match self.place {
            Place::Node(node) => Ok(node),
            Place::Absent { key, owner, .. } => {
                let message = format!("{owner} has no `{key}`");
                Err(Stop::new(Code::MissingKey, message, None))
            }
        }
    }

    fn wrong(&self, node: &Node, expected: &str) -> Stop {
        let message = format!("expected {expected}, found {}", node.describe());
        let number_for_text = expected == "text"
            && matches!(node.value, Value::Integer(_) | Value::Float(_) | Value::Bool(_));
        let help = number_for_text.then(|| "codes are text: put it in quotes".to_owned());
        Stop::new(Code::WrongType, message, help)
    }

    fn report(&self, stop: Stop) {
        if let Stop::Found { code, message, help } = stop {
            self.findings.push(code, self.at(), message, help);
        }
    }

    /// Reports the keys that a mapping has and its shape does not.
    fn report_unknown_keys(&self, node: &Node, owner: &str, known: &[&'static str]) {
        let Value::Map(entries) = &node.value else { return };
        for entry in entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            let message = format!("{owner} has no key `{}`", entry.key);
            let help = did_you_mean(&entry.key, known.iter().copied());
            self.findings.push(Code::UnknownKey, entry.at, message, help);
        }
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            let node = self.node()?;
            match node.value {
                Value::Integer(value) => visitor.visit_i64(value),
                _ => Err(self.wrong(node, &named(&visitor))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match &node.value {
            Value::Null => Err(self.wrong(node, "a value")),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => visitor.visit_seq(Elements::new(items, self.findings)),
            Value::Map(entries) => visitor.visit_map(Fields::of_map(entries, self.findings)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match node.value {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.wrong(node, &named(&visitor))),
        }
    }

    scalars! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match node.value {
            Value::Integer(value) => visitor.visit_i64(value),
            Value::Float(value) => visitor.visit_f64(value),
            _ => Err(self.wrong(node, &named(&visitor))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match &node.value {
            Value::Text(value) => visitor.visit_borrowed_str(value),
            _ => Err(self.wrong(node, &named(&visitor))),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.place {
            Place::Absent { .. } => visitor.visit_none(),
            Place::Node(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match name {
            READ => visitor.visit_seq(Located::new(self)),
            EITHER if matches!(self.node()?.value, Value::Map(_)) => {
                visitor.visit_map(Fields::whole(self))
            }
            ONE_OR_MANY => {
                let node = self.node()?;
                let items = match &node.value {
                    Value::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(node),
                };
                visitor.visit_seq(Elements::new(items, self.findings))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match &node.value {
            Value::List(items) => visitor.visit_seq(Elements::new(items, self.findings)),
            _ => Err(self.wrong(node, "a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match &node.value {
            Value::List(items) if items.len() == len => {
                visitor.visit_seq(Elements::new(items, self.findings))
            }
            _ => Err(self.wrong(node, &format!("a list of {len}"))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.node()?;
        match &node.value {
            Value::Map(entries) => visitor.visit_map(Fields::of_map(entries, self.findings)),
            _ => Err(self.wrong(node, "a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        owner: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let node = self.node()?;
        let Value::Map(entries) = &node.value else {
            return Err(self.wrong(node, &format!("a mapping, the {owner}")));
        };
        self.report_unknown_keys(node, owner, known);
        visitor.visit_map(Fields::of_struct(entries, node.at, owner, known, self.findings))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        owner: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let node = self.node()?;
        let (word, payload) = match &node.value {
            Value::Text(word) => (word.as_str(), None),
            // `on_fail: null` is a word there, though YAML reads nothing.
            Value::Null if known.contains(&"null") => ("null", None),
            Value::Map(entries) if entries.len() == 1 => {
                (entries[0].key.as_str(), Some(&entries[0].node))
            }
            _ => return Err(self.wrong(node, &format!("a {owner}"))),
        };
        if !known.contains(&word) {
            let message = format!("unknown {owner} `{word}`");
            return Err(Stop::new(Code::UnknownWord, message, Some(one_of(word, known))));
        }
        visitor.visit_enum(Variant { word, payload, reader: self })
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple_struct ignored_any
    }
}
