//! Rules of columns as they are written: a word, or a mapping of one word to its value.

mod fit;

pub(super) use fit::{check, check_value};

use crate::code_lists;
use crate::read::{Read, Scalar};
use huiliu_model::contract::NamedRule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A rule as written: a word, or a mapping of one word to its value.
#[derive(Debug)]
pub(crate) enum RuleFile {
    Named(NamedRule),
    MonthStart,
    NotFuture,
    CodeList(Read<String>),
    OneOf(Read<Vec<Read<String>>>),
    AtLeast(Read<f64>),
    AtMost(Read<f64>),
    Pattern(Read<String>),
    Length(Read<(usize, usize)>),
    NotBefore(Read<String>),
    After(Read<String>),
    Since(Read<String>),
    SexOf(Read<String>),
    BirthDateOf(Read<String>),
    SetWhen(Read<WhenFile>),
    RequiredWhen(Read<WhenFile>),
    AtMostOf(Read<TimesFile>),
    NotAbove(Read<String>),
    PrefixOf(Read<String>),
    DifferenceOf(Read<(Read<String>, Read<String>)>),
    YearBeforeEvent(Read<i32>),
    Coordinates(Read<CoordinatesFile>),
}

/// Rows in which a column has one of some values.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "when", deny_unknown_fields)]
pub(crate) struct WhenFile {
    /// A column of text, whole numbers, or true and false.
    pub column: Read<String>,
    /// Its values.
    #[serde(rename = "in")]
    pub values: Read<Vec<Read<Scalar>>>,
}

/// A multiple of another column.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "times", deny_unknown_fields)]
pub(crate) struct TimesFile {
    /// A column of numbers.
    pub column: Read<String>,
    /// Above 0.
    pub times: Read<f64>,
}

/// The rest of a position whose longitude has the rule.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "coordinates", deny_unknown_fields)]
pub(crate) struct CoordinatesFile {
    /// The column of the latitude.
    pub latitude: Read<String>,
    /// The column that names the source's system. CGCS2000 without one.
    pub system: Option<Read<String>>,
}

/// Rules that are a word alone, beside the names of [`NamedRule`].
const WORDS: [&str; 2] = ["month_start", "not_future"];

/// Rules with a value.
const VALUED: [&str; 19] = [
    "code_list",
    "one_of",
    "at_least",
    "at_most",
    "pattern",
    "length",
    "not_before",
    "after",
    "since",
    "sex_of",
    "birth_date_of",
    "set_when",
    "required_when",
    "at_most_of",
    "not_above",
    "prefix_of",
    "difference_of",
    "year_before_event",
    "coordinates",
];

const RULES: [&str; NamedRule::ALL.len() + WORDS.len() + VALUED.len()] = {
    let mut all = [""; NamedRule::ALL.len() + WORDS.len() + VALUED.len()];
    let mut n = 0;
    while n < all.len() {
        all[n] = if n < NamedRule::ALL.len() {
            NamedRule::ALL[n].0
        } else if n < NamedRule::ALL.len() + WORDS.len() {
            WORDS[n - NamedRule::ALL.len()]
        } else {
            VALUED[n - NamedRule::ALL.len() - WORDS.len()]
        };
        n += 1;
    }
    all
};

impl<'de> Deserialize<'de> for RuleFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RuleVisitor;
        impl<'de> Visitor<'de> for RuleVisitor {
            type Value = RuleFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule")
            }
            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<RuleFile, A::Error> {
                let (word, value) = data.variant::<String>()?;
                Ok(match word.as_str() {
                    "code_list" => RuleFile::CodeList(value.newtype_variant()?),
                    "one_of" => RuleFile::OneOf(value.newtype_variant()?),
                    "at_least" => RuleFile::AtLeast(value.newtype_variant()?),
                    "at_most" => RuleFile::AtMost(value.newtype_variant()?),
                    "pattern" => RuleFile::Pattern(value.newtype_variant()?),
                    "length" => RuleFile::Length(value.newtype_variant()?),
                    "not_before" => RuleFile::NotBefore(value.newtype_variant()?),
                    "after" => RuleFile::After(value.newtype_variant()?),
                    "since" => RuleFile::Since(value.newtype_variant()?),
                    "sex_of" => RuleFile::SexOf(value.newtype_variant()?),
                    "birth_date_of" => RuleFile::BirthDateOf(value.newtype_variant()?),
                    "set_when" => RuleFile::SetWhen(value.newtype_variant()?),
                    "required_when" => RuleFile::RequiredWhen(value.newtype_variant()?),
                    "at_most_of" => RuleFile::AtMostOf(value.newtype_variant()?),
                    "not_above" => RuleFile::NotAbove(value.newtype_variant()?),
                    "prefix_of" => RuleFile::PrefixOf(value.newtype_variant()?),
                    "difference_of" => RuleFile::DifferenceOf(value.newtype_variant()?),
                    "year_before_event" => RuleFile::YearBeforeEvent(value.newtype_variant()?),
                    "coordinates" => RuleFile::Coordinates(value.newtype_variant()?),
                    word => {
                        value.unit_variant()?;
                        match word {
                            "month_start" => RuleFile::MonthStart,
                            "not_future" => RuleFile::NotFuture,
                            _ => NamedRule::from_name(word)
                                .map(RuleFile::Named)
                                .ok_or_else(|| A::Error::unknown_variant(word, &RULES))?,
                        }
                    }
                })
            }
        }
        deserializer.deserialize_enum("rule", &RULES, RuleVisitor)
    }
}

impl JsonSchema for RuleFile {
    fn schema_name() -> Cow<'static, str> {
        "rule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = RULES.iter().filter(|rule| !VALUED.contains(rule)).copied().collect();
        json_schema!({ "anyOf": [
            { "enum": words },
            {
                "type": "object",
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                    "code_list": { "enum": code_lists::NAMES.as_slice() },
                    "one_of": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                    "at_least": { "type": "number" },
                    "at_most": { "type": "number" },
                    "pattern": { "type": "string", "format": "regex" },
                    "length": {
                        "type": "array",
                        "items": { "type": "integer", "minimum": 0 },
                        "minItems": 2,
                        "maxItems": 2,
                    },
                    "not_before": { "type": "string" },
                    "after": { "type": "string" },
                    "since": { "type": "string", "format": "date" },
                    "sex_of": { "type": "string" },
                    "birth_date_of": { "type": "string" },
                    "set_when": generator.subschema_for::<WhenFile>(),
                    "required_when": generator.subschema_for::<WhenFile>(),
                    "at_most_of": generator.subschema_for::<TimesFile>(),
                    "not_above": { "type": "string" },
                    "prefix_of": { "type": "string" },
                    "difference_of": {
                        "type": "array",
                        "items": { "type": "string" },
                        "minItems": 2,
                        "maxItems": 2,
                    },
                    "year_before_event": { "type": "integer", "minimum": 0 },
                    "coordinates": generator.subschema_for::<CoordinatesFile>(),
                },
            },
        ] })
    }
}
