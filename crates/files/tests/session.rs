//! Files through the ingestion loop into a landing in memory: each row once, whatever happens.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_decode::{Limits as DecodeLimits, PlainRows};
use huiliu_files::{Ask, Delivery, FileSource, Meter, examine};
use huiliu_ingest::{Limits, Metrics, Pipeline, Session, Summary};
use huiliu_model::clock::SystemClock;
use huiliu_model::port::{Landing, Source, SourceEvent};
use huiliu_model::{Batch, Error, ErrorKind, Finding, Op, Progress, Quality};
use huiliu_normalise::Protection;
use huiliu_testkit::{Failure, MemoryLanding, account_contract};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A load of one file; `landing` outlives it.
struct Load {
    landing: Arc<MemoryLanding>,
    stop: CancellationToken,
    rows: PlainRows,
    budget_bytes: usize,
}

impl Load {
    fn new(landing: MemoryLanding) -> Self {
        let rows = PlainRows { op: Op::Read, seq: Some(0), event_time_us: None };
        let landing = Arc::new(landing);
        Self { landing, stop: CancellationToken::new(), rows, budget_bytes: 1 << 20 }
    }

    async fn run(&self, bytes: &[u8]) -> Result<(Summary, Arc<Meter>), Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let (delivery, meter) = (Arc::new(delivery(&folder, bytes)), Arc::new(Meter::default()));
        let contract = Arc::new(delivery.contract(&account_contract()));
        let protection = Arc::new(Protection::Plain);
        let pipeline = Pipeline::new(Arc::clone(&contract), DecodeLimits::default(), protection)?;
        let pipeline = Arc::new(pipeline.taking_rows_as(self.rows));
        let metrics = Metrics::register(&prometheus::Registry::new()).expect("an empty registry");
        let session = Session {
            landing: Arc::clone(&self.landing),
            pipelines: BTreeMap::from([(Arc::clone(&contract.dataset), pipeline)]),
            metrics: Arc::new(metrics),
            clock: Arc::new(SystemClock::default()),
            limits: Limits { preparing: 2, held_bytes: self.budget_bytes / 2 },
            give_up: CancellationToken::new(),
        };
        let (stop, counted) = (self.stop.clone(), Arc::clone(&meter));
        let mut source =
            FileSource::start(delivery, contract, 7, self.budget_bytes, stop, counted)?;
        Ok((session.run(&mut source).await?, meter))
    }
}

/// A file of these bytes, examined; it is there as long as the folder.
fn delivery(folder: &TempDir, bytes: &[u8]) -> Delivery {
    let path = folder.path().join("a.dat");
    std::fs::write(&path, bytes).expect("a file");
    let ask = Ask { path, kind: None, encoding: None, row_bytes_max: 1 << 20 };
    let found = examine(&ask, &account_contract(), &Arc::default(), &CancellationToken::new());
    found.expect("a readable file").expect("nobody stopped it")
}

fn csv(rows: std::ops::Range<u32>) -> Vec<u8> {
    let lines = rows.map(|row| format!("{row},on\n"));
    format!("account_no,status\n{}", lines.collect::<String>()).into_bytes()
}

/// `(offset, key, status, seq, rank, op)` of every row that landed, in order.
type Landed = (i64, String, Option<String>, i64, i32, String);

fn landed(batches: &[Batch]) -> Vec<Landed> {
    batches.iter().flat_map(|b| &b.rows).flat_map(rows_of).collect()
}

fn rows_of(batch: &RecordBatch) -> Vec<Landed> {
    let column = |name: &str| batch.column_by_name(name).expect("a column of changes");
    let text = |name: &str, row: usize| {
        let texts = column(name).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let long = |name: &str, row: usize| column(name).as_primitive::<Int64Type>().value(row);
    let rank = |row: usize| column("sys_rank").as_primitive::<Int32Type>().value(row);
    (0..batch.num_rows())
        .map(|row| {
            let (key, op) = (text("account_no", row), text("sys_op", row));
            (
                long("sys_offset", row),
                key.unwrap_or_default(),
                text("status", row),
                long("sys_seq", row),
                rank(row),
                op.unwrap_or_default(),
            )
        })
        .collect()
}

fn row(offset: i64, key: &str, status: Option<&str>, seq: i64, rank: i32, op: &str) -> Landed {
    (offset, key.into(), status.map(Into::into), seq, rank, op.into())
}

#[tokio::test]
async fn plain_rows_are_snapshot_reads_at_their_row_numbers() {
    let load = Load::new(MemoryLanding::default());
    load.run(b"status;account_no\non;A1\n;A2\n").await.expect("loaded");
    let expected = [row(0, "A1", Some("on"), 0, 0, "r"), row(1, "A2", None, 0, 0, "r")];
    assert_eq!(landed(&load.landing.batches()), expected);
}

#[tokio::test]
async fn upserts_take_the_sequence_they_are_given() {
    let rows = PlainRows { op: Op::Update, seq: Some(9), event_time_us: None };
    let load = Load { rows, ..Load::new(MemoryLanding::default()) };
    load.run(b"{\"account_no\":\"A1\",\"status\":\"on\"}\n").await.expect("loaded");
    assert_eq!(landed(&load.landing.batches()), [row(0, "A1", Some("on"), 9, 1, "u")]);
}

#[tokio::test]
async fn rows_in_the_envelope_keep_their_own_operation_and_sequence() {
    let load = Load::new(MemoryLanding::default());
    let line = |key: &str, seq: i64| {
        let head = format!(r#"{{"v":1,"ds":"account","op":"c","seq":{seq},"before":null,"#);
        format!(r#"{head}"after":{{"account_no":"{key}","status":"on"}}}}"#)
    };
    let text = format!("{}\n{}\n", line("A1", 41), line("A2", 42));
    load.run(text.as_bytes()).await.expect("loaded");
    let expected = [row(0, "A1", Some("on"), 41, 1, "c"), row(1, "A2", Some("on"), 42, 1, "c")];
    assert_eq!(landed(&load.landing.batches()), expected);
}

#[tokio::test]
async fn broken_rows_are_rejects_with_their_row_number_and_their_bytes() {
    let load = Load::new(MemoryLanding::default());
    let (summary, _) =
        load.run(b"account_no,status\nA1,on\nA2\n,on\nA3,\"on\n").await.expect("loaded");
    let tally = summary.tallies["account"];
    assert_eq!((tally.accepted, tally.rejected), (1, 3));
    let batches = load.landing.batches();
    let rejects = &batches[0].rejects[0];
    let column = |name: &str| rejects.column_by_name(name).expect("a column of quarantine");
    let texts = |name: &str| -> Vec<String> {
        column(name).as_string::<i32>().iter().map(|t| t.unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(texts("reason"), ["FIELD_COUNT", "KEY_MISSING", "TRUNCATED"]);
    assert_eq!(texts("field"), ["-", "account_no", "-"]);
    assert!(texts("kafka_topic").iter().all(|name| name.starts_with("file/")));
    assert_eq!(column("sys_offset").as_primitive::<Int64Type>().values(), &[1, 2, 3]);
    let raw = column("raw").as_binary::<i32>();
    assert_eq!(raw.value(0), b"A2");
    assert_eq!(raw.value(1), br#"{"account_no":null,"status":"on"}"#);
    assert_eq!(raw.value(2), b"A3,\"on");
}

#[tokio::test]
async fn a_file_loaded_twice_changes_nothing() {
    let load = Load::new(MemoryLanding::default());
    let file = csv(0..10_000);
    let (first, meter) = load.run(&file).await.expect("loaded");
    assert_eq!(first.tallies["account"].accepted, 10_000);
    assert_eq!(meter.row.load(Ordering::Relaxed), 10_000);
    let batches = load.landing.batches().len();
    let (second, meter) = load.run(&file).await.expect("loaded");
    assert_eq!((second.commits, load.landing.batches().len()), (0, batches));
    assert_eq!(meter.first_row.load(Ordering::Relaxed), 10_000);
    assert!(meter.is_over.load(Ordering::Relaxed));
    load.run(&csv(0..10_001)).await.expect("loaded");
    assert_eq!(landed(&load.landing.batches()).len(), 20_001, "other bytes are another file");
}

#[tokio::test]
async fn a_load_goes_on_from_the_recorded_row() {
    let file = csv(0..5_000);
    let load = Load::new(MemoryLanding::default());
    let folder = tempfile::tempdir().expect("a folder");
    let partition = delivery(&folder, &file).partition();
    // As a killed load left it: the first 1,234 rows had landed.
    let mut earlier = Batch {
        dataset: "account".into(),
        rows: Vec::new(),
        rejects: Vec::new(),
        quality: Quality::default(),
        covers: Default::default(),
        tally: Default::default(),
        newest_record_ms: 0,
        oldest_event_us: None,
        truncates: Vec::new(),
    };
    earlier.covers.0.insert(partition.clone(), 0..1_234);
    earlier.tally.accepted = 1_234;
    load.landing.land(&earlier).await.expect("room");
    load.run(&file).await.expect("loaded");
    let offsets: Vec<i64> = landed(&load.landing.batches()).iter().map(|r| r.0).collect();
    assert_eq!(offsets, (1_234..5_000).collect::<Vec<i64>>());
    let keys: Vec<String> = landed(&load.landing.batches()).into_iter().map(|r| r.1).collect();
    assert_eq!(keys.first().map(String::as_str), Some("1234"));
    assert_eq!(load.landing.recorded().get(&partition), Some(5_000));
}

#[tokio::test]
async fn lost_answers_and_failures_land_each_row_once() {
    let failures = [Some(Failure::Unavailable), Some(Failure::AnswerLost), None];
    let load = Load::new(MemoryLanding::failing(failures));
    load.run(&csv(0..3_000)).await.expect("retried");
    let offsets: Vec<i64> = landed(&load.landing.batches()).iter().map(|r| r.0).collect();
    assert_eq!(offsets, (0..3_000).collect::<Vec<i64>>());
    let failures = [Some(Failure::Superseded)];
    let load = Load::new(MemoryLanding::failing(failures));
    let error = load.run(&csv(0..10)).await.expect_err("another process loads the same file");
    assert_eq!(error.kind, ErrorKind::Superseded);
}

#[tokio::test]
async fn a_small_budget_slows_a_load_and_does_not_stop_it() {
    let load = Load { budget_bytes: 64 << 10, ..Load::new(MemoryLanding::default()) };
    load.run(&csv(0..50_000)).await.expect("loaded");
    assert_eq!(landed(&load.landing.batches()).len(), 50_000);
}

#[tokio::test]
async fn no_more_than_the_budget_is_handed_over_before_it_is_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let delivery = Arc::new(delivery(&folder, &csv(0..50_000)));
    let contract = Arc::new(delivery.contract(&account_contract()));
    let (stop, meter) = (CancellationToken::new(), Arc::default());
    let mut source =
        FileSource::start(delivery, contract, 7, 512 << 10, stop, meter).expect("a thread");
    let mut held = Vec::new();
    let mut bytes = 0;
    loop {
        let next = tokio::time::timeout(std::time::Duration::from_millis(300), source.next());
        let Ok(event) = next.await else { break };
        match event.expect("a readable file").expect("more than the budget") {
            SourceEvent::Assigned { reply, .. } => {
                reply.send(Progress::default()).expect("the source waits");
            }
            SourceEvent::Records { records, release } => {
                bytes += records.arena.len();
                held.push(release);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(bytes > 0 && bytes <= 512 << 10, "{bytes}");
    drop(held);
    assert!(source.next().await.expect("a readable file").is_some(), "it goes on");
}

#[tokio::test]
async fn a_stopped_load_lands_what_was_handed_over() {
    let load = Load::new(MemoryLanding::default());
    load.stop.cancel();
    let (summary, meter) = load.run(&csv(0..10)).await.expect("stopped in good order");
    assert_eq!(summary.commits, 0);
    assert!(!meter.is_over.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_quality_of_every_column_is_counted() {
    let load = Load::new(MemoryLanding::default());
    let (summary, _) = load.run(b"account_no,status\nA1,on\n,off\nA2,\n").await.expect("loaded");
    let quality = &summary.quality["account"];
    // The key is required: three cells; status is not: the two with a value.
    let counts: Vec<(u64, u64)> = quality.cells().iter().map(|c| (c.checked, c.passed)).collect();
    assert_eq!(counts, [(3, 2), (2, 2)]);
    let missing = Finding { column: 0, label: "KEY_MISSING", count: 1 };
    assert_eq!(quality.findings(), [missing]);
}
