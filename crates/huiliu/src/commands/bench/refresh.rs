//! `huiliu bench refresh`: what a refresh costs, by table size and by number of changes.
//!
//! Lakes of several sizes are filled with made-up rows under the project's own contracts; the
//! tables are the project's own too. Changes land as `huiliu run` lands them, and each refresh is
//! what `huiliu run` does: pin, decide, build, check, commit, in a process that goes on. Time
//! begins when the changes have landed. Bytes are counted at the store; the page cache is warm.
//!
//! | kind | table | changes come in | reached |
//! |---|---|---|---|
//! | keyed | `enterprise_financing.enterprise_profile` | `lic_licence` | by holder |
//! | via | `enterprise_financing.utility_stability` | `water_bill` | bill → account → holder |
//! | aggregate | `investment_project.division_month` | `pool_project_month` | project → county |

mod stock;

use super::part::cpu_seconds;
use crate::cli::{BenchRefreshArgs, BenchWay, Global};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::metrics::duplicate;
use crate::subjects::Refresher;
use chrono::NaiveDate;
use huiliu_lake::{Lake, Metrics, Passed, Place};
use huiliu_model::{Clock, Contract, Error, ErrorKind};
use huiliu_spec::TableSpec;
use huiliu_subject::{Decision, Mode, Way};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use stock::Stock;

/// Kind, table, and the dataset that changes.
const KINDS: [[&str; 3]; 3] = [
    ["keyed", "enterprise_financing.enterprise_profile", "lic_licence"],
    ["via", "enterprise_financing.utility_stability", "water_bill"],
    ["aggregate", "investment_project.division_month", "pool_project_month"],
];
/// Day the tables count from.
const AS_OF: Option<NaiveDate> = NaiveDate::from_ymd_opt(2020, 12, 31);

/// One refresh.
#[derive(Debug, Clone, Copy)]
struct Cost {
    way: Way,
    wall_s: f64,
    cpu_s: f64,
    passed: Passed,
    /// Rows that the decision took it for; `None` where there was no choice.
    estimated: Option<f64>,
}

/// A row of the table of figures: the medians of some refreshes.
struct Row {
    kind: usize,
    size: u32,
    input_rows: u64,
    /// `None` for a build in full of a table that was not there.
    changed: Option<u32>,
    cost: Cost,
}

/// Measures, and prints one Markdown table.
///
/// # Errors
/// As the lake answers; a table that cannot be built.
pub fn execute(args: &BenchRefreshArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let home = args.keep.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("huiliu-bench-refresh-{}", std::process::id()))
    });
    let measured = runtime()?.block_on(async {
        let mut rows = Vec::new();
        for &size in &args.sizes {
            let bench = Bench::open(args, &installation, &home.join(format!("x{size}"))).await?;
            rows.extend(bench.measure(size, console).await?);
        }
        Ok::<_, Failure>(rows)
    });
    if args.keep.is_none() {
        // The folder is ours; a failure to remove it must not hide the figures.
        let _ = std::fs::remove_dir_all(&home);
    }
    print(&measured?);
    Ok(())
}

/// One lake and what measures it.
struct Bench<'a> {
    args: &'a BenchRefreshArgs,
    installation: &'a Installation,
    lake: Lake,
    store: Metrics,
    clock: Arc<dyn Clock>,
    as_of: NaiveDate,
}

impl<'a> Bench<'a> {
    async fn open(
        args: &'a BenchRefreshArgs,
        installation: &'a Installation,
        home: &Path,
    ) -> Result<Self, Failure> {
        let clock = clock();
        let mut contracts: Vec<Arc<Contract>> = installation.project.contracts.clone();
        contracts.retain(|contract| stock::DATASETS.contains(&contract.dataset.as_ref()));
        let location = home.join("lake").display().to_string();
        let store = Metrics::register(&prometheus::Registry::new()).map_err(duplicate)?;
        let place = Place { location: &location, options: &BTreeMap::new() };
        let lake =
            Lake::counted(place, &contracts, false, Arc::clone(&clock), store.clone()).await?;
        lake.look_up_by(installation.project.lookups());
        let as_of = AS_OF.unwrap_or_default();
        Ok(Self { args, installation, lake, store, clock, as_of })
    }

    async fn measure(&self, size: u32, console: &Console) -> Result<Vec<Row>, Failure> {
        let identities = self.args.identities.saturating_mul(size);
        let stock = Stock { lake: &self.lake, identities, clock: self.clock.as_ref() };
        console.say(format!("size {size}: {identities} firms, accounts and projects"));
        stock.fill().await?;
        let mut rows = Vec::new();
        for (kind, [_, table, dataset]) in KINDS.iter().enumerate() {
            let table = self.table(table)?;
            let mut refresher = Refresher::new(self.installation, &self.lake, self.as_of);
            let cost = self.refresh(&refresher, table).await?;
            let input_rows = self.input_rows(table).await?;
            let row = |changed, cost| Row { kind, size, input_rows, changed, cost };
            rows.push(row(None, cost));
            let counts = self.args.changed.iter().filter(|count| **count <= identities);
            for (number, &count) in (1_u32..).zip(counts) {
                let mut costs = Vec::new();
                for round in 0..self.args.rounds {
                    stock.change(dataset, count, number * 100 + round).await?;
                    refresher.mode = mode(self.args.way);
                    costs.push(self.refresh(&refresher, table).await?);
                }
                // The next number of changes begins with a folded dataset and a table that knows.
                self.lake.dataset(dataset)?.fold_all().await?;
                stock.change(dataset, 1, number * 100 + 99).await?;
                self.refresh(&refresher, table).await?;
                rows.push(row(Some(count), median(&mut costs)));
            }
            console.say(format!("size {size}: {} measured", table.full_name()));
        }
        Ok(rows)
    }

    /// One refresh as `huiliu run` does it.
    async fn refresh(&self, refresher: &Refresher<'_>, table: &TableSpec) -> Result<Cost, Failure> {
        let (cpu, wall, passed) = (cpu_seconds(), self.clock.monotonic(), self.store.passed());
        let inputs = refresher.pin(&[table]).await?;
        let done = refresher.one(table, &inputs, inputs.are_small()).await?;
        Ok(Cost {
            way: done.decision.way,
            estimated: estimated(&done.decision),
            wall_s: self.clock.monotonic().saturating_sub(wall).as_secs_f64(),
            cpu_s: cpu_seconds() - cpu,
            passed: self.store.passed().since(passed),
        })
    }

    async fn input_rows(&self, table: &TableSpec) -> Result<u64, Failure> {
        let mut rows = 0;
        for status in self.lake.status().await? {
            if table.inputs.iter().any(|input| input.name == status.dataset) {
                rows += u64::try_from(status.current_rows).unwrap_or(0);
            }
        }
        Ok(rows)
    }

    fn table(&self, name: &str) -> Result<&'a TableSpec, Failure> {
        self.installation.project.table(name).ok_or_else(|| {
            let message = format!("the project has no table `{name}`, which is measured");
            Error::new(ErrorKind::Invalid, message)
                .help("run this with the pipelines and the sql that ship with huiliu")
                .into()
        })
    }
}

/// Rows that a decision takes the way for that it chose.
fn estimated(decision: &Decision) -> Option<f64> {
    decision.cost.map(|cost| match decision.way {
        Way::Incremental => cost.incremental,
        _ => cost.full,
    })
}

fn mode(way: BenchWay) -> Mode {
    match way {
        BenchWay::Cheapest => Mode::Cheapest,
        BenchWay::Incremental => Mode::Incremental,
        BenchWay::Full => Mode::Full,
    }
}

/// The refresh with the median time; its other figures go with it.
fn median(costs: &mut [Cost]) -> Cost {
    costs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    costs[costs.len() / 2]
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn print(rows: &[Row]) {
    println!(
        "| table | size | rows of inputs | changed | way | estimated rows | ms | CPU ms | MiB read \
         | MiB written | requests | time, of the smallest |"
    );
    println!("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    let mut first: BTreeMap<(usize, Option<u32>), f64> = BTreeMap::new();
    let mut order: Vec<&Row> = rows.iter().collect();
    order.sort_by_key(|row| (row.kind, row.changed, row.size));
    for row in order {
        let Cost { way, wall_s, cpu_s, passed, estimated } = row.cost;
        let estimated = estimated.map_or(String::new(), |rows| format!("{rows:.0}"));
        let least = *first.entry((row.kind, row.changed)).or_insert(wall_s);
        let changed = row.changed.map_or("first build".to_owned(), |count| count.to_string());
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!(
            "| {} | ×{} | {} | {changed} | {} | {estimated} | {:.0} | {:.0} | {:.2} | {:.2} | {} \
             | {:.2} |",
            KINDS[row.kind][0],
            row.size,
            row.input_rows,
            way.label(),
            wall_s * 1e3,
            cpu_s * 1e3,
            mib(passed.read_bytes),
            mib(passed.written_bytes),
            passed.requests,
            wall_s / least.max(f64::EPSILON),
        );
    }
}
