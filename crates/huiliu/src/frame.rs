//! Findings in files, shown with the line they are about.
//!
//! ```text
//! error[HUILIU-CFG-0003]: unknown key `kye`
//!   --> pipelines/feed/water_bill.yaml:12:1
//!    |
//! 12 | kye: [account_no, bill_month]
//!    | ^
//!    = help: did you mean `key`?
//! ```

use crate::console::{Console, Style, visible};
use huiliu_spec::Diagnostic;
use huiliu_spec::table::Severity;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use unicode_width::UnicodeWidthStr;

/// Longest part of a line that is shown.
const LINE_CHARS_MAX: usize = 160;

/// Code of findings that only the planner of a query can make.
const PLAN_CODE: &str = "HUILIU-SQL-0001";

/// One thing that is wrong in a file, whoever found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: String,
    pub severity: &'static str,
    pub file: PathBuf,
    /// From 1; 0 is the whole file.
    pub line: u32,
    pub column: u32,
    pub message: String,
    pub help: Option<String>,
}

impl Finding {
    /// Whether what was found makes the files unusable.
    pub fn fails(&self) -> bool {
        self.severity == "error"
    }
}

impl From<Diagnostic> for Finding {
    fn from(found: Diagnostic) -> Self {
        let Diagnostic { code, file, line, column, message, help } = found;
        let code = code.to_string();
        Self { code, severity: "error", file, line, column, message, help }
    }
}

impl From<huiliu_subject::Finding> for Finding {
    fn from(found: huiliu_subject::Finding) -> Self {
        let severity = match found.severity {
            Severity::Fail => "error",
            Severity::Warn => "warning",
        };
        Self {
            code: PLAN_CODE.to_owned(),
            severity,
            file: found.file,
            line: found.line,
            column: found.column,
            message: found.message,
            help: found.help,
        }
    }
}

/// All findings as text, each file read once.
pub fn render(found: &[Finding], console: &Console) -> String {
    let mut files: HashMap<PathBuf, Option<String>> = HashMap::new();
    let mut text = String::new();
    for finding in found {
        let content = files
            .entry(finding.file.clone())
            .or_insert_with(|| std::fs::read_to_string(&finding.file).ok());
        one(&mut text, finding, content.as_deref(), console);
    }
    text
}

fn one(text: &mut String, finding: &Finding, content: Option<&str>, console: &Console) {
    // Writing to a String cannot fail, so the results of `writeln!` are dropped here.
    let style = if finding.fails() { Style::Error } else { Style::Warning };
    let head = console.paint(&format!("{}[{}]", finding.severity, finding.code), style);
    let message = console.paint(&visible(&finding.message), Style::Strong);
    let _ = writeln!(text, "{head}: {message}");
    let line = content.and_then(|c| c.lines().nth(finding.line.checked_sub(1)? as usize));
    let margin = " ".repeat(finding.line.to_string().len());
    let _ = writeln!(text, "{margin}{} {}", console.paint("-->", Style::Faint), place(finding));
    if let Some(line) = line {
        let bar = console.paint("|", Style::Faint);
        let shown: String = line.chars().take(LINE_CHARS_MAX).collect();
        let before: String = line.chars().take(finding.column.saturating_sub(1) as usize).collect();
        let _ = writeln!(text, "{margin} {bar}");
        let _ = writeln!(text, "{} {bar} {}", finding.line, visible(&shown));
        if finding.column > 0 && (finding.column as usize) <= LINE_CHARS_MAX {
            let mark = console.paint("^", Style::Error);
            let _ = writeln!(text, "{margin} {bar} {}{mark}", " ".repeat(visible(&before).width()));
        }
    }
    if let Some(help) = &finding.help {
        let help = visible(help);
        let _ = writeln!(text, "{margin} {} help: {help}", console.paint("=", Style::Faint));
    }
    text.push('\n');
}

/// `file`, `file:line` or `file:line:column`, the file relative to where we are.
pub fn place(finding: &Finding) -> String {
    let file = visible(&relative(&finding.file)).into_owned();
    match (finding.line, finding.column) {
        (0, _) => file,
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

fn relative(file: &Path) -> String {
    let here = std::env::current_dir().ok();
    let path = here.as_deref().and_then(|here| file.strip_prefix(here).ok()).unwrap_or(file);
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{ColorChoice, Global};
    use huiliu_spec::Code;

    #[test]
    fn the_mark_stands_under_the_column_also_after_chinese_text() {
        let global = Global { color: ColorChoice::Never, ..Global::default() };
        let finding = Finding::from(Diagnostic {
            code: Code::UnknownKey,
            file: "a.yaml".into(),
            line: 2,
            column: 11,
            message: "unknown key `x`".into(),
            help: Some("did you mean `y`?".into()),
        });
        let mut text = String::new();
        let content = "a: 1\n{title: 账, x: 1}\n";
        one(&mut text, &finding, Some(content), &Console::new(&global));
        let expected = "\
error[HUILIU-CFG-0003]: unknown key `x`
 --> a.yaml:2:11
  |
2 | {title: 账, x: 1}
  |            ^
  = help: did you mean `y`?

";
        assert_eq!(text, expected);
    }
}
