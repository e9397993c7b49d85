//! `exceptions.txt`: one rule, one path and one reason a line.

use crate::{Rule, Violation};

/// One exception; it excuses every violation of the rule in the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Exception {
    pub rule: Rule,
    pub file: String,
    pub reason: String,
    pub line: usize,
}

/// Parses the list.
///
/// # Errors
/// The lines that are no exception.
pub fn parse(text: &str) -> Result<Vec<Exception>, Vec<String>> {
    let mut exceptions = Vec::new();
    let mut wrong = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let parts = line.split_once(" - ").and_then(|(head, reason)| {
            let (rule, file) = head.trim().split_once(' ')?;
            let rule = Rule::ALL.into_iter().find(|known| known.name() == rule)?;
            let reason = reason.trim();
            (reason.len() >= 10).then(|| (rule, file.trim().to_owned(), reason.to_owned()))
        });
        match parts {
            Some((rule, file, reason)) => {
                exceptions.push(Exception { rule, file, reason, line: number });
            }
            None => wrong
                .push(format!("exceptions.txt:{number}: not `<rule> <path> - <reason>`: {line}")),
        }
    }
    if wrong.is_empty() { Ok(exceptions) } else { Err(wrong) }
}

impl Exception {
    pub fn excuses(&self, violation: &Violation) -> bool {
        self.rule == violation.rule && self.file == violation.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_needs_a_known_rule_and_a_reason() {
        let sound = "# head\n\nfile-lines crates/a/src/b.rs - a table of the standard\n";
        let parsed = parse(sound).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        assert_eq!(
            parsed,
            [Exception {
                rule: Rule::FileLines,
                file: "crates/a/src/b.rs".to_owned(),
                reason: "a table of the standard".to_owned(),
                line: 3,
            }]
        );
        assert!(parse("file-lines crates/a.rs\n").is_err());
        assert!(parse("file-lines crates/a.rs - yes\n").is_err());
        assert!(parse("file-length crates/a.rs - because it is long\n").is_err());
    }
}
