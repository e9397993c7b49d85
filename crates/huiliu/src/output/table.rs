//! Tables for people, with columns that line up when cells hold Chinese.
//!
//! Width is what a terminal shows (a Han character takes two places), not bytes or characters.
//! Control characters never reach the terminal. Rows can be printed in portions: the head comes
//! once and widths only grow, so a stream of any length takes bounded memory.

use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// What null looks like.
const NULL: &str = "∅";
/// Narrowest a cell is cut to before the rows are turned upright.
const CELL_WIDTH_MIN: usize = 12;
const GAP: &str = "  ";

/// Rows waiting to be printed, and what is known of their columns.
#[derive(Debug, Clone)]
pub struct Table {
    heads: Vec<String>,
    align: Vec<Align>,
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
    cell_width_max: usize,
    total_width_max: Option<usize>,
    head_printed: bool,
    printed_rows: usize,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = (String, Align)>) -> Self {
        let (heads, align): (Vec<String>, Vec<Align>) = columns.into_iter().unzip();
        let widths = heads.iter().map(|head| head.width()).collect();
        Self {
            heads,
            align,
            widths,
            rows: Vec::new(),
            cell_width_max: usize::MAX,
            total_width_max: None,
            head_printed: false,
            printed_rows: 0,
        }
    }

    /// Cuts cells wider than this.
    #[must_use]
    pub fn cell_width_max(mut self, width: usize) -> Self {
        self.cell_width_max = width;
        self
    }

    /// Keeps lines within this width: by cutting cells, then by one line per cell.
    #[must_use]
    pub fn fit(mut self, width: Option<usize>) -> Self {
        self.total_width_max = width;
        self
    }

    /// Adds a row; `None` is null. Cells beyond the columns are ignored.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Option<String>>) {
        let mut row: Vec<String> = cells
            .into_iter()
            .take(self.heads.len())
            .map(|cell| cell.map_or_else(|| NULL.to_owned(), |text| printable(&text)))
            .collect();
        row.resize_with(self.heads.len(), String::new);
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.width().min(self.cell_width_max));
        }
        self.rows.push(row);
    }

    pub fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Prints the waiting rows, after the head if it was not printed yet.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn print(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.shrink() {
            self.print_lines(out)?;
        } else {
            self.print_upright(out)?;
        }
        self.printed_rows += self.rows.len();
        self.rows.clear();
        Ok(())
    }

    /// Narrows the widest columns until a line fits; false when it cannot.
    fn shrink(&mut self) -> bool {
        let Some(limit) = self.total_width_max else { return true };
        let gaps = GAP.len() * self.widths.len().saturating_sub(1);
        loop {
            let total = self.widths.iter().sum::<usize>() + gaps;
            if total <= limit {
                return true;
            }
            let Some(widest) = self.widths.iter_mut().max_by_key(|width| **width) else {
                return true;
            };
            if *widest <= CELL_WIDTH_MIN {
                return false;
            }
            *widest = (*widest - (total - limit).min(*widest)).max(CELL_WIDTH_MIN);
        }
    }

    fn print_lines(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.head_printed {
            self.line(out, &self.heads)?;
            let rules: Vec<String> = self.widths.iter().map(|w| "─".repeat(*w)).collect();
            self.line(out, &rules)?;
            self.head_printed = true;
        }
        self.rows.iter().try_for_each(|row| self.line(out, row))
    }

    fn line(&self, out: &mut impl Write, cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            let width = self.widths[index];
            let cell = cut(cell, width);
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if index > 0 {
                line.push_str(GAP);
            }
            match self.align[index] {
                Align::Left => line.push_str(&(cell + &padding)),
                Align::Right => line.push_str(&(padding + &cell)),
            }
        }
        writeln!(out, "{}", line.trim_end())
    }

    /// One line per cell, for rows too wide for the terminal.
    fn print_upright(&self, out: &mut impl Write) -> io::Result<()> {
        let head_width = self.heads.iter().map(|head| head.width()).max().unwrap_or(0);
        for (index, row) in self.rows.iter().enumerate() {
            writeln!(out, "── row {} ──", self.printed_rows + index + 1)?;
            for (head, cell) in self.heads.iter().zip(row) {
                let padding = " ".repeat(head_width - head.width());
                writeln!(out, "{head}{padding}{GAP}{}", cut(cell, self.cell_width_max))?;
            }
        }
        Ok(())
    }
}

/// Shortens text to a width on the terminal, with an ellipsis in place of what is cut.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Control characters as escapes: data never steers the terminal.
fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &[&str]) -> Vec<Option<String>> {
        row.iter().map(|cell| Some((*cell).to_owned())).collect()
    }

    fn table(columns: &[(&str, Align)], rows: &[&[&str]]) -> Table {
        let mut table = Table::new(columns.iter().map(|(name, align)| ((*name).into(), *align)));
        rows.iter().for_each(|row| table.push(cells(row)));
        table
    }

    fn printed(mut table: Table) -> String {
        let mut out = Vec::new();
        table.print(&mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn chinese_and_latin_cells_line_up() {
        let columns = [("名称", Align::Left), ("n", Align::Right), ("x", Align::Left)];
        let rows: [&[&str]; 2] = [&["重庆水务集团", "7", "a"], &["ACME", "1200", "b"]];
        let expected = "\
名称             n  x
────────────  ────  ─
重庆水务集团     7  a
ACME          1200  b
";
        assert_eq!(printed(table(&columns, &rows)), expected);
    }

    #[test]
    fn wide_cells_are_cut_by_what_the_terminal_shows() {
        assert_eq!(cut("重庆市渝中区", 12), "重庆市渝中区");
        assert_eq!(cut("重庆市渝中区", 11), "重庆市渝中…");
        assert_eq!(cut("重庆市渝中区", 10), "重庆市渝…");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn null_and_empty_differ_and_control_characters_are_escaped() {
        let mut table = table(&[("a", Align::Left), ("b", Align::Left)], &[]);
        table.push([None, Some(String::new())]);
        table.push(cells(&["\u{1b}[31m", "two\nlines"]));
        let expected = "\
a           b
──────────  ──────────
∅
\\u{1b}[31m  two\\nlines
";
        assert_eq!(printed(table), expected);
    }

    #[test]
    fn later_portions_have_no_head_and_keep_their_widths() {
        let mut table = table(&[("value", Align::Left), ("n", Align::Right)], &[&["abc", "1"]]);
        let mut out = Vec::new();
        table.print(&mut out).expect("memory");
        table.push(cells(&["z", "2"]));
        table.print(&mut out).expect("memory");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, "value  n\n─────  ─\nabc    1\nz      2\n");
    }

    #[test]
    fn rows_that_cannot_fit_stand_upright() {
        let columns: Vec<_> = (0..4).map(|i| (format!("column_{i}_name"), Align::Left)).collect();
        let mut wide = Table::new(columns).fit(Some(40));
        wide.push(cells(&["1", "重庆", "3", "4"]));
        let text = printed(wide);
        assert!(text.starts_with("── row 1 ──\ncolumn_0_name  1\ncolumn_1_name  重庆\n"), "{text}");
    }

    #[test]
    fn the_widest_column_gives_way_first() {
        let long = "x".repeat(60);
        let mut table =
            table(&[("a", Align::Left), ("b", Align::Left)], &[&["short", &long]]).fit(Some(30));
        table.print(&mut Vec::new()).expect("memory");
        assert_eq!(table.widths, [5, 23]);
    }
}
