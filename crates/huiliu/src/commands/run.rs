//! `huiliu run`: Kafka into the tables, until told to stop or, with `--once`, until the end.

use crate::admin::{self, Admin, Health};
use crate::cli::{AdminAddress, Global, RunArgs};
use crate::commands::rule::today;
use crate::commands::status;
use crate::console::Console;
use crate::engine::{Engine, Following, standing_still, stopped};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime, say_off};
use crate::signals::drain_on_signal;
use crate::view;
use huiliu_kafka::Until;
use huiliu_lake::fold::Policy;
use prometheus::Registry;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often `/statusz` and `/readyz` learn what the tables and the metrics say.
const STATUS_EVERY: Duration = Duration::from_secs(5);

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
    let engine = Engine::open(installation, None, Policy::default(), clock()).await?;
    let serving = CancellationToken::new();
    let mut served = JoinSet::new();
    if let Some(address) = address {
        let health = engine.health.clone();
        serve(&mut served, address, engine.registry.clone(), health, serving.clone(), console)
            .await?;
        served.spawn(look(engine_parts(&engine), serving.clone()));
    }
    let shown = view::begin(&mut tasks, console, Arc::clone(&engine.board), None);
    let until = if args.once { Until::EndOffsets } else { Until::Stopped };
    let following = match args.once || args.no_refresh {
        true => Following::No,
        false => Following::AsOf(args.as_of),
    };
    let summary = engine.ingest(until, following, &stop).await;
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
    tasks.abort_all();
    if args.once && !stop.is_cancelled() {
        stopped(&summary.stopped)?;
    }
    Ok(())
}

/// Opens the admin port and serves it.
///
/// # Errors
/// When the address cannot be opened.
pub async fn serve(
    tasks: &mut JoinSet<()>,
    address: SocketAddr,
    registry: Registry,
    health: Health,
    stop: CancellationToken,
    console: &Console,
) -> Result<SocketAddr, Failure> {
    let listener = admin::bind(address).await?;
    let address = listener.local_addr().unwrap_or(address);
    tasks.spawn(admin::serve(listener, Admin { registry, health }, stop));
    console.say(format!("metrics on http://{address}/metrics"));
    Ok(address)
}

/// What the status of a running process is made of.
struct Looked {
    installation: Installation,
    lake: huiliu_lake::Lake,
    health: Health,
    registry: Registry,
}

fn engine_parts(engine: &Engine) -> Looked {
    Looked {
        installation: engine.installation.clone(),
        lake: engine.lake.clone(),
        health: engine.health.clone(),
        registry: engine.registry.clone(),
    }
}

/// Keeps `/statusz` and the reasons of `/readyz` fresh.
async fn look(parts: Looked, stop: CancellationToken) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    loop {
        match status::of(&parts.installation, &parts.lake).await {
            Ok(status) => {
                parts.health.clear("lake");
                parts.health.status(serde_json::to_value(status).unwrap_or_default());
            }
            Err(Failure::Error(error)) => parts.health.blocked("lake", error.message),
            Err(_) => {}
        }
        let now = obstacles(&parts.registry);
        for gone in known.keys().filter(|what| !now.contains_key(what.as_str())) {
            parts.health.clear(gone);
        }
        for (what, why) in &now {
            parts.health.blocked(what.clone(), why.clone());
        }
        known = now;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(STATUS_EVERY) => {}
        }
    }
}

/// What stands still and why, from the gauges that ingestion keeps.
fn obstacles(registry: &Registry) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for family in registry.gather() {
        let (is_dataset, is_waiting) = match family.name() {
            "huiliu_source_incident" => (false, false),
            "huiliu_dataset_stopped" => (true, false),
            "huiliu_dataset_waiting" => (true, true),
            _ => continue,
        };
        for metric in family.get_metric().iter().filter(|m| m.get_gauge().get_value() > 0.0) {
            let label = |name: &str| {
                let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
            };
            match is_dataset {
                true if is_waiting => {
                    found.insert(label("dataset"), "waits for the schema registry".to_owned());
                }
                true => {
                    found.insert(label("dataset"), format!("stopped: {}", label("reason")));
                }
                false => {
                    let partition = format!("{}/{}", label("kafka_topic"), label("partition"));
                    found.insert(partition, label("kind"));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{IntGaugeVec, Opts};

    #[test]
    fn what_stands_still_is_a_reason_not_to_be_ready() {
        let registry = Registry::new();
        let labels = ["kafka_topic", "partition", "kind"];
        let gauge = IntGaugeVec::new(Opts::new("huiliu_source_incident", "x"), &labels);
        let gauge = gauge.expect("valid names");
        registry.register(Box::new(gauge.clone())).expect("a new name");
        gauge.with_label_values(&["feed.water.bill", "3", "offset_expired"]).set(1);
        gauge.with_label_values(&["feed.gas.bill", "0", "offset_expired"]).set(0);
        let labels = ["dataset", "reason"];
        let stopped = IntGaugeVec::new(Opts::new("huiliu_dataset_stopped", "x"), &labels);
        let stopped = stopped.expect("valid names");
        registry.register(Box::new(stopped.clone())).expect("a new name");
        stopped.with_label_values(&["gas_bill", "rejects"]).set(1);
        stopped.with_label_values(&["heat_bill", "rejects"]).set(0);
        let expected = [("feed.water.bill/3", "offset_expired"), ("gas_bill", "stopped: rejects")];
        let expected = expected.map(|(what, why)| (what.to_owned(), why.to_owned()));
        assert_eq!(obstacles(&registry), expected.into());
    }
}
