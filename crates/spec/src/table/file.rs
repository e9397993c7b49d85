//! The shape of a `table.yaml`, as written; the doc comments are what editors show.

use crate::pipeline::{FreshnessFile, GradeWord};
use crate::read::{OneOrMany, Read, Scalar};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// One table of a subject database: what a row is, where it comes from, what its columns mean.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "table", deny_unknown_fields)]
pub(crate) struct TableFile {
    /// Subject database; the folder above has this name.
    pub subject: Option<Read<String>>,
    /// Name of the table; the folder has this name.
    pub table: Option<Read<String>>,
    /// Meaning of the table in Chinese.
    pub title: Read<String>,
    /// Meaning of the table in English.
    pub title_en: Read<String>,
    /// What one row is: "one row per uscc".
    pub grain: Read<String>,
    /// Columns that identify a row.
    pub key: Read<Vec<Read<String>>>,
    /// Columns whose value decides which rows a change can touch; the key when not given.
    pub identity: Option<Read<Vec<Read<String>>>>,
    /// Number of hash buckets of the table, 1 to 4096. Default 8.
    pub buckets: Option<Read<u32>>,
    /// What the query reads, and how a change there finds the rows it touches.
    pub inputs: Read<Vec<Read<InputFile>>>,
    /// Named parameters of the query, written `$name` there.
    pub parameters: Option<Read<Vec<Read<ParameterFile>>>>,
    /// When the age of the table is worth a warning or a page.
    pub freshness: Option<Read<FreshnessFile>>,
    /// The columns, in the order in which the query yields them.
    pub columns: Read<Vec<Read<TableColumnFile>>>,
    /// Columns whose grade is below that of the columns they come from, and the step that lowers
    /// it.
    pub declassify: Option<Read<Vec<Read<DeclassifyFile>>>>,
}

/// The step by which a column is less sensitive than what it comes from.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "declassify", deny_unknown_fields)]
pub(crate) struct DeclassifyFile {
    /// Column of this table.
    pub column: Read<String>,
    /// aggregate (a figure over so many rows that none can be told from it), select (only values
    /// that are public by themselves are left), mask (what is left does not tell the value) or
    /// token (a name without meaning in place of the value).
    pub by: Read<StepWord>,
    /// Why that is enough; for those who approve it.
    pub why: Read<String>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename = "step", rename_all = "snake_case")]
pub(crate) enum StepWord {
    Aggregate,
    Select,
    Mask,
    Token,
}

impl StepWord {
    pub fn meaning(self) -> super::Step {
        match self {
            Self::Aggregate => super::Step::Aggregate,
            Self::Select => super::Step::Select,
            Self::Mask => super::Step::Mask,
            Self::Token => super::Step::Token,
        }
    }
}

/// One input: a dataset, a table or a dimension, and one of by, via and all.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "input", deny_unknown_fields)]
pub(crate) struct InputFile {
    /// A dataset, by name.
    pub dataset: Option<Read<String>>,
    /// Another table, as subject.table.
    pub table: Option<Read<String>>,
    /// A dimension, by name.
    pub dimension: Option<Read<String>>,
    /// Columns of the input that carry the identity.
    pub by: Option<Read<OneOrMany>>,
    /// Query that finds the identities through other inputs.
    pub via: Option<Read<String>>,
    /// Any change rebuilds the table.
    pub all: Option<Read<bool>>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "parameter", deny_unknown_fields)]
pub(crate) struct ParameterFile {
    pub name: Read<String>,
    /// Type of the parameter.
    #[serde(rename = "type")]
    pub data_type: Read<SqlType>,
    /// Value when none is given.
    pub default: Option<Read<Scalar>>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "table_column", deny_unknown_fields)]
pub(crate) struct TableColumnFile {
    /// Name of the column: `[a-z][a-z0-9_]*`.
    pub name: Read<String>,
    /// string, int32, int64, double, boolean, date, timestamp or decimal(precision, scale).
    #[serde(rename = "type")]
    pub data_type: Read<SqlType>,
    /// Meaning of the column in Chinese.
    pub title: Read<String>,
    /// Meaning of the column in English.
    pub title_en: Read<String>,
    /// Unit of a number; "1" for counts and codes.
    pub unit: Option<Read<String>>,
    /// Sensitivity, L1 (public) to L4 (serious harm).
    pub grade: Read<GradeWord>,
}

const TYPES: &[&str] = &[
    "string",
    "int32",
    "int64",
    "double",
    "boolean",
    "date",
    "timestamp",
    "decimal(precision, scale)",
];

/// Type of a table's column, in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlType(pub String);

impl SqlType {
    /// Decimals are brought to the spelling `decimal(18, 4)`.
    fn parse(text: &str) -> Option<Self> {
        if TYPES.contains(&text) && !text.starts_with("decimal") {
            return Some(Self(text.to_owned()));
        }
        let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
        let (precision, scale) = inner.split_once(',')?;
        let (precision, scale): (u8, u8) =
            (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
        ((1..=38).contains(&precision) && scale <= precision)
            .then(|| Self(format!("decimal({precision}, {scale})")))
    }

    pub fn is_number(&self) -> bool {
        matches!(self.0.as_str(), "int32" | "int64" | "double") || self.0.starts_with("decimal")
    }
}

impl<'de> Deserialize<'de> for SqlType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TypeVisitor;
        impl Visitor<'_> for TypeVisitor {
            type Value = SqlType;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type such as `string`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<SqlType, E> {
                SqlType::parse(text).ok_or_else(|| E::unknown_variant(text, TYPES))
            }
        }
        deserializer.deserialize_str(TypeVisitor)
    }
}

impl JsonSchema for SqlType {
    fn schema_name() -> Cow<'static, str> {
        "sql_type".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "enum": TYPES[..TYPES.len() - 1] },
            { "type": "string", "pattern": r"^decimal\([0-9]+, *[0-9]+\)$" },
        ] })
    }
}
