//! Rows that differ, one under the other, with the cells that differ marked.
//!
//! ```text
//!     uscc                age_months  found_date
//!   - 91500000AGE0000001          24  2018-04-07
//!   + 91500000AGE0000001          23  2018-04-08
//!                                 ^^  ^^^^^^^^^^
//!   - 91500000AGE0000002          23  2018-04-08   not yielded
//! ```
//!
//! `-` is expected, `+` is yielded. Columns are the key and those that differ somewhere; where
//! whole rows are missing or too many, all. Columns line up also where cells hold Chinese.

use crate::console::{Console, Style};
use huiliu_subject::testcase::{CaseOutcome, Cells, Difference};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Rows shown of one case; the answer for programs has them all.
const SHOWN_MAX: usize = 20;
const NULL: &str = "∅";
const GAP: &str = "  ";

/// One printed line: its sign, its cells, which of them are marked, and a remark.
struct Line {
    sign: char,
    cells: Vec<String>,
    marked: Vec<bool>,
    remark: &'static str,
}

/// Prints what differs in a case.
///
/// # Errors
/// When the output cannot be written.
pub fn print(
    out: &mut dyn Write,
    key: &[String],
    found: &CaseOutcome,
    console: &Console,
) -> io::Result<()> {
    let shown = &found.differences[..found.differences.len().min(SHOWN_MAX)];
    let columns = columns(key, &found.columns, shown);
    let lines: Vec<Line> = shown.iter().flat_map(|d| lines(d, &columns)).collect();
    let width = |at: usize, name: &str| {
        lines.iter().map(|line| line.cells[at].width()).max().unwrap_or(0).max(name.width())
    };
    let names: Vec<&str> = columns.iter().map(|at| found.columns[*at].as_str()).collect();
    let widths: Vec<usize> = names.iter().enumerate().map(|(at, name)| width(at, name)).collect();
    if !lines.is_empty() {
        let heads = names.iter().zip(&widths).map(|(name, width)| padded(name, *width));
        let heads = heads.collect::<Vec<_>>().join(GAP);
        writeln!(out, "    {}", console.paint_out(heads.trim_end(), Style::Strong))?;
    }
    for line in &lines {
        line.print(out, &widths, console)?;
    }
    for difference in shown {
        if let Difference::Repeated { .. } = difference {
            writeln!(out, "  {}", difference.line(&found.columns))?;
        }
    }
    match found.differences.len() - shown.len() {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more rows that differ"),
    }
}

/// Indices of the columns that are shown.
fn columns(key: &[String], names: &[String], shown: &[Difference]) -> Vec<usize> {
    let whole =
        |d: &Difference| matches!(d, Difference::Missing { .. } | Difference::Unexpected { .. });
    let differs = |index: usize| {
        let changed = |d: &Difference| match d {
            Difference::Changed { at, .. } => at.contains(&index),
            _ => false,
        };
        shown.iter().any(changed)
    };
    let some = |index: &usize| key.contains(&names[*index]) || differs(*index);
    match shown.iter().any(whole) {
        true => (0..names.len()).collect(),
        false => (0..names.len()).filter(some).collect(),
    }
}

fn lines(difference: &Difference, columns: &[usize]) -> Vec<Line> {
    let line = |sign, cells: &Cells, differing: &[usize], remark| Line {
        sign,
        cells: columns.iter().map(|at| shown(cells[*at].as_deref())).collect(),
        marked: columns.iter().map(|at| differing.contains(at)).collect(),
        remark,
    };
    match difference {
        Difference::Missing { expected, .. } => vec![line('-', expected, columns, "not yielded")],
        Difference::Unexpected { actual, .. } => vec![line('+', actual, columns, "not expected")],
        Difference::Repeated { .. } => Vec::new(),
        Difference::Changed { at, expected, actual, .. } => {
            vec![line('-', expected, at, ""), line('+', actual, at, ""), marks(at, columns, actual)]
        }
    }
}

/// The line of marks under a changed row; as wide as the yielded cells.
fn marks(at: &[usize], columns: &[usize], actual: &Cells) -> Line {
    let mark = |index: &usize| match at.contains(index) {
        true => "^".repeat(shown(actual[*index].as_deref()).width().max(1)),
        false => String::new(),
    };
    let cells = columns.iter().map(mark).collect();
    Line { sign: ' ', cells, marked: vec![true; columns.len()], remark: "" }
}

impl Line {
    fn print(&self, out: &mut dyn Write, widths: &[usize], console: &Console) -> io::Result<()> {
        let style = match self.sign {
            '-' => Style::Error,
            '+' => Style::Good,
            _ => Style::Warning,
        };
        let mut text = String::new();
        let last = self.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
        for (at, cell) in self.cells.iter().enumerate().take(last) {
            let cell_text = match self.marked[at] && !cell.is_empty() {
                true => console.paint_out(cell, style),
                false => cell.clone(),
            };
            text.push_str(&cell_text);
            if at + 1 < last || !self.remark.is_empty() {
                text.push_str(&" ".repeat(widths[at] - cell.width()));
                text.push_str(GAP);
            }
        }
        let sign = console.paint_out(&self.sign.to_string(), style);
        writeln!(out, "  {sign} {text}{}", console.paint_out(self.remark, Style::Faint))
    }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A cell as it is shown: control characters never reach the terminal.
fn shown(cell: Option<&str>) -> String {
    let Some(text) = cell else { return NULL.to_owned() };
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{ColorChoice, Global};
    use huiliu_subject::testcase::Origin;

    fn cells<const N: usize>(cells: [Option<&str>; N]) -> Cells {
        cells.map(|cell| cell.map(str::to_owned)).into()
    }

    fn outcome(columns: &[&str], differences: Vec<Difference>) -> CaseOutcome {
        CaseOutcome {
            name: "case".into(),
            title: "title".into(),
            row_count: 3,
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            actual: Vec::new(),
            origin: Origin::ByHand,
            differences,
        }
    }

    fn printed(found: &CaseOutcome, color: ColorChoice) -> String {
        let console = Console::new(&Global { color, ..Global::default() });
        let mut out = Vec::new();
        print(&mut out, &["k".to_owned()], found, &console).expect("memory");
        String::from_utf8(out).expect("text")
    }

    fn changed() -> Difference {
        Difference::Changed {
            key: "k=a".into(),
            at: vec![1, 3],
            expected: cells([Some("a"), Some("水务"), Some("same"), None]),
            actual: cells([Some("a"), Some("gas"), Some("same"), Some("12.50")]),
        }
    }

    #[test]
    fn cells_that_differ_stand_under_each_other_and_are_marked() {
        let found = outcome(&["k", "name", "same", "amount"], vec![changed()]);
        let expected = "    k  name  amount
  - a  水务  ∅
  + a  gas   12.50
       ^^^   ^^^^^
";
        assert_eq!(printed(&found, ColorChoice::Never), expected);
    }

    #[test]
    fn whole_rows_show_every_column_and_say_which_side_lacks_them() {
        let missing = Difference::Missing { key: "k=b".into(), expected: cells([Some("b"), None]) };
        let actual = cells([Some("c"), Some("x\u{1b}[31m")]);
        let unexpected = Difference::Unexpected { key: "k=c".into(), actual };
        let repeated = Difference::Repeated { key: "k=d".into(), side: "yielded" };
        let found = outcome(&["k", "v"], vec![repeated, missing, unexpected]);
        let expected = "    k  v
  - b  ∅            not yielded
  + c  x\\u{1b}[31m  not expected
  ! k=d: twice among the yielded rows
";
        assert_eq!(printed(&found, ColorChoice::Never), expected);
    }

    #[test]
    fn only_cells_that_differ_are_coloured() {
        let found = outcome(&["k", "name", "same", "amount"], vec![changed()]);
        let text = printed(&found, ColorChoice::Always);
        assert!(text.contains("\u{1b}[1;31m水务\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[1;32mgas\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[0m a  \u{1b}[1;3"), "the key has none: {text:?}");
    }

    #[test]
    fn many_rows_are_counted_instead_of_shown() {
        let one = |n: usize| Difference::Repeated { key: format!("k={n}"), side: "yielded" };
        let text = printed(&outcome(&["k"], (0..23).map(one).collect()), ColorChoice::Never);
        assert!(text.ends_with("  … and 3 more rows that differ\n"), "{text}");
    }
}
