//! The live view: rates and rows per dataset while ingestion goes on, on a terminal only.
//!
//! It appears after a moment, so that short work draws nothing, and draws on standard error.

use crate::board::{Board, Count};
use crate::console::Console;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Before the view appears (CONVENTIONS A.2).
const APPEARS_AFTER: Duration = Duration::from_millis(300);
const DRAWN_EVERY: Duration = Duration::from_millis(250);

/// Records published so far, of how many; the demo knows both.
#[derive(Debug, Clone)]
pub struct Published {
    pub count: Arc<AtomicU64>,
    pub of: u64,
}

/// Ends the view when it is dropped or finished.
pub struct View {
    over: CancellationToken,
}

impl View {
    /// Takes the view off the terminal.
    pub fn finish(self) {}
}

impl Drop for View {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// Begins to draw what the board says; draws nothing without a terminal.
pub fn begin(
    tasks: &mut JoinSet<()>,
    console: &Console,
    board: Arc<Board>,
    published: Option<Published>,
) -> View {
    let over = CancellationToken::new();
    if console.live() {
        tasks.spawn(draw(console.clone(), board, published, over.clone()));
    }
    View { over }
}

async fn draw(
    console: Console,
    board: Arc<Board>,
    published: Option<Published>,
    over: CancellationToken,
) {
    if pause(&over, APPEARS_AFTER).await {
        return;
    }
    let head = console.bars().add(head(published.as_ref()));
    let mut lines: BTreeMap<String, ProgressBar> = BTreeMap::new();
    let mut rate = Rate::default();
    loop {
        let counts = board.counts();
        let total = board.total();
        let speed = rate.next(total.offsets);
        let waiting = published.as_ref().map(|p| {
            let sent = p.count.load(Ordering::Relaxed);
            head.set_position(sent.min(p.of));
            sent.saturating_sub(total.offsets)
        });
        head.set_message(told(&total, speed, waiting));
        head.tick();
        for (name, count) in counts.iter().filter(|(_, count)| count.offsets > 0) {
            let bar = lines.entry(name.clone()).or_insert_with(|| console.bars().add(line(name)));
            bar.set_message(one(count));
            bar.tick();
        }
        if pause(&over, DRAWN_EVERY).await {
            break;
        }
    }
    head.finish_and_clear();
    lines.values().for_each(ProgressBar::finish_and_clear);
}

/// Waits; true when the view is over.
async fn pause(over: &CancellationToken, time: Duration) -> bool {
    tokio::select! {
        () = over.cancelled() => true,
        () = tokio::time::sleep(time) => false,
    }
}

fn head(published: Option<&Published>) -> ProgressBar {
    // The templates are constants; one that did not parse would fall back to the default style.
    let styled = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    match published {
        Some(published) => ProgressBar::new(published.of)
            .with_style(styled("{spinner} {bar:24} {human_pos}/{human_len} published  {msg}")),
        None => ProgressBar::no_length().with_style(styled("{spinner} {msg}")),
    }
}

fn line(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix:20} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style).with_prefix(name.to_owned())
}

fn told(total: &Count, speed: u64, waiting: Option<u64>) -> String {
    let lag = waiting.map(|records| format!("  lag {}", grouped(records))).unwrap_or_default();
    format!(
        "{} records in the lake  {}/s  {} rejects{lag}",
        grouped(total.offsets),
        grouped(speed),
        grouped(total.rejected)
    )
}

fn one(count: &Count) -> String {
    format!(
        "{:>12} rows  {:>8} rejects  {:>4} commits",
        grouped(count.rows),
        grouped(count.rejected),
        count.commits
    )
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Records per second over the last few drawings.
#[derive(Default)]
struct Rate {
    seen: std::collections::VecDeque<u64>,
}

/// Drawings that a rate is taken over: two seconds.
const RATE_OVER: usize = 8;

impl Rate {
    fn next(&mut self, total: u64) -> u64 {
        self.seen.push_back(total);
        if self.seen.len() > RATE_OVER + 1 {
            self.seen.pop_front();
        }
        let first = self.seen.front().copied().unwrap_or(total);
        let drawings = self.seen.len().saturating_sub(1).max(1) as u64;
        (total - first) * 1_000 / (drawings * DRAWN_EVERY.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let told = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(told, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn a_rate_is_taken_over_two_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.next(0), 0);
        // 250 records in a quarter of a second.
        assert_eq!(rate.next(250), 1_000);
        for step in 2..=8 {
            rate.next(250 * step);
        }
        assert_eq!(rate.next(250 * 8), 875, "seven of the last eight steps brought records");
    }
}
