//! How many series a process has, with the city's 48 datasets and with 3,640.
//!
//! Everything that a process registers is registered; a session in memory reads records of every
//! dataset (good, updated, broken, nothing), and the gauges of a look at the tables are set. What
//! is not there: the samples of a store's rarer outcomes, and reasons of rejects beyond one.

use super::*;
use crate::commands::status::{DatasetLine, Status, SubjectLine};
use crate::installation::clock;
use huiliu_ingest::{Limits, Pipeline, Session};
use huiliu_model::Partition;
use huiliu_model::contract::Group;
use huiliu_model::port::SourceEvent;
use huiliu_normalise::Protection;
use huiliu_spec::{Project, Settings};
use huiliu_subject::Way;
use huiliu_testkit::{MemoryLanding, ScriptedSource, account_contract, json_record};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The budget, as docs/operations.md states it: series of a process without datasets, of each
/// dataset, and of each partition that is read.
const FIXED: usize = 1_000;
const PER_DATASET: usize = 9;
const PER_PARTITION: usize = 4;

fn contracts(count: usize) -> Vec<Contract> {
    let groups = [Group::Base, Group::Feed, Group::Pool];
    let contract = |n: usize| {
        let mut contract = Contract {
            dataset: format!("d{n}").into(),
            kafka_topics: format!("feed.d{n}").into(),
            group: groups[n % groups.len()],
            ..account_contract()
        };
        contract.land.commit_every = Duration::from_millis(1);
        contract.stop_if = None;
        contract
    };
    (0..count).map(contract).collect()
}

/// Partitions are given, ends are told, and every dataset has records of all kinds.
fn events(contracts: &[Contract]) -> Vec<SourceEvent> {
    let topic = |contract: &Contract| format!("feed.{}", contract.dataset);
    let partitions: Vec<Partition> =
        contracts.iter().map(|c| Partition::new(topic(c), 0)).collect();
    let ends = partitions.iter().map(|partition| (partition.clone(), 9)).collect();
    let (reply, _) = oneshot::channel();
    let mut events = vec![SourceEvent::Assigned { partitions, reply }];
    events.push(SourceEvent::EndOffsets(ends));
    for contract in contracts {
        let record = |op: &str, seq: i64| {
            format!(
                r#"{{"v":1,"ds":"{}","op":"{op}","seq":{seq},"event_time":
                "2020-04-07T08:30:00+08:00","src":{{}},"before":null,
                "after":{{"account_no":"{seq}","status":"1"}}}}"#,
                contract.dataset
            )
        };
        let (created, updated) = (record("c", 1), record("u", 2));
        let values = [Some(&*created), Some(&*updated), Some("{not json"), None];
        events.push(json_record(&contract.dataset, &topic(contract), 0, &values));
    }
    events
}

async fn ingest(rooms: &Rooms, contracts: &[Contract]) {
    let pipeline = |contract: &Contract| {
        let plain = Arc::new(Protection::Plain);
        let made = Pipeline::new(Arc::new(contract.clone()), Default::default(), plain);
        (Arc::clone(&contract.dataset), Arc::new(made.expect("a plain contract needs no keys")))
    };
    let session = Session {
        landing: Arc::new(MemoryLanding::default()),
        pipelines: contracts.iter().map(pipeline).collect::<BTreeMap<_, _>>(),
        metrics: Arc::clone(&rooms.ingest),
        clock: clock(),
        limits: Limits { preparing: 2, held_bytes: 64 << 20 },
        give_up: CancellationToken::new(),
    };
    let done = session.run(&mut ScriptedSource::new(events(contracts))).await.expect("it ends");
    assert_eq!(done.tallies.len(), contracts.len());
}

/// One look at tables of which each has a row of everything.
fn status(contracts: &[Contract], tables: &[&TableSpec]) -> Status {
    let layouts = ["changes", "current", "quarantine"].map(|layer| (layer, Default::default()));
    let dataset = |contract: &Contract| DatasetLine {
        dataset: contract.dataset.to_string(),
        title: String::new(),
        current_rows: 1,
        changes_rows: 1,
        pending_rows: 1,
        rejected_rows: 1,
        lag_records: None,
        last_commit: None,
        age_seconds: Some(1),
        changes_version: 1,
        folded_version: 0,
        size_bytes: 1,
        progress: BTreeMap::new(),
        stopped: None,
        layouts,
    };
    let subject = |table: &&TableSpec| SubjectLine {
        table: table.full_name(),
        rows: Some(1),
        last_build: None,
        age_seconds: Some(1),
        version: Some(1),
        size_bytes: Some(1),
        build: serde_json::Value::Null,
        layout: Some(Default::default()),
    };
    Status {
        lake: String::new(),
        protection: None,
        datasets: contracts.iter().map(dataset).collect(),
        subjects: tables.iter().map(subject).collect(),
        off: Vec::new(),
    }
}

/// Series of a process with so many datasets and the project's subject tables.
async fn count(datasets: usize) -> usize {
    let registry = registry().expect("distinct names");
    let rooms = Rooms::register(&registry, &clock()).expect("distinct names");
    let contracts = contracts(datasets);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (pipelines, sql) = (root.join("pipelines"), root.join("sql"));
    let settings = Settings { pipelines, sql, ..Settings::default() };
    let project = Project::load(&settings).expect("a sound project");
    let tables: Vec<&TableSpec> = project.built_tables().collect();
    let digests = contracts.iter().map(|contract| (contract, "0123456789abcdef"));
    rooms.declared.declare(digests, tables.iter().copied(), 1 << 30);
    ingest(&rooms, &contracts).await;
    let shared: Vec<Arc<Contract>> = contracts.iter().cloned().map(Arc::new).collect();
    rooms.layout.show(&status(&contracts, &tables), &shared, clock().now_us());
    for table in &tables {
        let name = table.full_name();
        rooms.follow.visible(&name, Duration::from_secs(1));
        for (way, outcome) in [(Way::Full, "ok"), (Way::Nothing, "ok"), (Way::Nothing, "failed")] {
            rooms.follow.refreshed(&name, way, outcome);
        }
    }
    rooms.process.look(process::Phase::Running);
    let text = text(&registry).expect("text");
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test]
async fn series_stay_within_their_budget() {
    let (none, city, large) = (count(0).await, count(48).await, count(3_640).await);
    println!("series: {none} without datasets, {city} with 48, {large} with 3,640");
    let budget = |datasets: usize| FIXED + datasets * (PER_DATASET + PER_PARTITION);
    assert!(city <= budget(48), "{city} series for 48 datasets");
    assert!(large <= budget(3_640), "{large} series for 3,640 datasets");
    let each = (large - city) / (3_640 - 48);
    assert_eq!(each, PER_DATASET + PER_PARTITION, "the budget of a dataset is what it takes");
    assert_eq!((large - city) % (3_640 - 48), 0, "and nothing else grows with them");
}
