//! A contract that gains a column: old rows read as null, new ones as delivered, folded or not.

use crate::lossy::{self, LossyStore};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use huiliu_lake::Lake;
use huiliu_model::port::Landing;
use huiliu_model::{
    Batch, Column, Contract, Covers, DataType, Error, ErrorKind, Partition, Quality, Tally,
};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::ObjectStore;
use std::sync::Arc;

/// The account contract with a column `note` between its two.
fn wider() -> Contract {
    let mut contract = account_contract();
    let note = Column { name: "note".to_owned(), ..contract.columns[1].clone() };
    contract.columns.insert(1, note);
    contract
}

async fn open(store: &Arc<LossyStore>, contract: Contract) -> Result<Lake, Error> {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    Lake::on_store(store, &[Arc::new(contract)], false, clock).await
}

fn row<'a>(key: &'a str, status: &'a str, seq: i64) -> RowSpec<'a> {
    RowSpec { op: "c", key, status, seq, offset: seq, bucket: 0, day: 18_000 }
}

fn batch(offset: i64, rows: RecordBatch) -> Batch {
    let count = rows.num_rows() as i64;
    Batch {
        dataset: "account".into(),
        rows: vec![rows],
        rejects: Vec::new(),
        covers: Covers([(Partition::new("feed.account", 0), offset..offset + count)].into()),
        tally: Tally { accepted: count.unsigned_abs(), ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}

/// The same rows with `note` behind the key.
fn noted(rows: &RecordBatch, notes: Vec<Option<&str>>) -> RecordBatch {
    let mut fields: Vec<Field> = rows.schema().fields().iter().map(|f| (**f).clone()).collect();
    fields.insert(1, Field::new("note", arrow::datatypes::DataType::Utf8, true));
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.insert(1, Arc::new(StringArray::from(notes)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit")
}

/// `key status note` lines of a table, `-` for null.
async fn lines(lake: &Lake, table: &str) -> Vec<String> {
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let sql = format!("SELECT account_no, status, note FROM {table} ORDER BY account_no");
    let batches = ctx.sql(&sql).await.expect("it plans").collect().await.expect("it runs");
    let text = |column: &ArrayRef, row: usize| match column.is_valid(row) {
        true => column.as_string::<i32>().value(row).to_owned(),
        false => "-".to_owned(),
    };
    let line = |batch: &RecordBatch, row| {
        let cells: Vec<String> = batch.columns().iter().map(|c| text(c, row)).collect();
        cells.join(" ")
    };
    batches
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(|row| line(b, row)).collect::<Vec<_>>())
        .collect()
}

#[tokio::test]
async fn rows_before_and_after_a_new_column_are_right() {
    let store = lossy::store();
    let before = open(&store, account_contract()).await.expect("it opens");
    before
        .land(&batch(0, change_rows(&[row("a", "1", 1), row("b", "1", 2)])))
        .await
        .expect("lands");
    before.dataset("account").expect("declared").fold_all().await.expect("it folds");
    before.land(&batch(2, change_rows(&[row("c", "1", 3)]))).await.expect("it lands");

    let after = open(&store, wider()).await.expect("a nullable column may come");
    assert_eq!(lines(&after, "current.account").await, ["a 1 -", "b 1 -", "c 1 -"]);
    let rows = change_rows(&[row("b", "2", 4), row("d", "2", 5)]);
    after.land(&batch(3, noted(&rows, vec![Some("x"), None]))).await.expect("it lands");
    let expected = ["a 1 -", "b 2 x", "c 1 -", "d 2 -"];
    assert_eq!(lines(&after, "current.account").await, expected, "merged on read");
    after.dataset("account").expect("declared").fold_all().await.expect("it folds");
    assert_eq!(lines(&after, "current.account").await, expected, "folded");
    let all = ["a 1 -", "b 1 -", "b 2 x", "c 1 -", "d 2 -"];
    let mut changes = lines(&after, "changes.account").await;
    changes.sort();
    assert_eq!(changes, all, "every change");

    // Opened again there is nothing left to add.
    let versions = after.status().await.expect("it reads")[0].changes_version;
    let again = open(&store, wider()).await.expect("it opens");
    assert_eq!(again.status().await.expect("it reads")[0].changes_version, versions);
}

#[tokio::test]
async fn two_processes_may_add_the_column_at_once() {
    let store = lossy::store();
    open(&store, account_contract()).await.expect("it opens");
    let (one, two) = tokio::join!(open(&store, wider()), open(&store, wider()));
    let (one, two) = (one.expect("it opens"), two.expect("it opens"));
    let rows = noted(&change_rows(&[row("a", "1", 1)]), vec![Some("x")]);
    one.land(&batch(0, rows)).await.expect("it lands");
    assert_eq!(lines(&two, "current.account").await, ["a 1 x"]);
}

#[tokio::test]
async fn a_process_with_the_old_contract_does_not_fold_the_new_column_away() {
    let store = lossy::store();
    let old = open(&store, account_contract()).await.expect("it opens");
    let new = open(&store, wider()).await.expect("it opens");
    let rows = noted(&change_rows(&[row("a", "1", 1)]), vec![Some("x")]);
    new.land(&batch(0, rows)).await.expect("it lands");
    let error = old.dataset("account").expect("declared").fold_all().await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(error.message, "a file has column `note`, which the contract lacks");
    new.dataset("account").expect("declared").fold_all().await.expect("it folds");
    assert_eq!(lines(&new, "current.account").await, ["a 1 x"]);
}

#[tokio::test]
async fn a_dropped_and_a_retyped_column_are_refused_with_the_remedy() {
    let store = lossy::store();
    open(&store, wider()).await.expect("it opens");
    let Err(dropped) = open(&store, account_contract()).await else { panic!("a column is lost") };
    assert_eq!(dropped.kind, ErrorKind::Invalid);
    assert!(dropped.message.ends_with("differ in `note` Utf8"), "{}", dropped.message);
    assert!(dropped.help.expect("a remedy").contains("Set it back"));
    let mut retyped = wider();
    retyped.columns[1].data_type = DataType::Long;
    let Err(retyped) = open(&store, retyped).await else { panic!("a type changed") };
    assert!(retyped.message.ends_with("differ in `note` Int64"), "{}", retyped.message);
}

#[tokio::test]
async fn another_order_of_the_columns_changes_nothing() {
    let store = lossy::store();
    let before = open(&store, wider()).await.expect("it opens");
    let rows = noted(&change_rows(&[row("a", "1", 1)]), vec![Some("x")]);
    before.land(&batch(0, rows)).await.expect("it lands");
    before.dataset("account").expect("declared").fold_all().await.expect("it folds");
    let mut turned = wider();
    turned.columns.swap(1, 2);
    let after = open(&store, turned).await.expect("it opens");
    assert_eq!(lines(&after, "current.account").await, ["a 1 x"]);
}
