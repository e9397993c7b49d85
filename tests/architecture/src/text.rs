//! What can be said about a file without parsing it: its length, its lines, its name, its head.

use crate::tree::Source;
use crate::{Rule, Violation};

/// STYLE 6.
const FILE_LINES_MAX: usize = 500;
/// STYLE 6; characters, as rustfmt counts them.
const LINE_COLUMNS_MAX: usize = 100;
/// STYLE 2: names that say nothing.
pub const MODULE_NAMES: [&str; 9] =
    ["utils", "util", "common", "helpers", "helper", "misc", "manager", "managers", "stuff"];

pub fn check(file: &Source, found: &mut Vec<Violation>) {
    let mut push = |rule, line, message: String| {
        found.push(Violation { rule, file: file.path.clone(), line, message });
    };
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        push(Rule::FileLines, lines, format!("{lines} lines, more than {FILE_LINES_MAX}"));
    }
    for (line, number) in file.text.lines().zip(1..) {
        let columns = line.chars().count();
        if columns > LINE_COLUMNS_MAX {
            let message = format!("{columns} columns, more than {LINE_COLUMNS_MAX}");
            push(Rule::LineColumns, number, message);
        }
    }
    let inside = &file.path[file.package().len()..];
    for part in inside.split('/').map(|part| part.trim_end_matches(".rs")) {
        if MODULE_NAMES.contains(&part) {
            push(Rule::ModuleName, 1, format!("a module named `{part}` says nothing"));
        }
    }
    let head = file.text.lines().find(|line| !line.trim().is_empty());
    if !head.is_some_and(|line| line.starts_with("//! ")) {
        let message = "the module does not begin with `//!`";
        push(Rule::ModuleDoc, 1, message.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_width_name_and_head_are_checked() {
        let long = format!("// {}\n", "宽".repeat(98));
        let text = format!("{long}{}", "fn a() {}\n".repeat(500));
        let file = Source { path: "crates/x/src/utils/mod.rs".to_owned(), text };
        let mut found = Vec::new();
        check(&file, &mut found);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/x/src/utils/mod.rs:501: file-lines: 501 lines, more than 500",
                "crates/x/src/utils/mod.rs:1: line-columns: 101 columns, more than 100",
                "crates/x/src/utils/mod.rs:1: module-name: a module named `utils` says nothing",
                "crates/x/src/utils/mod.rs:1: module-doc: the module does not begin with `//!`",
            ]
        );
    }
}
