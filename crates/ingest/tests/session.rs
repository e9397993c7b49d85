//! The ingestion loop in memory: what lands, in which order, and what is told to the source.

use huiliu_decode::Limits as DecodeLimits;
use huiliu_ingest::{Limits, Metrics, Pipeline, Session, Summary};
use huiliu_model::clock::SystemClock;
use huiliu_model::port::SourceEvent;
use huiliu_model::{Error, ErrorKind, Partition, Progress};
use huiliu_normalise::Protection;
use huiliu_testkit::{Failure, MemoryLanding, ScriptedSource, account_contract, json_record};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

fn session(landing: MemoryLanding) -> Session<MemoryLanding> {
    let contract = Arc::new(account_contract());
    let pipeline =
        Pipeline::new(Arc::clone(&contract), DecodeLimits::default(), Arc::new(Protection::Plain))
            .expect("a plain contract needs no keys");
    let metrics = Metrics::register(&prometheus::Registry::new()).expect("an empty registry");
    Session {
        landing: Arc::new(landing),
        pipelines: BTreeMap::from([(Arc::clone(&contract.dataset), Arc::new(pipeline))]),
        metrics: Arc::new(metrics),
        clock: Arc::new(SystemClock::default()),
        limits: Limits { preparing: 2, held_bytes: 1 << 20 },
        give_up: CancellationToken::new(),
    }
}

fn envelope(key: &str, seq: i64) -> String {
    format!(
        r#"{{"v":1,"ds":"account","op":"c","seq":{seq},"event_time":"2020-04-07T08:30:00+08:00",
        "src":{{}},"before":null,"after":{{"account_no":"{key}","status":"1"}}}}"#
    )
}

fn records(first: i64, values: &[Option<&str>]) -> SourceEvent {
    json_record("account", "feed.account", first, values)
}

fn zero() -> Partition {
    Partition::new("feed.account", 0)
}

async fn run(landing: MemoryLanding, events: Vec<SourceEvent>) -> Run {
    let session = session(landing);
    let mut source = ScriptedSource::new(events);
    let told = source.told();
    let result = session.run(&mut source).await;
    let told = told.lock().expect("the source is idle").clone();
    Run { landing: session.landing, result, told }
}

struct Run {
    landing: Arc<MemoryLanding>,
    result: Result<Summary, Error>,
    told: Progress,
}

#[tokio::test]
async fn every_offset_is_accounted_for_once() {
    let (a, b) = (envelope("a", 1), envelope("b", 2));
    let values = [Some(a.as_str()), Some("{not json"), None, Some(b.as_str())];
    let run = run(MemoryLanding::default(), vec![records(0, &values), records(4, &[None])]).await;
    let tally = run.result.expect("it ends").tallies["account"];
    assert_eq!((tally.accepted, tally.rejected, tally.tombstones), (2, 1, 2));
    assert_eq!(tally.offsets(), 5);
    assert_eq!(run.told.get(&zero()), Some(5));
    assert_eq!(run.landing.recorded().get(&zero()), Some(5));
}

#[tokio::test]
async fn an_unavailable_lake_is_waited_for_and_nothing_is_doubled() {
    let value = envelope("a", 1);
    let failures = [Some(Failure::Unavailable), Some(Failure::AnswerLost)];
    let run = run(MemoryLanding::failing(failures), vec![records(0, &[Some(&value)])]).await;
    assert_eq!(run.result.expect("it ends").commits, 1);
    assert_eq!(run.landing.batches().len(), 1);
}

#[tokio::test]
async fn a_superseded_batch_ends_the_session_and_is_not_reported_durable() {
    let value = envelope("a", 1);
    let landing = MemoryLanding::failing([Some(Failure::Superseded)]);
    let run = run(landing, vec![records(0, &[Some(&value)])]).await;
    assert_eq!(run.result.expect_err("it ends").kind, ErrorKind::Superseded);
    assert_eq!(run.told.get(&zero()), None);
    assert!(run.landing.batches().is_empty());
}

#[tokio::test]
async fn a_revoked_partition_is_given_up_only_after_its_batch_landed() {
    let value = envelope("a", 1);
    let (reply, answer) = oneshot::channel();
    let revoked = SourceEvent::Revoked { partitions: vec![zero()], reply };
    let run = run(MemoryLanding::default(), vec![records(0, &[Some(&value)]), revoked]).await;
    answer.await.expect("the source is answered");
    assert_eq!(run.landing.recorded().get(&zero()), Some(1));
    assert!(run.result.is_ok());
}

#[tokio::test]
async fn an_assignment_is_answered_with_recorded_progress() {
    let value = envelope("a", 1);
    let (first, none) = oneshot::channel();
    let (second, known) = oneshot::channel();
    let assigned = |reply| SourceEvent::Assigned { partitions: vec![zero()], reply };
    let (gone, _) = oneshot::channel();
    let events = vec![
        assigned(first),
        records(0, &[Some(&value)]),
        SourceEvent::Revoked { partitions: vec![zero()], reply: gone },
        assigned(second),
    ];
    run(MemoryLanding::default(), events).await.result.expect("it ends");
    assert_eq!(none.await.expect("answered").get(&zero()), None);
    assert_eq!(known.await.expect("answered").get(&zero()), Some(1));
}

#[tokio::test]
async fn a_hole_in_the_offsets_is_a_bug_that_commits_nothing_more() {
    let value = envelope("a", 1);
    let events = vec![records(0, &[Some(&value)]), records(2, &[Some(&value)])];
    let error = run(MemoryLanding::default(), events).await.result.expect_err("a hole");
    assert_eq!(error.kind, ErrorKind::Bug);
    assert_eq!(error.message, "feed.account/0: batch ends at 1 but the next records start at 2");
}
