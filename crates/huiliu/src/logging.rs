//! Log lines: where they go and which are shown.
//!
//! Lines go to standard error, one per batch or state change, out of the way of a live view.
//! `HUILIU_LOG` takes the filter syntax of tracing (`huiliu_lake=debug,info`) and beats `-v`.

use crate::cli::{Global, LogFormat};
use crate::console::Console;
use prometheus::{IntCounterVec, Opts};
use std::io::{self, Write};
use std::sync::LazyLock;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

/// Lines logged by this process, by level.
pub static MESSAGES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = Opts::new("huiliu_log_messages_total", "Log lines written, by level.");
    let messages = IntCounterVec::new(options, &["level"]).expect("the name and label are valid");
    for level in ["error", "warn", "info", "debug", "trace"] {
        messages.with_label_values(&[level]);
    }
    messages
});

/// Starts logging for the process.
///
/// `level` is the least severe level shown without `-v` and `--quiet`: state changes are news
/// for a verb that runs, and noise for one that answers.
pub fn start(global: &Global, console: &Console, level: Level) {
    let filter = std::env::var("HUILIU_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(directives(global, level)));
    let lines =
        fmt::layer::<Registry>().with_writer(Stderr(console.clone())).with_ansi(console.color());
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match global.log_format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_target(false).compact().boxed(),
    };
    // A second start (two verbs in one test process) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(lines).with(Count).with(filter).try_init();
}

/// Counts the lines that pass the filter.
struct Count;

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        MESSAGES.with_label_values(&[level]).inc();
    }
}

/// Usual verbosity of a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Warn,
    Info,
}

fn directives(global: &Global, level: Level) -> String {
    let own = match (global.quiet, global.verbose, level) {
        (true, _, _) => "warn",
        (_, 0, Level::Warn) => "warn",
        (_, 0, Level::Info) => "info",
        (_, 1, Level::Warn) => "info",
        (_, 1, Level::Info) | (_, 2, Level::Warn) => "debug",
        _ => "trace",
    };
    let rooms = ["", "_kafka", "_lake", "_ingest", "_subject", "_spec", "_decode", "_normalise"];
    let ours: Vec<String> = rooms.iter().map(|room| format!("huiliu{room}={own}")).collect();
    format!("warn,{}", ours.join(","))
}

/// Standard error, with the live view suspended while a line is written.
struct Stderr(Console);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

struct Line<'a>(&'a Console);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbosity_starts_from_the_usual_level_of_the_verb() {
        let global = |quiet, verbose| Global { quiet, verbose, ..Global::default() };
        let own = |g: &Global, level| {
            let text = directives(g, level);
            text.split(',').find_map(|d| d.strip_prefix("huiliu=").map(str::to_owned))
        };
        assert_eq!(own(&global(false, 0), Level::Warn).as_deref(), Some("warn"));
        assert_eq!(own(&global(false, 0), Level::Info).as_deref(), Some("info"));
        assert_eq!(own(&global(false, 1), Level::Info).as_deref(), Some("debug"));
        assert_eq!(own(&global(true, 2), Level::Info).as_deref(), Some("warn"));
    }
}
