//! `huiliu demo`: the whole path on one machine, with nothing but this binary.
//!
//! A seeded city is published to a broker inside the process and read by the same engine that
//! `run` uses: ingest, fold, refresh. The broker is fed no faster than the lake takes the
//! records. What remains is a directory with settings, keys, pipelines and a lake, on which
//! every other verb works.

mod home;
mod summary;

use crate::board::Board;
use crate::cli::{DemoArgs, Global};
use crate::commands::{generate, run};
use crate::console::{Console, Style};
use crate::engine::{Engine, Following};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::metrics;
use crate::signals::drain_on_signal;
use crate::view::{self, Published, grouped};
use crate::watch::Watch;
use home::Home;
use huiliu_citygen::{Plan, city, datasets};
use huiliu_kafka::{MockBroker, Pacer, Publisher, Until};
use huiliu_lake::fold::Policy;
use huiliu_model::{Contract, Error, ErrorKind};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Partitions of each Kafka topic of the demo.
const PARTITIONS: i32 = 4;
/// The broker in the process keeps little, so records have to be durable soon to make room.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked whether everything published has landed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const FLUSH_PATIENCE: Duration = Duration::from_secs(60);
/// Folds come early in the demo, so that one sees them.
const POLICY: Policy = Policy { pending_share: 0.02, pending_rows_min: 20_000, age_ms_max: 10_000 };

/// Runs the demo.
///
/// # Errors
/// What kept it from its end; what had landed stays in its directory.
pub fn execute(args: &DemoArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let home = Home::make(args.keep.as_deref())?;
    let mut settings = home.settings()?;
    if global.protection == Some(crate::cli::Protection::Plain) {
        settings.protection = Some(huiliu_spec::settings::Protection::Plain);
        home.say_plain()?;
    }
    runtime()?.block_on(show(args, &home, settings, console))
}

async fn show(
    args: &DemoArgs,
    home: &Home,
    mut settings: huiliu_spec::Settings,
    console: &Console,
) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    drain_on_signal(&mut tasks, stop.clone(), console.clone())?;
    let broker = MockBroker::start(&[])?;
    settings.kafka.bootstrap_servers = Some(broker.bootstrap_servers().to_owned());
    let mut installation = Installation::with(settings)?;
    for contract in &mut installation.project.contracts {
        let contract = Arc::make_mut(contract);
        contract.land.commit_every = COMMIT_EVERY;
        // Its defects are made on purpose, and nobody is there to resolve an incident.
        contract.stop_if = None;
    }
    make_topics(&broker, &installation.project.contracts, PARTITIONS)?;
    let pacer = Pacer::new();
    let clock = clock();
    let engine =
        Engine::open(installation, Some(pacer.clone()), POLICY, Arc::clone(&clock)).await?;
    let serving = CancellationToken::new();
    serve(&mut tasks, args.admin, &engine, &serving, console).await?;
    console.say(format!(
        "a city of {} records, seed {}, flows into {}",
        grouped(args.records),
        args.seed,
        home.shown()
    ));

    let began = clock.monotonic();
    let plan = Plan { defects: Some(1.0), ..Plan::new(args.seed, args.records) };
    let as_of = plan.as_of;
    let count = Arc::new(AtomicU64::new(0));
    let published = Published { count: Arc::clone(&count), of: args.records };
    let publisher = publish(broker.bootstrap_servers(), plan, count, pacer.clone(), &stop)?;
    let view = view::begin(&mut tasks, console, Arc::clone(&engine.board), Some(published));
    tasks.spawn(until_landed(publisher, Arc::clone(&engine.board), stop.clone()));
    if !console.live() {
        tasks.spawn(lines(Arc::clone(&engine.board), console.clone(), stop.clone()));
    }
    let ingested = engine.ingest(Until::Stopped, Following::No, &stop).await;
    pacer.close();
    view.finish();
    let took = clock.monotonic().saturating_sub(began);
    let summary = ingested?;

    let folding = clock.monotonic();
    engine.fold_all().await?;
    let folded = clock.monotonic().saturating_sub(folding);
    let building = clock.monotonic();
    let mut built = Vec::new();
    engine.refresh_all(as_of, |table, rows| built.push((table.full_name(), rows))).await?;
    let refreshed = clock.monotonic().saturating_sub(building);
    home.write("metrics.prom", metrics::text(&engine.registry)?.as_bytes())?;
    let times = summary::Times { ingested: took, folded, refreshed };
    let report = summary::Report { home, engine: &engine, summary: &summary, times, as_of };
    report.print(&built, console).await?;
    serving.cancel();
    tasks.abort_all();
    Ok(())
}

/// Serves the admin port; another one when the usual one is taken.
async fn serve(
    tasks: &mut JoinSet<()>,
    address: SocketAddr,
    engine: &Engine,
    stop: &CancellationToken,
    console: &Console,
) -> Result<(), Failure> {
    let free = SocketAddr::new(address.ip(), 0);
    for address in [address, free] {
        match run::serve(tasks, address, engine.admin(), stop.clone(), console).await {
            Ok(_) => {
                tasks.spawn(Watch::over(engine, console).go_on(stop.clone()));
                return Ok(());
            }
            Err(failure) if address == free => return Err(failure),
            Err(_) => console.warn(format!("{address} is taken; another port serves the metrics")),
        }
    }
    Ok(())
}

type Publishing = JoinHandle<Result<u64, Failure>>;

/// Publishes the city on a thread of its own, as fast as the lake takes it.
fn publish(
    servers: &str,
    plan: Plan,
    count: Arc<AtomicU64>,
    pacer: Pacer,
    stop: &CancellationToken,
) -> Result<Publishing, Failure> {
    let publisher = Publisher::connect(servers, &BTreeMap::new())?.paced(pacer);
    let stop = stop.clone();
    let work = move || {
        let mut publisher = publisher;
        for event in city(plan) {
            if stop.is_cancelled() {
                break;
            }
            generate::send(&mut publisher, &event)?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        publisher.flush(FLUSH_PATIENCE)?;
        Ok(publisher.delivered())
    };
    std::thread::Builder::new().name("city".to_owned()).spawn(work).map_err(|source| {
        Error::new(ErrorKind::Unavailable, "the system gives no thread").because(source).into()
    })
}

/// Makes what the contracts read: topics by name, and those of the city that match a pattern.
pub(crate) fn make_topics(
    broker: &MockBroker,
    contracts: &[Arc<Contract>],
    partitions: i32,
) -> Result<(), Error> {
    for topics in contracts.iter().map(|contract| &contract.kafka_topics) {
        match topics.name() {
            Some(name) => broker.create(name, partitions)?,
            None => datasets()
                .filter(|(_, name)| topics.contains(name))
                .try_for_each(|(_, name)| broker.create(name, partitions))?,
        }
    }
    Ok(())
}

/// Stops ingestion when the whole city has landed, or when it could not be published.
async fn until_landed(publisher: Publishing, board: Arc<Board>, stop: CancellationToken) {
    while !publisher.is_finished() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    match publisher.join() {
        Ok(Ok(delivered)) => {
            while board.total().offsets < delivered && !stop.is_cancelled() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(Err(Failure::Error(error))) => tracing::error!(%error, "the city was cut short"),
        Ok(Err(_)) | Err(_) => tracing::error!("the city was cut short"),
    }
    stop.cancel();
}

/// What a pipe sees in place of the live view.
async fn lines(board: Arc<Board>, console: Console, stop: CancellationToken) {
    let mut last = 0;
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        let total = board.total();
        if total.offsets > last {
            last = total.offsets;
            let good = console.paint("landed", Style::Good);
            console.say(format!(
                "{good} {} records, {} rejects, {} commits",
                grouped(total.offsets),
                grouped(total.rejected),
                total.commits
            ));
        }
    }
}
