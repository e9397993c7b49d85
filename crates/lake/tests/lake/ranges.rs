//! Files of a subject table follow each other by identity, however the table came to be: so few of
//! them are read for one enterprise, and few are written again for one that changed.

use crate::counting::{self, CountingStore};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use huiliu_lake::{Lake, Order, Room, Wanted, session};
use huiliu_testkit::HandClock;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: (&str, &str) = ("firms", "profile");

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("uscc", DataType::Utf8, false),
        Field::new("n", DataType::Int64, true),
    ]))
}

fn order() -> Order {
    Order { identity: vec!["uscc".into()], key: vec!["uscc".into()] }
}

/// Codes are not in the order of their numbers.
fn code(number: u64) -> String {
    format!("91{:016X}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn rows(numbers: impl Iterator<Item = u64>, n: i64) -> RecordBatch {
    let codes: StringArray = numbers.map(|number| Some(code(number))).collect();
    let n = Int64Array::from(vec![n; codes.len()]);
    let columns: Vec<ArrayRef> = vec![Arc::new(codes), Arc::new(n)];
    RecordBatch::try_new(schema(), columns).expect("columns fit")
}

async fn open(store: &Arc<CountingStore>) -> Lake {
    let store = Arc::clone(store) as Arc<dyn ObjectStore>;
    Lake::on_store(store, &[], false, Arc::new(HandClock::at(1))).await.expect("it opens")
}

/// A table of so many enterprises, built in passes that mix their codes.
async fn built(lake: &Lake, count: u64, passes: u64) -> usize {
    let mut build = lake.build_subject(NAME, "试验", schema(), order()).await.expect("it begins");
    for pass in 0..passes {
        let numbers = (0..count).filter(|number| number % passes == pass);
        build.add(&[rows(numbers, 0)]).await.expect("it is staged");
    }
    build.commit(true, json!({})).await.expect("it is committed").files
}

/// Replaces the row of each of these enterprises; returns removed rows and files written.
async fn replaced(lake: &Lake, numbers: &[u64], with: RecordBatch) -> (u64, usize) {
    let mut build = lake.build_subject(NAME, "试验", schema(), order()).await.expect("it begins");
    let codes: ArrayRef = Arc::new(numbers.iter().map(|n| Some(code(*n))).collect::<StringArray>());
    let tuples = [codes];
    let wanted = Arc::new(Wanted::new(&["uscc".to_owned()], &tuples).expect("texts"));
    let removed = build.replace((&wanted, &tuples), &[with]).await.expect("it is staged");
    (removed, build.commit(false, json!({})).await.expect("it is committed").files)
}

/// What a query yields, as its first column of integers.
async fn asked(lake: &Lake, memory_bytes: usize, sql: &str) -> Vec<i64> {
    let ctx = session(Arc::clone(lake.store()), memory_bytes, &Room::default()).expect("a session");
    let pinned = lake.pin_subject(NAME.0, NAME.1).await.expect("it opens").expect("it was built");
    ctx.register_table("profile", pinned.provider()).expect("a new name");
    let found = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    let of = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    found.iter().flat_map(of).collect()
}

async fn all(lake: &Lake) -> BTreeMap<String, i64> {
    let ctx = session(Arc::clone(lake.store()), 1 << 30, &Room::default()).expect("a session");
    let pinned = lake.pin_subject(NAME.0, NAME.1).await.expect("it opens").expect("it was built");
    let frame = ctx.read_table(pinned.provider()).expect("it plans");
    let mut found = BTreeMap::new();
    for batch in frame.collect().await.expect("it runs") {
        let numbers = batch.column(1).as_primitive::<Int64Type>();
        for (code, n) in batch.column(0).as_string::<i32>().iter().zip(numbers) {
            let code = code.expect("never null").to_owned();
            assert!(found.insert(code, n.expect("never null")).is_none(), "a code twice");
        }
    }
    found
}

#[tokio::test]
async fn one_enterprise_of_a_million_is_read_from_one_file() {
    let store = counting::store();
    let lake = open(&store).await;
    let files = built(&lake, 1_000_000, 8).await;
    assert_eq!(files, 32, "a file is a small share of the table");
    store.files_read();
    for number in [0, 7, 500_000, 999_999] {
        let sql = format!("SELECT count(*) FROM profile WHERE uscc = '{}'", code(number));
        assert_eq!(asked(&lake, 64 << 20, &sql).await, [1]);
        assert_eq!(store.files_read().len(), 1);
    }
    let none = "SELECT count(*) FROM profile WHERE uscc = '0'";
    assert_eq!(asked(&lake, 64 << 20, none).await, [0]);
    assert!(store.files_read().is_empty(), "it is less than every code");
}

#[tokio::test]
async fn a_check_of_the_whole_table_reads_what_was_staged_within_little_memory() {
    let store = counting::store();
    let lake = open(&store).await;
    let mut build = lake.build_subject(NAME, "试验", schema(), order()).await.expect("it begins");
    // 16 MB of codes alone, in passes of 1 MB; the check may hold 8 MB.
    for pass in 0..16 {
        let numbers = (0..800_000).filter(|number| number % 16 == pass);
        build.add(&[rows(numbers, 0)]).await.expect("it is staged");
    }
    build.finish().await.expect("it is merged");
    store.files_read();
    let ctx = session(Arc::clone(lake.store()), 8 << 20, &Room::default()).expect("a session");
    ctx.register_table("staged", build.after(true)).expect("a new name");
    let sql = "SELECT count(*), max(octet_length(uscc)) FROM staged";
    let found = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    assert_eq!(found[0].column(0).as_primitive::<Int64Type>().value(0), 800_000);
    assert!(store.files_read().len() > 20, "the rows come from the store, not from memory");
}

#[tokio::test]
async fn a_change_writes_the_files_that_hold_it() {
    let store = counting::store();
    let lake = open(&store).await;
    built(&lake, 200_000, 1).await;
    assert_eq!(replaced(&lake, &[11], rows([11].into_iter(), 5)).await, (1, 1));
    let sql = format!("SELECT n FROM profile WHERE uscc = '{}'", code(11));
    assert_eq!(asked(&lake, 64 << 20, &sql).await, [5]);
    // One that goes, one that is new and one that was never there.
    assert_eq!(replaced(&lake, &[12], rows([].into_iter(), 0)).await, (1, 1));
    assert_eq!(replaced(&lake, &[300_000], rows([300_000].into_iter(), 6)).await, (0, 1));
    assert_eq!(replaced(&lake, &[400_000], rows([].into_iter(), 0)).await, (0, 0));
    let mut expected: BTreeMap<String, i64> = (0..200_000).map(|n| (code(n), 0)).collect();
    expected.insert(code(11), 5);
    expected.insert(code(300_000), 6);
    expected.remove(&code(12));
    assert_eq!(all(&lake).await, expected);
}

/// A table that grows from nothing by changes stays in files that follow each other.
#[tokio::test]
async fn growth_splits_files_and_leaves_no_overlap() {
    let store = counting::store();
    let lake = open(&store).await;
    built(&lake, 0, 1).await;
    for step in 0..20_u64 {
        let numbers: Vec<u64> = (step * 5_000..(step + 1) * 5_000).collect();
        replaced(&lake, &numbers, rows(numbers.iter().copied(), 0)).await;
    }
    assert_eq!(all(&lake).await.len(), 100_000);
    store.files_read();
    for number in [0, 50_000, 99_999] {
        let sql = format!("SELECT count(*) FROM profile WHERE uscc = '{}'", code(number));
        assert_eq!(asked(&lake, 64 << 20, &sql).await, [1]);
        assert_eq!(store.files_read().len(), 1);
    }
    let touched = lake.pin_subject(NAME.0, NAME.1).await.expect("it opens").expect("it is there");
    let codes: ArrayRef = Arc::new(StringArray::from(vec![code(3)]));
    let touched = touched.touched(&["uscc".to_owned()], &[codes]).expect("texts");
    assert_eq!(touched.files, 1);
    assert!((10..=40).contains(&touched.of_files), "{touched:?}");
    assert!(touched.rows < 10_000, "{touched:?}");
}

/// Removing nearly everything joins what is left.
#[tokio::test]
async fn small_neighbours_become_one_file() {
    let store = counting::store();
    let lake = open(&store).await;
    let before = built(&lake, 100_000, 3).await;
    assert_eq!(before, 24, "files have 4,096 rows at least");
    for number in [1, 50_000, 99_998] {
        store.files_read();
        let sql = format!("SELECT count(*) FROM profile WHERE uscc = '{}'", code(number));
        assert_eq!(asked(&lake, 64 << 20, &sql).await, [1]);
        assert_eq!(store.files_read().len(), 1);
    }
    let numbers: Vec<u64> = (0..100_000).filter(|n| n % 100 != 0).collect();
    let (removed, files) = replaced(&lake, &numbers, rows([].into_iter(), 0)).await;
    assert_eq!((removed, files), (99_000, 1));
    assert_eq!(all(&lake).await.len(), 1_000);
}

/// The bounds of files are still known to a process that reads them from a checkpoint.
#[tokio::test]
async fn bounds_outlive_a_checkpoint() {
    let store = counting::store();
    let lake = open(&store).await;
    built(&lake, 40_000, 1).await;
    for number in 0..60 {
        replaced(&lake, &[number], rows([number].into_iter(), 1)).await;
    }
    let log = Path::from("subjects/firms/profile/_delta_log/_last_checkpoint");
    store.head(&log).await.expect("a checkpoint was due");
    let lake = open(&store).await;
    store.files_read();
    let sql = format!("SELECT n FROM profile WHERE uscc = '{}'", code(59));
    assert_eq!(asked(&lake, 64 << 20, &sql).await, [1]);
    assert_eq!(store.files_read().len(), 1);
}
