//! `huiliu bench`: Kafka → `changes` beside the three costs it cannot go below.
//!
//! The broker is in this process; what is measured runs in children of it, so that neither the
//! broker nor the publisher counts. All parts read the same records in one run: quote the ratio,
//! not the seconds.
//!
//! | floor | what it does |
//! |---|---|
//! | kafka | the client library hands over every record |
//! | parse | `serde_json` reads each row image into typed Arrow columns, without any rule |
//! | parquet | encoding the finished rows, zstd level 1 |
//!
//! The floors are not made of the pipeline's own parts (see `huiliu_floor`): a slow decoder must
//! not lower its own bar. Bookkeeping is the share of the pipeline that goes into its commits
//! beside their rows.

mod part;
mod refresh;

use crate::cli::{BenchArgs, BenchWhat, Global};
use crate::commands::demo::make_topics;
use crate::commands::generate;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, settings};
use huiliu_citygen::{Plan, city};
use huiliu_kafka::{MockBroker, Publisher};
use huiliu_model::{Error, ErrorKind};
use part::Figures;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The in-process broker keeps 5 MiB a partition: so many partitions hold a few hundred thousand
/// records of every topic.
const PARTITIONS: i32 = 16;
const FLUSH_PATIENCE: Duration = Duration::from_secs(60);
/// Settings of the measured lake: values as they came, so that the floors do the same work.
const SETTINGS: &str = "lake: lake\nprotection: plain\n";

/// Measures, and prints one Markdown table.
///
/// # Errors
/// A part that could not run.
pub fn execute(args: &BenchArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    if let Some(BenchWhat::Refresh(args)) = &args.what {
        return refresh::execute(args, global, console);
    }
    if let Some(part) = args.part {
        return part::run(part, global);
    }
    let mut installed = settings(global)?;
    let broker = MockBroker::start(&[])?;
    installed.kafka.bootstrap_servers = Some(broker.bootstrap_servers().to_owned());
    let installation = Installation::with(installed)?;
    make_topics(&broker, &installation.project.contracts, PARTITIONS)?;
    let plan = Plan { defects: Some(1.0), ..Plan::new(args.seed, args.records) };
    let mut publisher = Publisher::connect(broker.bootstrap_servers(), &BTreeMap::new())?;
    let mut bytes = 0_usize;
    for event in city(plan) {
        bytes += event.value.as_ref().map_or(0, Vec::len);
        generate::send(&mut publisher, &event)?;
    }
    publisher.flush(FLUSH_PATIENCE)?;
    console.say(format!("{} records of {} bytes wait", publisher.delivered(), bytes));

    let home = std::env::temp_dir().join(format!("huiliu-bench-{}", std::process::id()));
    let measured = measure(&home, broker.bootstrap_servers(), &installation);
    // The folder is ours; a failure to remove it must not hide the figures.
    let _ = std::fs::remove_dir_all(&home);
    print(&measured?, bytes);
    Ok(())
}

struct Measured {
    floors: Figures,
    one: Figures,
    two: Figures,
}

fn measure(home: &Path, servers: &str, installation: &Installation) -> Result<Measured, Failure> {
    let child = |part: &str, cpus: &str| -> Result<Figures, Failure> {
        let folder = home.join(format!("{part}-{}", cpus.replace(',', "-")));
        std::fs::create_dir_all(&folder).map_err(|e| failed("making a folder", e))?;
        let config = folder.join("huiliu.yaml");
        let full = |path: &Path| {
            std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
        };
        let (pipelines, sql) =
            (full(&installation.settings.pipelines), full(&installation.settings.sql));
        // A group of its own: no part waits for a member that the part before it was.
        let group = format!("kafka: {{group: huiliu-bench-{part}-{}}}", cpus.len());
        let text = format!("{SETTINGS}{group}\npipelines: {pipelines}\nsql: {sql}\n");
        std::fs::write(&config, text).map_err(|e| failed("writing settings", e))?;
        let program = std::env::current_exe().map_err(|e| failed("finding this program", e))?;
        let output = Command::new("taskset")
            .args(["-c", cpus])
            .arg(program)
            .args(["--quiet", "--bootstrap-servers", servers, "--config"])
            .arg(&config)
            .args(["bench", "--part", part])
            .output()
            .map_err(|e| failed("starting a part (taskset is in util-linux)", e))?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Failure::from(Error::new(ErrorKind::Unavailable, format!("part `{part}`: {said}")))
        })
    };
    Ok(Measured {
        floors: child("floors", "0")?,
        one: child("pipeline", "0")?,
        two: child("pipeline", "0,1")?,
    })
}

fn failed(action: &str, source: std::io::Error) -> Failure {
    Error::new(ErrorKind::Unavailable, format!("{action} failed")).because(source).into()
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn print(measured: &Measured, bytes: usize) {
    let Measured { floors, one, two } = measured;
    let floor: f64 = floors.kafka_s + floors.parse_s + floors.parquet_s;
    let million = |figures: &Figures, seconds: f64| seconds / figures.records as f64 * 1e6;
    println!("| part | records/s | CPU-s per million | of the floor | peak MiB |");
    println!("|---|---:|---:|---:|---:|");
    for (name, seconds) in
        [("kafka", floors.kafka_s), ("parse", floors.parse_s), ("parquet", floors.parquet_s)]
    {
        let (cpu, share) = (million(floors, seconds), seconds / floor);
        println!("| floor: {name} | | {cpu:.2} | {share:.2} | |");
    }
    let cpu = million(floors, floor);
    println!("| floor: sum | | {cpu:.2} | 1.00 | |");
    for (name, figures) in [("one core", one), ("two cores", two)] {
        let rate = figures.records as f64 / figures.wall_s;
        let cpu = million(figures, figures.cpu_s);
        let ratio = cpu / million(floors, floor);
        let peak = figures.peak_kib / 1024;
        println!("| Kafka → changes, {name} | {rate:.0} | {cpu:.2} | {ratio:.2} | {peak} |");
    }
    let share = |figures: &Figures| 100.0 * figures.bookkeeping_s / figures.cpu_s;
    println!(
        "\nBookkeeping: {:.1} % of the CPU on one core ({} commits), {:.1} % on two ({}).",
        share(one),
        one.commits,
        share(two),
        two.commits
    );
    let records = one.records;
    println!("\n{records} records, {} bytes each on average.", bytes as u64 / records.max(1));
}
