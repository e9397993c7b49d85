//! Types of columns as they are written in a pipeline file.

use huiliu_model::contract::DataType;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Widest decimal that Delta and Arrow's 128-bit decimals hold.
pub(crate) const PRECISION_MAX: u8 = 38;

/// A column's type as written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TypeText {
    Known(DataType),
    /// A decimal whose scale or precision is impossible.
    BadDecimal(u32, u32),
}

const TYPES: &[&str] = &[
    "string",
    "integer",
    "long",
    "double",
    "boolean",
    "date",
    "timestamp",
    "decimal(precision, scale)",
];

impl TypeText {
    fn parse(text: &str) -> Option<Self> {
        let known = match text {
            "string" => DataType::String,
            "integer" => DataType::Integer,
            "long" => DataType::Long,
            "double" => DataType::Double,
            "boolean" => DataType::Boolean,
            "date" => DataType::Date,
            "timestamp" => DataType::Timestamp,
            _ => return Self::parse_decimal(text),
        };
        Some(Self::Known(known))
    }

    fn parse_decimal(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
        let (precision, scale) = inner.split_once(',')?;
        let (precision, scale): (u32, u32) =
            (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
        let fits = precision >= 1 && precision <= u32::from(PRECISION_MAX) && scale <= precision;
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(precision), Ok(scale)) if fits => {
                Some(Self::Known(DataType::Decimal { precision, scale }))
            }
            _ => Some(Self::BadDecimal(precision, scale)),
        }
    }
}

impl<'de> Deserialize<'de> for TypeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TypeVisitor;
        impl Visitor<'_> for TypeVisitor {
            type Value = TypeText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type such as `string`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<TypeText, E> {
                TypeText::parse(text).ok_or_else(|| E::unknown_variant(text, TYPES))
            }
        }
        deserializer.deserialize_str(TypeVisitor)
    }
}

impl JsonSchema for TypeText {
    fn schema_name() -> Cow<'static, str> {
        "type".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "enum": TYPES[..TYPES.len() - 1] },
            { "type": "string", "pattern": r"^decimal\([0-9]+, *[0-9]+\)$" },
        ] })
    }
}
