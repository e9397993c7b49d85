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
    let result = apply(rule, value, context);
    let reason = reason_of(rule, value, &result);
    let (outcome, normalised, flags) = match result {
        Outcome::Ok(text) => ("ok", Some(text.into_owned()), Vec::new()),
        Outcome::Warn(text, flags) => ("warn", Some(text.into_owned()), flags.iter().collect()),
        Outcome::Null(_) => ("null", None, Vec::new()),
        Outcome::Err(_) => ("error", None, Vec::new()),
    };
    let suggestion = if outcome == "error" { suggest(rule, value) } else { None };
    Explained { outcome, normalised, reason, flags, suggestion }
}

/// Why `rule` gave no text for `value`; `None` if it gave one.
pub fn reason_of(rule: NamedRule, value: &str, outcome: &Outcome<'_>) -> Option<&'static str> {
    match outcome {
        Outcome::Ok(_) | Outcome::Warn(..) => None,
        Outcome::Null(None) if is_open_end(rule, value) => Some("OPEN_END"),
        Outcome::Null(None) => Some(Reason::NullToken.label()),
        Outcome::Null(Some(reason)) => Some(reason.label()),
        Outcome::Err(reason) => Some(label(rule, *reason)),
    }
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
