//! Rules by name: whether a text is acceptable, why not, and what it becomes.

use crate::call::{Call, Dates};
use crate::entry::{Entry, Kind};
use arrow::array::ArrayRef;
use datafusion::error::Result;
use huiliu_model::contract::NamedRule;
use huiliu_normalise::lists::CodeList;
use huiliu_normalise::rule::{Context, Outcome, apply, reason_of};
use std::borrow::Cow;

const RULE_TEXT: &[(&str, Kind)] =
    &[("rule", Kind::Rule), ("text", Kind::Text), ("as_of", Kind::Date)];

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "normalise",
        arguments: RULE_TEXT,
        optional: 1,
        returns: Kind::Text,
        says: "The text as the rule stores it; null if the rule refuses it or takes it for none",
        example: ("normalise('uscc', ' 91500103mbxfl1an30')", "91500103MBXFL1AN30"),
        kernel: normalise,
    },
    Entry {
        name: "rule_reason",
        arguments: RULE_TEXT,
        optional: 1,
        returns: Kind::Text,
        says: "Why `normalise` gives null (`CHECKSUM`, `LENGTH`, `NULL_TOKEN`, …); null if it \
               gives a text",
        example: ("rule_reason('uscc', '91500103MIXFL1AN30')", "CHARSET"),
        kernel: reason,
    },
    Entry {
        name: "rule_flags",
        arguments: RULE_TEXT,
        optional: 1,
        returns: Kind::Text,
        says: "Remarks of the rule on a text that it accepts, joined by commas; null without any",
        example: ("rule_flags('project_code', '2017-500103-70-03-000123')", "LEGACY"),
        kernel: flags,
    },
    Entry {
        name: "code_of",
        arguments: &[("list", Kind::List), ("text", Kind::Text)],
        optional: 0,
        returns: Kind::Text,
        says: "The code of a list that a text stands for: the code itself, its name or an alias",
        example: ("code_of('sex', '男')", "1"),
        kernel: code_of,
    },
    Entry {
        name: "code_name",
        arguments: &[("list", Kind::List), ("code", Kind::Text)],
        optional: 0,
        returns: Kind::Text,
        says: "Name of a code of a list",
        example: ("code_name('sex', '2')", "女性"),
        kernel: code_name,
    },
];

/// Whether a rule accepts a text; null for what it takes for no value. Argument 0 is the text,
/// argument 1 the day that births are judged by.
pub(crate) fn valid(call: &Call<'_>, rule: NamedRule) -> Result<ArrayRef> {
    let (texts, contexts) = (call.texts(0)?, Contexts::of(call, 1)?);
    call.truths(|row| match apply(rule, texts.get(row)?, &contexts.get(row)?) {
        Outcome::Ok(_) | Outcome::Warn(..) => Some(true),
        Outcome::Err(_) => Some(false),
        Outcome::Null(_) => None,
    })
}

/// The day that values are judged by, where one is given.
struct Contexts<'a> {
    days: Dates<'a>,
    is_dated: bool,
}

impl<'a> Contexts<'a> {
    fn of(call: &Call<'a>, index: usize) -> Result<Self> {
        Ok(Self { days: call.dates(index)?, is_dated: call.has(index) })
    }

    /// `None` where a day is given and null.
    fn get(&self, row: usize) -> Option<Context> {
        let event_date = self.days.get(row);
        (event_date.is_some() || !self.is_dated).then_some(Context { event_date })
    }
}

fn normalise(call: &Call<'_>) -> Result<ArrayRef> {
    over(call, |_, _, outcome| match outcome {
        Outcome::Ok(text) | Outcome::Warn(text, _) => Some(text),
        Outcome::Null(_) | Outcome::Err(_) => None,
    })
}

fn reason(call: &Call<'_>) -> Result<ArrayRef> {
    over(call, |rule, text, outcome| reason_of(rule, text, &outcome).map(Cow::Borrowed))
}

fn flags(call: &Call<'_>) -> Result<ArrayRef> {
    over(call, |_, _, outcome| {
        let flags = outcome.flags();
        (!flags.is_empty()).then(|| Cow::Owned(flags.iter().collect::<Vec<_>>().join(",")))
    })
}

/// A text of each outcome.
fn over<'a>(
    call: &Call<'a>,
    of: impl Fn(NamedRule, &'a str, Outcome<'a>) -> Option<Cow<'a, str>>,
) -> Result<ArrayRef> {
    let (rules, texts) = (call.words(0, NamedRule::from_name)?, call.texts(1)?);
    let contexts = Contexts::of(call, 2)?;
    call.strings(|row| {
        let Some(rule) = rules.get(row)? else { return Ok(None) };
        let (Some(text), Some(context)) = (texts.get(row), contexts.get(row)) else {
            return Ok(None);
        };
        Ok(of(rule, text, apply(rule, text, &context)))
    })
}

fn code_of(call: &Call<'_>) -> Result<ArrayRef> {
    over_list(call, |list, text| list.canonical(text).map(|(code, _)| code))
}

fn code_name(call: &Call<'_>) -> Result<ArrayRef> {
    over_list(call, |list, text| list.canonical(text).and_then(|(code, _)| list.name(code)))
}

fn over_list(
    call: &Call<'_>,
    of: impl Fn(&'static CodeList, &str) -> Option<&'static str>,
) -> Result<ArrayRef> {
    let (lists, texts) = (call.words(0, CodeList::get)?, call.texts(1)?);
    call.strings(|row| {
        let (Some(list), Some(text)) = (lists.get(row)?, texts.get(row)) else { return Ok(None) };
        Ok(of(list, text).map(Cow::Borrowed))
    })
}
