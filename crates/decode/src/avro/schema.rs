//! Avro schemas: from the text a registry holds to types that name each other by index.
//!
//! Read once per schema id. Names are resolved here, so a type may contain itself; whoever walks
//! through values bounds the depth. Whatever is not a schema is `None`: the records that name it
//! are rejected, and nothing else is harmed.

use super::meaning;
use huiliu_model::Binary;
use huiliu_model::schemas::WriterSchema;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Types of one schema, and the text of all that it refers to, at most.
const TYPES_MAX: usize = 100_000;
/// Longest schema that is read.
const TEXT_BYTES_MAX: usize = 8 << 20;

/// A type, by its place in [`Schema::types`].
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) struct Schema {
    pub types: Vec<Type>,
    pub root: Id,
    /// Symbols of all enums, one enum after the other.
    pub symbols: Vec<Box<str>>,
    /// Names from other dialects follow Debezium's reading of them.
    pub is_debezium: bool,
}

#[derive(Debug)]
pub(super) struct Type {
    pub shape: Shape,
    /// How a value is to be read that is kept in its bytes.
    pub binary: Binary,
    /// A record that stands for a decimal with a scale of its own.
    pub is_decimal_record: bool,
}

#[derive(Debug)]
pub(super) enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// Its symbols: from the first on, so many.
    Enum {
        first: usize,
        count: usize,
    },
    Array(Id),
    Map(Id),
    Union(Box<[Id]>),
    Record(Box<[Field]>),
}

#[derive(Debug)]
pub(super) struct Field {
    pub name: Box<str>,
    pub aliases: Box<[Box<str>]>,
    pub of: Id,
}

impl Schema {
    /// Reads a schema with its references. `None` when it is none.
    pub fn read(written: &WriterSchema, is_debezium: bool) -> Option<Self> {
        let texts = || written.references.iter().chain([&written.text]);
        if texts().map(String::len).sum::<usize>() > TEXT_BYTES_MAX {
            return None;
        }
        let schema = Self { types: Vec::new(), root: 0, symbols: Vec::new(), is_debezium };
        let mut reader = Reader { schema, names: HashMap::new() };
        for text in texts() {
            let value: Value = serde_json::from_str(text).ok()?;
            reader.schema.root = reader.read(&value, "")?;
        }
        Some(reader.schema)
    }

    pub fn shape(&self, id: Id) -> &Shape {
        &self.types[id].shape
    }

    /// The fields of a record, also of one that may be null.
    pub fn record(&self, id: Id) -> Option<(Id, &[Field])> {
        match self.shape(id) {
            Shape::Record(fields) => Some((id, fields)),
            Shape::Union(branches) => {
                let mut others =
                    branches.iter().filter(|of| !matches!(self.shape(**of), Shape::Null));
                match (others.next(), others.next()) {
                    (Some(&of), None) => match self.shape(of) {
                        Shape::Record(fields) => Some((of, fields)),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

struct Reader {
    schema: Schema,
    /// Named types by full name.
    names: HashMap<String, Id>,
}

impl Reader {
    /// Recursive like the text, whose nesting the JSON reader has bounded.
    fn read(&mut self, value: &Value, namespace: &str) -> Option<Id> {
        match value {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let branches: Option<Box<[Id]>> =
                    branches.iter().map(|branch| self.read(branch, namespace)).collect();
                let branches = branches.filter(|branches| !branches.is_empty())?;
                let nests = |of: &Id| matches!(self.schema.shape(*of), Shape::Union(_));
                if branches.iter().any(nests) {
                    return None;
                }
                self.add(Shape::Union(branches), &Map::new())
            }
            Value::Object(object) => self.object(object, namespace),
            _ => None,
        }
    }

    fn named(&mut self, name: &str, namespace: &str) -> Option<Id> {
        match primitive(name) {
            Some(shape) => self.add(shape, &Map::new()),
            None => self
                .names
                .get(&full_name(name, namespace))
                .or_else(|| self.names.get(name))
                .copied(),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Option<Id> {
        let word = match object.get("type")? {
            Value::String(word) => word.as_str(),
            // A type in an object of its own.
            inner => return self.read(inner, namespace),
        };
        if let Some(shape) = primitive(word) {
            return self.add(shape, object);
        }
        match word {
            "array" => {
                let items = self.read(object.get("items")?, namespace)?;
                self.add(Shape::Array(items), object)
            }
            "map" => {
                let values = self.read(object.get("values")?, namespace)?;
                self.add(Shape::Map(values), object)
            }
            "fixed" => {
                let size = usize::try_from(object.get("size")?.as_u64()?).ok()?;
                let id = self.add(Shape::Fixed(size), object)?;
                self.name(object, namespace, id)?;
                Some(id)
            }
            "enum" => {
                let symbols = object.get("symbols")?.as_array()?;
                let first = self.schema.symbols.len();
                for symbol in symbols {
                    self.schema.symbols.push(symbol.as_str()?.into());
                }
                let count = symbols.len();
                let id = self.add(Shape::Enum { first, count }, object)?;
                self.name(object, namespace, id)?;
                Some(id)
            }
            "record" | "error" => self.record(object, namespace),
            name => self.named(name, namespace),
        }
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Option<Id> {
        // Named before its fields are read: they may be of this very type.
        let id = self.add(Shape::Record(Box::default()), object)?;
        let namespace = self.name(object, namespace, id)?;
        let mut fields = Vec::new();
        for field in object.get("fields")?.as_array()? {
            let text = |value: &Value| value.as_str().map(Box::from);
            let aliases = field.get("aliases").and_then(Value::as_array);
            fields.push(Field {
                name: text(field.get("name")?)?,
                aliases: aliases.into_iter().flatten().filter_map(text).collect(),
                of: self.read(field.get("type")?, &namespace)?,
            });
        }
        self.schema.types[id].shape = Shape::Record(fields.into());
        Some(id)
    }

    /// Names a type, and gives the namespace within it.
    fn name(&mut self, object: &Map<String, Value>, around: &str, id: Id) -> Option<String> {
        let name = object.get("name")?.as_str()?;
        let own = object.get("namespace").and_then(Value::as_str).unwrap_or(around);
        let full = full_name(name, own);
        let namespace = full.rsplit_once('.').map_or("", |(space, _)| space).to_owned();
        // The first of two types of one name stays: references may repeat each other.
        self.names.entry(full).or_insert(id);
        Some(namespace)
    }

    fn add(&mut self, shape: Shape, attributes: &Map<String, Value>) -> Option<Id> {
        if self.schema.types.len() >= TYPES_MAX {
            return None;
        }
        let binary = meaning::of(&shape, attributes, self.schema.is_debezium);
        let is_decimal_record = meaning::is_decimal_record(attributes);
        self.schema.types.push(Type { shape, binary, is_decimal_record });
        Some(self.schema.types.len() - 1)
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn primitive(word: &str) -> Option<Shape> {
    Some(match word {
        "null" => Shape::Null,
        "boolean" => Shape::Boolean,
        "int" => Shape::Int,
        "long" => Shape::Long,
        "float" => Shape::Float,
        "double" => Shape::Double,
        "bytes" => Shape::Bytes,
        "string" => Shape::Text,
        _ => return None,
    })
}
