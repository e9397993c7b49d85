//! One value under one rule, spelled out for a person at the command line.

use super::{Context, Outcome, apply};
use crate::date::{self, DateOutcome, TimestampOutcome};
use crate::id;
use huiliu_model::Reason;
use huiliu_model::contract::NamedRule;

/// What a rule says about one value, in the words of the domain's test vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `ok`, `warn` (accepted with remarks), `null` (treated as missing) or `error`.
    pub outcome: &'static str,
    pub normalised: Option<String>,
    /// Why there is no normalised value.
    pub reason: Option<&'static str>,
    pub flags: Vec<&'static str>,
    /// What was probably meant, where that may be said but not assumed (D15).
    pub suggestion: Option<String>,
}

/// Applies `rule` to `value` and names the result.
pub fn explain(rule: NamedRule, value: &str, context: &Context) -> Explained {
    let (outcome, normalised, reason, flags) = match apply(rule, value, context) {
        Outcome::Ok(text) => ("ok", Some(text.into_owned()), None, Vec::new()),
        Outcome::Warn(text, flags) => {
            ("warn", Some(text.into_owned()), None, flags.iter().collect())
        }
        Outcome::Null(None) if is_open_end(rule, value) => ("null", None, Some("OPEN_END"), vec![]),
        Outcome::Null(None) => ("null", None, Some(Reason::NullToken.label()), Vec::new()),
        Outcome::Null(Some(reason)) => ("null", None, Some(reason.label()), Vec::new()),
        Outcome::Err(reason) => ("error", None, Some(label(rule, reason)), Vec::new()),
    };
    let suggestion = if outcome == "error" { suggest(rule, value) } else { None };
    Explained { outcome, normalised, reason, flags, suggestion }
}

/// Dates have two reasons of their own in the vectors.
fn label(rule: NamedRule, reason: Reason) -> &'static str {
    match (rule, reason) {
        (NamedRule::Date | NamedRule::Timestamp, Reason::Range) => "CALENDAR",
        (NamedRule::Date | NamedRule::Timestamp, Reason::Ambiguous) => "AMBIGUOUS_OR_DMY",
        (_, reason) => reason.label(),
    }
}

fn is_open_end(rule: NamedRule, value: &str) -> bool {
    match rule {
        NamedRule::Date => date::parse_date(value.as_bytes()) == DateOutcome::OpenEnd,
        NamedRule::Timestamp => {
            date::parse_timestamp(value.as_bytes()) == TimestampOutcome::OpenEnd
        }
        _ => false,
    }
}

fn suggest(rule: NamedRule, value: &str) -> Option<String> {
    match rule {
        NamedRule::Uscc | NamedRule::HolderCode => id::uscc::suggest(value),
        NamedRule::ProjectCode => id::project::suggest(value),
        _ => None,
    }
}
