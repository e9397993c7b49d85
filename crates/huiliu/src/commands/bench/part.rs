//! What the children of `huiliu bench` do: one part each, figures as JSON on standard output.

use super::PARTITIONS;
use crate::cli::{BenchPart, Global};
use crate::engine::{Engine, Following};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use arrow::array::RecordBatch;
use huiliu_decode::{Decoder, Limits};
use huiliu_ingest::Summary;
use huiliu_kafka::{KafkaSource, Route, Until};
use huiliu_lake::fold::Policy;
use huiliu_model::port::{Landing, Source, SourceEvent};
use huiliu_model::{Batch, Contract, Covers, Partition, Progress, Records, Tally};
use huiliu_normalise::Normaliser;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// No fold while ingestion is measured.
const NEVER: Policy =
    Policy { pending_share: f64::INFINITY, pending_rows_min: i64::MAX, age_ms_max: i64::MAX };
/// Clock ticks per second of `/proc/<pid>/stat`: fixed by the kernel's interface.
const TICKS: f64 = 100.0;
/// Commits over which the cost of one is taken: the clock of the CPU ticks every ten milliseconds.
const COMMITS_MIN: u32 = 1_000;

/// What one child measured; seconds of CPU, of all its threads.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub records: u64,
    pub cpu_s: f64,
    pub wall_s: f64,
    pub peak_kib: u64,
    pub kafka_s: f64,
    pub parse_s: f64,
    pub parquet_s: f64,
    /// What the commits of this run cost beside their rows: guard, progress, receipt, log entry.
    pub bookkeeping_s: f64,
    pub commits: u64,
}

/// Runs one part and prints its figures.
///
/// # Errors
/// As Kafka and the lake answer.
pub fn run(part: BenchPart, global: &Global) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let figures = runtime()?.block_on(async {
        match part {
            BenchPart::Pipeline => pipeline(installation).await,
            BenchPart::Floors => floors(&installation).await,
        }
    })?;
    println!("{}", serde_json::to_string(&figures).unwrap_or_default());
    Ok(())
}

async fn pipeline(installation: Installation) -> Result<Figures, Failure> {
    let clock = clock();
    let engine = Engine::open(installation, None, NEVER, Arc::clone(&clock)).await?;
    let (cpu, wall) = (cpu_seconds(), clock.monotonic());
    let summary =
        engine.ingest(Until::EndOffsets, Following::No, &CancellationToken::new()).await?;
    let records = summary.tallies.values().map(huiliu_model::Tally::offsets).sum();
    let figures = Figures {
        records,
        cpu_s: cpu_seconds() - cpu,
        wall_s: clock.monotonic().saturating_sub(wall).as_secs_f64(),
        peak_kib: peak_kib(),
        commits: summary.commits,
        ..Figures::default()
    };
    Ok(Figures { bookkeeping_s: bookkeeping(&engine, &summary).await?, ..figures })
}

/// CPU seconds of as many commits as the run made, with covers of every partition and receipts of
/// the run's size, but without rows: what is paid for accounting and nothing else.
async fn bookkeeping(engine: &Engine, summary: &Summary) -> Result<f64, Failure> {
    let contracts = &engine.installation.project.contracts;
    let mut batches = Vec::new();
    for contract in contracts.iter().filter(|c| summary.tallies.contains_key(&c.dataset)) {
        let Some(kafka_topic) = contract.kafka_topics.name() else { continue };
        let partition = |number| Partition::new(Arc::clone(kafka_topic), number);
        let partitions: Vec<Partition> = (0..PARTITIONS).map(partition).collect();
        let progress = engine.lake.progress(&contract.dataset, &partitions).await?;
        let covers = progress.0.into_iter().map(|(partition, at)| (partition, at..at)).collect();
        batches.push(Batch {
            dataset: Arc::clone(&contract.dataset),
            rows: Vec::new(),
            rejects: Vec::new(),
            covers: Covers(covers),
            tally: Tally::default(),
            quality: summary.quality.get(&contract.dataset).cloned().unwrap_or_default(),
            newest_record_ms: 0,
            oldest_event_us: None,
            truncates: Vec::new(),
        });
    }
    let before = cpu_seconds();
    let mut commits = 0_u32;
    while commits < COMMITS_MIN && !batches.is_empty() {
        for batch in &mut batches {
            batch.covers.0.values_mut().for_each(|range| *range = range.end..range.end + 1_000);
            batch.tally = Tally { gaps: batch.covers.offset_count(), ..Tally::default() };
            engine.lake.land(batch).await?;
            commits += 1;
        }
    }
    let each = (cpu_seconds() - before) / f64::from(commits.max(1));
    Ok(each * f64::from(u32::try_from(summary.commits).unwrap_or(u32::MAX)))
}

async fn floors(installation: &Installation) -> Result<Figures, Failure> {
    let contracts: BTreeMap<Arc<str>, Arc<Contract>> = installation
        .project
        .contracts
        .iter()
        .map(|c| (Arc::clone(&c.dataset), Arc::clone(c)))
        .collect();
    let before = cpu_seconds();
    let chunks = read_all(installation, &contracts).await?;
    let kafka_s = cpu_seconds() - before;
    let records = chunks.iter().map(|c| c.entries.len() as u64).sum();
    // One clock for all datasets: it ticks a hundred times a second.
    let before = cpu_seconds();
    for (dataset, contract) in &contracts {
        for records in of(&chunks, dataset) {
            std::hint::black_box(huiliu_floor::parse(contract, records));
        }
    }
    let parse_s = cpu_seconds() - before;
    let mut tables: Vec<Vec<RecordBatch>> = Vec::new();
    for (dataset, contract) in &contracts {
        let decoder = Decoder::new(contract, Limits::default());
        let plain = Arc::new(huiliu_normalise::Protection::Plain);
        let normaliser = Normaliser::new(Arc::clone(contract), plain)?;
        let rows = |r| normaliser.prepare(r, &decoder.decode(r), clock().now_us()).rows;
        tables.push(of(&chunks, dataset).filter_map(rows).collect());
    }
    let before = cpu_seconds();
    for rows in &tables {
        std::hint::black_box(huiliu_floor::encode(rows)?);
    }
    let parquet_s = cpu_seconds() - before;
    Ok(Figures { records, kafka_s, parse_s, parquet_s, ..Figures::default() })
}

fn of<'c>(chunks: &'c [Records], dataset: &'c str) -> impl Iterator<Item = &'c Records> {
    chunks.iter().filter(move |chunk| *chunk.dataset == *dataset)
}

async fn read_all(
    installation: &Installation,
    contracts: &BTreeMap<Arc<str>, Arc<Contract>>,
) -> Result<Vec<Records>, Failure> {
    let settings = installation.kafka()?;
    let routes = contracts
        .values()
        .map(|c| Route { dataset: c.dataset.clone(), kafka_topics: c.kafka_topics.clone() })
        .collect();
    let stop = CancellationToken::new();
    let mut source =
        KafkaSource::start(&settings, routes, Until::EndOffsets, stop, clock()).await?;
    let mut chunks = Vec::new();
    while let Some(event) = source.next().await? {
        match event {
            SourceEvent::Records { records, .. } => chunks.push(records),
            SourceEvent::Assigned { reply, .. }
            | SourceEvent::Resumed { reply, .. }
            | SourceEvent::Elsewhere { reply, .. } => {
                drop(reply.send(Progress::default()));
            }
            SourceEvent::Revoked { reply, .. } => drop(reply.send(())),
            SourceEvent::EndOffsets(_) | SourceEvent::Unreachable(_) | SourceEvent::Incident(_) => {
            }
        }
    }
    Ok(chunks)
}

/// User and system time of this process, from `/proc`; 0 where there is none.
pub(super) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_ascii_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Peak resident memory, from `/proc`.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
