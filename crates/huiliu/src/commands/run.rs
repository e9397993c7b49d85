//! `huiliu run`: Kafka into the tables, until told to stop or, with `--once`, until the end.

use crate::admin::{self, Admin, Health};
use crate::cli::{AdminAddress, Global, RunArgs};
use crate::commands::rule::today;
use crate::console::Console;
use crate::engine::{Engine, Following, Prepared, standing_still, stopped};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime, say_off};
use crate::otlp;
use crate::reload::Reloader;
use crate::service::{Manager, STANDSTILL};
use crate::signals::drain_on_signal;
use crate::view;
use crate::watch::Watch;
use huiliu_ingest::Summary;
use huiliu_kafka::Until;
use huiliu_lake::Lake;
use huiliu_lake::fold::Policy;
use huiliu_model::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs the installation.
///
/// # Errors
/// What no retry can mend; 65 when partitions or datasets stand still and `--once` could not read
/// them.
pub fn execute(args: &RunArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    runtime()?.block_on(run(args, installation, console))
}

async fn run(args: &RunArgs, installation: Installation, console: &Console) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    drain_on_signal(&mut tasks, stop.clone(), console.clone())?;
    let address = match args.admin {
        Some(AdminAddress::Off) => None,
        Some(AdminAddress::At(address)) => Some(address),
        None if args.once => None,
        None => Some(installation.settings.admin_bind),
    };
    let manager = Manager::of_environment();
    let prepared = Prepared::of(installation, clock())?;
    let mut exporting = JoinSet::new();
    let serving = CancellationToken::new();
    let tracer = match args.otlp.clone() {
        Some(endpoint) => {
            let clock = Arc::clone(&prepared.clock);
            let (tracer, exporter) = otlp::tracing(endpoint, &prepared.registry, clock)?;
            exporting.spawn(exporter.go_on(serving.clone()));
            Some(tracer)
        }
        None => None,
    };
    watch_over(&mut tasks, &manager, &prepared, stop.clone());
    let mut served = JoinSet::new();
    if let Some(address) = address {
        serve(&mut served, address, prepared.admin(), serving.clone(), console).await?;
    }
    let lake = tokio::select! {
        biased;
        lake = lake(args, &prepared, &manager) => lake?,
        // Nothing was read yet that would have to land.
        () = stop.cancelled() => return Ok(()),
    };
    let mut engine = prepared.over(lake, None, Policy::default());
    let shown = view::begin(&mut tasks, console, Arc::clone(&engine.board), None);
    engine.manager = manager;
    if let Some(tracer) = tracer {
        engine.trace(tracer);
    }
    let summary = sessions(args, &mut engine, address.is_some(), &stop, console).await;
    shown.finish();
    let summary = summary?;
    if args.once && !stop.is_cancelled() {
        engine.fold_all().await?;
        standing_still(&summary.incidents)?;
        let as_of = args.as_of.unwrap_or_else(today);
        say_off(&engine.installation.project, console);
        engine
            .refresh_all(as_of, |table, rows| {
                console.say(format!("{}: {rows} rows as of {as_of}", table.full_name()));
            })
            .await?;
    }
    let total = engine.board.total();
    console.say(format!(
        "{} records in {} commits: {} accepted, {} rejected",
        total.offsets, total.commits, total.accepted, total.rejected
    ));
    serving.cancel();
    while served.join_next().await.is_some() {}
    while exporting.join_next().await.is_some() {}
    tasks.abort_all();
    if args.once && !stop.is_cancelled() {
        stopped(&summary.stopped)?;
    }
    Ok(())
}

/// Opens the lake; a process that runs on waits for its store.
async fn lake(args: &RunArgs, prepared: &Prepared, manager: &Manager) -> Result<Lake, Failure> {
    match args.once {
        true => prepared.lake().await,
        false => prepared.lake_awaited(manager).await,
    }
}

/// Feeds the watchdog while ingestion makes turns, and tells when the process is to stop.
fn watch_over(
    tasks: &mut JoinSet<()>,
    manager: &Manager,
    prepared: &Prepared,
    stop: CancellationToken,
) {
    let (metrics, clock) = (Arc::clone(&prepared.rooms.ingest), Arc::clone(&prepared.clock));
    let turns = move || metrics.pulse().silent_for(clock.monotonic()) < STANDSTILL;
    tasks.spawn(manager.clone().feed(turns, CancellationToken::new()));
    tasks.spawn(stopping(stop, manager.clone(), prepared.health.clone()));
}

/// Says that the process ends, once it has been told to.
async fn stopping(stop: CancellationToken, manager: Manager, health: Health) {
    stop.cancelled().await;
    health.draining();
    manager.stopping();
}

/// One session after the other, each with what the files say that were taken over.
async fn sessions(
    args: &RunArgs,
    engine: &mut Engine,
    is_watched: bool,
    stop: &CancellationToken,
    console: &Console,
) -> Result<Summary, Failure> {
    let until = if args.once { Until::EndOffsets } else { Until::Stopped };
    let following = match args.once || args.no_refresh {
        true => Following::No,
        false => Following::AsOf(args.as_of),
    };
    let mut reloader = Reloader::new(engine, args.watch, console)?;
    loop {
        let session = stop.child_token();
        let mut watching = JoinSet::new();
        if is_watched {
            watching.spawn(Watch::over(engine, console).go_on(session.clone()));
        }
        let ingest = engine.ingest(until, following, &session);
        let (summary, next) = match args.once {
            true => (ingest.await, None),
            false => with_reload(ingest, &mut reloader, &engine.installation, &session).await,
        };
        watching.shutdown().await;
        let summary = summary?;
        match next.filter(|_| !stop.is_cancelled()) {
            Some(next) => {
                if let Err(failure) = engine.take_over(next).await {
                    reloader.failed(&failure);
                }
            }
            None => return Ok(summary),
        }
    }
}

/// Ingests until the session ends, or drains it when files are to be taken over.
async fn with_reload(
    ingest: impl Future<Output = Result<Summary, Error>>,
    reloader: &mut Reloader,
    running: &Installation,
    session: &CancellationToken,
) -> (Result<Summary, Error>, Option<Installation>) {
    let mut ingest = std::pin::pin!(ingest);
    let next = tokio::select! {
        biased;
        summary = &mut ingest => return (summary, None),
        next = reloader.next(running) => next,
    };
    session.cancel();
    (ingest.await, Some(next))
}

/// Opens the admin port and serves it.
///
/// # Errors
/// When the address cannot be opened.
pub async fn serve(
    tasks: &mut JoinSet<()>,
    address: SocketAddr,
    admin: Admin,
    stop: CancellationToken,
    console: &Console,
) -> Result<SocketAddr, Failure> {
    let listener = admin::bind(address).await?;
    let address = listener.local_addr().unwrap_or(address);
    tasks.spawn(admin::serve(listener, admin, stop));
    console.say(format!("status on http://{address}/, metrics on http://{address}/metrics"));
    Ok(address)
}
