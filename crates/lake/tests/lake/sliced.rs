//! Folds of buckets that do not fit in memory.

use crate::landing::{batch, current, open, row};
use crate::lossy;
use huiliu_model::port::Landing;
use huiliu_testkit::RowSpec;

/// Every bucket with a file is too large for a fold under this limit, and each step is a slice.
const TINY_BYTES: u64 = 8 << 10;
const KEYS: i64 = 3_000;

/// A round of changes to 3,000 keys and some beyond their ends: `(op, key, status, sequence)`.
fn changes(round: i64) -> Vec<(&'static str, String, String, i64)> {
    let key = |n: i64| format!("k{:05}", n + 100);
    let status = format!("r{round}");
    let change = |op, n: i64, seq| (op, key(n), status.clone(), seq);
    let base = round * 100_000;
    match round {
        0 => (0..KEYS).map(|n| change("c", n * 2, base + n + 1)).collect(),
        // Updates, deletes and new keys between, before and after those that are there.
        1 => (-20..KEYS + 20)
            .map(|n| match n.rem_euclid(5) {
                0 => change("d", n * 2, base + n + 100),
                1 => change("c", n * 2 + 1, base + n + 100),
                _ => change("u", n * 2, base + n + 100),
            })
            .collect(),
        // Late for every key of round 1, and new for some that were deleted.
        _ => (0..KEYS)
            .map(|n| match n % 10 {
                0 => change("c", n * 2, base + n + 1),
                _ => change("u", n * 2, n + 5_000),
            })
            .collect(),
    }
}

#[tokio::test]
async fn a_bucket_beyond_the_memory_of_a_fold_is_merged_in_slices_to_the_same_rows() {
    let (small, large) = (lossy::store(), lossy::store());
    let (tight, roomy) = (open(&small).await, open(&large).await);
    tight.limit_memory(TINY_BYTES);
    let (mut offset, mut counted) = (0, Vec::new());
    for round in 0..3 {
        let made = changes(round);
        let rows: Vec<RowSpec<'_>> =
            made.iter().map(|(op, key, status, seq)| row(op, key, status, *seq, 0)).collect();
        let count = i64::try_from(rows.len()).expect("few");
        let landed = batch(offset..offset + count, &rows);
        offset += count;
        for lake in [&tight, &roomy] {
            lake.land(&landed).await.expect("it lands");
            let folded = lake.dataset("account").expect("declared").fold_all().await;
            let folded = folded.expect("it folds");
            counted.push((folded.changes, folded.applied, folded.stale, folded.rows));
        }
    }
    for pair in counted.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    // Who reads has memory.
    let (sliced, whole) = (open(&small).await, open(&large).await);
    let rows = current(&sliced).await;
    assert_eq!(rows, current(&whole).await);
    // By hand: round 0 makes 3000. Of 3040 in round 1 a fifth (608) deletes, 600 of them keys that
    // are there; 608 are new between; 1824 update, of which 24 make keys beyond the ends. Round 2
    // brings back 300 of the deleted keys: 3000 - 600 + 608 + 24 + 300.
    assert_eq!(rows.len(), 3_332);
    let status = sliced.status().await.expect("it reads");
    assert_eq!(status[0].current_rows, 3_332);
}
