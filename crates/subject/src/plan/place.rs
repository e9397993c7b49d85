//! The line that a finding is about.
//!
//! The planner of a query tells positions for what it cannot resolve; everything else is found
//! by the names that a message puts in backticks: in `table.yaml` where the name is declared, in
//! SQL where it is written first, comments aside.

use datafusion::error::DataFusionError;

/// Line and column, from 1; 0 where the whole file is meant.
pub(super) type At = (u32, u32);

/// Keys of `table.yaml` after which a name is declared.
const DECLARING: [&str; 6] =
    ["name: ", "dataset: ", "table: ", "dimension: ", "column: ", "- check: "];

/// Where the planner says that it stumbled.
pub(super) fn of_error(error: &DataFusionError) -> Option<At> {
    let start = error.diagnostic()?.span?.start;
    let number = |n: u64| u32::try_from(n).ok();
    Some((number(start.line)?, number(start.column)?)).filter(|(line, _)| *line > 0)
}

/// Where the first of a message's names stands in a file; `(0, 0)` when none does.
pub(super) fn of_names(file: &str, text: &str, message: &str) -> At {
    let quoted = |mark: char| message.split(mark).skip(1).step_by(2);
    // The engine has quotation marks, and functions begin with their own name.
    let names = quoted('`').chain(quoted('\'')).chain(message.split(": ").take(1));
    let name = |quoted: &str| quoted.trim_start_matches('$').to_owned();
    let is_sql = file.ends_with(".sql");
    let find = |quoted: &str| {
        if is_sql { in_sql(text, &name(quoted)) } else { declared(text, &name(quoted)) }
    };
    names.filter(|name| !name.is_empty()).find_map(find).unwrap_or((0, 0))
}

fn declared(text: &str, name: &str) -> Option<At> {
    let found = |line: &str| {
        DECLARING.iter().find_map(|key| {
            let mut from = 0;
            while let Some(at) = line[from..].find(key).map(|at| from + at + key.len()) {
                let rest = line[at..].trim_start_matches(['"', '\'']);
                if rest.strip_prefix(name).is_some_and(ends_word) {
                    return Some(line.len() - rest.len());
                }
                from = at;
            }
            None
        })
    };
    place(text, found)
}

fn in_sql(text: &str, name: &str) -> Option<At> {
    let wanted = name.to_lowercase();
    if wanted.is_empty() {
        return None;
    }
    place(text, |line| {
        let code = line.split("--").next().unwrap_or_default().to_lowercase();
        let mut from = 0;
        while let Some(at) = code[from..].find(&wanted).map(|at| from + at) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !is_word(c)) && ends_word(&code[at + wanted.len()..]) {
                return Some(at);
            }
            from = at + wanted.len();
        }
        None
    })
}

/// The first line in which `found` gives a byte, as line and column.
fn place(text: &str, found: impl Fn(&str) -> Option<usize>) -> Option<At> {
    let (line, byte, content) = text
        .lines()
        .enumerate()
        .find_map(|(line, content)| Some((line, found(content)?, content)))?;
    let column = content.get(..byte).map_or(0, |before| before.chars().count());
    Some((u32::try_from(line + 1).ok()?, u32::try_from(column + 1).ok()?))
}

fn ends_word(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| !is_word(c))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_is_declared_and_not_where_it_is_part_of_another() {
        let yaml = "inputs:\n  - {dataset: bill_line, by: uscc}\n  - {dataset: bill, by: uscc}\n\
                    columns:\n  - {name: uscc, title: 代码}\n";
        assert_eq!(of_names("table.yaml", yaml, "input `bill` is not read"), (3, 15));
        assert_eq!(of_names("table.yaml", yaml, "column `uscc` of 2"), (5, 12));
        assert_eq!(of_names("table.yaml", yaml, "nothing `is` there"), (0, 0));
    }

    #[test]
    fn in_sql_the_first_word_outside_of_comments_counts() {
        let sql = "-- now() is refused\nSELECT known,\n  '名', NOW() AS t\n";
        assert_eq!(of_names("query.sql", sql, "function `now` gives"), (3, 8));
        assert_eq!(of_names("query.sql", sql, "parameter `$t` is"), (3, 17));
    }
}
