//! Landing, folding and reading on a lake in memory, with a store that fails by script.

use crate::lossy::{self, LossyStore};
use arrow::array::{AsArray, RecordBatch};
use huiliu_lake::Lake;
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, ErrorKind, Partition, Quality, Tally};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::ObjectStore;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub async fn open(store: &Arc<LossyStore>) -> Lake {
    open_at(store, Arc::new(HandClock::at(1_600_000_000_000_000))).await
}

async fn open_at(store: &Arc<LossyStore>, clock: Arc<HandClock>) -> Lake {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    Lake::on_store(store, &[Arc::new(account_contract())], false, clock).await.expect("it opens")
}

pub fn batch(range: std::ops::Range<i64>, rows: &[RowSpec<'_>]) -> Batch {
    let count = u64::try_from(range.end - range.start).expect("a range");
    let partition = Partition::new("feed.account", 0);
    Batch {
        dataset: "account".into(),
        rows: vec![change_rows(rows)],
        rejects: Vec::new(),
        covers: Covers([(partition, range)].into()),
        tally: Tally { accepted: count, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}

pub fn row<'a>(op: &'a str, key: &'a str, status: &'a str, seq: i64, bucket: i32) -> RowSpec<'a> {
    RowSpec { op, key, status, seq, offset: seq, bucket, day: 18_000 }
}

/// `current.account` as `key status` lines, through the merge-on-read view.
pub async fn current(lake: &Lake) -> Vec<String> {
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let sql = "SELECT account_no, status FROM current.account ORDER BY account_no";
    let batches = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    batches.iter().flat_map(lines).collect()
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let (keys, status) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
    (0..batch.num_rows()).map(|i| format!("{} {}", keys.value(i), status.value(i))).collect()
}

#[tokio::test]
async fn a_batch_is_committed_once_even_when_it_is_landed_twice() {
    let store = lossy::store();
    let lake = open(&store).await;
    let first = batch(0..1, &[row("c", "a", "1", 1, 0)]);
    let landed = lake.land(&first).await.expect("it lands");
    assert!(!landed.already);
    assert!(lake.land(&first).await.expect("it is there").already);
    assert_eq!(lake.status().await.expect("it reads")[0].changes_rows, 1);
}

#[tokio::test]
async fn a_lost_answer_is_recognised_as_our_own_commit() {
    let store = lossy::store();
    let lake = open(&store).await;
    store.lose_answers.store(1, Ordering::SeqCst);
    let landed = lake.land(&batch(0..1, &[row("c", "a", "1", 1, 0)])).await.expect("it lands");
    assert!(landed.already, "the log already held it");
    let status = lake.status().await.expect("it reads");
    assert_eq!((status[0].changes_rows, status[0].changes_version), (1, 1));
}

#[tokio::test]
async fn a_file_is_as_old_as_its_upload_and_not_as_the_answer_to_it() {
    let (store, clock) = (lossy::store(), Arc::new(HandClock::at(1_600_000_000_000_000)));
    let lake = open_at(&store, Arc::clone(&clock)).await;
    // The process sleeps between the upload and its answer; a sweep may have passed meanwhile.
    let late = Duration::from_secs(13 * 3_600);
    *store.answer_after.lock().expect("nobody panicked") = Some((clock, late));
    let first = batch(0..1, &[row("c", "a", "1", 1, 0)]);
    let error = lake.land(&first).await.expect_err("the file may be gone");
    assert_eq!(error.kind, ErrorKind::Superseded);
    assert!(error.message.contains("staged more than 12 hours ago"), "{error}");

    *store.answer_after.lock().expect("nobody panicked") = None;
    assert!(!lake.land(&first).await.expect("it is staged anew").already);
    assert_eq!(lake.status().await.expect("it reads")[0].changes_rows, 1);
}

#[tokio::test]
async fn a_stale_process_cannot_commit_a_range_that_another_owns() {
    let store = lossy::store();
    let (zombie, owner) = (open(&store).await, open(&store).await);
    zombie.land(&batch(0..1, &[row("c", "a", "1", 1, 0)])).await.expect("it lands");
    owner.land(&batch(1..3, &[row("c", "b", "1", 2, 1)])).await.expect("it lands");
    let error = zombie.land(&batch(1..2, &[row("c", "b", "1", 2, 1)])).await;
    let error = error.expect_err("the range is owned");
    assert_eq!(error.kind, ErrorKind::Superseded);
    assert_eq!(
        error.message,
        "table `changes/account`: `feed.account/0` stands at 3, the commit starts at 1"
    );
    assert_eq!(owner.status().await.expect("it reads")[0].changes_rows, 2);
}

#[tokio::test]
async fn progress_is_read_from_the_table_by_another_process() {
    let store = lossy::store();
    open(&store).await.land(&batch(0..7, &[row("c", "a", "1", 1, 0)])).await.expect("it lands");
    let partition = Partition::new("feed.account", 0);
    let other = open(&store).await;
    let progress = other.progress("account", &[partition.clone()]).await.expect("it reads");
    assert_eq!(progress.get(&partition), Some(7));
}

#[tokio::test]
async fn reading_merges_what_is_not_folded_and_folding_changes_no_answer() {
    let store = lossy::store();
    let lake = open(&store).await;
    let dataset = lake.dataset("account").expect("it is declared");
    let first = [row("c", "a", "1", 1, 0), row("c", "b", "1", 2, 1), row("c", "c", "1", 3, 0)];
    lake.land(&batch(0..3, &first)).await.expect("it lands");
    assert_eq!(current(&lake).await, ["a 1", "b 1", "c 1"]);
    let folded = dataset.fold_all().await.expect("it folds");
    assert_eq!((folded.changes, folded.applied, folded.buckets), (3, 3, 2));
    assert_eq!(current(&lake).await, ["a 1", "b 1", "c 1"]);

    // Pending now: a delete, a stale update and a new row, on top of a folded table.
    let second = [row("d", "a", "", 5, 0), row("u", "b", "stale", 0, 1), row("c", "d", "1", 6, 1)];
    lake.land(&batch(3..6, &second)).await.expect("it lands");
    assert_eq!(current(&lake).await, ["b 1", "c 1", "d 1"]);
    dataset.fold_all().await.expect("it folds");
    assert_eq!(current(&lake).await, ["b 1", "c 1", "d 1"]);

    // A late update of the deleted key: dead while pending, dead when folded.
    lake.land(&batch(6..7, &[row("u", "a", "late", 4, 0)])).await.expect("it lands");
    assert_eq!(current(&lake).await, ["b 1", "c 1", "d 1"]);
    dataset.fold_all().await.expect("it folds");
    assert_eq!(current(&lake).await, ["b 1", "c 1", "d 1"]);
    assert!(dataset.fold().await.expect("it looks").is_none(), "nothing is left");
}

#[tokio::test]
async fn of_two_folds_from_one_state_only_one_commits() {
    let store = lossy::store();
    let (one, two) = (open(&store).await, open(&store).await);
    one.land(&batch(0..2, &[row("c", "a", "1", 1, 0), row("c", "b", "1", 2, 1)]))
        .await
        .expect("it lands");
    let (one_set, two_set) = (one.dataset("account"), two.dataset("account"));
    let (a, b) = (one_set.expect("declared"), two_set.expect("declared"));
    let (first, second) = tokio::join!(a.fold(), b.fold());
    let wins = [&first, &second].iter().filter(|r| matches!(r, Ok(Some(_)))).count();
    assert!(wins >= 1);
    assert_eq!(current(&one).await, ["a 1", "b 1"]);
    assert_eq!(one.status().await.expect("it reads")[0].current_rows, 2);
}

#[tokio::test]
async fn a_checkpoint_keeps_files_and_progress() {
    let directory = tempfile::tempdir().expect("a directory");
    let location = directory.path().to_string_lossy().into_owned();
    let clock: Arc<HandClock> = Arc::new(HandClock::at(1_600_000_000_000_000));
    let contracts = [Arc::new(account_contract())];
    let open = async || {
        Lake::open(&location, &Default::default(), &contracts, false, clock.clone())
            .await
            .expect("it opens")
    };
    let lake = open().await;
    for n in 0..12 {
        lake.land(&batch(n..n + 1, &[row("c", "a", "x", n + 1, 0)])).await.expect("it lands");
    }
    let dataset = lake.dataset("account").expect("it is declared");
    assert!(dataset.changes.checkpoint_if_due(10).await.expect("it is written"));
    for n in 0..12 {
        let json = directory.path().join(format!("changes/account/_delta_log/{n:020}.json"));
        std::fs::remove_file(json).expect("the checkpoint replaces it");
    }
    let again = open().await;
    let status = &again.status().await.expect("it reads")[0];
    assert_eq!((status.changes_rows, status.changes_version), (12, 12));
    assert_eq!(status.progress["feed.account/0"], 12);
    // The log no longer tells what is pending: everything is, and folding it is harmless.
    let dataset = again.dataset("account").expect("it is declared");
    assert_eq!(dataset.fold_all().await.expect("it folds").applied, 1);
    assert_eq!(current(&again).await, ["a x"]);
}
