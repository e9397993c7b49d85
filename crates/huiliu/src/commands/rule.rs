//! `huiliu rule`: one normalisation and validation rule, by hand or on a stream of lines.

use crate::cli::{Lines, RuleArgs};
use crate::failure::Failure;
use crate::installation::clock;
use crate::output::table::{Align, Table};
use chrono::{DateTime, NaiveDate};
use huiliu_model::contract::NamedRule;
use huiliu_normalise::rule::{Context, Explained, accepts, explain, explain_coordinates};
use serde::Serialize;
use std::io::{self, BufRead, BufWriter, Write};

/// Rows printed at once in a text table: enough to align, few enough to stream.
const ROWS_AT_ONCE: usize = 1_000;
/// Seconds that the domain's local time is ahead of UTC; it has no summer time.
const SHANGHAI_SECONDS: i64 = 8 * 3_600;

/// The rule of two columns that can be asked about one value, and what it accepts.
const COORDINATES: (&str, &str) = (
    "coordinates",
    "longitude,latitude[,system] in the city; exchanged degrees, Gauss-Krueger metres, GCJ02 and \
     BD09 become CGCS2000",
);

#[derive(Serialize)]
struct Finding<'a> {
    input: &'a str,
    outcome: &'static str,
    value: Option<&'a str>,
    flags: &'a [&'static str],
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a str>,
}

/// Applies a rule to values, or names the rules.
///
/// # Errors
/// An unknown rule is a usage error; otherwise when input or output fail.
pub fn execute(args: &RuleArgs) -> Result<(), Failure> {
    if args.list {
        return list(args.output.unwrap_or(Lines::Text));
    }
    let name = args.rule.as_deref().unwrap_or_default();
    let rule = NamedRule::from_name(name);
    if rule.is_none() && name != COORDINATES.0 {
        return Err(unknown(name));
    }
    let context = Context { event_date: Some(days(args.event_date.unwrap_or_else(today))) };
    let judge = |value: &str| match rule {
        Some(rule) => explain(rule, value, &context),
        None => explain_coordinates(value),
    };
    let out = BufWriter::new(io::stdout().lock());
    let stream = args.stdin || matches!(args.values.as_slice(), [only] if only == "-");
    let form = args.output.unwrap_or(if stream { Lines::Ndjson } else { Lines::Text });
    let mut printer = Printer::new(form, out)?;
    if stream || args.values.is_empty() {
        each_line(io::stdin().lock(), |value| printer.print(value, &judge(value)))?;
    } else {
        for value in &args.values {
            printer.print(value, &judge(value))?;
        }
    }
    printer.finish()
}

/// Today in the domain's local time.
pub fn today() -> NaiveDate {
    let local = clock().now_us() / 1_000_000 + SHANGHAI_SECONDS;
    DateTime::from_timestamp(local, 0).map(|t| t.date_naive()).unwrap_or_default()
}

fn days(date: NaiveDate) -> i32 {
    let since = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(since).unwrap_or(i32::MAX)
}

fn unknown(name: &str) -> Failure {
    let near = NamedRule::ALL
        .iter()
        .map(|(known, _)| *known)
        .find(|known| known.contains(name) || name.contains(known));
    let help = match near {
        Some(near) if !name.is_empty() => format!("did you mean `{near}`? `huiliu rule --list`"),
        _ => "`huiliu rule --list` names the rules".to_owned(),
    };
    Failure::usage(format!("there is no rule `{name}`")).help(help)
}

/// Calls `each` with every line; bytes that are not UTF-8 become U+FFFD, which rules refuse.
fn each_line(
    mut input: impl BufRead,
    mut each: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        each(&String::from_utf8_lossy(&line))?;
    }
}

enum Printer<W: Write> {
    Text { out: W, table: Table },
    Ndjson { out: W },
    Json { out: W, count: u64 },
}

impl<W: Write> Printer<W> {
    fn new(form: Lines, mut out: W) -> io::Result<Self> {
        Ok(match form {
            Lines::Text => {
                let heads = ["input", "outcome", "value", "reason", "flags"];
                let table = Table::new(heads.map(|head| (head.to_owned(), Align::Left)));
                Self::Text { out, table }
            }
            Lines::Ndjson => Self::Ndjson { out },
            Lines::Json => {
                out.write_all(b"[")?;
                Self::Json { out, count: 0 }
            }
        })
    }

    fn print(&mut self, value: &str, said: &Explained) -> Result<(), Failure> {
        let finding = Finding {
            input: value,
            outcome: said.outcome,
            value: said.normalised.as_deref(),
            flags: &said.flags,
            reason: said.reason,
            suggestion: said.suggestion.as_deref(),
        };
        match self {
            Self::Ndjson { out } => {
                serde_json::to_writer(&mut *out, &finding).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Self::Json { out, count } => {
                out.write_all(if *count == 0 { b"\n  " } else { b",\n  " })?;
                serde_json::to_writer(&mut *out, &finding).map_err(io::Error::from)?;
                *count += 1;
            }
            Self::Text { out, table } => {
                let reason = match (said.reason, &said.suggestion) {
                    (Some(reason), Some(meant)) => Some(format!("{reason} (meant {meant}?)")),
                    (reason, _) => reason.map(str::to_owned),
                };
                table.push([
                    Some(value.to_owned()),
                    Some(said.outcome.to_owned()),
                    said.normalised.clone(),
                    Some(reason.unwrap_or_default()),
                    Some(said.flags.join(" ")),
                ]);
                if table.waiting() >= ROWS_AT_ONCE {
                    table.print(out)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Text { mut out, mut table } => {
                table.print(&mut out)?;
                out.flush()?;
            }
            Self::Ndjson { mut out } => out.flush()?,
            Self::Json { mut out, count } => {
                out.write_all(if count == 0 { b"]\n" } else { b"\n]\n" })?;
                out.flush()?;
            }
        }
        Ok(())
    }
}

fn list(form: Lines) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match form {
        Lines::Text => {
            let heads = ["rule", "accepts"].map(|head| (head.to_owned(), Align::Left));
            let mut table = Table::new(heads);
            for (name, accepted) in rules() {
                table.push([Some(name.to_owned()), Some(accepted.to_owned())]);
            }
            table.print(&mut out)?;
        }
        Lines::Json => {
            writeln!(out, "{}", serde_json::json!(rules().map(listed).collect::<Vec<_>>()))?;
        }
        Lines::Ndjson => {
            for rule in rules() {
                writeln!(out, "{}", listed(rule))?;
            }
        }
    }
    Ok(())
}

/// Names of all rules that take a value, with what they accept.
fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    NamedRule::ALL.into_iter().map(|(name, rule)| (name, accepts(rule))).chain([COORDINATES])
}

fn listed((name, accepted): (&str, &str)) -> serde_json::Value {
    serde_json::json!({ "rule": name, "accepts": accepted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_any_way_and_bad_bytes_do_not_stop_them() {
        let mut seen = Vec::new();
        each_line(&b"a\r\nb\n\n\xffc"[..], |line| {
            seen.push(line.to_owned());
            Ok(())
        })
        .expect("memory");
        assert_eq!(seen, ["a", "b", "", "\u{fffd}c"]);
    }

    #[test]
    fn days_count_from_1970() {
        let day = |y, m, d| days(NaiveDate::from_ymd_opt(y, m, d).expect("a date"));
        assert_eq!((day(1970, 1, 1), day(1970, 2, 1), day(1969, 12, 31)), (0, 31, -1));
    }
}
