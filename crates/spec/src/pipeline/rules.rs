//! Types and rules of columns: how they are written, and which rule fits which type.

use super::columns::Known;
use crate::code_lists;
use crate::diagnostic::{Code, Findings, did_you_mean, one_of};
use crate::read::Read;
use crate::tree::At;
use huiliu_model::contract::{DataType, NamedRule, Rule};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
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
    SexOf(Read<String>),
    BirthDateOf(Read<String>),
}

/// Rules that are a word alone, beside the names of [`NamedRule`].
const WORDS: [&str; 2] = ["month_start", "not_future"];

/// Rules with a value.
const VALUED: [&str; 9] = [
    "code_list",
    "one_of",
    "at_least",
    "at_most",
    "pattern",
    "length",
    "not_before",
    "sex_of",
    "birth_date_of",
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
                    "sex_of" => RuleFile::SexOf(value.newtype_variant()?),
                    "birth_date_of" => RuleFile::BirthDateOf(value.newtype_variant()?),
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

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
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
                    "sex_of": { "type": "string" },
                    "birth_date_of": { "type": "string" },
                },
            },
        ] })
    }
}

/// Turns a rule as written into the model's, reporting what does not fit.
pub(super) fn check(
    rule: &RuleFile,
    at: At,
    column: &Known<'_>,
    others: &[Known<'_>],
    findings: &Findings,
) -> Option<Rule> {
    let checker = Checker { at, column, others, findings };
    match rule {
        RuleFile::Named(named) => checker.named(*named),
        RuleFile::MonthStart => checker.typed("month_start", &[is_date], Rule::MonthStart),
        RuleFile::NotFuture => {
            checker.typed("not_future", &[is_date, is_timestamp], Rule::NotFuture)
        }
        RuleFile::CodeList(name) => checker.code_list(name),
        RuleFile::OneOf(codes) => checker.one_of(codes),
        RuleFile::AtLeast(bound) => {
            checker.typed("at_least", &[is_number], Rule::AtLeast(*bound.get()?))
        }
        RuleFile::AtMost(bound) => {
            checker.typed("at_most", &[is_number], Rule::AtMost(*bound.get()?))
        }
        RuleFile::Pattern(pattern) => checker.pattern(pattern),
        RuleFile::Length(bounds) => checker.length(bounds),
        RuleFile::NotBefore(other) => checker.not_before(other),
        RuleFile::SexOf(other) => {
            let column = checker.resident_id("sex_of", other)?;
            checker.typed("sex_of", &[is_string], Rule::SexOf { column })
        }
        RuleFile::BirthDateOf(other) => {
            let column = checker.resident_id("birth_date_of", other)?;
            checker.typed("birth_date_of", &[is_date], Rule::BirthDateOf { column })
        }
    }
}

type Fits = fn(DataType) -> bool;

fn is_string(data_type: DataType) -> bool {
    data_type == DataType::String
}

fn is_date(data_type: DataType) -> bool {
    data_type == DataType::Date
}

fn is_timestamp(data_type: DataType) -> bool {
    data_type == DataType::Timestamp
}

fn is_double(data_type: DataType) -> bool {
    data_type == DataType::Double
}

fn is_number(data_type: DataType) -> bool {
    matches!(
        data_type,
        DataType::Integer | DataType::Long | DataType::Double | DataType::Decimal { .. }
    )
}

struct Checker<'a> {
    at: At,
    column: &'a Known<'a>,
    others: &'a [Known<'a>],
    findings: &'a Findings,
}

impl Checker<'_> {
    /// The rule, when the column's type is one it fits. An unknown type was reported elsewhere.
    fn typed(&self, name: &str, fits: &[Fits], rule: Rule) -> Option<Rule> {
        let data_type = self.column.data_type?;
        if fits.iter().any(|fit| fit(data_type)) {
            return Some(rule);
        }
        let column = self.column.name;
        let message = format!("rule `{name}` does not fit column `{column}` of type {data_type}");
        self.findings.add(Code::RuleMismatch, self.at, message);
        None
    }

    fn named(&self, rule: NamedRule) -> Option<Rule> {
        let fits: Fits = match rule {
            NamedRule::Longitude | NamedRule::Latitude => is_double,
            NamedRule::Date => is_date,
            NamedRule::Timestamp => is_timestamp,
            _ => is_string,
        };
        self.typed(rule.name(), &[fits], Rule::Named(rule))
    }

    fn code_list(&self, name: &Read<String>) -> Option<Rule> {
        let text = name.text()?;
        if !code_lists::NAMES.contains(&text) {
            let message = format!("unknown code list `{text}`");
            let help = one_of(text, &code_lists::NAMES);
            self.findings.add_with_help(Code::UnknownWord, name.at, message, help);
            return None;
        }
        self.typed("code_list", &[is_string], Rule::CodeList(text.to_owned()))
    }

    fn one_of(&self, codes: &Read<Vec<Read<String>>>) -> Option<Rule> {
        let list = codes.get()?;
        if list.is_empty() {
            self.findings.add(Code::Empty, codes.at, "rule `one_of` lists no code");
            return None;
        }
        let texts: Vec<String> = list.iter().filter_map(|c| c.value.clone()).collect();
        for (index, code) in list.iter().enumerate() {
            if code.value.is_some() && list[..index].iter().any(|c| c.value == code.value) {
                let message = format!("code `{}` is listed twice", code.text().unwrap_or(""));
                self.findings.add(Code::Duplicate, code.at, message);
            }
        }
        self.typed("one_of", &[is_string], Rule::OneOf(texts))
    }

    fn pattern(&self, pattern: &Read<String>) -> Option<Rule> {
        let text = pattern.text()?;
        if let Err(error) = regex::Regex::new(text) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("pattern does not compile: {reason}");
            self.findings.add(Code::BadPattern, pattern.at, message);
            return None;
        }
        self.typed("pattern", &[is_string], Rule::Pattern(text.to_owned()))
    }

    fn length(&self, bounds: &Read<(usize, usize)>) -> Option<Rule> {
        let (min, max) = *bounds.get()?;
        if min > max || max == 0 {
            let message = format!("no text has a length of {min} to {max}");
            self.findings.add(Code::OutOfRange, bounds.at, message);
            return None;
        }
        self.typed("length", &[is_string], Rule::Length { min, max })
    }

    fn not_before(&self, other: &Read<String>) -> Option<Rule> {
        let (column, found) = self.other("not_before", other)?;
        let rule =
            self.typed("not_before", &[is_date, is_timestamp], Rule::NotBefore { column })?;
        if found.data_type? == self.column.data_type? {
            return Some(rule);
        }
        let message = format!(
            "rule `not_before` compares column `{}` of type {} with column `{}` of type {}",
            self.column.name, self.column.data_type?, found.name, found.data_type?
        );
        self.findings.add(Code::RuleMismatch, other.at, message);
        None
    }

    /// Index of another column, which must have the rule `resident_id`.
    fn resident_id(&self, rule: &str, other: &Read<String>) -> Option<usize> {
        let (index, found) = self.other(rule, other)?;
        if found.has_named(NamedRule::ResidentId) {
            return Some(index);
        }
        let message = format!("rule `{rule}` needs a resident id, column `{}` is none", found.name);
        let help = format!("give column `{}` the rule `resident_id`", found.name);
        self.findings.add_with_help(Code::RuleMismatch, other.at, message, help);
        None
    }

    fn other(&self, rule: &str, other: &Read<String>) -> Option<(usize, &Known<'_>)> {
        let name = other.text()?;
        let found = self.others.iter().enumerate().find(|(_, known)| known.name == name);
        if found.is_none() {
            let message = format!("rule `{rule}` names column `{name}`, which does not exist");
            let help = did_you_mean(name, self.others.iter().map(|known| known.name));
            self.findings.push(Code::UnknownColumn, other.at, message, help);
        }
        found
    }
}
