//! Tables emptied at their source: what is left, whatever the order of arrival.

use crate::landing::{batch, current, open, row};
use crate::lossy;
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, Partition, Tally, Truncate};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// A truncate at a sequence, read from partition 1 of the topic.
fn truncate(range: Range<i64>, seq: i64) -> Batch {
    let partition = Partition::new("feed.account", 1);
    let truncate = Truncate {
        kafka_topic: partition.kafka_topic.clone(),
        epoch: 0,
        seq,
        partition: 1,
        offset: range.start,
        kafka_time_us: 1_555_286_400_000_000,
        event_time_us: None,
    };
    Batch {
        rows: Vec::new(),
        covers: Covers([(partition, range)].into()),
        tally: Tally { control: 1, ..Tally::default() },
        truncates: vec![truncate],
        ..batch(0..0, &[])
    }
}

#[tokio::test]
async fn a_truncate_takes_what_is_folded_and_what_is_pending_and_nothing_later() {
    let lake = open(&lossy::store()).await;
    let dataset = lake.dataset("account").expect("it is declared");
    let first = [row("c", "a", "1", 1, 0), row("c", "b", "1", 2, 1), row("u", "e", "9", 9, 1)];
    lake.land(&batch(0..3, &first)).await.expect("it lands");
    dataset.fold_all().await.expect("it folds");
    lake.land(&batch(3..4, &[row("c", "c", "1", 3, 0)])).await.expect("it lands");
    lake.land(&truncate(0..1, 5)).await.expect("it lands");
    assert_eq!(current(&lake).await, ["e 9"]);
    lake.land(&batch(4..5, &[row("c", "a", "2", 6, 0)])).await.expect("it lands");
    assert_eq!(current(&lake).await, ["a 2", "e 9"]);
    dataset.fold_all().await.expect("it folds");
    assert_eq!(current(&lake).await, ["a 2", "e 9"]);
    // Three keys were known and not later: a, b and c.
    assert_eq!(lake.status().await.expect("it reads")[0].changes_rows, 3 + 1 + 3 + 1);
}

#[tokio::test]
async fn what_another_partition_brings_late_is_gone_as_well() {
    let lake = open(&lossy::store()).await;
    let dataset = lake.dataset("account").expect("it is declared");
    lake.land(&truncate(0..1, 5)).await.expect("it lands");
    let late = [row("c", "a", "1", 1, 0), row("c", "b", "5", 5, 1), row("c", "c", "6", 6, 1)];
    lake.land(&batch(0..3, &late)).await.expect("it lands");
    assert_eq!(current(&lake).await, ["c 6"]);
    dataset.fold_all().await.expect("it folds");
    assert_eq!(current(&lake).await, ["c 6"]);
    // A truncate that is older than one before changes nothing.
    lake.land(&truncate(1..2, 4)).await.expect("it lands");
    assert_eq!(current(&lake).await, ["c 6"]);
    lake.land(&batch(3..4, &[row("u", "d", "5", 5, 1)])).await.expect("it lands");
    dataset.fold_all().await.expect("it folds");
    assert_eq!(current(&lake).await, ["c 6"]);
}

#[tokio::test]
async fn a_batch_may_hold_a_truncate_and_rows_of_both_sides() {
    let lake = open(&lossy::store()).await;
    let rows = [row("c", "a", "1", 1, 0), row("c", "b", "7", 7, 1)];
    let both = Batch { truncates: truncate(2..3, 5).truncates, ..batch(0..3, &rows) };
    let both = Batch { tally: Tally { accepted: 2, control: 1, ..Tally::default() }, ..both };
    lake.land(&both).await.expect("it lands");
    assert_eq!(current(&lake).await, ["b 7"]);
}

#[tokio::test]
async fn a_truncate_that_lands_twice_or_whose_answer_is_lost_is_one() {
    let store = lossy::store();
    let lake = open(&store).await;
    lake.land(&batch(0..1, &[row("c", "a", "1", 1, 0)])).await.expect("it lands");
    store.lose_answers.store(1, Ordering::SeqCst);
    assert!(lake.land(&truncate(0..1, 5)).await.expect("it lands").already);
    assert!(open(&store).await.land(&truncate(0..1, 5)).await.expect("it is there").already);
    assert_eq!(lake.status().await.expect("it reads")[0].changes_rows, 2);
}

#[tokio::test]
async fn a_process_that_has_not_seen_the_truncate_lands_as_if_it_had() {
    let store = lossy::store();
    let (one, two) = (open(&store).await, open(&store).await);
    two.land(&truncate(0..1, 5)).await.expect("it lands");
    one.land(&batch(0..1, &[row("c", "a", "1", 1, 0)])).await.expect("it lands");
    assert!(current(&one).await.is_empty());
    // And the other way round: rows that came while the truncate looked elsewhere.
    one.land(&batch(1..2, &[row("c", "b", "8", 8, 0)])).await.expect("it lands");
    two.land(&truncate(1..2, 9)).await.expect("it lands");
    assert!(current(&two).await.is_empty());
}
