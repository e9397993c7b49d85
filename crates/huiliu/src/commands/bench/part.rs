//! What the children of `huiliu bench` do: one part each, figures as JSON on standard output.

use crate::cli::{BenchPart, Global};
use crate::engine::{Engine, Following};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use huiliu_decode::{Decoder, Limits};
use huiliu_kafka::{KafkaSource, Route, Until};
use huiliu_lake::fold::Policy;
use huiliu_model::port::{Source, SourceEvent};
use huiliu_model::{Changes, Contract, Error, ErrorKind, Progress, Records};
use huiliu_normalise::Normaliser;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// No fold while ingestion is measured.
const NEVER: Policy =
    Policy { pending_share: f64::INFINITY, pending_rows_min: i64::MAX, age_ms_max: i64::MAX };
/// Clock ticks per second of `/proc/<pid>/stat`: fixed by the kernel's interface.
const TICKS: f64 = 100.0;

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
    Ok(Figures {
        records,
        cpu_s: cpu_seconds() - cpu,
        wall_s: clock.monotonic().saturating_sub(wall).as_secs_f64(),
        peak_kib: peak_kib(),
        ..Figures::default()
    })
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
    let (mut parse_s, mut parquet_s) = (0.0, 0.0);
    for (dataset, contract) in &contracts {
        let chunks: Vec<&Records> = chunks.iter().filter(|c| c.dataset == *dataset).collect();
        let decoder = Decoder::new(contract, Limits::default());
        let before = cpu_seconds();
        for records in &chunks {
            std::hint::black_box(text_columns(records, &decoder.decode(records)));
        }
        parse_s += cpu_seconds() - before;
        let plain = Arc::new(huiliu_normalise::Protection::Plain);
        let normaliser = Normaliser::new(Arc::clone(contract), plain)?;
        let rows: Vec<RecordBatch> = chunks
            .iter()
            .filter_map(|r| normaliser.prepare(r, &decoder.decode(r), clock().now_us()).rows)
            .collect();
        let before = cpu_seconds();
        encode(&rows)?;
        parquet_s += cpu_seconds() - before;
    }
    Ok(Figures { records, kafka_s, parse_s, parquet_s, ..Figures::default() })
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
            SourceEvent::Assigned { reply, .. } | SourceEvent::Resumed { reply, .. } => {
                drop(reply.send(Progress::default()));
            }
            SourceEvent::Revoked { reply, .. } => drop(reply.send(())),
            SourceEvent::EndOffsets(_) | SourceEvent::Incident(_) => {}
        }
    }
    Ok(chunks)
}

/// Each decoded cell once into a text column: no types, no rules.
fn text_columns(records: &Records, changes: &Changes) -> Vec<ArrayRef> {
    let column = |cells: &Vec<huiliu_model::Cell>| -> ArrayRef {
        let mut builder = StringBuilder::with_capacity(cells.len(), cells.len() * 16);
        for &cell in cells {
            let bytes = changes.bytes(&records.arena, cell);
            builder.append_value(std::str::from_utf8(bytes).unwrap_or_default());
        }
        Arc::new(builder.finish())
    };
    changes.columns.iter().map(column).collect()
}

fn encode(rows: &[RecordBatch]) -> Result<(), Failure> {
    let Some(first) = rows.first() else { return Ok(()) };
    let broken = |e: parquet::errors::ParquetError| {
        Failure::from(Error::new(ErrorKind::Bug, "encoding Parquet failed").because(e))
    };
    let level = ZstdLevel::try_new(1).map_err(broken)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), first.schema(), Some(properties)).map_err(broken)?;
    for batch in rows {
        writer.write(batch).map_err(broken)?;
    }
    std::hint::black_box(writer.into_inner().map_err(broken)?);
    Ok(())
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
