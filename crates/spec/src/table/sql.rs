//! `query.sql` and `checks.sql` as text: sections and parameters. The SQL itself is not parsed.

use super::{Check, Severity};
use crate::diagnostic::{Code, Findings, did_you_mean};
use crate::pipeline::check_name;
use crate::tree::At;

/// Opens a section of `checks.sql`.
const HEADER: &str = "-- check:";

/// Splits `checks.sql` into its checks.
pub(super) fn checks(text: &str, findings: &Findings) -> Vec<Check> {
    let mut checks: Vec<(Check, At)> = Vec::new();
    let mut early: Option<At> = None;
    for (at, line) in numbered(text) {
        if let Some(header) = line.trim_start().strip_prefix(HEADER) {
            if let Some((name, severity)) = header_of(header, at, findings) {
                if checks.iter().any(|(check, _)| check.name == name) {
                    let message = format!("check `{name}` is written twice");
                    findings.add(Code::Duplicate, at, message);
                }
                checks.push((Check { name, severity, sql: String::new() }, at));
            }
        } else if let Some((check, _)) = checks.last_mut() {
            check.sql.push_str(line);
            check.sql.push('\n');
        } else if !is_blank(line) {
            early = early.or(Some(at));
        }
    }
    // A broken header was reported; its SQL then stands before the first check.
    if let Some(at) = early.filter(|_| findings.is_empty()) {
        let help = "begin each check with `-- check: <name> (fail|warn)`";
        findings.add_with_help(Code::BadCheck, at, "SQL before the first check", help);
    }
    for (check, at) in &mut checks {
        if check.sql.lines().all(is_blank) {
            let message = format!("check `{}` has no SQL", check.name);
            findings.add(Code::BadCheck, *at, message);
        }
        check.sql = check.sql.trim().trim_end_matches(';').trim_end().to_owned();
    }
    checks.into_iter().map(|(check, _)| check).collect()
}

fn header_of(header: &str, at: At, findings: &Findings) -> Option<(String, Severity)> {
    let parts = header.trim().split_once('(').and_then(|(name, severity)| {
        let severity = match severity.strip_suffix(')')?.trim() {
            "fail" => Severity::Fail,
            "warn" => Severity::Warn,
            _ => return None,
        };
        Some((name.trim().to_owned(), severity))
    });
    match parts {
        Some((name, severity)) => {
            check_name(&name, at, "check", findings);
            Some((name, severity))
        }
        None => {
            let message = format!("`{}` is not `<name> (fail|warn)`", header.trim());
            findings.add(Code::BadCheck, at, message);
            None
        }
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (At, &str)> {
    text.lines().zip(1..).map(|(line, number)| (At { line: number, column: 1 }, line))
}

pub(super) fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with("--")
}

/// Reports the parameters that SQL uses and the table does not declare.
pub(super) fn check_parameters(text: &str, declared: &[&str], findings: &Findings) {
    for (name, at) in parameters(text) {
        if !declared.contains(&name) {
            let message = format!("parameter `${name}` is not declared");
            let help = did_you_mean(name, declared.iter().copied())
                .unwrap_or_else(|| "declare it under `parameters:` in table.yaml".to_owned());
            findings.add_with_help(Code::UnknownWord, at, message, help);
        }
    }
}

/// Every `$name` outside quotes and line comments, with its position.
fn parameters(text: &str) -> Vec<(&str, At)> {
    let mut found = Vec::new();
    let mut quote: Option<char> = None;
    for (at, line) in numbered(text) {
        let mut column = 0;
        for (index, c) in line.char_indices() {
            column += 1;
            match quote {
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if c == '\'' || c == '"' => quote = Some(c),
                None if line[index..].starts_with("--") => break,
                None if c == '$' => {
                    let rest = &line[index + 1..];
                    let end = rest
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(rest.len());
                    if end > 0 {
                        found.push((&rest[..end], At { line: at.line, column }));
                    }
                }
                None => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_in_quotes_and_comments_are_text() {
        let sql = "SELECT '$no', \"$no\" -- $no\nFROM t WHERE d < $as_of AND 万 = $万x OR $b";
        let names: Vec<_> =
            parameters(sql).iter().map(|(n, at)| (*n, at.line, at.column)).collect();
        assert_eq!(names, [("as_of", 2, 18), ("b", 2, 40)]);
    }
}
