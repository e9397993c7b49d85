//! The chain of receipts, and what the audit finds when somebody changes it.

use crate::lossy;
use huiliu_lake::Lake;
use huiliu_lake::audit::Audited;
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, Partition, Quality, Tally};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::sync::Arc;

async fn open(store: &Arc<dyn ObjectStore>) -> Lake {
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    let contracts = [Arc::new(account_contract())];
    Lake::on_store(Arc::clone(store), &contracts, false, clock).await.expect("it opens")
}

/// A lake with six commits of one change each.
async fn six() -> (Arc<dyn ObjectStore>, Lake) {
    let store: Arc<dyn ObjectStore> = lossy::store();
    let lake = open(&store).await;
    for seq in 0..6 {
        land(&lake, seq).await;
    }
    (store, lake)
}

async fn land(lake: &Lake, seq: i64) {
    let row = RowSpec { op: "u", key: "a", status: "x", seq, offset: seq, bucket: 1, day: 18_000 };
    let batch = Batch {
        dataset: "account".into(),
        rows: vec![change_rows(&[row])],
        rejects: Vec::new(),
        covers: Covers([(Partition::new("feed.account", 0), seq..seq + 1)].into()),
        tally: Tally { accepted: 1, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    };
    lake.land(&batch).await.expect("it lands");
}

fn entry(version: i64) -> Path {
    Path::from(format!("changes/account/_delta_log/{version:020}.json"))
}

async fn read(store: &Arc<dyn ObjectStore>, version: i64) -> String {
    let bytes = store.get(&entry(version)).await.expect("it is there").bytes().await;
    String::from_utf8(bytes.expect("it reads").to_vec()).expect("it is text")
}

async fn write(store: &Arc<dyn ObjectStore>, version: i64, text: &str) {
    store.put(&entry(version), PutPayload::from(text.to_owned())).await.expect("it writes");
}

async fn audit(store: &Arc<dyn ObjectStore>, through: Option<(i64, &str)>) -> Audited {
    let lake = open(store).await;
    let targets = lake.maintained().await.expect("it lists");
    let target = targets.iter().find(|t| t.name == "changes.account").expect("it is there");
    lake.audit(target, through).await.expect("it reads")
}

/// Version and beginning of what was found.
async fn finds(store: &Arc<dyn ObjectStore>, version: i64, what: &str) {
    let fault = audit(store, None).await.chain.fault.expect("a fault is found");
    assert_eq!(fault.version, version, "{}", fault.what);
    assert!(fault.what.contains(what), "{}", fault.what);
}

#[tokio::test]
async fn a_chain_that_nobody_touched_adds_up() {
    let (store, _) = six().await;
    let found = audit(&store, None).await;
    assert_eq!(found.chain.fault, None);
    assert_eq!((found.chain.begins, found.chain.newest, found.chain.links), (Some(1), 6, 6));
    assert_eq!((found.recounted, found.not_recounted, found.offsets), (6, 0, 6));
}

#[tokio::test]
async fn an_edited_receipt_breaks_the_link_of_the_next() {
    let (store, _) = six().await;
    let text = read(&store, 3).await.replacen("\"rows\":1", "\"rows\":2", 1);
    write(&store, 3, &text).await;
    finds(&store, 4, "it names another version 3").await;
}

#[tokio::test]
async fn an_edited_action_breaks_its_own_receipt() {
    let (store, _) = six().await;
    let text = read(&store, 6).await;
    assert!(text.contains("\"dataChange\":true"));
    write(&store, 6, &text.replacen("\"dataChange\":true", "\"dataChange\":false", 1)).await;
    finds(&store, 6, "what the version did is not").await;
}

#[tokio::test]
async fn a_receipt_without_its_link_is_found() {
    let (store, _) = six().await;
    let text = read(&store, 5).await.replacen("\"chain\"", "\"chains\"", 1);
    write(&store, 5, &text).await;
    finds(&store, 5, "has no link").await;
}

#[tokio::test]
async fn receipts_moved_into_the_place_of_one_removed_are_found() {
    let (store, _) = six().await;
    for version in 4..=6 {
        let text = read(&store, version).await;
        write(&store, version - 1, &text).await;
    }
    store.delete(&entry(6)).await.expect("it goes");
    finds(&store, 3, "the receipt is that of version 4").await;
}

#[tokio::test]
async fn a_fork_is_found_by_what_the_ledger_posted_and_by_a_checkpoint_kept_elsewhere() {
    let (store, lake) = six().await;
    lake.post_ledger().await.expect("it posts");
    let kept = audit(&store, None).await.chain;
    // The same lake, taken back to version 4 and gone on otherwise.
    for version in 5..=6 {
        store.delete(&entry(version)).await.expect("it goes");
    }
    let other = open(&store).await;
    for seq in 4..8 {
        land(&other, seq).await;
    }
    finds(&store, 5, "another receipt than the ledger").await;
    for table in ["chain", "receipts", "quality"] {
        let folder = Path::from(format!("ledger/{table}"));
        let listed = store.list_with_delimiter(Some(&folder.clone().join("_delta_log"))).await;
        for object in listed.expect("it lists").objects {
            store.delete(&object.location).await.expect("it goes");
        }
    }
    assert_eq!(audit(&store, None).await.chain.fault, None, "by itself the fork is a chain");
    let fault = audit(&store, Some((kept.newest, &kept.digest))).await.chain.fault;
    let fault = fault.expect("the checkpoint knows another one");
    assert!(fault.version == 6 && fault.what.contains("checkpoint"), "{}", fault.what);
}

#[tokio::test]
async fn a_log_that_ends_before_a_checkpoint_lost_its_newest() {
    let (store, _) = six().await;
    let kept = audit(&store, None).await.chain;
    store.delete(&entry(6)).await.expect("it goes");
    assert_eq!(audit(&store, None).await.chain.fault, None);
    let fault = audit(&store, Some((kept.newest, &kept.digest))).await.chain.fault;
    assert!(fault.expect("it is missed").what.contains("checkpoint"));
}

#[tokio::test]
async fn rows_that_were_taken_out_are_missed_by_the_count() {
    let (store, lake) = six().await;
    let state = lake.dataset("account").expect("declared").changes.refresh().await.expect("reads");
    // A tool removes a file and its receipt says nothing of offsets: links hold, counts do not.
    let path = state.added[&2][0].clone();
    let file = &state.files[&path];
    let commit = huiliu_lake::Commit {
        operation: "DELETE",
        removes: vec![huiliu_lake::Remove::of(&path, file, 1_600_000_000_000)],
        ..Default::default()
    };
    lake.dataset("account").expect("declared").changes.commit(&commit).await.expect("it commits");
    finds(&store, 2, "the receipt says 1 accepted and 0 rejected").await;
}
