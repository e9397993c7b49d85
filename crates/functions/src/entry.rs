//! What functions there are: names, arguments, results, and a worked example of each.

use crate::call::Call;
use crate::{identity, place, position, rule, text};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::error::{DataFusionError, Result};
use huiliu_model::contract::NamedRule;
use huiliu_normalise::lists::CodeList;

/// Type of an argument or a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Name of a rule (`huiliu rule --list`).
    Rule,
    /// Name of a code list.
    List,
    /// Kind of a mask.
    Mask,
    Date,
    Whole,
    Double,
    Truth,
    /// Longitude and latitude in degrees.
    Point,
}

impl Kind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Text | Self::Rule | Self::List | Self::Mask => "text",
            Self::Date => "date",
            Self::Whole => "integer",
            Self::Double => "double",
            Self::Truth => "boolean",
            Self::Point => "struct {longitude, latitude}",
        }
    }

    pub(crate) fn to_arrow(self) -> DataType {
        match self {
            Self::Text | Self::Rule | Self::List | Self::Mask => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Whole => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Truth => DataType::Boolean,
            Self::Point => {
                let degrees = |name| Field::new(name, DataType::Float64, true);
                DataType::Struct(vec![degrees("longitude"), degrees("latitude")].into())
            }
        }
    }

    /// The words an argument may be; `None` where any text may stand.
    pub(crate) fn words(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Rule => Some(NamedRule::ALL.iter().map(|(name, _)| *name).collect()),
            Self::List => Some(CodeList::names()),
            Self::Mask => Some(text::masks().collect()),
            _ => None,
        }
    }
}

/// One function.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// Names and types, in order.
    pub arguments: &'static [(&'static str, Kind)],
    /// How many of them, counted from the last, may be left out.
    pub optional: usize,
    pub returns: Kind,
    /// What it gives.
    pub says: &'static str,
    /// A call and its result, as a query prints it; an empty result is null.
    pub example: (&'static str, &'static str),
    pub(crate) kernel: fn(&Call<'_>) -> Result<ArrayRef>,
}

impl Entry {
    /// `name(first, second [, third])`.
    pub fn signature(&self) -> String {
        let given = self.arguments.len() - self.optional;
        let mut text = format!("{}(", self.name);
        for (index, (name, _)) in self.arguments.iter().enumerate() {
            text.push_str(match (index, index < given) {
                (0, _) => "",
                (_, true) => ", ",
                (_, false) => " [, ",
            });
            text.push_str(name);
        }
        text.push_str(&"]".repeat(self.optional));
        text.push(')');
        text
    }
}

/// Every function, grouped by subject.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    [identity::ENTRIES, rule::ENTRIES, place::ENTRIES, text::ENTRIES, position::ENTRIES]
        .into_iter()
        .flatten()
}

/// The error of a word that means nothing.
pub(crate) fn unknown(entry: &Entry, index: usize, word: &str) -> DataFusionError {
    let (argument, kind) = entry.arguments[index];
    let words = kind.words().unwrap_or_default().join(", ");
    let name = entry.name;
    DataFusionError::Plan(format!("{name}: there is no {argument} `{word}`; there are {words}"))
}
