//! Ledger tables: appended once, by whoever comes, and read as `ledger.<name>`.

use crate::lossy::{self, LossyStore};
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use huiliu_lake::{Lake, Ledger, Step};
use huiliu_model::ErrorKind;
use huiliu_testkit::{HandClock, account_contract};
use object_store::ObjectStore;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("what", DataType::Utf8, false),
        Field::new("count", DataType::Int64, true),
    ]))
}

fn rows(given: &[(&str, i64)]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(given.iter().map(|(what, _)| Some(*what)).collect::<StringArray>()),
        Arc::new(given.iter().map(|(_, count)| *count).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(schema(), columns).expect("columns fit")
}

async fn open(store: &Arc<LossyStore>) -> Lake {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    Lake::on_store(store, &[Arc::new(account_contract())], false, clock).await.expect("it opens")
}

async fn ledger(lake: &Lake) -> Ledger {
    lake.ledger("trial", "试验", schema()).await.expect("it opens")
}

async fn told(ledger: &Ledger) -> Vec<String> {
    let all = ledger.rows().await.expect("it reads");
    let (what, count) = (all.column(0).as_string::<i32>(), all.column(1));
    let count = count.as_primitive::<Int64Type>();
    let mut lines: Vec<String> =
        (0..all.num_rows()).map(|i| format!("{} {}", what.value(i), count.value(i))).collect();
    lines.sort();
    lines
}

fn step(from: Option<i64>, to: i64) -> Step {
    Step { app_id: "changes/account".into(), from, to, or_nothing: false }
}

#[tokio::test]
async fn what_a_commit_did_is_written_once_whoever_writes_it() {
    let store = lossy::store();
    let (one, two) = (open(&store).await, open(&store).await);
    let (a, b) = (ledger(&one).await, ledger(&two).await);
    let receipt = serde_json::json!({});
    let done = a.append(rows(&[("x", 1)]), vec![step(None, 5)], receipt.clone()).await;
    assert!(!done.expect("it is ours").already);
    let again = b.append(rows(&[("x", 1)]), vec![step(None, 5)], receipt.clone()).await;
    assert!(again.expect("it is there").already);
    let late = b.append(rows(&[("y", 1)]), vec![step(None, 6)], receipt).await;
    assert_eq!(late.expect_err("it starts elsewhere").kind, ErrorKind::Superseded);
    assert_eq!(told(&a).await, ["x 1"]);
    assert_eq!(a.progress().await.expect("it reads")["changes/account"], 5);
}

#[tokio::test]
async fn two_writers_of_notes_lose_none_and_double_none() {
    let store = lossy::store();
    let (one, two) = (open(&store).await, open(&store).await);
    let (a, b) = (ledger(&one).await, ledger(&two).await);
    for round in 0..5 {
        store.lose_answers.store(1, Ordering::SeqCst);
        let (left, right) = (rows(&[("a", round)]), rows(&[("b", round)]));
        let (x, y) = tokio::join!(a.note(&left), b.note(&right));
        x.expect("it is written");
        y.expect("it is written");
    }
    let expected: Vec<String> =
        ["a", "b"].iter().flat_map(|w| (0..5).map(move |n| format!("{w} {n}"))).collect();
    assert_eq!(told(&b).await, expected);
}

#[tokio::test]
async fn a_ledger_is_found_by_queries_and_keeps_its_columns() {
    let store = lossy::store();
    let lake = open(&store).await;
    assert!(lake.existing_ledger("trial").await.expect("it looks").is_none());
    ledger(&lake).await.note(&rows(&[("x", 1), ("y", 2)])).await.expect("it is written");
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let sql = "SELECT sum(count) AS n FROM ledger.trial";
    let found = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    assert_eq!(found[0].column(0).as_primitive::<Int64Type>().value(0), 3);
    let other = Arc::new(Schema::new(vec![Field::new("what", DataType::Utf8, false)]));
    let Err(error) = lake.ledger("trial", "试验", other).await else { panic!("it differs") };
    assert_eq!(error.kind, ErrorKind::Invalid);
}
