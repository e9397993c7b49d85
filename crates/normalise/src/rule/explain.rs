//! One value under one rule, spelled out for a person at the command line.

use super::{Context, Outcome, apply};
use crate::date::{self, DateOutcome, TimestampOutcome};
use crate::geo::{self, Position, System};
use crate::id;
use crate::judge::{CONVERTED, DATUM, SWAPPED};
use crate::number::{NumberOutcome, parse_double};
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

/// Judges a position written as `longitude,latitude` or `longitude,latitude,system`, like the rule
/// `coordinates` of two columns.
pub fn explain_coordinates(value: &str) -> Explained {
    let parts: Vec<&str> = value.split([',', '，']).map(str::trim).collect();
    let number = |at: usize| match parse_double(parts.get(at)?.as_bytes()) {
        NumberOutcome::Value { value, .. } => Some(value),
        NumberOutcome::Null | NumberOutcome::Err(_) => None,
    };
    let said = |outcome, point: Option<geo::Point>, reason: Option<Reason>, flags| Explained {
        outcome,
        normalised: point.map(|(longitude, latitude)| format!("{longitude},{latitude}")),
        reason: reason.map(Reason::label),
        flags,
        suggestion: None,
    };
    let (Some(longitude), Some(latitude), true) = (number(0), number(1), parts.len() <= 3) else {
        return said("error", None, Some(Reason::Type), Vec::new());
    };
    let delivered = (longitude, latitude);
    match geo::settle(delivered, System::of(parts.get(2).unwrap_or(&""))) {
        Position::Kept => said("ok", Some(delivered), None, Vec::new()),
        Position::Unconverted => said("warn", Some(delivered), None, vec![DATUM]),
        Position::Swapped(point) => said("warn", Some(point), None, vec![SWAPPED]),
        Position::Converted(point) => said("warn", Some(point), None, vec![CONVERTED]),
        Position::Outside => said("error", None, Some(Reason::Range), Vec::new()),
    }
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
