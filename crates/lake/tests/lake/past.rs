//! Pinned datasets: looked up by any column, folded or not, and opened again as they were.

use crate::lossy;
use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use huiliu_lake::{Lake, Pinned, Wanted};
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, Error, Partition, Quality, Tally};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::ObjectStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const STATES: [&str; 3] = ["1", "2", "3"];

async fn open() -> Lake {
    let store: Arc<dyn ObjectStore> = lossy::store();
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    Lake::on_store(store, &[Arc::new(account_contract())], false, clock).await.expect("it opens")
}

/// The first letter decides the bucket.
fn bucket(key: &str) -> i32 {
    i32::from(key.as_bytes()[0] % 2)
}

fn buckets_of(columns: &[ArrayRef], _: u32) -> Result<Int32Array, Error> {
    let keys = columns[0].as_string::<i32>();
    Ok(keys.iter().flatten().map(|key| Some(bucket(key))).collect())
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).expect("small")
    }
}

fn lines(rows: &[RecordBatch]) -> BTreeSet<String> {
    let of = |batch: &RecordBatch| -> Vec<String> {
        let text =
            |name: &str| batch.column_by_name(name).expect("stored").as_string::<i32>().clone();
        let (keys, states) = (text("account_no"), text("status"));
        (0..batch.num_rows()).map(|i| format!("{} {}", keys.value(i), states.value(i))).collect()
    };
    rows.iter().flat_map(of).collect()
}

async fn found(pinned: &Pinned, column: &str, values: &[&str]) -> BTreeSet<String> {
    let tuples: Vec<ArrayRef> = vec![Arc::new(StringArray::from(values.to_vec()))];
    let wanted = Arc::new(Wanted::new(&[column.to_owned()], &tuples).expect("text"));
    lines(&pinned.matching(&wanted, &tuples, buckets_of).await.expect("it reads"))
}

/// Every look-up of a pinned dataset against what a map says.
async fn compare(pinned: &Pinned, state: &BTreeMap<&str, &str>, when: &str) {
    let all: BTreeSet<String> = state.iter().map(|(k, s)| format!("{k} {s}")).collect();
    assert_eq!(found(pinned, "account_no", &KEYS).await, all, "{when}");
    for key in KEYS {
        let wanted = all.iter().filter(|l| l.starts_with(key)).cloned().collect();
        assert_eq!(found(pinned, "account_no", &[key]).await, wanted, "{when}, {key}");
    }
    for status in STATES {
        let wanted = all.iter().filter(|l| l.ends_with(status)).cloned().collect();
        assert_eq!(found(pinned, "status", &[status]).await, wanted, "{when}, status {status}");
    }
}

#[tokio::test]
async fn a_dataset_answers_as_it_was_however_it_was_folded_since() {
    for seed in 0..2 {
        let (lake, mut chance) = (open().await, Chance(seed));
        let dataset = lake.dataset("account").expect("declared");
        let mut state: BTreeMap<&str, &str> = BTreeMap::new();
        let mut past = Vec::new();
        for seq in 1..26_i64 {
            let key = KEYS[chance.below(KEYS.len())];
            let status = STATES[chance.below(STATES.len())];
            let op = if chance.below(4) == 0 { "d" } else { "u" };
            // Now and then an older change comes late; it must not win.
            let late = chance.below(5) == 0;
            let of = if late { 0 } else { seq };
            if !late && op == "d" {
                state.remove(key);
            } else if !late {
                state.insert(key, status);
            }
            let row =
                RowSpec { op, key, status, seq: of, offset: seq, bucket: bucket(key), day: 18_000 };
            // A key that never was is not made by a late change either, so that the map is right.
            if late && !past.is_empty() || !late {
                land(&lake, seq - 1..seq, &row).await;
            } else {
                continue_without(&lake, seq - 1..seq).await;
            }
            if chance.below(4) == 0 {
                dataset.fold_all().await.expect("it folds");
            }
            let pinned = lake.pin(&["account"]).await.expect("it pins").remove(0);
            if late {
                // Whether a late change finds a newer one depends on the key's history.
                state = of_view(&lake).await;
            }
            compare(&pinned, &state, &format!("seed {seed}, seq {seq}")).await;
            past.push((pinned.versions(), state.clone()));
        }
        let now = lake.pin(&["account"]).await.expect("it pins").remove(0);
        for (versions, state) in &past {
            let then = now.earlier(*versions).await.expect("it reads").expect("logs are whole");
            compare(&then, state, &format!("seed {seed}, back at {versions:?}")).await;
        }
        let (first, _) = past[past.len() / 2];
        let touched = now.changed_since(first.changes).await.expect("it reads").expect("it tells");
        let rows: usize = touched.iter().map(RecordBatch::num_rows).sum();
        let landed = usize::try_from(now.version() - first.changes).expect("later");
        assert!(rows <= landed && rows > 0, "{rows} rows of {landed} commits");
    }
}

/// 2,000 accounts of 250 states, spread over both buckets; some change after the fold.
async fn many(lake: &Lake) -> BTreeMap<String, BTreeSet<String>> {
    let accounts: Vec<(String, String)> = (0..2_000_u32)
        .map(|n| (format!("{}{n:04}", KEYS[n as usize % 6]), format!("s{:03}", n * 37 % 250)))
        .collect();
    let row = |(at, (key, status)): (usize, &(String, String)), status_of: Option<&str>| {
        let at = i64::try_from(at).expect("small");
        let (op, status) = ("u", status_of.unwrap_or(status).to_owned());
        (op, key.clone(), status, at)
    };
    let land = async |rows: Vec<(&str, String, String, i64)>, seq: i64| {
        let start = rows[0].3 + seq * 2_000;
        let specs = rows.iter().map(|(op, key, status, at)| RowSpec {
            op,
            key,
            status,
            seq,
            offset: seq * 2_000 + at,
            bucket: bucket(key),
            day: 18_000,
        });
        let specs: Vec<RowSpec<'_>> = specs.collect();
        let end = start + i64::try_from(specs.len()).expect("small");
        let mut landed = batch(start..end, vec![change_rows(&specs)]);
        landed.tally.accepted = specs.len() as u64;
        lake.land(&landed).await.expect("it lands");
    };
    land(accounts.iter().enumerate().map(|place| row(place, None)).collect(), 0).await;
    lake.dataset("account").expect("declared").fold_all().await.expect("it folds");
    let moved = accounts.iter().enumerate().take(20).map(|place| row(place, Some("s007")));
    land(moved.collect(), 1).await;
    let mut state: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, (key, status)) in accounts.iter().enumerate() {
        let status = if at < 20 { "s007" } else { status };
        state.entry(status.to_owned()).or_default().insert(format!("{key} {status}"));
    }
    state
}

#[tokio::test]
async fn an_index_finds_the_rows_that_reading_the_column_finds() {
    for by in [None, Some("status")] {
        let lake = open().await;
        let columns = by.map(|name| ("account".to_owned(), [name.to_owned()].into()));
        lake.look_up_by(columns.into_iter().collect());
        let state = many(&lake).await;
        let pinned = lake.pin(&["account"]).await.expect("it pins").remove(0);
        for (status, rows) in &state {
            assert_eq!(found(&pinned, "status", &[status]).await, *rows, "{status}, by {by:?}");
        }
        let two: BTreeSet<String> = state["s007"].union(&state["s100"]).cloned().collect();
        assert_eq!(found(&pinned, "status", &["s100", "none", "s007"]).await, two, "by {by:?}");
        assert!(found(&pinned, "status", &["none"]).await.is_empty());
    }
}

/// What the merged view says, which other tests hold against hands.
async fn of_view(lake: &Lake) -> BTreeMap<&'static str, &'static str> {
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let rows = ctx.sql("SELECT account_no, status FROM current.account").await.expect("it plans");
    let known = |list: &[&'static str], text: &str| {
        *list.iter().find(|known| **known == text).expect("of the list")
    };
    let lines = lines(&rows.collect().await.expect("it runs"));
    let pair = |line: &String| {
        let (key, status) = line.split_once(' ').expect("two words");
        (known(&KEYS, key), known(&STATES, status))
    };
    lines.iter().map(pair).collect()
}

async fn land(lake: &Lake, range: std::ops::Range<i64>, row: &RowSpec<'_>) {
    lake.land(&batch(range, vec![change_rows(std::slice::from_ref(row))])).await.expect("it lands");
}

async fn continue_without(lake: &Lake, range: std::ops::Range<i64>) {
    lake.land(&batch(range, Vec::new())).await.expect("it lands");
}

fn batch(range: std::ops::Range<i64>, rows: Vec<RecordBatch>) -> Batch {
    let partition = Partition::new("feed.account", 0);
    let tally = match rows.is_empty() {
        true => Tally { tombstones: 1, ..Tally::default() },
        false => Tally { accepted: 1, ..Tally::default() },
    };
    Batch {
        dataset: "account".into(),
        rows,
        rejects: Vec::new(),
        covers: Covers([(partition, range)].into()),
        tally,
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}
