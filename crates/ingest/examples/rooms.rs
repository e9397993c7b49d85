//! What the rooms of a record cost: decode, cast, judge and protect, per dataset.
//!
//! `cargo run --release --workspace --example rooms [RECORDS]`: a city with its usual defects, one
//! thread, the best of five rounds. Cast and judge are one pass over a column; judge is what that
//! pass costs more than the same pass under a contract without rules. Protect is what it costs
//! more under keys.

use huiliu_decode::{Decoder, Limits};
use huiliu_model::{Contract, Record, Records};
use huiliu_normalise::{Keys, Normaliser, Protection};
use huiliu_spec::Project;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const INGEST_US: i64 = 1_600_000_000_000_000;

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
    let project = Project::load_paths(&[pipelines]).expect("the project's own pipelines");
    let mut plan = huiliu_citygen::Plan::new(2020, count);
    plan.defects = Some(1.0);
    let mut by_dataset: BTreeMap<&str, Records> = BTreeMap::new();
    for event in huiliu_citygen::city(plan) {
        let Some(value) = event.value else { continue };
        let records = by_dataset
            .entry(event.dataset)
            .or_insert_with(|| Records::new(event.dataset.into(), event.kafka_topic.into()));
        let (timestamp_ms, value) = (event.timestamp_ms, Some(records.store(&value)));
        let offset = i64::try_from(records.entries.len()).expect("few");
        records.entries.push(Record { partition: 0, offset, timestamp_ms, key: None, value });
    }
    println!("dataset\trecords\tcells\tdecode\tcast\tjudge\tprotect\tjudge/decode");
    let mut sums = [Duration::ZERO; 4];
    let mut cells = 0;
    for (dataset, records) in &by_dataset {
        let contract = project.contract(dataset).expect("every dataset has a contract");
        let rooms = measure(contract, records);
        let these = records.entries.len() * contract.columns.len();
        print(dataset, records.entries.len(), these, &rooms);
        sums.iter_mut().zip(rooms).for_each(|(sum, room)| *sum += room);
        cells += these;
    }
    print("all", by_dataset.values().map(|r| r.entries.len()).sum(), cells, &sums);
}

/// Decode, cast, judge, protect.
fn measure(contract: &Arc<Contract>, records: &Records) -> [Duration; 4] {
    let decoder = Decoder::new(contract, Limits::default());
    let (decode, changes) = best(|| decoder.decode(records));
    let mut bare = (**contract).clone();
    bare.columns.iter_mut().for_each(|column| column.rules.clear());
    let prepare = |contract: Contract, protection: Protection| {
        let made = Normaliser::new(Arc::new(contract), Arc::new(protection)).expect("valid");
        best(|| made.prepare(records, &changes, INGEST_US)).0
    };
    let keys = Keys { id: "k".into(), token: [3; 32], encrypt: [5; 16], older: Vec::new() };
    let cast = prepare(bare, Protection::Plain);
    let judged = prepare((**contract).clone(), Protection::Plain);
    let protected = prepare((**contract).clone(), Protection::Keys(keys));
    [decode, cast, judged.saturating_sub(cast), protected.saturating_sub(judged)]
}

fn best<T>(mut work: impl FnMut() -> T) -> (Duration, T) {
    let mut best = Duration::MAX;
    let mut made = None;
    for _ in 0..ROUNDS {
        #[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
        let began = Instant::now();
        made = Some(work());
        best = best.min(began.elapsed());
    }
    (best, made.expect("there is a round"))
}

/// Nanoseconds per cell.
fn print(dataset: &str, records: usize, cells: usize, rooms: &[Duration; 4]) {
    let per_cell = |time: Duration| time.as_nanos() as f64 / cells.max(1) as f64;
    let [decode, cast, judge, protect] = rooms.map(per_cell);
    println!(
        "{dataset}\t{records}\t{cells}\t{decode:.1}\t{cast:.1}\t{judge:.1}\t{protect:.1}\t{:.2}",
        judge / decode
    );
}
