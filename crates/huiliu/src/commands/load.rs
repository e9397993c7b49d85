//! `huiliu load`: files of one dataset through the rooms of a Kafka record into its tables.
//!
//! All files are examined before the first is loaded, so that a wrong one is told before anything
//! is written. Then one session after the other: the file is its source, the lake its landing; a
//! dry run has a landing that keeps nothing.

mod progress;
mod report;
mod witness;

use crate::cli::{FileFormat, Global, LoadArgs, PlainOp, TextEncoding};
use crate::console::Console;
use crate::engine::{self, grace};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime, shape};
use crate::metrics;
use crate::output::answer;
use crate::signals::drain_on_signal;
use huiliu_decode::{Limits as Bounds, PlainRows};
use huiliu_files::{Ask, Delivery, Encoding, FileSource, Kind, Meter, STANDARD_INPUT, examine};
use huiliu_ingest::{Limits, Metrics, Pipeline, Session, Summary, supervise};
use huiliu_model::port::Landing;
use huiliu_model::{Clock, Contract, Error, ErrorKind, Op, Stop};
use huiliu_normalise::Protection;
use report::{FileLine, Report};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use witness::{Rehearsal, Witness};

/// Loads the files, or says what would become of them.
///
/// # Errors
/// Usage for an unknown dataset; 65 for a file that cannot hold its rows; as the lake answers.
pub fn execute(args: &LoadArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let contract = contract(&installation, &args.dataset)?;
    let inputs = args.files.iter().filter(|path| path.as_os_str() == STANDARD_INPUT).count();
    if inputs > 1 {
        return Err(Failure::usage("standard input can be read once only"));
    }
    runtime()?.block_on(run(args, &installation, contract, console))
}

fn contract(installation: &Installation, name: &str) -> Result<Arc<Contract>, Failure> {
    let contracts = &installation.project.contracts;
    contracts.iter().find(|c| *c.dataset == *name).cloned().ok_or_else(|| {
        let known: Vec<&str> = contracts.iter().map(|c| &*c.dataset).collect();
        Failure::usage(format!("there is no dataset `{name}`"))
            .help(format!("declared are {}", known.join(", ")))
    })
}

async fn run(
    args: &LoadArgs,
    installation: &Installation,
    contract: Arc<Contract>,
    console: &Console,
) -> Result<(), Failure> {
    let (stop, clock) = (CancellationToken::new(), clock());
    let mut tasks = JoinSet::new();
    drain_on_signal(&mut tasks, stop.clone(), console.clone())?;
    let mut report = Report::new(&contract, args.dry_run);
    let registry = metrics::registry()?;
    let parts = Parts {
        args,
        installation,
        console,
        metrics: Arc::new(Metrics::register(&registry).map_err(metrics::duplicate)?),
        contract: Arc::clone(&contract),
        clock: Arc::clone(&clock),
        stop: stop.clone(),
    };
    // What is never written needs no keys.
    let protection = if args.dry_run { Protection::Plain } else { installation.protection()? };
    let protection = Arc::new(protection);
    let deliveries = parts.examine_all().await?;
    let stopped;
    let seen = if args.dry_run {
        let witness = Arc::new(Witness::new(Rehearsal, &contract));
        stopped = parts.load_all(deliveries, &protection, &witness, &mut report).await?;
        witness.seen()
    } else {
        let lake = installation.lake_of(&contract, shape(&protection), clock).await?;
        let witness = Arc::new(Witness::new(lake.clone(), &contract));
        stopped = parts.load_all(deliveries, &protection, &witness, &mut report).await?;
        if !stop.is_cancelled() {
            lake.dataset(&contract.dataset)?.fold_all().await?;
        }
        witness.seen()
    };
    tasks.abort_all();
    report.is_stopped = stop.is_cancelled();
    report.close(seen);
    answer(args.output.form, &report)?;
    Ok(engine::stopped(&stopped)?)
}

/// What every file of one command shares.
struct Parts<'a> {
    args: &'a LoadArgs,
    installation: &'a Installation,
    console: &'a Console,
    metrics: Arc<Metrics>,
    contract: Arc<Contract>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
}

impl Parts<'_> {
    /// Looks through every file; those after a stop are left out.
    async fn examine_all(&self) -> Result<Vec<Delivery>, Failure> {
        let mut found = Vec::new();
        for path in &self.args.files {
            if self.stop.is_cancelled() {
                break;
            }
            let ask = Ask {
                path: path.clone(),
                kind: self.args.format.map(kind),
                encoding: self.args.encoding.map(encoding),
                row_bytes_max: self.installation.settings.limits.record_bytes_max,
            };
            let meter = Arc::new(Meter::default());
            let shown = progress::begin(self.console, "examining", path, size(path), &meter);
            let (contract, stop) = (Arc::clone(&self.contract), self.stop.clone());
            let looked = move || examine(&ask, &contract, &meter, &stop);
            let delivery = tokio::task::spawn_blocking(looked).await;
            shown.finish().await;
            let bug = |e| Error::new(ErrorKind::Bug, "examining a file stopped").because(e);
            found.extend(delivery.map_err(bug)??);
        }
        Ok(found)
    }

    /// Loads one after the other, as long as the dataset goes on; says why it does not.
    async fn load_all<L: Landing>(
        &self,
        deliveries: Vec<Delivery>,
        protection: &Arc<Protection>,
        witness: &Arc<Witness<L>>,
        report: &mut Report,
    ) -> Result<BTreeMap<Arc<str>, Stop>, Failure> {
        for delivery in deliveries {
            let delivery = Arc::new(delivery);
            let meter = Arc::new(Meter::default());
            let path = Path::new(&delivery.shown);
            let shown = progress::begin(self.console, "loading", path, delivery.bytes, &meter);
            let result = self.load(&delivery, protection, witness, &meter).await;
            shown.finish().await;
            let summary = result?;
            let tally = summary.tallies.get(&self.contract.dataset).copied().unwrap_or_default();
            let is_over = meter.is_over.load(Ordering::Acquire);
            let first = meter.first_row.load(Ordering::Relaxed);
            let commits = if self.args.dry_run { 0 } else { summary.commits };
            report.files.push(FileLine::new(&delivery, tally, commits, first, is_over));
            if let Some(quality) = summary.quality.get(&self.contract.dataset) {
                report.add(quality);
            }
            if !summary.stopped.is_empty() {
                return Ok(summary.stopped);
            }
        }
        Ok(BTreeMap::new())
    }

    async fn load<L: Landing>(
        &self,
        delivery: &Arc<Delivery>,
        protection: &Arc<Protection>,
        witness: &Arc<Witness<L>>,
        meter: &Arc<Meter>,
    ) -> Result<Summary, Failure> {
        let limits = self.installation.settings.limits;
        let bounds = Bounds { record_bytes: limits.record_bytes_max, nesting: limits.nesting_max };
        let contract = Arc::new(delivery.contract(&self.contract));
        let pipeline = Pipeline::new(Arc::clone(&contract), bounds, Arc::clone(protection))?
            .taking_rows_as(plain_rows(self.args));
        let memory = self.installation.memory();
        let give_up = CancellationToken::new();
        let session = Session {
            landing: Arc::clone(witness),
            pipelines: BTreeMap::from([(contract.dataset.clone(), Arc::new(pipeline))]),
            metrics: Arc::clone(&self.metrics),
            clock: Arc::clone(&self.clock),
            limits: Limits {
                preparing: std::thread::available_parallelism().map_or(2, usize::from),
                held_bytes: memory.held_bytes(),
            },
            give_up: give_up.clone(),
        };
        let (over, mut waiting) = (CancellationToken::new(), JoinSet::new());
        waiting.spawn(grace(self.stop.clone(), give_up, over.clone()));
        // Every row arrived when its file did: now.
        let arrived_ms = self.clock.now_us() / 1_000;
        let open = async || {
            let (delivery, contract) = (Arc::clone(delivery), Arc::clone(&contract));
            let (stop, meter) = (self.stop.clone(), Arc::clone(meter));
            FileSource::start(delivery, contract, arrived_ms, memory.records_bytes(), stop, meter)
        };
        let result = supervise(&session, &self.stop, open).await;
        over.cancel();
        while waiting.join_next().await.is_some() {}
        Ok(result?)
    }
}

fn plain_rows(args: &LoadArgs) -> PlainRows {
    let op = match args.op {
        PlainOp::Read => Op::Read,
        PlainOp::Upsert => Op::Update,
    };
    let event_time_us = args.event_time.map(|at| at.timestamp_micros());
    PlainRows { op, seq: Some(args.seq), event_time_us }
}

fn kind(format: FileFormat) -> Kind {
    match format {
        FileFormat::Jsonl => Kind::JsonLines,
        FileFormat::Csv => Kind::Csv,
        FileFormat::Parquet => Kind::Parquet,
    }
}

fn encoding(encoding: TextEncoding) -> Encoding {
    match encoding {
        TextEncoding::Utf8 => Encoding::Utf8,
        TextEncoding::Gb18030 => Encoding::Gb18030,
    }
}

/// Size for the progress bar; 0 where it is not known before the end.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}
