//! `huiliu top`: what a running process does now, from two looks at its metrics.

mod scrape;
mod screen;

use crate::cli::{Global, Lines, TopArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{runtime, settings};
use crate::output::{Form, answer};
use scrape::{Sample, fetch};
use screen::Screen;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Debug, Serialize)]
struct Top {
    admin: SocketAddr,
    /// Seconds over which rates were taken.
    seconds: f64,
    /// Bytes of records that were read and have not landed.
    held_bytes: f64,
    cpu_share: f64,
    datasets: Vec<DatasetLine>,
    /// Share of the time that each stage worked; above 1 on several threads.
    stages_busy: BTreeMap<String, f64>,
    /// Share of the time that reading waited for a commit.
    blocked: f64,
    /// Offsets that are not durable, by Kafka topic; the sum over its partitions.
    lag_records: BTreeMap<String, f64>,
    errors_per_second: f64,
}

#[derive(Debug, Serialize)]
struct DatasetLine {
    dataset: String,
    received_per_second: f64,
    rejected_per_second: f64,
    written_per_second: f64,
    stopped: bool,
}

impl Form for Top {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        screen::write(self, None, out)
    }
}

/// Shows the rates once, or until it is ended.
///
/// # Errors
/// `Unavailable` when no process answers.
pub fn execute(args: &TopArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let admin = match args.admin {
        Some(admin) => admin,
        None => settings(global)?.admin_bind,
    };
    let is_live = console.stdout_is_terminal && !args.once && args.output.form == Lines::Text;
    let every = Duration::from_secs(args.every);
    runtime()?.block_on(async {
        let mut before = fetch(admin).await?;
        let mut screen = Screen::default();
        loop {
            tokio::time::sleep(every).await;
            let now = fetch(admin).await?;
            let top = top(admin, &before, &now);
            if !is_live {
                return answer(args.output.form, &top);
            }
            screen.draw(&top)?;
            before = now;
        }
    })
}

fn top(admin: SocketAddr, before: &Sample, now: &Sample) -> Top {
    let seconds = now.at.saturating_sub(before.at).as_secs_f64().max(f64::MIN_POSITIVE);
    let rate = |name: &str, label: Option<(&str, &str)>| {
        (now.sum(name, label) - before.sum(name, label)).max(0.0) / seconds
    };
    let received = "huiliu_source_records_received_total";
    let datasets = now.values_of(received, "dataset").into_iter().map(|dataset| DatasetLine {
        received_per_second: rate(received, Some(("dataset", &dataset))),
        rejected_per_second: rate("huiliu_quarantine_records_total", Some(("dataset", &dataset))),
        written_per_second: rate(
            "huiliu_table_rows_written_total",
            Some(("table", &format!("changes.{dataset}"))),
        ),
        stopped: now.sum("huiliu_dataset_stopped", Some(("dataset", &dataset))) > 0.0,
        dataset,
    });
    let mut datasets: Vec<DatasetLine> = datasets.collect();
    datasets.sort_by(|a, b| b.received_per_second.total_cmp(&a.received_per_second));
    let (busy, lag) = ("huiliu_stage_busy_seconds_total", "huiliu_source_lag_records");
    let stages = now.values_of(busy, "stage").into_iter();
    let topics = now.values_of(lag, "kafka_topic").into_iter();
    Top {
        admin,
        seconds,
        held_bytes: now.sum("huiliu_memory_held_bytes", None),
        cpu_share: rate("process_cpu_seconds_total", None),
        datasets,
        stages_busy: stages.map(|s| (s.clone(), rate(busy, Some(("stage", &s))))).collect(),
        blocked: rate("huiliu_stage_blocked_seconds_total", None),
        lag_records: topics.map(|t| (t.clone(), now.sum(lag, Some(("kafka_topic", &t))))).collect(),
        errors_per_second: rate("huiliu_errors_total", None),
    }
}
