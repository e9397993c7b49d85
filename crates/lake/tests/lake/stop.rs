//! Stops in the log of `changes`, and drift in the ledger.

use crate::lossy::{self, LossyStore};
use arrow::array::{Array, AsArray};
use huiliu_lake::Lake;
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, Partition, Quality, Tally};
use huiliu_model::{Drift, DriftKind, DriftNote, OnDrift, Standing, Stop, StopReason};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::ObjectStore;
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn open(store: &Arc<LossyStore>) -> Lake {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    Lake::on_store(store, &[Arc::new(account_contract())], false, clock).await.expect("it opens")
}

fn rejects() -> Stop {
    Stop {
        reason: StopReason::Rejects,
        count: 300,
        window: 1_000,
        limit: 0.2,
        reasons: vec![("NOT_JSON".to_owned(), 300)],
        at_ms: 1_600_000_000_000,
        ..Stop::unknown("account".into())
    }
}

fn added(field: &str) -> Stop {
    Stop {
        reason: StopReason::Drift(DriftKind::Added),
        count: 3,
        field: Some(field.to_owned()),
        at: Some(("feed.account/0".to_owned(), 7)),
        at_ms: 1_600_000_000_000,
        ..Stop::unknown("account".into())
    }
}

async fn standing(lake: &Lake) -> Standing {
    lake.standing("account").await.expect("it reads")
}

fn batch(at: i64) -> Batch {
    let row =
        RowSpec { op: "c", key: "a", status: "1", seq: at, offset: at, bucket: 0, day: 18_000 };
    Batch {
        dataset: "account".into(),
        rows: vec![change_rows(&[row])],
        rejects: Vec::new(),
        covers: Covers([(Partition::new("feed.account", 0), at..at + 1)].into()),
        tally: Tally { accepted: 1, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}

#[tokio::test]
async fn a_stop_is_read_by_another_process_as_it_was_written() {
    let store = lossy::store();
    let (one, two) = (open(&store).await, open(&store).await);
    assert_eq!(standing(&one).await, Standing::default());
    one.stop(&rejects()).await.expect("it is recorded");
    assert_eq!(standing(&two).await.stop, Some(rejects()));
    let status = two.status().await.expect("it reads");
    assert_eq!(status[0].stopped, Some(rejects()));
    // Progress is untouched, and a commit that was on its way still lands and says so.
    let landed = two.land(&batch(0)).await.expect("it lands");
    assert!(landed.stopped && !landed.already);
}

#[tokio::test]
async fn a_dataset_stops_once_and_resolving_lets_it_go_on_for_all() {
    let store = lossy::store();
    let (one, two) = (open(&store).await, open(&store).await);
    let (first, second) = (rejects(), added("x"));
    let (a, b) = tokio::join!(one.stop(&first), two.stop(&second));
    a.and(b).expect("both are content");
    let dataset = one.dataset("account").expect("declared");
    let stood = dataset.resolve("trial", true).await.expect("it reads").expect("it stands");
    assert_eq!(standing(&two).await.stop.as_ref(), Some(&stood), "nothing was written");
    assert_eq!(dataset.resolve("trial", false).await.expect("it writes"), Some(stood));
    assert_eq!(standing(&two).await.stop, None);
    assert_eq!(dataset.resolve("again", false).await.expect("it reads"), None);
    assert!(!two.land(&batch(0)).await.expect("it lands").stopped);
    // It can stop again.
    two.stop(&rejects()).await.expect("it is recorded");
    assert_eq!(standing(&one).await.stop, Some(rejects()));
}

#[tokio::test]
async fn drifts_that_were_resolved_stay_admitted_through_later_stops() {
    let store = lossy::store();
    let lake = open(&store).await;
    let dataset = lake.dataset("account").expect("declared");
    for stop in [added("x"), rejects(), added("y")] {
        lake.stop(&stop).await.expect("it is recorded");
        dataset.resolve("trial", false).await.expect("it writes");
    }
    let admitted: Vec<_> = standing(&open(&store).await).await.admitted.into_iter().collect();
    let expected = ["x", "y"].map(|field| (DriftKind::Added, field.to_owned()));
    assert_eq!(admitted, expected);
}

#[tokio::test]
async fn a_lost_answer_stops_once() {
    let store = lossy::store();
    let lake = open(&store).await;
    store.lose_answers.store(1, Ordering::SeqCst);
    lake.stop(&rejects()).await.expect("it is recorded");
    let dataset = lake.dataset("account").expect("declared");
    store.lose_answers.store(1, Ordering::SeqCst);
    assert!(dataset.resolve("trial", false).await.expect("it writes").is_some());
    assert_eq!(standing(&open(&store).await).await.stop, None, "one stop, one resolution");
}

#[tokio::test]
async fn drift_is_appended_to_the_ledger() {
    let store = lossy::store();
    let lake = open(&store).await;
    let note = |field: &str, offset| DriftNote {
        dataset: "account".into(),
        kafka_topic: "feed.account".into(),
        policy: OnDrift::Evolve,
        drift: Drift {
            kind: DriftKind::Added,
            field: field.into(),
            count: 2,
            partition: 3,
            offset,
            first_ms: 5,
            last_ms: 9,
        },
    };
    lake.note_drift(&[note("x", 41), note("y", 42)]).await.expect("it is noted");
    lake.note_drift(&[]).await.expect("nothing to note");
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let sql = "SELECT concat_ws(' ', dataset, kind, field, policy, kafka_topic, partition, \
               first_offset, record_count, CAST(first_time AS BIGINT), \
               CAST(last_time AS BIGINT)) FROM ledger.drift ORDER BY 1";
    let found = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    let lines: Vec<String> = found
        .iter()
        .flat_map(|batch| {
            let texts = batch.column(0).as_string::<i32>().clone();
            (0..texts.len()).map(move |row| texts.value(row).to_owned())
        })
        .collect();
    let line = |field: &str, offset: i64| {
        format!("account added {field} evolve feed.account 3 {offset} 2 5000 9000")
    };
    assert_eq!(lines, [line("x", 41), line("y", 42)]);
}
