//! A purged subject is gone, file by file; its neighbour stays, and the ledger says who and why.

use crate::lossy;
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use futures::TryStreamExt;
use huiliu_lake::{Lake, Order};
use huiliu_testkit::{HandClock, account_contract};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("who", DataType::Utf8, false)]))
}

async fn open(store: &Arc<dyn ObjectStore>) -> Lake {
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    let contracts = [Arc::new(account_contract())];
    Lake::on_store(Arc::clone(store), &contracts, false, clock).await.expect("it opens")
}

/// Builds a table of these persons.
async fn build(lake: &Lake, name: (&str, &str), persons: &[&str]) {
    let column: ArrayRef = Arc::new(StringArray::from(persons.to_vec()));
    let rows = RecordBatch::try_new(schema(), vec![column]).expect("columns fit");
    let who = vec!["who".to_owned()];
    let order = Order { identity: who.clone(), key: who };
    let mut build = lake.build_subject(name, "试验", schema(), order).await.expect("it begins");
    build.add(&[rows]).await.expect("it is staged");
    build.commit(true, serde_json::json!({})).await.expect("it is committed");
}

async fn paths(store: &Arc<dyn ObjectStore>, folder: &str) -> Vec<String> {
    let found: Vec<_> =
        store.list(Some(&Path::from(folder))).try_collect().await.expect("it lists");
    found.into_iter().map(|object| object.location.to_string()).collect()
}

#[tokio::test]
async fn a_purge_leaves_no_file_of_the_subject_and_all_of_its_neighbour() {
    let store: Arc<dyn ObjectStore> = lossy::store();
    let lake = open(&store).await;
    build(&lake, ("watch", "status"), &["a"]).await;
    build(&lake, ("watch", "status"), &["a", "b"]).await;
    build(&lake, ("watch", "contact"), &["c"]).await;
    build(&lake, ("watching", "status"), &["d"]).await;
    let neighbour = paths(&store, "subjects/watching").await;
    let before = paths(&store, "subjects/watch").await;

    let found = lake.subject_remains("watch").await.expect("it looks");
    let told: Vec<_> = found.iter().map(|r| (r.table.as_str(), r.rows)).collect();
    assert_eq!(told, [("contact", Some(1)), ("status", Some(2))]);
    assert_eq!(found.iter().map(|r| r.file_count).sum::<usize>(), before.len());
    assert_eq!(paths(&store, "subjects/watch").await, before, "looking removes nothing");

    let purged = lake.purge_subject("watch", "Li", "the measure ended").await.expect("it goes");
    assert_eq!(purged, found);
    assert!(paths(&store, "subjects/watch").await.is_empty());
    assert_eq!(paths(&store, "subjects/watching").await, neighbour);
    assert!(lake.subject_status("watch", "status").await.expect("it looks").is_none());
    assert!(lake.purge_subject("watch", "Li", "again").await.expect("nothing is left").is_empty());

    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let sql = "SELECT actor || ' ' || subject || '.' || table_name || ' ' || note AS said, \
               row_count, CAST(at AS VARCHAR) AS at FROM ledger.purges ORDER BY said";
    let rows = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    let said: Vec<&str> = rows[0].column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(said, ["Li watch.contact the measure ended", "Li watch.status the measure ended"]);
    assert_eq!(rows[0].column(1).as_primitive::<Int64Type>().values(), &[1, 2]);
    // date -u -d @1600000000
    let at = rows[0].column(2).as_string::<i32>().value(0).to_owned();
    assert!(at.starts_with("2020-09-13T12:26:40"), "{at}");
}

#[tokio::test]
async fn a_purge_that_died_is_finished_by_the_next() {
    let store: Arc<dyn ObjectStore> = lossy::store();
    let lake = open(&store).await;
    build(&lake, ("watch", "status"), &["a"]).await;
    for path in paths(&store, "subjects/watch/status/_delta_log").await {
        store.delete(&Path::from(path)).await.expect("it is removed");
    }
    let left = lake.purge_subject("watch", "Li", "second try").await.expect("it goes");
    assert_eq!(left.iter().map(|r| (r.rows, r.file_count)).collect::<Vec<_>>(), [(None, 1)]);
    assert!(paths(&store, "subjects/watch").await.is_empty());
}

#[tokio::test]
async fn a_purge_leaves_no_folder_in_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let location = directory.path().to_string_lossy().into_owned();
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    let contracts = [Arc::new(account_contract())];
    let lake = Lake::open(&location, &Default::default(), &contracts, false, clock)
        .await
        .expect("it opens");
    build(&lake, ("watch", "status"), &["a"]).await;
    build(&lake, ("other", "status"), &["a"]).await;
    lake.purge_subject("watch", "Li", "the measure ended").await.expect("it goes");
    let subjects = directory.path().join("subjects");
    assert!(!subjects.join("watch").exists());
    assert!(subjects.join("other/status/_delta_log").is_dir());
    // What an earlier purge left behind goes with the next one.
    std::fs::create_dir_all(subjects.join("watch/status/_delta_log")).expect("a folder");
    lake.purge_subject("watch", "Li", "again").await.expect("nothing is left");
    assert!(!subjects.join("watch").exists());
}
