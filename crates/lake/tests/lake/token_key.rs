//! A lake has one token key for life.

use crate::lossy;
use huiliu_lake::{Lake, Shape};
use huiliu_model::{Contract, Error, ErrorKind};
use huiliu_testkit::{HandClock, account_contract};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

async fn open(
    store: &Arc<dyn ObjectStore>,
    contract: Contract,
    token_key: Option<&str>,
) -> Result<Lake, Error> {
    let shape = Shape { protected: true, token_key: token_key.map(str::to_owned) };
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    Lake::on_store(Arc::clone(store), &[Arc::new(contract)], shape, clock).await
}

fn other_dataset() -> Contract {
    Contract { dataset: "account_later".into(), ..account_contract() }
}

fn refused(opened: Result<Lake, Error>) -> Error {
    let error = opened.err().expect("another token key is refused");
    assert_eq!(error.kind, ErrorKind::Invalid);
    let help = error.help.as_deref().expect("it says what to do");
    assert!(help.contains("new lake") && help.contains("keys.token"), "{help}");
    error
}

#[tokio::test]
async fn another_token_key_is_refused_with_the_way_to_a_new_lake() {
    let store: Arc<dyn ObjectStore> = lossy::store();
    open(&store, account_contract(), Some("aaaa")).await.expect("the first key is the lake's");
    open(&store, account_contract(), Some("aaaa")).await.expect("and stays it");
    let error = refused(open(&store, account_contract(), Some("bbbb")).await);
    let said = error.to_string();
    assert!(said.contains("aaaa") && said.contains("bbbb"), "{said}");
}

#[tokio::test]
async fn a_dataset_declared_later_cannot_bring_another_key() {
    let store: Arc<dyn ObjectStore> = lossy::store();
    open(&store, account_contract(), Some("aaaa")).await.expect("the first key is the lake's");
    refused(open(&store, other_dataset(), Some("bbbb")).await);
    open(&store, other_dataset(), Some("aaaa")).await.expect("the same key");
}

#[tokio::test]
async fn tables_know_their_key_without_the_lake() {
    let store: Arc<dyn ObjectStore> = lossy::store();
    let lake = open(&store, account_contract(), Some("aaaa")).await.expect("it opens");
    let dataset = lake.dataset("account").expect("declared");
    assert_eq!(dataset.changes.property("huiliu.token_key").await.as_deref(), Some("aaaa"));
    store.delete(&Path::from("_huiliu/token-key")).await.expect("it is there");
    refused(open(&store, account_contract(), Some("bbbb")).await);
}

#[tokio::test]
async fn who_has_no_keys_reads_and_claims_nothing() {
    let store: Arc<dyn ObjectStore> = lossy::store();
    open(&store, account_contract(), None).await.expect("a reader makes the tables");
    open(&store, account_contract(), Some("aaaa")).await.expect("the first key is the lake's");
    open(&store, account_contract(), None).await.expect("a reader has no key to compare");
    refused(open(&store, account_contract(), Some("bbbb")).await);
}
