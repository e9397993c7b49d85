//! Datasets that stop alone: by their limit of rejects, by drift, and how they go on.

use arrow::array::{Array, AsArray};
use huiliu_decode::Limits as DecodeLimits;
use huiliu_ingest::{Limits, Metrics, Pipeline, Session, Summary};
use huiliu_model::clock::SystemClock;
use huiliu_model::contract::StopIf;
use huiliu_model::port::{Landing, SourceEvent};
use huiliu_model::{
    Contract, DataType, DriftKind, DriftPolicy, Error, OnDrift, Partition, Standing, Stop,
    StopReason,
};
use huiliu_normalise::Protection;
use huiliu_testkit::{MemoryLanding, ScriptedSource, account_contract, json_record};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Dataset `name` on `feed.<name>`: the account fixture, committed at once.
fn contract(name: &str, change: impl FnOnce(&mut Contract)) -> Contract {
    let mut contract = Contract {
        dataset: name.into(),
        kafka_topics: format!("feed.{name}").into(),
        ..account_contract()
    };
    contract.land.commit_every = Duration::from_millis(1);
    change(&mut contract);
    contract
}

fn session(landing: &Arc<MemoryLanding>, contracts: Vec<Contract>) -> Session<MemoryLanding> {
    let pipeline = |contract: Contract| {
        let contract = Arc::new(contract);
        let plain = Arc::new(Protection::Plain);
        let pipeline = Pipeline::new(Arc::clone(&contract), DecodeLimits::default(), plain);
        let pipeline = pipeline.expect("a plain contract needs no keys");
        (Arc::clone(&contract.dataset), Arc::new(pipeline))
    };
    let metrics = Metrics::register(&prometheus::Registry::new()).expect("an empty registry");
    Session {
        landing: Arc::clone(landing),
        pipelines: contracts.into_iter().map(pipeline).collect::<BTreeMap<_, _>>(),
        metrics: Arc::new(metrics),
        clock: Arc::new(SystemClock::default()),
        limits: Limits { preparing: 2, held_bytes: 1 << 20 },
        give_up: CancellationToken::new(),
    }
}

/// Runs a script to its end.
async fn run(
    landing: &Arc<MemoryLanding>,
    contracts: Vec<Contract>,
    events: Vec<SourceEvent>,
) -> Result<Summary, Error> {
    session(landing, contracts).run(&mut ScriptedSource::new(events)).await
}

fn record(dataset: &str, key: i64, fields: &str) -> String {
    format!(
        r#"{{"v":1,"ds":"{dataset}","op":"c","seq":{key},"before":null,
        "after":{{"account_no":"{key}"{fields}}}}}"#
    )
}

/// Records with offsets from `first` on; `of` gives the fields behind the key, `None` a reject.
fn chunk(
    dataset: &str,
    range: std::ops::Range<i64>,
    of: impl Fn(i64) -> Option<String>,
) -> SourceEvent {
    let text = |at| of(at).map_or_else(|| "{".to_owned(), |f| record(dataset, at, &f));
    let values: Vec<String> = range.clone().map(text).collect();
    let values: Vec<Option<&str>> = values.iter().map(|value| Some(value.as_str())).collect();
    json_record(dataset, &format!("feed.{dataset}"), range.start, &values)
}

fn good(dataset: &str, range: std::ops::Range<i64>) -> SourceEvent {
    chunk(dataset, range, |_| Some(r#","status":"1""#.to_owned()))
}

fn progress(landing: &MemoryLanding, dataset: &str) -> Option<i64> {
    landing.recorded().get(&Partition::new(format!("feed.{dataset}"), 0))
}

/// Rows of a dataset that landed: offset and one text column, null as `-`.
fn rows(landing: &MemoryLanding, dataset: &str, column: &str) -> Vec<(i64, String)> {
    let batches = landing.batches();
    let mine = batches.iter().filter(|batch| &*batch.dataset == dataset);
    let of = |rows: &arrow::array::RecordBatch| {
        let offsets = rows.column_by_name("sys_offset").expect("a system column").clone();
        let offsets = offsets.as_primitive::<arrow::datatypes::Int64Type>().clone();
        let texts = rows.column_by_name(column).expect("a column").clone();
        let texts = texts.as_string::<i32>().clone();
        let text = move |row| match texts.is_valid(row) {
            true => texts.value(row).to_owned(),
            false => "-".to_owned(),
        };
        (0..rows.num_rows()).map(|row| (offsets.value(row), text(row))).collect::<Vec<_>>()
    };
    mine.flat_map(|batch| batch.rows.iter().flat_map(of).collect::<Vec<_>>()).collect()
}

/// `(offset, reason)` of the rejects that landed.
fn rejects(landing: &MemoryLanding, dataset: &str) -> Vec<(i64, String)> {
    let batches = landing.batches();
    let mine = batches.iter().filter(|batch| &*batch.dataset == dataset);
    let of = |rows: &arrow::array::RecordBatch| {
        let offsets = rows.column_by_name("sys_offset").expect("a column").clone();
        let offsets = offsets.as_primitive::<arrow::datatypes::Int64Type>().clone();
        let reasons = rows.column_by_name("reason").expect("a column").clone();
        let reasons = reasons.as_string::<i32>().clone();
        let row = move |row| (offsets.value(row), reasons.value(row).to_owned());
        (0..rows.num_rows()).map(row).collect::<Vec<_>>()
    };
    mine.flat_map(|batch| batch.rejects.iter().flat_map(of).collect::<Vec<_>>()).collect()
}

fn limited(contract: &mut Contract) {
    contract.stop_if = Some(StopIf { rejects_over: 0.2, of_last: 1_000 });
}

#[tokio::test]
async fn a_dataset_over_its_limit_stops_alone_and_says_why() {
    let landing = Arc::new(MemoryLanding::default());
    let contracts = vec![contract("bad", limited), contract("good", limited)];
    // 700 good, then 300 broken: the limit of 20% is passed before the 1,000th record, where
    // there are 300 of 1,000; what was prepared in that chunk lands.
    let events = vec![
        good("bad", 0..700),
        good("good", 0..10),
        chunk("bad", 700..1_100, |_| None),
        good("bad", 1_100..1_200),
        good("good", 10..30),
    ];
    let summary = run(&landing, contracts, events).await.expect("others complete");

    assert_eq!(progress(&landing, "good"), Some(30), "the other dataset goes on");
    let bad = progress(&landing, "bad");
    assert_eq!(bad, Some(1_100), "what was prepared lands, nothing after it");
    assert_eq!(rejects(&landing, "bad").len(), 400, "rejects are in quarantine");
    let stop = summary.stopped.get("bad").expect("it stopped");
    assert_eq!((stop.reason, stop.count, stop.window), (StopReason::Rejects, 300, 1_000));
    assert_eq!(stop.reasons, [("TRUNCATED".to_owned(), 400)]);
    assert_eq!(summary.stopped.len(), 1);
    let standing = landing.standing("bad").await.expect("it is in memory");
    assert_eq!(standing.stop.as_ref(), Some(stop), "the stop is recorded in the data");
    assert_eq!(landing.standing("good").await.expect("in memory"), Standing::default());
}

#[tokio::test]
async fn exactly_the_limit_stops_nothing() {
    let landing = Arc::new(MemoryLanding::default());
    let fifth = |at: i64| (at % 5 != 0).then(String::new);
    let events = vec![chunk("bad", 0..5_000, fifth)];
    let summary = run(&landing, vec![contract("bad", limited)], events).await.expect("it ends");
    assert!(summary.stopped.is_empty());
    assert_eq!(rejects(&landing, "bad").len(), 1_000);
}

#[tokio::test]
async fn a_dataset_that_stands_still_is_not_read_by_the_next_process() {
    let landing = Arc::new(MemoryLanding::default());
    let stop = Stop { reason: StopReason::Rejects, ..Stop::unknown("bad".into()) };
    landing.stop(&stop).await.expect("it is in memory");
    let (reply, _answer) = tokio::sync::oneshot::channel();
    let partitions = vec![Partition::new("feed.bad", 0), Partition::new("feed.good", 0)];
    let events =
        vec![SourceEvent::Assigned { partitions, reply }, good("bad", 0..10), good("good", 0..10)];
    let contracts = vec![contract("bad", limited), contract("good", limited)];
    let summary = run(&landing, contracts, events).await.expect("it ends");
    assert_eq!((progress(&landing, "bad"), progress(&landing, "good")), (None, Some(10)));
    assert_eq!(summary.stopped.keys().map(|d| &**d).collect::<Vec<_>>(), ["bad"]);
}

#[tokio::test]
async fn a_resolved_dataset_goes_on_from_recorded_progress_with_a_fresh_window() {
    let landing = Arc::new(MemoryLanding::default());
    let session = session(&landing, vec![contract("bad", limited)]);
    let half = |at: i64| (at % 2 == 0).then(String::new);
    // The second chunk is lost when the dataset stops, and has to come again.
    let events = vec![chunk("bad", 0..1_000, half), good("bad", 1_000..1_900)];
    let mut source = ScriptedSource::new(events).waiting();
    let person = async {
        while landing.standing("bad").await.expect("in memory").stop.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(progress(&landing, "bad"), Some(1_000));
        landing.resolve("bad");
    };
    let ran =
        async { tokio::time::timeout(Duration::from_secs(10), session.run(&mut source)).await };
    let (ran, ()) = tokio::join!(ran, person);
    let summary = ran.expect("it goes on within ten seconds").expect("it ends");
    assert_eq!(progress(&landing, "bad"), Some(1_900));
    // The rejects of the first chunk count no more: 500 of 1,900 would be over the limit.
    assert!(summary.stopped.is_empty());
    let tally = summary.tallies["bad"];
    assert_eq!((tally.accepted, tally.rejected), (1_400, 500), "every offset once");
}

#[tokio::test]
async fn a_stop_of_another_process_is_noticed_beside_the_own_commits() {
    let landing = Arc::new(MemoryLanding::default());
    let stop = Stop { reason: StopReason::Rejects, ..Stop::unknown("bad".into()) };
    landing.stop(&stop).await.expect("it is in memory");
    // No assignment tells it: only the commit of its batch does.
    let events = vec![good("bad", 0..10)];
    let summary = run(&landing, vec![contract("bad", limited)], events).await.expect("it ends");
    assert_eq!(progress(&landing, "bad"), Some(10), "what was prepared lands");
    assert_eq!(summary.stopped.get("bad"), Some(&stop));
}

// Drift.

/// Columns `account_no`, `status` (text), `amount` (decimal(8, 2)) and `open` (boolean).
fn drifting(policy: DriftPolicy) -> Contract {
    contract("drifting", |contract| {
        let column = |name: &str, data_type| huiliu_model::Column {
            name: name.to_owned(),
            data_type,
            rules: Vec::new(),
            ..contract.columns[1].clone()
        };
        let amount = column("amount", DataType::Decimal { precision: 8, scale: 2 });
        let (open, day) = (column("open", DataType::Boolean), column("day", DataType::Date));
        contract.columns.extend([amount, open, day]);
        contract.drift = policy;
    })
}

const PLAIN: &str = r#","status":"1","amount":10.50,"open":true,"day":"2020-04-07""#;

/// A stream that changes in the middle of a batch. At offset
/// 2 a field is added; 4 a value is wider than its column; 5 one is narrower; 6 fields come in
/// another order; 8 a date comes as a number and 9 a truth value as an object.
fn changing(at: i64) -> Option<String> {
    let fields = match at {
        2 => format!("{PLAIN},\"note\":{{\"a\": [1]}},\"n\\u006fte\":\"x\""),
        4 => PLAIN.replace("10.50", "12345678.901"),
        5 => PLAIN.replace("10.50", "1"),
        6 => r#","day":"2020-04-07","open":true,"amount":10.50,"status":"1""#.to_owned(),
        8 => PLAIN.replace("\"2020-04-07\"", "5"),
        9 => PLAIN.replace("true", "{}"),
        _ => PLAIN.to_owned(),
    };
    Some(fields)
}

/// What [`changing`] shows: kind, field, count and first offset.
fn noted(landing: &MemoryLanding) -> Vec<(DriftKind, String, u64, i64)> {
    let notes = landing.notes();
    let note = |n: &huiliu_model::DriftNote| {
        (n.drift.kind, n.drift.field.to_string(), n.drift.count, n.drift.offset)
    };
    let mut found: Vec<_> = notes.iter().map(note).collect();
    found.sort();
    found
}

fn expected_notes() -> Vec<(DriftKind, String, u64, i64)> {
    [
        (DriftKind::Added, "note", 1, 2),
        // A name that does not look like one is not repeated.
        (DriftKind::Added, "…", 1, 2),
        (DriftKind::Retyped, "day", 1, 8),
        (DriftKind::Retyped, "open", 1, 9),
        (DriftKind::Widened, "amount", 1, 4),
    ]
    .map(|(kind, field, count, at)| (kind, field.to_owned(), count, at))
    .into()
}

#[tokio::test]
async fn ignored_drift_is_noted_and_changes_no_row() {
    let landing = Arc::new(MemoryLanding::default());
    let events = vec![chunk("drifting", 0..12, changing)];
    let contracts = vec![drifting(DriftPolicy::default())];
    run(&landing, contracts, events).await.expect("it ends");
    assert_eq!(noted(&landing), expected_notes());
    let status = rows(&landing, "drifting", "status");
    assert_eq!(status, (0..12).map(|at| (at, "1".to_owned())).collect::<Vec<_>>());
    let extra = rows(&landing, "drifting", "sys_extra");
    assert!(extra.iter().all(|(_, text)| text == "-"), "nothing is kept unless it is said");
    assert!(rejects(&landing, "drifting").is_empty());
}

#[tokio::test]
async fn evolving_keeps_strange_fields_as_delivered() {
    let landing = Arc::new(MemoryLanding::default());
    let policy = DriftPolicy { added: OnDrift::Evolve, ..DriftPolicy::default() };
    let events = vec![chunk("drifting", 0..4, changing)];
    run(&landing, vec![drifting(policy)], events).await.expect("it ends");
    let extra = rows(&landing, "drifting", "sys_extra");
    let kept = r#"{"note":{"a": [1]},"n\u006fte":"x"}"#;
    let expected = ["-", "-", kept, "-"].map(str::to_owned);
    assert_eq!(extra, (0..4).zip(expected).collect::<Vec<_>>());
    // The same JSON for any reader: the last of two fields of one name wins there too.
    let read: serde_json::Value = serde_json::from_str(kept).expect("it is JSON");
    assert_eq!(read["note"], "x");
}

#[tokio::test]
async fn quarantine_takes_exactly_the_records_that_drift() {
    let landing = Arc::new(MemoryLanding::default());
    let policy = DriftPolicy {
        added: OnDrift::Quarantine,
        dropped: OnDrift::Quarantine,
        retyped: OnDrift::Quarantine,
        widened: OnDrift::Quarantine,
    };
    let events = vec![chunk("drifting", 0..12, changing)];
    run(&landing, vec![drifting(policy)], events).await.expect("it ends");
    // A number in a date column that is no date: the reason is the one the cast gives.
    let found = rejects(&landing, "drifting");
    assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [2, 4, 8, 9]);
    let reason = |at: i64| found.iter().find(|(o, _)| *o == at).map(|(_, r)| r.as_str());
    assert_eq!(reason(2), Some("FIELD_UNKNOWN"));
    assert_eq!(reason(4), Some("RANGE"));
    assert_eq!(reason(9), Some("TYPE"));
    let left: Vec<i64> =
        rows(&landing, "drifting", "status").into_iter().map(|(at, _)| at).collect();
    assert_eq!(left, [0, 1, 3, 5, 6, 7, 10, 11]);
    assert_eq!(noted(&landing), expected_notes());
}

#[tokio::test]
async fn a_stop_comes_before_the_drifting_records_land_and_resolving_admits_them() {
    for (kind, policy, last) in [
        (DriftKind::Added, DriftPolicy { added: OnDrift::Stop, ..DriftPolicy::default() }, 2),
        (DriftKind::Widened, DriftPolicy { widened: OnDrift::Stop, ..DriftPolicy::default() }, 4),
        (DriftKind::Retyped, DriftPolicy { retyped: OnDrift::Stop, ..DriftPolicy::default() }, 8),
    ] {
        let landing = Arc::new(MemoryLanding::default());
        let session = session(&landing, vec![drifting(policy)]);
        let chunks = (0..12).map(|at| chunk("drifting", at..at + 1, changing));
        let mut source = ScriptedSource::new(chunks.collect::<Vec<_>>()).waiting();
        let person = async {
            // Kinds with two fields stop twice: each is a decision of its own.
            for _ in 0..2 {
                let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
                while landing.standing("drifting").await.expect("in memory").stop.is_none() {
                    if tokio::time::Instant::now() > deadline {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                landing.resolve("drifting");
            }
        };
        let first = async {
            while landing.standing("drifting").await.expect("in memory").stop.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(progress(&landing, "drifting"), Some(last), "{kind:?}");
            let stop = landing.standing("drifting").await.expect("in memory").stop;
            let stop = stop.expect("it stands");
            assert_eq!(stop.reason, StopReason::Drift(kind));
            assert_eq!(stop.at, Some(("feed.drifting/0".to_owned(), last)));
        };
        let resolved = async {
            first.await;
            person.await;
        };
        let (summary, ()) = tokio::join!(session.run(&mut source), resolved);
        let summary = summary.expect("it ends");
        assert!(summary.stopped.is_empty(), "{kind:?}: {:?}", summary.stopped);
        assert_eq!(summary.tallies["drifting"].accepted, 12, "{kind:?}: each record once");
        assert_eq!(progress(&landing, "drifting"), Some(12));
    }
}

/// From 100 on, `status` is named `state`: dropped and added.
fn renamed(at: i64) -> Option<String> {
    Some(if at < 100 { r#","status":"1""#.to_owned() } else { r#","state":"1""#.to_owned() })
}

#[tokio::test]
async fn a_renamed_column_is_one_dropped_and_one_added() {
    let landing = Arc::new(MemoryLanding::default());
    let chunks = vec![chunk("bad", 0..100, renamed), chunk("bad", 100..200, renamed)];
    run(&landing, vec![contract("bad", |_| {})], chunks).await.expect("it ends");
    let expected = [(DriftKind::Added, "state"), (DriftKind::Dropped, "status")];
    let expected = expected.map(|(kind, field)| (kind, field.to_owned(), 100, 100));
    assert_eq!(noted(&landing), expected);
    assert_eq!(rows(&landing, "bad", "status").len(), 200);
}

#[tokio::test]
async fn rows_without_a_dropped_column_go_to_quarantine_if_the_contract_says_so() {
    let landing = Arc::new(MemoryLanding::default());
    let policy = DriftPolicy { dropped: OnDrift::Quarantine, ..DriftPolicy::default() };
    let chunks = vec![
        chunk("bad", 0..100, renamed),
        chunk("bad", 100..200, renamed),
        chunk("bad", 200..250, renamed),
        good("bad", 250..350),
    ];
    run(&landing, vec![contract("bad", |c| c.drift = policy)], chunks).await.expect("it ends");
    let found = rejects(&landing, "bad");
    let expected: Vec<_> = (100..200).map(|at| (at, "FIELD_MISSING".to_owned())).collect();
    // Fifty rows prove nothing: they pass.
    assert_eq!(found, expected);
    assert_eq!(progress(&landing, "bad"), Some(350));
}

#[tokio::test]
async fn a_dropped_column_stops_the_dataset_if_the_contract_says_so() {
    let landing = Arc::new(MemoryLanding::default());
    let policy = DriftPolicy { dropped: OnDrift::Stop, ..DriftPolicy::default() };
    let chunks = vec![chunk("bad", 0..100, renamed), chunk("bad", 100..200, renamed)];
    let contracts = vec![contract("bad", |c| c.drift = policy)];
    let summary = run(&landing, contracts, chunks).await.expect("it ends");
    assert_eq!(summary.stopped["bad"].reason, StopReason::Drift(DriftKind::Dropped));
    assert_eq!(summary.stopped["bad"].field.as_deref(), Some("status"));
    assert_eq!(progress(&landing, "bad"), Some(100));
}
