//! Progress of one file: a bar on a terminal, a line now and then in a pipe.

use crate::console::Console;
use crate::view::grouped;
use huiliu_files::Meter;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Before anything is shown (CONVENTIONS A.2).
const APPEARS_AFTER: Duration = Duration::from_millis(300);
const DRAWN_EVERY: Duration = Duration::from_millis(250);
const SAID_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a file is until it is finished.
pub struct Shown {
    over: CancellationToken,
    tasks: JoinSet<()>,
}

impl Shown {
    /// Takes the bar off the terminal.
    pub async fn finish(mut self) {
        self.over.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Begins to show what the meter says; `bytes` is the size of the file, 0 if it is not known.
pub fn begin(
    console: &Console,
    verb: &'static str,
    path: &Path,
    bytes: u64,
    meter: &Arc<Meter>,
) -> Shown {
    let (over, mut tasks) = (CancellationToken::new(), JoinSet::new());
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let file = File { verb, name, bytes, meter: Arc::clone(meter) };
    tasks.spawn(show(console.clone(), file, over.clone()));
    Shown { over, tasks }
}

struct File {
    verb: &'static str,
    name: String,
    bytes: u64,
    meter: Arc<Meter>,
}

async fn show(console: Console, file: File, over: CancellationToken) {
    let (first_pause, pause) = match console.live() {
        true => (APPEARS_AFTER, DRAWN_EVERY),
        false => (SAID_EVERY, SAID_EVERY),
    };
    if ends_within(&over, first_pause).await {
        return;
    }
    let bar = console.live().then(|| console.bars().add(bar(&file)));
    let mut rate = Rate::default();
    loop {
        let rows = file.meter.row.load(Ordering::Relaxed);
        let bytes = file.meter.bytes.load(Ordering::Relaxed);
        let speed = rate.next(rows, pause);
        match &bar {
            Some(bar) => {
                bar.set_position(bytes);
                bar.set_message(match rows {
                    0 => String::new(),
                    rows => format!("{} rows  {}/s", grouped(rows), grouped(speed)),
                });
            }
            None => console.say(line(&file, rows, bytes, speed)),
        }
        if ends_within(&over, pause).await {
            break;
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Waits; true when there is nothing more to show.
async fn ends_within(over: &CancellationToken, time: Duration) -> bool {
    tokio::select! {
        () = over.cancelled() => true,
        () = tokio::time::sleep(time) => false,
    }
}

fn bar(file: &File) -> ProgressBar {
    let (bar, template) = match file.bytes {
        0 => (ProgressBar::no_length(), "{spinner} {prefix}  {bytes}  {msg}"),
        bytes => (
            ProgressBar::new(bytes),
            "{spinner} {prefix} {bar:24} {bytes}/{total_bytes}  {msg}  {eta} left",
        ),
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(format!("{} {}", file.verb, file.name))
}

fn line(file: &File, rows: u64, bytes: u64, speed: u64) -> String {
    let share = match file.bytes {
        0 => String::new(),
        all => format!(", {} %", bytes.saturating_mul(100) / all),
    };
    let read = match rows {
        0 => format!("{} bytes", grouped(bytes)),
        rows => format!("{} rows, {}/s", grouped(rows), grouped(speed)),
    };
    format!("{} {}: {read}{share}", file.verb, file.name)
}

/// Rows a second since the last showing.
#[derive(Default)]
struct Rate {
    last: Option<u64>,
}

impl Rate {
    fn next(&mut self, rows: u64, pause: Duration) -> u64 {
        let last = self.last.replace(rows).unwrap_or(rows);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX).max(1);
        rows.saturating_sub(last) * 1_000 / millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_reads_rows_rate_and_share() {
        let file =
            File { verb: "loading", name: "a.csv".into(), bytes: 4_000, meter: Arc::default() };
        let told = line(&file, 12_000, 1_000, 2_400);
        assert_eq!(told, "loading a.csv: 12,000 rows, 2,400/s, 25 %");
        let unknown = File { bytes: 0, verb: "examining", ..file };
        assert_eq!(line(&unknown, 0, 1_000, 0), "examining a.csv: 1,000 bytes");
    }

    #[test]
    fn a_rate_begins_with_the_second_look() {
        let mut rate = Rate::default();
        let pause = Duration::from_millis(250);
        assert_eq!([rate.next(500, pause), rate.next(750, pause)], [0, 1_000]);
    }
}
