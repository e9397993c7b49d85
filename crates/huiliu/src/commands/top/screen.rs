//! How the rates look: all of them on paper, and on a screen what fits, drawn over what was there.

use super::{DatasetLine, Top};
use crate::output::table::{Align, Table};
use crate::output::terminal_width;
use std::io::{self, Write};

/// Goes to the first cell; clears what is right of the cursor; clears what is below it.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
const CLEAR_ALL: &str = "\x1b[2J";
/// Lines above the lists: two of figures, the heads of the table and the rule below them.
const HEAD_LINES: usize = 4;
/// What a screen is taken for that does not tell its size.
const SIZE: (usize, usize) = (80, 24);

/// A terminal that is drawn on again and again, without flicker.
#[derive(Default)]
pub struct Screen {
    is_begun: bool,
}

impl Screen {
    /// Draws what fits now: the window may have another size than before.
    pub fn draw(&mut self, top: &Top) -> io::Result<()> {
        let size = terminal_size::terminal_size();
        let size = size.map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        let (width, height) = size.unwrap_or(SIZE);
        let begin = if std::mem::replace(&mut self.is_begun, true) { "" } else { CLEAR_ALL };
        let frame = frame(top, width, height)?;
        let mut out = io::stdout().lock();
        out.write_all(format!("{begin}{HOME}{frame}{CLEAR_BELOW}").as_bytes())?;
        out.flush()
    }
}

/// The lines of one drawing, each cut at the width; the last line of the screen stays free.
fn frame(top: &Top, width: usize, height: usize) -> io::Result<String> {
    let mut text = Vec::new();
    write(top, Some(height.saturating_sub(1)), &mut text)?;
    let text = String::from_utf8_lossy(&text);
    let cut = |line: &str| line.chars().take(width).collect::<String>() + CLEAR_LINE + "\r\n";
    Ok(text.lines().take(height.saturating_sub(1)).map(cut).collect())
}

/// Writes everything, or no more lines than there are: datasets that move or stopped, and topics
/// that wait longest.
pub fn write(top: &Top, lines: Option<usize>, mut out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: {:.0} % of a core, {:.1} MiB held, blocked {:.0} %, {:.1} errors/s",
        top.admin,
        100.0 * top.cpu_share,
        top.held_bytes / f64::from(1 << 20),
        100.0 * top.blocked,
        top.errors_per_second,
    )?;
    let busy = top.stages_busy.iter();
    let busy: Vec<String> =
        busy.map(|(stage, share)| format!("{stage} {:.0} %", 100.0 * share)).collect();
    writeln!(out, "busy: {}", busy.join(", "))?;
    let is_shown = |line: &&DatasetLine| lines.is_none() || line.moves();
    let datasets: Vec<&DatasetLine> = top.datasets.iter().filter(is_shown).collect();
    let mut behind: Vec<(&String, f64)> = top
        .lag_records
        .iter()
        .map(|(topic, lag)| (topic, *lag))
        .filter(|(_, l)| *l > 0.0)
        .collect();
    behind.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [first, second] = match lines {
        Some(lines) => share(lines.saturating_sub(HEAD_LINES), datasets.len(), behind.len()),
        None => [datasets.len(), behind.len()],
    };
    if datasets.is_empty() {
        writeln!(out, "no records arrive")?;
    } else {
        let (shown, more) = fitted(&datasets, first);
        table(shown).print(&mut out)?;
        say_more(more, "datasets", out)?;
    }
    let (shown, more) = fitted(&behind, second);
    for (topic, lag) in shown {
        writeln!(out, "{topic}: {lag:.0} offsets behind")?;
    }
    say_more(more, "topics behind", out)
}

/// Lines of two lists among so many: the first has what the second leaves, and two thirds at
/// least.
fn share(lines: usize, first: usize, second: usize) -> [usize; 2] {
    let left = lines.saturating_sub(second);
    let of_first = first.min(left.max(lines * 2 / 3));
    [of_first, second.min(lines - of_first)]
}

/// What is shown of a list in so many lines, and how many more there are: these take a line.
fn fitted<T>(list: &[T], lines: usize) -> (&[T], usize) {
    let count = if list.len() > lines { lines.saturating_sub(1) } else { list.len() };
    (&list[..count], list.len() - count)
}

fn say_more(more: usize, of: &str, out: &mut dyn Write) -> io::Result<()> {
    if more == 0 { Ok(()) } else { writeln!(out, "… and {more} more {of}") }
}

fn table(lines: &[&DatasetLine]) -> Table {
    let heads = [
        ("dataset", Align::Left),
        ("records/s", Align::Right),
        ("rejects/s", Align::Right),
        ("rows/s", Align::Right),
        ("", Align::Left),
    ];
    let heads = heads.map(|(head, align)| (head.to_owned(), align));
    let mut table = Table::new(heads).fit(terminal_width());
    for line in lines {
        let rate = |rate: f64| Some(format!("{rate:.1}"));
        table.push([
            Some(line.dataset.clone()),
            rate(line.received_per_second),
            rate(line.rejected_per_second),
            rate(line.written_per_second),
            Some(if line.stopped { "stopped" } else { "" }.to_owned()),
        ]);
    }
    table
}

impl DatasetLine {
    /// Whether something happens to it, or should.
    fn moves(&self) -> bool {
        let rates = [self.received_per_second, self.rejected_per_second, self.written_per_second];
        self.stopped || rates.iter().any(|rate| *rate > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn top(datasets: usize, topics: usize) -> Top {
        let dataset = |n: usize| DatasetLine {
            dataset: format!("d{n}"),
            received_per_second: if n % 2 == 0 { 1.0 } else { 0.0 },
            rejected_per_second: 0.0,
            written_per_second: 0.0,
            stopped: n == 1,
        };
        let lag = |n: usize| (format!("t{n:02}"), f64::from(u32::try_from(n).expect("small")));
        Top {
            admin: SocketAddr::from(([127, 0, 0, 1], 9464)),
            seconds: 1.0,
            held_bytes: 0.0,
            cpu_share: 0.0,
            datasets: (0..datasets).map(dataset).collect(),
            stages_busy: [("land".to_owned(), 0.5)].into(),
            blocked: 0.0,
            lag_records: (0..topics).map(lag).collect(),
            errors_per_second: 0.0,
        }
    }

    #[test]
    fn a_frame_fits_into_its_window_and_says_what_it_leaves_out() {
        for (width, height) in [(80, 24), (30, 10), (200, 60), (10, 4)] {
            let frame = frame(&top(48, 30), width, height).expect("a text");
            assert!(frame.matches("\r\n").count() < height, "{height}: {frame}");
            for line in frame.lines() {
                let line = line.trim_end_matches('\r').trim_end_matches(CLEAR_LINE);
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        let frame = frame(&top(48, 30), 80, 24).expect("a text");
        // 25 of 48 move or stopped; 19 lines are left for them and 29 topics.
        assert!(frame.contains("… and 14 more datasets") && frame.contains("more topics behind"));
        assert!(frame.contains("t29: 29 offsets behind"), "those with most come first: {frame}");
    }

    #[test]
    fn two_lists_share_the_lines() {
        assert_eq!(share(20, 5, 3), [5, 3]);
        assert_eq!(share(20, 50, 3), [17, 3]);
        assert_eq!(share(20, 50, 50), [13, 7]);
        assert_eq!(share(20, 2, 50), [2, 18]);
        assert_eq!(share(0, 5, 5), [0, 0]);
    }
}
