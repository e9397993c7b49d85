//! `huiliu incidents`: what stands still, and how a stopped dataset goes on.

use crate::cli::{Global, IncidentListArgs, IncidentsArgs, IncidentsCommand, ResolveArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use chrono::{DateTime, SecondsFormat};
use huiliu_kafka::Route;
use huiliu_lake::Lake;
use huiliu_model::port::IncidentKind;
use huiliu_model::{Error, ErrorKind, Stop};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A dataset that stands still.
#[derive(Debug, Clone, Serialize)]
pub struct StoppedLine {
    pub dataset: String,
    /// `rejects`, `field_added`, …: the label of the metric.
    pub reason: &'static str,
    /// The incident in words, without any value of a row.
    pub text: String,
    /// Share of rejects, 0 to 1, among the last `window` records; null for a drift.
    pub share: Option<f64>,
    pub window: Option<u64>,
    /// Most frequent reasons and how often they were found.
    pub reasons: Vec<(String, u64)>,
    pub field: Option<String>,
    pub since: Option<String>,
    pub remedy: String,
}

impl From<&Stop> for StoppedLine {
    fn from(stop: &Stop) -> Self {
        let window = Some(stop.window).filter(|records| *records > 0);
        let since = Some(stop.at_ms).filter(|at| *at > 0).and_then(DateTime::from_timestamp_millis);
        Self {
            dataset: stop.dataset.to_string(),
            reason: stop.reason.label(),
            text: stop.to_string(),
            share: window.map(|_| stop.share()),
            window,
            reasons: stop.reasons.clone(),
            field: stop.field.clone(),
            since: since.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            remedy: stop.remedy(),
        }
    }
}

/// A partition that cannot be read on.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionLine {
    pub partition: String,
    pub kind: &'static str,
    pub recorded: i64,
    pub available_from: i64,
    pub available_to: i64,
    pub remedy: String,
}

#[derive(Debug, Serialize)]
struct Incidents {
    stopped: Vec<StoppedLine>,
    /// Null when Kafka was not asked, or did not answer.
    partitions: Option<Vec<PartitionLine>>,
}

impl Form for Incidents {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let partitions = self.partitions.as_deref().unwrap_or_default();
        if self.stopped.is_empty() && partitions.is_empty() {
            return writeln!(out, "nothing stands still");
        }
        for line in &self.stopped {
            let since = line.since.as_deref().unwrap_or("an unknown time");
            writeln!(out, "{}, since {since}\n  to go on: {}", line.text, line.remedy)?;
        }
        if partitions.is_empty() {
            return Ok(());
        }
        let columns = [
            ("partition", Align::Left),
            ("kind", Align::Left),
            ("recorded", Align::Right),
            ("Kafka from", Align::Right),
            ("Kafka to", Align::Right),
            ("to go on", Align::Left),
        ];
        let mut table =
            Table::new(columns.map(|(name, align)| (name.to_owned(), align))).fit(terminal_width());
        for line in partitions {
            table.push([
                Some(line.partition.clone()),
                Some(line.kind.to_owned()),
                Some(line.recorded.to_string()),
                Some(line.available_from.to_string()),
                Some(line.available_to.to_string()),
                Some(line.remedy.clone()),
            ]);
        }
        let mut out = out;
        table.print(&mut out)
    }
}

/// What a resolution did, or would do.
#[derive(Debug, Serialize)]
struct Resolved {
    /// Null when the dataset did not stand still.
    stop: Option<StoppedLine>,
    dataset: String,
    done: bool,
}

impl Form for Resolved {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let dataset = &self.dataset;
        match &self.stop {
            None => writeln!(out, "dataset `{dataset}` does not stand still"),
            Some(stop) if self.done => writeln!(out, "{}\ndataset `{dataset}` goes on", stop.text),
            Some(stop) => writeln!(out, "{}\ndataset `{dataset}` would go on", stop.text),
        }
    }
}

/// Shows incidents or resolves one.
///
/// # Errors
/// As the lake answers; usage for a dataset that is not declared.
pub fn execute(args: &IncidentsArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        match &args.command {
            IncidentsCommand::List(args) => list(args, &installation, &lake, console).await,
            IncidentsCommand::Resolve(args) => resolve(args, &lake, console).await,
        }
    })
}

async fn list(
    args: &IncidentListArgs,
    installation: &Installation,
    lake: &Lake,
    console: &Console,
) -> Result<(), Failure> {
    let status = lake.status().await?;
    let stopped = status.iter().filter_map(|d| d.stopped.as_ref()).map(StoppedLine::from).collect();
    let asked = !args.offline && installation.settings.kafka.bootstrap_servers.is_some();
    let partitions = match asked {
        true => {
            let progress = status.into_iter().flat_map(|d| d.progress).collect();
            partitions(installation, &progress, console).await
        }
        false => None,
    };
    answer(args.output.form, &Incidents { stopped, partitions })
}

/// Partitions whose recorded progress lies outside what Kafka has; why not, if that is not known.
pub async fn partitions(
    installation: &Installation,
    progress: &BTreeMap<String, i64>,
    console: &Console,
) -> Option<Vec<PartitionLine>> {
    let contracts = installation.project.contracts.iter();
    let routes: Vec<Route> = contracts
        .map(|c| Route { dataset: c.dataset.clone(), kafka_topics: c.kafka_topics.clone() })
        .collect();
    let kafka = match installation.kafka() {
        Ok(kafka) => kafka,
        Err(failure) => {
            failure.report(console);
            return None;
        }
    };
    let asked = move || huiliu_kafka::available_offsets(&kafka, &routes);
    let available = match tokio::task::spawn_blocking(asked).await {
        Ok(Ok(available)) => available,
        Ok(Err(error)) => {
            console.warn(format!("the partitions are not known: {error}"));
            return None;
        }
        Err(panic) => {
            console.warn(format!("the partitions are not known: {panic}"));
            return None;
        }
    };
    let line = |(partition, held): (huiliu_model::Partition, std::ops::Range<i64>)| {
        let partition = partition.to_string();
        let recorded = *progress.get(&partition)?;
        let kind = if recorded < held.start {
            IncidentKind::OffsetExpired
        } else if recorded > held.end {
            IncidentKind::OffsetBeyondEnd
        } else {
            return None;
        };
        let to = held.start;
        let remedy = format!("huiliu offsets reset {partition} --to {to} --why '…' --yes");
        Some(PartitionLine {
            partition,
            kind: kind.label(),
            recorded,
            available_from: held.start,
            available_to: held.end,
            remedy,
        })
    };
    Some(available.into_iter().filter_map(line).collect())
}

async fn resolve(args: &ResolveArgs, lake: &Lake, console: &Console) -> Result<(), Failure> {
    let dataset = lake.datasets().find(|d| *d.contract.dataset == *args.dataset);
    let dataset = dataset.cloned().ok_or_else(|| {
        Failure::usage(format!("there is no dataset `{}`", args.dataset))
            .help("`huiliu incidents list` names those that stand still")
    })?;
    if args.why.trim().is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "--why is empty")
            .help("say what was found and done: it is kept for those who come later")
            .into());
    }
    if !args.dry_run && !args.yes {
        console.say("nothing is written without --yes; this is what it would do".to_owned());
    }
    let dry_run = args.dry_run || !args.yes;
    let stop = dataset.resolve(&args.why, dry_run).await?;
    let resolved = Resolved {
        done: !dry_run && stop.is_some(),
        stop: stop.as_ref().map(StoppedLine::from),
        dataset: args.dataset.clone(),
    };
    answer(args.output.form, &resolved)
}
