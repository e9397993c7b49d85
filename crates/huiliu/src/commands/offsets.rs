//! `huiliu offsets`: recorded progress, and the one way to move it by hand.

use crate::cli::{Global, OffsetsArgs, OffsetsCommand, ResetArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_model::{Error, ErrorKind, Partition};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Recorded progress of all partitions, or what a reset does to one.
#[derive(Debug, Serialize)]
struct Offsets {
    /// `<kafka_topic>/<partition>` and the first offset that is not in the lake.
    partitions: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<ResetLine>,
}

#[derive(Debug, Serialize)]
struct ResetLine {
    partition: String,
    from: Option<i64>,
    to: i64,
    done: bool,
}

impl Form for Offsets {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(reset) = &self.reset {
            let from = reset.from.map_or_else(|| "nothing".to_owned(), |n| n.to_string());
            let done = if reset.done { "moved" } else { "would move" };
            return writeln!(out, "{}: {done} from {from} to {}", reset.partition, reset.to);
        }
        let columns = [("partition", Align::Left), ("next offset", Align::Right)];
        let mut table =
            Table::new(columns.map(|(name, align)| (name.to_owned(), align))).fit(terminal_width());
        for (partition, next) in &self.partitions {
            table.push([Some(partition.clone()), Some(next.to_string())]);
        }
        let mut out = out;
        table.print(&mut out)
    }
}

/// Shows or moves recorded progress.
///
/// # Errors
/// As the lake answers; `Invalid` for a partition of no declared dataset.
pub fn execute(args: &OffsetsArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    runtime()?.block_on(async {
        match &args.command {
            OffsetsCommand::Show(output) => {
                let lake = installation.existing_lake().await?;
                let status = lake.status().await?;
                let partitions = status.into_iter().flat_map(|d| d.progress).collect();
                answer(output.form, &Offsets { partitions, reset: None })
            }
            OffsetsCommand::Reset(args) => reset(args, &installation, console).await,
        }
    })
}

async fn reset(
    args: &ResetArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    let partition = parse(&args.partition)?;
    let lake = installation.existing_lake().await?;
    let dataset = lake
        .datasets()
        .find(|d| d.contract.kafka_topics.contains(&partition.kafka_topic))
        .cloned()
        .ok_or_else(|| {
            let topic = &partition.kafka_topic;
            Error::new(ErrorKind::Invalid, format!("no pipeline reads kafka_topic `{topic}`"))
                .help("`huiliu offsets show` lists the partitions")
        })?;
    if !args.dry_run && !args.yes {
        console.say("nothing is written without --yes; this is what it would do".to_owned());
    }
    let dry_run = args.dry_run || !args.yes;
    let done = dataset.reset_offset(&partition, args.to, &args.why, dry_run).await?;
    let reset = ResetLine {
        partition: done.partition.to_string(),
        from: done.from,
        to: done.to,
        done: !dry_run,
    };
    answer(args.output.form, &Offsets { partitions: BTreeMap::new(), reset: Some(reset) })
}

/// `<kafka_topic>/<partition>`.
fn parse(text: &str) -> Result<Partition, Error> {
    text.rsplit_once('/')
        .and_then(|(topic, number)| Some(Partition::new(topic, number.parse().ok()?)))
        .ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("`{text}` is not <kafka_topic>/<partition>"))
                .help("for example feed.water.bill/0")
        })
}
